/* SPDX-License-Identifier: MIT
 *
 * crash_stuck.c -- workers that do not die but do not work either: deaf, frozen, without descriptors, with
 * a child that holds everything open. Deadlines and stopping get past them.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crash_kit.h"

TEST(stuck_deaf_tasks_are_killed_by_stop)
{
	weft_executor *ex = crash_open("processes:2");
	struct crash_order order[4];
	weft_task t[4];
	test_ref ref;
	uint32_t *board = test_board(&ref);
	for (uint32_t i = 0; i < 4; i++) {
		order[i] = (struct crash_order){.ref = ref, .word = i};
		t[i] = crash_task(crash_deaf_fn, &order[i]);
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	weft_time end = test_soon();
	unsigned started = 0;
	while (started < 2 && weft_now() < end) {
		started = 0;
		for (int i = 0; i < 4; i++)
			started += test_get(&board[i]) != 0;
	}
	REQUIRE_EQ(started, 2);
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, weft_after(WEFT_MS(20))), -ETIMEDOUT);
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_CANCEL, weft_after(WEFT_MS(20))), -ETIMEDOUT);
	weft_time asked = weft_now();
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_KILL, test_soon()), 0);
	CHECK(weft_now() - asked < WEFT_SECONDS(5));
	for (int i = 0; i < 4; i++) {
		int status = weft_future_status(weft_task_future(&t[i]));
		CHECK_EQ(status, test_get(&board[i]) ? -EOWNERDEAD : -ECANCELED);
	}
	weft_executor_free(ex);
}

TEST(stuck_deaf_task_is_killed_by_its_deadline)
{
	weft_executor *ex = crash_open("processes:1");
	struct crash_order order = {.word = 3};
	uint32_t *board = test_board(&order.ref);
	weft_task t = crash_task(crash_deaf_fn, &order);
	t.deadline = weft_after(WEFT_MS(50));
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -ETIMEDOUT);
	CHECK(weft_now() >= t.deadline);
	CHECK(weft_now() - t.deadline < WEFT_SECONDS(5));
	CHECK(kill((pid_t)test_get(&board[3]), 0) == -1 || crash_stats(ex).running == 0);
	crash_check_works(ex, 10);
	crash_check_workers(ex, 1);
	weft_executor_free(ex);
}

TEST(stuck_frozen_worker_meets_its_deadline)
{
	weft_executor *ex = crash_open("processes:2");
	struct crash_order order = {.word = 3};
	uint32_t *board = test_board(&order.ref);
	weft_task t = crash_task(crash_sit_fn, &order);
	t.deadline = weft_after(WEFT_MS(300));
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	REQUIRE(test_await(&board[3], 1));
	REQUIRE_EQ(kill((pid_t)test_get(&board[3]), SIGSTOP), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -ETIMEDOUT);
	crash_check_works(ex, 50);
	crash_check_workers(ex, 2);
	weft_executor_free(ex);
}

/* A frozen worker is not a dead one. */
TEST(stuck_frozen_worker_goes_on)
{
	weft_executor *ex = crash_open("processes:1");
	struct crash_order order = {.word = 3};
	uint32_t *board = test_board(&order.ref);
	weft_task t = crash_task(crash_sit_fn, &order);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	REQUIRE(test_await(&board[3], 1));
	pid_t pid = (pid_t)test_get(&board[3]);
	REQUIRE_EQ(kill(pid, SIGSTOP), 0);
	test_set(&board[TEST_GATE_OPEN], 1);
	CHECK_EQ(weft_future_wait(weft_task_future(&t), weft_after(WEFT_MS(50))), -ETIMEDOUT);
	REQUIRE_EQ(kill(pid, SIGCONT), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	CHECK_EQ(crash_stats(ex).deaths, 0);
	weft_executor_free(ex);
}

TEST(stuck_frozen_idle_workers)
{
	weft_executor *ex = crash_open("processes:2");
	pid_t pid[4];
	uint64_t value[10];
	weft_task t[10];
	crash_check_works(ex, 10);
	REQUIRE(crash_await_processes("weft-worker", 2));
	test_processes("weft-worker", pid, 4);
	for (int i = 0; i < 2; i++)
		REQUIRE_EQ(kill(pid[i], SIGSTOP), 0);
	for (uint64_t i = 0; i < 10; i++) {
		value[i] = i;
		t[i] = (weft_task){.fn = test_square_fn, .arg = &value[i], .arg_size = 8};
		t[i].result = &value[i];
		t[i].result_size = 8;
		t[i].deadline = weft_after(WEFT_MS(100));
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	test_sleep_ms(120);
	for (int i = 0; i < 2; i++)
		kill(pid[i], SIGCONT);
	for (uint64_t i = 0; i < 10; i++) {
		test_wait(weft_task_future(&t[i]));
		int status = weft_future_status(weft_task_future(&t[i]));
		CHECK(status == -ETIMEDOUT || (status == 0 && value[i] == i * i));
	}
	crash_check_works(ex, 50);
	weft_executor_free(ex);
}

TEST(stuck_frozen_workers_are_stopped)
{
	weft_executor *ex = crash_open("processes:3");
	pid_t pid[4];
	crash_check_works(ex, 10);
	REQUIRE(crash_await_processes("weft-worker", 3));
	test_processes("weft-worker", pid, 4);
	for (int i = 0; i < 3; i++)
		REQUIRE_EQ(kill(pid[i], SIGSTOP), 0);
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_KILL, test_soon()), 0);
	weft_executor_free(ex);
	CHECK(crash_await_processes("weft-", 0));
}

