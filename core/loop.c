/* SPDX-License-Identifier: MIT
 *
 * loop.c -- weft_for: a range of indices, where memory is shared.
 *
 * As many runners as the executor has workers, each a task, draw ranges from one counter until it is
 * exhausted. That balances itself, whatever the ranges cost, and needs no task per range.
 *
 *   tag  word       from -> to              order                  carries
 *   W1   for.next   runner <-> runner       add relaxed            nothing: who gets which range; what the
 *                                                                  bodies write is ordered by the group
 */
#include "state.h"

#include <errno.h>
#include <stdlib.h>

enum {
	RANGES_PER_WORKER = 32,
	ON_STACK = 8 /* runners */
};

struct loop {
	int (*body)(weft_call *, size_t, size_t, void *);
	void *ctx;
	size_t begin, end, grain, ranges;
	atom_u64 next;   /* range */
	atom_u64 failed; /* the first range that failed; ranges behind it are not begun */
	struct weft__lock lock;
	int error; /* of range failed, under lock */
};

static void fail(struct loop *l, uint64_t range, int error)
{
	weft__lock(&l->lock);
	/* Relaxed: written under the lock only; readers without it take it as a hint. */
	if (range < atom_load(&l->failed, relaxed)) {
		atom_store(&l->failed, range, relaxed);
		l->error = error;
	}
	weft__unlock(&l->lock);
}

static int run_range(weft_call *call, struct loop *l, uint64_t range)
{
	size_t begin = l->begin + (size_t)range * l->grain;
	size_t end = l->end - begin > l->grain ? begin + l->grain : l->end;

	return weft_call_cancelled(call) ? -ECANCELED : l->body(call, begin, end, l->ctx);
}

/* The body of a runner. It succeeds whatever its ranges do: a failure must not cancel its siblings, which
 * may be at ranges before the failed one. */
static int runner(weft_call *call, const void *arg, void *result)
{
	struct loop *l = *(struct loop *const *)arg;

	(void)result;
	for (;;) {
		/* W1 relaxed: see the table. The counter ends at most one per runner above ranges. */
		uint64_t range = atom_add(&l->next, 1, relaxed);
		int err;

		if (range >= l->ranges || range > atom_load(&l->failed, relaxed))
			return 0;
		err = run_range(call, l, range);
		if (err < 0)
			fail(l, range, err);
	}
}

/* Starts up to n runners; one is enough, so a full queue is no failure once one has started. */
static int start(weft_group *g, struct loop **arg, weft_task t[], size_t n)
{
	size_t started = 0;
	int err = 0;

	for (; started < n && !err; started += !err) {
		t[started].fn = runner;
		t[started].arg = arg;
		t[started].arg_size = sizeof(struct loop *);
		t[started].flags = WEFT_TASK_LOCAL;
		err = weft_group_submit(g, &t[started]);
	}
	return started ? 0 : err;
}

static int run(weft_executor *ex, struct loop *l, weft_task t[], size_t n)
{
	weft_group g = {.ex = ex};
	int err = start(&g, &l, t, n);

	if (err == -EAGAIN) { /* the queue is full of others' tasks: be the runner oneself */
		runner(weft_current(), &l, NULL);
		return l->error;
	}
	if (err)
		return err;
	err = weft_group_wait(&g);
	return l->error ? l->error : err;
}

int weft_for(weft_executor *ex, int (*body)(weft_call *call, size_t begin, size_t end, void *ctx),
	     size_t begin, size_t end, size_t grain, void *ctx)
{
	struct loop l = {
		.body = body, .ctx = ctx, .begin = begin, .end = end, .grain = grain, .failed = UINT64_MAX};
	weft_task few[ON_STACK] = {0}, *t = few;
	weft_task probe = {.fn = runner, .flags = WEFT_TASK_LOCAL};
	size_t workers = ex && ex->ops.workers ? ex->ops.workers : 1;
	int err = body ? weft__check(ex, &probe) : -EINVAL;

	if (err || begin >= end)
		return err;
	if (!grain)
		l.grain = (end - begin) / (workers * RANGES_PER_WORKER);
	l.grain += !l.grain;
	l.ranges = (end - begin - 1) / l.grain + 1;
	if (workers > l.ranges)
		workers = l.ranges;
	if (workers > ON_STACK)
		t = calloc(workers, sizeof *t);
	if (!t)
		return -ENOMEM;
	err = run(ex, &l, t, workers);
	if (t != few)
		free(t);
	return err;
}
