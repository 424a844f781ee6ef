/* SPDX-License-Identifier: MIT
 *
 * contract_submit.c -- a submitted task runs once, sees its argument, and its outcome is what it returned;
 * what cannot be accepted is refused and leaves everything as it was.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

enum { MANY = 10000 };

static int return_arg_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	return *(const int *)arg;
}

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	return (int)weft_call_arg_size(call);
}

TEST(submit_value)
{
	weft_executor *ex = test_executor();
	uint64_t n = 12, square = 0;
	size_t size = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	weft_future *f = weft_task_future(&t);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(f);
	CHECK_EQ(weft_future_status(f), 0);
	CHECK_EQ(square, 144);
	const uint64_t *bytes = weft_future_result(f, &size);
	REQUIRE(bytes != NULL);
	CHECK_EQ(*bytes, 144);
	CHECK_EQ(size, 8);
	CHECK_EQ(strlen(weft_future_error(f)), 0);
	struct weft_death death;
	CHECK_EQ(weft_future_death(f, &death), -ENODATA);
	CHECK_EQ(weft_future_death(f, NULL), -EINVAL);
	weft_executor_free(ex);
}

TEST(submit_status_is_what_the_body_returned)
{
	const int statuses[] = {0, 1, 77, 65536, INT_MAX, -EIO, -EPERM, -4000};
	weft_executor *ex = test_executor();
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		weft_task t = {.fn = return_arg_fn, .arg = &statuses[i], .arg_size = sizeof(int)};
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), statuses[i]);
	}
	weft_executor_free(ex);
}

TEST(submit_nothing_in_nothing_out)
{
	weft_executor *ex = test_executor();
	weft_task t = {.fn = nothing_fn};
	size_t size = 5;
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	CHECK(weft_future_result(weft_task_future(&t), &size) == NULL);
	CHECK_EQ(size, 5);
	weft_executor_free(ex);
}

TEST(submit_never)
{
	weft_task t = {.fn = nothing_fn};
	weft_future *f = weft_task_future(&t);
	struct weft_death death;
	size_t size = 5;
	REQUIRE(f != NULL);
	CHECK(weft_task_future(&t) == f);
	CHECK(weft_task_future(NULL) == NULL);
	CHECK_EQ(weft_future_status(f), -EINVAL);
	CHECK_EQ(weft_future_wait(f, 0), -EINVAL);
	CHECK_EQ(weft_future_wait(NULL, 0), -EINVAL);
	CHECK_EQ(weft_future_status(NULL), -EINVAL);
	CHECK(weft_future_result(f, &size) == NULL);
	CHECK_EQ(size, 5);
	CHECK_EQ(strlen(weft_future_error(f)), 0);
	CHECK_EQ(weft_future_death(f, &death), -EINVAL);
	CHECK_EQ(weft_future_death(NULL, &death), -EINVAL);
	CHECK_EQ(weft_future_cancel(f), WEFT_CANCEL_LATE);
}

/* The ways to get a submission wrong. Returns 0 after the last. */
static bool make_invalid(int which, weft_task *t)
{
	static char byte;
	*t = (weft_task){.fn = nothing_fn};
	switch (which) {
	case 0:
		t->fn = NULL;
		return true;
	case 1:
		t->arg_size = 1;
		return true;
	case 2:
		t->result_size = 1;
		return true;
	case 3:
		t->flags = 1u << 31;
		return true;
	case 4:
		t->flags = WEFT_TASK_IDEMPOTENT | 4u;
		return true;
	case 5:
		t->fn = NULL;
		t->arg = &byte;
		t->arg_size = 1;
		return true;
	default:
		return false;
	}
}

TEST(submit_invalid)
{
	weft_executor *ex = test_executor();
	weft_task t;
	for (int i = 0; make_invalid(i, &t); i++) {
		CHECK_EQ(weft_submit(ex, &t), -EINVAL);
		CHECK_EQ(weft_submit_wait(ex, &t, WEFT_FOREVER), -EINVAL);
		CHECK_EQ(weft_submit_many(ex, &t, 1, NULL), -EINVAL);
		CHECK_EQ(weft_future_status(weft_task_future(&t)), -EINVAL);
	}
	t = (weft_task){.fn = nothing_fn};
	CHECK_EQ(weft_submit(NULL, &t), -EINVAL);
	CHECK_EQ(weft_submit(ex, NULL), -EINVAL);
	CHECK_EQ(weft_submit_wait(NULL, &t, 0), -EINVAL);
	CHECK_EQ(weft_submit_wait(ex, NULL, 0), -EINVAL);
	CHECK_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	weft_executor_free(ex);
}

