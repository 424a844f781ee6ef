/* SPDX-License-Identifier: MIT
 *
 * process_lanes.c -- which task is in which slot. Everything here runs under the pool's lock; what a worker
 * may be doing at the same time is in lane.h.
 */
#include "process_parts.h"
#include "stats.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Tasks that a lane holds at a time, where tasks of several priorities meet: each more urgent one makes the
 * pool take back what has not begun, and put it there again. That goes on for so many tasks. */
#define SHALLOW     4
#define SHALLOW_FOR 1024

static struct weft__live *live(weft_task *t)
{
	return &weft__future(t)->live;
}

static bool has_room(const struct process_pool *p, const struct lane_end *e, size_t size)
{
	size_t at;

	return e->life != LANE_DOWN && !e->killed && e->tasks < (p->shallow ? SHALLOW : LANE_SLOTS) &&
	       e->head - e->tail < LANE_SLOTS && (!p->opts.max_tasks || e->given < p->opts.max_tasks) &&
	       (size <= LANE_INLINE || lane_store_find(&e->store, size, &at));
}

/* The lane with the fewest tasks that takes another, of so large a payload. */
static struct lane_end *best_lane(struct process_pool *p, size_t size)
{
	struct lane_end *best = NULL;

	for (unsigned i = 0; i < p->n && (!best || best->tasks); i++)
		if ((!best || p->lane[i].tasks < best->tasks) && has_room(p, &p->lane[i], size))
			best = &p->lane[i];
	return best;
}

/* Where the payload of the next task of e lies, in the slot or in a block; in one place, so that it may as well
 * be elsewhere. There is room. */
static char *place_payload(struct lane_end *e, unsigned i, size_t size)
{
	size_t at;

	e->block[i] = 0;
	if (size > LANE_INLINE && lane_store_find(&e->store, size, &at)) {
		lane_store_take(&e->store, at, size);
		e->block[i] = sizeof(struct lane) + at;
		e->block_end[i] = e->store.next;
	}
	return lane_payload(e->shared, i, e->block[i]);
}

static void write_payload(const struct process_pool *p, struct lane_end *e, unsigned i, const weft_task *t)
{
	char *payload;

	if (process_is_far(p, t, e->large[i])) {
		e->block[i] = LANE_FAR;
		e->block_end[i] = 0;
		process_write_far(p, e, i, t);
		return;
	}
	payload = place_payload(e, i, lane_payload_size(t->arg_size, t->result_size));
	if (t->arg_size)
		memcpy(payload, t->arg, t->arg_size);
}

static void write_request(const struct process_pool *p, struct lane_end *e, unsigned i, const weft_task *t,
			  weft_future *f)
{
	struct lane_slot *s = &e->shared->slot[i];
	const struct weft__batch *b = weft__batch(f);

	/* Relaxed: under the pool's lock; until now its place was that of its block. */
	e->large[i] = atom_load(&f->place, relaxed);
	write_payload(p, e, i, t);
	/* Cannot fail: submit has made the token before. */
	weft__token_make(t->fn, &s->fn);
	s->name = (uintptr_t)t->name;
	s->request = (struct lane_request){.arg_size = t->arg_size,
					   .result_size = t->result_size,
					   .deadline = f->deadline,
					   .batch = b ? b->n : 0,
					   .block = e->block[i]};
	if (b)
		s->failed = 0;
	if (weft__probed()) {
		s->traced = (uintptr_t)t;
		s->traced_name = t->name ? weft__trace_name(t->name) : 0;
	}
	/* Relaxed: published with the request. A cancel that came before it is passed on. */
	atom_store(&s->cancel, (atom_load(&f->state, relaxed) & FLAG_ASKED) != 0, relaxed);
}

/* Is there anybody who will not come and look? */
static bool is_heeded(const struct process_pool *p, weft_future *f)
{
	/* Relaxed: who raises a flag after the task was started calls process_heed. */
	return p->telling || (atom_load(&f->state, relaxed) & (FLAG_WAITERS | FLAG_LINKS)) || weft__group(f);
}

