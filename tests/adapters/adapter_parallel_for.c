/* SPDX-License-Identifier: MIT
 *
 * adapter_parallel_for.c -- weft/parallel_for.h beside the loops of OpenMP that it stands for, where there is OpenMP.
 */
#include "harness.h"

#include <errno.h>
#include <string.h>
#include <weft/parallel_for.h>
#include <weft/weft.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#define N 10007 /* no multiple of anything */

static struct loop {
	double x[N], y[N];
	uint32_t seen[N];
	uint32_t thread_of[N]; /* by its first index, + 1 */
	size_t fails_at;
} loop;

static void set_up(void)
{
	memset(&loop, 0, sizeof loop);
	loop.fails_at = SIZE_MAX;
	for (size_t i = 0; i < N; i++) {
		loop.x[i] = 1.0 / (double)(i + 1);
		loop.y[i] = (double)(i % 17) * 0.3;
	}
}

/* As OpenMP's loop leaves its threads behind, for the next one. */
static void end_openmp(void)
{
#ifdef _OPENMP
	omp_pause_resource_all(omp_pause_hard);
#endif
}

static int dot(weft_call *call, size_t begin, size_t end, void *ctx, void *part)
{
	const struct loop *l = ctx;
	double *sum = part;

	(void)call;
	for (size_t i = begin; i < end; i++)
		*sum += l->x[i] * l->y[i];
	return 0;
}

static int count(weft_call *call, size_t begin, size_t end, void *ctx, void *part)
{
	struct loop *l = ctx;
	size_t *n = part;

	(void)call;
	if (begin <= l->fails_at && l->fails_at < end)
		return -EDOM;
	for (size_t i = begin; i < end; i++)
		test_add(&l->seen[i], 1);
	*n += end - begin;
	return 0;
}

static double openmp_dot(void)
{
	double sum = 0;

#ifdef _OPENMP
#pragma omp parallel for num_threads(2) schedule(static) reduction(+ : sum)
	for (size_t i = 0; i < N; i++)
		sum += loop.x[i] * loop.y[i];
#else
	double second = 0;

	for (size_t i = 0; i < (N + 1) / 2; i++)
		sum += loop.x[i] * loop.y[i];
	for (size_t i = (N + 1) / 2; i < N; i++)
		second += loop.x[i] * loop.y[i];
	sum += second;
#endif
	return sum;
}

/* Two parts have one sum, in whatever order they are added: so bit by bit, if the ranges are the same ones. */
TEST(a_static_sum_of_doubles_is_openmps)
{
	weft_executor *ex = test_executor();

	set_up();
	for (int i = 0; i < 20; i++) {
		double sum = 0, theirs = openmp_dot();
		struct weft_clauses c = {.threads = 2, .reduction = &weft_sum_double, .value = &sum};

		CHECK_EQ(weft_parallel_for(ex, dot, 0, N, &loop, &c), 0);
		CHECK(memcmp(&sum, &theirs, sizeof sum) == 0);
	}
	end_openmp();
	weft_executor_free(ex);
}

WEFT_REDUCTION(largest, uint64_t, 0, a > b ? a : b);

static int find_largest(weft_call *call, size_t begin, size_t end, void *ctx, void *part)
{
	uint64_t *most = part;

	(void)call, (void)ctx;
	for (size_t i = begin; i < end; i++)
		*most = i * 7919 % N > *most ? i * 7919 % N : *most;
	return 0;
}

static const struct weft_clauses schedules[] = {
	{.schedule = WEFT_SCHEDULE_STATIC},
	{.schedule = WEFT_SCHEDULE_STATIC, .chunk = 1},
	{.schedule = WEFT_SCHEDULE_STATIC, .chunk = 100},
	{.schedule = WEFT_SCHEDULE_STATIC, .chunk = SIZE_MAX},
	{.schedule = WEFT_SCHEDULE_STATIC, .threads = 64},
	{.schedule = WEFT_SCHEDULE_DYNAMIC},
	{.schedule = WEFT_SCHEDULE_DYNAMIC, .chunk = 64, .threads = 5},
	{.schedule = WEFT_SCHEDULE_DYNAMIC, .chunk = SIZE_MAX},
};

TEST(each_index_runs_once_by_each_schedule)
{
	weft_executor *ex = test_executor();

	for (size_t k = 0; k < sizeof schedules / sizeof schedules[0]; k++) {
		struct weft_clauses c = schedules[k];
		uint64_t most = 5, theirs = 5;
		size_t n = 1000, wrong = 0;

		set_up();
		c.reduction = &weft_sum_size;
		c.value = &n;
		CHECK_EQ(weft_parallel_for(ex, count, 3, N, &loop, &c), 0);
		CHECK_EQ(n, 1000 + N - 3); /* the value takes part, as with OpenMP */
		for (size_t i = 0; i < N; i++)
			wrong += loop.seen[i] != (i >= 3);
		CHECK_EQ(wrong, 0);
		c.reduction = &largest;
		c.value = &most;
		CHECK_EQ(weft_parallel_for(ex, find_largest, 0, N, &loop, &c), 0);
#ifdef _OPENMP
#pragma omp parallel for num_threads(2) schedule(dynamic, 16) reduction(max : theirs)
#endif
		for (size_t i = 0; i < N; i++)
			theirs = i * 7919 % N > theirs ? i * 7919 % N : theirs;
		CHECK_EQ(most, theirs);
	}
	end_openmp();
	weft_executor_free(ex);
}