TEST(submit_refused_leaves_the_last_outcome)
{
	weft_executor *ex = test_executor();
	uint64_t n = 5, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	weft_future *f = weft_task_future(&t);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(f);
	t.flags = 1u << 30;
	CHECK_EQ(weft_submit(ex, &t), -EINVAL);
	CHECK_EQ(weft_submit_many(ex, &t, 1, NULL), -EINVAL);
	t.flags = 0;
	t.fn = NULL;
	CHECK_EQ(weft_submit_wait(ex, &t, WEFT_FOREVER), -EINVAL);
	CHECK_EQ(weft_future_status(f), 0);
	CHECK_EQ(weft_future_wait(f, 0), 0);
	REQUIRE(weft_future_result(f, NULL) != NULL);
	CHECK_EQ(*(const uint64_t *)weft_future_result(f, NULL), 25);
	CHECK_EQ(square, 25);
	weft_executor_free(ex);
}

TEST(submit_again)
{
	weft_executor *ex = test_executor();
	int value = 0;
	weft_task t = {.fn = return_arg_fn, .arg = &value, .arg_size = sizeof value};
	for (value = 0; value < 500; value++) {
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), value);
	}
	value = -EDOM;
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -EDOM);
	value = 3;
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 3);
	weft_executor_free(ex);
}

TEST(submit_busy)
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	weft_task queued = {.fn = nothing_fn};
	test_hold_begin(&hold, ex, test_workers());
	CHECK_EQ(weft_submit(ex, &hold.task[0]), -EBUSY);
	CHECK_EQ(weft_submit_wait(ex, &hold.task[0], test_soon()), -EBUSY);
	CHECK_EQ(weft_submit(weft_inline(), &hold.task[0]), -EBUSY);
	CHECK_EQ(weft_future_status(weft_task_future(&hold.task[0])), -EINPROGRESS);
	if (!test_is_inline()) {
		REQUIRE_EQ(weft_submit(ex, &queued), 0);
		CHECK_EQ(weft_submit(ex, &queued), -EBUSY);
		CHECK_EQ(weft_future_status(weft_task_future(&queued)), -EINPROGRESS);
	}
	test_hold_end(&hold);
	CHECK_EQ(weft_future_status(weft_task_future(&hold.task[0])), 0);
	if (!test_is_inline())
		test_wait(weft_task_future(&queued));
	weft_executor_free(ex);
}

TEST(submit_many)
{
	weft_executor *ex = test_executor();
	enum { N = 1000 };
	static uint64_t in[N], out[N];
	static weft_task t[N];
	size_t accepted = 99;
	CHECK_EQ(weft_submit_many(ex, t, 0, &accepted), 0);
	CHECK_EQ(accepted, 0);
	for (size_t i = 0; i < N; i++) {
		in[i] = i;
		t[i] = (weft_task){.fn = test_square_fn, .arg = &in[i], .arg_size = 8};
		t[i].result = &out[i];
		t[i].result_size = 8;
	}
	REQUIRE_EQ(weft_submit_many(ex, t, N, &accepted), 0);
	CHECK_EQ(accepted, N);
	for (size_t i = 0; i < N; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(out[i], i * i);
	}
	REQUIRE_EQ(weft_submit_many(ex, t, N, NULL), 0);
	for (size_t i = 0; i < N; i++)
		test_wait(weft_task_future(&t[i]));
	weft_executor_free(ex);
}

TEST(submit_many_stops_at_the_first_refused)
{
	weft_executor *ex = test_executor();
	weft_task t[6];
	size_t accepted = 99;
	for (int i = 0; i < 6; i++)
		t[i] = (weft_task){.fn = i == 3 ? NULL : nothing_fn};
	CHECK_EQ(weft_submit_many(ex, t, 6, &accepted), -EINVAL);
	CHECK_EQ(accepted, 3);
	for (int i = 0; i < 3; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
	}
	for (int i = 3; i < 6; i++)
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), -EINVAL);
	accepted = 99;
	CHECK_EQ(weft_submit_many(NULL, t, 1, &accepted), -EINVAL);
	CHECK_EQ(accepted, 0);
	weft_executor_free(ex);
}

