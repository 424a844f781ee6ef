/* SPDX-License-Identifier: MIT
 *
 * thread_pool.c -- the executor "threads".
 *
 * One queue under one lock; workers sleep on an event count. What needs thought is waiting inside a task:
 *
 *   - A wait for an unstarted task of the same pool runs that task in place (take). It is the only task
 *     a waiting worker ever runs, so nothing unrelated can start under a lock that the waiter holds.
 *   - Any other wait sleeps, and for as long as it does the worker does not count as active: if there is
 *     work and nobody idle, a spare thread takes over (blocking, kick). So there are always as many active
 *     threads as the pool was made with, and a wait cannot starve what it waits for.
 *   - A wait that would run a task in place with little stack left sleeps instead, and the spare goes on
 *     with a fresh stack: nesting depth is not bounded by one stack.
 *
 * When a sleeper wakes there may be one thread too many: the next one to finish its task steps back into
 * reserve, and ends if it is not called again for a while.
 *
 *   threads = active + blocked + reserve;  active <= size but for the moment between a wake and a step back
 */
#include "spec.h"
#include "taskq.h"
#include "thread.h"
#include <weft/thread_pool.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_DEFAULT 65536
#define QUEUE_MAX     (1u << 30)
#define RESERVE_STAY  WEFT_MS(500)
#define STACK_MARGIN  (256L * 1024) /* bytes that a task may count on */

enum worker_life {
	WORKER_NONE,
	WORKER_ALIVE,
	WORKER_ENDED /* or about to; to be joined. It does not need the lock any more */
};

struct worker {
	struct pool *pool;
	pthread_t thread;
	enum worker_life life; /* under the lock */
	const char *stack_end; /* lowest usable address; NULL: unknown */
};

struct pool {
	weft_executor *ex;
	struct weft__lock lock; /* of all below */
	struct weft__taskq q;
	size_t limit;
	unsigned size;    /* threads that are to be active */
	unsigned threads; /* that exist */
	unsigned blocked; /* of them, asleep inside a task */
	unsigned reserve; /* of them, surplus: asleep outside */
	unsigned called;  /* of those in reserve, how many have been called back */
	unsigned idle;    /* active, but looking for work in vain */
	unsigned waking;  /* of the idle ones, how many have been woken and are on their way */
	bool dropping, ending;
	unsigned room; /* places in workers: made with the pool, so that a submit allocates nothing */
	struct weft__eventcount work;
	struct weft__eventcount recall;
	char name[16];
	struct worker workers[];
};

static _Thread_local struct worker *self_worker;

static unsigned active(const struct pool *p)
{
	return p->threads - p->blocked - p->reserve;
}

static void *worker_main(void *arg);

/* Under the lock: a place for another worker; NULL: there are as many as there may be. */
static struct worker *free_place(struct pool *p)
{
	for (unsigned i = 0; i < p->room; i++) {
		struct worker *w = &p->workers[i];

		if (w->life == WORKER_ENDED) {
			pthread_join(w->thread, NULL);
			w->life = WORKER_NONE;
		}
		if (w->life == WORKER_NONE)
			return w;
	}
	return NULL;
}

/* Under the lock. */
static int add_worker(struct pool *p)
{
	struct worker *w = free_place(p);
	int err;

	if (!w)
		return -EAGAIN;
	w->pool = p;
	w->stack_end = NULL;
	err = weft__thread_start(&w->thread, worker_main, w);
	if (err)
		return err;
	w->life = WORKER_ALIVE;
	p->threads++;
	return 0;
}

/* What kick decided, for after the lock. */
struct kick {
	int work; /* so many idle threads to wake */
	bool recall;
};

/* Under the lock: there is work for n more threads. Sees to it that somebody comes. */
static struct kick kick(struct pool *p, size_t n)
{
	struct kick k = {0, false};

