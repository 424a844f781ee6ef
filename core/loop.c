/* SPDX-License-Identifier: MIT
 *
 * loop.c -- weft_for: a range of indices, where memory is shared.
 *
 * As many runners as the executor has workers, each a task. Each owns a row of units of the loop (range.h) and
 * takes pieces from its front; when it has no more, it takes the back half of another's. The first that starts
 * has them all. So who is busy with costly indices is relieved of the rest, and nothing waits for a worker that
 * has no time for this loop. The caller is one of the runners, unless workers have begun them all.
 *
 * How large a piece is, time decides: a runner begins with one unit, and takes more and more until a piece is
 * worth its costs. What is dear after much that was cheap is met by a piece that is too large: so it is never
 * more than a small part of the loop, and those at the end of a row are small (weft__range_take). What was
 * stolen is new ground, where a runner begins with one unit again.
 *
 *   tag  word       from -> to          order         carries
 *   W1   l.started  runner <-> runner   add relaxed   nothing: who gets which row; what the bodies write is
 *                                                     ordered by the group
 *   W2   l.failed   fail -> runners     relaxed       nothing: a hint; the error goes with the lock
 */
#include "range.h"
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOOKS = 8,   /* at rows that could be halved: the longest of so many will do */
	ON_STACK = 8 /* runners */
};

struct runner {
	struct weft__range row;
	weft_task task;
};

struct loop {
	int (*body)(weft_call *, size_t, size_t, void *);
	void *ctx;
	const weft_call *caller; /* or NULL */
	size_t begin;
	struct weft__units units;
	uint32_t most; /* units of a piece */
	uint32_t n;    /* runners */
	struct runner *runner;
	atom_u32 started;
	atom_u64 failed; /* the first index that a failed call began with; calls behind it are not begun */
	struct weft__lock lock;
	int error; /* of that call, under lock */
};

static void fail(struct loop *l, size_t at, int error)
{
	weft__lock(&l->lock);
	/* W2 relaxed: written under the lock only. */
	if (at < atom_load(&l->failed, relaxed)) {
		atom_store(&l->failed, at, relaxed);
		l->error = error;
	}
	weft__unlock(&l->lock);
}

static bool is_behind_failure(struct loop *l, size_t at)
{
	/* W2 relaxed: seen too late it lets one more call begin. */
	return at > atom_load(&l->failed, relaxed);
}

/* A caller that runs runners while it waits passes its cancellation on only between them. */
static bool is_cancelled(const struct loop *l, const weft_call *call)
{
	return weft__cancelled(call) || weft__cancelled(l->caller);
}

/* False: what is behind these units is not to be run either. */
static bool run_units(struct loop *l, weft_call *call, uint32_t unit, uint32_t n)
{
	size_t at = weft__unit_at(&l->units, unit), end = weft__unit_at(&l->units, unit + n), len;

	for (; at < end; at += len) {
		int err;

		if (is_behind_failure(l, at))
			return false;
		len = end - at < l->units.per_call ? end - at : l->units.per_call;
		err = -ECANCELED;
		if (!is_cancelled(l, call))
			err = l->body(call, l->begin + at, l->begin + at + len, l->ctx);
		if (err < 0) {
			fail(l, at, err);
			return false;
		}
	}
	return true;
}

static void run_row(struct loop *l, weft_call *call, struct weft__range *row)
{
	struct weft__pace pace = WEFT__PACE_START;
	weft_time since = 0, now;
	uint32_t unit, n;

	for (uint32_t i = 1; (n = weft__range_take(row, pace.units, &unit)); i++) {
		if (!run_units(l, call, unit, n))
			return;
		if (i < pace.pieces)
			continue;
		now = weft_now();
		if (since) /* not for the first piece, which may be all there is */
			weft__pace_adapt(&pace, now - since, l->most);
		since = now;
		i = 0;
	}
}

/* Somebody else's row that has something to run. The units of a row are all before a failure, or all behind
 * it: the one that failed is in no row. */
static struct weft__range *victim(struct loop *l, uint32_t me)
{
	struct weft__range *longest = NULL;
	uint32_t most = 0;

