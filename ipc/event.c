/* SPDX-License-Identifier: MIT
 *
 * event.c -- a word: whether it is set, whether somebody may sleep, and how often it was set.
 *
 *   tag  word        from -> to           order                carries
 *   V1   place.word  set -> wait, is_set  CAS rel -> load acq  what was done before it was set
 *
 * The count releases who slept when it was set, though it was cleared before he looked.
 *
 * Progress: lock-free, all but the wait. Wrap-around, ABA: who is not scheduled while the event is set 2^30 times
 * and cleared again takes it for never set. Death: one step changes everything, and all are woken.
 */
#include "lot.h"

#include <errno.h>
#include <string.h>
#include <weft/event.h>

enum { SET = 1, WAITERS = 2, ONE = 4 };

_Static_assert(sizeof(struct weft__place) <= sizeof(weft_event), "it has outgrown its words");

static struct weft__place *inside(const weft_event *e)
{
	return (struct weft__place *)(uintptr_t)e;
}

int weft_event_init(weft_event *e, unsigned flags)
{
	if (!weft__place_fits(e, flags))
		return -EINVAL;
	memset(e, 0, sizeof *e);
	inside(e)->flags = flags;
	return 0;
}

int weft_event_set(weft_event *e)
{
	struct weft__place *p = inside(e);
	bool is_shared;
	uint32_t w;

	if (!e)
		return -EINVAL;
	is_shared = weft__place_is_shared(p); /* before others see it set, and free it */
	w = atom_load(&p->word, relaxed);
	/* V1 release: pairs with wait and is_set; also where it is set already. */
	while (!atom_cas(&p->word, &w, w & SET ? w : ((w + ONE) | SET) & ~(uint32_t)WAITERS, release,
			 relaxed))
		;
	if (w & WAITERS)
		weft__place_wake(p, is_shared, UINT32_MAX);
	return 0;
}

int weft_event_clear(weft_event *e)
{
	uint32_t w;

	if (!e)
		return -EINVAL;
	w = atom_load(&inside(e)->word, relaxed);
	/* Relaxed: that it is not set says nothing. */
	while (w & SET && !atom_cas(&inside(e)->word, &w, w & ~(uint32_t)SET, relaxed, relaxed))
		;
	return 0;
}

int weft_event_is_set(const weft_event *e)
{
	/* V1 acquire: pairs with set. */
	return e ? (int)(atom_load(&inside(e)->word, acquire) & SET) : -EINVAL;
}

int weft_event_wait(weft_event *e, weft_time deadline)
{
	struct weft__place *p = inside(e);
	uint32_t w, first;
	int err = 0;

	if (!e)
		return -EINVAL;
	/* V1 acquire, here, below and where the exchange fails: pairs with set. */
	first = w = atom_load(&p->word, acquire);
	while (!(w & SET) && w / ONE == first / ONE) {
		if (!(w & WAITERS) && !atom_cas(&p->word, &w, w | WAITERS, acquire, acquire))
			continue;
		err = weft__place_wait(p, w | WAITERS, deadline, true);
		w = atom_load(&p->word, acquire);
		if (err)
			break;
	}
	return w & SET || w / ONE != first / ONE ? 0 : err;
}
