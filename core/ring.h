/* SPDX-License-Identifier: MIT
 *
 * ring.h -- a queue of tasks in an array, so that who works through it can fetch those ahead. First in,
 * first out; any task can be taken out of the middle, which leaves a hole. There is never a hole at the head,
 * nor at the tail. Its user brings the lock.
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

static inline weft_task **weft__ring_cell(const struct weft__ring *r, uint32_t at)
{
	return &r->cell[at & r->mask];
}

/* The position where the next push puts its task; false: full, though there may be holes. */
static inline bool weft__ring_next(const struct weft__ring *r, uint32_t *ret)
{
	*ret = r->tail;
	return r->tail - r->head <= r->mask;
}

static inline void weft__ring_push(struct weft__ring *r, weft_task *t)
{
	*weft__ring_cell(r, r->tail++) = t;
	r->n++;
}

/* Moves head and tail over holes. An empty ring starts again at its first cell, which is at hand, a lap
 * later, so that no position comes again soon. */
static inline void weft__ring_trim(struct weft__ring *r)
{
	if (!r->n) {
		r->head = r->tail = (r->tail | r->mask) + 1;
		return;
	}
	while (!*weft__ring_cell(r, r->head))
		r->head++;
	while (!*weft__ring_cell(r, r->tail - 1))
		r->tail--;
}

/* The oldest, or NULL. */
static inline weft_task *weft__ring_pop(struct weft__ring *r)
{
	weft_task *t;

	if (!r->n)
		return NULL;
	t = *weft__ring_cell(r, r->head);
	*weft__ring_cell(r, r->head++) = NULL;
	r->n--;
	weft__ring_trim(r);
	return t;
}

/* NULL: a hole, or outside. */
static inline weft_task *weft__ring_at(const struct weft__ring *r, uint32_t at)
{
	return at - r->head < r->tail - r->head ? *weft__ring_cell(r, at) : NULL;
}

static inline bool weft__ring_has(const struct weft__ring *r, uint32_t at, const weft_task *t)
{
	return weft__ring_at(r, at) == t;
}

static inline void weft__ring_remove(struct weft__ring *r, uint32_t at)
{
	*weft__ring_cell(r, at) = NULL;
	r->n--;
	weft__ring_trim(r);
}

/* Is t there, and where? */
bool weft__ring_find(const struct weft__ring *r, const weft_task *t, uint32_t *ret);
/* Closes the holes. Tells moved, if it is not NULL, the new position of each task. */
void weft__ring_compact(struct weft__ring *r, void (*moved)(void *ctx, weft_task *t, uint32_t at), void *ctx);

#endif
