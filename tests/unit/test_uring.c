/* SPDX-License-Identifier: MIT
 *
 * The executor "uring" where it differs from others: many tasks, wakes from everywhere, what belongs to a fiber. What
 * all executors promise, tests/contract/ tests on it too.
 */
#include "uring_kit.h"

#include <errno.h>

/* ---- Many ---- */

#define MANY (TEST_UNDER_TSAN ? 1000 : TEST_SLOW_BUILD ? 5000 : 100000)

TEST(a_hundred_thousand_wait_at_once)
{
	for (int e = first_engine(); e < 2; e++) {
		weft_executor *ex = open_with("2", engines[e], ""), *other = NULL;
		struct test_hold hold;
		struct crowd crowd = {0}, *c = &crowd;
		weft_task *t = new_tasks((unsigned)MANY, wait_at_gate_fn, &c, sizeof c);

		REQUIRE_EQ(weft_executor_open(&other, "threads:1"), 0);
		test_hold_begin(&hold, other, 1);
		crowd.gate = weft_task_future(&hold.task[0]);
		submit_all(ex, t, (unsigned)MANY);
		REQUIRE(test_await(&crowd.started, (uint32_t)MANY));
		CHECK_EQ(test_get(&crowd.ended), 0);
		test_hold_end(&hold);
		check_all(t, (unsigned)MANY, 0);
		weft_executor_free(ex);
		weft_executor_free(other);
		free(t);
	}
}

static int doze_fn(weft_call *call, const void *arg, void *result)
{
	static uint32_t n;
	weft_time deadline = weft_after(WEFT_MS(1 + test_add(&n, 7919) % 200));
	int err = weft_sleep(deadline - weft_now());

	(void)call, (void)arg, (void)result;
	return err ? err : weft_now() < deadline ? -ETIME : 0;
}

TEST(a_hundred_thousand_sleep_at_once)
{
	for (int e = first_engine(); e < 2; e++) {
		weft_executor *ex = open_with("2", engines[e], e ? ",slack=0" : "");
		weft_task *t = new_tasks((unsigned)MANY, doze_fn, NULL, 0);

		submit_all(ex, t, (unsigned)MANY);
		check_all(t, (unsigned)MANY, 0);
		weft_executor_free(ex);
		free(t);
	}
}

/* ---- Wakes ---- */

static int count_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	test_add(*(uint32_t *const *)arg, 1);
	return 0;
}

struct errands {
	weft_executor *to;
	unsigned n;
	uint32_t *done;
};

/* Hands on a task and waits for it, again and again. */
static int errands_fn(weft_call *call, const void *arg, void *result)
{
	struct errands *e = *(struct errands *const *)arg;
	weft_task t = {.fn = count_fn, .arg = &e->done, .arg_size = sizeof e->done, .flags = WEFT_TASK_LOCAL};
	int err = 0;

	(void)call, (void)result;
	for (unsigned i = 0; i < e->n && !err; i++) {
		err = weft_submit_wait(e->to, &t, WEFT_FOREVER);
		if (!err) /* an alarm for a wake that was lost */
			err = weft_future_wait(weft_task_future(&t), test_soon());
	}
	return err;
}

enum { RUNNERS = 16 };

static void check_errands(weft_executor *ex, weft_executor *to, unsigned rounds)
{
	uint32_t done = 0;
	struct errands errands = {.to = to, .n = rounds, .done = &done}, *e = &errands;
	weft_task *t = new_tasks(RUNNERS, errands_fn, &e, sizeof e);

	submit_all(ex, t, RUNNERS);
	check_all(t, RUNNERS, 0);
	CHECK_EQ(done, RUNNERS * rounds);
	free(t);
}

TEST(no_wake_from_threads_is_lost)
{
	for (int e = first_engine(); e < 2; e++) {
		weft_executor *ex = open_with("2", engines[e], ""), *other = NULL;

		REQUIRE_EQ(weft_executor_open(&other, "threads:2"), 0);
		check_errands(ex, other, TEST_SLOW_BUILD ? 300 : 3000);
		weft_executor_free(ex);
		weft_executor_free(other);
	}
}

