/* SPDX-License-Identifier: MIT
 *
 * peer_weft.c -- weft itself, in the forms in which it can be asked for the same thing:
 *
 *   weft            weft_submit into the caller's array, a future each; trees by weft_spawn
 *   weft-many       weft_submit_many, all in one call
 *   weft-async      weft_async, a future on the heap each
 *   weft-submit     trees by weft_submit and weft_future_wait
 *   weft-inline     trees by weft/spawn_inline.h
 *   weft-processes  weft_submit into worker processes
 */
#include "peer_weft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "measure.h"

enum { PRODUCERS = 2, BLOCKERS = 64 };

weft_executor *bench_ex;
static weft_task *tasks[PRODUCERS];
static weft_future **futures[PRODUCERS];
static weft_task blocker[BLOCKERS];
static size_t n_pending;

static void open_pool(const char *kind, unsigned threads, size_t room)
{
	char spec[64];

	snprintf(spec, sizeof spec, "%s:%u,queue=%zu", kind, threads, room);
	measure_must(weft_executor_open(&bench_ex, spec), spec);
}

static void open_threads(unsigned threads, size_t room)
{
	open_pool("threads", threads, room);
}

static void open_processes(unsigned threads, size_t room)
{
	open_pool("processes", threads, room);
}

static void close_pool(void)
{
	weft_executor_free(bench_ex);
}

static int empty(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)arg;
	(void)result;
	return 0;
}

static void prepare(unsigned producers, size_t n)
{
	for (unsigned p = 0; p < producers; p++) {
		tasks[p] = measure_memory(n, sizeof **tasks);
		for (size_t i = 0; i < n; i++)
			tasks[p][i].fn = empty;
	}
}

static void prepare_async(unsigned producers, size_t n)
{
	for (unsigned p = 0; p < producers; p++)
		futures[p] = measure_memory(n, sizeof **futures);
}

static void wait_for(weft_future *f)
{
	measure_must(weft_future_wait(f, WEFT_FOREVER), "weft_future_wait");
	measure_must(weft_future_status(f), "task");
}

static void flood(unsigned producer, size_t n)
{
	weft_task *t = tasks[producer];

	for (size_t i = 0; i < n; i++)
		measure_must(weft_submit(bench_ex, &t[i]), "weft_submit");
	for (size_t i = 0; i < n; i++)
		wait_for(weft_task_future(&t[i]));
}

static void flood_many(unsigned producer, size_t n)
{
	weft_task *t = tasks[producer];

	measure_must(weft_submit_many(bench_ex, t, n, NULL), "weft_submit_many");
	for (size_t i = 0; i < n; i++)
		wait_for(weft_task_future(&t[i]));
}

static void flood_async(unsigned producer, size_t n)
{
	weft_future **f = futures[producer];

	for (size_t i = 0; i < n; i++)
		measure_must(weft_async(bench_ex, empty, NULL, 0, 0, &f[i]), "weft_async");
	for (size_t i = 0; i < n; i++) {
		wait_for(f[i]);
		weft_future_unref(f[i]);
	}
}

static void help_by_async_in(void *ctx)
{
	weft_future *f;

	for (size_t n = *(size_t *)ctx; n > 0; n--) {
		measure_must(weft_async(bench_ex, empty, NULL, 0, 0, &f), "weft_async");
		wait_for(f);
		weft_future_unref(f);
	}
}

static void help_async(size_t n)
{
	bench_enter(help_by_async_in, &n);
}

/* ---- one task --------------------------------------------------------------------------------------- */

struct plain {
	void (*fn)(void *ctx);
	void *ctx;
};

static int call_plain(weft_call *call, const void *arg, void *result)
{
	const struct plain *p = arg;

	(void)call;
	(void)result;
	p->fn(p->ctx);
	return 0;
}

static void run(void (*fn)(void *ctx), void *ctx)
{
	struct plain p = {fn, ctx};
	weft_task t = {.fn = call_plain, .arg = &p, .arg_size = sizeof p};

	measure_must(weft_submit(bench_ex, &t), "weft_submit");
	wait_for(weft_task_future(&t));
}

void bench_enter(void (*fn)(void *ctx), void *ctx)
{
	run(fn, ctx);
}

static void run_async(void (*fn)(void *ctx), void *ctx)
{
	struct plain p = {fn, ctx};
	weft_future *f;

	measure_must(weft_async(bench_ex, call_plain, &p, sizeof p, 0, &f), "weft_async");
	wait_for(f);
	weft_future_unref(f);
}

/* A function of ours is at another address in a worker: what it should do goes along as a number. */
static int sleep_or_not(weft_call *call, const void *arg, void *result)
{
	int64_t ns;
	struct timespec t;

	(void)call;
	(void)result;
	memcpy(&ns, arg, sizeof ns);
	t = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	return ns ? nanosleep(&t, NULL) : 0;
}

