/* SPDX-License-Identifier: MIT
 *
 * queue.c -- queues: putting, getting and closing, and how one waits.
 *
 * A call takes the lock of its side, tries, and lets go. If there is no message, or no room, it looks for a while
 * (spin.h), then sleeps on the lock of the other side (queue_ring.h says how it is woken). A sleeper gets up by
 * itself after a nap, which grows from 10 to 250 ms: who was to wake it, or was woken in its place, may have been
 * killed just then.
 *
 * Nobody is woken for the lock of a side: it is held for as long as a copy takes. Who finds it taken looks on, then
 * offers the processor, then naps for 50 microseconds at a time: its holder has been preempted, or copies a
 * large message, or was killed, which the word then says.
 */
#include "clock.h"
#include "queue_parts.h"
#include "robust.h"
#include "spin.h"
#include "state.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>

#define NAP_MIN  WEFT_MS(10)
#define NAP_MAX  WEFT_MS(250)
#define LOCK_NAP WEFT_US(50)
#define PATIENCE WEFT_MS(20) /* for the lock, though the deadline has passed */

enum {
	LOCK_LOOKS = 100, /* before the processor is offered */
	LOCK_YIELDS = 10, /* before naps */
	LOCK_NAPS = 7,    /* times that they double */
	QUIET_MIN = 100,  /* ns: adapt */
	QUIET_MAX = 4000
};

/* One call. */
struct move {
	weft_queue *q;
	int side;
	char *msgs;     /* of a put: only read */
	size_t size, n; /* of each message, or the room; how many at most */
	bool exactly;   /* of a get: no smaller ones either */
	bool waits;     /* it may look a little longer */
	bool slept;     /* others may sleep that this one was woken for */
	bool more;      /* if it has slept: there is something for them */
	size_t got;     /* the last one's size */
};

/* How well it paid lately to look before sleeping. */
static _Thread_local struct weft__spinner spinner[2] WEFT__TLS;

/* ---- The lock of a side ---- */

/* The longer it lasts, the longer: it may be stopped. */
static weft_time lock_nap(unsigned turn)
{
	unsigned n = (turn - LOCK_LOOKS - LOCK_YIELDS) / 8;

	return LOCK_NAP << (n < LOCK_NAPS ? n : LOCK_NAPS);
}

static void lock_pause(unsigned turn, atom_u32 *word)
{
	if (turn < LOCK_LOOKS)
		atom_pause();
	else if (turn < LOCK_LOOKS + LOCK_YIELDS)
		sched_yield();
	else /* relaxed: a hint when to look again */
		weft__wait_thread(word, atom_load(word, relaxed), weft_after(lock_nap(turn)), WEFT__SHARED);
}

static int lock_slowly(const struct weft__holder *me, atom_u32 *word, weft_time deadline, bool *ret_died)
{
	weft_time until = 0, now;

	if (weft__robust_is_mine(me, word))
		return -EDEADLK;
	for (unsigned turn = 0;; turn++) {
		if (weft__robust_try(me, word, ret_died))
			return 0;
		lock_pause(turn, word);
		if (turn < LOCK_LOOKS)
			continue;
		now = weft_now();
		if (!until)
			until = now < WEFT_FOREVER - PATIENCE ? now + PATIENCE : WEFT_FOREVER;
		if (now >= deadline && now >= until)
			return -ETIMEDOUT;
	}
}

/* 0 | -ETIMEDOUT | -EDEADLK */
static inline int lock(struct weft__holder *me, const weft_queue *q, int side, weft_time deadline,
		       void **ret_before)
{
	struct queue_side *s = weft__queue_side(q, side);
	void *before = weft__robust_watch(me, &s->lock);
	bool died = false;
	int err = 0;

	if (!weft__robust_try(me, &s->lock, &died))
		err = lock_slowly(me, &s->lock, deadline, &died);
	if (err)
		weft__robust_unwatch(me, before);
	else if (died)
		weft__ring_repair(&q->map, side);
	*ret_before = before;
	return err;
}

/* Wakes at most n who sleep for what was done. */
static inline void unlock(struct weft__holder *me, const weft_queue *q, int side, void *before, int n)
{
	struct queue_side *s = weft__queue_side(q, side);

	weft__robust_leave(&s->lock, ++s->turn, n);
	weft__robust_unwatch(me, before);
}