	for (uint32_t i = 1, seen = 0; i < l->n && seen < LOOKS; i++) {
		struct weft__range *row = &l->runner[i < l->n - me ? me + i : me + i - l->n].row;
		uint32_t unit, left = weft__range_look(row, &unit);

		if (!left || is_behind_failure(l, weft__unit_at(&l->units, unit)))
			continue;
		seen++;
		if (left > most) {
			most = left;
			longest = row;
		}
	}
	return longest;
}

/* False: nothing is left, but what others have in their hands. */
static bool steal(struct loop *l, uint32_t me)
{
	struct weft__range *from;
	uint32_t unit, n = 0;

	while (!n && (from = victim(l, me)))
		n = weft__range_steal(from, &unit);
	if (n)
		weft__range_set(&l->runner[me].row, unit, unit + n);
	return n;
}

/* The body of a runner. It succeeds whatever its calls do: a failure must not cancel its siblings, which
 * may be at indices before the failed one. */
static int run(weft_call *call, const void *arg, void *result)
{
	struct loop *l = *(struct loop *const *)arg;
	/* W1 relaxed: see the table. */
	uint32_t me = atom_add(&l->started, 1, relaxed);

	(void)result;
	do
		run_row(l, call, &l->runner[me].row);
	while (steal(l, me));
	return 0;
}

/* Starts the runners. One is enough, so a full queue is no failure once one has started. */
static int start(weft_group *g, struct loop **arg)
{
	struct loop *l = *arg;
	int err = 0;

	for (uint32_t i = 0; i < l->n; i++) {
		weft_task *t = &l->runner[i].task;

		t->fn = run;
		t->name = "weft_for";
		t->arg = arg;
		t->arg_size = sizeof *arg; /* NOLINT: of the pointer */
		t->flags = WEFT_TASK_LOCAL;
		err = weft_group_submit(g, t);
		if (err)
			return i ? 0 : err;
	}
	return 0;
}

/* A thread outside that waits is in the way: the workers it has just woken have one processor less, and the last
 * of them may stay behind another one for milliseconds. So it takes the place of a worker that has not begun. Not a
 * fiber, which parks instead, and holds up no others. */
static void take_part(weft_executor *ex, struct loop *l)
{
	if (weft__fiber || ex->ops.caps & WEFT_CAP_FIBERS || weft__inside(ex))
		return;
	for (uint32_t i = l->n; i-- > 0;) {
		weft_future *f = weft__future(&l->runner[i].task);

		if (weft__claim(f, PHASE_QUEUED, PHASE_RUNNING)) {
			weft__unqueue(f);
			weft_impl_run(&l->runner[i].task);
			return;
		}
	}
}

static int run_all(weft_executor *ex, struct loop *l)
{
	weft_group g = {.ex = ex};
	int err;

	weft__range_set(&l->runner[0].row, 0, l->units.count);
	err = start(&g, &l);
	if (err == -EAGAIN) { /* the queue is full of others' tasks: be the runner oneself */
		err = run(weft_current(), &l, NULL);
	} else if (!err) {
		take_part(ex, l);
		err = weft_group_wait(&g);
	}
	return l->error ? l->error : err;
}

int weft_for(weft_executor *ex, int (*body)(weft_call *call, size_t begin, size_t end, void *ctx),
	     size_t begin, size_t end, size_t grain, void *ctx)
{
	struct loop l = {
		.body = body, .ctx = ctx, .caller = weft_current(), .begin = begin, .failed = UINT64_MAX};
	weft_task probe = {.fn = run, .flags = WEFT_TASK_LOCAL};
	struct runner few[ON_STACK];
	int err = body ? weft__check(ex, &probe) : -EINVAL;

	if (err || begin >= end)
		return err;
	l.units = weft__units_of(end - begin, grain);
	l.n = ex->ops.workers ? ex->ops.workers : 1;
	if (l.n > l.units.count)
		l.n = l.units.count;
	l.most = weft__pace_most(l.units.count / l.n); /* NOLINT: there is a unit */
	l.runner = l.n > ON_STACK ? aligned_alloc(_Alignof(struct runner), l.n * sizeof few[0]) : few;
	if (!l.runner)
		return -ENOMEM;
	memset(l.runner, 0, l.n * sizeof few[0]);
	err = run_all(ex, &l);
	if (l.runner != few)
		free(l.runner);
	return err;
}
