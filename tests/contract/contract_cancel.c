/* SPDX-License-Identifier: MIT
 *
 * contract_cancel.c -- one atomic step, three answers: a dropped task never runs and is the caller's again
 * at once, a running one is asked, a finished one is left alone.
 */
#include <errno.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

static int ignore_fn(weft_call *call, const void *arg, void *result)
{
	uint32_t *board = test_board_map(arg);
	weft_time end = test_soon();
	(void)result;
	test_add(&board[TEST_GATE_STARTED], 1);
	while (!weft_call_cancelled(call) && weft_now() < end)
		test_sleep_ms(1);
	bool stays = weft_call_cancelled(call) && weft_call_cancelled(call);
	test_board_unmap(board);
	return stays ? 5 : -ETIME;
}

/* Waits, inside the task, for a future that only a cancellation can part it from. */
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
	test_set(&board[TEST_GATE_OPEN], 1);
	test_board_unmap(board);
	weft_executor_free(own);
	return waited == -ECANCELED ? 6 : waited;
}

/* Submits one task from a thread of its own, since on inline that runs it. */
struct starter {
	weft_executor *ex;
	weft_task *task;
	int err;
};

static void *start(void *ctx)
{
	struct starter *s = ctx;
	s->err = weft_submit(s->ex, s->task);
	return NULL;
}

static void cancel_running(weft_fn *fn, int status)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	pthread_t thread;
	weft_task t = {.fn = fn, .arg = &ref, .arg_size = sizeof ref};
	struct starter s = {.ex = ex, .task = &t};
	REQUIRE_EQ(pthread_create(&thread, NULL, start, &s), 0);
	REQUIRE(test_await(&board[TEST_GATE_STARTED], 1));
	CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_ASKED);
	enum weft_cancel again = weft_future_cancel(weft_task_future(&t));
	CHECK(again == WEFT_CANCEL_ASKED || again == WEFT_CANCEL_LATE);
	pthread_join(thread, NULL);
	REQUIRE_EQ(s.err, 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), status);
	CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_LATE);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), status);
	weft_executor_free(ex);
}

TEST(cancel_running)
{
	cancel_running(test_gate_fn, -ECANCELED);
}

TEST(cancel_running_that_succeeds_anyway)
{
	cancel_running(ignore_fn, 5);
}

TEST(cancel_ends_waits)
{
	cancel_running(wait_fn, 6);
}

TEST(cancel_never_submitted)
{
	weft_task t = {.fn = test_gate_fn};
	CHECK_EQ(weft_future_cancel(NULL), WEFT_CANCEL_LATE);
	CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_LATE);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -EINVAL);
}

TEST(cancel_finished)
{
	weft_executor *ex = test_executor();
	uint64_t n = 3, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_LATE);
	CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_LATE);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	CHECK(weft_future_result(weft_task_future(&t), NULL) != NULL);
	CHECK_EQ(square, 9);
	weft_executor_free(ex);
}