/* Of a worker in a sandbox nobody sees what it runs, but of what it has been given and has not given back, it can only
 * be the first that it has not ended. */
void lane_show_work(struct lane_end *e)
{
	uint32_t at = e->tail;
	weft_task *t;

	while (at != e->head && !e->task[at % LANE_SLOTS])
		at++;
	/* Relaxed, here and below: figures for people. */
	t = at == e->head ? NULL : e->task[at % LANE_SLOTS];
	atom_store(&e->known->depth, e->tasks - (e->tasks > 0), relaxed);
	if (t == e->oldest && at == e->oldest_at)
		return;
	e->oldest = t;
	e->oldest_at = at;
	if (t)
		weft__work_begin(e->known, (uintptr_t)t->fn, t->name);
	else
		weft__work_end(e->known);
}

void lane_put(struct process_pool *p, struct lane_end *e, weft_task *t)
{
	weft_future *f = weft__future(t);
	unsigned i = e->head % LANE_SLOTS;

	write_request(p, e, i, t, f);
	/* Relaxed: under the pool's lock. */
	atom_store(&f->place, (uint64_t)(e - p->lane) << 32 | e->head, relaxed);
	e->task[i] = t;
	p->waiting += e->tasks++ > 0;
	p->low = t->priority < p->low ? t->priority : p->low;
	p->shallow -= p->shallow > 0;
	e->given++;
	e->head++;
	if (e->known)
		lane_show_work(e);
	lane_publish(e->shared, i, is_heeded(p, f) ? TELL_BELL : 0);
	if (!e->next_fresh) {
		e->next_fresh = p->fresh ? p->fresh : e;
		p->fresh = e;
	}
	if (f->deadline == WEFT_FOREVER)
		return;
	e->timed++;
	if (f->deadline < p->wake_at)
		process_wake_watcher(p);
}

void lanes_wake(struct process_pool *p)
{
	struct lane_end *e = p->fresh, *next;

	for (p->fresh = NULL; e; e = next) {
		next = e->next_fresh == e ? NULL : e->next_fresh;
		e->next_fresh = NULL;
		lane_wake(e->shared);
	}
}

void lane_forget(struct process_pool *p, struct lane_end *e, uint32_t at)
{
	unsigned i = at % LANE_SLOTS;

	e->timed -= weft__future(e->task[i])->deadline != WEFT_FOREVER;
	e->task[i] = NULL;
	p->waiting -= --e->tasks > 0;
	if (e->known)
		lane_show_work(e);
	/* An honest worker that lives has woken them where it is done; otherwise they are to look elsewhere. */
	if (e->memory->sleepers[i])
		weft__wake(&e->shared->slot[i].state, INT_MAX, WEFT__SHARED);
}

void lane_take_large(struct lane_end *e, uint32_t at, weft_task *t)
{
	/* Relaxed: under the pool's lock. */
	atom_store(&weft__future(t)->place, e->large[at % LANE_SLOTS], relaxed);
	e->large[at % LANE_SLOTS] = 0;
}

bool lane_take_back_at(struct process_pool *p, struct lane_end *e, uint32_t at)
{
	weft_task *t = e->task[at % LANE_SLOTS];

	if (!lane_take_back(lane_slot_of(e, at)))
		return false;
	lane_forget(p, e, at);
	lane_take_large(e, at, t);
	e->given--;
	return true;
}

/* The youngest task of e that has not begun, taken back; NULL: none. */
static weft_task *take_youngest(struct process_pool *p, struct lane_end *e, uint32_t *from)
{
	while (e->tasks && *from != e->tail) {
		weft_task *t = e->task[--*from % LANE_SLOTS];

		if (t) /* if it has begun, so have all before it */
			return lane_take_back_at(p, e, *from) ? t : NULL;
	}
	return NULL;
}

