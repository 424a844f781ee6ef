/* SPDX-License-Identifier: MIT
 *
 * lane_store.c -- the pool's book about the blocks of a lane. Slots are filled and emptied in order, so blocks
 * are too, and a ring is all it takes. A block is in one piece: what is left at the end of the store, too
 * small for the next one, stays empty until the ring comes by again.
 */
#include "lane.h"

bool lane_store_find(const struct lane_store *s, size_t size, size_t *ret)
{
	size_t need = lane_rounded(size);

	if (!s->n) {
		*ret = 0;
		return need <= s->size;
	}
	if (s->next > s->first && need <= s->size - s->next) { /* used: first..next */
		*ret = s->next;
		return true;
	}
	*ret = s->next > s->first ? 0 : s->next; /* used otherwise: 0..next and first..size */
	return need <= s->first - *ret;
}

void lane_store_take(struct lane_store *s, size_t at, size_t size)
{
	if (!s->n++)
		s->first = at;
	s->next = at + lane_rounded(size);
}

void lane_store_give(struct lane_store *s, size_t end)
{
	s->n--;
	s->first = end;
}
