/* SPDX-License-Identifier: MIT
 *
 * crash_rerun.c -- a task that has begun is run again only if it is idempotent, and not for ever; queued ones
 * go on; a map says which element killed its worker; one bad task among ten thousand costs only itself.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "crash_kit.h"

/* Kills its worker until it has been started how times. */
static int stubborn_fn(weft_call *call, const void *arg, void *result)
{
	const struct crash_order *order = arg;
	(void)call;
	uint32_t *board = test_board_map(&order->ref);
	uint32_t runs = test_add(&board[order->word], 1);
	test_board_unmap(board);
	if (runs < order->how)
		kill(getpid(), SIGKILL);
	memcpy(result, &runs, sizeof runs);
	return 4;
}

static void check_runs(weft_executor *ex, uint32_t flags, uint32_t wanted, int status, uint32_t runs)
{
	struct crash_order order = {.word = 3, .how = wanted};
	uint32_t *board = test_board(&order.ref), result = 99;
	weft_task t = crash_task(stubborn_fn, &order);
	struct weft_death death;
	t.result = &result;
	t.result_size = sizeof result;
	t.flags = flags;
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), status);
	CHECK_EQ(test_get(&board[3]), runs);
	CHECK_EQ(weft_future_death(weft_task_future(&t), &death), status < 0 ? 0 : -ENODATA);
	if (status >= 0)
		CHECK_EQ(result, runs);
	crash_check_works(ex, 5);
}

TEST(rerun_only_if_idempotent)
{
	weft_executor *ex = crash_open("processes:2");
	check_runs(ex, 0, 1, 4, 1);
	check_runs(ex, 0, 2, -EOWNERDEAD, 1);
	check_runs(ex, WEFT_TASK_IDEMPOTENT, 1, 4, 1);
	check_runs(ex, WEFT_TASK_IDEMPOTENT, 2, 4, 2);
	check_runs(ex, WEFT_TASK_IDEMPOTENT, WEFT_TASK_RUNS_MAX, 4, WEFT_TASK_RUNS_MAX);
	check_runs(ex, WEFT_TASK_IDEMPOTENT, 1000, -EOWNERDEAD, WEFT_TASK_RUNS_MAX);
	crash_check_workers(ex, 2);
	weft_executor_free(ex);
}

TEST(rerun_counts_from_the_start_when_submitted_again)
{
	weft_executor *ex = crash_open("processes:1");
	struct crash_order order = {.word = 3, .how = 1000};
	uint32_t *board = test_board(&order.ref), result = 0;
	weft_task t = crash_task(stubborn_fn, &order);
	t.result = &result;
	t.result_size = sizeof result;
	t.flags = WEFT_TASK_IDEMPOTENT;
	for (uint32_t i = 1; i <= 3; i++) {
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), -EOWNERDEAD);
		CHECK_EQ(test_get(&board[3]), i * WEFT_TASK_RUNS_MAX);
	}
	weft_executor_free(ex);
}

/* It may be run again, but then knows at once that nobody wants it. */
TEST(rerun_after_cancel_ends)
{
	weft_executor *ex = crash_open("processes:1");
	struct crash_order order = {.word = 3};
	uint32_t *board = test_board(&order.ref);
	weft_task t = crash_task(crash_sit_fn, &order);
	t.flags = WEFT_TASK_IDEMPOTENT;
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	REQUIRE(test_await(&board[3], 1));
	pid_t pid = (pid_t)test_get(&board[3]);
	kill(pid, SIGSTOP);
	CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_ASKED);
	kill(pid, SIGKILL);
	test_wait(weft_task_future(&t));
	int status = weft_future_status(weft_task_future(&t));
	CHECK(status == -EOWNERDEAD || status == -ECANCELED || status == -ETIME);
	crash_check_works(ex, 10);
	weft_executor_free(ex);
}

TEST(rerun_queued_tasks_go_on)
{
	enum { N = 500 };
	weft_executor *ex = crash_open("processes:1");
	struct crash_order order = {.word = 3};
	uint32_t *board = test_board(&order.ref);
	weft_task sitter = crash_task(crash_sit_fn, &order);
	static struct test_mark mark[N];
	static weft_task t[N];
	REQUIRE_EQ(weft_submit(ex, &sitter), 0);
	for (uint32_t i = 0; i < N; i++) {
		mark[i] = (struct test_mark){.ref = order.ref, .word = 100 + i, .status = (int32_t)i};
		t[i] = (weft_task){.fn = test_mark_fn, .arg = &mark[i], .arg_size = sizeof mark[i]};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	REQUIRE(test_await(&board[3], 1));
	REQUIRE_EQ(kill((pid_t)test_get(&board[3]), SIGKILL), 0);
	for (uint32_t i = 0; i < N; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), i);
		CHECK_EQ(test_get(&board[100 + i]), 1);
	}
	test_wait(weft_task_future(&sitter));
	CHECK_EQ(weft_future_status(weft_task_future(&sitter)), -EOWNERDEAD);
	weft_executor_free(ex);
}

