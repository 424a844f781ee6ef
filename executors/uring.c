/* SPDX-License-Identifier: MIT
 *
 * uring.c -- the executor "uring": its operations, its options, its beginning and end. What its parts are is in
 * uring_parts.h.
 *
 *   tag  word          from -> to      order                    carries
 *   S1   lane.started  lane -> start   store rel -> load acq    how its start went
 */
#include "forked.h"
#include "grind.h"
#include "own_thread.h"
#include "spec.h"
#include "stats.h"
#include "uring_parts.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define QUEUE_DEFAULT   65536
#define QUEUE_MAX       (1u << 30)
#define SLACK_DEFAULT   50      /* us */
#define SLACK_MAX       1000000 /* us */
#define ENTRIES_DEFAULT 256
#define ENTRIES_MAX     32768
#define LONG_DEFAULT    10000    /* us */
#define LONG_MAX        60000000 /* us */

static int pool_submit(void *self, struct weft_offer *offer)
{
	return uring_queue_submit(self, offer);
}

static void pool_remove(void *self, weft_task *t)
{
	uring_queue_remove(self, t);
}

static enum weft_cancel pool_interrupt(void *self, weft_task *t)
{
	(void)self;
	uring_interrupt(t);
	return WEFT_CANCEL_ASKED;
}

static bool pool_inside(void *self)
{
	return uring_self && uring_self->pool == self;
}

static void pool_stop(void *self, enum weft_stop how)
{
	struct uring_pool *p = self;

	if (how == WEFT_STOP_DRAIN)
		return;
	uring_queue_drop(p);
	for (uint32_t i = 0; i < p->n; i++)
		uring_sweep(&p->lane[i]);
}

/* Ends the first n lanes, which have nothing to do any more. */
static void end_lanes(struct uring_pool *p, uint32_t n)
{
	/* U2 seq_cst: pairs with announce. */
	atom_store(&p->ending, 1, seq_cst);
	for (uint32_t i = 0; i < n; i++)
		uring_ring_bell(&p->lane[i]);
	for (uint32_t i = 0; i < n; i++) {
		pthread_join(p->lane[i].thread, NULL);
		/* U5 acquire: pairs with post. */
		while (atom_load(&p->lane[i].posting, acquire))
			sched_yield();
	}
}

static void pool_join(void *self)
{
	struct uring_pool *p = self;

	uring_watch_end(p);
	end_lanes(p, p->n);
}

/* In a fork the thread of a lane is not there to give back what is the lane's. Its stacks stay: we may be on one. */
static void pool_free(void *self, bool forked)
{
	struct uring_pool *p = self;

	for (uint32_t i = 0; i < p->n; i++) {
		struct uring_lane *l = &p->lane[i];

		if (forked && l->io) {
			l->driver->close(l);
			uring_files_close(l, true);
			uring_heap_free(&l->heap);
			free(l->ready.at);
		}
		weft__stats_row_close(l->row);
		close(l->bell);
	}
	free(p);
}

static void pool_stats(void *self, struct weft_stats *ret)
{
	struct uring_pool *p = self;

	/* Relaxed: a figure for people. */
	ret->queued = atom_load(&p->queued, relaxed);
	ret->workers = p->n;
	ret->long_turns = atom_load(&p->long_turns, relaxed);
	ret->longest_turn = (weft_time)atom_load(&p->longest_turn, relaxed);
}

static const struct weft_executor_ops ops = {
	.size = sizeof ops,
	.caps = WEFT_CAP_LOCAL | WEFT_CAP_FIBERS,
	.submit = pool_submit,
	.remove = pool_remove,
	.interrupt = pool_interrupt,
	.inside = pool_inside,
	.stop = pool_stop,
	.join = pool_join,
	.free = pool_free,
	.stats = pool_stats,
};

static bool in_range(uint32_t *x, uint32_t normal, uint32_t least, uint32_t most)
{
	if (!*x)
		*x = normal;
	return *x >= least && *x <= most;
}

/* The same, or the value that stands for none. */
static bool in_range_or(uint32_t *x, uint32_t none, uint32_t normal, uint32_t least, uint32_t most)
{
	return *x == none || in_range(x, normal, least, most);
}

static int check_opts(struct weft_uring_opts *o)
{
	if ((unsigned)o->engine > WEFT_URING_EPOLL)
		return -EINVAL;
	if (!in_range(&o->lanes, weft_cpu_count(), 1, WEFT_WORKERS_MAX) ||
	    !in_range(&o->queue, QUEUE_DEFAULT, 1, QUEUE_MAX) ||
	    !in_range(&o->stack_size, WEFT__STACK_SIZE_DEFAULT, WEFT__STACK_SIZE_MIN, WEFT__STACK_SIZE_MAX) ||
	    !in_range(&o->entries, ENTRIES_DEFAULT, 1, ENTRIES_MAX) ||
	    !in_range_or(&o->slack, WEFT_SLACK_NONE, SLACK_DEFAULT, 1, SLACK_MAX) ||
	    !in_range_or(&o->long_turn, WEFT_LONG_TURN_NONE, LONG_DEFAULT, 1, LONG_MAX))
		return -ERANGE;
	return 0;
}

