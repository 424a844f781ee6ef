/* SPDX-License-Identifier: MIT
 *
 * rwlock.c -- a lock, the gate, and seats for readers.
 *
 *   tag  words                   from <-> to            order                 carries
 *   R1   seat.word <-> gate.word  reader <-> writer     RMW, fence <->        nothing: a reader sees that the gate
 *                                                       RMW, fence, loads     is closed, or a writer that he sits
 *   R2   seat.word               leave -> writer        RMW rel -> load acq   that the reader has read
 *   M1   gate                    writer -> all          mutex.c               what was written
 *
 * A reader sits down, and may stay if the gate is open then. Else he gets up, waits for the gate as if to write, sits
 * down under it and opens it again. A writer closes the gate, waits until all seats are empty, and keeps it
 * closed while he writes.
 *
 * In a private one a seat is a counter, and a reader's is that of his thread's number. In a shared one it is a
 * mutex that his thread holds, on behalf of as many readers as the thread has: so the kernel tells when he dies, and
 * the writer just takes such a seat for empty. It says nothing when a writer dies, but that the gate is
 * open: "writing" is then left.
 *
 * Progress: a reader that finds the gate open waits for nobody. Death: in the gate and in the seats as in mutex.c.
 */
#include "lock_order.h"
#include "lot.h"
#include "mutex.h"

#include <errno.h>
#include <string.h>
#include <weft/rwlock.h>

enum { SEATS = WEFT_RWLOCK_READERS_MAX };

/* How long to wait for a seat, where all are taken, before looking at the others again. */
#define LOOK WEFT_MS(1)

struct rwlock {
	struct weft__mutex gate;
	atom_u32 writing; /* 1: the data may be half changed */
	struct {
		struct weft__mutex mutex;
		char padding[64 - sizeof(struct weft__mutex)];
	} seat[SEATS];
};

_Static_assert(sizeof(struct rwlock) <= sizeof(weft_rwlock), "it has outgrown its words");

static struct rwlock *inside(weft_rwlock *rw)
{
	return (struct rwlock *)(void *)rw;
}

static bool is_shared(const struct rwlock *rw)
{
	return weft__place_is_shared(&rw->gate.place);
}

int weft_rwlock_init(weft_rwlock *rw, unsigned flags)
{
	struct rwlock *r = inside(rw);
	int err;

	if (!weft__place_fits(rw, flags))
		return -EINVAL;
	err = weft__mutex_init(&r->gate, flags);
	if (err)
		return err;
	memset((char *)r + sizeof r->gate, 0, sizeof *rw - sizeof r->gate);
	for (int i = 0; i < SEATS; i++)
		r->seat[i].mutex.place.flags = flags;
	return 0;
}

static struct weft__mutex *seat_of(struct rwlock *rw, uint32_t number)
{
	return &rw->seat[number % SEATS].mutex;
}

/* ---- Seats ---- */

/* Of a shared one: the seat of this thread, or a free one that it has now. NULL: all are taken. */
static struct weft__mutex *sit_alone(struct rwlock *rw)
{
	struct weft__holder *h = weft__holder_mine();

	for (uint32_t i = 0; i < SEATS; i++) {
		struct weft__mutex *seat = seat_of(rw, h->tid + i);
		/* Relaxed: what this thread wrote itself, or a look. */
		uint32_t w = atom_load(&seat->place.word, relaxed);

		if ((w & HOLDER_TID) == h->tid) {
			seat->depth++;
			return seat;
		}
		if (w & HOLDER_TID)
			continue;
		weft__holder_begin(h, &seat->next);
		if (weft__mutex_take(seat, h, w, h->tid | (w & HOLDER_WAITERS))) {
			seat->depth = 1;
			return seat;
		}
		weft__holder_end(h);
	}
	return NULL;
}

static struct weft__mutex *sit_down(struct rwlock *rw)
{
	struct weft__mutex *seat;