TEST(no_wake_from_lanes_is_lost)
{
	need_io_uring();
	for (int e = 0; e < 2; e++) {
		weft_executor *ex = open_with("2", engines[e], ""), *other = open_with("2", engines[!e], "");

		check_errands(ex, ex, TEST_SLOW_BUILD ? 300 : 3000);
		check_errands(ex, other, TEST_SLOW_BUILD ? 300 : 3000);
		weft_executor_free(ex);
		weft_executor_free(other);
	}
}

/* Deadlines that fall together with wakes. */
static int hasty_fn(weft_call *call, const void *arg, void *result)
{
	struct errands *e = *(struct errands *const *)arg;
	weft_task t = {.fn = count_fn, .arg = &e->done, .arg_size = sizeof e->done, .flags = WEFT_TASK_LOCAL};

	(void)call, (void)result;
	for (unsigned i = 0; i < e->n; i++) {
		int err = weft_submit_wait(e->to, &t, WEFT_FOREVER);

		if (!err)
			err = weft_future_wait(weft_task_future(&t), weft_after(WEFT_US(i % 40)));
		if (err == -ETIMEDOUT)
			err = weft_future_wait(weft_task_future(&t), test_soon());
		if (err)
			return err;
	}
	return 0;
}

TEST(deadlines_and_wakes_race)
{
	for (int e = first_engine(); e < 2; e++) {
		weft_executor *ex = open_with("2", engines[e], ",slack=0"), *other = NULL;
		uint32_t done = 0;
		struct errands errands = {.n = TEST_SLOW_BUILD ? 300 : 3000, .done = &done}, *p = &errands;
		weft_task *t = new_tasks(RUNNERS, hasty_fn, &p, sizeof p);

		REQUIRE_EQ(weft_executor_open(&other, "threads:2"), 0);
		errands.to = other;
		submit_all(ex, t, RUNNERS);
		check_all(t, RUNNERS, 0);
		CHECK_EQ(done, RUNNERS * errands.n);
		free(t);
		weft_executor_free(ex);
		weft_executor_free(other);
	}
}

/* ---- A task that has been told to give up ---- */

static uint32_t begun, let_go;

static int stubborn_fn(weft_call *call, const void *arg, void *result)
{
	weft_time end = test_soon();

	(void)arg, (void)result;
	test_set(&begun, 1);
	while (!weft_call_cancelled(call) && weft_now() < end)
		weft_yield();
	while (!test_get(&let_go) && weft_now() < end)
		if (weft_yield() != -ECANCELED)
			return -EILSEQ;
	return test_get(&let_go) ? 3 : -ETIME;
}

static int let_go_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	test_set(&let_go, 1);
	return 0;
}

TEST(yield_lets_others_run_in_a_cancelled_task)
{
	weft_executor *ex = open_with("1", "any", "");
	weft_task *t = new_tasks(1, stubborn_fn, NULL, 0), *other = new_tasks(1, let_go_fn, NULL, 0);

	submit_all(ex, t, 1);
	REQUIRE(test_await(&begun, 1));
	CHECK_EQ(weft_future_cancel(weft_task_future(t)), WEFT_CANCEL_ASKED);
	submit_all(ex, other, 1);
	check_all(t, 1, 3);
	check_all(other, 1, 0);
	weft_executor_free(ex);
	free(t);
	free(other);
}

/* ---- What belongs to a fiber ---- */

static int errno_fn(weft_call *call, const void *arg, void *result)
{
	int mine = 1 + *(const int *)arg;

	(void)call, (void)result;
	for (int i = 0; i < 100; i++) {
		errno = mine;
		weft_yield();
		if (errno != mine)
			return -EILSEQ;
	}
	return 0;
}

