/* SPDX-License-Identifier: MIT
 *
 * ring.h -- a queue of tasks in an array, so that who works through it can fetch those ahead. First in,
 * first out; any task can be taken out of the middle, which leaves a hole. Its user brings the lock.
 */
#ifndef WEFT_CORE_RING_H
#define WEFT_CORE_RING_H

#include "state.h"

struct weft__ring {
	weft_task **cell; /* mask + 1 of them, a power of two */
	uint32_t mask;
	uint32_t head, tail; /* positions; they count on and wrap */
	uint32_t n;          /* tasks; the rest between head and tail are holes */
};

/* The position where the next push puts its task; false: full, though there may be holes. */
bool weft__ring_next(const struct weft__ring *r, uint32_t *ret);
void weft__ring_push(struct weft__ring *r, weft_task *t);
weft_task *weft__ring_pop(struct weft__ring *r);                   /* the oldest, or NULL */
weft_task *weft__ring_at(const struct weft__ring *r, uint32_t at); /* NULL: a hole, or outside */
bool weft__ring_has(const struct weft__ring *r, uint32_t at, const weft_task *t);
void weft__ring_remove(struct weft__ring *r, uint32_t at);
/* Closes the holes. Tells moved, if it is not NULL, the new position of each task. */
void weft__ring_compact(struct weft__ring *r, void (*moved)(void *ctx, weft_task *t, uint32_t at), void *ctx);

#endif
