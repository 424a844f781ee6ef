/* SPDX-License-Identifier: MIT
 *
 * contract_then.c -- continuations: run once the cause is done, however it ended; have their place in the
 * queue; see the cause; can be cancelled; form chains; go from one executor to another.
 */
#include <errno.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

static bool is_local(const weft_executor *ex)
{
	return (weft_executor_caps(ex) & WEFT_CAP_LOCAL) != 0;
}

/* Returns 1000 + the status of its cause, or -ENOENT where it sees none. */
static int cause_fn(weft_call *call, const void *arg, void *result)
{
	const weft_future *cause = weft_call_cause(call);
	(void)arg, (void)result;
	return cause ? 1000 + weft_future_status(cause) : -ENOENT;
}

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 7;
}

static int fail_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	return weft_call_fail(call, -EDOM, "on purpose");
}

static void run(weft_executor *ex, weft_task *t)
{
	REQUIRE_EQ(weft_submit(ex, t), 0);
	test_wait(weft_task_future(t));
}

TEST(then_on_a_finished_one)
{
	weft_executor *ex = test_executor();
	weft_task first = {.fn = nothing_fn}, next = {.fn = cause_fn};
	run(ex, &first);
	REQUIRE_EQ(weft_future_then(weft_task_future(&first), ex, &next), 0);
	test_wait(weft_task_future(&next));
	CHECK_EQ(weft_future_status(weft_task_future(&next)), is_local(ex) ? 1007 : -ENOENT);
	weft_executor_free(ex);
}

TEST(then_on_an_unfinished_one)
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	weft_task next = {.fn = cause_fn};
	test_hold_begin(&hold, ex, 1);
	REQUIRE_EQ(weft_future_then(weft_task_future(&hold.task[0]), ex, &next), 0);
	CHECK_EQ(weft_future_status(weft_task_future(&next)), -EINPROGRESS);
	CHECK_EQ(weft_submit(ex, &next), -EBUSY);
	CHECK_EQ(weft_future_then(weft_task_future(&hold.task[0]), ex, &next), -EBUSY);
	CHECK_EQ(weft_future_wait(weft_task_future(&next), weft_after(WEFT_MS(5))), -ETIMEDOUT);
	test_hold_end(&hold);
	test_wait(weft_task_future(&next));
	CHECK_EQ(weft_future_status(weft_task_future(&next)), is_local(ex) ? 1000 : -ENOENT);
	weft_executor_free(ex);
}

TEST(then_refused)
{
	weft_executor *ex = test_executor();
	weft_task never = {.fn = nothing_fn}, done = {.fn = nothing_fn}, next = {.fn = nothing_fn};
	weft_future *f = weft_task_future(&done);
	run(ex, &done);
	CHECK_EQ(weft_future_then(weft_task_future(&never), ex, &next), -EINVAL);
	CHECK_EQ(weft_future_then(NULL, ex, &next), -EINVAL);
	CHECK_EQ(weft_future_then(f, NULL, &next), -EINVAL);
	CHECK_EQ(weft_future_then(f, ex, NULL), -EINVAL);
	next.flags = 1u << 29;
	CHECK_EQ(weft_future_then(f, ex, &next), -EINVAL);
	next.flags = 0;
	next.fn = NULL;
	CHECK_EQ(weft_future_then(f, ex, &next), -EINVAL);
	next.fn = nothing_fn;
	CHECK_EQ(weft_future_status(weft_task_future(&next)), -EINVAL);
	next.flags = WEFT_TASK_LOCAL;
	CHECK_EQ(weft_future_then(f, ex, &next), is_local(ex) ? 0 : -EXDEV);
	if (is_local(ex))
		test_wait(weft_task_future(&next));
	weft_executor_free(ex);
}

TEST(then_after_failure)
{
	weft_executor *ex = test_executor();
	weft_task first = {.fn = fail_fn}, next = {.fn = cause_fn}, late = {.fn = nothing_fn};
	run(ex, &first);
	REQUIRE_EQ(weft_future_then(weft_task_future(&first), ex, &next), 0);
	test_wait(weft_task_future(&next));
	CHECK_EQ(weft_future_status(weft_task_future(&next)), is_local(ex) ? 1000 - EDOM : -ENOENT);
	late.deadline = 1;
	run(ex, &late);
	CHECK_EQ(weft_future_status(weft_task_future(&late)), -ETIMEDOUT);
	REQUIRE_EQ(weft_future_then(weft_task_future(&late), ex, &next), 0);
	test_wait(weft_task_future(&next));
	CHECK_EQ(weft_future_status(weft_task_future(&next)), is_local(ex) ? 1000 - ETIMEDOUT : -ENOENT);
	weft_executor_free(ex);
}

