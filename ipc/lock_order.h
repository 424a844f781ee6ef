/* SPDX-License-Identifier: MIT
 *
 * lock_order.h -- in builds with WEFT_LOCK_CHECKS: in which order locks are taken. Elsewhere none of it is called.
 */
#ifndef WEFT_IPC_LOCK_ORDER_H
#define WEFT_IPC_LOCK_ORDER_H

#include "mutex.h"

#ifdef WEFT_LOCK_CHECKS
enum { WEFT__LOCK_ORDER = 1 };
#else
enum { WEFT__LOCK_ORDER = 0 };
#endif

/* A lock for readers and writers goes by its gate, in whichever way it is wanted or held. */

/* Would it close a circle to wait for m, at that place in the program? Then it is told, once for each two locks. One
 * that is held already is a circle of its own. */
bool weft__lock_order_wrong(struct weft__mutex *m, const void *place);
void weft__lock_order_taken(struct weft__mutex *m, const void *place);
void weft__lock_order_released(struct weft__mutex *m);
void weft__lock_order_reset(void); /* in a fork */

/* In a public function: where it was called from. */
#define WEFT__PLACE __builtin_return_address(0)

/* What an acquire or a try has returned: it is held now, unless err says that it is not. */
static inline int weft__lock_order_got(struct weft__mutex *m, int err, const void *place)
{
	if (WEFT__LOCK_ORDER && (!err || err == -EOWNERDEAD))
		weft__lock_order_taken(m, place);
	return err;
}

#endif
