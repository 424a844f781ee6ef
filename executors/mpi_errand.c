/* SPDX-License-Identifier: MIT
 *
 * mpi_errand.c -- where the bytes of a task lie on the rank that runs it: behind its record, if they are few; else in a
 * region, so that a worker process gets them without a copy; else, where there is no region to be had or no
 * other process, on the heap.
 */
#include "mpi_errand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NEAR = 65536 }; /* bytes: what a lane of a worker carries as it is */

static size_t aligned(size_t n)
{
	return (n + MPI_ALIGN - 1) & ~(size_t)(MPI_ALIGN - 1);
}

/* As much as the machine has. */
static uint64_t region_limit(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t all = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;

	return all < WEFT_REGION_LIMIT_MIN   ? WEFT_REGION_LIMIT_MIN
	       : all > WEFT_REGION_LIMIT_MAX ? WEFT_REGION_LIMIT_MAX
					     : all;
}

static void *far_memory(struct mpi_server *s, size_t size)
{
	struct weft_region_opts o = {.size = sizeof o, .limit = region_limit()};
	void *block;

	if (!(weft_executor_caps(s->local) & WEFT_CAP_LOCAL)) {
		if (!s->region && weft_region_new(&s->region, &o))
			s->region = NULL;
		if (s->region && !weft_region_alloc(s->region, size, &block))
			return block;
	}
	return malloc(size);
}

void mpi_memory_free(struct mpi_server *s, void *far)
{
	if (!s->region || weft_region_dealloc(s->region, far))
		free(far);
}

void mpi_memory_fini(struct mpi_server *s)
{
	weft_region_free(s->region);
	s->region = NULL;
}

static void fill(struct errand *e, uint32_t id, const struct mpi_task *body, char *memory)
{
	e->id = id;
	e->life = COMING;
	e->traced = body->traced;
	e->arg = memory;
	e->task.arg = body->arg_size ? memory : NULL;
	e->task.arg_size = body->arg_size;
	e->task.result = body->result_size ? memory + aligned(body->arg_size) : NULL;
	e->task.result_size = body->result_size;
	e->task.priority = body->priority;
	e->task.flags = body->flags & WEFT_TASK_IDEMPOTENT;
	e->task.deadline = body->left == WEFT_FOREVER ? 0 : weft_after(body->left > 0 ? body->left : 1);
	if (body->batch)
		e->batch = (struct weft__batch){body->batch, body->arg_size / body->batch,
						body->result_size / body->batch, &e->failed};
	if (body->result_size)
		memset(e->task.result, 0, body->result_size);
}

int mpi_errand_new(struct errand **ret, struct mpi_server *s, uint32_t id, const struct mpi_task *body)
{
	size_t head = (sizeof(struct errand) + 63) & ~(size_t)63, size;
	struct errand *e;
	bool far;

	if (__builtin_add_overflow(body->arg_size, body->result_size, &size) ||
	    size > PTRDIFF_MAX - head - 4096)
		return -ENOMEM;
	size += MPI_ALIGN;
	far = size > NEAR;
	e = malloc(far ? head : head + size);
	if (!e)
		return -ENOMEM;
	memset(e, 0, sizeof *e);
	e->far = far ? far_memory(s, size) : NULL;
	if (far && !e->far) {
		free(e);
		return -ENOMEM;
	}
	fill(e, id, body, far ? e->far : (char *)e + head);
	*ret = e;
	return 0;
}