TEST(then_after_cancel)
{
	if (test_is_inline())
		SKIP("nothing is queued here");
	weft_executor *ex = test_executor();
	struct test_hold hold;
	weft_task first = {.fn = nothing_fn}, next = {.fn = cause_fn};
	test_hold_begin(&hold, ex, test_workers());
	REQUIRE_EQ(weft_submit(ex, &first), 0);
	REQUIRE_EQ(weft_future_then(weft_task_future(&first), ex, &next), 0);
	CHECK_EQ(weft_future_cancel(weft_task_future(&first)), WEFT_CANCEL_DROPPED);
	test_hold_end(&hold);
	test_wait(weft_task_future(&next));
	CHECK_EQ(weft_future_status(weft_task_future(&next)), is_local(ex) ? 1000 - ECANCELED : -ENOENT);
	weft_executor_free(ex);
}

TEST(then_no_cause_without_one)
{
	weft_executor *ex = test_executor();
	weft_task first = {.fn = nothing_fn}, next = {.fn = cause_fn};
	run(ex, &first);
	REQUIRE_EQ(weft_future_then(weft_task_future(&first), ex, &next), 0);
	test_wait(weft_task_future(&next));
	run(ex, &next);
	CHECK_EQ(weft_future_status(weft_task_future(&next)), -ENOENT);
	weft_executor_free(ex);
}

TEST(then_chain_of_a_thousand)
{
	enum { N = 1000 };
	weft_executor *ex = test_executor();
	struct test_hold hold;
	static weft_task t[N];
	static struct test_mark mark[N];
	test_hold_begin(&hold, ex, 1);
	weft_future *f = weft_task_future(&hold.task[0]);
	for (int i = 0; i < N; i++) {
		mark[i] = (struct test_mark){.ref = hold.ref, .word = 2, .status = i};
		t[i] = (weft_task){.fn = test_mark_fn, .arg = &mark[i], .arg_size = sizeof mark[i]};
		REQUIRE_EQ(weft_future_then(f, ex, &t[i]), 0);
		f = weft_task_future(&t[i]);
	}
	CHECK_EQ(test_get(&hold.board[2]), 0);
	test_hold_end(&hold);
	test_wait(f);
	CHECK_EQ(test_get(&hold.board[2]), N);
	for (int i = 0; i < N; i++)
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), i);
	weft_executor_free(ex);
}

