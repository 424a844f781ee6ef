/* SPDX-License-Identifier: MIT
 *
 * contract_gaps.c -- what the other files leave open: room that comes by a cancel, waits that a stop ends,
 * what a map does with elements behind a failure or when its caller is cancelled, tasks with large frames.
 */
#include <errno.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

enum { QUEUE = 4 };

/* ---- Room ---- */

static weft_executor *queueing_executor(void)
{
	if (test_is_inline())
		SKIP("inline has no queue");
	return test_executor_with("queue=4");
}

/* Gets room, and without waiting for the deadline. */
static void check_gets_room(weft_executor *ex, weft_task *t)
{
	weft_time begun = weft_now();
	CHECK_EQ(weft_submit_wait(ex, t, weft_after(WEFT_SECONDS(5))), 0);
	CHECK(weft_now() - begun < WEFT_SECONDS(4));
}

struct canceller {
	weft_future *f;
	enum weft_cancel answer;
};

static void *cancel_later(void *ctx)
{
	struct canceller *c = ctx;
	test_sleep_ms(30);
	c->answer = weft_future_cancel(c->f);
	return NULL;
}

/* Nothing starts and nothing ends: the only room there is comes by the cancel. */
TEST(gaps_cancel_lets_a_waiting_submitter_in)
{
	weft_executor *ex = queueing_executor();
	struct test_hold hold;
	weft_task t[QUEUE + 1];
	pthread_t thread;
	test_hold_begin(&hold, ex, test_workers());
	struct test_mark mark = {.ref = hold.ref, .word = 2};
	for (int i = 0; i <= QUEUE; i++) {
		t[i] = (weft_task){.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		if (i < QUEUE)
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	struct canceller c = {.f = weft_task_future(&t[1])};
	REQUIRE_EQ(pthread_create(&thread, NULL, cancel_later, &c), 0);
	check_gets_room(ex, &t[QUEUE]);
	pthread_join(thread, NULL);
	CHECK_EQ(c.answer, WEFT_CANCEL_DROPPED);
	test_hold_end(&hold);
	for (int i = 0; i <= QUEUE; i++)
		test_wait(weft_task_future(&t[i]));
	CHECK_EQ(test_get(&hold.board[2]), QUEUE);
	weft_executor_free(ex);
}

static void *cancel_group_later(void *ctx)
{
	test_sleep_ms(30);
	weft_group_cancel(ctx);
	return NULL;
}

TEST(gaps_cancelled_group_lets_a_waiting_submitter_in)
{
	weft_executor *ex = queueing_executor();
	weft_group g = {.ex = ex};
	struct test_hold hold;
	weft_task t[QUEUE + 1];
	pthread_t thread;
	test_hold_begin(&hold, ex, test_workers());
	struct test_mark mark = {.ref = hold.ref, .word = 2};
	for (int i = 0; i <= QUEUE; i++) {
		t[i] = (weft_task){.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		if (i < QUEUE)
			REQUIRE_EQ(weft_group_submit(&g, &t[i]), 0);
	}
	REQUIRE_EQ(pthread_create(&thread, NULL, cancel_group_later, &g), 0);
	check_gets_room(ex, &t[QUEUE]);
	pthread_join(thread, NULL);
	CHECK_EQ(weft_group_wait(&g), -ECANCELED);
	test_hold_end(&hold);
	test_wait(weft_task_future(&t[QUEUE]));
	CHECK_EQ(test_get(&hold.board[2]), 1);
	weft_executor_free(ex);
}

/* ---- Stops ---- */

struct stopper {
	weft_executor *ex;
	int err;
	weft_time took;
};

static void *stop_later(void *ctx)
{
	struct stopper *s = ctx;
	test_sleep_ms(30);
	weft_time begun = weft_now();
	s->err = weft_executor_stop(s->ex, WEFT_STOP_CANCEL, test_soon());
	s->took = weft_now() - begun;
	return NULL;
}

/* Who waits for room learns of a stop, not only when his patience is at its end. */
TEST(gaps_stop_ends_a_wait_for_room)
{
	weft_executor *ex = queueing_executor();
	struct test_hold hold;
	weft_task t[QUEUE + 1];
	pthread_t thread;
	test_hold_begin(&hold, ex, test_workers());
	struct test_mark mark = {.ref = hold.ref, .word = 2};
	for (int i = 0; i <= QUEUE; i++) {
		t[i] = (weft_task){.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		if (i < QUEUE)
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	struct stopper s = {.ex = ex};
	REQUIRE_EQ(pthread_create(&thread, NULL, stop_later, &s), 0);
	weft_time begun = weft_now();
	CHECK_EQ(weft_submit_wait(ex, &t[QUEUE], weft_after(WEFT_SECONDS(5))), -ESHUTDOWN);
	CHECK(weft_now() - begun < WEFT_SECONDS(4));
	pthread_join(thread, NULL);
	CHECK_EQ(s.err, 0);
	test_hold_end(&hold);
	weft_executor_free(ex);
}

struct wait_order {
	weft_future *f;
	uint32_t begun;
};

static int wait_fn(weft_call *call, const void *arg, void *result)
{
	struct wait_order *order = *(struct wait_order *const *)arg;
	(void)call, (void)result;
	test_set(&order->begun, 1);
	return weft_future_wait(order->f, weft_after(WEFT_SECONDS(5)));
}

/* A body that sleeps in a wait for another executor's task is woken by a stop of its own. */
TEST(gaps_stop_ends_waits_inside_tasks)
{
	weft_executor *ex = test_executor(), *other = NULL;
	struct test_hold hold;
	struct wait_order order = {.begun = 0}, *at = &order;
	pthread_t thread;
	if (test_is_inline() || !(weft_executor_caps(ex) & WEFT_CAP_LOCAL)) {
		weft_executor_free(ex);
		SKIP("not a pool of threads");
	}
	REQUIRE_EQ(weft_executor_open(&other, "threads:1"), 0);
	test_hold_begin(&hold, other, 1);
	order.f = weft_task_future(&hold.task[0]);
	weft_task t = {.fn = wait_fn, .arg = &at, .arg_size = sizeof at, .flags = WEFT_TASK_LOCAL};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	REQUIRE(test_await(&order.begun, 1));
	struct stopper s = {.ex = ex};
	REQUIRE_EQ(pthread_create(&thread, NULL, stop_later, &s), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -ECANCELED);
	pthread_join(thread, NULL);
	CHECK_EQ(s.err, 0);
	CHECK(s.took < WEFT_SECONDS(4));
	test_hold_end(&hold);
	weft_executor_free(other);
	weft_executor_free(ex);
}

/* ---- Maps ---- */

enum { WORD_BEGUN, WORD_NOT_ASKED };

/* Fails at once, or goes on until it is asked to stop. */
struct element {
	test_ref ref;
	uint32_t fails;
};

static int element_fn(weft_call *call, const void *arg, void *result)
{
	const struct element *e = arg;
	weft_time end = weft_after(WEFT_SECONDS(3));
	(void)result;
	uint32_t *board = test_board_map(&e->ref);
	test_add(&board[WORD_BEGUN], 1);
	while (!e->fails && !weft_call_cancelled(call) && weft_now() < end)
		test_sleep_ms(1);
	test_add(&board[WORD_NOT_ASKED], !e->fails && !weft_call_cancelled(call));
	test_board_unmap(board);
	return e->fails ? -EDOM : -ECANCELED;
}

/* What runs behind the failure is asked to stop, what waits there is dropped. */
static void check_behind_failure(size_t chunk)
{
	enum { N = 64 };
	static struct element in[N];
	weft_executor *ex = test_executor();
	size_t failed = SIZE_MAX;
	struct weft_map_opts o = {.size = sizeof o, .chunk = chunk, .ret_failed = &failed};
	test_ref ref;
	uint32_t *board = test_board(&ref);
	for (int i = 0; i < N; i++)
		in[i] = (struct element){.ref = ref, .fails = i == 0};
	CHECK_EQ(weft_map(ex, element_fn, in, sizeof *in, NULL, 0, N, &o), -EDOM);
	CHECK_EQ(failed, 0);
	CHECK_EQ(test_get(&board[WORD_NOT_ASKED]), 0);
	CHECK(test_get(&board[WORD_BEGUN]) < N / 2);
	weft_executor_free(ex);
}

TEST(gaps_map_asks_what_is_behind_a_failure)
{
	check_behind_failure(1);
	check_behind_failure(4);
}

struct inner_map {
	weft_executor *ex;
	struct element *in;
	size_t n;
};

static int inner_map_fn(weft_call *call, const void *arg, void *result)
{
	const struct inner_map *m = arg;
	(void)call, (void)result;
	return weft_map(m->ex, element_fn, m->in, sizeof *m->in, NULL, 0, m->n, NULL);
}

/* The elements of a map whose calling task is cancelled. */
TEST(gaps_map_is_cancelled_with_its_caller)
{
	enum { N = 16 };
	static struct element in[N];
	weft_executor *ex = test_executor(), *outer = NULL;
	test_ref ref;
	uint32_t *board = test_board(&ref);
	for (int i = 0; i < N; i++)
		in[i] = (struct element){.ref = ref};
	struct inner_map m = {.ex = ex, .in = in, .n = N};
	weft_task t = {.fn = inner_map_fn, .arg = &m, .arg_size = sizeof m, .flags = WEFT_TASK_LOCAL};
	if (test_is_inline()) {
		weft_executor_free(ex);
		SKIP("the caller of the map runs its elements");
	}
	REQUIRE_EQ(weft_executor_open(&outer, "threads:1"), 0);
	REQUIRE_EQ(weft_submit(outer, &t), 0);
	REQUIRE(test_await(&board[WORD_BEGUN], 1));
	CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_ASKED);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -ECANCELED);
	CHECK_EQ(test_get(&board[WORD_NOT_ASKED]), 0);
	weft_executor_free(outer);
	weft_executor_free(ex);
}

/* ---- Stacks ---- */

struct level {
	weft_executor *ex;
	int depth;
};

/* Takes 64 KiB of stack at each level. */
static int wide_fn(weft_call *call, const void *arg, void *result)
{
	struct level next = *(const struct level *)arg;
	weft_task t = {.fn = wide_fn, .arg = &next, .arg_size = sizeof next, .flags = WEFT_TASK_LOCAL};
	volatile char frame[65536];
	(void)call, (void)result;
	memset((char *)(uintptr_t)frame, 0x55, sizeof frame);
	if (next.depth-- == 0)
		return 0;
	int err = weft_submit(next.ex, &t);
	if (err == 0)
		err = weft_future_wait(weft_task_future(&t), test_soon());
	if (err != 0)
		return err;
	int below = weft_future_status(weft_task_future(&t));
	return below < 0 ? below : below + frame[next.depth] / 0x55;
}

/* All the levels together need more than one stack has. */
TEST(gaps_nested_frames_do_not_fit_into_one_stack)
{
	weft_executor *ex = test_executor_with(test_is_uring() ? "stack=1048576" : "");
	if (test_is_inline() || !(weft_executor_caps(ex) & WEFT_CAP_LOCAL)) {
		weft_executor_free(ex);
		SKIP("not a pool of threads");
	}
	struct level top = {.ex = ex, .depth = 400};
	weft_task t = {.fn = wide_fn, .arg = &top, .arg_size = sizeof top, .flags = WEFT_TASK_LOCAL};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 400);
	weft_executor_free(ex);
}
