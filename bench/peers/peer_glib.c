/* SPDX-License-Identifier: MIT
 *
 * peer_glib.c -- GLib's GThreadPool, with threads of its own ("exclusive"). Its only wait is for the end of
 * the pool, so what is not done is counted by an atomic of GLib's.
 */
#include <glib.h>

#define join_post  post
#define join_count gint

static void post(void (*fn)(void *ctx), void *ctx);
static void join_end(void);
static gboolean join_last(gint *left)
{
	return g_atomic_int_dec_and_test(left);
}
static void join_set(gint *left, int n)
{
	g_atomic_int_set(left, n);
}

#include "joins.h"

struct item {
	void (*fn)(void *ctx);
	void *ctx;
};

static GThreadPool *pool;
static GMutex lock;
static GCond all_done;
static gint unfinished; /* 1 more while somebody submits */

static void count_down(void)
{
	if (g_atomic_int_dec_and_test(&unfinished)) {
		g_mutex_lock(&lock);
		g_cond_broadcast(&all_done);
		g_mutex_unlock(&lock);
	}
}

static void serve(gpointer data, gpointer unused)
{
	struct item *item = data;

	(void)unused;
	item->fn(item->ctx);
	g_free(item);
	count_down();
}

static void post(void (*fn)(void *ctx), void *ctx)
{
	struct item *item = g_new(struct item, 1);

	*item = (struct item){fn, ctx};
	g_atomic_int_inc(&unfinished);
	g_thread_pool_push(pool, item, NULL);
}

static void wait_for_all(void)
{
	g_mutex_lock(&lock);
	while (g_atomic_int_get(&unfinished) > 0)
		g_cond_wait(&all_done, &lock);
	g_mutex_unlock(&lock);
}

static void pool_open(unsigned threads, size_t room)
{
	(void)room;
	pool = g_thread_pool_new(serve, NULL, (gint)threads, TRUE, NULL);
	measure_must(pool ? 0 : -1, "g_thread_pool_new");
}

static void pool_close(void)
{
	g_thread_pool_free(pool, FALSE, TRUE);
}

/* The pool passes on a pointer that is not NULL: an empty task needs no struct. */
static void serve_nothing(void *ctx)
{
	measure_nothing(ctx);
}

static void flood(unsigned producer, size_t n)
{
	(void)producer;
	for (size_t i = 0; i < n; i++)
		post(serve_nothing, NULL);
	wait_for_all();
}

static void run(void (*fn)(void *ctx), void *ctx)
{
	post(fn, ctx);
	wait_for_all();
}

struct index {
	void (*fn)(size_t i, void *ctx);
	void *ctx;
	size_t i;
};

static void call_index(void *ctx)
{
	struct index *index = ctx;

	index->fn(index->i, index->ctx);
}

static void batch(size_t n, void (*fn)(size_t i, void *ctx), void *ctx)
{
	struct index *index = measure_memory(n, sizeof *index);

	for (size_t i = 0; i < n; i++) {
		index[i] = (struct index){fn, ctx, i};
		post(call_index, &index[i]);
	}
	wait_for_all();
	free(index);
}

/* Nothing is unfinished once the root is done. */
static void join_end(void)
{
}

static int64_t join_all(int64_t n, int64_t base)
{
	struct join root;

	join_begin(&root, n, base);
	wait_for_all();
	return root.answer;
}

static int64_t fib(int n)
{
	return join_all(n, -1);
}

static int64_t skynet(int64_t leaves)
{
	return join_all(leaves, 0);
}

static void pend(unsigned blockers, size_t n)
{
	for (unsigned i = 0; i < blockers; i++)
		post(measure_block, NULL);
	for (size_t i = 0; i < n; i++)
		post(serve_nothing, NULL);
}

static const struct peer glib = {
	.name = "GLib",
	.open = pool_open,
	.close = pool_close,
	.reopens = true,
	.flood = flood,
	.run = run,
	.fib = fib,
	.skynet = skynet,
	.batch = batch,
	.pend = pend,
	.unpend = wait_for_all,
};

const struct peer *const measure_peers[] = {&glib, NULL};
