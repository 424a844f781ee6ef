/* SPDX-License-Identifier: MIT
 *
 * peer_pool.c -- the pool that one writes oneself: a list, a mutex, a condition. Also a thread for each task.
 *
 * No futures: the pool counts what is not done, under its lock, and waits for 0.
 */
#include <pthread.h>
#include <stdlib.h>

#include "measure.h"

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

typedef int join_count;

static bool join_last(int *left)
{
	int now;

	pthread_mutex_lock(&join_lock);
	now = --*left;
	pthread_mutex_unlock(&join_lock);
	return now == 0;
}

static void join_set(int *left, int n)
{
	*left = n;
}

#include "posted.h"

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

static void thread_solo(void)
{
	thread_run(measure_nothing, NULL);
}

static const struct peer pool = {
	.name = "mutex-pool", .open = pool_open, .close = pool_close, .reopens = true, POSTED};
static const struct peer threads = {
	.name = "pthread",
	.flood = thread_flood,
	.flood_most = 20000,
	.run = thread_run,
	.batch = thread_batch,
	.solo = thread_solo,
};

const struct peer *const measure_peers[] = {&pool, &threads, NULL};
