/* SPDX-License-Identifier: MIT
 *
 * crash_memory.c -- a worker that the kernel kills for want of memory: its future says so, and does not of a
 * worker that was killed otherwise. Needs a memory control group, of either version, that can be made.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash_kit.h"

enum { GROUP_MIB = 96 };

static char group[512], home[512];

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

/* The directory of this process's memory group, where it is usually mounted. */
static bool find_home(void)
{
	static char line[400];
	bool found = false;
	FILE *f = fopen("/proc/self/cgroup", "re");
	while (f && !found && fgets(line, sizeof line, f)) {
		char *v1 = strstr(line, ":memory:");
		line[strcspn(line, "\n")] = '\0';
		found = v1 || !strncmp(line, "0::", 3);
		if (found)
			snprintf(home, sizeof home, "/sys/fs/cgroup%s%s", v1 ? "/memory" : "",
				 v1 ? v1 + 8 : line + 3);
	}
	if (f)
		fclose(f);
	return found;
}

/* Moves this process into a group of GROUP_MIB. False: none can be had. */
static bool enter_group(void)
{
	char limit[32];
	snprintf(limit, sizeof limit, "%d", GROUP_MIB << 20);
	if (!find_home())
		return false;
	snprintf(group, sizeof group, "%.480s/weft-test-%d", home, getpid());
	if (mkdir(group, 0700) != 0)
		return false;
	if ((write_file(group, "memory.max", limit) || write_file(group, "memory.limit_in_bytes", limit)) &&
	    write_file(group, "cgroup.procs", "0")) {
		write_file(group, "memory.swap.max", "0");
		return true;
	}
	rmdir(group);
	return false;
}

static void leave_group(void)
{
	weft_time end = test_soon();
	CHECK(write_file(home, "cgroup.procs", "0"));
	while (rmdir(group) != 0 && errno == EBUSY && weft_now() < end)
		test_sleep_ms(10);
}

static int eat_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	for (int i = 0; i < 2 * GROUP_MIB; i++) {
		char *block = malloc(1 << 20);
		if (!block)
			return -ENOMEM;
		memset(block, i | 1, 1 << 20);
	}
	return 0;
}

static void check_eater(weft_executor *ex)
{
	weft_task eater = {.fn = eat_fn};
	struct weft_death death;
	REQUIRE_EQ(weft_submit(ex, &eater), 0);
	test_wait(weft_task_future(&eater));
	CHECK_EQ(weft_future_status(weft_task_future(&eater)), -EOWNERDEAD);
	REQUIRE_EQ(weft_future_death(weft_task_future(&eater), &death), 0);
	CHECK_EQ(death.signal, SIGKILL);
	CHECK(death.oom);
	CHECK(strstr(weft_future_error(weft_task_future(&eater)), "probably out of memory") != NULL);
	CHECK(death.rusage.ru_maxrss > (GROUP_MIB << 10) / 2);
}

static void check_killed(weft_executor *ex)
{
	struct crash_order order = {.word = 3, .how = CRASH_KILL};
	struct weft_death death;
	test_board(&order.ref);
	weft_task killer = crash_task(crash_die_fn, &order);
	REQUIRE_EQ(weft_submit(ex, &killer), 0);
	test_wait(weft_task_future(&killer));
	REQUIRE_EQ(weft_future_death(weft_task_future(&killer), &death), 0);
	CHECK_EQ(death.signal, SIGKILL);
	CHECK(!death.oom);
	CHECK(strstr(weft_future_error(weft_task_future(&killer)), "memory") == NULL);
}

TEST(memory_ran_out)
{
	if (!enter_group())
		SKIP("no memory control group can be made here");
	weft_executor *ex = crash_open("processes:1");
	check_killed(ex);
	for (int i = 0; i < 3; i++) {
		check_eater(ex);
		check_killed(ex);
		crash_check_works(ex, 10);
	}
	weft_executor_free(ex);
	leave_group();
}