/* ---- One attempt ---- */

/* Somebody who has caught up with the other side would take the lines from it, with each look, that it is about to
 * write. So it lets some time pass before it looks: as long as pays. When it was worth more than one message, twice as
 * long the next time; when it was not, half. So where messages come one by one, each is seen at once. */
static void adapt(struct queue_side *s, uint32_t capacity)
{
	if (s->run > 1 && s->run < capacity / 2)
		s->quiet = s->quiet < QUIET_MAX ? 2 * s->quiet : QUIET_MAX;
	else
		s->quiet /= 2;
	if (s->quiet < QUIET_MIN)
		s->quiet = QUIET_MIN;
	s->run = 0;
}

static void keep_quiet(uint32_t ns)
{
	weft_time until;

	if (weft__spin_alone())
		return;
	until = weft_after(ns);

	do
		atom_pause();
	while (weft_now() < until);
}

/* With the lock: how many; 0: none; or an error. */
static ssize_t put(struct move *v)
{
	const struct queue_map *m = &v->q->map;
	struct queue_side *s = weft__queue_side(v->q, PUT);
	size_t k;

	if (weft__queue_closed(v->q))
		return -EPIPE;
	k = weft__ring_put(m, v->msgs, v->size, v->n);
	if (!k && v->waits) {
		adapt(s, m->capacity);
		keep_quiet(s->quiet);
		k = weft__ring_put(m, v->msgs, v->size, v->n);
	}
	s->run += (uint32_t)k;
	v->more = v->slept && weft__ring_has_room(m, v->size);
	return (ssize_t)k;
}

static ssize_t get(struct move *v)
{
	const struct queue_map *m = &v->q->map;
	struct queue_side *s = weft__queue_side(v->q, GET);
	ssize_t k = weft__ring_get(m, v->msgs, v->size, v->exactly, v->n, &v->got);
	bool closed;

	if (!k) {
		if (v->waits) {
			adapt(s, m->capacity);
			keep_quiet(s->quiet);
		}
		closed = weft__queue_closed(v->q); /* and then look: nothing comes any more */
		k = weft__ring_get(m, v->msgs, v->size, v->exactly, v->n, &v->got);
		if (!k && closed)
			return -EPIPE;
	}
	s->run += k > 0 ? (uint32_t)k : 0;
	v->more = v->slept && weft__ring_has_message(m);
	return k;
}

static ssize_t attempt(struct move *v, weft_time deadline)
{
	struct weft__holder *me = weft__holder_listed();
	void *before;
	ssize_t k = lock(me, v->q, v->side, deadline, &before);

	if (k)
		return k;
	k = v->side == PUT ? put(v) : get(v);
	unlock(me, v->q, v->side, before, k > 1 && k < INT_MAX ? (int)k : 1);
	return k;
}

/* ---- Waiting ---- */

/* Sleeps while the other side's lock is as it was, for a nap at most. */
static int nap_for(const struct move *v, uint32_t word, weft_time deadline, weft_time *io_nap)
{
	struct queue_side *mine = weft__queue_side(v->q, v->side), *other = weft__queue_side(v->q, !v->side);
	weft_time since = weft__spin_asleep(&spinner[v->side]);
	int err;

	/* Relaxed: for people. */
	atom_add(&mine->sleeps, 1, relaxed);
	err = weft__sleep_word(&other->lock, word, weft__earlier(deadline, weft_after(*io_nap)),
			       WEFT__SHARED);
	weft__spin_awake(&spinner[v->side], since);
	*io_nap = *io_nap * 2 < NAP_MAX ? *io_nap * 2 : NAP_MAX;
	return err == -ETIMEDOUT ? 0 : err;
}

static ssize_t sleep_for(struct move *v, weft_time deadline)
{
	atom_u32 *other = &weft__queue_side(v->q, !v->side)->lock;
	weft_time nap = NAP_MIN;
	unsigned turn = 0;
	int err = 0;

	for (;;) {
		uint32_t word = weft__robust_doze(other);
		ssize_t k = err ? err : attempt(v, deadline);

		if (v->slept && (v->more || k < 0)) /* the wake is another's now */
			weft__wake(other, 1, WEFT__SHARED);
		if (k)
			return k;
		if (weft_now() >= deadline)
			return -ETIMEDOUT;
		if (weft__robust_is_held(word)) { /* somebody is just at it */
			lock_pause(turn++, other);
			continue;
		}
		err = nap_for(v, word, deadline, &nap);
		v->slept = true;
		turn = 0;
	}
}

