/* SPDX-License-Identifier: MIT
 *
 * measure_heap.c -- malloc and its like, with a count of the bytes that are asked for.
 *
 * A program's own malloc stands before the C library's for all that is linked to it, so this counts what a
 * peer's library asks for too. It does not see allocators that take pages from the kernel themselves, such as
 * oneTBB's. Where nobody counts, the price is one look at a flag, which does not change once there are threads.
 */
#include "measure.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

/* glibc's own, under the names that it exports for programs like this one. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static bool counting;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t bytes;

static void count(size_t size)
{
	if (!counting)
		return;
	pthread_mutex_lock(&lock);
	bytes += size;
	pthread_mutex_unlock(&lock);
}

void *malloc(size_t size)
{
	count(size);
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	count(n * size);
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	count(size);
	return __libc_realloc(p, size);
}

void *memalign(size_t alignment, size_t size)
{
	count(size);
	return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	void *p = memalign(alignment, size);

	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

void measure_heap_count(void)
{
	counting = true;
}

uint64_t measure_heap_bytes(void)
{
	uint64_t now;

	pthread_mutex_lock(&lock);
	now = bytes;
	pthread_mutex_unlock(&lock);
	return now;
}