TEST(then_many_on_one)
{
	enum { N = 500 };
	weft_executor *ex = test_executor();
	struct test_hold hold;
	static weft_task t[N];
	test_hold_begin(&hold, ex, 1);
	struct test_mark mark = {.ref = hold.ref, .word = 2};
	for (int i = 0; i < N; i++) {
		t[i] = (weft_task){.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		REQUIRE_EQ(weft_future_then(weft_task_future(&hold.task[0]), ex, &t[i]), 0);
	}
	test_hold_end(&hold);
	for (int i = 0; i < N; i++)
		test_wait(weft_task_future(&t[i]));
	CHECK_EQ(test_get(&hold.board[2]), N);
	weft_executor_free(ex);
}

static int record_fn(weft_call *call, const void *arg, void *result)
{
	const struct test_mark *mark = arg;
	(void)call, (void)result;
	uint32_t *board = test_board_map(&mark->ref);
	board[10 + test_add(&board[2], 1)] = mark->word;
	test_board_unmap(board);
	return 0;
}

TEST(then_in_order)
{
	if (test_workers() != 1)
		SKIP("order is promised where one task runs at a time");
	enum { N = 20 };
	weft_executor *ex = test_executor();
	struct test_hold hold;
	struct test_mark mark[N];
	weft_task t[N];
	test_hold_begin(&hold, ex, 1);
	for (uint32_t i = 0; i < N; i++) {
		mark[i] = (struct test_mark){.ref = hold.ref, .word = i};
		t[i] = (weft_task){.fn = record_fn, .arg = &mark[i], .arg_size = sizeof mark[i]};
		REQUIRE_EQ(weft_future_then(weft_task_future(&hold.task[0]), ex, &t[i]), 0);
	}
	test_hold_end(&hold);
	for (int i = 0; i < N; i++)
		test_wait(weft_task_future(&t[i]));
	for (uint32_t i = 0; i < N; i++)
		CHECK_EQ(hold.board[11 + i], i);
	weft_executor_free(ex);
}

TEST(then_cancel_a_waiting_one)
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	test_hold_begin(&hold, ex, 1);
	struct test_mark mark = {.ref = hold.ref, .word = 2};
	weft_task next[3];
	for (int i = 0; i < 3; i++) {
		next[i] = (weft_task){.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		REQUIRE_EQ(weft_future_then(weft_task_future(&hold.task[0]), ex, &next[i]), 0);
	}
	CHECK_EQ(weft_future_cancel(weft_task_future(&next[1])), WEFT_CANCEL_DROPPED);
	CHECK_EQ(weft_future_status(weft_task_future(&next[1])), -ECANCELED);
	CHECK_EQ(weft_future_cancel(weft_task_future(&next[1])), WEFT_CANCEL_LATE);
	memset(&next[1], 0xa5, sizeof next[1]);
	test_hold_end(&hold);
	test_wait(weft_task_future(&next[0]));
	test_wait(weft_task_future(&next[2]));
	CHECK_EQ(test_get(&hold.board[2]), 2);
	weft_executor_free(ex);
}

TEST(then_deadline_of_a_waiting_one)
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	test_hold_begin(&hold, ex, 1);
	struct test_mark mark = {.ref = hold.ref, .word = 2};
	weft_task next = {.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
	next.deadline = weft_after(WEFT_MS(5));
	REQUIRE_EQ(weft_future_then(weft_task_future(&hold.task[0]), ex, &next), 0);
	test_sleep_ms(10);
	test_hold_end(&hold);
	test_wait(weft_task_future(&next));
	CHECK_EQ(weft_future_status(weft_task_future(&next)), -ETIMEDOUT);
	CHECK_EQ(test_get(&hold.board[2]), 0);
	weft_executor_free(ex);
}

TEST(then_has_its_place_in_a_full_queue)
{
	if (test_is_inline())
		SKIP("inline has no queue");
	weft_executor *ex = test_executor_with("queue=2");
	struct test_hold hold;
	weft_task fill[2], next[10];
	test_hold_begin(&hold, ex, test_workers());
	struct test_mark mark = {.ref = hold.ref, .word = 2};
	const weft_task t = {.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
	for (int i = 0; i < 10; i++) {
		next[i] = t;
		REQUIRE_EQ(weft_future_then(weft_task_future(&hold.task[0]), ex, &next[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		fill[i] = t;
		int err = weft_submit(ex, &fill[i]);
		CHECK(err == 0 || err == -EAGAIN);
	}
	test_hold_end(&hold);
	for (int i = 0; i < 10; i++) {
		test_wait(weft_task_future(&next[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&next[i])), 0);
	}
	weft_executor_free(ex);
	CHECK(test_get(&hold.board[2]) >= 10);
}

TEST(then_keeps_a_heap_future)
{
	weft_executor *ex = test_executor();
	weft_task next[100];
	for (int i = 0; i < 100; i++) {
		weft_future *f;
		next[i] = (weft_task){.fn = cause_fn};
		REQUIRE_EQ(weft_async(ex, nothing_fn, NULL, 0, 8, &f), 0);
		REQUIRE_EQ(weft_future_then(f, ex, &next[i]), 0);
		weft_future_unref(f);
	}
	for (int i = 0; i < 100; i++) {
		test_wait(weft_task_future(&next[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&next[i])), is_local(ex) ? 1007 : -ENOENT);
	}
	weft_executor_free(ex);
}

static void across(weft_executor *from, weft_executor *to)
{
	uint64_t value = 3;
	for (int i = 0; i < 50; i++) {
		weft_task first = {.fn = nothing_fn}, next = {.fn = cause_fn};
		weft_task last = {.fn = test_square_fn, .arg = &value, .arg_size = 8, .result = &value};
		last.result_size = 8;
		value = 3;
		REQUIRE_EQ(weft_submit(from, &first), 0);
		REQUIRE_EQ(weft_future_then(weft_task_future(&first), to, &next), 0);
		REQUIRE_EQ(weft_future_then(weft_task_future(&next), from, &last), 0);
		test_wait(weft_task_future(&last));
		CHECK_EQ(value, 9);
		CHECK_EQ(weft_future_status(weft_task_future(&first)), 7);
		CHECK_EQ(weft_future_status(weft_task_future(&next)), is_local(to) ? 1007 : -ENOENT);
	}
}

TEST(then_across_executors)
{
	weft_executor *ex = test_executor(), *threads = NULL, *processes = NULL;
	REQUIRE_EQ(weft_executor_open(&threads, "threads:1"), 0);
	REQUIRE_EQ(weft_executor_open(&processes, "processes:1"), 0);
	across(ex, weft_inline());
	across(weft_inline(), ex);
	across(ex, threads);
	across(threads, ex);
	across(ex, processes);
	across(processes, ex);
	weft_executor_free(ex);
	weft_executor_free(threads);
	weft_executor_free(processes);
}

/* While first ends, the continuation is added: it must run exactly once all the same. */
TEST(then_races_with_the_end)
{
	enum { N = 2000 };
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct test_mark mark = {.ref = ref, .word = 4};
	for (int i = 0; i < N; i++) {
		weft_task first = {.fn = nothing_fn};
		weft_task next = {.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		REQUIRE_EQ(weft_submit(ex, &first), 0);
		for (volatile int spin = i % 64 * 50; spin > 0; spin--)
			;
		REQUIRE_EQ(weft_future_then(weft_task_future(&first), ex, &next), 0);
		test_wait(weft_task_future(&next));
	}
	CHECK_EQ(test_get(&board[4]), N);
	weft_executor_free(ex);
}
