/* SPDX-License-Identifier: MIT
 *
 * swarm_programs.c -- what the swarm does with tasks and futures. Each program leaves nothing behind, and looks at all
 * that has become of what it began.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "swarm.h"

enum {
	BATCH_MAX = 200,
	GROUP_MAX = 40,
	ANY_MAX = 20,
	MAP_MAX = 5000,
	FOR_MAX = 3000,
	LIFE_MAX = 50,
	PATIENCE_MS = 60000
};

struct batch {
	struct job *job;
	weft_task *task; /* theirs, in a row */
	weft_future **f;
	size_t n;
};

/* ---- Submitting ---- */

static void submit_one(const struct place *at, weft_task *t, bool wait)
{
	int err;

	while ((err = wait ? weft_submit_wait(at->ex, t, WEFT_FOREVER) : weft_submit(at->ex, t)) == -EAGAIN)
		sched_yield();
	DEMAND(!err);
}

static void submit_row(const struct place *at, struct batch *b)
{
	size_t accepted = 0, now;
	int err;

	while (accepted < b->n) {
		err = weft_submit_many(at->ex, b->task + accepted, b->n - accepted, &now);
		DEMAND(!err || err == -EAGAIN);
		accepted += now;
		if (err)
			sched_yield();
	}
}

static void submit_each(const struct place *at, struct batch *b, struct dice *d)
{
	for (size_t i = 0; i < b->n; i++)
		submit_one(at, &b->task[i], roll(d, 2));
}

/* ---- Waiting ---- */

static void await_each(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		DEMAND(!weft_future_wait(b->f[i], WEFT_FOREVER));
}

static void await_any(const struct batch *b)
{
	weft_future *left[ANY_MAX];
	size_t n = b->n < ANY_MAX ? b->n : ANY_MAX;
	ssize_t at;

	memcpy(left, b->f, n * sizeof *left);
	while (n) {
		at = weft_wait_any(left, n, WEFT_FOREVER);
		DEMAND(at >= 0 && (size_t)at < n && weft_future_status(left[at]) != -EINPROGRESS);
		left[at] = left[--n];
	}
	DEMAND(!weft_wait_all(b->f, b->n, WEFT_FOREVER));
}

/* Each comes once, with its tag. */
static void await_queue(const struct batch *b, bool by_fd)
{
	bool *seen = calloc(b->n, sizeof *seen);
	struct pollfd fd = {.events = POLLIN};
	weft_future *f;
	weft_cq *q;
	void *tag;

	DEMAND(seen && !weft_cq_new(&q));
	fd.fd = weft_cq_fd(q);
	for (size_t i = 0; i < b->n; i++)
		DEMAND(!weft_cq_watch(q, b->f[i], &seen[i]));
	for (size_t i = 0; i < b->n; i++) {
		if (by_fd)
			DEMAND(poll(&fd, 1, PATIENCE_MS) == 1);
		DEMAND(!weft_cq_next(q, &f, &tag, by_fd ? 0 : WEFT_FOREVER));
		DEMAND(!*(bool *)tag && f == b->f[(bool *)tag - seen]);
		*(bool *)tag = true;
	}
	DEMAND(weft_cq_next(q, NULL, NULL, 0) == -ETIMEDOUT);
	weft_cq_free(q);
	free(seen);
}

static void await(const struct batch *b, struct dice *d)
{
	uint32_t how = roll(d, 4);

	if (how == 0)
		await_each(b);
	else if (how == 1)
		await_any(b);
	else if (how == 2)
		await_queue(b, roll(d, 2));
	else
		DEMAND(!weft_wait_all(b->f, b->n, WEFT_FOREVER));
}

/* ---- The programs ---- */

static void batch_init(struct batch *b, const struct place *at, struct dice *d)
{
	b->n = 1 + roll(d, BATCH_MAX);
	b->job = calloc(b->n, sizeof *b->job);
	b->task = calloc(b->n, sizeof *b->task);
	b->f = calloc(b->n, sizeof(weft_future *));
	DEMAND(b->job && b->task && b->f);
	for (size_t i = 0; i < b->n; i++) {
		job_init(&b->job[i], at, d, false);
		b->task[i] = b->job[i].task;
		b->f[i] = weft_task_future(&b->task[i]);
	}
}

static void run_batch(struct dice *d)
{
	const struct place *at = roll_place(d);
	struct batch b;

	batch_init(&b, at, d);
	if (roll(d, 2))
		submit_row(at, &b);
	else
		submit_each(at, &b, d);
	if (!roll(d, 3))
		for (size_t i = 0; i < b.n; i += 1 + roll(d, 9))
			weft_future_cancel(b.f[i]);
	await(&b, d);
	for (size_t i = 0; i < b.n; i++)
		job_judge(&b.job[i].order, &b.job[i].answer, b.f[i]);
	free(b.job);
	free(b.task);
	free(b.f);
}

