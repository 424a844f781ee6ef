/* SPDX-License-Identifier: MIT
 *
 * peer_weft.c -- weft itself, in the forms in which it can be asked for the same thing:
 *
 *   weft            weft_submit into the caller's array, a future each; trees by weft_spawn
 *   weft-many       weft_submit_many, all in one call
 *   weft-async      weft_async, a future on the heap each
 *   weft-submit     trees by weft_submit and weft_future_wait
 *   weft-inline     trees by weft/spawn_inline.h
 *
 * Those on processes are in peer_weft_processes.c.
 */
#include "peer_weft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

enum { PRODUCERS = 2, BLOCKERS = 64 };

weft_executor *bench_ex;
static weft_task *tasks[PRODUCERS];
static weft_future **futures[PRODUCERS];
static weft_task blocker[BLOCKERS];
static size_t n_pending;

void bench_open(const char *kind, unsigned threads, size_t room)
{
	char spec[64];

	snprintf(spec, sizeof spec, "%s:%u,queue=%zu", kind, threads, room);
	measure_must(weft_executor_open(&bench_ex, spec), spec);
}

static void open_threads(unsigned threads, size_t room)
{
	bench_open("threads", threads, room);
}

void bench_close(void)
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

void bench_prepare(unsigned producers, size_t n)
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

void bench_wait_for(weft_future *f)
{
	measure_must(weft_future_wait(f, WEFT_FOREVER), "weft_future_wait");
	measure_must(weft_future_status(f), "task");
}

void bench_flood(unsigned producer, size_t n)
{
	weft_task *t = tasks[producer];

	for (size_t i = 0; i < n; i++)
		measure_must(weft_submit(bench_ex, &t[i]), "weft_submit");
	for (size_t i = 0; i < n; i++)
		bench_wait_for(weft_task_future(&t[i]));
}

static void flood_many(unsigned producer, size_t n)
{
	weft_task *t = tasks[producer];

	measure_must(weft_submit_many(bench_ex, t, n, NULL), "weft_submit_many");
	for (size_t i = 0; i < n; i++)
		bench_wait_for(weft_task_future(&t[i]));
}

static void flood_async(unsigned producer, size_t n)
{
	weft_future **f = futures[producer];

	for (size_t i = 0; i < n; i++)
		measure_must(weft_async(bench_ex, empty, NULL, 0, 0, &f[i]), "weft_async");
	for (size_t i = 0; i < n; i++) {
		bench_wait_for(f[i]);
		weft_future_unref(f[i]);
	}
}

static void help_by_async_in(void *ctx)
{
	weft_future *f;

	for (size_t n = *(size_t *)ctx; n > 0; n--) {
		measure_must(weft_async(bench_ex, empty, NULL, 0, 0, &f), "weft_async");
		bench_wait_for(f);
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
	bench_wait_for(weft_task_future(&t));
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
	bench_wait_for(f);
	weft_future_unref(f);
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

void bench_each(size_t n, int *ret)
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
		bench_wait_for(weft_task_future(&t[i]));
	free(t);
	free(index);
}

static int twice(weft_call *call, const void *arg, void *result)
{
	(void)call;
	*(uint64_t *)result = 2 * *(const uint64_t *)arg;
	return 0;
}

void bench_map(size_t n, const uint64_t *in, uint64_t *out)
{
	measure_must(weft_map(bench_ex, twice, in, sizeof *in, out, sizeof *out, n, NULL), "weft_map");
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
		bench_wait_for(weft_task_future(&tasks[0][i]));
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
		bench_wait_for(futures[0][i]);
}

static int do_nothing(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)arg;
	(void)result;
	return 0;
}

static void solo(void)
{
	weft_thread *t;

	measure_must(weft_thread_start(&t, do_nothing, NULL, 0, NULL), "weft_thread_start");
	measure_must(weft_thread_join(t, WEFT_FOREVER), "weft_thread_join");
	weft_thread_free(t);
}

static const struct peer weft = {
	.name = "weft",
	.open = open_threads,
	.close = bench_close,
	.reopens = true,
	.prepare = bench_prepare,
	.flood = bench_flood,
	.run = run,
	.help = bench_submit_help,
	.fib = bench_spawn_fib,
	.skynet = bench_spawn_skynet,
	.nest = bench_submit_nest,
	.loop = loop,
	.each = bench_each,
	.map = bench_map,
	.solo = solo,
	.pend = pend,
	.unpend = unpend,
};
static const struct peer weft_many = {.name = "weft-many",
				      .open = open_threads,
				      .close = bench_close,
				      .prepare = bench_prepare,
				      .flood = flood_many};
static const struct peer weft_async_ = {
	.name = "weft-async",
	.open = open_threads,
	.close = bench_close,
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
const struct peer *const measure_peers[] = {
	&weft,         &weft_many,       &weft_async_,          &weft_submit_,          &weft_spawn_,
	&weft_inline_, &bench_processes, &bench_processes_fork, &bench_processes_spawn, NULL,
};
