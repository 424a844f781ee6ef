/* SPDX-License-Identifier: MIT
 *
 * offload.c -- a few threads for calls that block. They are started when there is a call and nobody idle, leave
 * after a second without one, and when the last executor is freed. A thread that has left is joined by who needs its
 * row next, or at the end.
 *
 * Everything is under one lock. A call is on the stack of who waits for it; he is woken under the lock, and takes it
 * before he goes on, so that it lives for as long as it is touched. One that may be given up is on the heap: whoever
 * comes second, caller or thread, frees it.
 */
#include "offload.h"
#include "fiber.h"
#include "own_thread.h"
#include "state.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_FOR WEFT_SECONDS(1)

struct job {
	struct list_node node;
	void (*fn)(void *ctx);
	void (*discard)(void *ctx);
	void *ctx;
	struct weft__parker *caller; /* NULL: it has given up */
	bool done;
};

enum row_state {
	ROW_FREE,
	ROW_WORKS,
	ROW_LEFT,  /* whoever needs the row joins the thread */
	ROW_ENDS,  /* somebody joins it already: it leaves, and takes no more */
	ROW_ALONE, /* nobody waits for it any more: it leaves, and frees its row */
};

struct row {
	enum row_state state;
	pthread_t thread;
	struct job *job; /* that it runs */
};

static struct {
	struct weft__lock lock;
	struct list_node *jobs;       /* that nobody has taken */
	unsigned n_jobs, idle;        /* idle: threads that look for one */
	unsigned executors;           /* none: no threads */
	struct weft__eventcount more; /* there is a job, or a row that ends */
	struct row row[WEFT__OFFLOAD_THREADS];
} pool;

static struct job *take(struct row *row)
{
	struct list_node *n = list_pop(&pool.jobs);

	row->job = n ? list_entry(n, struct job, node) : NULL;
	if (n)
		pool.n_jobs--;
	return row->job;
}

/* The lock is held on entry and on return. */
static void run(struct row *row, struct job *job)
{
	weft__unlock(&pool.lock);
	job->fn(job->ctx);
	weft__lock(&pool.lock);
	row->job = NULL;
	job->done = true;
	if (job->caller) {
		weft__unpark(job->caller);
		return;
	}
	weft__unlock(&pool.lock);
	job->discard(job->ctx);
	free(job);
	weft__lock(&pool.lock);
}

/* Waits for a job, the lock being held on entry and on return. False: for too long. */
static bool await_job(void)
{
	uint32_t key = weft__ec_prepare(&pool.more);
	int err;

	pool.idle++;
	weft__unlock(&pool.lock);
	err = weft__ec_wait(&pool.more, key, weft_after(IDLE_FOR));
	weft__lock(&pool.lock);
	pool.idle--;
	return !err || pool.jobs;
}

static void *helper(void *arg)
{
	struct row *row = arg;
	struct job *job;

	weft__lock(&pool.lock);
	do {
		while (row->state == ROW_WORKS && (job = take(row)))
			run(row, job);
	} while (row->state == ROW_WORKS && await_job());
	if (row->state == ROW_WORKS)
		row->state = ROW_LEFT;
	else if (row->state == ROW_ALONE)
		row->state = ROW_FREE;
	weft__unlock(&pool.lock);
	return NULL;
}

/* A thread more, if there may be. The lock is held. */
static bool start(void)
{
	for (struct row *row = pool.row; row < pool.row + WEFT__OFFLOAD_THREADS; row++) {
		if (row->state == ROW_LEFT) {
			pthread_join(row->thread, NULL); /* it is past its last lock */
			row->state = ROW_FREE;
		}
		if (row->state != ROW_FREE)
			continue;
		row->state = ROW_WORKS;
		if (!weft__thread_start(&row->thread, helper, row))
			return true;
		row->state = ROW_FREE;
		return false;
	}
	return false;
}

static bool anybody_works(void)
{
	for (unsigned i = 0; i < WEFT__OFFLOAD_THREADS; i++)
		if (pool.row[i].state == ROW_WORKS)
			return true;
	return false;
}

static bool submit(struct job *job)
{
	bool ok;

	weft__lock(&pool.lock);
	ok = pool.executors && (pool.idle > pool.n_jobs || start() || anybody_works());
	if (ok) {
		list_append(&pool.jobs, &job->node);
		pool.n_jobs++;
	}
	weft__unlock(&pool.lock);
	if (ok)
		weft__ec_notify(&pool.more, 1);
	return ok;
}

static bool is_done(struct job *job)
{
	bool done;

	weft__lock(&pool.lock);
	done = job->done;
	weft__unlock(&pool.lock);
	return done;
}

/* False: fn runs, and the thread disposes of job. */
static bool take_back(struct job *job)
{
	bool mine;

	weft__lock(&pool.lock);
	mine = job->done || list_linked(&job->node);
	if (list_linked(&job->node)) {
		list_remove(&pool.jobs, &job->node);
		pool.n_jobs--;
	}
	job->caller = NULL;
	weft__unlock(&pool.lock);
	return mine;
}

void weft__offload(void (*fn)(void *ctx), void *ctx)
{
	struct weft__parker parker = {0};
	struct job job = {.fn = fn, .ctx = ctx, .caller = &parker};

	if (weft__fiber && submit(&job)) {
		while (!is_done(&job))
			weft__sleep(&parker, WEFT_FOREVER, false);
		return;
	}
	weft_blocking_begin();
	fn(ctx);
	weft_blocking_end();
}

int weft__offload_until(void (*fn)(void *ctx), void (*discard)(void *ctx), void *ctx, weft_time deadline)
{
	struct weft__parker parker = {0};
	struct job *job = malloc(sizeof *job);
	bool done;
	int err = 0;

	if (!job)
		return -EAGAIN;
	*job = (struct job){.fn = fn, .discard = discard, .ctx = ctx, .caller = &parker};
	if (!submit(job)) {
		free(job);
		return -EAGAIN;
	}
	weft__release_pending();
	while (!(done = is_done(job)) && !err)
		err = weft__sleep(&parker, deadline, true);
	if (!done && !take_back(job)) /* the thread has it */
		job = NULL;
	if (!done && job)
		discard(ctx);
	free(job);
	if (done)
		return 0;
	return err == -ECANCELED && !weft__asked(weft__current) ? -ETIMEDOUT : err;
}

void weft__offload_open(void)
{
	weft__lock(&pool.lock);
	pool.executors++;
	weft__unlock(&pool.lock);
}

/* The lock is held on entry and on return. */
static void end(struct row *row)
{
	if (row->state == ROW_WORKS && row->job && !row->job->caller) {
		row->state = ROW_ALONE;
		pthread_detach(row->thread);
		return;
	}
	if (row->state != ROW_WORKS && row->state != ROW_LEFT)
		return;
	row->state = ROW_ENDS;
	weft__unlock(&pool.lock);
	weft__ec_notify(&pool.more, INT_MAX);
	pthread_join(row->thread, NULL);
	weft__lock(&pool.lock);
	row->state = ROW_FREE;
}

void weft__offload_close(void)
{
	weft__lock(&pool.lock);
	if (--pool.executors == 0)
		for (unsigned i = 0; i < WEFT__OFFLOAD_THREADS; i++)
			end(&pool.row[i]);
	weft__unlock(&pool.lock);
}

void weft__offload_reset(void)
{
	memset(&pool, 0, sizeof pool);
}
