/* SPDX-License-Identifier: MIT
 *
 * contract_stop.c -- stopping: drain runs everything, cancel drops and asks, kill kills; twice, from two
 * threads, from inside; afterwards every accepted future is done and every submission refused.
 */
#include <errno.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

enum { N = 50 };

static bool has_cap(const weft_executor *ex, unsigned cap)
{
	return (weft_executor_caps(ex) & cap) != 0;
}

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

static int short_sleep_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	test_sleep_ms(1);
	return weft_call_cancelled(call) ? -ECANCELED : 0;
}

/* The executor under test, where it can be stopped. */
static weft_executor *stoppable(void)
{
	weft_executor *ex = test_executor();
	if (ex == weft_inline())
		SKIP("weft_inline() cannot be stopped");
	return ex;
}

TEST(stop_drain)
{
	weft_executor *ex = stoppable();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct test_mark mark = {.ref = ref, .word = 3};
	weft_task t[N];
	for (int i = 0; i < N; i++) {
		t[i] = (weft_task){.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, test_soon()), 0);
	for (int i = 0; i < N; i++)
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
	CHECK_EQ(test_get(&board[3]), N);
	weft_executor_free(ex);
}

/* Running gates and queued markers meet a stop of that strength. */
static void stop_busy(enum weft_stop how, int running_status)
{
	weft_executor *ex = stoppable();
	struct test_hold hold;
	weft_task queued[N];
	unsigned n = test_is_inline() ? 0 : N;
	test_hold_begin(&hold, ex, test_workers());
	struct test_mark mark = {.ref = hold.ref, .word = 3};
	for (unsigned i = 0; i < n; i++) {
		queued[i] = (weft_task){.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		REQUIRE_EQ(weft_submit(ex, &queued[i]), 0);
	}
	CHECK_EQ(weft_executor_stop(ex, how, test_soon()), 0);
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(weft_future_status(weft_task_future(&queued[i])), -ECANCELED);
	for (unsigned i = 0; i < hold.n; i++)
		CHECK_EQ(weft_future_status(weft_task_future(&hold.task[i])), running_status);
	CHECK_EQ(test_get(&hold.board[3]), 0);
	CHECK_EQ(test_get(&hold.board[TEST_GATE_STARTED]), hold.n);
	test_hold_end(&hold);
	weft_executor_free(ex);
}

TEST(stop_cancel)
{
	stop_busy(WEFT_STOP_CANCEL, -ECANCELED);
}

TEST(stop_kill)
{
	weft_executor *ex = test_executor();
	bool kills = has_cap(ex, WEFT_CAP_KILL);
	weft_executor_free(ex);
	stop_busy(WEFT_STOP_KILL, kills ? -EOWNERDEAD : -ECANCELED);
}

TEST(stop_idle)
{
	for (int how = WEFT_STOP_DRAIN; how <= WEFT_STOP_KILL; how++) {
		weft_executor *ex = stoppable();
		CHECK_EQ(weft_executor_stop(ex, (enum weft_stop)how, test_soon()), 0);
		CHECK_EQ(weft_executor_stop(ex, (enum weft_stop)how, test_soon()), 0);
		CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_KILL, test_soon()), 0);
		CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, 0), 0);
		weft_executor_free(ex);
	}
}

TEST(stop_invalid)
{
	weft_executor *ex = test_executor();
	weft_task t = {.fn = nothing_fn};
	CHECK_EQ(weft_executor_stop(NULL, WEFT_STOP_DRAIN, 0), -EINVAL);
	CHECK_EQ(weft_executor_stop(ex, (enum weft_stop)3, 0), -EINVAL);
	CHECK_EQ(weft_executor_stop(ex, (enum weft_stop)77, 0), -EINVAL);
	CHECK_EQ(weft_executor_stop(weft_inline(), WEFT_STOP_DRAIN, 0), -EINVAL);
	weft_executor_free(weft_inline());
	weft_executor_free(NULL);
	CHECK_EQ(weft_submit(weft_inline(), &t), 0);
	CHECK_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	weft_executor_free(ex);
}

TEST(stop_refuses_submissions)
{
	weft_executor *ex = stoppable();
	weft_task t = {.fn = nothing_fn}, done = {.fn = nothing_fn};
	weft_group g = {.ex = ex};
	uint64_t in[4] = {1, 2, 3, 4}, out[4] = {0};
	size_t accepted = 9;
	weft_future *f = NULL;
	REQUIRE_EQ(weft_submit(ex, &done), 0);
	REQUIRE_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, test_soon()), 0);
	CHECK_EQ(weft_submit(ex, &t), -ESHUTDOWN);
	CHECK_EQ(weft_submit_wait(ex, &t, WEFT_FOREVER), -ESHUTDOWN);
	CHECK_EQ(weft_submit_many(ex, &t, 1, &accepted), -ESHUTDOWN);
	CHECK_EQ(accepted, 0);
	CHECK_EQ(weft_submit_many(ex, &t, 0, &accepted), 0);
	CHECK_EQ(weft_async(ex, nothing_fn, NULL, 0, 0, &f), -ESHUTDOWN);
	CHECK(f == NULL);
	CHECK_EQ(weft_map(ex, test_square_fn, in, 8, out, 8, 4, NULL), -ESHUTDOWN);
	CHECK_EQ(weft_group_submit(&g, &t), -ESHUTDOWN);
	CHECK_EQ(weft_group_wait(&g), 0);
	CHECK_EQ(weft_future_then(weft_task_future(&done), ex, &t), -ESHUTDOWN);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -EINVAL);
	CHECK_EQ(weft_submit(ex, &done), -ESHUTDOWN);
	CHECK_EQ(weft_future_status(weft_task_future(&done)), 0);
	weft_executor_free(ex);
}