/* Moves some; waits for the first. How many; or an error, -ETIMEDOUT where there was nothing to be had. */
static ssize_t move(struct move *v, weft_time deadline)
{
	struct weft__spin spin = {0};
	ssize_t k;

	v->waits = deadline > 0;
	k = attempt(v, deadline);
	if (k)
		return k;
	if (deadline <= 0 || weft_now() >= deadline)
		return -ETIMEDOUT;
	while (weft__spin(&spinner[v->side], &spin)) {
		k = attempt(v, deadline);
		if (!k)
			continue;
		weft__spin_won(&spinner[v->side], &spin);
		return k;
	}
	return sleep_for(v, deadline);
}

/* ---- Putting and getting ---- */

static int check_put(const weft_queue *q, const void *msgs, size_t size)
{
	if (weft__queue_check(q) || (!msgs && size))
		return -EINVAL;
	return size > q->map.message_size ? -EMSGSIZE : 0;
}

static int check_get(const weft_queue *q, const void *msgs, size_t size)
{
	return weft__queue_check(q) || (!msgs && size) ? -EINVAL : 0;
}

static int put_one(weft_queue *q, const void *msg, size_t size, weft_time deadline)
{
	struct move v = {.q = q, .side = PUT, .msgs = (char *)(uintptr_t)msg, .size = size, .n = 1};
	ssize_t k = check_put(q, msg, size);

	if (!k)
		k = move(&v, deadline);
	return k < 0 ? (int)k : 0;
}

static ssize_t get_one(weft_queue *q, void *msg, size_t room, weft_time deadline)
{
	struct move v = {.q = q, .side = GET, .msgs = msg, .size = room, .n = 1};
	ssize_t k = check_get(q, msg, room);

	if (!k)
		k = move(&v, deadline);
	return k < 0 ? k : (ssize_t)v.got;
}

int weft_queue_put(weft_queue *q, const void *msg, size_t size, weft_time deadline)
{
	return put_one(q, msg, size, deadline);
}

ssize_t weft_queue_get(weft_queue *q, void *msg, size_t room, weft_time deadline)
{
	return get_one(q, msg, room, deadline);
}

int weft_queue_try_put(weft_queue *q, const void *msg, size_t size)
{
	int err = put_one(q, msg, size, 0);

	return err == -ETIMEDOUT ? -EAGAIN : err;
}

ssize_t weft_queue_try_get(weft_queue *q, void *msg, size_t room)
{
	ssize_t n = get_one(q, msg, room, 0);

	return n == -ETIMEDOUT ? -EAGAIN : n;
}

ssize_t weft_queue_put_many(weft_queue *q, const void *msgs, size_t size, size_t n, weft_time deadline)
{
	struct move v = {.q = q, .side = PUT, .size = size};
	ssize_t k = check_put(q, msgs, size);
	size_t done = 0;

	while (!k && done < n) {
		v.msgs = (char *)(uintptr_t)msgs + done * size;
		v.n = n - done;
		v.slept = v.more = false;
		k = move(&v, deadline);
		if (k > 0) {
			done += (size_t)k;
			k = 0;
		}
	}
	return done ? (ssize_t)done : k;
}

ssize_t weft_queue_get_many(weft_queue *q, void *msgs, size_t size, size_t n, weft_time deadline)
{
	struct move v = {.q = q, .side = GET, .msgs = msgs, .size = size, .exactly = true, .n = n};
	ssize_t k = check_get(q, msgs, size);

	return k || !n ? k : move(&v, deadline);
}

int weft_queue_close(weft_queue *q)
{
	int err = weft__queue_check(q);

	for (int side = PUT; side <= GET && !err; side++) {
		struct weft__holder *me = weft__holder_listed();
		void *before;

		err = lock(me, q, side, WEFT_FOREVER, &before);
		if (err)
			break;
		/* R3 release: pairs with the load in is_closed. */
		atom_store(&q->map.ring->closed, 1, release);
		unlock(me, q, side, before, INT_MAX);
	}
	return err;
}
