/* SPDX-License-Identifier: MIT
 *
 * crash_worn.c -- limits of a worker: one that leaks memory, descriptors or time is replaced between two tasks,
 * and no task is lost; beyond that the kernel says no, or kills. Its place and its rank among the processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "crash_kit.h"

#if defined(__SANITIZE_ADDRESS__) || TEST_UNDER_TSAN
#define OWN_ALLOCATOR 1
#else
#define OWN_ALLOCATOR 0
#endif

enum { N = 24 };

static int leak_memory_fn(weft_call *call, const void *arg, void *result)
{
	size_t size = 16 << 20;
	static char *volatile p;
	pid_t pid = getpid();
	(void)call, (void)arg;
	p = malloc(size); /* the last one is lost */
	if (!p)
		return -ENOMEM;
	memset(p, 1, size);
	memcpy(result, &pid, sizeof pid);
	return 0;
}

static int leak_files_fn(weft_call *call, const void *arg, void *result)
{
	pid_t pid = getpid();
	(void)call, (void)arg;
	for (int i = 0; i < 3; i++)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			return -errno;
	memcpy(result, &pid, sizeof pid);
	return 0;
}

static int64_t used_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Uses so many milliseconds of the processor. */
static int burn_fn(weft_call *call, const void *arg, void *result)
{
	pid_t pid = getpid();
	int64_t end = used_ms() + *(const int64_t *)arg;
	(void)call;
	while (used_ms() < end) {}
	memcpy(result, &pid, sizeof pid);
	return 0;
}

/* Runs fn n times; none fails, no worker does more than most, and some are replaced. */
static void check_replaced(const char *spec, weft_fn *fn, const int64_t *arg, int n, int most)
{
	weft_executor *ex = crash_open(spec);
	pid_t pid[N], last = 0;
	weft_task t[N];
	int same = 0, workers = 0;
	for (int i = 0; i < n; i++) {
		t[i] = (weft_task){.fn = fn, .arg = arg, .arg_size = arg ? sizeof *arg : 0};
		t[i].result = &pid[i];
		t[i].result_size = sizeof pid[i];
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (int i = 0; i < n; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
		workers += pid[i] != last;
		same = pid[i] == last ? same + 1 : 1;
		last = pid[i];
		CHECK(same <= most);
	}
	CHECK(workers >= n / most && workers > 1);
	CHECK_EQ(crash_stats(ex).deaths, 0);
	weft_executor_free(ex);
}

TEST(worn_by_memory)
{
	if (OWN_ALLOCATOR)
		SKIP("the sanitizer's allocator needs memory of its own");
	check_replaced("processes:1,max_rss=100", leak_memory_fn, NULL, N, 7);
}

TEST(worn_by_files)
{
	check_replaced("processes:1,max_files=32", leak_files_fn, NULL, N, 6);
}

TEST(worn_by_time)
{
	static const int64_t ms = 300;
	check_replaced("processes:1,max_cpu=1", burn_fn, &ms, 8, 4);
}

/* With time in hand the second task makes the worker pass its limit, but may end. */
TEST(worn_out_of_time_in_one_task)
{
	static const int64_t ms = 30000;
	weft_executor *ex = crash_open("processes:1,max_cpu=1");
	struct weft_death death;
	pid_t pid;
	weft_task t = {.fn = burn_fn, .arg = &ms, .arg_size = sizeof ms, .result = &pid};
	t.result_size = sizeof pid;
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	REQUIRE_EQ(weft_future_death(weft_task_future(&t), &death), 0);
	CHECK_EQ(death.signal, SIGXCPU);
	time_t seconds = death.rusage.ru_utime.tv_sec + death.rusage.ru_stime.tv_sec;
	CHECK(seconds >= 1 && seconds < 10); /* 2, of which the two parts may each lack a fraction */
	crash_check_works(ex, 10);
	weft_executor_free(ex);
}

static int allocate_fn(weft_call *call, const void *arg, void *result)
{
	char *volatile p = malloc(*(const size_t *)arg);
	(void)call, (void)result;
	if (!p)
		return -ENOMEM;
	memset(p, 1, *(const size_t *)arg);
	free(p);
	return 0;
}

static int run_sized(weft_executor *ex, weft_fn *fn, size_t size)
{
	weft_task t = {.fn = fn, .arg = &size, .arg_size = sizeof size};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	return weft_future_status(weft_task_future(&t));
}

TEST(worn_limit_of_memory)
{
	if (OWN_ALLOCATOR)
		SKIP("the sanitizer's allocator needs memory of its own");
	weft_executor *ex = crash_open("processes:1,max_memory=64");
	CHECK_EQ(run_sized(ex, allocate_fn, 32 << 20), 0);
	CHECK_EQ(run_sized(ex, allocate_fn, 80 << 20), -ENOMEM);
	CHECK_EQ(run_sized(ex, allocate_fn, 32 << 20), 0);
	CHECK_EQ(crash_stats(ex).deaths, 0);
	weft_executor_free(ex);
}

/* Opens so many, and leaves none behind. */
static int open_fn(weft_call *call, const void *arg, void *result)
{
	int fd[64], err = 0;
	size_t n = *(const size_t *)arg, i = 0;
	(void)call, (void)result;
	while (i < n && !err) {
		fd[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd[i] < 0)
			err = -errno;
		else
			i++;
	}
	while (i-- > 0)
		close(fd[i]);
	return err;
}

TEST(worn_limit_of_files)
{
	weft_executor *ex = crash_open("processes:1,max_files=32");
	CHECK_EQ(run_sized(ex, open_fn, 20), 0);
	CHECK_EQ(run_sized(ex, open_fn, 33), -EMFILE);
	CHECK_EQ(run_sized(ex, open_fn, 20), 0);
	CHECK_EQ(crash_stats(ex).deaths, 0);
	weft_executor_free(ex);
}

static int nice_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 20 + getpriority(PRIO_PROCESS, 0);
}

