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

enum { BEGUN = 4, ENDED };

/* Goes on for a while after it was told to give up. */
static int slow_to_end_fn(weft_call *call, const void *arg, void *result)
{
	uint32_t *board = test_board_map(arg);
	weft_time end = test_soon();
	(void)result;
	test_set(&board[BEGUN], 1);
	while (!weft_call_cancelled(call) && weft_now() < end)
		weft_sleep(WEFT_MS(1));
	test_sleep_ms(20);
	test_set(&board[ENDED], 1);
	test_board_unmap(board);
	return 9;
}

struct with_executor {
	test_ref ref;      /* of the board */
	weft_executor *ex; /* where the task on the stack runs; NULL: on a pool of its own */
};

/* Has a task on its stack when it is told to give up. */
static int hold_a_task_fn(weft_call *call, const void *arg, void *result)
{
	const struct with_executor *in = arg;
	uint32_t *board = test_board_map(&in->ref);
	weft_executor *own = NULL;
	weft_task t = {.fn = slow_to_end_fn, .arg = &in->ref, .arg_size = sizeof in->ref};
	(void)call, (void)result;
	int err = in->ex ? 0 : weft_executor_open(&own, "threads:1");
	if (!err)
		err = weft_submit(in->ex ? in->ex : own, &t);
	while (!err && !test_get(&board[BEGUN]))
		weft_sleep(WEFT_MS(1));
	test_set(&board[TEST_GATE_STARTED], 1);
	int waited = err ? err : weft_future_wait(weft_task_future(&t), test_soon());
	err = weft_task_fini(&t);
	bool ended = test_get(&board[ENDED]) && weft_future_status(weft_task_future(&t)) == 9;
	weft_executor_free(own);
	test_board_unmap(board);
	return err || waited != -ECANCELED ? -EBADE : ended ? 6 : -EBUSY;
}

static void cancel_one_with_a_task(bool here)
{
	weft_executor *ex = test_executor();
	struct with_executor in = {.ex = here ? ex : NULL};
	uint32_t *board = test_board(&in.ref);
	pthread_t thread;
	weft_task t = {.fn = hold_a_task_fn, .arg = &in, .arg_size = sizeof in};
	struct starter s = {.ex = ex, .task = &t};
	REQUIRE_EQ(pthread_create(&thread, NULL, start, &s), 0);
	REQUIRE(test_await(&board[TEST_GATE_STARTED], 1));
	CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_ASKED);
	pthread_join(thread, NULL);
	REQUIRE_EQ(s.err, 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 6);
	weft_executor_free(ex);
}

TEST(cancel_leaves_no_task_behind)
{
	cancel_one_with_a_task(false);
}

TEST(cancel_leaves_no_task_of_the_same_executor_behind)
{
	weft_executor *ex = test_executor();
	bool here = weft_executor_caps(ex) & WEFT_CAP_LOCAL;
	weft_executor_free(ex);
	if (!here || test_is_inline())
		SKIP("its tasks cannot wait for one another");
	cancel_one_with_a_task(true);
}

TEST(fini_of_what_is_not_running)
{
	weft_executor *ex = test_executor();
	uint64_t n = 3, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	CHECK_EQ(weft_task_fini(NULL), 0);
	CHECK_EQ(weft_task_fini(&t), 0);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -EINVAL);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_task_fini(&t), 0);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	CHECK_EQ(square, 9);
	weft_executor_free(ex);
}

TEST(fini_drops_and_waits)
{
	weft_executor *ex = test_executor();
	weft_task t[40];
	uint64_t n = 3, square[40];
	for (int i = 0; i < 40; i++) {
		t[i] = (weft_task){.fn = test_square_fn,
				   .arg = &n,
				   .arg_size = 8,
				   .result = &square[i],
				   .result_size = 8};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (int i = 39; i >= 0; i--) {
		REQUIRE_EQ(weft_task_fini(&t[i]), 0);
		int status = weft_future_status(weft_task_future(&t[i]));
		CHECK(status == 0 || status == -ECANCELED);
		memset(&t[i], 0xa5, sizeof t[i]);
	}
	weft_executor_free(ex);
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
	/* What was asked, and had not begun where it had gone to, is dropped there. */
	return status == 0 || (test_is_mpi() && answer == WEFT_CANCEL_ASKED && status == -ECANCELED);
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
			runs += weft_future_status(weft_task_future(&t[i])) == 0;
			wrong += !outcome_fits(answer[i], weft_future_status(weft_task_future(&t[i])));
		}
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(test_get(&board[9]), runs);
	weft_executor_free(ex);
}