/* Leaves a grandchild behind that holds every descriptor and mapping of the worker. */
static int leave_grandchild_fn(weft_call *call, const void *arg, void *result)
{
	const struct crash_order *order = arg;
	(void)call, (void)result;
	uint32_t *board = test_board_map(&order->ref);
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	test_set(&board[order->word], (uint32_t)pid);
	test_board_unmap(board);
	if (order->how == CRASH_KILL)
		kill(getpid(), SIGKILL);
	return pid > 0 ? 0 : -EAGAIN;
}

static void check_grandchild(enum crash_how how, int status)
{
	weft_executor *ex = crash_open("processes:2");
	struct crash_order order = {.word = 3, .how = how};
	uint32_t *board = test_board(&order.ref);
	weft_task t = crash_task(leave_grandchild_fn, &order);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), status);
	pid_t grandchild = (pid_t)test_get(&board[3]);
	REQUIRE(grandchild > 0);
	crash_check_works(ex, 50);
	crash_check_workers(ex, 2);
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, test_soon()), 0);
	weft_executor_free(ex);
	CHECK_EQ(kill(grandchild, SIGKILL), 0);
}

TEST(stuck_grandchild_of_a_dead_worker)
{
	check_grandchild(CRASH_KILL, -EOWNERDEAD);
}

TEST(stuck_grandchild_of_a_live_worker)
{
	check_grandchild(CRASH_NOT, 0);
}

static int close_all_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	syscall(SYS_close_range, *(const unsigned *)arg, ~0u, 0);
	return 9;
}

/* The worker may go on or die of it, but says so. */
TEST(stuck_worker_without_descriptors)
{
	static const int lowest[] = {3, 0};
	weft_executor *ex = crash_open("processes:2");
	for (int i = 0; i < 6; i++) {
		weft_task t = {.fn = close_all_fn, .arg = &lowest[i % 2], .arg_size = sizeof lowest[0]};
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		int status = weft_future_status(weft_task_future(&t));
		CHECK(status == 9 || status == -EOWNERDEAD);
		crash_check_works(ex, 20);
	}
	crash_check_workers(ex, 2);
	weft_executor_free(ex);
}

static int state_fn(weft_call *call, const void *arg, void *result)
{
	sigset_t mask;
	struct sigaction action;
	(void)call, (void)arg, (void)result;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int sig = 1; sig < 32; sig++) {
		sigaction(sig, NULL, &action);
		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		if (action.sa_handler != (sig == SIGINT ? SIG_IGN : SIG_DFL))
			return -sig;
		if (sigismember(&mask, sig))
			return -100 - sig;
	}
	return 2;
}

static void on_signal(int sig)
{
	(void)sig;
}

/* Whatever the caller has done to its signals. */
TEST(stuck_never_by_signals_of_the_caller)
{
	sigset_t all;
	signal(SIGUSR2, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGSEGV, on_signal);
	signal(SIGTERM, on_signal);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	weft_executor *pool[2] = {crash_open("processes:2"), crash_open("processes:2,start=fork")};
	for (int i = 0; i < 2; i++) {
		weft_task t = {.fn = state_fn};
		REQUIRE_EQ(weft_submit(pool[i], &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), 2);
		weft_executor_free(pool[i]);
	}
}
