/* SPDX-License-Identifier: MIT
 *
 * contract_wait.c -- waiting for one, all or any of some futures: nothing, duplicates, what is done already,
 * what is not, many of them, many waiters.
 */
#include <errno.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

enum { MANY = 10000 };

struct squares {
	uint64_t in[MANY], out[MANY];
	weft_task task[MANY];
	weft_future *future[MANY];
};

static struct squares squares;

static void submit_squares(weft_executor *ex, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		squares.in[i] = i;
		squares.task[i] = (weft_task){.fn = test_square_fn, .arg = &squares.in[i], .arg_size = 8};
		squares.task[i].result = &squares.out[i];
		squares.task[i].result_size = 8;
		squares.future[i] = weft_task_future(&squares.task[i]);
		REQUIRE_EQ(weft_submit_wait(ex, &squares.task[i], test_soon()), 0);
	}
}

static size_t wrong_squares(size_t n)
{
	size_t wrong = 0;
	for (size_t i = 0; i < n; i++)
		wrong += squares.out[i] != i * i || weft_future_status(squares.future[i]) != 0;
	return wrong;
}

TEST(wait_all_of_none)
{
	CHECK_EQ(weft_wait_all(NULL, 0, 0), 0);
	CHECK_EQ(weft_wait_all(NULL, 0, WEFT_FOREVER), 0);
	CHECK_EQ(weft_wait_any(NULL, 0, WEFT_FOREVER), -EINVAL);
}

TEST(wait_invalid)
{
	weft_executor *ex = test_executor();
	uint64_t n = 2, square;
	weft_task done = {
		.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	weft_task never = {.fn = test_square_fn};
	REQUIRE_EQ(weft_submit(ex, &done), 0);
	test_wait(weft_task_future(&done));
	weft_future *with_null[] = {weft_task_future(&done), NULL};
	weft_future *with_never[] = {weft_task_future(&done), weft_task_future(&never)};
	CHECK_EQ(weft_wait_all(with_null, 2, 0), -EINVAL);
	CHECK_EQ(weft_wait_all(with_never, 2, 0), -EINVAL);
	CHECK_EQ(weft_wait_any(&with_null[1], 1, 0), -EINVAL);
	CHECK_EQ(weft_wait_any(&with_never[1], 1, 0), -EINVAL);
	weft_executor_free(ex);
}

TEST(wait_all_finished)
{
	weft_executor *ex = test_executor();
	submit_squares(ex, 20);
	REQUIRE_EQ(weft_wait_all(squares.future, 20, test_soon()), 0);
	CHECK_EQ(weft_wait_all(squares.future, 20, INT64_MIN), 0);
	CHECK_EQ(weft_wait_any(squares.future, 20, INT64_MIN), 0);
	CHECK_EQ(wrong_squares(20), 0);
	weft_executor_free(ex);
}

TEST(wait_all_duplicates)
{
	weft_executor *ex = test_executor();
	submit_squares(ex, 3);
	weft_future *f[40];
	for (int i = 0; i < 40; i++)
		f[i] = squares.future[i % 3];
	CHECK_EQ(weft_wait_all(f, 40, test_soon()), 0);
	CHECK_EQ(weft_wait_any(f, 40, test_soon()), 0);
	CHECK_EQ(wrong_squares(3), 0);
	weft_executor_free(ex);
}

TEST(wait_any_least_index)
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	test_hold_begin(&hold, ex, 1);
	submit_squares(weft_inline(), 2);
	weft_future *pending = weft_task_future(&hold.task[0]);
	weft_future *f[] = {pending, squares.future[0], pending, squares.future[1]};
	CHECK_EQ(weft_wait_any(f, 4, 0), 1);
	CHECK_EQ(weft_wait_any(f, 4, test_soon()), 1);
	CHECK_EQ(weft_wait_any(&f[2], 2, WEFT_FOREVER), 1);
	CHECK_EQ(weft_wait_any(f, 1, 0), -ETIMEDOUT);
	CHECK_EQ(weft_wait_any(f, 1, weft_after(WEFT_MS(10))), -ETIMEDOUT);
	CHECK_EQ(weft_wait_all(f, 4, weft_after(WEFT_MS(10))), -ETIMEDOUT);
	test_hold_end(&hold);
	CHECK_EQ(weft_wait_any(f, 4, 0), 0);
	CHECK_EQ(weft_wait_all(f, 4, 0), 0);
	weft_executor_free(ex);
}

TEST(wait_any_duplicates_pending)
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	weft_future *f[40];
	test_hold_begin(&hold, ex, 1);
	for (int i = 0; i < 40; i++)
		f[i] = weft_task_future(&hold.task[0]);
	CHECK_EQ(weft_wait_any(f, 40, weft_after(WEFT_MS(10))), -ETIMEDOUT);
	CHECK_EQ(weft_wait_all(f, 40, weft_after(WEFT_MS(10))), -ETIMEDOUT);
	test_hold_end(&hold);
	CHECK_EQ(weft_wait_any(f, 40, 0), 0);
	weft_executor_free(ex);
}

static void *open_gates(void *ctx)
{
	struct test_hold *hold = ctx;
	test_sleep_ms(20);
	test_set(&hold->board[TEST_GATE_OPEN], 1);
	return NULL;
}

