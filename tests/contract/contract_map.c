/* SPDX-License-Identifier: MIT
 *
 * contract_map.c -- weft_map: every result in its place whatever the chunks; the first failure in the order
 * of the elements; progress; deadlines.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/weft.h>

#include "harness.h"

enum { MANY = 100000 };

static uint64_t in[MANY], out[MANY];

static void prepare(size_t n)
{
	for (size_t i = 0; i < n; i++)
		in[i] = i;
	memset(out, 0xff, sizeof out);
}

static size_t wrong_squares(size_t n)
{
	size_t wrong = 0;
	for (size_t i = 0; i < n; i++)
		wrong += out[i] != (uint64_t)i * i;
	return wrong;
}

/* Fails where the element says so: in the upper half stands the error. */
static int maybe_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t n = *(const uint64_t *)arg;
	int err = (int)(n >> 32);
	if (err != 0)
		return weft_call_fail(call, -err, "element %d", (int)n);
	*(uint64_t *)result = n * n;
	return 5;
}

static int slow_fn(weft_call *call, const void *arg, void *result)
{
	(void)call;
	test_sleep_ms(2);
	*(uint64_t *)result = *(const uint64_t *)arg * *(const uint64_t *)arg;
	return 0;
}

static int sum_fn(weft_call *call, const void *arg, void *result)
{
	const unsigned char *bytes = arg;
	uint64_t sum = 0;
	for (size_t i = 0; i < 3000; i++)
		sum += bytes[i];
	memcpy(result, &sum, sizeof sum);
	weft_call_reply(call, 1);
	return 0;
}

static int map_squares(weft_executor *ex, size_t n, const struct weft_map_opts *opts)
{
	return weft_map(ex, maybe_fn, in, 8, out, 8, n, opts);
}

TEST(map_sizes)
{
	static const size_t sizes[] = {0, 1, 2, 3, 31, 32, 33, 1000, MANY};
	weft_executor *ex = test_executor();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		prepare(sizes[i]);
		CHECK_EQ(map_squares(ex, sizes[i], NULL), 0);
		CHECK_EQ(wrong_squares(sizes[i]), 0);
		if (sizes[i] < MANY)
			CHECK_EQ(out[sizes[i]], UINT64_MAX);
	}
	weft_executor_free(ex);
}

TEST(map_chunks)
{
	enum { N = 1000 };
	static const size_t chunks[] = {1, 2, 3, 7, 64, 999, 1000, 1001, 5000, SIZE_MAX};
	weft_executor *ex = test_executor();
	for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
		size_t failed = 77;
		struct weft_map_opts o = {.size = sizeof o, .chunk = chunks[i], .ret_failed = &failed};
		o.size = i % 2 ? 0 : sizeof o;
		prepare(N);
		CHECK_EQ(map_squares(ex, N, &o), 0);
		CHECK_EQ(wrong_squares(N), 0);
		CHECK_EQ(out[N], UINT64_MAX);
		CHECK_EQ(failed, 77);
	}
	weft_executor_free(ex);
}

TEST(map_one_chunk_of_all)
{
	struct weft_map_opts o = {.size = sizeof o, .chunk = MANY};
	weft_executor *ex = test_executor();
	prepare(MANY);
	CHECK_EQ(map_squares(ex, MANY, &o), 0);
	CHECK_EQ(wrong_squares(MANY), 0);
	weft_executor_free(ex);
}

TEST(map_odd_element_sizes)
{
	enum { N = 200, SIZE = 3000 };
	weft_executor *ex = test_executor();
	static unsigned char args[N][SIZE];
	static unsigned char sums[N][11];
	memset(sums, 0xee, sizeof sums);
	for (int i = 0; i < N; i++)
		memset(args[i], i, SIZE);
	CHECK_EQ(weft_map(ex, sum_fn, args, SIZE, sums, sizeof sums[0], N, NULL), 0);
	for (uint64_t i = 0; i < N; i++) {
		uint64_t sum;
		memcpy(&sum, sums[i], sizeof sum);
		CHECK_EQ(sum, i * SIZE);
	}
	weft_executor_free(ex);
}

TEST(map_without_results)
{
	enum { N = 500 };
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	static struct test_mark marks[N];
	for (uint32_t i = 0; i < N; i++)
		marks[i] = (struct test_mark){.ref = ref, .word = i};
	CHECK_EQ(weft_map(ex, test_mark_fn, marks, sizeof *marks, NULL, 0, N, NULL), 0);
	for (uint32_t i = 0; i < N; i++)
		CHECK_EQ(test_get(&board[i]), 1);
	weft_executor_free(ex);
}

