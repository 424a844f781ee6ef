/* SPDX-License-Identifier: MIT
 *
 * peer_pool.c -- the pool that one writes oneself: a list, a mutex, a condition. Also a thread for each task.
 *
 * No futures: the pool counts what is not done, under its lock, and waits for 0.
 */
#include <pthread.h>
#include <stdlib.h>

#define join_post  post
#define join_count int

static void post(void (*fn)(void *ctx), void *ctx);
static int join_last(int *left);
static void join_end(void);
static void join_set(int *left, int n)
{
	*left = n;
}

#include "joins.h"

struct node {
	struct node *next;
	void (*fn)(void *ctx);
	void *ctx;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t join_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER, all_done = PTHREAD_COND_INITIALIZER;
static struct node *head, **tail = &head;
static size_t unfinished;
static bool leaving;
static pthread_t *thread;
static unsigned n_threads;

static void post(void (*fn)(void *ctx), void *ctx)
{
	struct node *node = malloc(sizeof *node);

	measure_must(node ? 0 : -1, "malloc");
	*node = (struct node){NULL, fn, ctx};
	pthread_mutex_lock(&lock);
	*tail = node;
	tail = &node->next;
	unfinished++;
	pthread_cond_signal(&work);
	pthread_mutex_unlock(&lock);
}

static void wait_for_all(void)
{
	pthread_mutex_lock(&lock);
	while (unfinished > 0)
		pthread_cond_wait(&all_done, &lock);
	pthread_mutex_unlock(&lock);
}

static void *serve(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&lock);
	for (;;) {
		struct node *node = head;
		if (!node && leaving)
			break;
		if (!node) {
			pthread_cond_wait(&work, &lock);
			continue;
		}
		head = node->next;
		if (!head)
			tail = &head;
		pthread_mutex_unlock(&lock);
		node->fn(node->ctx);
		free(node);
		pthread_mutex_lock(&lock);
		if (--unfinished == 0)
			pthread_cond_broadcast(&all_done);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void pool_open(unsigned threads, size_t room)
{
	(void)room;
	leaving = false;
	n_threads = threads;
	thread = measure_memory(threads, sizeof *thread);
	for (unsigned i = 0; i < threads; i++)
		measure_must(pthread_create(&thread[i], NULL, serve, NULL), "pthread_create");
}

static void pool_close(void)
{
	pthread_mutex_lock(&lock);
	leaving = true;
	pthread_cond_broadcast(&work);
	pthread_mutex_unlock(&lock);
	for (unsigned i = 0; i < n_threads; i++)
		pthread_join(thread[i], NULL);
	free(thread);
}

static void pool_flood(unsigned producer, size_t n)
{
	(void)producer;
	for (size_t i = 0; i < n; i++)
		post(measure_nothing, NULL);
	wait_for_all();
}

static void pool_run(void (*fn)(void *ctx), void *ctx)
{
	post(fn, ctx);
	wait_for_all();
}

struct item {
	void (*fn)(size_t i, void *ctx);
	void *ctx;
	size_t i;
};

static void call_item(void *ctx)
{
	struct item *item = ctx;

	item->fn(item->i, item->ctx);
}

static void pool_batch(size_t n, void (*fn)(size_t i, void *ctx), void *ctx)
{
	struct item *item = measure_memory(n, sizeof *item);

	for (size_t i = 0; i < n; i++) {
		item[i] = (struct item){fn, ctx, i};
		post(call_item, &item[i]);
	}
	wait_for_all();
	free(item);
}

static int join_last(int *left)
{
	int now;

	pthread_mutex_lock(&join_lock);
	now = --*left;
	pthread_mutex_unlock(&join_lock);
	return now == 0;
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

static int64_t pool_fib(int n)
{
	return join_all(n, -1);
}

static int64_t pool_skynet(int64_t leaves)
{
	return join_all(leaves, 0);
}

static void pool_pend(unsigned blockers, size_t n)
{
	for (unsigned i = 0; i < blockers; i++)
		post(measure_block, NULL);
	for (size_t i = 0; i < n; i++)
		post(measure_nothing, NULL);
}

/* ---- a thread for each task: 64 at a time, the oldest is joined first -------------------------------- */

enum { AT_ONCE = 64 };

static void *call_item_in_thread(void *ctx)
{
	call_item(ctx);
	return NULL;
}

static void thread_batch(size_t n, void (*fn)(size_t i, void *ctx), void *ctx)
{
	struct item item[AT_ONCE];
	pthread_t id[AT_ONCE];

	for (size_t i = 0; i < n + AT_ONCE; i++) {
		if (i >= AT_ONCE && i - AT_ONCE < n)
			pthread_join(id[i % AT_ONCE], NULL);
		if (i < n) {
			item[i % AT_ONCE] = (struct item){fn, ctx, i};
			measure_must(pthread_create(&id[i % AT_ONCE], NULL, call_item_in_thread,
						    &item[i % AT_ONCE]),
				     "pthread_create");
		}
	}
}

static void nothing_at(size_t i, void *ctx)
{
	(void)i;
	(void)ctx;
}

static void thread_flood(unsigned producer, size_t n)
{
	(void)producer;
	thread_batch(n, nothing_at, NULL);
}

static void *call_plain(void *ctx)
{
	struct node *node = ctx;

	node->fn(node->ctx);
	return NULL;
}

static void thread_run(void (*fn)(void *ctx), void *ctx)
{
	struct node node = {NULL, fn, ctx};
	pthread_t id;

	measure_must(pthread_create(&id, NULL, call_plain, &node), "pthread_create");
	pthread_join(id, NULL);
}

static const struct peer pool = {
	.name = "mutex-pool",
	.open = pool_open,
	.close = pool_close,
	.reopens = true,
	.flood = pool_flood,
	.run = pool_run,
	.fib = pool_fib,
	.skynet = pool_skynet,
	.batch = pool_batch,
	.pend = pool_pend,
	.unpend = wait_for_all,
};
static const struct peer threads = {
	.name = "pthread",
	.flood = thread_flood,
	.flood_most = 20000,
	.run = thread_run,
	.batch = thread_batch,
};

const struct peer *const measure_peers[] = {&pool, &threads, NULL};
