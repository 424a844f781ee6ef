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

/* Would it close a circle to wait for m, at that place in the program? Then it is told, once for each two locks. */
bool weft__lock_order_wrong(struct weft__mutex *m, const void *place);
void weft__lock_order_taken(struct weft__mutex *m, const void *place);
void weft__lock_order_released(struct weft__mutex *m);
void weft__lock_order_reset(void); /* in a fork */

#endif
