/* SPDX-License-Identifier: MIT
 *
 * uring_wait.c -- how fibers wait, and who wakes them.
 *
 * A lane's own fibers wake each other by a list. Other threads leave a note: each fiber has two, one that ends its
 * wait and one that says that its task was told to give up. A note is in one list at a time: the first since a
 * wait is ended once (wait.c), the second by the word asked. Who leaves a note rings the bell, but only if the
 * lane sleeps: to a busy one a note costs no system call.
 *
 *   tag  word         from -> to               order                      carries
 *   U1   lane.notes   post -> hear             CAS seq_cst -> swap acq    the note, what its writer did before
 *   U2   lane.asleep  announce <-> post,       swap seq_cst, then loads   nothing: either the lane sees the note, the
 *        with notes,  sweep, submit, end       <-> store or CAS seq_cst,  task, the sweep, the end, or he who left
 *        sweep, ...                            then load seq_cst          it sees that the lane sleeps
 *   U3   fiber.asked  interrupt -> hear        swap acq_rel, both         that the task was told to give up
 *   U4   place        begin <-> interrupt      store, fence <-> fence,    nothing: the canceller sees the fiber, or
 *                                              load acq                   the fiber, before it waits, that it was told
 *   U5   lane.posting post -> end            add before U1, sub rel     nothing: the fiber may have run to its end,
 *                                            -> load acq                and the pool ended, before post returns
 *
 * Progress: post is lock-free. ABA: hear takes the whole list. Wrap-around: none. Death: all words are of this
 * process.
 */
#include "clock.h"
#include "uring_parts.h"

#include <errno.h>

_Thread_local struct uring_lane *uring_self WEFT__TLS;

/* How often a fiber looks at a word that nobody tells it of. */
#define LOOK WEFT_MS(1)

static struct uring_fiber *inside(struct weft__fiber *f)
{
	return list_entry(f, struct uring_fiber, base);
}

void uring_ring_bell(struct uring_lane *l)
{
	/* U2 seq_cst: after what the lane is to see; pairs with announce. The swap: one of us rings. Relaxed: it was
	 * the load that looked. */
	if (atom_load(&l->asleep, seq_cst) && atom_swap(&l->asleep, 0, relaxed))
		uring_lane_strike(l);
}

static void post(struct uring_lane *l, struct uring_note *note)
{
	void *newest;

	/* U5 relaxed: before the note is there; pairs with the end of the pool. */
	atom_add(&l->posting, 1, relaxed);
	newest = atom_load(&l->notes, relaxed);
	do
		plain_write(note->next, newest);
	/* U1, U2 seq_cst. */
	while (!atom_cas(&l->notes, &newest, (void *)note, seq_cst, relaxed));
	uring_ring_bell(l);
	/* U5 release: we touch the lane no more. */
	atom_sub(&l->posting, 1, release);
}

void uring_wake(struct weft__fiber *base)
{
	struct uring_fiber *f = inside(base);

	if (uring_self == f->lane)
		uring_lane_ready(f, 0);
	else
		post(f->lane, &f->woken);
}

int uring_wait(struct weft__fiber *base, weft_time deadline, bool interruptible)
{
	struct uring_fiber *f = inside(base);

	f->base.call = weft__current;
	/* U4: after the fence in begin. Its deadline is one of the lane's alarms. */
	if (interruptible && weft__asked(f->base.call))
		return -ECANCELED;
	if (deadline != WEFT_FOREVER)
		uring_heap_add(&f->lane->heap, deadline, f);
	f->interruptible = interruptible;
	f->phase = URING_WAITING;
	uring_lane_suspend(f);
	f->interruptible = false;
	return f->result;
}

void uring_yield(struct weft__fiber *base)
{
	struct uring_fiber *f = inside(base);

	f->phase = URING_WAITING;
	uring_lane_ready(f, 0);
	uring_lane_suspend(f);
}

int uring_look_again(struct weft__fiber *f, atom_u32 *word, uint32_t expected, weft_time deadline,
		     enum weft__scope scope)
{
	weft_time soon = weft_after(LOOK);

	(void)scope;
	/* Relaxed: the caller looks again, with the order he needs. */
	if (atom_load(word, relaxed) != expected)
		return 0;
	uring_wait(f, weft__earlier(soon, deadline), false);
	return soon < deadline ? 0 : -ETIMEDOUT;
}

/* ---- Being told to give up ---- */

void uring_begin(struct uring_fiber *f)
{
	/* U4: before the task's first wait; release: the fiber itself, which may be new. */
	atom_store(&weft__future(f->task)->place, (uintptr_t)f, release);
	atom_fence(seq_cst);
}

/* Under the stripe lock of t, which runs: so the fiber is still its. */
void uring_interrupt(weft_task *t)
{
	struct uring_fiber *f;

	/* U4: after the flag was raised. */
	atom_fence(seq_cst);
	f = (struct uring_fiber *)(uintptr_t)atom_load(&weft__future(t)->place, acquire);
	/* U3: pairs with hear. */
	if (f && !atom_swap(&f->asked, 1, acq_rel))
		post(f->lane, &f->told);
}

static void give_up(struct uring_fiber *f)
{
	if (f->phase == URING_WAITING && f->interruptible && weft__asked(f->base.call))
		uring_lane_ready(f, -ECANCELED);
}

void uring_sweep(struct uring_lane *l)
{
	/* U2 seq_cst. */
	atom_store(&l->sweep, 1, seq_cst);
	uring_ring_bell(l);
}

/* ---- The lane's thread ---- */

static void read_note(struct uring_note *note)
{
	struct uring_fiber *f = note->fiber;

	if (note == &f->woken) {
		uring_lane_ready(f, 0);
		return;
	}
	/* U3: pairs with interrupt, whose next note is a new one. */
	atom_swap(&f->asked, 0, acq_rel);
	give_up(f);
}

void uring_hear(struct uring_lane *l)
{
	struct uring_note *note = NULL, *oldest = NULL, *next;

	if (atom_load(&l->notes, relaxed))
		/* U1 acquire: pairs with post. */
		note = atom_swap(&l->notes, NULL, acquire);
	for (; note; note = next) {
		next = plain_read(note->next);
		plain_write(note->next, oldest);
		oldest = note;
	}
	for (note = oldest; note; note = next) {
		next = plain_read(note->next);
		read_note(note);
	}
	uring_files_hear(l);
	/* Relaxed, then acquire: what is stopping is seen by weft__asked. */
	if (atom_load(&l->sweep, relaxed) && atom_swap(&l->sweep, 0, acquire))
		for (struct uring_fiber *f = l->all; f; f = f->all)
			give_up(f);
}

bool uring_announce(struct uring_lane *l)
{
	/* U2 seq_cst: before the looks. */
	atom_swap(&l->asleep, 1, seq_cst);
	if (!atom_load(&l->notes, seq_cst) && !atom_load(&l->sweep, seq_cst) &&
	    !atom_load(&l->closing, seq_cst) && !atom_load(&l->pool->queued, seq_cst) &&
	    (!atom_load(&l->pool->ending, seq_cst) || atom_load(&l->live, relaxed)))
		return true;
	uring_awake(l);
	return false;
}

void uring_awake(struct uring_lane *l)
{
	/* Relaxed: a bell that is rung for nothing does no harm. */
	if (atom_load(&l->asleep, relaxed))
		atom_store(&l->asleep, 0, relaxed);
}