/* By the environment, or since valgrind cannot run it: the program would hang. */
static bool is_switched_off(void)
{
	/* As safe as any reading of the environment: the program must not change it meanwhile. */
	const char *text = getenv("WEFT_URING"); /* NOLINT(concurrency-mt-unsafe) */

	return (text && !strcmp(text, "off")) || weft__grind();
}

/* What the system says where io_uring is not to be had, in all its ways of saying so. */
static bool is_refusal(int err)
{
	return err == -EPERM || err == -ENOSYS || err == -EACCES || err == -EINVAL || err == -ENOMEM;
}

static int start_lane(struct uring_pool *p, struct uring_lane *l)
{
	int err;

	l->pool = p;
	l->driver = p->driver;
	l->error = 0;
	if (!l->row)
		l->row = weft__stats_row_open(p->ex, STATS_URING, (unsigned)(l - p->lane), 0);
	atom_store(&l->started, 0, relaxed);
	weft__stacks_init(&l->stacks, p->opts.stack_size);
	err = weft__thread_start(&l->thread, uring_lane_main, l);
	if (err)
		return err;
	/* S1 acquire: pairs with the lane's. In a fiber the calling lane is held up, for as long as it takes. */
	while (!atom_load(&l->started, acquire))
		weft__wait_thread(&l->started, 0, WEFT_FOREVER, WEFT__PRIVATE);
	if (l->error)
		pthread_join(l->thread, NULL);
	return l->error;
}

static int start_lanes(struct uring_pool *p)
{
	uint32_t n = 0;
	int err = 0;

	while (n < p->n && !err) {
		err = start_lane(p, &p->lane[n]);
		n += !err;
	}
	if (err && n)
		end_lanes(p, n);
	return err;
}

static int start(struct uring_pool *p)
{
	enum weft_uring_engine engine = p->opts.engine;
	int err = is_switched_off() ? -ENOSYS : 0;

#ifdef WEFT_HAVE_URING
	p->driver = &uring_ring_driver;
	if (!err && engine != WEFT_URING_EPOLL)
		err = start_lanes(p);
#else
	err = -ENOSYS;
#endif
	if (engine == WEFT_URING_EPOLL || (engine == WEFT_URING_ANY && is_refusal(err))) {
		p->driver = &uring_poll_driver;
		atom_store(&p->ending, 0, relaxed);
		err = start_lanes(p);
	}
	return err;
}

static int open_bells(struct uring_pool *p)
{
	for (; p->n < p->opts.lanes; p->n++) {
		p->lane[p->n].bell = eventfd(0, EFD_CLOEXEC);
		if (p->lane[p->n].bell < 0)
			return -errno;
	}
	return 0;
}

static struct uring_pool *pool_alloc(const struct weft_uring_opts *o)
{
	size_t size = sizeof(struct uring_pool) + o->lanes * sizeof(struct uring_lane);
	struct uring_pool *p = aligned_alloc(_Alignof(struct uring_pool), size);

	if (!p)
		return NULL;
	memset(p, 0, size);
	p->opts = *o;
	p->slack = o->slack == WEFT_SLACK_NONE ? 0 : WEFT_US(o->slack);
	snprintf(p->name, sizeof p->name, "%s", o->name ? o->name : "weft-uring");
	return p;
}

/* The executor comes first: the lanes count what they do in it. */
static int pool_start(struct uring_pool *p)
{
	weft_executor *ex;
	int err = open_bells(p);

	if (!err)
		err = weft_executor_new(&p->ex, p->opts.name ? p->opts.name : "uring", &ops, p);
	if (err)
		return err;
	ex = p->ex;
	err = start(p);
	if (!err) {
		err = uring_watch_start(p);
		if (err)
			end_lanes(p, p->n);
	}
	if (err) {
		weft__executor_discard(ex);
		return err;
	}
	ex->ops.workers = p->n;
	if (!p->opts.name)
		snprintf(ex->name, sizeof ex->name, "uring:%u (%s)", p->n, p->driver->name);
	weft__stats_describe(ex, STATS_URING);
	return 0;
}

int weft_uring_new(weft_executor **ret, const struct weft_uring_opts *opts)
{
	struct weft_uring_opts o;
	struct uring_pool *p;
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
