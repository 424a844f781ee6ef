/* SPDX-License-Identifier: MIT
 *
 * memory.c -- by jemalloc if the program has it, else by malloc. The library links no allocator: a program
 * that links jemalloc has mallocx, and then these symbols are there when the program is loaded.
 *
 * What mallocx does and malloc does not: it aligns, zeroes and allocates in one call, so that no two tasks
 * share a cache line.
 */
#include "memory.h"

#include <stdlib.h>

enum { LG_LINE = 6, ZEROED = 0x40 }; /* as MALLOCX_LG_ALIGN(6) and MALLOCX_ZERO of jemalloc.h */

/* Hidden by the build's default, they would not be looked for in other libraries. */
__attribute__((weak, visibility("default"))) void *mallocx(size_t size, int flags);
__attribute__((weak, visibility("default"))) void dallocx(void *p, int flags);

void *weft__memory_new(size_t n, bool zeroed)
{
	if (mallocx && dallocx)
		return mallocx(n, LG_LINE | (zeroed ? ZEROED : 0));
	return zeroed ? calloc(1, n) : malloc(n);
}

void weft__memory_free(void *p)
{
	if (!mallocx || !dallocx)
		free(p);
	else if (p)
		dallocx(p, 0);
}