void lane_requeue(struct process_pool *p, weft_task *t)
{
	live(t)->queue.next = NULL;
	if (weft__claim(weft__future(t), PHASE_RUNNING, PHASE_QUEUED))
		weft__taskq_push_front(&p->q, t);
}

/* At most n tasks of e that have not begun go back into the queue, the youngest first. */
static unsigned move_back(struct process_pool *p, struct lane_end *e, unsigned n)
{
	uint32_t from = e->head;
	unsigned moved = 0;

	for (weft_task *t; moved < n && (t = take_youngest(p, e, &from)); moved++)
		lane_requeue(p, t);
	return moved;
}

/* Something more urgent than what lies in the lanes has come: what has not begun there queues up again. */
static void make_way(struct process_pool *p)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->lane[i].shared)
			move_back(p, &p->lane[i], LANE_SLOTS);
	p->low = INT32_MAX;
	p->shallow = SHALLOW_FOR;
}

/* Of a queued task. */
static size_t size_of(const struct process_pool *p, weft_task *t)
{
	return process_lane_size(p, t, atom_load(&weft__future(t)->place, relaxed));
}

struct lane_end *lanes_room_for(struct process_pool *p, const weft_task *t, uint64_t large)
{
	if (p->q.n || (t->priority > p->low && p->waiting))
		return NULL;
	return best_lane(p, process_lane_size(p, t, large));
}

bool lanes_have_done(const struct lane_end *e, unsigned n)
{
	return e->shared && e->head - e->tail > n &&
	       (atom_load(&lane_slot_of(e, e->tail + n)->state, relaxed) & SLOT_MASK) == SLOT_DONE;
}

/* More tasks wait than the lanes hold: so the watcher is told when half of a lane is done, and fills it before its
 * worker has nothing left. */
static void tell_half(struct lane_end *e)
{
	uint32_t half = e->tail + (e->head - e->tail) / 2;

	if (e->tasks > 1 && (int32_t)(e->told - e->tail) <= 0 && e->task[half % LANE_SLOTS] &&
	    lane_tell(lane_slot_of(e, half), TELL_BELL))
		e->told = half + 1;
}

void lanes_fill(struct process_pool *p)
{
	struct lane_end *e;
	weft_task *t;

	if (p->q.n && p->q.top->priority > p->low && p->waiting)
		make_way(p);
	while (p->q.n && (e = best_lane(p, size_of(p, p->q.top))) && (t = weft__taskq_start(&p->q))) {
		if (!has_room(p, e, size_of(p, t))) /* not the top one: a canceller has that */
			e = best_lane(p, size_of(p, t));
		if (!e) {
			lane_requeue(p, t);
			break;
		}
		lane_put(p, e, t);
	}
	for (unsigned i = 0; p->q.n && i < p->n; i++)
		tell_half(&p->lane[i]);
	lanes_wake(p);
}

/* Half of what the fullest lane has goes into the queue, and from there to who has nothing. */
void lanes_rebalance(struct process_pool *p)
{
	struct lane_end *idle = NULL, *rich = NULL;

	for (unsigned i = 0; i < p->n; i++) {
		struct lane_end *e = &p->lane[i];

		if (!e->tasks && !idle && has_room(p, e, 0))
			idle = e;
		if (e->tasks > 1 && (!rich || e->tasks > rich->tasks))
			rich = e;
	}
	if (idle && rich && !p->q.n && move_back(p, rich, rich->tasks / 2))
		lanes_fill(p);
}

/* Has the worker done all that it was given, and may it be given more? */
static bool is_idle(const struct process_pool *p, const struct lane_end *e)
{
	return e->life == LANE_UP && has_room(p, e, 0) &&
	       (e->head == e->tail ||
		(atom_load(&lane_slot_of(e, e->head - 1)->state, relaxed) & SLOT_MASK) == SLOT_DONE);
}

void lanes_arm(struct process_pool *p)
{
	bool idle = false;

	if (p->armed || p->n == 1 || (!p->waiting && !p->q.n))
		return;
	p->armed = true;
	for (unsigned i = 0; i < p->n; i++)
		if (p->lane[i].shared)
			lane_hunger(p->lane[i].shared);
	for (unsigned i = 0; i < p->n && !idle; i++)
		idle = is_idle(p, &p->lane[i]);
	if (idle)
		process_wake_watcher(p);
}

