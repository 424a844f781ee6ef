/* SPDX-License-Identifier: MIT
 *
 * stack.c -- slabs of stacks.
 *
 *   slab:  | guard | stack 0 | guard | stack 1 | ...
 *
 * A guard is a mark in the page table where the kernel has such (6.13), which costs nothing; else a protected
 * page, which splits the mapping: two of the 65,530 that a process may have. Some of those are left to the rest
 * of the program, or its next malloc would fail.
 *
 * A guard makes the distance between stacks a page more than a power of two, so that equal places of them lie in
 * different sets of the second cache. For the first cache the tops are shifted by whole lines.
 */
#include "stack.h"
#include "atomic.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum { SLAB = 64, LINES = 32, LINE = 64 };

struct weft__stack_slab {
	struct weft__stack_slab *next;
	char *memory;
};

/* Protected guards of all pools of this process. Relaxed: a count. */
static atom_u32 guards;

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t stride(const struct weft__stacks *s)
{
	return s->size + page_size();
}

/* Each takes two mappings; a quarter of them is left to others. */
static uint32_t most_guards(void)
{
	unsigned long maps = 65530;
	FILE *f = fopen("/proc/sys/vm/max_map_count", "re");

	if (f) {
		if (fscanf(f, "%lu", &maps) != 1)
			maps = 65530;
		fclose(f);
	}
	maps = maps / 8 * 3;
	return maps < UINT32_MAX ? (uint32_t)maps : UINT32_MAX;
}

void weft__stacks_init(struct weft__stacks *s, size_t size)
{
	size_t page = page_size();

	/* qemu-user says yes to any advice, and takes none. */
	*s = (struct weft__stacks){.size = (size + page - 1) / page * page,
				   .protected = !madvise(NULL, 0, -1)};
}

static int add_slab(struct weft__stacks *s)
{
	struct weft__stack_slab *slab = malloc(sizeof *slab);
	size_t size = SLAB * stride(s);

	if (!slab)
		return -ENOMEM;
	slab->memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (slab->memory == MAP_FAILED) {
		free(slab);
		return -ENOMEM;
	}
	madvise(slab->memory, size, MADV_NOHUGEPAGE); /* or each stack would cost a huge page */
	slab->next = s->slab;
	s->slab = slab;
	s->left = SLAB;
	return 0;
}

static int protect(char *page)
{
	static atom_u32 most;
	uint32_t limit = atom_load(&most, relaxed);

	if (!limit) {
		limit = most_guards();
		atom_store(&most, limit, relaxed);
	}
	if (atom_add(&guards, 1, relaxed) < limit && !mprotect(page, page_size(), PROT_NONE))
		return 0;
	atom_sub(&guards, 1, relaxed);
	return -ENOMEM;
}

static int guard(struct weft__stacks *s, char *page)
{
	if (!s->protected && !madvise(page, page_size(), MADV_GUARD_INSTALL))
		return 0;
	s->protected = true;
	if (protect(page))
		return -ENOMEM;
	s->guards++;
	return 0;
}

int weft__stack_new(struct weft__stacks *s, struct weft__stack *ret)
{
	int err = s->left ? 0 : add_slab(s);
	char *at;

	if (err)
		return err;
	at = s->slab->memory + (SLAB - s->left) * stride(s);
	err = guard(s, at);
	if (err)
		return err;
	s->left--;
	ret->low = at + page_size();
	ret->size = s->size - s->n++ % LINES * LINE;
	return 0;
}

const char *weft__stacks_full(const struct weft__stacks *s)
{
	return s->protected ? "no stack for a fiber: vm.max_map_count allows no more guard pages"
			    : "no stack for a fiber: no memory";
}

void weft__stacks_fini(struct weft__stacks *s)
{
	atom_sub(&guards, s->guards, relaxed);
	for (struct weft__stack_slab *slab = s->slab, *next; slab; slab = next) {
		next = slab->next;
		munmap(slab->memory, SLAB * stride(s));
		free(slab);
	}
	*s = (struct weft__stacks){.size = s->size};
}

bool weft__stack_guards(const struct weft__stacks *s, const void *address)
{
	for (const struct weft__stack_slab *slab = s->slab; slab; slab = slab->next) {
		uintptr_t offset = (uintptr_t)address - (uintptr_t)slab->memory;

		if (offset < SLAB * stride(s))
			return offset % stride(s) < page_size();
	}
	return false;
}
