/* SPDX-License-Identifier: MIT
 *
 * peer_openmp.c -- OpenMP, compiled twice: by gcc with libgomp, by clang with libomp.
 *
 * A task belongs to a parallel region, and the thread that opens the region works in it: submit and wait is
 * the region. There and back is a region in which the other thread runs the task.
 */
#include <omp.h>
#include <stdlib.h>

#include "measure.h"

static int n_threads;

static void open_team(unsigned threads, size_t room)
{
	(void)room;
	n_threads = (int)threads;
	omp_set_dynamic(0);
	omp_set_num_threads(n_threads);
}

static void submit_many(size_t n)
{
	for (size_t i = 0; i < n; i++) {
#pragma omp task
		measure_nothing(NULL);
	}
#pragma omp taskwait
}

static void flood(unsigned producer, size_t n)
{
	(void)producer;
#pragma omp parallel
#pragma omp single
	submit_many(n);
}

/* Two producers are two threads of one region. */
static void flood_pair(size_t n)
{
#pragma omp parallel
	if (omp_get_thread_num() < 2)
		submit_many(n / 2);
}

static void run(void (*fn)(void *ctx), void *ctx)
{
#pragma omp parallel
	if (omp_get_thread_num() == omp_get_num_threads() - 1)
		fn(ctx);
}

static void help_in(size_t n)
{
	for (size_t i = 0; i < n; i++) {
#pragma omp task
		measure_nothing(NULL);
#pragma omp taskwait
	}
}

static void help(size_t n)
{
#pragma omp parallel
#pragma omp single
	help_in(n);
}

static int64_t fib_task(int n)
{
	int64_t a, b;

	if (n < 2)
		return n;
#pragma omp task shared(a)
	a = fib_task(n - 1);
	b = fib_task(n - 2);
#pragma omp taskwait
	return a + b;
}

static int64_t fib(int n)
{
	int64_t answer = 0;

#pragma omp parallel
#pragma omp single
	answer = fib_task(n);
	return answer;
}

static int64_t skynet_task(int64_t n, int64_t base)
{
	int64_t part[10], sum = 0;

	if (n == 1)
		return base;
	for (int i = 0; i < 10; i++) {
#pragma omp task shared(part)
		part[i] = skynet_task(n / 10, base + i * (n / 10));
	}
#pragma omp taskwait
	for (int i = 0; i < 10; i++)
		sum += part[i];
	return sum;
}

static int64_t skynet(int64_t leaves)
{
	int64_t sum = 0;

#pragma omp parallel
#pragma omp single
	sum = skynet_task(leaves, 0);
	return sum;
}

static void nest_task(size_t depth)
{
	if (depth == 0)
		return;
#pragma omp task
	nest_task(depth - 1);
#pragma omp taskwait
}

static void nest(size_t depth)
{
#pragma omp parallel
#pragma omp single
	nest_task(depth);
}

/* What one writes: static for equal work, one range for each thread; else dynamic, 16 indices at a time. */
static void loop(size_t n, bool even, measure_range *body, void *ctx)
{
	size_t end = n / 16 + (n % 16 != 0);

	if (even) {
#pragma omp parallel
		{
			size_t me = (size_t)omp_get_thread_num(), all = (size_t)omp_get_num_threads();
			body(n * me / all, n * (me + 1) / all, ctx);
		}
		return;
	}
#pragma omp parallel for schedule(dynamic)
	for (size_t i = 0; i < end; i++)
		body(16 * i, 16 * i + 16 < n ? 16 * i + 16 : n, ctx);
}

static void each(size_t n, int *ret)
{
#pragma omp parallel for schedule(dynamic, 1)
	for (size_t i = 0; i < n; i++)
		ret[i] = measure_is_prime(i);
}

static const struct peer openmp = {
	.name = OPENMP_NAME,
	.open = open_team,
	.flood = flood,
	.flood_pair = flood_pair,
	.run = run,
	.help = help,
	.fib = fib,
	.skynet = skynet,
	.nest = nest,
	.loop = loop,
	.each = each,
};

const struct peer *const measure_peers[] = {&openmp, NULL};