TEST(submit_ten_thousand)
{
	weft_executor *ex = test_executor();
	static uint64_t in[MANY], out[MANY];
	static weft_task t[MANY];
	for (size_t i = 0; i < MANY; i++) {
		in[i] = i;
		t[i] = (weft_task){.fn = test_square_fn, .arg = &in[i], .arg_size = 8};
		t[i].result = &out[i];
		t[i].result_size = 8;
		REQUIRE_EQ(weft_submit_wait(ex, &t[i], test_soon()), 0);
	}
	size_t wrong = 0;
	for (size_t i = 0; i < MANY; i++) {
		test_wait(weft_task_future(&t[i]));
		wrong += out[i] != i * i || weft_future_status(weft_task_future(&t[i])) != 0;
	}
	CHECK_EQ(wrong, 0);
	weft_executor_free(ex);
}

struct submitter {
	weft_executor *ex;
	pthread_t thread;
	unsigned good;
};

static void *submit_and_wait(void *ctx)
{
	struct submitter *s = ctx;
	for (uint64_t n = 0; n < 300; n++) {
		uint64_t square = 0;
		weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8};
		t.result = &square;
		t.result_size = 8;
		if (weft_submit(s->ex, &t) == 0 && weft_future_wait(weft_task_future(&t), WEFT_FOREVER) == 0)
			s->good += square == n * n;
	}
	return NULL;
}

TEST(submit_from_many_threads)
{
	struct submitter s[6] = {{0}};
	weft_executor *ex = test_executor();
	for (int i = 0; i < 6; i++) {
		s[i].ex = ex;
		REQUIRE_EQ(pthread_create(&s[i].thread, NULL, submit_and_wait, &s[i]), 0);
	}
	for (int i = 0; i < 6; i++) {
		pthread_join(s[i].thread, NULL);
		CHECK_EQ(s[i].good, 300);
	}
	weft_executor_free(ex);
}

static void record(const struct test_mark *mark, uint32_t n)
{
	uint32_t *board = test_board_map(&mark->ref);
	board[10 + test_add(&board[2], 1)] = n;
	test_board_unmap(board);
}

static int record_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	record(arg, ((const struct test_mark *)arg)->word);
	return 0;
}

TEST(submit_priority)
{
	if (test_workers() != 1)
		SKIP("order is promised where one task runs at a time");
	enum { N = 12 };
	weft_executor *ex = test_executor();
	struct test_hold hold;
	struct test_mark mark[N];
	weft_task t[N];
	test_hold_begin(&hold, ex, 1);
	for (uint32_t i = 0; i < N; i++) {
		mark[i] = (struct test_mark){.ref = hold.ref, .word = i};
		t[i] = (weft_task){.fn = record_fn, .arg = &mark[i], .arg_size = sizeof mark[i]};
		t[i].priority = test_is_inline() ? 0 : (int32_t)(i % 3) - 1;
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	test_hold_end(&hold);
	for (int i = 0; i < N; i++)
		test_wait(weft_task_future(&t[i]));
	for (uint32_t i = 0; i < N; i++) {
		uint32_t want = test_is_inline() ? i : (2 - i / 4) + i % 4 * 3;
		CHECK_EQ(hold.board[11 + i], want);
	}
	weft_executor_free(ex);
}

/* Bursts with pauses about as long as a worker looks for work before it sleeps. */
TEST(submit_in_bursts)
{
	enum { BURSTS = 6000, MOST = 5 };
	weft_executor *ex = test_executor();
	unsigned seed = 1;
	size_t wrong = 0;
	for (int burst = 0; burst < BURSTS; burst++) {
		uint64_t value[MOST];
		weft_task t[MOST];
		size_t n = 1 + (size_t)rand_r(&seed) % MOST;
		for (size_t i = 0; i < n; i++) {
			value[i] = i;
			t[i] = (weft_task){.fn = test_square_fn, .arg = &value[i], .arg_size = 8};
			t[i].result = &value[i];
			t[i].result_size = 8;
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
			for (volatile int spin = rand_r(&seed) % 2000; spin > 0; spin--)
				;
		}
		for (size_t i = 0; i < n; i++) {
			test_wait(weft_task_future(&t[i]));
			wrong += value[i] != i * i;
		}
	}
	CHECK_EQ(wrong, 0);
	weft_executor_free(ex);
}
