/* SPDX-License-Identifier: MIT
 *
 * thread_pool.c -- the executor "threads": its operations, its options, its beginning and end. Where tasks
 * wait is in thread_queues.c, who runs them in thread_seats.c.
 *
 * What needs thought is waiting inside a task:
 *
 *   - A wait for an unstarted task of the same pool runs that task in place (take). It is the only task
 *     a waiting worker ever runs, so nothing unrelated can start under a lock that the waiter holds.
 *   - Any other wait gives up its seat for as long as it sleeps, and a spare thread may take over (blocking).
 *   - A wait that would run a task in place with little stack left sleeps instead, and the spare goes on
 *     with a fresh stack: nesting depth is not bounded by one stack. Threads for this are counted apart, since
 *     here the awaited task is queued, and without one nobody might ever run it.
 */
#include "forked.h"
#include "spec.h"
#include "stats.h"
#include "thread_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define QUEUE_DEFAULT 65536
#define QUEUE_MAX     (1u << 30)
#define SPIN_MOST     1000000 /* us */

static int pool_submit(void *self, struct weft_offer *offer)
{
	return thread_queues_submit(self, offer);
}

static bool pool_submit_quickly(void *self, weft_task *t)
{
	return thread_queues_quickly(self, t);
}

static void pool_remove(void *self, weft_task *t)
{
	thread_queues_remove(self, t);
}

static bool pool_take(void *self, weft_task *t)
{
	struct thread_pool *p = self;
	struct thread_worker *w = thread_self_of(p);

	return w && !thread_worker_stack_is_low(w) && thread_queues_claim(w, t);
}

static void pool_blocking(void *self, bool blocked)
{
	thread_seats_block(self, blocked);
}

static bool pool_inside(void *self)
{
	return thread_self_of(self);
}

static void pool_stop(void *self, enum weft_stop how)
{
	struct thread_pool *p = self;

	thread_queues_settle(p);
	if (how == WEFT_STOP_DRAIN)
		return;
	/* Relaxed: each queue's lock, which the sweep takes, orders. */
	atom_store(&p->dropping, 1, relaxed);
	thread_queues_drop(p);
}

static void pool_join(void *self)
{
	thread_seats_end(self);
}

static void pool_free(void *self, bool forked)
{
	struct thread_pool *p = self;

	(void)forked; /* memory is all there is to free */
	for (unsigned i = 0; p->shard && i < p->shards; i++)
		weft__stats_row_close(p->shard[i].tally.row);
	thread_queues_close(p);
	munmap(p, p->mapped);
}

static void pool_stats(void *self, struct weft_stats *ret)
{
	struct thread_pool *p = self;

	ret->queued = thread_queued(p);
	ret->workers = thread_seats_active(p);
}

const struct weft_executor_ops thread_pool_ops = {
	.size = sizeof thread_pool_ops,
	.caps = WEFT_CAP_LOCAL,
	.submit = pool_submit,
	.remove = pool_remove,
	.take = pool_take,
	.blocking = pool_blocking,
	.inside = pool_inside,
	.stop = pool_stop,
	.join = pool_join,
	.free = pool_free,
	.stats = pool_stats,
};

int weft_thread_pool_workers(const weft_executor *ex, struct weft_worker_stats ret[], unsigned n)
{
	const struct thread_pool *p;

	if (!ex || ex->ops.submit != pool_submit || (!ret && n))
		return -EINVAL;
	if (weft__forked(ex->generation))
		return -ECHILD;
	p = ex->self;
	for (unsigned i = 0; i < n && i < p->size; i++) {
		struct thread_seat *s = &p->seat[i];

		/* Relaxed: figures for people. */
		ret[i] = (struct weft_worker_stats){
			.tasks = atom_load(&s->started, relaxed),
			.stolen = atom_load(&s->stolen, relaxed),
			.sleeps = atom_load(&s->slept, relaxed),
		};
	}
	return (int)p->size;
}

static int check_opts(struct weft_thread_pool_opts *o)
{
	if (o->flags & ~(uint32_t)WEFT_THREADS_PIN)
		return -EINVAL;
	if (o->spin > SPIN_MOST && o->spin != WEFT_SPIN_NEVER)
		return -ERANGE;
	if (!o->threads)
		o->threads = weft_cpu_count();
	if (!o->queue)
		o->queue = QUEUE_DEFAULT;
	return o->threads > WEFT_WORKERS_MAX || o->queue > QUEUE_MAX ? -ERANGE : 0;
}

/* Most of it is room for spare threads, so it is mapped: what nobody touches costs nothing. */
static struct thread_pool *pool_alloc(const struct weft_thread_pool_opts *o)
{
	unsigned room = o->threads + WEFT_SPARES_MAX + THREAD_STACKS_MAX;
	size_t size = sizeof(struct thread_pool) + room * sizeof(struct thread_worker);
	struct thread_pool *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	p->mapped = size;
	p->room = room;
	p->size = o->threads;
	p->limit = o->queue;
	p->opts = *o;
	sched_getaffinity(0, sizeof p->allowed, &p->allowed);
	snprintf(p->name, sizeof p->name, "%s", o->name ? o->name : "weft");
	return p;
}

/* The executor comes first: the threads count what they do in it. */
static int pool_start(struct thread_pool *p)
{
	weft_executor *ex;
	int err = thread_queues_open(p);

	if (!err)
		err = weft_executor_new(&p->ex, p->opts.name ? p->opts.name : "threads", &thread_pool_ops, p);
	if (err)
		return err;
	ex = p->ex;
	ex->submit_quickly = pool_submit_quickly;
	for (unsigned i = 0; i < p->shards; i++)
		weft__tally_open(&p->shard[i].tally, ex, weft__stats_row_open(ex, STATS_OTHER, i, 0));
	err = thread_seats_start(p, p->size);
	if (err) {
		weft__executor_discard(ex);
		return err;
	}
	ex->ops.workers = p->size;
	if (!p->opts.name)
		snprintf(ex->name, sizeof ex->name, "threads:%u", p->size);
	weft__stats_describe(ex, STATS_THREADS);
	return 0;
}

int weft_thread_pool_new(weft_executor **ret, const struct weft_thread_pool_opts *opts)
{
	struct weft_thread_pool_opts o;
	struct thread_pool *p;
	int err = ret ? weft__opts_copy(&o, sizeof o, opts) : -EINVAL;

	if (!err)
		err = check_opts(&o);
	if (err)
		return err;
	p = pool_alloc(&o);
	if (!p)
		return -ENOMEM;
	err = pool_start(p);
	if (err) {
		pool_free(p, false);
		return err;
	}
	*ret = p->ex;
	return 0;
}