static void run_in_process(void (*fn)(void *ctx), void *ctx)
{
	int64_t ns = fn == measure_nothing ? 0 : *(const int64_t *)ctx;
	weft_task t = {.fn = sleep_or_not, .arg = &ns, .arg_size = sizeof ns};

	measure_must(weft_submit(bench_ex, &t), "weft_submit");
	wait_for(weft_task_future(&t));
}

/* ---- loops and the list ------------------------------------------------------------------------------ */

struct range {
	measure_range *body;
	void *ctx;
};

static int call_range(weft_call *call, size_t begin, size_t end, void *ctx)
{
	const struct range *r = ctx;

	(void)call;
	r->body(begin, end, r->ctx);
	return 0;
}

static void loop(size_t n, bool even, measure_range *body, void *ctx)
{
	struct range r = {body, ctx};

	(void)even;
	measure_must(weft_for(bench_ex, call_range, 0, n, 0, &r), "weft_for");
}

static int check(weft_call *call, const void *arg, void *result)
{
	(void)call;
	*(int *)result = measure_is_prime(*(const size_t *)arg);
	return 0;
}

static void each(size_t n, int *ret)
{
	weft_task *t = measure_memory(n, sizeof *t);
	size_t *index = measure_memory(n, sizeof *index);

	for (size_t i = 0; i < n; i++) {
		index[i] = i;
		t[i] = (weft_task){.fn = check,
				   .arg = &index[i],
				   .arg_size = sizeof *index,
				   .result = &ret[i],
				   .result_size = sizeof *ret};
		measure_must(weft_submit(bench_ex, &t[i]), "weft_submit");
	}
	for (size_t i = 0; i < n; i++)
		wait_for(weft_task_future(&t[i]));
	free(t);
	free(index);
}

/* ---- pending ---------------------------------------------------------------------------------------- */

static const struct plain block = {measure_block, NULL};

static void pend_blockers(unsigned blockers)
{
	for (unsigned i = 0; i < blockers && i < BLOCKERS; i++) {
		blocker[i] = (weft_task){.fn = call_plain, .arg = &block, .arg_size = sizeof block};
		measure_must(weft_submit(bench_ex, &blocker[i]), "weft_submit");
	}
}

static void pend(unsigned blockers, size_t n)
{
	pend_blockers(blockers);
	for (n_pending = 0; n_pending < n; n_pending++)
		measure_must(weft_submit(bench_ex, &tasks[0][n_pending]), "weft_submit");
}

static void unpend(void)
{
	for (size_t i = 0; i < n_pending; i++)
		wait_for(weft_task_future(&tasks[0][i]));
}

static void pend_async(unsigned blockers, size_t n)
{
	pend_blockers(blockers);
	for (n_pending = 0; n_pending < n; n_pending++)
		measure_must(weft_async(bench_ex, empty, NULL, 0, 0, &futures[0][n_pending]), "weft_async");
}

static void unpend_async(void)
{
	for (size_t i = 0; i < n_pending; i++)
		wait_for(futures[0][i]);
}

static const struct peer weft = {
	.name = "weft",
	.open = open_threads,
	.close = close_pool,
	.reopens = true,
	.prepare = prepare,
	.flood = flood,
	.run = run,
	.help = bench_submit_help,
	.fib = bench_spawn_fib,
	.skynet = bench_spawn_skynet,
	.nest = bench_submit_nest,
	.loop = loop,
	.each = each,
	.pend = pend,
	.unpend = unpend,
};
static const struct peer weft_many = {.name = "weft-many",
				      .open = open_threads,
				      .close = close_pool,
				      .prepare = prepare,
				      .flood = flood_many};
static const struct peer weft_async_ = {
	.name = "weft-async",
	.open = open_threads,
	.close = close_pool,
	.prepare = prepare_async,
	.flood = flood_async,
	.run = run_async,
	.help = help_async,
	.pend = pend_async,
	.unpend = unpend_async,
};
static const struct peer weft_submit_ = {
	.name = "weft-submit", .open = open_threads, .fib = bench_submit_fib, .skynet = bench_submit_skynet};
static const struct peer weft_spawn_ = {
	.name = "weft-spawn", .open = open_threads, .help = bench_spawn_help, .nest = bench_spawn_nest};
static const struct peer weft_inline_ = {.name = "weft-inline",
					 .open = open_threads,
					 .help = bench_inline_help,
					 .fib = bench_inline_fib,
					 .skynet = bench_inline_skynet};
static const struct peer weft_processes = {
	.name = "weft-processes",
	.open = open_processes,
	.close = close_pool,
	.reopens = true,
	.prepare = prepare,
	.flood = flood,
	.flood_most = 100000,
	.run = run_in_process,
	.each = each,
};

const struct peer *const measure_peers[] = {
	&weft, &weft_many, &weft_async_, &weft_submit_, &weft_spawn_, &weft_inline_, &weft_processes, NULL,
};