static void wake(int (*wait)(weft_future *const *f, size_t n))
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	weft_future *f[TEST_HOLD_MAX];
	pthread_t thread;
	unsigned n = test_workers();
	test_hold_begin(&hold, ex, n);
	for (unsigned i = 0; i < n; i++)
		f[i] = weft_task_future(&hold.task[i]);
	REQUIRE_EQ(pthread_create(&thread, NULL, open_gates, &hold), 0);
	CHECK_EQ(wait(f, n), 0);
	pthread_join(thread, NULL);
	test_hold_end(&hold);
	weft_executor_free(ex);
}

static int wait_for_all(weft_future *const *f, size_t n)
{
	return weft_wait_all(f, n, test_soon());
}

static int wait_for_any(weft_future *const *f, size_t n)
{
	ssize_t i = weft_wait_any(f, n, test_soon());
	return i >= 0 && (size_t)i < n && weft_future_status(f[i]) == 0 ? 0 : -EBADE;
}

static int wait_for_each(weft_future *const *f, size_t n)
{
	int err = 0;
	for (size_t i = 0; i < n && err == 0; i++)
		err = weft_future_wait(f[i], test_soon());
	return err;
}

TEST(wait_all_is_woken)
{
	wake(wait_for_all);
}

TEST(wait_any_is_woken)
{
	wake(wait_for_any);
}

TEST(wait_one_is_woken)
{
	wake(wait_for_each);
}

/* 17 and more futures take another path than 16. */
TEST(wait_any_of_many)
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	weft_future *f[100];
	test_hold_begin(&hold, ex, 1);
	submit_squares(weft_inline(), 1);
	for (size_t n = 14; n < 100; n++) {
		for (size_t i = 0; i < n; i++)
			f[i] = weft_task_future(&hold.task[0]);
		CHECK_EQ(weft_wait_any(f, n, weft_after(WEFT_US(200))), -ETIMEDOUT);
		f[n - 1] = squares.future[0];
		CHECK_EQ(weft_wait_any(f, n, test_soon()), n - 1);
	}
	test_hold_end(&hold);
	weft_executor_free(ex);
}

/* As each gets done: the array shrinks by the one that wait_any names. */
TEST(wait_any_until_none_is_left)
{
	enum { N = 60 };
	weft_executor *ex = test_executor();
	weft_future *f[N];
	submit_squares(ex, N);
	memcpy(f, squares.future, sizeof f);
	for (size_t n = N; n > 0; n--) {
		ssize_t i = weft_wait_any(f, n, test_soon());
		REQUIRE(i >= 0 && (size_t)i < n);
		CHECK_EQ(weft_future_status(f[i]), 0);
		f[i] = f[n - 1];
	}
	CHECK_EQ(wrong_squares(N), 0);
	weft_executor_free(ex);
}

TEST(wait_all_ten_thousand)
{
	weft_executor *ex = test_executor();
	submit_squares(ex, MANY);
	REQUIRE_EQ(weft_wait_all(squares.future, MANY, test_soon()), 0);
	CHECK_EQ(wrong_squares(MANY), 0);
	CHECK_EQ(weft_wait_any(squares.future, MANY, 0), 0);
	weft_executor_free(ex);
}

TEST(wait_all_counts_failures_as_done)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	test_board(&ref);
	struct test_mark mark = {.ref = ref, .word = 1, .status = -EIO};
	weft_task bad = {.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
	weft_task late = bad;
	late.deadline = 1;
	REQUIRE_EQ(weft_submit(ex, &bad), 0);
	REQUIRE_EQ(weft_submit(ex, &late), 0);
	weft_future *f[] = {weft_task_future(&bad), weft_task_future(&late)};
	CHECK_EQ(weft_wait_all(f, 2, test_soon()), 0);
	CHECK_EQ(weft_future_status(f[0]), -EIO);
	CHECK_EQ(weft_future_status(f[1]), -ETIMEDOUT);
	weft_executor_free(ex);
}

struct waiter {
	weft_future *const *f;
	unsigned n;
	pthread_t thread;
	int answer;
};

static void *wait_somehow(void *ctx)
{
	struct waiter *w = ctx;
	if (w->n % 3 == 0)
		w->answer = weft_future_wait(w->f[0], WEFT_FOREVER);
	else if (w->n % 3 == 1)
		w->answer = weft_wait_all(w->f, 1, WEFT_FOREVER);
	else
		w->answer = (int)weft_wait_any(w->f, 1, WEFT_FOREVER);
	return NULL;
}

TEST(wait_by_many_threads)
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	struct waiter w[12];
	test_hold_begin(&hold, ex, 1);
	weft_future *f = weft_task_future(&hold.task[0]);
	for (unsigned i = 0; i < 12; i++) {
		w[i] = (struct waiter){.f = &f, .n = i, .answer = -EBADE};
		REQUIRE_EQ(pthread_create(&w[i].thread, NULL, wait_somehow, &w[i]), 0);
	}
	test_sleep_ms(10);
	test_hold_end(&hold);
	for (unsigned i = 0; i < 12; i++) {
		pthread_join(w[i].thread, NULL);
		CHECK_EQ(w[i].answer, 0);
	}
	weft_executor_free(ex);
}

/* The task's storage is on the stack, and gone as soon as the wait returns. */
TEST(wait_then_forget)
{
	weft_executor *ex = test_executor();
	for (uint64_t n = 0; n < 3000; n++) {
		uint64_t square = 0;
		weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square};
		t.result_size = 8;
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(square, n * n);
		memset(&t, 0xa5, sizeof t);
	}
	weft_executor_free(ex);
}
