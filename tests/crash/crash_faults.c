/* SPDX-License-Identifier: MIT
 *
 * crash_faults.c -- faults that have no file of their own: see docs/faults.md.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash_kit.h"

#if defined(__SANITIZE_ADDRESS__) || TEST_UNDER_TSAN
#define UNDER_SANITIZER 1
#else
#define UNDER_SANITIZER 0
#endif

static int free_twice_fn(weft_call *call, const void *arg, void *result)
{
	char *volatile p = malloc(24);
	(void)call, (void)arg, (void)result;
	free(p);
	free(p);
	return 0;
}

/* The C library finds it; what it does not find is for max_tasks to sweep away. */
TEST(faults_freed_twice)
{
	if (UNDER_SANITIZER)
		SKIP("the sanitizer has an end of its own for this");
	weft_executor *ex = crash_open("processes:2");
	weft_task t = {.fn = free_twice_fn};
	struct weft_death death;
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	REQUIRE_EQ(weft_future_death(weft_task_future(&t), &death), 0);
	CHECK_EQ(death.signal, SIGABRT);
	crash_check_works(ex, 50);
	weft_executor_free(ex);
}

static jmp_buf way_back;

static int set_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return setjmp(way_back) ? 5 : 4;
}

static int jump_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	longjmp(way_back, 1);
}

/* Out of a task into one that has returned: nobody can say what happens, but it happens to that worker only. */
TEST(faults_jump_out_of_a_task)
{
	if (UNDER_SANITIZER)
		SKIP("the sanitizer has an end of its own for this");
	weft_executor *ex = crash_open("processes:1");
	for (int i = 0; i < 5; i++) {
		weft_task set = {.fn = set_fn},
			  jump = {.fn = jump_fn, .deadline = weft_after(WEFT_SECONDS(5))};
		REQUIRE_EQ(weft_submit(ex, &set), 0);
		REQUIRE_EQ(weft_submit(ex, &jump), 0);
		test_wait(weft_task_future(&set));
		CHECK_EQ(weft_future_status(weft_task_future(&set)), 4);
		test_wait(weft_task_future(&jump));
		int status = weft_future_status(weft_task_future(&jump));
		CHECK(status == 5 || status < 0);
		crash_check_works(ex, 20);
	}
	weft_executor_free(ex);
}

/* ---- A thousand pools ---- */

static size_t count_lines(const char *path)
{
	size_t n = 0;
	int c;
	FILE *f = fopen(path, "re");
	REQUIRE(f != NULL);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static size_t count_threads(void)
{
	size_t n = 0;
	DIR *dir = opendir("/proc/self/task");
	REQUIRE(dir != NULL);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static size_t resident_kib(void)
{
	unsigned long pages = 0, ignored;
	FILE *f = fopen("/proc/self/statm", "re");
	REQUIRE(f != NULL);
	CHECK_EQ(fscanf(f, "%lu %lu", &ignored, &pages), 2);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void use_once(const char *spec, int round)
{
	weft_executor *ex = crash_open(spec);
	uint64_t n[4];
	weft_task t[4];
	for (uint64_t i = 0; i < 4; i++) {
		n[i] = i;
		t[i] = (weft_task){.fn = test_square_fn, .arg = &n[i], .arg_size = 8, .result = &n[i]};
		t[i].result_size = 8;
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	if (round % 3 == 0)
		CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_KILL, test_soon()), 0);
	weft_executor_free(ex);
	for (uint64_t i = 0; i < 4; i++) {
		int status = weft_future_status(weft_task_future(&t[i]));
		CHECK(status == 0 ? n[i] == i * i : round % 3 == 0 && status < 0);
	}
}

static void check_cycles(const char *spec, int rounds)
{
	size_t fds = 0, maps = 0, threads = 0, kib = 0;
	for (int i = 0; i < rounds; i++) {
		use_once(spec, i);
		if (i != rounds / 10)
			continue;
		fds = crash_count_fds();
		maps = count_lines("/proc/self/maps");
		threads = count_threads();
		kib = resident_kib();
	}
	CHECK_EQ(crash_count_fds(), fds);
	if (!UNDER_SANITIZER) /* which maps as it likes */
		CHECK(count_lines("/proc/self/maps") <= maps + 2);
	CHECK_EQ(count_threads(), threads);
	if (!UNDER_SANITIZER)
		CHECK(resident_kib() <= kib + 1024);
	CHECK(crash_await_processes("weft-", 0));
}

TEST(faults_thousand_pools)
{
	check_cycles("processes:2", UNDER_SANITIZER ? 100 : 1000);
}

TEST(faults_hundred_pools_of_other_starts)
{
	check_cycles("processes:2,start=fork", 100);
	check_cycles("processes:2,start=spawn", 100);
}

/* ---- A frozen control group ---- */

static bool write_file(const char *dir, const char *name, const char *text)
{
	char path[600];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* A worker that the freezer holds is not dead; with a deadline it is killed all the same. */
TEST(faults_frozen_by_a_control_group)
{
	char group[128], text[16];
	weft_time end = test_soon();
	snprintf(group, sizeof group, "/sys/fs/cgroup/freezer/weft-test-%d", getpid());
	if (mkdir(group, 0700) != 0)
		SKIP("no control group of the freezer can be made here");
	weft_executor *ex = crash_open("processes:1");
	struct crash_order order = {.word = 3};
	uint32_t *board = test_board(&order.ref);
	weft_task t = crash_task(crash_sit_fn, &order);
	t.deadline = weft_after(WEFT_MS(300));
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	REQUIRE(test_await(&board[3], 1));
	snprintf(text, sizeof text, "%u", test_get(&board[3]));
	REQUIRE(write_file(group, "cgroup.procs", text));
	REQUIRE(write_file(group, "freezer.state", "FROZEN"));
	CHECK_EQ(weft_future_wait(weft_task_future(&t), weft_after(WEFT_MS(600))), -ETIMEDOUT);
	CHECK_EQ(crash_stats(ex).deaths, 0);
	REQUIRE(write_file(group, "freezer.state", "THAWED"));
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -ETIMEDOUT);
	crash_check_works(ex, 10);
	weft_executor_free(ex);
	while (rmdir(group) != 0 && errno == EBUSY && weft_now() < end)
		test_sleep_ms(10);
}