static int square_or_die_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t n = *(const uint64_t *)arg;
	(void)call;
	if (n >> 32)
		kill(getpid(), SIGKILL);
	*(uint64_t *)result = n * n;
	return 0;
}

static void check_map(weft_executor *ex, size_t n, size_t bad, size_t chunk)
{
	static uint64_t in[2000], out[2000];
	size_t failed = SIZE_MAX, wrong = 0;
	struct weft_map_opts o = {.size = sizeof o, .chunk = chunk, .ret_failed = &failed};
	for (size_t i = 0; i < n; i++)
		in[i] = i;
	in[bad] |= UINT64_C(1) << 32;
	memset(out, 0xff, sizeof out);
	CHECK_EQ(weft_map(ex, square_or_die_fn, in, 8, out, 8, n, &o), -EOWNERDEAD);
	CHECK(failed <= bad);
	CHECK(chunk == 0 || failed + chunk > bad);
	for (size_t i = 0; i < failed && i < n; i++)
		wrong += out[i] != (uint64_t)i * i;
	CHECK_EQ(wrong, 0);
	in[bad] = bad;
	CHECK_EQ(weft_map(ex, square_or_die_fn, in, 8, out, 8, n, &o), 0);
}

TEST(rerun_map_with_a_killer)
{
	weft_executor *ex = crash_open("processes:2");
	check_map(ex, 1, 0, 1);
	check_map(ex, 100, 0, 1);
	check_map(ex, 100, 99, 1);
	check_map(ex, 1000, 500, 1);
	check_map(ex, 1000, 500, 7);
	check_map(ex, 2000, 1500, 0);
	crash_check_workers(ex, 2);
	weft_executor_free(ex);
}

TEST(rerun_ten_thousand_with_one_poison)
{
	enum { N = 10000 };
	weft_executor *ex = crash_open("processes:2");
	static uint64_t in[N], out[N];
	static weft_task t[N];
	size_t wrong = 0;
	for (uint64_t i = 0; i < N; i++) {
		in[i] = i == N / 3 ? UINT64_C(1) << 32 : i;
		t[i] = (weft_task){.fn = square_or_die_fn, .arg = &in[i], .arg_size = 8};
		t[i].result = &out[i];
		t[i].result_size = 8;
		t[i].flags = WEFT_TASK_IDEMPOTENT;
		REQUIRE_EQ(weft_submit_wait(ex, &t[i], test_soon()), 0);
	}
	for (uint64_t i = 0; i < N; i++) {
		test_wait(weft_task_future(&t[i]));
		int status = weft_future_status(weft_task_future(&t[i]));
		if (i == N / 3)
			CHECK_EQ(status, -EOWNERDEAD);
		else
			wrong += status != 0 || out[i] != i * i;
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(crash_stats(ex).deaths, WEFT_TASK_RUNS_MAX);
	crash_check_workers(ex, 2);
	weft_executor_free(ex);
}

/* A group hears of a death as of any failure. */
TEST(rerun_group_with_a_killer)
{
	weft_executor *ex = crash_open("processes:2");
	struct crash_order order = {.word = 3, .how = CRASH_SEGV}, sit = {.word = 4};
	uint32_t *board = test_board(&order.ref);
	sit.ref = order.ref;
	weft_group g = {.ex = ex};
	weft_task killer = crash_task(crash_die_fn, &order), sitter = crash_task(crash_sit_fn, &sit);
	REQUIRE_EQ(weft_group_submit(&g, &sitter), 0);
	REQUIRE(test_await(&board[4], 1)); /* or it would be dropped, not asked */
	REQUIRE_EQ(weft_group_submit(&g, &killer), 0);
	CHECK_EQ(weft_group_wait(&g), -EOWNERDEAD);
	CHECK_EQ(weft_future_status(weft_task_future(&sitter)), -ETIME);
	crash_check_works(ex, 10);
	weft_executor_free(ex);
}

static int cause_died_fn(weft_call *call, const void *arg, void *result)
{
	struct weft_death death;
	(void)arg, (void)result;
	const weft_future *cause = weft_call_cause(call);
	if (!cause || weft_future_status(cause) != -EOWNERDEAD)
		return -EBADE;
	return weft_future_death(cause, &death) == 0 ? death.signal : -EBADE;
}

TEST(rerun_continuation_of_a_dead_one)
{
	weft_executor *ex = crash_open("processes:1");
	struct crash_order order = {.word = 3, .how = CRASH_SEGV};
	test_board(&order.ref);
	weft_task killer = crash_task(crash_die_fn, &order), next = {.fn = cause_died_fn};
	uint64_t n = 3;
	weft_task last = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &n, .result_size = 8};
	REQUIRE_EQ(weft_submit(ex, &killer), 0);
	REQUIRE_EQ(weft_future_then(weft_task_future(&killer), weft_inline(), &next), 0);
	REQUIRE_EQ(weft_future_then(weft_task_future(&killer), ex, &last), 0);
	test_wait(weft_task_future(&next));
	CHECK_EQ(weft_future_status(weft_task_future(&next)), SIGSEGV);
	test_wait(weft_task_future(&last));
	CHECK_EQ(n, 9);
	weft_executor_free(ex);
}
