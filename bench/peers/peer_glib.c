/* SPDX-License-Identifier: MIT
 *
 * peer_glib.c -- GLib's GThreadPool, with threads of its own ("exclusive"). Its only wait is for the end of
 * the pool, so what is not done is counted by an atomic of GLib's.
 */
#include <glib.h>

#include "measure.h"

struct plain {
	void (*fn)(void *ctx);
	void *ctx;
};

static GThreadPool *pool;
static GMutex lock;
static GCond all_done;
static gint unfinished;

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
	struct plain *plain = data;

	(void)unused;
	plain->fn(plain->ctx);
	g_free(plain);
	count_down();
}

static void post(void (*fn)(void *ctx), void *ctx)
{
	struct plain *plain = g_new(struct plain, 1);

	*plain = (struct plain){fn, ctx};
	g_atomic_int_inc(&unfinished);
	g_thread_pool_push(pool, plain, NULL);
}

static void wait_for_all(void)
{
	g_mutex_lock(&lock);
	while (g_atomic_int_get(&unfinished) > 0)
		g_cond_wait(&all_done, &lock);
	g_mutex_unlock(&lock);
}

typedef gint join_count;

static gboolean join_last(gint *left)
{
	return g_atomic_int_dec_and_test(left);
}

static void join_set(gint *left, int n)
{
	g_atomic_int_set(left, n);
}

#include "posted.h"

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

static const struct peer glib = {
	.name = "GLib", .open = pool_open, .close = pool_close, .reopens = true, POSTED};

const struct peer *const measure_peers[] = {&glib, NULL};