TEST(map_invalid)
{
	weft_executor *ex = test_executor();
	struct weft_map_opts o = {.size = sizeof o, .flags = 1u << 20};
	prepare(4);
	CHECK_EQ(map_squares(NULL, 4, NULL), -EINVAL);
	CHECK_EQ(weft_map(ex, NULL, in, 8, out, 8, 4, NULL), -EINVAL);
	CHECK_EQ(weft_map(ex, maybe_fn, NULL, 8, out, 8, 4, NULL), -EINVAL);
	CHECK_EQ(weft_map(ex, maybe_fn, in, 8, NULL, 8, 4, NULL), -EINVAL);
	CHECK_EQ(map_squares(ex, 4, &o), -EINVAL);
	CHECK_EQ(weft_map(ex, maybe_fn, in, 16, out, 8, SIZE_MAX / 8, NULL), -EOVERFLOW);
	CHECK_EQ(weft_map(ex, maybe_fn, in, 8, out, 32, SIZE_MAX / 16, NULL), -EOVERFLOW);
	CHECK_EQ(out[0], UINT64_MAX);
	weft_executor_free(ex);
}

TEST(map_limits)
{
	weft_executor *ex = test_executor();
	bool local = weft_executor_caps(ex) & WEFT_CAP_LOCAL;
	struct weft_map_opts o = {.size = sizeof o, .flags = WEFT_TASK_LOCAL};
	prepare(10);
	CHECK_EQ(map_squares(ex, 10, &o), local ? 0 : -EXDEV);
	CHECK_EQ(wrong_squares(local ? 10 : 0), 0);
	static unsigned char args[2][100000], sums[2][8];
	CHECK_EQ(weft_map(ex, sum_fn, args, sizeof args[0], sums, 8, 2, NULL), 0); /* more than a slot */
	weft_executor_free(ex);
}

static void check_failure(weft_executor *ex, size_t n, size_t chunk)
{
	size_t failed = SIZE_MAX;
	struct weft_map_opts o = {.size = sizeof o, .chunk = chunk, .ret_failed = &failed};
	prepare(n);
	size_t first = n / 2, second = n / 2 + 1, third = n - 1;
	in[third] |= (uint64_t)EILSEQ << 32;
	if (second < n)
		in[second] |= (uint64_t)ERANGE << 32;
	in[first] = (uint64_t)EDOM << 32 | first;
	CHECK_EQ(map_squares(ex, n, &o), -EDOM);
	CHECK_EQ(failed, first);
	CHECK_EQ(wrong_squares(first), 0);
	o.ret_failed = NULL;
	CHECK_EQ(map_squares(ex, n, &o), -EDOM);
	CHECK_EQ(map_squares(ex, n, NULL), -EDOM);
	prepare(n);
	CHECK_EQ(map_squares(ex, n, &o), 0);
}

TEST(map_first_failure)
{
	static const size_t sizes[] = {1, 2, 3, 10, 1000, 5000}, chunks[] = {0, 1, 3, 100, SIZE_MAX};
	weft_executor *ex = test_executor();
	for (size_t i = 0; i < 6; i++)
		for (size_t k = 0; k < 5; k++)
			check_failure(ex, sizes[i], chunks[k]);
	weft_executor_free(ex);
}

/* The failure that happens first is not the first in order: the earlier element is slow to fail. */
static int slow_failure_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t n = *(const uint64_t *)arg;
	(void)call;
	if (n == 10) {
		test_sleep_ms(20);
		return -EDOM;
	}
	*(uint64_t *)result = n * n;
	return n == 11 ? -ERANGE : 0;
}

TEST(map_failures_out_of_time_order)
{
	weft_executor *ex = test_executor();
	size_t failed = SIZE_MAX;
	struct weft_map_opts o = {.size = sizeof o, .chunk = 1, .ret_failed = &failed};
	prepare(40);
	CHECK_EQ(weft_map(ex, slow_failure_fn, in, 8, out, 8, 40, &o), -EDOM);
	CHECK_EQ(failed, 10);
	CHECK_EQ(wrong_squares(10), 0);
	weft_executor_free(ex);
}

TEST(map_stops_beginning_after_a_failure)
{
	enum { N = 1000 };
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	static struct test_mark marks[N];
	size_t failed = SIZE_MAX;
	struct weft_map_opts o = {.size = sizeof o, .chunk = 1, .ret_failed = &failed};
	for (int i = 0; i < N; i++)
		marks[i] = (struct test_mark){.ref = ref, .word = i < 3, .status = i == 3 ? -EIO : 0};
	CHECK_EQ(weft_map(ex, test_mark_fn, marks, sizeof *marks, NULL, 0, N, &o), -EIO);
	CHECK_EQ(failed, 3);
	CHECK_EQ(test_get(&board[1]), 3);
	CHECK(test_get(&board[0]) < N - 3);
	weft_executor_free(ex);
}

