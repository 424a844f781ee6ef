/* SPDX-License-Identifier: MIT
 *
 * stack.h -- stacks for fibers. Each is of the same size, with a page below it that cannot be accessed: so who
 * runs over its end gets a SIGSEGV there, at an address that weft__stack_guards() knows.
 *
 * They are cut from slabs, and given back all at once. Only pages that were used cost memory.
 */
#ifndef WEFT_CORE_STACK_H
#define WEFT_CORE_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEFT__STACK_SIZE_DEFAULT ((size_t)64 * 1024)
#define WEFT__STACK_SIZE_MIN     ((size_t)16 * 1024)
#define WEFT__STACK_SIZE_MAX     ((size_t)64 * 1024 * 1024)

struct weft__stack_slab;

/* One thread's. */
struct weft__stacks {
	size_t size; /* of each, bytes, whole pages */
	struct weft__stack_slab *slab;
	size_t left;     /* in that slab */
	size_t n;        /* handed out */
	bool protected;  /* by mprotect: the kernel knows no lighter guards */
	uint32_t guards; /* of that kind */
};

struct weft__stack {
	char *low;
	size_t size; /* less than asked for: the tops are shifted against each other, or they would all lie in the
		      * same few lines of the cache */
};

void weft__stacks_init(struct weft__stacks *s, size_t size);

/* 0 | -ENOMEM: no memory, or no more guards: those of mprotect count against vm.max_map_count, which then
 * weft__stacks_full says. */
int weft__stack_new(struct weft__stacks *s, struct weft__stack *ret);

/* Why the last weft__stack_new has failed. */
const char *weft__stacks_full(const struct weft__stacks *s);

/* All at once. */
void weft__stacks_fini(struct weft__stacks *s);

/* Does address lie in a guard of s: has a stack run over? */
bool weft__stack_guards(const struct weft__stacks *s, const void *address);

#endif
