/* SPDX-License-Identifier: MIT
 *
 * contract_deadline.c -- a deadline that has passed means the task never runs; one that passes while it
 * runs ends its waits and, where tasks can be killed, the task.
 */
#include <errno.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

static int until_cancelled_fn(weft_call *call, const void *arg, void *result)
{
	weft_time end = test_soon();
	(void)result;
	while (!weft_call_cancelled(call) && weft_now() < end)
		test_sleep_ms(1);
	return weft_call_cancelled(call) ? *(const int *)arg : -ETIME;
}

static int for_ever_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	for (volatile const int *stop = arg; *stop == 0;)
		;
	return 0;
}

static int wait_fn(weft_call *call, const void *arg, void *result)
{
	weft_executor *own;
	weft_task gate = {.fn = test_gate_fn, .arg = arg, .arg_size = sizeof(test_ref)};
	(void)call, (void)result;
	int err = weft_executor_open(&own, "threads:1");
	if (err != 0)
		return err;
	err = weft_submit(own, &gate);
	int waited = err == 0 ? weft_future_wait(weft_task_future(&gate), test_soon()) : err;
	uint32_t *board = test_board_map(arg);
	test_set(&board[2], waited == -ECANCELED);
	test_set(&board[TEST_GATE_OPEN], 1);
	test_board_unmap(board);
	weft_executor_free(own);
	return waited;
}

static bool can_kill(const weft_executor *ex)
{
	return (weft_executor_caps(ex) & WEFT_CAP_KILL) != 0;
}

TEST(deadline_passed)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct test_mark mark = {.ref = ref, .word = 3};
	const weft_time past[] = {INT64_MIN, INT64_MIN + 1, -1, 1, weft_now() - 1, weft_after(INT64_MIN)};
	for (size_t i = 0; i < sizeof past / sizeof *past; i++) {
		char result[8] = "before";
		weft_task t = {.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		t.result = result;
		t.result_size = sizeof result;
		t.deadline = past[i];
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), -ETIMEDOUT);
		CHECK(weft_future_result(weft_task_future(&t), NULL) == NULL);
		struct weft_death death;
		CHECK_EQ(weft_future_death(weft_task_future(&t), &death), -ENODATA);
	}
	CHECK_EQ(test_get(&board[3]), 0);
	weft_executor_free(ex);
}

TEST(deadline_far)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct test_mark mark = {.ref = ref, .word = 3, .status = 2};
	const weft_time far[] = {0, INT64_MAX, INT64_MAX - 1, weft_after(INT64_MAX), test_soon()};
	for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
		weft_task t = {.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		t.deadline = far[i];
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), 2);
	}
	CHECK_EQ(test_get(&board[3]), 5);
	weft_executor_free(ex);
}

TEST(deadline_of_waits)
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	test_hold_begin(&hold, ex, 1);
	weft_future *f = weft_task_future(&hold.task[0]);
	const weft_time past[] = {INT64_MIN, -1, 0, 1, weft_now() - 1, weft_after(WEFT_MS(10))};
	for (size_t i = 0; i < sizeof past / sizeof *past; i++) {
		CHECK_EQ(weft_future_wait(f, past[i]), -ETIMEDOUT);
		CHECK_EQ(weft_wait_all(&f, 1, past[i]), -ETIMEDOUT);
		CHECK_EQ(weft_wait_any(&f, 1, past[i]), -ETIMEDOUT);
	}
	CHECK_EQ(weft_future_status(f), -EINPROGRESS);
	test_hold_end(&hold);
	for (size_t i = 0; i < sizeof past / sizeof *past; i++) {
		CHECK_EQ(weft_future_wait(f, past[i]), 0);
		CHECK_EQ(weft_wait_all(&f, 1, past[i]), 0);
		CHECK_EQ(weft_wait_any(&f, 1, past[i]), 0);
	}
	CHECK_EQ(weft_future_wait(f, WEFT_FOREVER), 0);
	weft_executor_free(ex);
}

TEST(deadline_while_queued)
{
	if (test_is_inline())
		SKIP("nothing is queued here");
	weft_executor *ex = test_executor();
	struct test_hold hold;
	test_hold_begin(&hold, ex, test_workers());
	struct test_mark mark = {.ref = hold.ref, .word = 2};
	weft_task t[10];
	for (int i = 0; i < 10; i++) {
		t[i] = (weft_task){.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		t[i].deadline = i % 2 ? weft_after(WEFT_MS(20)) : 0;
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	test_sleep_ms(40);
	test_hold_end(&hold);
	for (int i = 0; i < 10; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), i % 2 ? -ETIMEDOUT : 0);
	}
	CHECK_EQ(test_get(&hold.board[2]), 5);
	/* Once done it may be submitted again, with time enough. */
	t[1].deadline = 0;
	REQUIRE_EQ(weft_submit(ex, &t[1]), 0);
	test_wait(weft_task_future(&t[1]));
	CHECK_EQ(weft_future_status(weft_task_future(&t[1])), 0);
	weft_executor_free(ex);
}

