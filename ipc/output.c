/* SPDX-License-Identifier: MIT
 *
 * output.c -- memory that grows. Small pieces are the allocator's. From a megabyte on they are mappings: those grow
 * without copying (mremap), and lie in huge pages where the kernel has them, since touching new memory page by page
 * costs more than copying to it does. The allocator would do neither with certainty.
 */
#include "output.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST     ((size_t)16 << 10)
#define MAPPED    ((size_t)1 << 20) /* from here on */
#define MAPPED_BY ((size_t)4 << 20) /* the first of them: whole huge pages */

/* In front of the data. */
struct piece {
	alignas(16) size_t mapped; /* bytes; 0: the allocator's */
	char data[];
};

static struct piece *piece_of(char *data)
{
	return (struct piece *)(void *)(data - offsetof(struct piece, data));
}

static struct piece *map(struct piece *old, size_t size)
{
	struct piece *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, size, MADV_HUGEPAGE); /* it can do without */
	memcpy(p, old, MAPPED / 2);
	free(old);
	return p;
}

static struct piece *remap(struct piece *old, size_t size)
{
	struct piece *p = mremap(old, old->mapped, size, MREMAP_MAYMOVE);

	return p == MAP_FAILED ? NULL : p;
}

int weft__output_grow(char **io_data, size_t *io_room)
{
	struct piece *p = *io_data ? piece_of(*io_data) : NULL;
	size_t size = p ? 2 * (*io_room + sizeof *p) : FIRST;
	size_t mapped = size < MAPPED ? 0 : size < MAPPED_BY ? MAPPED_BY : size;

	if (size > SIZE_MAX / 4)
		return -ENOMEM;
	if (!mapped)
		p = realloc(p, size);
	else if (!p->mapped)
		p = map(p, mapped);
	else
		p = remap(p, mapped);
	if (!p)
		return -ENOMEM;
	p->mapped = mapped;
	*io_data = p->data;
	*io_room = (mapped ? mapped : size) - sizeof *p;
	return 0;
}

char *weft__output_fit(char *data, size_t size)
{
	struct piece *p = piece_of(data), *fitting = NULL;
	size_t mapped = (sizeof *p + size + 4095) & ~(size_t)4095;

	if (!p->mapped)
		fitting = realloc(p, sizeof *p + size);
	else if (mremap(p, p->mapped, mapped, 0) != MAP_FAILED)
		p->mapped = mapped;
	return fitting ? fitting->data : data;
}

void weft__output_discard(char *data)
{
	struct piece *p = data ? piece_of(data) : NULL;

	if (p && p->mapped)
		munmap(p, p->mapped);
	else
		free(p);
}
