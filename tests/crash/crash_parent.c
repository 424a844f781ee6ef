/* SPDX-License-Identifier: MIT
 *
 * crash_parent.c -- a program that dies, exits or becomes another one takes its workers with it; one whose
 * nursery is killed goes on or is told; the thread that made a pool does not matter.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash_kit.h"

enum ending { END_KILL_AT_ONCE, END_EXIT, END_QUICK_EXIT, END_EXEC };

static weft_executor *child_ex;
static struct crash_order busy_order;
static weft_task busy[4];

/* The program that is going to end: a pool with idle workers, and some that never finish. */
static void child_main(const char *spec, uint32_t *board, unsigned n_busy, enum ending how)
{
	uint64_t n = 3, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	int err = weft_executor_open(&child_ex, spec);
	if (err == 0 && how != END_KILL_AT_ONCE) {
		err = weft_submit(child_ex, &t);
		if (err == 0)
			err = weft_future_wait(weft_task_future(&t), test_soon());
	}
	for (unsigned i = 0; i < n_busy && err == 0; i++) {
		busy[i] = crash_task(crash_deaf_fn, &busy_order);
		err = weft_submit(child_ex, &busy[i]);
	}
	if (n_busy > 0 && how != END_KILL_AT_ONCE && !test_await(&board[busy_order.word], 1))
		err = -ETIME;
	test_set(&board[0], err == 0 ? 1 : 2);
	if (how == END_EXIT)
		exit(33);
	if (how == END_QUICK_EXIT)
		_exit(33);
	if (how == END_EXEC)
		execl("/bin/sh", "sh", "-c", "exit 33", (char *)NULL);
	for (;;)
		pause();
}

static void check_ending(const char *spec, unsigned n_busy, enum ending how)
{
	int status = -1;
	uint32_t *board = test_board(&busy_order.ref);
	busy_order.word = 1;
	pid_t pid = fork();
	if (pid == 0) {
		child_main(spec, board, n_busy, how);
		_exit(99);
	}
	REQUIRE(pid > 0);
	CHECK(test_await(&board[0], 1));
	CHECK_EQ(test_get(&board[0]), 1);
	if (how == END_KILL_AT_ONCE)
		REQUIRE_EQ(kill(pid, SIGKILL), 0);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	if (how == END_KILL_AT_ONCE)
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	else
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 33);
	CHECK(crash_await_processes("weft-", 0));
}

TEST(parent_killed_while_workers_start)
{
	for (unsigned i = 0; i < 10; i++)
		check_ending("processes:4", i % 3, END_KILL_AT_ONCE);
}

TEST(parent_exits)
{
	for (unsigned i = 0; i < 3; i++) {
		check_ending("processes:2", i, END_EXIT);
		check_ending("processes:2,start=fork", i, END_EXIT);
	}
}

TEST(parent_exits_quickly)
{
	for (unsigned i = 0; i < 3; i++)
		check_ending("processes:2", i, END_QUICK_EXIT);
}

/* Another program in the same process has no use for workers. */
TEST(parent_becomes_another_program)
{
	for (unsigned i = 0; i < 3; i++)
		check_ending("processes:2", i, END_EXEC);
}

static void *make(void *ctx)
{
	weft_executor_open(ctx, "processes:3");
	return NULL;
}

/* PR_SET_PDEATHSIG is about the thread that forked, not about the process. */
TEST(parent_thread_ends)
{
	weft_executor *ex = NULL;
	pthread_t thread;
	pid_t before[8], after[8];
	REQUIRE_EQ(pthread_create(&thread, NULL, make, &ex), 0);
	pthread_join(thread, NULL);
	REQUIRE(ex != NULL);
	crash_check_works(ex, 10);
	REQUIRE(crash_await_processes("weft-worker", 3));
	test_processes("weft-worker", before, 8);
	test_sleep_ms(100);
	REQUIRE_EQ(test_processes("weft-worker", after, 8), 3);
	CHECK_EQ(memcmp(before, after, 3 * sizeof(pid_t)), 0);
	CHECK_EQ(crash_stats(ex).deaths, 0);
	crash_check_works(ex, 50);
	weft_executor_free(ex);
}

/* Whatever has been accepted gets done, whatever has not says why. Returns how many were right. */
static size_t use_wounded(weft_executor *ex, size_t n)
{
	size_t right = 0;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t square = 0;
		weft_task t = {.fn = test_square_fn, .arg = &i, .arg_size = 8, .result = &square};
		t.result_size = 8;
		if (weft_submit(ex, &t) < 0)
			continue;
		test_wait(weft_task_future(&t));
		int status = weft_future_status(weft_task_future(&t));
		CHECK(status <= 0 && status != -EINPROGRESS);
		right += status == 0 && square == i * i;
	}
	return right;
}

static void kill_all_named(const char *comm)
{
	pid_t pid[16];
	size_t n = test_processes(comm, pid, 16);
	for (size_t i = 0; i < n && i < 16; i++)
		kill(pid[i], SIGKILL);
}

TEST(parent_of_a_killed_nursery)
{
	weft_executor *ex = crash_open("processes:2");
	crash_check_works(ex, 20);
	REQUIRE(crash_await_processes("weft-nursery", 1));
	kill_all_named("weft-nursery");
	CHECK(use_wounded(ex, 50) <= 50);
	kill_all_named("weft-worker");
	CHECK(use_wounded(ex, 50) <= 50);
	kill_all_named("weft-");
	CHECK(use_wounded(ex, 50) <= 50);
	weft_executor_free(ex);
	CHECK(crash_await_processes("weft-", 0));
}

TEST(parent_of_a_nursery_killed_under_load)
{
	enum { N = 400 };
	static uint64_t value[N];
	static weft_task t[N];
	for (int round = 0; round < 5; round++) {
		weft_executor *ex = crash_open(round % 2 ? "processes:2,max_tasks=10" : "processes:2");
		size_t accepted = 0, strange = 0;
		for (uint64_t i = 0; i < N; i++) {
			value[i] = i;
			t[i] = (weft_task){.fn = test_square_fn, .arg = &value[i], .arg_size = 8};
			t[i].result = &value[i];
			t[i].result_size = 8;
			if (i == N / 4)
				kill_all_named("weft-nursery");
			if (i == N / 2)
				kill_all_named("weft-worker");
			if (weft_submit(ex, &t[i]) == 0)
				accepted++;
		}
		CHECK(accepted >= N / 4);
		for (uint64_t i = 0; i < N; i++) {
			int status = weft_future_status(weft_task_future(&t[i]));
			if (status == -EINVAL)
				continue; /* refused */
			test_wait(weft_task_future(&t[i]));
			status = weft_future_status(weft_task_future(&t[i]));
			strange += status == 0 ? value[i] != i * i : status > 0;
		}
		CHECK_EQ(strange, 0);
		weft_executor_free(ex);
	}
}

TEST(parent_of_a_stopped_nursery_can_free)
{
	weft_executor *ex = crash_open("processes:2");
	pid_t pid[2];
	crash_check_works(ex, 20);
	REQUIRE(crash_await_processes("weft-nursery", 1));
	test_processes("weft-nursery", pid, 2);
	REQUIRE_EQ(kill(pid[0], SIGSTOP), 0);
	CHECK(use_wounded(ex, 20) == 20);
	REQUIRE_EQ(kill(pid[0], SIGCONT), 0);
	weft_executor_free(ex);
	CHECK(crash_await_processes("weft-", 0));
}
