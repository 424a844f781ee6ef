/* SPDX-License-Identifier: MIT
 *
 * crash_nested.c -- tasks in worker processes that have executors of their own, worker processes among them: they
 * work, and they end with the worker.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "crash_kit.h"

static const char outer[][32] = {"processes:2", "processes:2,start=spawn", "processes:2,start=fork"};
static const char inner[][32] = {"inline", "threads:2", "processes:2", "processes:1,start=spawn",
				 "processes:1,start=fork"};

enum { N_OUTER = sizeof outer / sizeof outer[0], N_INNER = sizeof inner / sizeof inner[0], N = 50 };

/* Submits and waits, one by one and all at once. */
static int use_fn(weft_call *call, const void *arg, void *result)
{
	weft_executor *ex = NULL;
	uint64_t in[N], out[N], n = 9;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &n, .result_size = 8};
	(void)call, (void)result;
	int err = weft_executor_open(&ex, arg);
	if (!err)
		err = weft_submit(ex, &t);
	if (!err)
		err = weft_future_wait(weft_task_future(&t), test_soon());
	if (!err && n != 81)
		err = -EBADE;
	for (uint64_t i = 0; i < N; i++)
		in[i] = i;
	if (!err)
		err = weft_map(ex, test_square_fn, in, 8, out, 8, N, NULL);
	for (uint64_t i = 0; i < N && !err; i++)
		err = out[i] == i * i ? 0 : -EBADE;
	weft_executor_free(ex);
	return err;
}

TEST(nested_executors)
{
	for (int o = 0; o < N_OUTER; o++) {
		weft_executor *ex = crash_open(outer[o]);
		weft_task t[N_INNER];
		for (int i = 0; i < N_INNER; i++) {
			t[i] = (weft_task){.fn = use_fn, .arg = inner[i], .arg_size = sizeof inner[i]};
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		}
		for (int i = 0; i < N_INNER; i++) {
			test_wait(weft_task_future(&t[i]));
			CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
		}
		CHECK_EQ(crash_stats(ex).deaths, 0);
		weft_executor_free(ex);
		CHECK(crash_await_processes("weft-", 0));
	}
}

struct nested_order {
	struct crash_order sit;
	char spec[32];
	uint32_t depth;
};

/* A pool in a pool in a pool; the innermost task sits. */
static int descend_fn(weft_call *call, const void *arg, void *result)
{
	struct nested_order order = *(const struct nested_order *)arg;
	weft_executor *ex = NULL;
	weft_task t = {.fn = descend_fn, .arg = &order, .arg_size = sizeof order};
	(void)call, (void)result;
	if (order.depth-- == 0)
		t = crash_task(crash_sit_fn, &order.sit);
	int err = weft_executor_open(&ex, order.spec);
	if (!err)
		err = weft_submit(ex, &t);
	if (!err)
		err = weft_future_wait(weft_task_future(&t), WEFT_FOREVER);
	if (!err)
		err = weft_future_status(weft_task_future(&t));
	weft_executor_free(ex);
	return err;
}

static void check_depth(const char *spec)
{
	weft_executor *ex = crash_open("processes:1");
	struct nested_order order = {.sit.word = 3, .depth = 2};
	uint32_t *board = test_board(&order.sit.ref);
	weft_task t = {.fn = descend_fn, .arg = &order, .arg_size = sizeof order};
	strcpy(order.spec, spec);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	REQUIRE(test_await(&board[3], 1));
	test_set(&board[TEST_GATE_OPEN], 1);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	weft_executor_free(ex);
}

TEST(nested_three_deep)
{
	check_depth("processes:1");
	check_depth("processes:1,start=spawn");
	check_depth("processes:1,start=fork");
}

/* Whoever kills the outermost worker ends all that is below it. */
static void check_killed(const char *spec, weft_time deadline)
{
	weft_executor *ex = crash_open("processes:1");
	struct nested_order order = {.sit.word = 3, .depth = 1};
	uint32_t *board = test_board(&order.sit.ref);
	pid_t pid[2];
	weft_task t = {.fn = descend_fn, .arg = &order, .arg_size = sizeof order, .deadline = deadline};
	strcpy(order.spec, spec);
	crash_check_works(ex, 1);
	test_processes("weft-worker", pid, 2);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	if (!deadline) {
		REQUIRE(test_await(&board[3], 1));
		REQUIRE_EQ(kill(pid[0], SIGKILL), 0);
	}
	test_wait(weft_task_future(&t));
	int status = weft_future_status(weft_task_future(&t));
	CHECK_EQ(status, deadline ? -ETIMEDOUT : -EOWNERDEAD);
	crash_check_works(ex, 10);
	CHECK(crash_await_processes("weft-nursery", 1));
	CHECK(crash_await_processes("weft-worker", 1));
	weft_executor_free(ex);
}

TEST(nested_pools_end_with_their_worker)
{
	check_killed("processes:2", 0);
	check_killed("processes:2,start=spawn", 0);
	check_killed("processes:2,start=fork", 0);
	check_killed("processes:2", weft_after(WEFT_MS(300)));
}

static weft_executor *of_the_parent;

static int parent_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t n = 3;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &n, .result_size = 8};
	weft_future *f = NULL;
	(void)call, (void)arg, (void)result;
	if (weft_submit(of_the_parent, &t) != -ECHILD)
		return -EBADE;
	if (weft_async(of_the_parent, test_square_fn, &n, 8, 8, &f) != -ECHILD || f)
		return -EBADE;
	return weft_executor_stop(of_the_parent, WEFT_STOP_DRAIN, test_soon()) == -ECHILD ? 0 : -EBADE;
}

/* A fork has pointers to executors of its parent, but not the executors. */
TEST(nested_use_of_the_parent)
{
	of_the_parent = crash_open("threads:1");
	weft_executor *ex = crash_open("processes:1,start=fork");
	weft_task t = {.fn = parent_fn};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	weft_executor_free(ex);
	weft_executor_free(of_the_parent);
}
