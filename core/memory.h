/* SPDX-License-Identifier: MIT
 *
 * memory.h -- memory of tasks: those on the heap, and what bodies take while they run.
 */
#ifndef WEFT_CORE_MEMORY_H
#define WEFT_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* n bytes, zeroed if asked for; NULL: there are none. Aligned to 16, by jemalloc to a cache line. */
void *weft__memory_new(size_t n, bool zeroed);
void weft__memory_free(void *p);

#endif
