/* SPDX-License-Identifier: MIT
 *
 * contract_large.c -- arguments and results of any size: by value they arrive whole; what lies in a region goes
 * by reference; and whatever becomes of such a task, its memory can be had again.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <weft/weft.h>

#include "harness.h"

enum { MIB = 1 << 20, SMALL = 8, TINY = 64, LARGE = 3 * MIB };

static bool is_local(void)
{
	weft_executor *ex = test_executor();
	bool local = weft_executor_caps(ex) & WEFT_CAP_LOCAL;

	weft_executor_free(ex);
	return local;
}

static weft_region *region(void)
{
	weft_region *r = NULL;

	REQUIRE_EQ(weft_region_new(&r, NULL), 0);
	return r;
}

static unsigned char byte_of(size_t i, unsigned seed)
{
	return (unsigned char)(i * 7 + i / 4096 + seed);
}

static unsigned char *filled(unsigned char *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = byte_of(i, seed);
	return p;
}

static bool is_filled(const unsigned char *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != byte_of(i, seed))
			return false;
	return true;
}

/* The argument is filled with some seed; as many bytes of the result are filled with the next. */
static int fill_fn(weft_call *call, const void *arg, void *result)
{
	size_t n = weft_call_arg_size(call);
	const unsigned char *a = arg;

	if (!is_filled(a, n, a[0]))
		return -EBADMSG;
	filled(result, n, a[0] + 1u);
	return 0;
}

static void run(weft_executor *ex, weft_task *t)
{
	REQUIRE_EQ(weft_submit_wait(ex, t, test_soon()), 0);
	test_wait(weft_task_future(t));
	CHECK_EQ(weft_future_status(weft_task_future(t)), 0);
}

TEST(large_by_value)
{
	static const size_t sizes[] = {1, 65536, 65537, 100000, MIB + 1, 24 * MIB, 70000};
	weft_executor *ex = test_executor();

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		size_t n = sizes[i];
		unsigned char *arg = filled(malloc(n), n, (unsigned)i), *result = malloc(n);
		weft_task t = {.fn = fill_fn, .arg = arg, .arg_size = n, .result = result, .result_size = n};

		run(ex, &t);
		CHECK(is_filled(result, n, (unsigned)i + 1));
		CHECK(is_filled(arg, n, (unsigned)i));
		free(arg);
		free(result);
	}
	weft_executor_free(ex);
}

/* Where argument and result are, in the task. */
struct where {
	uintptr_t arg, result;
};

static int where_fn(weft_call *call, const void *arg, void *result)
{
	(void)call;
	*(struct where *)result = (struct where){(uintptr_t)arg, (uintptr_t)result};
	return 0;
}

/* Each combination of region or not, small or large. */
TEST(large_by_reference)
{
	weft_region *r = region();
	weft_executor *ex = test_executor();

	for (int i = 0; i < 16; i++) {
		size_t n[2] = {i & 4 ? LARGE : TINY, i & 8 ? LARGE : TINY};
		void *p[2] = {NULL, NULL}, *own[2];
		struct where *w;

		for (int k = 0; k < 2; k++) {
			own[k] = calloc(1, n[k]);
			if (i & 1 << k)
				REQUIRE_EQ(weft_region_alloc(r, n[k], &p[k]), 0);
			else
				p[k] = own[k];
		}
		run(ex, &(weft_task){.fn = where_fn,
				     .arg = p[0],
				     .arg_size = n[0],
				     .result = p[1],
				     .result_size = n[1]});
		w = p[1];
		if (i & 1)
			CHECK_EQ(w->arg, (uintptr_t)p[0]);
		if (i & 2)
			CHECK_EQ(w->result, (uintptr_t)p[1]);
		CHECK_EQ(w->arg % 16, 0);
		CHECK_EQ(w->result % 16, 0);
		for (int k = 0; k < 2; k++) {
			if (i & 1 << k)
				CHECK_EQ(weft_region_dealloc(r, p[k]), 0);
			free(own[k]);
		}
	}
	weft_executor_free(ex);
	CHECK_EQ(weft_region_free(r), 0);
}

/* A result in a region is the caller's memory: what the task does not write stays. */
static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

TEST(large_result_stays_as_it_was)
{
	weft_region *r = region();
	weft_executor *ex = test_executor();
	void *p = NULL;

	REQUIRE_EQ(weft_region_alloc(r, LARGE, &p), 0);
	filled(p, LARGE, 3);
	run(ex, &(weft_task){.fn = nothing_fn, .result = p, .result_size = LARGE});
	CHECK(is_filled(p, LARGE, 3));
	weft_executor_free(ex);
	CHECK_EQ(weft_region_free(r), 0);
}

