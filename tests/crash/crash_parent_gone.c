/* SPDX-License-Identifier: MIT
 *
 * crash_parent_gone.c -- a program is killed a hundred times, with busy and with idle workers: each time all
 * of its processes go, and nothing stays in shared memory or on disk. How long that took is printed; only
 * that it happens is checked.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash_kit.h"

enum { ROUNDS = 100, PIDS_MAX = 16 };

static struct crash_order order;

/* The program: workers 1 and 2 (if there are) each loop for ever in a task, the others idle. */
static _Noreturn void program(const char *spec, uint32_t *board, unsigned busy)
{
	static weft_task sit[2];
	static struct crash_order each[2];
	weft_executor *ex = NULL;
	uint64_t n = 3, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	int err = weft_executor_open(&ex, spec);
	if (!err)
		err = weft_submit(ex, &t);
	if (!err)
		err = weft_future_wait(weft_task_future(&t), test_soon());
	for (unsigned i = 0; i < busy && !err; i++) {
		each[i] = order;
		each[i].word = 1 + i;
		sit[i] = crash_task(crash_deaf_fn, &each[i]);
		err = weft_submit(ex, &sit[i]);
	}
	for (unsigned i = 0; i < busy && !err; i++)
		err = test_await(&board[1 + i], 1) ? 0 : -ETIME;
	test_set(&board[0], err ? 2 : 1);
	for (;;)
		pause();
}

/* Entries of a folder that are ours by name. */
static size_t count_named(const char *path, const char *part)
{
	size_t n = 0;
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir));)
		n += e->d_name[0] != '.' && strstr(e->d_name, part);
	if (dir)
		closedir(dir);
	return n;
}

/* Kills it, and waits for the end of each of its processes; returns how long that took, or -1. */
static weft_time kill_and_await(pid_t program_pid)
{
	struct pollfd end[PIDS_MAX];
	pid_t pid[PIDS_MAX];
	size_t n = test_processes("weft-", pid, PIDS_MAX);
	bool gone = n <= PIDS_MAX;
	for (size_t i = 0; i < n && gone; i++) {
		end[i] = (struct pollfd){.fd = (int)syscall(SYS_pidfd_open, pid[i], 0), .events = POLLIN};
		gone = end[i].fd >= 0;
	}
	weft_time begun = weft_now();
	kill(program_pid, SIGKILL);
	for (size_t i = 0; i < n && gone; i++)
		gone = poll(&end[i], 1, 20000) == 1;
	weft_time took = weft_now() - begun;
	for (size_t i = 0; i < n && i < PIDS_MAX; i++)
		close(end[i].fd);
	return gone ? took : -1;
}

static weft_time one_round(const char *spec, uint32_t *board, unsigned busy, unsigned processes)
{
	int status = -1;
	memset(board, 0, 4 * sizeof *board);
	pid_t pid = fork();
	if (!pid)
		program(spec, board, busy);
	REQUIRE(pid > 0);
	CHECK(test_await(&board[0], 1));
	CHECK_EQ(test_get(&board[0]), 1);
	CHECK(crash_await_processes("weft-", processes));
	weft_time took = kill_and_await(pid);
	CHECK(took >= 0);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK(crash_await_processes("weft-", 0));
	return took;
}

static int by_size(const void *a, const void *b)
{
	weft_time x = *(const weft_time *)a, y = *(const weft_time *)b;
	return (x > y) - (x < y);
}

TEST(parent_gone_a_hundred_times)
{
	static const struct {
		const char *spec;
		unsigned busy, processes;
	} kind[] = {{"processes:2", 2, 3},
		    {"processes:2", 0, 3},
		    {"processes:4", 1, 5},
		    {"processes:2,start=fork", 2, 3},
		    {"processes:1", 1, 2}};
	static weft_time took[ROUNDS];
	uint32_t *board = test_board(&order.ref);
	size_t in_memory = count_named("/dev/shm", "weft"), on_disk = count_named(test_dir(), "");
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned k = i % (sizeof kind / sizeof kind[0]);
		took[i] = one_round(kind[k].spec, board, kind[k].busy, kind[k].processes);
	}
	qsort(took, ROUNDS, sizeof took[0], by_size);
	printf("program killed -> all of its processes gone: median %.2f ms, most %.2f ms, of %d\n",
	       (double)took[ROUNDS / 2] / 1e6, (double)took[ROUNDS - 1] / 1e6, ROUNDS);
	CHECK_EQ(count_named("/dev/shm", "weft"), in_memory);
	CHECK_EQ(count_named(test_dir(), ""), on_disk);
}
