/* SPDX-License-Identifier: MIT
 *
 * crash_memory.c -- a worker that the kernel kills for want of memory: its future says so, and does not of a
 * worker that was killed otherwise. And a region that outgrows what there is. Needs a memory control group, of
 * either version, that can be made.
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

/* Makes a group of GROUP_MIB, and moves a process into it; 0: this one. False: none can be had. */
static bool enter_group(pid_t pid)
{
	char limit[32], who[16];
	snprintf(limit, sizeof limit, "%d", GROUP_MIB << 20);
	snprintf(who, sizeof who, "%d", pid);
	if (!find_home())
		return false;
	snprintf(group, sizeof group, "%.480s/weft-test-%d", home, getpid());
	if (mkdir(group, 0700) != 0)
		return false;
	if ((write_file(group, "memory.max", limit) || write_file(group, "memory.limit_in_bytes", limit)) &&
	    write_file(group, "cgroup.procs", who)) {
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
		explicit_bzero(block, 1 << 20); /* clang would leave out a memset that nobody looks at */
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
	if (!enter_group(0))
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

/* ---- A region with room for more than the worker's control group has ---- */

/* What the worker has at least, when it is killed. The group pays for the shadow of the thread sanitizer too, which is
 * several times what was written. */
enum { BLOCK_MIB = 4, LEAST_MIB = TEST_UNDER_TSAN ? GROUP_MIB / 8 : GROUP_MIB / 2 };

struct wish {
	weft_region *r;
	unsigned blocks;
};

/* Takes blocks, touches them, keeps them. */
static int take_fn(weft_call *call, const void *arg, void *result)
{
	const struct wish *w = arg;
	pid_t pid = getpid();
	int err = 0;

	(void)call;
	for (unsigned i = 0; i < w->blocks && !err; i++) {
		void *block;
		err = weft_region_alloc(w->r, (size_t)BLOCK_MIB << 20, &block);
		if (!err)
			memset(block, 1, (size_t)BLOCK_MIB << 20);
	}
	memcpy(result, &pid, sizeof pid);
	return err;
}

/* Returns the status of a task that takes so many. */
static int take(weft_executor *ex, weft_region *r, unsigned blocks, weft_task *ret, pid_t *ret_pid)
{
	struct wish w = {r, blocks};

	*ret = (weft_task){.fn = take_fn,
			   .arg = &w,
			   .arg_size = sizeof w,
			   .result = ret_pid,
			   .result_size = sizeof *ret_pid};
	REQUIRE_EQ(weft_submit(ex, ret), 0);
	test_wait(weft_task_future(ret));
	return weft_future_status(weft_task_future(ret));
}

static void check_used(const weft_region *r, bool any)
{
	struct weft_region_usage usage;

	REQUIRE_EQ(weft_region_stats(r, &usage), 0);
	CHECK(any ? usage.used > (LEAST_MIB << 20) && usage.used <= (GROUP_MIB << 20) : !usage.used);
}

/* Bytes that are charged to the group. */
static long long group_usage(void)
{
	long long bytes = -1;
	char path[600];
	FILE *f;

	snprintf(path, sizeof path, "%s/memory.current", group);
	f = fopen(path, "re");
	if (!f) {
		snprintf(path, sizeof path, "%s/memory.usage_in_bytes", group);
		f = fopen(path, "re");
	}
	if (f && fscanf(f, "%lld", &bytes) != 1)
		bytes = -1;
	if (f)
		fclose(f);
	return bytes;
}

/* The kernel has no error for a group that is full, it kills. Then that is what the future says, and not SIGBUS.
 * What the worker had taken stays in use, others go on using the region, and when it is freed all comes back. */
TEST(memory_of_a_region_ran_out)
{
	weft_executor *ex = crash_open("processes:1");
	weft_region *r;
	weft_task t;
	pid_t pid = 0;
	char *block = NULL;

	REQUIRE_EQ(weft_region_new(&r, NULL), 0);
	REQUIRE_EQ(take(ex, r, 0, &t, &pid), 0);
	if (!enter_group(pid)) {
		weft_executor_free(ex);
		weft_region_free(r);
		SKIP("no memory control group can be made here");
	}
	check_used(r, false);
	int status = take(ex, r, 2 * GROUP_MIB / BLOCK_MIB, &t, &pid);
	CHECK(status == -ENOMEM || status == -EOWNERDEAD);
	if (status == -EOWNERDEAD) {
		struct weft_death death;
		REQUIRE_EQ(weft_future_death(weft_task_future(&t), &death), 0);
		CHECK_EQ(death.signal, SIGKILL);
	}
	check_used(r, true);
	CHECK(group_usage() > (LEAST_MIB << 20));
	CHECK_EQ(take(ex, r, 8, &t, &pid), 0); /* a worker in no group */
	REQUIRE_EQ(weft_region_alloc(r, (size_t)BLOCK_MIB << 20, (void **)&block), 0);
	memset(block, 1, (size_t)BLOCK_MIB << 20);
	CHECK_EQ(weft_region_free(r), 0);
	CHECK(group_usage() < (LEAST_MIB / 2 << 20));
	weft_executor_free(ex);
	leave_group();
}
