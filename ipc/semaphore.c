/* SPDX-License-Identifier: MIT
 *
 * semaphore.c -- a word with the units, and a bit that somebody may sleep.
 *
 *   tag  word        from -> to           order                  carries
 *   S1   place.word  release -> acquire   CAS rel -> CAS acq     what was done before the units were given
 *
 * The bit WAITERS is set by who goes to sleep, taken away by who gives units, and set again by who has slept and gets
 * one. He also wakes the next if there are more: two that gave units one after the other woke one sleeper.
 *
 * Progress: giving units is lock-free. ABA: nothing but the value counts. Death: one step changes everything;
 * who was woken and is killed has others look again by themselves (lot.c).
 */
#include "lot.h"

#include <errno.h>
#include <string.h>

#define WAITERS UINT32_C(0x80000000)
#define UNITS   ((uint32_t)WEFT_SEMAPHORE_MAX)

#include <weft/semaphore.h>

_Static_assert(sizeof(struct weft__place) <= sizeof(weft_semaphore), "it has outgrown its words");

static struct weft__place *inside(const weft_semaphore *s)
{
	return (struct weft__place *)(uintptr_t)s;
}

int weft_semaphore_init(weft_semaphore *s, unsigned value, unsigned flags)
{
	if (!weft__place_fits(s, flags) || value > UNITS)
		return -EINVAL;
	memset(s, 0, sizeof *s);
	inside(s)->word = value;
	inside(s)->flags = flags;
	return 0;
}

static bool take(struct weft__place *p, uint32_t waiters, uint32_t *ret_before)
{
	uint32_t w = atom_load(&p->word, relaxed);

	while (w & UNITS)
		/* S1 acquire: pairs with release; who takes a unit in between hands on what he has read. */
		if (atom_cas(&p->word, &w, (w - 1) | waiters, acquire, relaxed)) {
			*ret_before = w;
			return true;
		}
	*ret_before = w;
	return false;
}

static int acquire_slowly(struct weft__place *p, weft_time deadline)
{
	uint32_t w, waiters = 0;
	int err;

	while (!take(p, waiters, &w)) {
		/* Relaxed: the bit carries nothing. */
		if (!(w & WAITERS) && !atom_cas(&p->word, &w, w | WAITERS, relaxed, relaxed))
			continue;
		err = weft__place_wait(p, WAITERS, deadline, true);
		if (err)
			return err;
		waiters = WAITERS;
	}
	if (waiters && (w & UNITS) > 1)
		weft__place_wake(p, weft__place_is_shared(p), 1);
	return 0;
}

int weft_semaphore_acquire(weft_semaphore *s, weft_time deadline)
{
	uint32_t before;

	if (!s)
		return -EINVAL;
	return take(inside(s), 0, &before) ? 0 : acquire_slowly(inside(s), deadline);
}

int weft_semaphore_try(weft_semaphore *s)
{
	uint32_t before;

	if (!s)
		return -EINVAL;
	return take(inside(s), 0, &before) ? 0 : -EBUSY;
}

int weft_semaphore_release(weft_semaphore *s, unsigned n)
{
	struct weft__place *p = inside(s);
	bool is_shared;
	uint32_t w;

	if (!s || !n)
		return -EINVAL;
	is_shared = weft__place_is_shared(p); /* before others can have what it gives, and free it */
	w = atom_load(&p->word, relaxed);
	do {
		if (n > UNITS - (w & UNITS))
			return -EOVERFLOW;
		/* S1 release: pairs with take. */
	} while (!atom_cas(&p->word, &w, (w & UNITS) + n, release, relaxed));
	if (w & WAITERS)
		weft__place_wake(p, is_shared, n);
	return 0;
}

int weft_semaphore_value(const weft_semaphore *s)
{
	/* Relaxed: it may be another the next moment. */
	return s ? (int)(atom_load(&inside(s)->word, relaxed) & UNITS) : -EINVAL;
}