	if (is_shared(rw)) {
		seat = sit_alone(rw);
	} else {
		seat = seat_of(rw, weft__holder.tid);
		/* Relaxed: the fence that follows. */
		atom_add(&seat->place.word, 1, relaxed);
	}
	/* R1 seq_cst: before the look at the gate; pairs with the writer's. */
	atom_fence(seq_cst);
	return seat;
}

static void get_up(struct rwlock *rw, struct weft__mutex *seat)
{
	uint32_t w;

	if (is_shared(rw)) {
		if (!--seat->depth)
			weft__mutex_release(seat);
		return;
	}
	/* R2 release: pairs with the writer's look. */
	w = atom_sub(&seat->place.word, 1, release) - 1;
	/* Relaxed: the writer that sleeps there looks for himself. */
	if (w == HOLDER_WAITERS && atom_cas(&seat->place.word, &w, 0, relaxed, relaxed))
		weft__place_wake(seat, false, 1);
}

/* The seat of a reader in this thread; NULL: there is none. */
static struct weft__mutex *my_seat(struct rwlock *rw)
{
	uint32_t tid = weft__holder.tid;

	for (uint32_t i = 0; i < (is_shared(rw) ? SEATS : 1); i++) {
		/* Relaxed: what this thread wrote itself, or something else. */
		uint32_t w = atom_load(&seat_of(rw, tid + i)->place.word, relaxed);

		if (is_shared(rw) ? (w & HOLDER_TID) == tid : w & ~HOLDER_WAITERS)
			return seat_of(rw, tid + i);
	}
	return NULL;
}

/* ---- Reading ---- */

static bool gate_is_open(struct rwlock *rw)
{
	/* R1: after the fence of sit_down. M1 acquire: pairs with the writer that gave up the gate; before that he
	 * wrote writing, which is therefore read relaxed. */
	return !(atom_load(&rw->gate.place.word, acquire) & ~HOLDER_WAITERS) &&
	       !atom_load(&rw->writing, relaxed);
}

/* A seat, where all are taken, soon. The caller has the gate. */
static int wait_for_seat(struct rwlock *rw, weft_time deadline)
{
	struct weft__mutex *seat = seat_of(rw, weft__holder.tid);
	weft_time soon = weft_after(LOOK);
	/* Relaxed: sit_down has the order. */
	uint32_t w = atom_load(&seat->place.word, relaxed);
	int err;

	if (!(w & HOLDER_TID))
		return 0;
	err = weft__place_wait(&seat->place, w, soon < deadline ? soon : deadline, true);
	return err == -ETIMEDOUT && soon < deadline ? 0 : err;
}

static int read_slowly(struct rwlock *rw, weft_time deadline)
{
	int err = weft__mutex_acquire(&rw->gate, deadline, true);

	if (err && err != -EOWNERDEAD)
		return err;
	do
		err = sit_down(rw) ? 1 : wait_for_seat(rw, deadline);
	while (!err);
	if (err > 0) /* relaxed: the gate has the order */
		err = atom_load(&rw->writing, relaxed) ? -EOWNERDEAD : 0;
	weft__mutex_release(&rw->gate);
	return err;
}

static int read_until(struct rwlock *rw, weft_time deadline)
{
	struct weft__mutex *seat;
	int err;

	if (weft__mutex_is_mine(&rw->gate))
		return -EDEADLK;
	err = weft__holder_prepare(&weft__holder, is_shared(rw));
	if (err)
		return err;
	seat = sit_down(rw);
	if (seat && gate_is_open(rw))
		return 0;
	if (seat)
		get_up(rw, seat);
	return read_slowly(rw, deadline);
}

/* ---- Writing ---- */