/* A body that polls hears of it. Where tasks can be killed it may be killed at the same moment. */
TEST(deadline_while_running)
{
	static const int statuses[] = {-ECANCELED, 3, -EIO};
	weft_executor *ex = test_executor();
	for (int i = 0; i < 3; i++) {
		weft_task t = {.fn = until_cancelled_fn, .arg = &statuses[i], .arg_size = sizeof(int)};
		t.deadline = weft_after(WEFT_MS(30));
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		int status = weft_future_status(weft_task_future(&t));
		CHECK(status == -ETIMEDOUT || status == statuses[i]);
		if (!can_kill(ex) && statuses[i] >= 0)
			CHECK_EQ(status, statuses[i]);
		CHECK(weft_now() >= t.deadline);
	}
	weft_executor_free(ex);
}

TEST(deadline_ends_waits_inside_the_task)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	weft_task t = {.fn = wait_fn, .arg = &ref, .arg_size = sizeof ref};
	t.deadline = weft_after(WEFT_MS(150));
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	int status = weft_future_status(weft_task_future(&t));
	CHECK(status == -ECANCELED || status == -ETIMEDOUT);
	if (!can_kill(ex))
		CHECK_EQ(test_get(&board[2]), 1);
	weft_executor_free(ex);
}

TEST(deadline_kills)
{
	weft_executor *ex = test_executor();
	if (!can_kill(ex)) {
		weft_executor_free(ex);
		SKIP("running tasks cannot be killed here");
	}
	const int never = 0;
	uint64_t n = 6, square = 0;
	struct weft_stats stats;
	for (int round = 0; round < 3; round++) {
		weft_task t[4];
		weft_task after = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square};
		after.result_size = 8;
		for (int i = 0; i < 4; i++) {
			t[i] = (weft_task){.fn = for_ever_fn, .arg = &never, .arg_size = sizeof never};
			t[i].deadline = weft_after(WEFT_MS(20));
			t[i].flags = i % 2 ? WEFT_TASK_IDEMPOTENT : 0;
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		}
		REQUIRE_EQ(weft_submit(ex, &after), 0);
		for (int i = 0; i < 4; i++) {
			test_wait(weft_task_future(&t[i]));
			CHECK_EQ(weft_future_status(weft_task_future(&t[i])), -ETIMEDOUT);
		}
		test_wait(weft_task_future(&after));
		CHECK_EQ(weft_future_status(weft_task_future(&after)), 0);
		CHECK_EQ(square, 36);
	}
	REQUIRE_EQ(weft_executor_stats(ex, &stats), 0);
	CHECK_EQ(stats.timed_out, 12);
	CHECK_EQ(stats.died, 0);
	weft_executor_free(ex);
}

TEST(deadline_of_one_does_not_touch_another)
{
	weft_executor *ex = test_executor();
	static const int status = 3;
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct test_mark mark = {.ref = ref, .word = 3};
	weft_task slow[4], quick[40];
	for (int i = 0; i < 4; i++) {
		slow[i] = (weft_task){.fn = until_cancelled_fn, .arg = &status, .arg_size = sizeof status};
		slow[i].deadline = weft_after(WEFT_MS(10 + 5 * i));
		REQUIRE_EQ(weft_submit(ex, &slow[i]), 0);
	}
	for (int i = 0; i < 40; i++) {
		quick[i] = (weft_task){.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		quick[i].deadline = test_soon();
		REQUIRE_EQ(weft_submit(ex, &quick[i]), 0);
	}
	for (int i = 0; i < 40; i++) {
		test_wait(weft_task_future(&quick[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&quick[i])), 0);
	}
	for (int i = 0; i < 4; i++)
		test_wait(weft_task_future(&slow[i]));
	CHECK_EQ(test_get(&board[3]), 40);
	weft_executor_free(ex);
}

TEST(deadline_arithmetic)
{
	CHECK_EQ(weft_after(INT64_MAX), WEFT_FOREVER);
	CHECK_EQ(weft_after(INT64_MAX - 1), WEFT_FOREVER);
	CHECK(weft_after(INT64_MIN) < 0);
	CHECK(weft_after(-1) < weft_now());
	weft_time a = weft_now(), b = weft_now();
	CHECK(a > 0 && b >= a);
	CHECK(weft_after(WEFT_SECONDS(1)) >= b + WEFT_SECONDS(1));
	CHECK_EQ(WEFT_MS(1), WEFT_US(1000));
	CHECK_EQ(WEFT_SECONDS(1), WEFT_MS(1000));
}