struct progress {
	size_t calls, done, total;
	pid_t thread;
	weft_executor *ex;
	bool bad;
};

static void on_progress(void *ctx, size_t done, size_t total)
{
	struct progress *p = ctx;
	p->bad |= done <= p->done || done > total || total != p->total || p->thread != gettid();
	p->done = done;
	p->calls++;
	if (p->ex && p->calls <= 3) {
		uint64_t n = p->calls;
		weft_task t = {
			.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &n, .result_size = 8};
		p->bad |= weft_submit_wait(p->ex, &t, test_soon()) != 0;
		p->bad |= weft_future_wait(weft_task_future(&t), test_soon()) != 0;
		p->bad |= n != p->calls * p->calls;
	}
}

TEST(map_progress)
{
	static const size_t sizes[] = {1, 5, 1000, 20000}, chunks[] = {0, 1, 7};
	weft_executor *ex = test_executor();
	for (size_t i = 0; i < 4; i++) {
		for (size_t k = 0; k < 3; k++) {
			struct progress p = {.total = sizes[i], .thread = gettid(), .ex = ex};
			struct weft_map_opts o = {.size = sizeof o, .chunk = chunks[k], .ctx = &p};
			o.progress = on_progress;
			prepare(sizes[i]);
			CHECK_EQ(map_squares(ex, sizes[i], &o), 0);
			CHECK_EQ(wrong_squares(sizes[i]), 0);
			CHECK_EQ(p.done, sizes[i]);
			CHECK(!p.bad);
			if (chunks[k] != 0)
				CHECK_EQ(p.calls, (sizes[i] + chunks[k] - 1) / chunks[k]);
		}
	}
	weft_executor_free(ex);
}

TEST(map_deadline_passed)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct test_mark marks[10];
	static const weft_time past[] = {INT64_MIN, -1, 1};
	for (int i = 0; i < 10; i++)
		marks[i] = (struct test_mark){.ref = ref};
	for (int i = 0; i < 3; i++) {
		struct weft_map_opts o = {.size = sizeof o, .deadline = past[i]};
		CHECK_EQ(weft_map(ex, test_mark_fn, marks, sizeof *marks, NULL, 0, 10, &o), -ETIMEDOUT);
	}
	CHECK_EQ(test_get(&board[0]), 0);
	struct weft_map_opts far = {.size = sizeof far, .deadline = WEFT_FOREVER};
	CHECK_EQ(weft_map(ex, test_mark_fn, marks, sizeof *marks, NULL, 0, 10, &far), 0);
	CHECK_EQ(test_get(&board[0]), 10);
	weft_executor_free(ex);
}

TEST(map_deadline_comes)
{
	enum { N = 20000 };
	weft_executor *ex = test_executor();
	struct weft_map_opts o = {.size = sizeof o, .chunk = 1, .deadline = weft_after(WEFT_MS(60))};
	size_t right = 0;
	prepare(N);
	CHECK_EQ(weft_map(ex, slow_fn, in, 8, out, 8, N, &o), -ETIMEDOUT);
	for (size_t i = 0; i < N; i++)
		right += out[i] == i * i;
	CHECK(right < N);
	prepare(100);
	CHECK_EQ(map_squares(ex, 100, NULL), 0);
	CHECK_EQ(wrong_squares(100), 0);
	weft_executor_free(ex);
}

TEST(map_waits_for_room)
{
	weft_executor *ex = test_executor_with("queue=2");
	struct weft_map_opts o = {.size = sizeof o, .chunk = 1};
	prepare(3000);
	CHECK_EQ(map_squares(ex, 3000, &o), 0);
	CHECK_EQ(wrong_squares(3000), 0);
	weft_executor_free(ex);
}

struct mapper {
	weft_executor *ex;
	pthread_t thread;
	uint64_t out[2000];
	int err;
};

static void *map_in_thread(void *ctx)
{
	struct mapper *m = ctx;
	m->err = weft_map(m->ex, maybe_fn, in, 8, m->out, 8, 2000, NULL);
	for (uint64_t i = 0; i < 2000; i++)
		m->err |= m->out[i] != i * i;
	return NULL;
}

TEST(map_from_many_threads)
{
	weft_executor *ex = test_executor();
	static struct mapper m[4];
	prepare(2000);
	for (int i = 0; i < 4; i++) {
		m[i].ex = ex;
		REQUIRE_EQ(pthread_create(&m[i].thread, NULL, map_in_thread, &m[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(m[i].thread, NULL);
		CHECK_EQ(m[i].err, 0);
	}
	weft_executor_free(ex);
}
