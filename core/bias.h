/* SPDX-License-Identifier: MIT
 *
 * bias.h -- a lock that costs its owner next to nothing, as long as nobody else comes.
 *
 * One thread owns it and enters all the time; strangers come seldom. While it is biased the owner's entry
 * is two plain stores and a load. The first stranger takes the bias away, which costs him a heavy fence;
 * from then on both use an ordinary lock, until the owner has entered often enough without having met a
 * stranger. So who comes often pays little, and nobody pays much twice in a row.
 *
 * Zeroed memory is a free, biased lock. Its owner changes hands by means outside of it.
 */
#ifndef WEFT_CORE_BIAS_H
#define WEFT_CORE_BIAS_H

#include "wait.h"

struct weft__bias {
	struct weft__lock lock; /* strangers, and the owner while shared */
	atom_u32 busy;          /* the owner is inside without the lock */
	atom_u32 shared;        /* the owner has to take the lock too */
	uint32_t calm;          /* entries of the owner since the last stranger, under the lock */
};

void weft__bias_enter_shared(struct weft__bias *b);
void weft__bias_leave_shared(struct weft__bias *b);

/* The owner's pair. What enter answers is for leave. */
static inline bool weft__bias_enter(struct weft__bias *b)
{
	/* A1 relaxed, light: before the look at shared; pairs with take_away. */
	atom_store(&b->busy, 1, relaxed);
	atom_fence_light();
	if (!atom_load(&b->shared, relaxed))
		return true;
	weft__bias_enter_shared(b);
	return false;
}

static inline void weft__bias_leave(struct weft__bias *b, bool biased)
{
	if (biased)
		/* A2 release: pairs with the load in take_away. */
		atom_store(&b->busy, 0, release);
	else
		weft__bias_leave_shared(b);
}

/* The strangers' pair. */
void weft__bias_lock(struct weft__bias *b);
bool weft__bias_trylock(struct weft__bias *b);
void weft__bias_unlock(struct weft__bias *b);

#endif