TEST(cancel_queued)
{
	if (test_is_inline())
		SKIP("nothing is queued here");
	weft_executor *ex = test_executor();
	struct test_hold hold;
	test_hold_begin(&hold, ex, test_workers());
	struct test_mark mark = {.ref = hold.ref, .word = 2};
	weft_task t = {.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
	weft_future *f = weft_task_future(&t);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	CHECK_EQ(weft_future_cancel(f), WEFT_CANCEL_DROPPED);
	CHECK_EQ(weft_future_status(f), -ECANCELED);
	CHECK_EQ(weft_future_wait(f, 0), 0);
	CHECK(weft_future_result(f, NULL) == NULL);
	CHECK_EQ(weft_future_cancel(f), WEFT_CANCEL_LATE);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_hold_end(&hold);
	test_wait(f);
	CHECK_EQ(weft_future_status(f), 0);
	CHECK_EQ(test_get(&hold.board[2]), 1);
	weft_executor_free(ex);
}

TEST(cancel_gives_the_storage_back_at_once)
{
	if (test_is_inline())
		SKIP("nothing is queued here");
	enum { N = 1000 };
	weft_executor *ex = test_executor();
	static weft_task t[N];
	static struct test_mark mark[N];
	struct test_hold hold;
	test_hold_begin(&hold, ex, test_workers());
	for (int i = 0; i < N; i++) {
		mark[i] = (struct test_mark){.ref = hold.ref, .word = 2};
		t[i] = (weft_task){.fn = test_mark_fn, .arg = &mark[i], .arg_size = sizeof mark[i]};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (int k = 0; k < N; k++) {
		int i = k * 7 % N;
		CHECK_EQ(weft_future_cancel(weft_task_future(&t[i])), WEFT_CANCEL_DROPPED);
		memset(&t[i], 0xa5, sizeof t[i]);
		memset(&mark[i], 0x5a, sizeof mark[i]);
	}
	test_hold_end(&hold);
	for (int i = 0; i < N; i++) {
		mark[i] = (struct test_mark){.ref = hold.ref, .word = 3};
		t[i] = (weft_task){.fn = test_mark_fn, .arg = &mark[i], .arg_size = sizeof mark[i]};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (int i = 0; i < N; i++)
		test_wait(weft_task_future(&t[i]));
	CHECK_EQ(test_get(&hold.board[2]), 0);
	CHECK_EQ(test_get(&hold.board[3]), N);
	weft_executor_free(ex);
}

TEST(cancel_queued_async)
{
	if (test_is_inline())
		SKIP("nothing is queued here");
	weft_executor *ex = test_executor();
	struct test_hold hold;
	weft_future *f[20];
	test_hold_begin(&hold, ex, test_workers());
	struct test_mark mark = {.ref = hold.ref, .word = 2};
	for (int i = 0; i < 20; i++) {
		REQUIRE_EQ(weft_async(ex, test_mark_fn, &mark, sizeof mark, 8, &f[i]), 0);
		CHECK_EQ(weft_future_cancel(f[i]), WEFT_CANCEL_DROPPED);
		CHECK_EQ(weft_future_status(f[i]), -ECANCELED);
		weft_future_unref(f[i]);
	}
	test_hold_end(&hold);
	weft_executor_free(ex);
	CHECK_EQ(test_get(&hold.board[2]), 0);
}

static int cancel_myself_fn(weft_call *call, const void *arg, void *result)
{
	weft_future *f = *(weft_future *const *)arg;
	(void)result;
	if (weft_call_cancelled(call))
		return -EALREADY;
	if (weft_future_cancel(f) != WEFT_CANCEL_ASKED)
		return -EBADE;
	return weft_call_cancelled(call) ? 8 : -ENOENT;
}

TEST(cancel_oneself)
{
	weft_executor *ex = test_executor();
	if (!(weft_executor_caps(ex) & WEFT_CAP_LOCAL)) {
		weft_executor_free(ex);
		SKIP("a task of another process has no pointer to its future");
	}
	weft_task t = {.fn = cancel_myself_fn, .flags = WEFT_TASK_LOCAL};
	weft_future *f = weft_task_future(&t);
	t.arg = &f;
	t.arg_size = sizeof f;
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(f);
	CHECK_EQ(weft_future_status(f), 8);
	weft_executor_free(ex);
}

struct canceller {
	weft_future *f;
	uint32_t *start;
	pthread_t thread;
	enum weft_cancel answer;
};

static void *cancel_together(void *ctx)
{
	struct canceller *c = ctx;
	while (test_get(c->start) == 0)
		;
	c->answer = weft_future_cancel(c->f);
	return NULL;
}

TEST(cancel_from_many_threads_drops_once)
{
	if (test_is_inline())
		SKIP("nothing is queued here");
	weft_executor *ex = test_executor();
	struct test_hold hold;
	struct canceller c[4];
	test_hold_begin(&hold, ex, test_workers());
	struct test_mark mark = {.ref = hold.ref, .word = 2};
	weft_task t = {.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
	for (int round = 0; round < 30; round++) {
		uint32_t go = 0, dropped = 0;
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		for (int i = 0; i < 4; i++) {
			c[i] = (struct canceller){.f = weft_task_future(&t), .start = &go};
			REQUIRE_EQ(pthread_create(&c[i].thread, NULL, cancel_together, &c[i]), 0);
		}
		test_set(&go, 1);
		for (int i = 0; i < 4; i++) {
			pthread_join(c[i].thread, NULL);
			dropped += c[i].answer == WEFT_CANCEL_DROPPED;
			CHECK(c[i].answer != WEFT_CANCEL_ASKED);
		}
		CHECK_EQ(dropped, 1);
		CHECK_EQ(weft_future_status(weft_task_future(&t)), -ECANCELED);
	}
	test_hold_end(&hold);
	CHECK_EQ(test_get(&hold.board[2]), 0);
	weft_executor_free(ex);
}

static bool outcome_fits(enum weft_cancel answer, int status)
{
	if (answer == WEFT_CANCEL_DROPPED)
		return status == -ECANCELED;
	return status == 0;
}

/* 10,000 tasks, cancelled while they start, run and end: each is either dropped or runs, and never both. */
TEST(cancel_races)
{
	enum { N = 10000, BATCH = 50 };
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref), runs = 0, wrong = 0;
	struct test_mark mark = {.ref = ref, .word = 9};
	static weft_task t[BATCH];
	static enum weft_cancel answer[BATCH];
	for (int i = 0; i < BATCH; i++)
		t[i] = (weft_task){.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
	for (int round = 0; round < N / BATCH; round++) {
		REQUIRE_EQ(weft_submit_many(ex, t, BATCH, NULL), 0);
		for (int k = 0; k < BATCH; k++) {
			int i = round % 2 ? k : BATCH - 1 - k;
			answer[i] = weft_future_cancel(weft_task_future(&t[i]));
		}
		for (int i = 0; i < BATCH; i++) {
			test_wait(weft_task_future(&t[i]));
			runs += answer[i] != WEFT_CANCEL_DROPPED;
			wrong += !outcome_fits(answer[i], weft_future_status(weft_task_future(&t[i])));
		}
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(test_get(&board[9]), runs);
	weft_executor_free(ex);
}
