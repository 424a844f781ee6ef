/* SPDX-License-Identifier: MIT
 *
 * range.h -- a row of units of work that nobody has begun, as one word. Its owner takes units from the front,
 * any other thread takes the back half; each unit goes to one of them.
 *
 * A unit is so many indices of a loop that no range of size_t has more than 2^32 - 1 units: both ends of a row
 * fit a word then. A loop with a grain has units of one grain, or of several if that is too many; a loop
 * without has units of one index, up to 2^32 - 1 indices.
 */
#ifndef WEFT_CORE_RANGE_H
#define WEFT_CORE_RANGE_H

#include "atomic.h"

#include <stdbool.h>
#include <stddef.h>

/* Far enough from the next one that no two are fetched together. */
struct weft__range {
	_Alignas(128) atom_u64 word; /* end << 32 | begin */
};

/* How a loop of n > 0 indices is cut. */
struct weft__units {
	size_t n;
	size_t per_call; /* indices that the body gets at a time, at most; units have a whole number of them */
	size_t per_unit; /* indices; the last unit may have fewer */
	uint32_t count;
};

/* grain 0: the body takes any number of indices. */
struct weft__units weft__units_of(size_t n, size_t grain);

/* The first index of unit i, counted from the beginning of the loop; n for i == count. */
static inline size_t weft__unit_at(const struct weft__units *u, uint32_t i)
{
	return i < u->count ? i * u->per_unit : u->n; /* at most n - 1, so it does not overflow */
}

/* The owner's, or before anybody knows r. What was left in it is forgotten. */
void weft__range_set(struct weft__range *r, uint32_t begin, uint32_t end);

/* The owner's: up to most units from the front, and no more than a quarter of what is left, rounded up, so
 * that the last ones are small. How many: 0 where nothing is left, or most is 0. */
uint32_t weft__range_take(struct weft__range *r, uint32_t most, uint32_t *ret_begin);

/* Any other thread's: the back half, rounded up. How many: 0 where nothing is left. */
uint32_t weft__range_steal(struct weft__range *r, uint32_t *ret_begin);

/* Anybody's. A hint: how many are left, and where they begin. */
uint32_t weft__range_look(struct weft__range *r, uint32_t *ret_begin);

/* How much to take at a time, and how often to look at the clock, which costs more than to take. */
struct weft__pace {
	uint32_t units;  /* of a piece */
	uint32_t pieces; /* from one look at the clock to the next */
};

/* One that begins with single units, and makes pieces of at most a small part of a row of so many units. */
#define WEFT__PACE_START ((struct weft__pace){1, 1})
uint32_t weft__pace_most(uint32_t row);

/* After p->pieces pieces that took so long: more, if that was too short to pay for taking them; fewer, if
 * another thread might have wanted some of them. */
void weft__pace_adapt(struct weft__pace *p, int64_t ns, uint32_t most);

#endif
