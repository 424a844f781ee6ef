/* SPDX-License-Identifier: MIT
 *
 * lot.h -- where those sleep who wait for a word: weft__place_wait() and weft__place_wake() are what futex(2) is to a
 * thread, for whatever has a place in front, in private memory or in memory that processes share.
 *
 * In shared memory they are futex(2), in slices: a sleeper looks again by itself. In private memory they sleep in a
 * table of this process, by address, so that a fiber needs no system call, a cancel is noticed at once, and
 * waking touches nothing of what may have been freed by then.
 */
#ifndef WEFT_IPC_LOT_H
#define WEFT_IPC_LOT_H

#include "wait.h"
#include <weft/lock.h>

/* The head of everything that can be waited for. Zeroed memory is a private one. */
struct weft__place {
	atom_u32 word;
	uint32_t flags; /* WEFT_SHARED */
};

static inline bool weft__place_is_shared(const struct weft__place *p)
{
	return p->flags & WEFT_SHARED;
}

/* Can memory be one that begins with a place? */
static inline bool weft__place_fits(const void *memory, unsigned flags)
{
	return memory && (uintptr_t)memory % _Alignof(uint64_t) == 0 && !(flags & ~(unsigned)WEFT_SHARED);
}

/* Sleeps while the word is expected. 0: woken, changed, or for no reason; -ETIMEDOUT; -ECANCELED, if interruptible:
 * the calling task is to give up. Not 0 only if it has not been woken: a wake-up is not lost that way. */
int weft__place_wait(struct weft__place *p, uint32_t expected, weft_time deadline, bool interruptible);

/* Wakes n sleepers; only the address of p counts, and whether it is shared. */
void weft__place_wake(const void *p, bool is_shared, unsigned n);

/* Who sleeps at an address of this process. Enter; look at what is waited for; sleep on the parker; leave. */
struct weft__lodger {
	struct list_node node;
	struct weft__parker parker;
	const void *address;
};

void weft__lot_enter(struct weft__lodger *l, const void *address);
bool weft__lot_leave(struct weft__lodger *l); /* true: it had been woken */
void weft__lot_wake(const void *address, unsigned n);
void weft__lot_reset(void); /* in a fork */

#endif
