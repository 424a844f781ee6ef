/* SPDX-License-Identifier: MIT
 *
 * ring.c -- the array of tasks. There is never a hole at the head, nor at the tail.
 */
#include "ring.h"

static weft_task **cell(const struct weft__ring *r, uint32_t at)
{
	return &r->cell[at & r->mask];
}

bool weft__ring_next(const struct weft__ring *r, uint32_t *ret)
{
	*ret = r->tail;
	return r->tail - r->head <= r->mask;
}

void weft__ring_push(struct weft__ring *r, weft_task *t)
{
	*cell(r, r->tail++) = t;
	r->n++;
}

/* Moves head and tail over holes. An empty ring starts again where it is, in cells that are at hand. */
static void trim(struct weft__ring *r)
{
	if (!r->n) {
		r->head = r->tail = r->head & ~r->mask;
		return;
	}
	while (!*cell(r, r->head))
		r->head++;
	while (!*cell(r, r->tail - 1))
		r->tail--;
}

weft_task *weft__ring_pop(struct weft__ring *r)
{
	weft_task *t;

	if (!r->n)
		return NULL;
	t = *cell(r, r->head);
	*cell(r, r->head++) = NULL;
	r->n--;
	trim(r);
	return t;
}

weft_task *weft__ring_at(const struct weft__ring *r, uint32_t at)
{
	return at - r->head < r->tail - r->head ? *cell(r, at) : NULL;
}

bool weft__ring_has(const struct weft__ring *r, uint32_t at, const weft_task *t)
{
	return weft__ring_at(r, at) == t;
}

void weft__ring_remove(struct weft__ring *r, uint32_t at)
{
	*cell(r, at) = NULL;
	r->n--;
	trim(r);
}

void weft__ring_compact(struct weft__ring *r, void (*moved)(void *ctx, weft_task *t, uint32_t at), void *ctx)
{
	uint32_t to = r->head;

	for (uint32_t from = r->head; from != r->tail; from++) {
		weft_task *t = *cell(r, from);

		if (!t)
			continue;
		*cell(r, from) = NULL;
		*cell(r, to) = t;
		if (moved)
			moved(ctx, t, to);
		to++;
	}
	r->tail = to;
}
