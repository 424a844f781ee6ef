/* SPDX-License-Identifier: MIT
 *
 * crash_gaps.c -- what the other crash tests leave open: a program that dies while a fork of it lives on,
 * signals to the nursery, descriptors in a worker.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash_kit.h"

enum { WORD_READY = 0, WORD_FORK = 2 };

/* The program: a pool, and a fork that has copies of all the pool's descriptors. */
static void forking_main(const char *spec, uint32_t *board)
{
	weft_executor *ex = NULL;
	uint64_t n = 3, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	int err = weft_executor_open(&ex, spec);
	if (err == 0)
		err = weft_submit(ex, &t);
	if (err == 0)
		err = weft_future_wait(weft_task_future(&t), test_soon());
	pid_t pid = fork();
	if (pid != 0) {
		test_set(&board[WORD_FORK], (uint32_t)pid);
		test_set(&board[WORD_READY], err == 0 && square == 9 ? 1 : 2);
	}
	for (;;)
		pause();
}

static void check_fork_survives(const char *spec)
{
	test_ref ref;
	uint32_t *board = test_board(&ref);
	int status = -1;
	pid_t pid = fork();
	if (pid == 0)
		forking_main(spec, board);
	REQUIRE(pid > 0);
	CHECK(test_await(&board[WORD_READY], 1));
	CHECK_EQ(test_get(&board[WORD_READY]), 1);
	pid_t left = (pid_t)test_get(&board[WORD_FORK]);
	REQUIRE(left > 0);
	REQUIRE_EQ(kill(pid, SIGKILL), 0);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK(crash_await_processes("weft-", 0));
	CHECK_EQ(kill(left, 0), 0);
	CHECK_EQ(kill(left, SIGKILL), 0);
}

/* The pool belongs to the process that made it, not to whoever has its socket. */
TEST(gaps_program_killed_while_its_fork_lives)
{
	check_fork_survives("processes:2");
	check_fork_survives("processes:2,start=fork");
}

/* What ends the whole group of a terminal ends workers, but not who replaces them. */
TEST(gaps_nursery_outlives_signals_to_the_group)
{
	static const int signals[] = {SIGINT, SIGHUP, SIGQUIT, SIGTERM};
	weft_executor *ex = crash_open("processes:2");
	pid_t before[2] = {0}, after[2] = {0};
	crash_check_works(ex, 10);
	REQUIRE(crash_await_processes("weft-nursery", 1));
	test_processes("weft-nursery", before, 1);
	for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		REQUIRE_EQ(kill(before[0], signals[i]), 0);
		test_sleep_ms(10);
		crash_check_works(ex, 10);
		CHECK_EQ(test_processes("weft-nursery", after, 1), 1);
		CHECK_EQ(after[0], before[0]);
	}
	CHECK_EQ(crash_stats(ex).deaths, 0);
	weft_executor_free(ex);
}

/* A worker that does not react when it is told to leave is killed. */
TEST(gaps_frozen_idle_worker_is_not_waited_for)
{
	weft_executor *ex = crash_open("processes:2");
	pid_t pid[2] = {0};
	crash_check_works(ex, 10);
	REQUIRE(crash_await_processes("weft-worker", 2));
	test_processes("weft-worker", pid, 2);
	REQUIRE_EQ(kill(pid[0], SIGSTOP), 0);
	REQUIRE_EQ(kill(pid[1], SIGSTOP), 0);
	weft_time begun = weft_now();
	weft_executor_free(ex);
	CHECK(weft_now() - begun < WEFT_SECONDS(5));
	CHECK(crash_await_processes("weft-", 0));
}

enum { INHERITABLE = 77 };

/* What a worker has open that is none of its business. */
struct open_files {
	uint32_t sockets, inheritable;
};

static int list_open_fn(weft_call *call, const void *arg, void *result)
{
	struct open_files *found = result;
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	(void)arg;
	if (!dir)
		return weft_call_fail(call, -EIO, "no /proc");
	while ((entry = readdir(dir))) {
		char path[300], what[64] = "";
		snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
		/* Standard input, output and error may be anything. */
		if (strtol(entry->d_name, NULL, 10) > 2 && readlink(path, what, sizeof what - 1) > 0)
			found->sockets += !strncmp(what, "socket:", 7) || strstr(what, "pidfd");
	}
	closedir(dir);
	found->inheritable = fcntl(INHERITABLE, F_GETFD) >= 0;
	return 0;
}

static struct open_files list_in_worker(const char *spec)
{
	weft_executor *ex = crash_open(spec);
	struct open_files found = {99, 99};
	weft_task t = {.fn = list_open_fn, .result = &found, .result_size = sizeof found};
	crash_check_works(ex, 10);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	weft_executor_free(ex);
	return found;
}

/* A worker has no way to the nursery, and, unless it is a fork of the program, no file of the program. */
TEST(gaps_descriptors_of_a_worker)
{
	REQUIRE_EQ(dup2(STDIN_FILENO, INHERITABLE), INHERITABLE);
	struct open_files found = list_in_worker("processes:3");
	CHECK_EQ(found.sockets, 0);
	CHECK_EQ(found.inheritable, 0);
	found = list_in_worker("processes:3,start=fork");
	CHECK_EQ(found.sockets, 0);
	CHECK_EQ(found.inheritable, 1);
	close(INHERITABLE);
}
