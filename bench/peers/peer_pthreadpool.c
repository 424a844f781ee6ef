/* SPDX-License-Identifier: MIT
 *
 * peer_pthreadpool.c -- pthreadpool: loops only. The caller is one of its threads. There and back is a loop of
 * one index for each thread; the last one runs the task.
 */
#include <pthreadpool.h>

#include "measure.h"

static pthreadpool_t pool;
static unsigned n_threads;

static void pool_open(unsigned threads, size_t room)
{
	(void)room;
	n_threads = threads;
	pool = pthreadpool_create(threads);
	measure_must(pool ? 0 : -1, "pthreadpool_create");
}

static void pool_close(void)
{
	pthreadpool_destroy(pool);
}

struct plain {
	void (*fn)(void *ctx);
	void *ctx;
};

static void call_last(void *ctx, size_t i)
{
	const struct plain *p = ctx;

	if (i == n_threads - 1)
		p->fn(p->ctx);
}

static void run(void (*fn)(void *ctx), void *ctx)
{
	struct plain p = {fn, ctx};

	pthreadpool_parallelize_1d(pool, call_last, &p, n_threads, 0);
}

struct range {
	measure_range *body;
	void *ctx;
};

static void call_tile(void *ctx, size_t begin, size_t n)
{
	const struct range *r = ctx;

	r->body(begin, begin + n, r->ctx);
}

/* A tile is what one takes at a time; large enough not to count, small enough to share out well. */
static void loop(size_t n, bool even, measure_range *body, void *ctx)
{
	struct range r = {body, ctx};

	pthreadpool_parallelize_1d_tile_1d(pool, call_tile, &r, n, even ? n / (32 * n_threads) + 1 : 16, 0);
}

static void check(void *ctx, size_t i)
{
	((int *)ctx)[i] = measure_is_prime(i);
}

static void each(size_t n, int *ret)
{
	pthreadpool_parallelize_1d(pool, check, ret, n, 0);
}

static const struct peer peer = {
	.name = "pthreadpool",
	.open = pool_open,
	.close = pool_close,
	.reopens = true,
	.run = run,
	.loop = loop,
	.each = each,
};

const struct peer *const measure_peers[] = {&peer, NULL};
