/* SPDX-License-Identifier: MIT
 *
 * crash_limits.c -- workers that are replaced on purpose, and a system that has no more descriptors or
 * processes to give: a clean error or a pool that works, and nothing left behind.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "crash_kit.h"

static int pid_fn(weft_call *call, const void *arg, void *result)
{
	pid_t pid = getpid();
	(void)call, (void)arg;
	memcpy(result, &pid, sizeof pid);
	return 0;
}

/* No worker runs more tasks than it may, none is counted as dead, every result is there. */
static void check_max_tasks(const char *spec, unsigned n, unsigned most)
{
	static pid_t pid[200];
	static weft_task t[200];
	weft_executor *ex = crash_open(spec);
	for (unsigned i = 0; i < n; i++) {
		pid[i] = 0;
		t[i] = (weft_task){.fn = pid_fn, .result = &pid[i], .result_size = sizeof pid[i]};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (unsigned i = 0; i < n; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
		CHECK(pid[i] > 0 && pid[i] != getpid());
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned same = 0;
		for (unsigned k = 0; k < n; k++)
			same += pid[k] == pid[i];
		CHECK(same <= most);
	}
	CHECK_EQ(crash_stats(ex).deaths, 0);
	crash_check_works(ex, 10);
	weft_executor_free(ex);
}

TEST(limits_of_tasks_per_worker)
{
	check_max_tasks("processes:1,max_tasks=3", 100, 3);
	check_max_tasks("processes:2,max_tasks=3", 100, 3);
	check_max_tasks("processes:2,max_tasks=1", 60, 1);
	check_max_tasks("processes:2,max_tasks=3,start=fork", 60, 3);
	check_max_tasks("processes:8,max_tasks=2", 100, 2);
}

/* One worker after the other: the same pid for as many tasks as it may run, then a new one. */
TEST(limits_of_tasks_in_turn)
{
	weft_executor *ex = crash_open("processes:1,max_tasks=3");
	pid_t pid[12];
	for (int i = 0; i < 12; i++) {
		weft_task t = {.fn = pid_fn, .result = &pid[i], .result_size = sizeof pid[i]};
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		REQUIRE_EQ(weft_future_status(weft_task_future(&t)), 0);
		if (i > 0)
			CHECK_EQ(pid[i] == pid[i - 1], i % 3 != 0);
	}
	weft_executor_free(ex);
}

TEST(limits_of_tasks_and_free_at_once)
{
	static const char *const specs[] = {"processes:3,max_tasks=1", "processes:1,max_tasks=2",
					    "processes:2,max_tasks=2", "processes:2,max_tasks=1,start=fork"};
	for (int round = 0; round < 12; round++) {
		weft_executor *ex = crash_open(specs[round % 4]);
		uint64_t value[8];
		weft_task t[8];
		for (uint64_t i = 0; i < 8; i++) {
			value[i] = i;
			t[i] = (weft_task){.fn = test_square_fn, .arg = &value[i], .arg_size = 8};
			t[i].result = &value[i];
			t[i].result_size = 8;
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		}
		weft_executor_free(ex);
		for (uint64_t i = 0; i < 8; i++) {
			CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
			CHECK_EQ(value[i], i * i);
		}
	}
}

static void set_limit(unsigned resource, rlim_t n)
{
	struct rlimit limit;
	REQUIRE_EQ(getrlimit(resource, &limit), 0);
	limit.rlim_cur = n < limit.rlim_max ? n : limit.rlim_max;
	REQUIRE_EQ(setrlimit(resource, &limit), 0);
}

/* What could be made works, or says of each task why it could not run. */
static void use_or_not(const char *spec)
{
	weft_executor *const untouched = weft_inline(), *ex = untouched;
	uint64_t value[10];
	weft_task t[10];
	int err = weft_executor_open(&ex, spec);
	CHECK(err <= 0);
	if (err != 0) {
		CHECK(ex == untouched);
		return;
	}
	for (uint64_t i = 0; i < 10; i++) {
		value[i] = i;
		t[i] = (weft_task){.fn = test_square_fn, .arg = &value[i], .arg_size = 8};
		t[i].result = &value[i];
		t[i].result_size = 8;
		if (weft_submit(ex, &t[i]) != 0)
			t[i].fn = NULL;
	}
	for (uint64_t i = 0; i < 10; i++) {
		if (!t[i].fn)
			continue;
		test_wait(weft_task_future(&t[i]));
		int status = weft_future_status(weft_task_future(&t[i]));
		CHECK(status == 0 ? value[i] == i * i : status < 0);
	}
	weft_executor_free(ex);
}

static void sweep_descriptors(const char *spec)
{
	struct rlimit before;
	REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	size_t fds = crash_count_fds();
	for (rlim_t n = 4; n <= 40; n++) {
		set_limit(RLIMIT_NOFILE, n);
		use_or_not(spec);
		set_limit(RLIMIT_NOFILE, before.rlim_cur);
		CHECK_EQ(crash_count_fds(), fds);
		CHECK(crash_await_processes("weft-", 0));
	}
	weft_executor *ex = crash_open(spec);
	crash_check_works(ex, 50);
	weft_executor_free(ex);
}

TEST(limits_of_descriptors)
{
	sweep_descriptors("processes:2");
}

TEST(limits_of_descriptors_forked_workers)
{
	sweep_descriptors("processes:2,start=fork");
}

TEST(limits_of_descriptors_threads)
{
	sweep_descriptors("threads:2");
}

TEST(limits_of_descriptors_cq)
{
	struct rlimit before;
	weft_cq *q = NULL;
	REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	set_limit(RLIMIT_NOFILE, 0);
	int err = weft_cq_new(&q);
	set_limit(RLIMIT_NOFILE, before.rlim_cur);
	CHECK_EQ(err, -EMFILE);
	CHECK(q == NULL);
}

/* A running pool whose program is out of descriptors still replaces its dead, sooner or later. */
TEST(limits_of_descriptors_while_running)
{
	struct rlimit before;
	weft_executor *ex = crash_open("processes:2");
	struct crash_order order = {.word = 3, .how = CRASH_SEGV};
	test_board(&order.ref);
	weft_task killer[6];
	uint64_t value = 4;
	weft_task t = {
		.fn = test_square_fn, .arg = &value, .arg_size = 8, .result = &value, .result_size = 8};
	crash_check_works(ex, 10);
	REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	set_limit(RLIMIT_NOFILE, 3);
	for (int i = 0; i < 6; i++) {
		killer[i] = crash_task(crash_die_fn, &order);
		REQUIRE_EQ(weft_submit(ex, &killer[i]), 0);
	}
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_sleep_ms(50);
	set_limit(RLIMIT_NOFILE, before.rlim_cur);
	for (int i = 0; i < 6; i++) {
		test_wait(weft_task_future(&killer[i]));
		CHECK(weft_future_status(weft_task_future(&killer[i])) < 0);
	}
	test_wait(weft_task_future(&t));
	int status = weft_future_status(weft_task_future(&t));
	CHECK(status < 0 || value == 16);
	weft_executor_free(ex);
}

TEST(limits_of_processes)
{
	if (geteuid() == 0)
		SKIP("root has no limit of processes");
	struct rlimit before;
	REQUIRE_EQ(getrlimit(RLIMIT_NPROC, &before), 0);
	for (rlim_t n = 0; n <= 8; n++) {
		set_limit(RLIMIT_NPROC, n);
		use_or_not("processes:2");
		use_or_not("threads:2");
		set_limit(RLIMIT_NPROC, before.rlim_cur);
		CHECK(crash_await_processes("weft-", 0));
	}
}
