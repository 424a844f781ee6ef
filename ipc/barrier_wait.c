/* SPDX-License-Identifier: MIT
 *
 * barrier_wait.c -- weft_barrier: a word with how many have arrived, how often all have passed, how often those who
 * waited were sent away, and whether it is broken.
 *
 *   tag  word        from -> to         order                   carries
 *   B1   place.word  arrival -> return  CAS acq_rel -> load acq what each did before it arrived
 *
 * Each arrival is a read-modify-write that acquires what the ones before released, so the last one has all of it,
 * and hands it on.
 *
 * Progress: arriving is lock-free. Wrap-around, ABA: a waiter that is not scheduled while others pass 2^12 times, or
 * are sent away 2^7 times, takes it that nothing has happened. More than the parties would have to use it for
 * that. Death: one step changes everything, and all are woken. Who waited when it died has arrived.
 */
#include "lot.h"

#include <errno.h>
#include <string.h>
#include <weft/barrier.h>

#define ARRIVED UINT32_C(0x00000fff)
#define BROKEN  UINT32_C(0x00001000)
#define AWAYS   UINT32_C(0x000fe000)
#define AWAY    UINT32_C(0x00002000)
#define PASSES  UINT32_C(0xfff00000)
#define PASS    UINT32_C(0x00100000)

struct barrier {
	struct weft__place place;
	uint32_t parties;
};

_Static_assert(sizeof(struct barrier) <= sizeof(weft_barrier), "it has outgrown its words");
_Static_assert(WEFT_BARRIER_PARTIES_MAX == ARRIVED, "as many as can be counted");

/* NULL: it is none. */
static struct barrier *inside(const weft_barrier *barrier)
{
	struct barrier *b = (struct barrier *)(uintptr_t)barrier;

	return b && b->parties ? b : NULL;
}

int weft_barrier_init(weft_barrier *b, unsigned parties, unsigned flags)
{
	struct barrier *inner = (struct barrier *)(void *)b;

	if (!weft__place_fits(b, flags) || parties < 1 || parties > WEFT_BARRIER_PARTIES_MAX)
		return -EINVAL;
	memset(b, 0, sizeof *b);
	inner->place.flags = flags;
	inner->parties = parties;
	return 0;
}

/* The word when those who wait are sent away. */
static uint32_t sent_away(uint32_t w)
{
	return (w & PASSES) | ((w + AWAY) & AWAYS);
}

static void wake_all(struct barrier *b, bool is_shared)
{
	weft__place_wake(b, is_shared, UINT32_MAX);
}

/* Sends all away who wait, and leaves it broken or not. */
static int send_away(const weft_barrier *barrier, uint32_t broken)
{
	struct barrier *b = inside(barrier);
	bool is_shared;
	uint32_t w;

	if (!b)
		return -EINVAL;
	is_shared = weft__place_is_shared(&b->place);
	w = atom_load(&b->place.word, relaxed);
	/* Relaxed: who is sent away learns of nothing. */
	while (!atom_cas(&b->place.word, &w, sent_away(w) | broken, relaxed, relaxed))
		;
	if (w & ARRIVED)
		wake_all(b, is_shared);
	return 0;
}

int weft_barrier_abort(weft_barrier *b)
{
	return send_away(b, BROKEN);
}

int weft_barrier_reset(weft_barrier *b)
{
	return send_away(b, 0);
}

int weft_barrier_waiting(const weft_barrier *barrier)
{
	struct barrier *b = inside(barrier);
	uint32_t w;

	if (!b)
		return -EINVAL;
	/* Relaxed: it may be another the next moment. */
	w = atom_load(&b->place.word, relaxed);
	return w & BROKEN ? -EPIPE : (int)(w & ARRIVED);
}

/* Waits for the end of the round of w. 0, -EPIPE, or, having broken it, the error. */
static int wait_round(struct barrier *b, uint32_t w, weft_time deadline)
{
	const uint32_t round = w & (PASSES | AWAYS);
	int err = 0;

	for (;;) {
		/* B1 acquire, also where the exchange fails: pairs with the last arrival. */
		w = atom_load(&b->place.word, acquire);
		if ((w & AWAYS) != (round & AWAYS))
			return -EPIPE;
		if ((w & PASSES) != (round & PASSES))
			return 0;
		if (!err)
			err = weft__place_wait(&b->place, w, deadline, true);
		else if (atom_cas(&b->place.word, &w, sent_away(w) | BROKEN, relaxed, relaxed)) {
			wake_all(b, weft__place_is_shared(&b->place));
			return err;
		}
	}
}

int weft_barrier_wait(weft_barrier *barrier, weft_time deadline)
{
	struct barrier *b = inside(barrier);
	uint32_t parties, w, next;
	bool is_shared;
	int err;

	if (!b)
		return -EINVAL;
	is_shared = weft__place_is_shared(&b->place);
	parties = b->parties;
	w = atom_load(&b->place.word, relaxed);
	do {
		if (w & BROKEN)
			return -EPIPE;
		next = (w & ARRIVED) + 1 < parties ? w + 1 : (w & ~ARRIVED) + PASS;
		/* B1 acq_rel: pairs with the arrivals before and after. */
	} while (!atom_cas(&b->place.word, &w, next, acq_rel, relaxed));
	if (next & ARRIVED) {
		err = wait_round(b, next, deadline);
		return err ? err : (int)(w & ARRIVED);
	}
	if (parties > 1)
		wake_all(b, is_shared);
	return (int)(w & ARRIVED);
}
