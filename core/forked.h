/* SPDX-License-Identifier: MIT
 *
 * forked.h -- in which process of a line of forks are we? Objects remember the generation they were made
 * in; in another one they answer -ECHILD, because their threads and workers did not come along.
 */
#ifndef WEFT_CORE_FORKED_H
#define WEFT_CORE_FORKED_H

#include "atomic.h"

#include <stdbool.h>

extern atom_u32 weft__forks; /* 1 + how many forks led here */

/* >= 1; one more in each fork. The first call arranges for that. */
uint32_t weft__generation(void);

/* Was something of that generation made by an ancestor? 0 belongs to every process. */
static inline bool weft__forked(uint32_t generation)
{
	/* Relaxed: it changes only in fork(), which orders everything. */
	return generation && generation != atom_load(&weft__forks, relaxed);
}

#endif