/* Many at a time: more than there is memory for, so that some have to wait for room. */
TEST(large_and_many)
{
	enum { N = 24 };
	static unsigned char *arg[N], *result[N];
	static weft_task t[N];
	weft_executor *ex = is_local() ? test_executor() : test_executor_with("large=16777216");

	for (unsigned i = 0; i < N; i++) {
		arg[i] = filled(malloc(LARGE), LARGE, i);
		result[i] = malloc(LARGE);
		t[i] = (weft_task){.fn = fill_fn,
				   .arg = arg[i],
				   .arg_size = LARGE,
				   .result = result[i],
				   .result_size = LARGE};
		REQUIRE_EQ(weft_submit_wait(ex, &t[i], test_soon()), 0);
	}
	for (unsigned i = 0; i < N; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
		CHECK(is_filled(result[i], LARGE, i + 1));
		free(arg[i]);
		free(result[i]);
	}
	weft_executor_free(ex);
}

/* Large ones among small ones, in one go. */
TEST(large_among_small)
{
	enum { N = 40 };
	static unsigned char *arg[N], *result[N];
	static weft_task t[N];
	weft_executor *ex = test_executor();
	size_t accepted = 0;

	for (unsigned i = 0; i < N; i++) {
		size_t n = i % 3 ? SMALL + i : 100000 + i;

		arg[i] = filled(malloc(n), n, i);
		result[i] = malloc(n);
		t[i] = (weft_task){
			.fn = fill_fn, .arg = arg[i], .arg_size = n, .result = result[i], .result_size = n};
	}
	REQUIRE_EQ(weft_submit_many(ex, t, N, &accepted), 0);
	CHECK_EQ(accepted, N);
	for (unsigned i = 0; i < N; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
		CHECK(is_filled(result[i], t[i].arg_size, i + 1));
		free(arg[i]);
		free(result[i]);
	}
	weft_executor_free(ex);
}

TEST(large_map)
{
	enum { N = 6 };
	weft_executor *ex = test_executor();
	weft_region *r = region();
	unsigned char *args = malloc(N * (size_t)MIB), *results = NULL;

	for (unsigned i = 0; i < N; i++)
		filled(args + i * (size_t)MIB, MIB, i);
	REQUIRE_EQ(weft_region_alloc(r, N * (size_t)MIB, (void **)&results), 0);
	REQUIRE_EQ(weft_map(ex, fill_fn, args, MIB, results, MIB, N, NULL), 0);
	for (unsigned i = 0; i < N; i++)
		CHECK(is_filled(results + i * (size_t)MIB, MIB, i + 1));
	memset(args, 0, N * (size_t)MIB);
	REQUIRE_EQ(weft_map(ex, fill_fn, results, MIB, args, MIB, N, NULL), 0);
	for (unsigned i = 0; i < N; i++)
		CHECK(is_filled(args + i * (size_t)MIB, MIB, i + 2));
	free(args);
	weft_executor_free(ex);
	CHECK_EQ(weft_region_free(r), 0);
}

/* ---- Whatever becomes of them ---- */

enum fate {
	DONE,
	FAILS,
	DIES,
	CANCELLED, /* perhaps before it has begun */
	LATE,
	FATES
};

/* Its argument begins with what is to become of it. */
static int fate_fn(weft_call *call, const void *arg, void *result)
{
	weft_time end = weft_after(WEFT_SECONDS(20));

	(void)result;
	switch (*(const unsigned *)arg) {
	case FAILS:
		return -EILSEQ;
	case DIES:
		raise(SIGKILL);
		return 0;
	case LATE:
	case CANCELLED:
		while (!weft_call_cancelled(call) && weft_now() < end) {}
		return -ECANCELED;
	default:
		return 0;
	}
}

/* More memory than the pool has goes through it, by tasks that end in all ways. If one kept its block, there
 * would be none left in the end. */
TEST(large_memory_comes_back)
{
	static const int status[] = {[DONE] = 0,
				     [FAILS] = -EILSEQ,
				     [DIES] = -EOWNERDEAD,
				     [CANCELLED] = -ECANCELED,
				     [LATE] = -ETIMEDOUT};
	enum { ROUNDS = 6, N = 2 };
	static weft_task t[FATES * N];
	static unsigned *arg[FATES * N];
	weft_executor *ex;

	if (is_local())
		SKIP("no memory of the executor's here");
	ex = test_executor_with("large=33554432");
	for (unsigned i = 0; i < FATES * N; i++) {
		arg[i] = calloc(1, LARGE);
		*arg[i] = i % FATES;
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < FATES * N; i++) {
			t[i] = (weft_task){.fn = fate_fn,
					   .arg = arg[i],
					   .arg_size = LARGE,
					   .deadline = i % FATES == LATE ? weft_after(WEFT_MS(50)) : 0};
			REQUIRE_EQ(weft_submit_wait(ex, &t[i], test_soon()), 0);
			if (i % FATES == CANCELLED)
				weft_future_cancel(weft_task_future(&t[i]));
		}
		for (unsigned i = 0; i < FATES * N; i++) {
			test_wait(weft_task_future(&t[i]));
			CHECK_EQ(weft_future_status(weft_task_future(&t[i])), status[i % FATES]);
		}
	}
	/* All of it can be had at once. */
	t[0] = (weft_task){.fn = nothing_fn, .arg = calloc(1, 32 * MIB), .arg_size = 32 * MIB};
	REQUIRE_EQ(weft_submit(ex, &t[0]), 0);
	test_wait(weft_task_future(&t[0]));
	CHECK_EQ(weft_future_status(weft_task_future(&t[0])), 0);
	free((void *)(uintptr_t)t[0].arg);
	for (unsigned i = 0; i < FATES * N; i++)
		free(arg[i]);
	weft_executor_free(ex);
}

