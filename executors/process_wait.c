/* SPDX-License-Identifier: MIT
 *
 * process_wait.c -- threads that wait for a task where it runs: they look at its slot, sleep on it, and finish
 * it themselves. What they agree on with the worker is in lane.h, S2 and S4.
 *
 * A thread that looks or sleeps does so without the lock; what keeps the memory mapped meanwhile is its count
 * in lane_memory. A task may leave its slot in other ways than by being done. Whoever takes it out wakes who
 * sleeps there (lane_forget), and changes the state word or the future, so that who looks sees it.
 */
#include "clock.h"
#include "process_parts.h"

#include <errno.h>

/* Where a task is. */
struct spot {
	struct lane_end *e;
	struct lane_memory *memory;
	struct lane_slot *slot;
	uint32_t at; /* of the slot, as the pool counts */
	unsigned i;  /* as the lane does */
};

/* Under the lock. False: it is in no lane. */
static bool find(struct process_pool *p, weft_task *t, struct spot *ret)
{
	weft_future *f = weft__future(t);
	uint64_t place = atom_load(&f->place, relaxed); /* as the pool's lock orders */

	ret->e = process_lane_at(p, place);
	ret->at = (uint32_t)place;
	ret->i = ret->at % LANE_SLOTS;
	if (weft__phase(f) != PHASE_RUNNING || !ret->e || ret->e->task[ret->i] != t)
		return false;
	ret->memory = ret->e->memory;
	ret->slot = &ret->e->shared->slot[ret->i];
	return true;
}

static bool is_on_its_way(const struct spot *s)
{
	/* Relaxed: who finds it DONE looks again, under the lock. */
	uint32_t phase = atom_load(&s->slot->state, relaxed) & SLOT_MASK;

	return phase == SLOT_QUEUED || phase == SLOT_RUNNING;
}

/* Looks for as long as looking pays. True: something has happened to it. */
static bool look(const struct spot *s, weft_future *f, struct weft__spinner *spinner)
{
	struct weft__spin spin = {0};

	do {
		if (!is_on_its_way(s) || weft__phase(f) != PHASE_RUNNING)
			return weft__spin_won(spinner, &spin);
	} while (weft__spin(spinner, &spin));
	return false;
}

/* Still there, but neither on its way nor done, or done before its turn: nobody would ever take it out. Then its
 * worker goes. Under the lock. */
static bool is_garbage(struct process_pool *p, weft_task *t, const struct spot *s)
{
	struct spot now;

	if (!find(p, t, &now) || now.slot != s->slot || is_on_its_way(s))
		return false;
	if (atom_load(&s->slot->state, relaxed) == SLOT_DONE && !lane_is_out_of_turn(now.e, now.at))
		return false;
	lane_distrust(now.e);
	return true;
}

/* How long a thread sleeps on a word of another process before it looks whether its task is still there: an
 * honest worker wakes it, and so does who takes the task away; but the worker may write what it likes. */
#define SLICE WEFT_SECONDS(1)

/* Sleeps on the slot; the lock is held on entry and on return. */
static int sleep_on(struct process_pool *p, weft_task *t, struct spot *s, weft_time deadline)
{
	weft_time slice = weft_after(SLICE);
	struct spot now;
	uint32_t state;
	int err;

	if (!find(p, t, &now) || now.slot != s->slot)
		return 0;
	state = lane_tell(s->slot, TELL_SLEEPER);
	if (!state)
		return is_garbage(p, t, s) ? -EAGAIN : 0;
	s->memory->sleepers[s->i]++;
	weft__unlock(&p->lock);
	err = weft__wait(&s->slot->state, state, weft__earlier(slice, deadline), WEFT__SHARED);
	weft__lock(&p->lock);
	s->memory->sleepers[s->i]--;
	return slice < deadline ? 0 : err;
}

int process_attend(void *pool, weft_task *t, struct weft__spinner *spinner, weft_time deadline, bool sleep)
{
	struct process_pool *p = pool;
	struct spot s;
	weft_time since;
	bool found;
	int err = 0;

	weft__lock(&p->lock);
	if (!find(p, t, &s)) {
		weft__unlock(&p->lock);
		return -EAGAIN;
	}
	s.memory->users++;
	weft__unlock(&p->lock);
	found = look(&s, weft__future(t), spinner);
	since = weft__spin_asleep(spinner);
	weft__lock(&p->lock);
	if (!found)
		err = sleep ? sleep_on(p, t, &s, deadline) : -EAGAIN;
	else if (is_garbage(p, t, &s))
		err = -EAGAIN; /* with its worker dead it will be done */
	lane_memory_leave(s.memory);
	weft__unlock(&p->lock);
	if (!found && sleep)
		weft__spin_awake(spinner, since);
	process_reap(p);
	return err;
}

void process_heed(void *pool, weft_task *t)
{
	struct process_pool *p = pool;
	struct spot s;

	weft__lock(&p->lock);
	if (find(p, t, &s) && !lane_tell(s.slot, TELL_BELL))
		process_wake_watcher(p); /* it is done already */
	weft__unlock(&p->lock);
}

bool process_look(void *pool)
{
	return process_reap(pool);
}