TEST(stop_in_time_or_not)
{
	weft_executor *ex = stoppable();
	struct test_hold hold;
	weft_task t = {.fn = nothing_fn};
	test_hold_begin(&hold, ex, test_workers());
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, 0), -ETIMEDOUT);
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, weft_after(WEFT_MS(10))), -ETIMEDOUT);
	CHECK_EQ(weft_submit(ex, &t), -ESHUTDOWN);
	CHECK_EQ(weft_future_status(weft_task_future(&hold.task[0])), -EINPROGRESS);
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_CANCEL, test_soon()), 0);
	for (unsigned i = 0; i < hold.n; i++)
		CHECK_EQ(weft_future_status(weft_task_future(&hold.task[i])), -ECANCELED);
	test_hold_end(&hold);
	weft_executor_free(ex);
}

struct stopper {
	weft_executor *ex;
	enum weft_stop how;
	pthread_t thread;
	int answer;
};

static void *stop_in_thread(void *ctx)
{
	struct stopper *s = ctx;
	s->answer = weft_executor_stop(s->ex, s->how, WEFT_FOREVER);
	return NULL;
}

TEST(stop_from_two_threads)
{
	for (int round = 0; round < 20; round++) {
		weft_executor *ex = stoppable();
		struct stopper s[3];
		weft_task t[N];
		for (int i = 0; i < N; i++) {
			t[i] = (weft_task){.fn = short_sleep_fn};
			if (i < (test_is_inline() ? 3 : N))
				REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		}
		for (int i = 0; i < 3; i++) {
			enum weft_stop how = round % 2 ? (enum weft_stop)i : WEFT_STOP_CANCEL;
			s[i] = (struct stopper){.ex = ex, .how = how, .answer = -EBADE};
			REQUIRE_EQ(pthread_create(&s[i].thread, NULL, stop_in_thread, &s[i]), 0);
		}
		for (int i = 0; i < 3; i++) {
			pthread_join(s[i].thread, NULL);
			CHECK_EQ(s[i].answer, 0);
		}
		for (int i = 0; i < N; i++)
			CHECK(weft_future_status(weft_task_future(&t[i])) != -EINPROGRESS);
		weft_executor_free(ex);
	}
}

static int stop_own_fn(weft_call *call, const void *arg, void *result)
{
	weft_executor *ex = *(weft_executor *const *)arg;
	weft_task t = {.fn = nothing_fn};
	(void)call, (void)result;
	int answer = weft_executor_stop(ex, WEFT_STOP_DRAIN, WEFT_FOREVER);
	int refused = weft_submit(ex, &t);
	return refused == -ESHUTDOWN ? answer : -EBADE;
}

TEST(stop_from_inside_a_task)
{
	weft_executor *ex = test_executor();
	if (!has_cap(ex, WEFT_CAP_LOCAL) || ex == weft_inline()) {
		weft_executor_free(ex);
		SKIP("a task has no pointer to this executor");
	}
	weft_task t[10];
	for (int i = 0; i < 10; i++) {
		t[i] = (weft_task){.fn = i == 4 ? stop_own_fn : nothing_fn, .flags = WEFT_TASK_LOCAL};
		t[i].arg = &ex;
		t[i].arg_size = sizeof ex;
		int err = weft_submit(ex, &t[i]);
		CHECK(i <= 4 ? err == 0 : err == 0 || err == -ESHUTDOWN);
	}
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, test_soon()), 0);
	CHECK_EQ(weft_future_status(weft_task_future(&t[4])), -EDEADLK);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
	weft_executor_free(ex);
}

TEST(stop_free_with_pending_work)
{
	for (int round = 0; round < 10; round++) {
		weft_executor *ex = test_executor();
		test_ref ref;
		uint32_t *board = test_board(&ref);
		struct test_mark mark = {.ref = ref, .word = 3};
		weft_task t[N];
		for (int i = 0; i < N; i++) {
			t[i] = (weft_task){.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		}
		weft_executor_free(ex);
		for (int i = 0; i < N; i++)
			CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
		CHECK_EQ(test_get(&board[3]), N);
	}
}

TEST(stop_cancel_just_before)
{
	weft_executor *ex = stoppable();
	weft_task t[N];
	for (int i = 0; i < N; i++) {
		t[i] = (weft_task){.fn = nothing_fn};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (int i = 0; i < N; i++)
		weft_future_cancel(weft_task_future(&t[i]));
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, test_soon()), 0);
	for (int i = 0; i < N; i++) {
		int status = weft_future_status(weft_task_future(&t[i]));
		CHECK(status == 0 || status == -ECANCELED);
	}
	weft_executor_free(ex);
}