TEST(worn_nice)
{
	int own = 20 + getpriority(PRIO_PROCESS, 0);
	weft_executor *ex = crash_open("processes:1,nice=3");
	CHECK_EQ(run_sized(ex, nice_fn, 0), own + 3 > 39 ? 39 : own + 3);
	weft_executor_free(ex);
}

static int where_fn(weft_call *call, const void *arg, void *result)
{
	cpu_set_t set;
	(void)call, (void)result;
	usleep(*(const size_t *)arg ? 50000 : 0);
	if (sched_getaffinity(0, sizeof set, &set))
		return -errno;
	for (unsigned cpu = 0; CPU_COUNT(&set) == 1 && cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			return (int)cpu;
	return -ERANGE;
}

/* Two tasks at once, so one on each of two workers. */
TEST(worn_pinned)
{
	if (weft_cpu_count() < 2)
		SKIP("there is one processor only");
	weft_executor *ex = crash_open("processes:2,pin=1");
	size_t slow = 1;
	weft_task t[2];
	crash_check_works(ex, 10);
	for (int i = 0; i < 2; i++) {
		t[i] = (weft_task){.fn = where_fn, .arg = &slow, .arg_size = sizeof slow};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		test_wait(weft_task_future(&t[i]));
	int a = weft_future_status(weft_task_future(&t[0])), b = weft_future_status(weft_task_future(&t[1]));
	CHECK(a >= 0 && b >= 0 && a != b);
	weft_executor_free(ex);
}

static int spoil_fn(weft_call *call, const void *arg, void *result)
{
	sigset_t all;
	(void)call, (void)arg, (void)result;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
#if defined(__x86_64__)
	__builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040 | 0x6000); /* flush to zero, round to zero */
#endif
	return 0;
}

static int spoilt_fn(weft_call *call, const void *arg, void *result)
{
	volatile double tiny = 5e-324, third = 1.0, three = 3.0;
	(void)call, (void)arg, (void)result;
	if (tiny * 1.0 == 0)
		return 1;
	return third / three == 0x1.5555555555555p-2 ? 0 : 2;
}

static int masked_fn(weft_call *call, const void *arg, void *result)
{
	sigset_t now;
	(void)call, (void)arg, (void)result;
	sigprocmask(SIG_BLOCK, NULL, &now);
	return sigismember(&now, SIGUSR1);
}

/* What a task does to the floating point mode and the signal mask does not stay. */
TEST(worn_traces_are_removed)
{
	weft_executor *ex = crash_open("processes:1");
	size_t none = 0;
	for (int i = 0; i < 5; i++) {
		weft_task bad = {.fn = spoil_fn}, good = {.fn = spoilt_fn};
		REQUIRE_EQ(weft_submit(ex, &bad), 0);
		REQUIRE_EQ(weft_submit(ex, &good), 0);
		test_wait(weft_task_future(&good));
		CHECK_EQ(weft_future_status(weft_task_future(&good)), 0);
		weft_time end = test_soon(); /* the mask only once the worker has slept */
		while (run_sized(ex, masked_fn, none) && weft_now() < end)
			test_sleep_ms(5);
		CHECK_EQ(run_sized(ex, masked_fn, none), 0);
	}
	weft_executor_free(ex);
}
