/* SPDX-License-Identifier: MIT
 *
 * contract_async.c -- heap futures: the argument is copied, the result kept, references counted; copies are
 * aligned; a task sees its sizes, its deadline and itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

static int reverse_fn(weft_call *call, const void *arg, void *result)
{
	size_t n = weft_call_arg_size(call);
	for (size_t i = 0; i < n; i++)
		((char *)result)[i] = ((const char *)arg)[n - 1 - i];
	return 0;
}

static int alignment_fn(weft_call *call, const void *arg, void *result)
{
	(void)call;
	return (uintptr_t)arg % 16 == 0 && (uintptr_t)result % 16 == 0 ? 0 : -EFAULT;
}

struct seen {
	size_t arg_size;
	weft_time deadline;
	bool current, cancelled, cause;
};

static int look_fn(weft_call *call, const void *arg, void *result)
{
	struct seen *seen = result;
	(void)arg;
	seen->arg_size = weft_call_arg_size(call);
	seen->deadline = weft_call_deadline(call);
	seen->current = call != NULL && weft_current() == call;
	seen->cancelled = weft_call_cancelled(call);
	seen->cause = weft_call_cause(call) != NULL;
	return 0;
}

TEST(async_copies_its_argument)
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	weft_future *f;
	char text[] = "abcdef";
	size_t size = 0;
	test_hold_begin(&hold, ex, test_workers());
	REQUIRE_EQ(weft_async(ex, reverse_fn, text, 6, 6, &f), 0);
	memset(text, 'x', sizeof text);
	test_hold_end(&hold);
	test_wait(f);
	CHECK_EQ(weft_future_status(f), 0);
	const char *result = weft_future_result(f, &size);
	REQUIRE(result != NULL);
	CHECK_EQ(size, 6);
	CHECK_EQ(memcmp(result, "fedcba", 6), 0);
	weft_future_unref(f);
	weft_executor_free(ex);
}

TEST(async_result_is_zeroed)
{
	weft_executor *ex = test_executor();
	char zero[500] = {0};
	for (size_t size = 1; size <= sizeof zero; size += 83) {
		weft_future *f;
		size_t got = 0;
		REQUIRE_EQ(weft_async(ex, nothing_fn, NULL, 0, size, &f), 0);
		test_wait(f);
		REQUIRE(weft_future_result(f, &got) != NULL);
		CHECK_EQ(got, size);
		CHECK_EQ(memcmp(weft_future_result(f, NULL), zero, size), 0);
		weft_future_unref(f);
	}
	weft_executor_free(ex);
}

TEST(async_zero_bytes)
{
	weft_executor *ex = test_executor();
	weft_future *f;
	size_t size = 7;
	REQUIRE_EQ(weft_async(ex, nothing_fn, NULL, 0, 0, &f), 0);
	test_wait(f);
	CHECK_EQ(weft_future_status(f), 0);
	CHECK(weft_future_result(f, &size) == NULL);
	CHECK_EQ(size, 7);
	weft_future_unref(f);
	weft_executor_free(ex);
}

TEST(async_refused)
{
	weft_executor *ex = test_executor();
	weft_task other = {.fn = nothing_fn};
	weft_future *const untouched = weft_task_future(&other), *f = untouched;
	CHECK_EQ(weft_async(NULL, nothing_fn, NULL, 0, 0, &f), -EINVAL);
	CHECK_EQ(weft_async(ex, NULL, NULL, 0, 0, &f), -EINVAL);
	CHECK_EQ(weft_async(ex, nothing_fn, NULL, 1, 0, &f), -EINVAL);
	CHECK_EQ(weft_async(ex, nothing_fn, NULL, 0, 0, NULL), -EINVAL);
	int err = weft_async(ex, nothing_fn, NULL, 0, SIZE_MAX, &f);
	CHECK(err == -ENOMEM || err == -E2BIG);
	err = weft_async(ex, nothing_fn, &other, SIZE_MAX - 15, 64, &f);
	CHECK(err == -ENOMEM || err == -E2BIG);
	CHECK(f == untouched);
	weft_executor_free(ex);
}

TEST(async_references)
{
	weft_executor *ex = test_executor();
	uint64_t n = 9;
	weft_future *f;
	REQUIRE_EQ(weft_async(ex, test_square_fn, &n, 8, 8, &f), 0);
	CHECK(weft_future_ref(f) == f);
	weft_future_unref(f);
	test_wait(f);
	weft_executor_free(ex);
	/* The future outlives its executor. */
	CHECK_EQ(weft_future_status(f), 0);
	CHECK_EQ(*(const uint64_t *)weft_future_result(f, NULL), 81);
	weft_future_unref(f);
	weft_future_unref(NULL);
	weft_task t = {.fn = nothing_fn};
	CHECK(weft_future_ref(weft_task_future(&t)) == weft_task_future(&t));
	weft_future_unref(weft_task_future(&t));
	weft_future_unref(weft_task_future(&t));
}