/* Waits until the seat is empty. */
static int wait_for_reader(struct weft__mutex *seat, weft_time deadline)
{
	bool is_shared = weft__place_is_shared(&seat->place);
	/* R1: after the fence of close. R2 acquire, here and below: pairs with get_up. */
	uint32_t w = atom_load(&seat->place.word, acquire);
	int err = 0;

	while (!err && w & (is_shared ? HOLDER_TID : ~HOLDER_WAITERS)) {
		if (is_shared && !weft__fiber && (w & HOLDER_TID) == weft__holder.tid)
			return -EDEADLK;
		if (!(w & HOLDER_WAITERS) &&
		    !atom_cas(&seat->place.word, &w, w | HOLDER_WAITERS, acquire, acquire))
			continue;
		err = weft__place_wait(&seat->place, w | HOLDER_WAITERS, deadline, true);
		w = atom_load(&seat->place.word, acquire);
	}
	return w & (is_shared ? HOLDER_TID : ~HOLDER_WAITERS) ? err : 0;
}

static int write_until(struct rwlock *rw, weft_time deadline)
{
	int err = weft__mutex_acquire(&rw->gate, deadline, true);

	if (err && err != -EOWNERDEAD)
		return err;
	/* R1 seq_cst: the gate is closed before the looks at the seats; pairs with sit_down. */
	atom_fence(seq_cst);
	err = 0;
	for (int i = 0; i < SEATS && !err; i++)
		err = wait_for_reader(&rw->seat[i].mutex, deadline);
	if (err) {
		weft__mutex_release(&rw->gate);
		return err;
	}
	/* Relaxed, both: the gate has the order. */
	if (atom_load(&rw->writing, relaxed))
		return -EOWNERDEAD;
	atom_store(&rw->writing, 1, relaxed);
	return 0;
}

/* ---- Both ---- */

static inline int take(weft_rwlock *rwlock, int (*until)(struct rwlock *rw, weft_time deadline),
		       weft_time deadline, const void *place)
{
	struct rwlock *rw = inside(rwlock);

	if (!rw)
		return -EINVAL;
	if (WEFT__LOCK_ORDER && weft__lock_order_wrong(&rw->gate, place))
		return -EDEADLK;
	return weft__lock_order_got(&rw->gate, until(rw, deadline), place);
}

/* To try is no wait, and closes no circle. */
static inline int try_to(weft_rwlock *rwlock, int (*until)(struct rwlock *rw, weft_time deadline),
			 const void *place)
{
	struct rwlock *rw = inside(rwlock);
	int err = rw ? until(rw, 0) : -EINVAL;

	if (err == -ETIMEDOUT || err == -EDEADLK)
		return -EBUSY;
	return err == -EINVAL ? err : weft__lock_order_got(&rw->gate, err, place);
}

int weft_rwlock_read(weft_rwlock *rw, weft_time deadline)
{
	return take(rw, read_until, deadline, WEFT__PLACE);
}

int weft_rwlock_write(weft_rwlock *rw, weft_time deadline)
{
	return take(rw, write_until, deadline, WEFT__PLACE);
}

int weft_rwlock_try_read(weft_rwlock *rw)
{
	return try_to(rw, read_until, WEFT__PLACE);
}

int weft_rwlock_try_write(weft_rwlock *rw)
{
	return try_to(rw, write_until, WEFT__PLACE);
}

static void released(struct rwlock *rw)
{
	if (WEFT__LOCK_ORDER)
		weft__lock_order_released(&rw->gate);
}

int weft_rwlock_release(weft_rwlock *rwlock)
{
	struct rwlock *rw = inside(rwlock);
	struct weft__mutex *seat;

	if (!rw)
		return -EINVAL;
	if (weft__mutex_is_mine(&rw->gate)) {
		released(rw);
		/* Relaxed: the gate has the order. */
		atom_store(&rw->writing, 0, relaxed);
		weft__mutex_release(&rw->gate);
		return 0;
	}
	seat = weft__holder.tid ? my_seat(rw) : NULL;
	if (!seat)
		return -EPERM;
	released(rw);
	get_up(rw, seat);
	return 0;
}
