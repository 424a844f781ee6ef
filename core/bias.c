/* SPDX-License-Identifier: MIT
 *
 * bias.c -- the lock that is cheap for its owner.
 *
 *   tag  word          from -> to              order                        carries
 *   A1   busy, shared  enter <-> take_away     store, light fence, load     nothing: either the owner sees
 *                                              <-> store, heavy fence,      shared, or the stranger sees busy
 *                                              load
 *   A2   busy          leave -> take_away      store release -> load acq    what the owner did inside
 *   A3   lock.word     as L1 in wait.c                                      what strangers did, for an owner
 *                                                                           that finds shared set
 *   A4   shared        leave -> enter          relaxed, the owner's own     nothing
 *
 * Only the holder of the lock writes shared. An owner that reads 0 in it may be late, but A1 says that then
 * the stranger waits for busy to fall. An owner that reads 0 and is right has written that 0 himself, or
 * the lock was never shared: in neither case has he missed what a stranger did.
 *
 * Progress: the owner waits for strangers only while shared. ABA: none, two flags. Death of a process: the
 * lock is private to it.
 *
 * Source: Kawachiya, Koseki, Onodera, "Lock Reservation", 2002, with the fence of barrier.c.
 */
#include "bias.h"

#include <sched.h>

enum {
	CALM = 512, /* entries of the owner after which the bias is his again */
	LOOKS = 64  /* at busy, before the processor is offered to the owner */
};

void weft__bias_enter_shared(struct weft__bias *b)
{
	/* A2 release: nothing was done inside this time, but who reads this 0 needs what was done before. */
	atom_store(&b->busy, 0, release);
	weft__lock(&b->lock);
}

void weft__bias_leave_shared(struct weft__bias *b)
{
	if (++b->calm > CALM) {
		b->calm = 0;
		/* A4 relaxed: see the table. */
		atom_store(&b->shared, 0, relaxed);
	}
	weft__unlock(&b->lock);
}

/* Under the lock. */
static void take_away(struct weft__bias *b)
{
	/* A1 relaxed, heavy: before the look at busy; pairs with enter. */
	atom_store(&b->shared, 1, relaxed);
	atom_fence_heavy();
	/* A2 acquire: pairs with the store in leave. */
	for (unsigned i = 1; atom_load(&b->busy, acquire); i++) {
		atom_pause();
		if (i % LOOKS == 0)
			sched_yield();
	}
}

static void locked(struct weft__bias *b)
{
	b->calm = 0;
	/* A4 relaxed: only who holds the lock writes it. */
	if (!atom_load(&b->shared, relaxed))
		take_away(b);
}

void weft__bias_lock(struct weft__bias *b)
{
	weft__lock(&b->lock);
	locked(b);
}

bool weft__bias_trylock(struct weft__bias *b)
{
	if (!weft__trylock(&b->lock))
		return false;
	locked(b);
	return true;
}

void weft__bias_unlock(struct weft__bias *b)
{
	weft__unlock(&b->lock);
}