	for (; n > 0 && p->idle > p->waking; n--) {
		p->waking++;
		k.work++;
	}
	while (n-- > 0 && active(p) + p->called < p->size) {
		if (p->reserve > p->called) {
			p->called++;
			k.recall = true;
		} else if (add_worker(p)) {
			break;
		}
	}
	return k;
}

static void carry_out(struct pool *p, struct kick k)
{
	if (k.work)
		weft__ec_notify(&p->work, k.work);
	if (k.recall)
		weft__ec_notify(&p->recall, INT32_MAX);
}

static int pool_submit(void *self, struct weft_offer *offer)
{
	struct pool *p = self;
	struct kick k = {0, false};
	size_t i = 0;
	int err = 0;

	weft__lock(&p->lock);
	while (!err && i < offer->n && i < INT32_MAX) {
		if (p->dropping)
			err = -ESHUTDOWN;
		else if (p->q.n >= p->limit && !offer->force)
			err = -EAGAIN;
		else
			err = weft_impl_accept(offer, i);
		if (!err)
			weft__taskq_push(&p->q, &offer->tasks[i++]);
	}
	if (i)
		k = kick(p, i);
	weft__unlock(&p->lock);
	carry_out(p, k);
	return i ? (int)i : err;
}

static void pool_remove(void *self, weft_task *t)
{
	struct pool *p = self;

	weft__lock(&p->lock);
	weft__taskq_remove(&p->q, t);
	weft__unlock(&p->lock);
}

static bool stack_is_low(const struct worker *w)
{
	char here;

	return w->stack_end && &here - w->stack_end < STACK_MARGIN;
}

static bool pool_take(void *self, weft_task *t)
{
	struct pool *p = self;
	bool mine;

	if (!self_worker || self_worker->pool != p || stack_is_low(self_worker))
		return false;
	weft__lock(&p->lock);
	mine = weft_impl_start(t);
	if (mine)
		weft__taskq_remove(&p->q, t);
	weft__unlock(&p->lock);
	return mine;
}

static void pool_blocking(void *self, bool blocked)
{
	struct pool *p = self;
	struct kick k = {0, false};

	if (!self_worker || self_worker->pool != p)
		return;
	weft__lock(&p->lock);
	if (blocked) {
		p->blocked++;
		if (p->q.n)
			k = kick(p, 1);
	} else {
		p->blocked--;
	}
	weft__unlock(&p->lock);
	carry_out(p, k);
}

static bool pool_inside(void *self)
{
	return self_worker && self_worker->pool == self;
}

/* Under the lock, which it gives up meanwhile. */
static void sleep_idle(struct pool *p)
{
	uint32_t key = weft__ec_prepare(&p->work);

	p->idle++;
	weft__unlock(&p->lock);
	weft__ec_wait(&p->work, key, WEFT_FOREVER);
	weft__lock(&p->lock);
	p->idle--;
	if (p->waking)
		p->waking--;
}

/* Under the lock, which it gives up meanwhile. False: not needed again, the thread may end. */
static bool sleep_in_reserve(struct pool *p)
{
	weft_time until = weft_after(RESERVE_STAY);
	int err = 0;

	p->reserve++;
	while (!p->called && !p->ending && !err) {
		uint32_t key = weft__ec_prepare(&p->recall);

		weft__unlock(&p->lock);
		err = weft__ec_wait(&p->recall, key, until);
		weft__lock(&p->lock);
	}
	p->reserve--;
	if (!p->called)
		return false;
	p->called--;
	return true;
}

static void serve(struct pool *p)
{
	weft_task *t;

	for (;;) {
		if (active(p) > p->size && !p->ending) {
			if (!sleep_in_reserve(p))
				return;
		} else if ((t = weft__taskq_start(&p->q))) {
			weft__unlock(&p->lock);
			weft_impl_run(t);
			weft__lock(&p->lock);
		} else if (p->ending) {
			return;
		} else {
			sleep_idle(p);
		}
	}
}

