/* SPDX-License-Identifier: MIT
 *
 * crash_init.c -- functions that run once in each worker, before its first task and after its last; a worker
 * that cannot be started, for ever or for a while: everybody is told why, and nothing spins.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crash_kit.h"

enum { WORD_INIT = 10, WORD_FINI, WORD_FAIL, WORD_FIRST };

/* How often init fails, or -1: always; and how. */
struct init_order {
	test_ref ref;
	int32_t fail, how;
};

enum { FAIL_TEXT, FAIL_BARE, FAIL_DIE, FAIL_EXIT };

static int inited; /* in a worker */

static int fail(weft_call *call, int how)
{
	if (how == FAIL_TEXT)
		return weft_call_fail(call, -ENOTUNIQ, "the model file is missing");
	if (how == FAIL_DIE)
		kill(getpid(), SIGABRT);
	if (how == FAIL_EXIT)
		_exit(9);
	return -ENOTUNIQ;
}

static int init_fn(weft_call *call, const void *arg, void *result)
{
	const struct init_order *order = arg;
	if (result || weft_call_arg_size(call) != sizeof *order || weft_current() != call)
		return -EBADE;
	uint32_t *board = test_board_map(&order->ref);
	uint32_t nth = test_add(&board[WORD_INIT], 1);
	bool bad = order->fail < 0 ? test_get(&board[WORD_FAIL]) == 0 : nth <= (uint32_t)order->fail;
	test_board_unmap(board);
	inited++;
	return bad ? fail(call, order->how) : 17; /* any status that is no error will do */
}

static int fini_fn(weft_call *call, const void *arg, void *result)
{
	const struct init_order *order = arg;
	(void)call, (void)result;
	uint32_t *board = test_board_map(&order->ref);
	test_add(&board[WORD_FINI], 1);
	test_board_unmap(board);
	return -EIO; /* nobody asks */
}

static int inited_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return inited;
}

static weft_executor *open_with(const struct init_order *order, enum weft_start start, unsigned workers)
{
	weft_executor *ex = NULL;
	struct weft_process_pool_opts o = {.size = sizeof o, .workers = workers, .start = start};
	o.init = init_fn;
	o.fini = fini_fn;
	o.init_arg = order;
	o.init_arg_size = sizeof *order;
	REQUIRE_EQ(weft_process_pool_new(&ex, &o), 0);
	return ex;
}

static void check_once(enum weft_start start)
{
	struct init_order order = {.fail = 0};
	uint32_t *board = test_board(&order.ref);
	weft_executor *ex = open_with(&order, start, 3);
	for (int i = 0; i < 100; i++) {
		weft_task t = {.fn = inited_fn};
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), 1);
	}
	crash_check_workers(ex, 3);
	weft_executor_free(ex);
	CHECK_EQ(test_get(&board[WORD_INIT]), 3);
	CHECK_EQ(test_get(&board[WORD_FINI]), 3);
}

TEST(init_once_in_each_worker)
{
	check_once(WEFT_START_NURSERY);
	check_once(WEFT_START_SPAWN);
	check_once(WEFT_START_FORK);
}

TEST(init_again_in_a_replacement)
{
	struct init_order order = {.fail = 0};
	struct crash_order die = {.word = 3, .how = CRASH_KILL};
	uint32_t *board = test_board(&order.ref);
	die.ref = order.ref;
	weft_executor *ex = open_with(&order, WEFT_START_NURSERY, 1);
	weft_task killer = crash_task(crash_die_fn, &die), t = {.fn = inited_fn};
	REQUIRE_EQ(weft_submit(ex, &killer), 0);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&killer));
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 1);
	weft_executor_free(ex);
	CHECK_EQ(test_get(&board[WORD_INIT]), 2);
	CHECK_EQ(test_get(&board[WORD_FINI]), 1); /* not of the one that was killed */
}

TEST(init_fails_for_a_while)
{
	static const int how[] = {FAIL_TEXT, FAIL_DIE};
	for (int i = 0; i < 2; i++) {
		struct init_order order = {.fail = 4, .how = how[i]};
		uint32_t *board = test_board(&order.ref);
		weft_executor *ex = open_with(&order, WEFT_START_NURSERY, 2);
		crash_check_works(ex, 20);
		CHECK(test_get(&board[WORD_INIT]) >= 5);
		weft_executor_free(ex);
	}
}