TEST(async_thrown_away_goes_on)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct test_mark mark = {.ref = ref, .word = 3};
	for (int i = 0; i < 100; i++) {
		weft_future *f;
		REQUIRE_EQ(weft_async(ex, test_mark_fn, &mark, sizeof mark, 32, &f), 0);
		weft_future_unref(f);
	}
	weft_executor_free(ex);
	CHECK_EQ(test_get(&board[3]), 100);
}

TEST(async_thousand)
{
	enum { N = 1000 };
	weft_executor *ex = test_executor();
	static weft_future *f[N];
	for (uint64_t i = 0; i < N; i++)
		REQUIRE_EQ(weft_async(ex, test_square_fn, &i, 8, 8, &f[i]), 0);
	REQUIRE_EQ(weft_wait_all(f, N, test_soon()), 0);
	for (uint64_t i = 0; i < N; i++) {
		CHECK_EQ(*(const uint64_t *)weft_future_result(f[i], NULL), i * i);
		weft_future_unref(f[i]);
	}
	weft_executor_free(ex);
}

TEST(async_copies_are_aligned)
{
	weft_executor *ex = test_executor();
	static char bytes[300];
	for (size_t arg = 1; arg < 120; arg += 7) {
		for (size_t result = 1; result < 120; result += 13) {
			weft_future *f;
			REQUIRE_EQ(weft_async(ex, alignment_fn, bytes + 1, arg, result, &f), 0);
			test_wait(f);
			CHECK_EQ(weft_future_status(f), 0);
			weft_future_unref(f);
		}
	}
	weft_executor_free(ex);
}

TEST(async_copies_of_other_spaces_are_aligned)
{
	weft_executor *ex = test_executor();
	if (weft_executor_caps(ex) & WEFT_CAP_LOCAL) {
		weft_executor_free(ex);
		SKIP("this executor hands the caller's own pointers on");
	}
	static char bytes[300];
	for (size_t i = 1; i < 60; i += 3) {
		weft_task t = {.fn = alignment_fn, .arg = bytes + 1, .arg_size = i};
		t.result = bytes + 151;
		t.result_size = 60 - i;
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	}
	weft_executor_free(ex);
}

TEST(call_sees_itself)
{
	weft_executor *ex = test_executor();
	struct seen seen;
	char arg[33] = {0};
	weft_time deadlines[] = {0, WEFT_FOREVER, weft_after(WEFT_SECONDS(3600))};
	for (int i = 0; i < 3; i++) {
		weft_task t = {.fn = look_fn, .arg = arg, .arg_size = sizeof arg, .deadline = deadlines[i]};
		t.result = &seen;
		t.result_size = sizeof seen;
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(seen.arg_size, sizeof arg);
		if (i == 2 && test_is_mpi()) /* it crosses as the time left */
			CHECK(seen.deadline >= deadlines[i] &&
			      seen.deadline < deadlines[i] + WEFT_SECONDS(60));
		else
			CHECK_EQ(seen.deadline, i == 2 ? deadlines[i] : WEFT_FOREVER);
		CHECK(seen.current);
		CHECK(!seen.cancelled);
		CHECK(!seen.cause);
	}
	weft_executor_free(ex);
	CHECK(weft_current() == NULL);
}

TEST(call_may_be_null)
{
	struct seen seen = {.arg_size = 9};
	CHECK_EQ(look_fn(NULL, NULL, &seen), 0);
	CHECK_EQ(seen.arg_size, 0);
	CHECK_EQ(seen.deadline, WEFT_FOREVER);
	CHECK(!seen.current && !seen.cancelled && !seen.cause);
	weft_call_reply(NULL, 8);
	CHECK(weft_call_scratch(NULL, 8) == NULL);
	CHECK_EQ(weft_call_fail(NULL, -EIO, "nobody %s", "reads this"), -EIO);
}