static void find_stack_end(struct worker *w)
{
	pthread_attr_t attr;
	void *low;
	size_t size, guard;

	if (pthread_getattr_np(pthread_self(), &attr))
		return;
	if (!pthread_attr_getstack(&attr, &low, &size) && !pthread_attr_getguardsize(&attr, &guard))
		w->stack_end = (char *)low + guard;
	pthread_attr_destroy(&attr);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;

	self_worker = w;
	pthread_setname_np(pthread_self(), p->name);
	find_stack_end(w);
	weft__lock(&p->lock);
	serve(p);
	p->threads--;
	w->life = WORKER_ENDED;
	weft__unlock(&p->lock);
	return NULL;
}

static void pool_stop(void *self, enum weft_stop how)
{
	struct pool *p = self;
	struct list_node *dropped;

	if (how == WEFT_STOP_DRAIN)
		return;
	weft__lock(&p->lock);
	p->dropping = true;
	dropped = weft__taskq_drop(&p->q);
	weft__unlock(&p->lock);
	weft__taskq_finish_dropped(dropped);
}

static void pool_join(void *self)
{
	struct pool *p = self;

	weft__lock(&p->lock);
	p->ending = true;
	weft__unlock(&p->lock);
	weft__ec_notify(&p->work, INT32_MAX);
	weft__ec_notify(&p->recall, INT32_MAX);
	/* No task is left, so no worker is added any more; those that have ended are joined here too. */
	for (unsigned i = 0; i < p->room; i++) {
		bool any;

		weft__lock(&p->lock);
		any = p->workers[i].life != WORKER_NONE;
		weft__unlock(&p->lock);
		if (any)
			pthread_join(p->workers[i].thread, NULL);
	}
}

static void pool_free(void *self, bool forked)
{
	(void)forked; /* memory is all there is to free */
	free(self);
}

static void pool_stats(void *self, struct weft_stats *ret)
{
	struct pool *p = self;

	weft__lock(&p->lock);
	ret->queued = p->q.n;
	ret->workers = active(p);
	weft__unlock(&p->lock);
}

static const struct weft_executor_ops pool_ops = {
	.size = sizeof pool_ops,
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

static int check_opts(struct weft_thread_pool_opts *o)
{
	if (!o->threads)
		o->threads = weft_cpu_count();
	if (!o->queue)
		o->queue = QUEUE_DEFAULT;
	return o->threads > WEFT_WORKERS_MAX || o->queue > QUEUE_MAX ? -ERANGE : 0;
}

/* Starts up to n threads; fewer will do, if the system has no more. */
static int start_workers(struct pool *p, unsigned n)
{
	int err = 0;

	weft__lock(&p->lock);
	p->size = n;
	while (p->threads < n && !err)
		err = add_worker(p);
	p->size = p->threads;
	weft__unlock(&p->lock);
	return p->size ? 0 : err;
}

int weft_thread_pool_new(weft_executor **ret, const struct weft_thread_pool_opts *opts)
{
	struct weft_thread_pool_opts o;
	struct weft_executor_ops ops = pool_ops;
	char name[64];
	struct pool *p;
	int err = ret ? weft__opts_copy(&o, sizeof o, opts) : -EINVAL;

	if (!err)
		err = check_opts(&o);
	if (err)
		return err;
	p = calloc(1, sizeof *p + (o.threads + WEFT_SPARES_MAX) * sizeof p->workers[0]);
	if (!p)
		return -ENOMEM;
	p->room = o.threads + WEFT_SPARES_MAX;
	p->limit = o.queue;
	snprintf(p->name, sizeof p->name, "%s", o.name ? o.name : "weft");
	err = start_workers(p, o.threads);
	snprintf(name, sizeof name, "threads:%u", p->size);
	ops.workers = p->size;
	if (!err)
		err = weft_executor_new(&p->ex, o.name ? o.name : name, &ops, p);
	if (err) {
		pool_join(p);
		free(p);
		return err;
	}
	*ret = p->ex;
	return 0;
}