static void run_group(struct dice *d)
{
	const struct place *at = roll_place(d);
	weft_group g = {.ex = at->ex, .deadline = roll(d, 4) ? 0 : weft_after(WEFT_MS(3))};
	bool calm = roll(d, 2), cancelled = false, refused = false, same = false, failed = false;
	static _Thread_local struct job job[GROUP_MAX];
	size_t n = 1 + roll(d, GROUP_MAX), in = 0;
	int err = 0;

	while (in < n && !refused) {
		job_init(&job[in], at, d, calm);
		while ((err = weft_group_submit(&g, &job[in].task)) == -EAGAIN) {}
		DEMAND(!err || err == -ECANCELED);
		refused = err;
		in += !err;
		if (!roll(d, 100)) {
			weft_group_cancel(&g);
			cancelled = true;
		}
	}
	err = weft_group_wait(&g);
	for (size_t i = 0; i < in; i++) {
		weft_future *f = weft_task_future(&job[i].task);

		job_judge(&job[i].order, &job[i].answer, f);
		failed |= weft_future_status(f) < 0;
		same |= weft_future_status(f) == err;
	}
	DEMAND(err ? same || (cancelled && err == -ECANCELED) : !failed && !refused);
}

/* One on the heap, and one that follows it, perhaps elsewhere. */
static void run_chain(struct dice *d)
{
	const struct place *at = roll_place(d), *then = roll_place(d);
	struct job first, next;
	struct answer a = {0};
	weft_future *f;
	int err;

	job_init(&first, at, d, false);
	job_init(&next, then, d, true);
	while ((err = weft_async(at->ex, job_fn, &first.order, sizeof first.order, sizeof a, &f)) == -EAGAIN)
		sched_yield();
	DEMAND(!err);
	err = roll(d, 3) ? weft_future_then(f, then->ex, &next.task) : -EAGAIN; /* or nobody waits for it */
	DEMAND(!err || err == -EAGAIN);
	if (!err) {
		if (!roll(d, 3))
			weft_future_cancel(roll(d, 2) ? f : weft_task_future(&next.task));
		DEMAND(!weft_future_wait(weft_task_future(&next.task), WEFT_FOREVER));
		job_judge(&next.order, &next.answer, weft_task_future(&next.task));
		DEMAND(!weft_future_wait(f, WEFT_FOREVER));
		if (weft_future_status(f) >= 0)
			memcpy(&a, weft_future_result(f, NULL), sizeof a);
		job_judge(&first.order, &a, f);
	}
	weft_future_unref(f);
}

static void run_map(struct dice *d)
{
	const struct place *at = roll_place(d);
	struct weft_map_opts opts = {.chunk = roll(d, 100), .flags = WEFT_TASK_IDEMPOTENT};
	static _Thread_local uint32_t x[MAP_MAX];
	static _Thread_local uint64_t y[MAP_MAX];
	size_t n = roll(d, MAP_MAX);
	int err;

	for (size_t i = 0; i < n; i++)
		x[i] = roll(d, UINT32_MAX);
	err = weft_map(at->ex, square_fn, x, sizeof *x, y, sizeof *y, n, roll(d, 2) ? &opts : NULL);
	DEMAND(!err || (err == -EOWNERDEAD && at->kills && swarm.raging));
	for (size_t i = 0; i < n && !err; i++)
		DEMAND(y[i] == (uint64_t)x[i] * x[i]);
}

static int count_range(weft_call *call, size_t begin, size_t end, void *ctx)
{
	unsigned char *times = ctx;

	(void)call;
	for (size_t i = begin; i < end; i++)
		times[i]++;
	return 0;
}

static void run_for(struct dice *d)
{
	const struct place *at = roll_place(d);
	size_t begin = roll(d, 10), end = begin + roll(d, FOR_MAX);
	unsigned char *times = calloc(end + 1, 1);

	DEMAND(times);
	if (at->local)
		DEMAND(!weft_for(at->ex, count_range, begin, end, roll(d, 20), times));
	for (size_t i = 0; i <= end && at->local; i++)
		DEMAND(times[i] == (i >= begin && i < end));
	free(times);
}

/* An executor from its beginning to its end, in whichever way. */
static void run_life(struct dice *d)
{
	struct place at = *roll_place(d);
	static _Thread_local struct job job[LIFE_MAX];
	struct weft_stats s;
	size_t n = roll(d, LIFE_MAX), in = 0;
	int err;

	DEMAND(!weft_executor_open(&at.ex, at.text));
	for (; in < n; in++) {
		job_init(&job[in], &at, d, false);
		err = weft_submit(at.ex, &job[in].task);
		DEMAND(!err || err == -EAGAIN);
		if (err)
			break;
	}
	err = weft_executor_stop(at.ex, (enum weft_stop)roll(d, 3), weft_after(roll(d, 3000000)));
	DEMAND(!err || err == -ETIMEDOUT);
	DEMAND(!weft_executor_stop(at.ex, WEFT_STOP_KILL, WEFT_FOREVER));
	for (size_t i = 0; i < in; i++)
		job_judge(&job[i].order, &job[i].answer, weft_task_future(&job[i].task));
	DEMAND(!weft_executor_stats(at.ex, &s));
	DEMAND(s.submitted >= in && s.submitted == s.completed && !s.queued && !s.running);
	weft_executor_free(at.ex);
}

void program_run(struct dice *d)
{
	static void (*const programs[])(struct dice * d) = {run_batch, run_batch, run_batch, run_group,
							    run_group, run_chain, run_chain, run_chain,
							    run_map,   run_for,   run_for};
	uint32_t which = roll(d, 4 * sizeof programs / sizeof programs[0] + 1);

	if (which == 0)
		run_life(d);
	else
		programs[(which - 1) / 4](d);
}