/* What waits for a worker is told, what comes is refused; it goes on trying, seldom, and may succeed. */
static void check_for_ever(enum weft_start start, int how, const char *cause)
{
	struct init_order order = {.fail = -1, .how = how};
	uint32_t *board = test_board(&order.ref);
	weft_executor *ex = open_with(&order, start, 8);
	uint64_t n = 3;
	weft_task t[10];
	int err = 0;
	for (int i = 0; i < 10; i++) {
		t[i] = (weft_task){.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &n};
		t[i].result_size = 8;
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (int i = 0; i < 10; i++) {
		const char *text;
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), -EIO);
		text = weft_future_error(weft_task_future(&t[i]));
		if (!strstr(text, "no worker could be started") || !strstr(text, cause))
			CHECK_EQ(strcmp(text, cause), 0); /* shows that it failed */
	}
	CHECK_EQ(weft_submit(ex, &t[0]), -EIO);
	uint32_t tries = test_get(&board[WORD_INIT]);
	CHECK(tries >= 8);
	test_sleep_ms(1500);
	CHECK(test_get(&board[WORD_INIT]) - tries <= 4); /* one worker a second, not each */
	test_set(&board[WORD_FAIL], 1);
	weft_time end = test_soon();
	while ((err = weft_submit(ex, &t[0])) == -EIO && weft_now() < end)
		test_sleep_ms(10);
	REQUIRE_EQ(err, 0);
	test_wait(weft_task_future(&t[0]));
	CHECK_EQ(n, 9);
	crash_check_workers(ex, 8);
	crash_check_works(ex, 20);
	weft_executor_free(ex);
}

TEST(init_fails_for_ever_with_a_text)
{
	check_for_ever(WEFT_START_NURSERY, FAIL_TEXT, "the model file is missing");
}

TEST(init_fails_for_ever_without_a_text)
{
	char cause[64];
	snprintf(cause, sizeof cause, "init: %s", weft_strerror(-ENOTUNIQ));
	check_for_ever(WEFT_START_NURSERY, FAIL_BARE, cause);
}

TEST(init_crashes_for_ever)
{
	check_for_ever(WEFT_START_NURSERY, FAIL_DIE, "killed by signal 6");
}

TEST(init_exits_for_ever_in_spawned_workers)
{
	check_for_ever(WEFT_START_SPAWN, FAIL_EXIT, "exited with status 9");
}

/* A pool that has never had a worker ends like any other. */
TEST(init_fails_and_the_pool_is_freed)
{
	struct init_order order = {.fail = 1000};
	test_board(&order.ref);
	for (int i = 0; i < 3; i++) {
		weft_executor *ex = open_with(&order, WEFT_START_NURSERY, 4);
		uint64_t n = 3;
		weft_task t = {
			.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &n, .result_size = 8};
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		if (i == 1)
			test_sleep_ms(50);
		if (i < 2)
			CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_CANCEL, test_soon()), 0);
		weft_executor_free(ex); /* drains: the task ends with the pool's error */
		CHECK_EQ(weft_future_status(weft_task_future(&t)), i < 2 ? -ECANCELED : -EIO);
	}
}

static int hang_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	while (pause() < 0) {}
	return 0;
}

TEST(init_that_hangs)
{
	weft_executor *ex = NULL;
	struct weft_process_pool_opts o = {.size = sizeof o, .workers = 2, .init = hang_fn};
	uint64_t n = 3;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &n, .result_size = 8};
	REQUIRE_EQ(weft_process_pool_new(&ex, &o), 0);
	t.deadline = weft_after(WEFT_MS(100));
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -ETIMEDOUT);
	weft_executor_free(ex);
}

TEST(init_bad_options)
{
	weft_executor *ex = NULL;
	char arg[WEFT_INIT_ARG_MAX + 1] = {0};
	struct weft_process_pool_opts o = {.size = sizeof o, .workers = 1, .init_arg_size = 1};
	CHECK_EQ(weft_process_pool_new(&ex, &o), -EINVAL);
	o.init_arg = arg;
	o.init_arg_size = sizeof arg;
	CHECK_EQ(weft_process_pool_new(&ex, &o), -ERANGE);
	o.init_arg_size = WEFT_INIT_ARG_MAX;
	REQUIRE_EQ(weft_process_pool_new(&ex, &o), 0);
	weft_executor_free(ex);
	ex = NULL;
	o.init = (weft_fn *)(uintptr_t)arg; /* in no file */
	CHECK_EQ(weft_process_pool_new(&ex, &o), -ENOEXEC);
	CHECK(ex == NULL);
}