bool lanes_listen(struct process_pool *p)
{
	bool again = false;

	for (unsigned i = 0; i < p->n; i++)
		if (p->lane[i].shared && p->lane[i].life != LANE_DOWN)
			lane_listen(p->lane[i].shared);
	for (unsigned i = 0; i < p->n && !again; i++) {
		struct lane_end *e = &p->lane[i];

		again = e->shared && lane_is_due(e);
		if (e->tasks && !again && e->task[(e->head - 1) % LANE_SLOTS] &&
		    lane_is_out_of_turn(e, e->head - 1))
			lane_distrust(e);
	}
	return again;
}

struct list_node *lanes_withdraw(struct process_pool *p)
{
	struct list_node *mine = NULL;

	for (unsigned i = 0; i < p->n; i++) {
		uint32_t from = p->lane[i].head;

		for (weft_task *t; p->lane[i].shared && (t = take_youngest(p, &p->lane[i], &from));)
			list_append(&mine, &live(t)->queue);
	}
	return mine;
}

void lanes_ask_all(struct process_pool *p)
{
	for (unsigned i = 0; i < p->n; i++)
		for (uint32_t at = p->lane[i].tail; at != p->lane[i].head; at++)
			if (p->lane[i].task[at % LANE_SLOTS])
				/* Relaxed: a hint. */
				atom_store(&lane_slot_of(&p->lane[i], at)->cancel, 1, relaxed);
}

void lanes_tell_all(struct process_pool *p)
{
	p->telling = true;
	for (unsigned i = 0; i < p->n; i++)
		for (uint32_t at = p->lane[i].tail; at != p->lane[i].head; at++)
			if (p->lane[i].task[at % LANE_SLOTS])
				lane_tell(lane_slot_of(&p->lane[i], at), TELL_BELL);
	process_wake_watcher(p);
}

void lanes_tell_next(struct process_pool *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct lane_end *e = &p->lane[i];
		uint32_t at = e->tail;

		while (at != e->head && !e->task[at % LANE_SLOTS])
			at++;
		/* It has just ended: the watcher finds it. */
		if (at != e->head && !lane_tell(lane_slot_of(e, at), TELL_BELL))
			process_wake_watcher(p);
	}
}

bool lane_withdraw(struct process_pool *p, struct lane_end *e, uint32_t at, weft_task *t)
{
	/* Else it has just left the lane, and is about to be done. */
	if (!e || e->task[at % LANE_SLOTS] != t || !lane_take_back_at(p, e, at))
		return false;
	process_unstage_task(p, t);
	return true;
}

enum weft_cancel lane_interrupt(struct process_pool *p, struct lane_end *e, uint32_t at, weft_task *t)
{
	if (lane_withdraw(p, e, at, t))
		return WEFT_CANCEL_DROPPED;
	if (e && e->task[at % LANE_SLOTS] == t)
		atom_store(&lane_slot_of(e, at)->cancel, 1, relaxed);
	return WEFT_CANCEL_ASKED;
}

void lane_kill(struct lane_end *e)
{
	int pidfd = process_pidfd_get(&e->pidfd, e->pid);

	e->killed = true;
	weft__probe_kill(e->pid);
	if (pidfd >= 0)
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

void lanes_kill_all(struct process_pool *p)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->lane[i].life != LANE_DOWN)
			lane_kill(&p->lane[i]);
}

unsigned lanes_queued(const struct process_pool *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++)
		for (uint32_t at = p->lane[i].tail; at != p->lane[i].head; at++)
			n += p->lane[i].task[at % LANE_SLOTS] &&
			     (atom_load(&lane_slot_of(&p->lane[i], at)->state, relaxed) & SLOT_MASK) ==
				     SLOT_QUEUED;
	return n;
}
