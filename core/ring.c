/* SPDX-License-Identifier: MIT
 *
 * ring.c -- what goes through an array of tasks from end to end.
 */
#include "ring.h"

bool weft__ring_find(const struct weft__ring *r, const weft_task *t, uint32_t *ret)
{
	for (uint32_t at = r->head; at != r->tail; at++)
		if (*weft__ring_cell(r, at) == t) {
			*ret = at;
			return true;
		}
	return false;
}

void weft__ring_compact(struct weft__ring *r, void (*moved)(void *ctx, weft_task *t, uint32_t at), void *ctx)
{
	uint32_t to = r->head;

	for (uint32_t from = r->head; from != r->tail; from++) {
		weft_task *t = *weft__ring_cell(r, from);

		if (!t)
			continue;
		*weft__ring_cell(r, from) = NULL;
		*weft__ring_cell(r, to) = t;
		if (moved)
			moved(ctx, t, to);
		to++;
	}
	r->tail = to;
}
