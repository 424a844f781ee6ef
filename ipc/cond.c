/* SPDX-License-Identifier: MIT
 *
 * cond.c -- conditions.
 *
 * A private one has its waiters in the lot, at its address, where they are before they release the lock. So a
 * notification finds exactly those who waited, and takes them out.
 *
 * A shared one is a count of notifications, and a bit that somebody may sleep. The waiter reads it while he holds the
 * lock, and does not sleep if it changes. Both are ordered by that lock, or by nothing that matters.
 *
 * Progress: a notification never waits but for the lot. Wrap-around: who is not scheduled for 2^31 notifications
 * sleeps on to the next. Death: a waiter that is killed, woken or not, leaves nothing; the others look again by
 * themselves (lot.c).
 */
#include "lock_order.h"
#include "mutex.h"
#include "state.h"

#include <string.h>
#include <weft/cond.h>

enum { WAITERS = 1, ONE = 2 };

_Static_assert(sizeof(struct weft__place) <= sizeof(weft_cond), "it has outgrown its words");

static struct weft__place *inside(weft_cond *c)
{
	return (struct weft__place *)(void *)c;
}

int weft_cond_init(weft_cond *c, unsigned flags)
{
	if (!weft__place_fits(c, flags))
		return -EINVAL;
	memset(c, 0, sizeof *c);
	inside(c)->flags = flags;
	return 0;
}

static int wait_private(struct weft__place *p, weft_lock *l, weft_time deadline)
{
	struct weft__lodger lodger = {.address = NULL};
	int err;

	weft__lot_enter(&lodger, p);
	weft_lock_release(l);
	err = weft__sleep(&lodger.parker, deadline, true);
	return weft__lot_leave(&lodger) ? 0 : err;
}

static int wait_shared(struct weft__place *p, weft_lock *l, weft_time deadline)
{
	/* Relaxed, both: the caller holds the lock under which the condition is changed before a notification. */
	uint32_t w = atom_or(&p->word, WAITERS, relaxed) | WAITERS;
	int err;

	weft_lock_release(l);
	err = weft__place_wait(p, w, deadline, true);
	return err && atom_load(&p->word, relaxed) != w ? 0 : err;
}

int weft_cond_wait(weft_cond *c, weft_lock *l, weft_time deadline)
{
	int err, again;

	if (!c || !l)
		return -EINVAL;
	if (!weft__mutex_is_mine((struct weft__mutex *)(void *)l))
		return -EPERM;
	err = weft__place_is_shared(inside(c)) ? wait_shared(inside(c), l, deadline)
					       : wait_private(inside(c), l, deadline);
	again = weft__mutex_acquire((struct weft__mutex *)(void *)l, WEFT_FOREVER, false);
	if (WEFT__LOCK_ORDER && (!again || again == -EOWNERDEAD))
		weft__lock_order_taken((struct weft__mutex *)(void *)l, __builtin_return_address(0));
	return again ? again : err;
}

/* There were some, and more may come: only a notification of all leaves nobody asleep. */
static void notify_shared(struct weft__place *p, unsigned n)
{
	uint32_t w = atom_load(&p->word, relaxed), kept = n == UINT32_MAX ? 0 : WAITERS;

	do {
		if (!(w & WAITERS))
			return;
		/* Relaxed: the lock orders what was changed. */
	} while (!atom_cas(&p->word, &w, (w + ONE - WAITERS) | kept, relaxed, relaxed));
	weft__place_wake(p, true, n);
}

static int notify(weft_cond *c, unsigned n)
{
	if (!c)
		return -EINVAL;
	if (!n)
		return 0;
	if (weft__place_is_shared(inside(c)))
		notify_shared(inside(c), n);
	else
		weft__lot_wake(c, n);
	return 0;
}

int weft_cond_notify(weft_cond *c, unsigned n)
{
	return notify(c, n);
}

int weft_cond_notify_all(weft_cond *c)
{
	return notify(c, UINT32_MAX);
}