/* So many small tasks come before it that it stays in the queue. There is memory for one. */
TEST(large_cancelled_in_the_queue)
{
	enum { SMALL_ONES = 1500, ROUNDS = 5 };
	static weft_task small[SMALL_ONES];
	struct test_hold h;
	weft_executor *ex;
	void *arg;

	if (is_local())
		SKIP("no memory of the executor's here");
	arg = calloc(1, LARGE);
	ex = test_executor_with("large=4194304");
	test_hold_begin(&h, ex, test_workers());
	for (unsigned i = 0; i < SMALL_ONES; i++) {
		small[i] = (weft_task){.fn = nothing_fn};
		REQUIRE_EQ(weft_submit(ex, &small[i]), 0);
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		weft_task t = {.fn = nothing_fn, .arg = arg, .arg_size = LARGE}, other = t;

		REQUIRE_EQ(weft_submit(ex, &t), 0);
		CHECK_EQ(weft_submit(ex, &other), -EAGAIN);
		CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_DROPPED);
		test_wait(weft_task_future(&t));
	}
	test_hold_end(&h);
	for (unsigned i = 0; i < SMALL_ONES; i++)
		test_wait(weft_task_future(&small[i]));
	weft_executor_free(ex);
	free(arg);
}

/* A stop drops what is queued; its blocks are part of the pool. */
TEST(large_stopped)
{
	enum { N = 12 };
	static weft_task t[N];
	weft_executor *ex = test_executor();
	void *arg = calloc(1, LARGE);

	for (unsigned i = 0; i < N; i++) {
		t[i] = (weft_task){.fn = nothing_fn, .arg = arg, .arg_size = LARGE};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	test_stop(ex, WEFT_STOP_CANCEL);
	for (unsigned i = 0; i < N; i++) {
		int status = weft_future_status(weft_task_future(&t[i]));

		CHECK(status == 0 || status == -ECANCELED);
	}
	weft_executor_free(ex);
	free(arg);
}

/* Whom its rerun hits finds the argument again. */
static int once_fn(weft_call *call, const void *arg, void *result)
{
	const test_ref *ref = arg;
	uint32_t *board = test_board_map(ref);
	uint32_t runs = test_add(&board[0], 1);

	(void)call;
	test_board_unmap(board);
	if (runs == 1)
		raise(SIGKILL);
	memcpy(result, arg, LARGE);
	return 0;
}

TEST(large_runs_again)
{
	weft_task t = {.fn = once_fn, .arg_size = LARGE, .result_size = LARGE, .flags = WEFT_TASK_IDEMPOTENT};
	unsigned char *arg, *result;
	weft_executor *ex;

	if (is_local())
		SKIP("no workers that could die");
	ex = test_executor();
	t.arg = arg = malloc(LARGE);
	t.result = result = calloc(1, LARGE);
	filled(arg, LARGE, 5);
	test_board((test_ref *)(void *)arg);
	run(ex, &t);
	CHECK(!memcmp(arg, result, LARGE));
	free(arg);
	free(result);
	weft_executor_free(ex);
}

/* Where no addresses may be reserved, a slot is all there is. */
TEST(large_without_room_for_regions)
{
	struct rlimit most = {.rlim_cur = (rlim_t)1 << 30, .rlim_max = RLIM_INFINITY};
	weft_task t = {.fn = nothing_fn, .arg_size = LARGE};
	weft_executor *ex;
	void *arg;

	if (is_local() || setrlimit(RLIMIT_FSIZE, &most))
		SKIP("no regions in the way, or no such limit");
	ex = test_executor();
	t.arg = arg = calloc(1, LARGE);
	CHECK_EQ(weft_submit(ex, &t), -E2BIG);
	t.arg_size = 1000;
	run(ex, &t);
	weft_executor_free(ex);
	free(arg);
}

/* Where few may be, regions have an eighth of them, and what is large a quarter of that. */
TEST(large_in_little_room)
{
	struct rlimit most = {.rlim_cur = (rlim_t)1 << 30, .rlim_max = RLIM_INFINITY};
	weft_task t = {.fn = nothing_fn, .arg_size = LARGE};
	weft_executor *ex;
	void *arg;

#if defined(__SANITIZE_ADDRESS__)
	SKIP("the address sanitizer has taken more already");
#endif
	if (is_local() || TEST_UNDER_TSAN || setrlimit(RLIMIT_AS, &most))
		SKIP("no regions in the way, or no such limit");
	ex = test_executor();
	t.arg = arg = calloc(1, LARGE);
	run(ex, &t);
	t.arg_size = 32 * MIB + 1;
	CHECK_EQ(weft_submit(ex, &t), -E2BIG);
	weft_executor_free(ex);
	free(arg);
}