static int note_thread(weft_call *call, size_t begin, size_t end, void *ctx, void *part)
{
	struct loop *l = ctx;
	uint64_t *first = part;

	(void)call;
	if (!*first)
		*first = begin + 1;
	for (size_t i = begin; i < end; i++)
		l->thread_of[i] = (uint32_t)*first;
	return 0;
}

/* An index is told by the first one of its thread. */
static void expect_share(size_t n, unsigned threads, size_t chunk)
{
#ifdef _OPENMP
	uint32_t theirs[N], first[64] = {0}, wrong = 0;

#pragma omp parallel num_threads((int)threads)
	{
		if (chunk) {
#pragma omp for schedule(static, (int)chunk)
			for (size_t i = 0; i < n; i++)
				theirs[i] = (uint32_t)omp_get_thread_num();
		} else {
#pragma omp for schedule(static)
			for (size_t i = 0; i < n; i++)
				theirs[i] = (uint32_t)omp_get_thread_num();
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (!first[theirs[i]])
			first[theirs[i]] = (uint32_t)i + 1;
		wrong += first[theirs[i]] != loop.thread_of[i];
	}
	CHECK_EQ(wrong, 0);
#else
	(void)n, (void)threads, (void)chunk;
#endif
}

/* The same indices belong together. */
TEST(a_static_schedule_shares_as_openmp_does)
{
	static const size_t ns[] = {1, 2, 7, 100, N};
	weft_executor *ex = test_executor();

	for (size_t k = 0; k < 30; k++) {
		size_t n = ns[k % 5];
		uint64_t ignored = 0;
		struct weft_clauses c = {.threads = (unsigned)(1 + k % 3),
					 .chunk = k / 10 * 3,
					 .reduction = &largest,
					 .value = &ignored};

		set_up();
		CHECK_EQ(weft_parallel_for(ex, note_thread, 0, n, &loop, &c), 0);
		expect_share(n, c.threads, c.chunk);
	}
	end_openmp();
	weft_executor_free(ex);
}

TEST(after_a_failure_the_value_is_as_it_was)
{
	weft_executor *ex = test_executor();

	for (size_t k = 0; k < sizeof schedules / sizeof schedules[0]; k++) {
		struct weft_clauses c = schedules[k];
		size_t n = 5;

		set_up();
		loop.fails_at = N - 1;
		c.reduction = &weft_sum_size;
		c.value = &n;
		CHECK_EQ(weft_parallel_for(ex, count, 0, N, &loop, &c), -EDOM);
		CHECK_EQ(n, 5);
	}
	weft_executor_free(ex);
}

/* Of two threads the one with the odd indices fails, while the other one is busy with its first. */
static int fail_beside(weft_call *call, size_t begin, size_t end, void *ctx, void *part)
{
	struct loop *l = ctx;

	(void)call, (void)end, (void)part;
	test_set(&l->seen[begin], 1);
	if (begin == 1)
		return test_await(&l->seen[0], 1) ? -EDOM : -ETIME;
	if (begin == 0)
		return test_await(&l->seen[1], 1) ? 0 : -ETIME;
	test_sleep_ms(1);
	return 0;
}

TEST(a_failure_ends_the_other_threads_of_the_loop)
{
	struct weft_clauses c = {.chunk = 1, .threads = 2};
	weft_executor *ex;

	if (test_is_inline())
		SKIP("there is one thread");
	ex = test_executor();
	set_up();
	CHECK_EQ(weft_parallel_for(ex, fail_beside, 0, N, &loop, &c), -EDOM);
	CHECK_EQ(loop.seen[N - 1], 0);
	CHECK_EQ(loop.seen[3], 0);
	weft_executor_free(ex);
}

TEST(what_it_cannot_run_it_refuses)
{
	weft_executor *ex = test_executor(), *apart;
	struct weft_clauses c = {.reduction = &weft_sum_double};
	double sum = 1;

	set_up();
	CHECK_EQ(weft_parallel_for(ex, dot, 0, N, &loop, &c), -EINVAL);
	c.value = &sum;
	CHECK_EQ(weft_parallel_for(ex, NULL, 0, N, &loop, &c), -EINVAL);
	CHECK_EQ(weft_parallel_for(ex, dot, N, N, &loop, &c), 0);
	CHECK_EQ(weft_parallel_for(NULL, dot, 0, N, &loop, &c), -EINVAL);
	REQUIRE_EQ(weft_executor_open(&apart, "processes:1"), 0);
	CHECK_EQ(weft_parallel_for(apart, dot, 0, N, &loop, &c), -EXDEV);
	c.schedule = (enum weft_schedule)7;
	CHECK_EQ(weft_parallel_for(ex, dot, 0, N, &loop, &c), -EINVAL);
	CHECK(sum >= 1 && sum <= 1);
	weft_executor_free(apart);
	weft_executor_free(ex);
}