TEST(errno_is_its_own)
{
	weft_executor *ex = open_with("1", "any", "");
	static int number[8];
	weft_task *t = new_tasks(8, errno_fn, NULL, 0);

	for (int i = 0; i < 8; i++) {
		number[i] = i;
		t[i].arg = &number[i];
		t[i].arg_size = sizeof number[i];
	}
	submit_all(ex, t, 8);
	check_all(t, 8, 0);
	weft_executor_free(ex);
	free(t);
}

static int own_call_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	for (int i = 0; i < 100; i++) {
		weft_yield();
		if (weft_current() != call)
			return -EILSEQ;
	}
	return 0;
}

TEST(the_current_call_is_its_own)
{
	weft_executor *ex = open_with("1", "any", "");
	weft_task *t = new_tasks(8, own_call_fn, NULL, 0);

	submit_all(ex, t, 8);
	check_all(t, 8, 0);
	weft_executor_free(ex);
	free(t);
}

/* On "inline", so in the fiber of the task that it follows. */
static int follow_fn(weft_call *call, const void *arg, void *result)
{
	struct crowd *c = *(struct crowd *const *)arg;

	(void)call, (void)result;
	test_add(&c->started, 1);
	return c->gate ? weft_future_wait(c->gate, test_soon()) : 0;
}

/* The first continuation waits for the second, which another fiber of the same thread releases meanwhile. */
TEST(a_continuation_that_waits_holds_up_no_others)
{
	weft_executor *ex = open_with("1", "any", "");
	struct test_hold hold;
	struct crowd first = {0}, second = {0}, *f = &first, *s = &second;
	weft_task a = {.fn = nothing_fn}, b = {.fn = nothing_fn};
	weft_task after_a = {.fn = follow_fn, .arg = &f, .arg_size = sizeof f, .flags = WEFT_TASK_LOCAL};
	weft_task after_b = {.fn = follow_fn, .arg = &s, .arg_size = sizeof s, .flags = WEFT_TASK_LOCAL};

	first.gate = weft_task_future(&after_b);
	test_hold_begin(&hold, ex, 1);
	REQUIRE_EQ(weft_submit(ex, &a), 0);
	REQUIRE_EQ(weft_submit(ex, &b), 0);
	REQUIRE_EQ(weft_future_then(weft_task_future(&b), weft_inline(), &after_b), 0);
	REQUIRE_EQ(weft_future_then(weft_task_future(&a), weft_inline(), &after_a), 0);
	test_hold_end(&hold);
	test_wait(weft_task_future(&after_a));
	CHECK_EQ(weft_future_status(weft_task_future(&after_a)), 0);
	CHECK_EQ(weft_future_status(weft_task_future(&after_b)), 0);
	weft_executor_free(ex);
}

static int stop_other_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	return weft_executor_stop(*(weft_executor *const *)arg, WEFT_STOP_DRAIN, test_soon());
}

static int open_gate_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	test_set(*(uint32_t *const *)arg, 1);
	return 0;
}

/* It waits for a word: the lane goes on, and can end what it waits for. */
TEST(a_wait_for_a_word_holds_up_no_lane)
{
	for (int e = first_engine(); e < 2; e++) {
		weft_executor *ex = open_with("1", engines[e], ""), *other = NULL;
		struct test_hold hold;
		uint32_t *gate;
		weft_task stop = {.fn = stop_other_fn, .arg = &other, .arg_size = sizeof other};
		weft_task open = {.fn = open_gate_fn, .arg = &gate, .arg_size = sizeof gate};

		REQUIRE_EQ(weft_executor_open(&other, "threads:1"), 0);
		test_hold_begin(&hold, other, 1);
		gate = &hold.board[TEST_GATE_OPEN];
		REQUIRE_EQ(weft_submit(ex, &stop), 0);
		REQUIRE_EQ(weft_submit(ex, &open), 0);
		test_wait(weft_task_future(&stop));
		CHECK_EQ(weft_future_status(weft_task_future(&stop)), 0);
		test_hold_end(&hold);
		weft_executor_free(ex);
		weft_executor_free(other);
	}
}
