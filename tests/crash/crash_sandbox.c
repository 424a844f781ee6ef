/* SPDX-License-Identifier: MIT
 *
 * crash_sandbox.c -- a worker in a sandbox: what an ordinary task needs works in it, and nothing leads out of it;
 * whoever dies there dies like anybody else. Each call that is denied is tried in crash_denied.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "crash_kit.h"

static int run(weft_executor *ex, weft_fn *fn, const void *arg, size_t size, void *result, size_t result_size)
{
	weft_task t = {.fn = fn, .arg = arg, .arg_size = size, .result = result, .result_size = result_size};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	if (weft_future_status(weft_task_future(&t)) < 0)
		fprintf(stderr, "%s\n", weft_future_error(weft_task_future(&t)));
	return weft_future_status(weft_task_future(&t));
}

/* ---- What is denied; the rest of it is in crash_denied.c ---- */

/* Calls of tomorrow, and the one whose arguments cannot be seen, are as if there were none. */
static int unknown_fn(weft_call *call, const void *arg, void *result)
{
	static const long unknown[] = {435 /* clone3 */, 463, 500, 1000000};
	(void)call, (void)arg, (void)result;
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
		if (syscall(unknown[i], 0, 0, 0, 0) != -1 || errno != ENOSYS)
			return (int)i + 1;
	return 0;
}

TEST(sandbox_has_no_newer_calls)
{
	weft_executor *ex = crash_open_sandbox("processes:1,sandbox=1");
	CHECK_EQ(run(ex, unknown_fn, NULL, 0, NULL, 0), 0);
	weft_executor_free(ex);
}

#if defined(__x86_64__)
/* The same kernel by other doors: 32-bit calls, and x32. */
static int other_door_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	if (*(const int *)arg)
		return (int)syscall(0x40000000 | SYS_getpid);
	long answer;
	__asm__ volatile("int $0x80" : "=a"(answer) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
	return (int)answer;
}

TEST(sandbox_has_no_other_doors)
{
	weft_executor *ex = crash_open_sandbox("processes:1,sandbox=1");
	for (int i = 0; i < 2; i++) {
		weft_task t = {.fn = other_door_fn, .arg = &i, .arg_size = sizeof i};
		struct weft_death death;
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		REQUIRE_EQ(weft_future_death(weft_task_future(&t), &death), 0);
		CHECK_EQ(death.signal, SIGSYS);
		CHECK(!death.core);
	}
	crash_check_works(ex, 10);
	weft_executor_free(ex);
}
#endif

/* The bell is the one descriptor that all workers share: who could read it would swallow what others ring. */
static int bell_fn(weft_call *call, const void *arg, void *result)
{
	int found = 0;
	(void)call, (void)arg, (void)result;
	for (int fd = 3; fd < 64; fd++) {
		uint64_t count;
		errno = 0;
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
			continue;
		found++;
		if (read(fd, &count, sizeof count) != -1 || errno != EPERM)
			return -1;
		if (dup(fd) != -1 || errno != EPERM)
			return -2;
		if (dup3(fd, 60, 0) != -1 || errno != EPERM)
			return -3;
		if (fcntl(fd, F_DUPFD, 0) != -1 || errno != EPERM)
			return -4;
	}
	return found;
}

static int input_fn(weft_call *call, const void *arg, void *result)
{
	char c;
	(void)call, (void)arg, (void)result;
	return (int)read(STDIN_FILENO, &c, 1);
}

TEST(sandbox_leaves_no_descriptors)
{
	int pipe_of_input[2];
	weft_executor_free(crash_open_sandbox("processes:1,sandbox=1")); /* or the test is skipped */
	REQUIRE_EQ(pipe(pipe_of_input), 0);
	REQUIRE_EQ(dup2(pipe_of_input[0], STDIN_FILENO), STDIN_FILENO);
	REQUIRE_EQ(write(pipe_of_input[1], "secret", 6), 6);
	weft_executor *ex = crash_open_sandbox("processes:1,sandbox=1");
	CHECK_EQ(run(ex, bell_fn, NULL, 0, NULL, 0), 1);
	CHECK_EQ(run(ex, input_fn, NULL, 0, NULL, 0), 0); /* the end */
	weft_executor_free(ex);
	close(pipe_of_input[0]);
	close(pipe_of_input[1]);
}

static int dumpable_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
}

/* A line of /proc/PID/status, as a number. */
static unsigned long long status_of(pid_t pid, const char *key, int base)
{
	char file[64], line[256];
	unsigned long long value = 99;
	snprintf(file, sizeof file, "/proc/%d/status", pid);
	FILE *f = fopen(file, "re");
	REQUIRE(f != NULL);
	while (fgets(line, sizeof line, f))
		if (!strncmp(line, key, strlen(key)))
			value = strtoull(line + strlen(key), NULL, base);
	fclose(f);
	return value;
}

TEST(sandbox_has_no_rights)
{
	weft_executor *ex = crash_open_sandbox("processes:1,sandbox=1");
	pid_t pid[2];
	CHECK_EQ(run(ex, dumpable_fn, NULL, 0, NULL, 0), 0);
	REQUIRE_EQ(test_processes("weft-worker", pid, 2), 1);
	CHECK_EQ(status_of(pid[0], "CapEff:", 16), 0);
	CHECK_EQ(status_of(pid[0], "CapPrm:", 16), 0);
	CHECK_EQ(status_of(pid[0], "CapInh:", 16), 0);
	CHECK_EQ(status_of(pid[0], "NoNewPrivs:", 10), 1);
	CHECK_EQ(status_of(pid[0], "Seccomp:", 10), 2);
	weft_executor_free(ex);
}

/* Whoever has one region can write to all. */
static int region_fn(weft_call *call, const void *arg, void *result)
{
	const char *at = *(const char *const *)arg;
	int fds[2];
	(void)call, (void)result;
	/* Does the kernel find anything there? */
	if (pipe(fds))
		return -errno;
	ssize_t n = write(fds[1], at, 1);
	int err = n < 0 ? errno : 0;
	close(fds[0]);
	close(fds[1]);
	return err == EFAULT ? 0 : -EBADE;
}

TEST(sandbox_has_no_regions)
{
	static char large[100000];
	weft_executor_free(crash_open_sandbox("processes:1,sandbox=1")); /* or the test is skipped */
	weft_region *r = NULL;
	REQUIRE_EQ(weft_region_new(&r, NULL), 0);
	uint64_t *n = NULL;
	REQUIRE_EQ(weft_region_alloc(r, sizeof *n, (void **)&n), 0);
	*n = 9;
	weft_executor *ex = crash_open_sandbox("processes:1,sandbox=1");
	CHECK_EQ(run(ex, region_fn, &n, sizeof n, NULL, 0), 0);
	CHECK_EQ(run(ex, test_square_fn, n, 8, n, 8), 0); /* copied */
	CHECK_EQ(*n, 81);
	weft_task t = {.fn = test_square_fn, .arg = large, .arg_size = sizeof large};
	CHECK_EQ(weft_submit(ex, &t), -E2BIG);
	weft_executor_free(ex);
	weft_region_free(r);
}

/* What the next workers are made with is out of reach, in a sandbox or not. */
static int plan_fn(weft_call *call, const void *arg, void *result)
{
	char line[512];
	int found = 0;
	FILE *maps = fopen("/proc/self/maps", "re");
	(void)call, (void)arg, (void)result;
	while (maps && fgets(line, sizeof line, maps)) {
		char *end;
		uintptr_t from = strtoul(line, &end, 16), to = strtoul(end + 1, NULL, 16);
		if (!strstr(line, "memfd:weft-plan"))
			continue;
		found++;
		if (mprotect((void *)from, to - from, PROT_READ | PROT_WRITE) == 0)
			return -EBADE;
	}
	if (maps)
		fclose(maps);
	return found;
}

TEST(sandbox_plan_cannot_be_changed)
{
	weft_executor *ex = crash_open("processes:1");
	CHECK_EQ(run(ex, plan_fn, NULL, 0, NULL, 0), 1);
	weft_executor_free(ex);
	ex = crash_open("processes:1,start=spawn");
	CHECK_EQ(run(ex, plan_fn, NULL, 0, NULL, 0), 1);
	weft_executor_free(ex);
}

/* ---- What works ---- */

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

static void *thread_main(void *ctx)
{
	*(int *)ctx += 1;
	return ctx;
}

static int memory_fn(weft_call *call, const void *arg, void *result)
{
	static int numbers[100000];
	(void)call, (void)arg, (void)result;
	for (int i = 0; i < 100; i++) {
		size_t size = (size_t)1 << (i % 24);
		char *volatile p = malloc(size);
		if (!p)
			return -ENOMEM;
		memset(p, i, size);
		p = realloc(p, 2 * size);
		free(p);
	}
	for (int i = 0; i < 100000; i++)
		numbers[i] = (int)((unsigned)i * 2654435761u >> 8);
	qsort(numbers, 100000, sizeof numbers[0], compare);
	for (int i = 1; i < 100000; i++)
		if (numbers[i - 1] > numbers[i])
			return -EBADE;
	return 0;
}

static int stdio_fn(weft_call *call, const void *arg, void *result)
{
	char text[64];
	time_t t = 86400;
	struct tm tm;
	(void)call, (void)arg, (void)result;
	if (printf("a line from the sandbox, %.3f\n", strtod("3.25", NULL)) < 0 || fflush(stdout))
		return -errno;
	if (fprintf(stderr, "another\n") < 0)
		return -errno;
	snprintf(text, sizeof text, "%s", "x");
	if (!gmtime_r(&t, &tm) || tm.tm_mday != 2 || !localtime_r(&t, &tm))
		return -EBADE;
	return 0;
}

static int time_fn(weft_call *call, const void *arg, void *result)
{
	struct timespec ms = {.tv_nsec = 1000000};
	struct rusage u;
	struct rlimit l;
	(void)call, (void)arg, (void)result;
	if (nanosleep(&ms, NULL) || time(NULL) < 1000 || getrusage(RUSAGE_SELF, &u) || clock() < 0)
		return -errno;
	return getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur == 0 ? -errno : 0;
}

static int threads_fn(weft_call *call, const void *arg, void *result)
{
	pthread_t thread;
	int n = 41, in_pipe[2], event = eventfd(0, 0);
	uint64_t one = 1;
	(void)call, (void)arg, (void)result;
	int err = pthread_create(&thread, NULL, thread_main, &n);
	if (err || pthread_join(thread, NULL))
		return -err;
	if (pipe(in_pipe) || write(in_pipe[1], "x", 1) != 1 || event < 0 || write(event, &one, 8) != 8)
		return -errno;
	struct pollfd p[2] = {{.fd = in_pipe[0], .events = POLLIN}, {.fd = event, .events = POLLIN}};
	if (poll(p, 2, -1) != 2 || read(event, &one, 8) != 8)
		return -errno;
	close(in_pipe[0]);
	close(in_pipe[1]);
	close(event);
	return n == 42 ? 0 : -EBADE;
}

static int nested_fn(weft_call *call, const void *arg, void *result)
{
	weft_executor *ex = NULL;
	uint64_t in[100], out[100];
	(void)call, (void)result;
	int err = weft_executor_open(&ex, arg);
	for (uint64_t i = 0; i < 100; i++)
		in[i] = i;
	if (!err)
		err = weft_map(ex, test_square_fn, in, 8, out, 8, 100, NULL);
	for (uint64_t i = 0; i < 100 && !err; i++)
		err = out[i] == i * i ? 0 : -EBADE;
	weft_executor_free(ex);
	return err;
}

static void check_allowed(const char *spec)
{
	weft_executor *ex = crash_open_sandbox(spec);
	CHECK_EQ(run(ex, memory_fn, NULL, 0, NULL, 0), 0);
	CHECK_EQ(run(ex, stdio_fn, NULL, 0, NULL, 0), 0);
	CHECK_EQ(run(ex, time_fn, NULL, 0, NULL, 0), 0);
	CHECK_EQ(run(ex, threads_fn, NULL, 0, NULL, 0), 0);
	CHECK_EQ(run(ex, nested_fn, "inline", 7, NULL, 0), 0);
	CHECK_EQ(run(ex, nested_fn, "threads:3", 10, NULL, 0), 0);
	CHECK_EQ(run(ex, nested_fn, "processes:2", 12, NULL, 0), -ENOTSUP);
	CHECK_EQ(crash_stats(ex).deaths, 0);
	crash_check_works(ex, 100);
	weft_executor_free(ex);
}

TEST(sandbox_allows)
{
	check_allowed("processes:1,sandbox=1");
	check_allowed("processes:2,sandbox=1,start=spawn,max_rss=500,max_cpu=100,max_files=64,max_memory=400,"
		      "nice=1");
}

/* ---- Before it, after it, around it ---- */

static char loaded[32];

/* Before the sandbox closes: what the tasks will need. */
static int load_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	FILE *f = fopen("/proc/self/comm", "re");
	if (!f || !fgets(loaded, sizeof loaded, f))
		return weft_call_fail(call, -errno, "cannot read");
	fclose(f);
	return 0;
}

static int loaded_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	FILE *f = fopen("/proc/self/comm", "re");
	if (f || errno != EPERM)
		return -EBADE;
	return strcmp(loaded, "weft-worker\n") == 0 ? 0 : -ENOENT;
}

TEST(sandbox_init_comes_before)
{
	weft_executor *ex = NULL;
	struct weft_process_pool_opts o = {.size = sizeof o, .workers = 1, .init = load_fn};
	o.flags = WEFT_PROCESSES_SANDBOX;
	weft_executor_free(crash_open_sandbox("processes:1,sandbox=1")); /* or the test is skipped */
	REQUIRE_EQ(weft_process_pool_new(&ex, &o), 0);
	CHECK_EQ(run(ex, loaded_fn, NULL, 0, NULL, 0), 0);
	weft_executor_free(ex);
}

TEST(sandbox_deaths_are_told)
{
	static const struct {
		enum crash_how how;
		int sig;
	} deaths[] = {
		{CRASH_SEGV, SIGSEGV}, {CRASH_ABRT, SIGABRT}, {CRASH_KILL, SIGKILL}, {CRASH_STACK, SIGSEGV}};
	weft_executor *ex = crash_open_sandbox("processes:2,sandbox=1");
	for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++) {
		/* Not crash_die_fn, which opens a file. */
		weft_task t = {
			.fn = crash_just_die_fn, .arg = &deaths[i].how, .arg_size = sizeof deaths[i].how};
		struct weft_death death;
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		REQUIRE_EQ(weft_future_death(weft_task_future(&t), &death), 0);
		CHECK_EQ(death.signal, deaths[i].sig);
		CHECK(!death.core);
		crash_check_works(ex, 10);
	}
	weft_executor_free(ex);
}

static int loop_fn(weft_call *call, const void *arg, void *result)
{
	volatile int zero = 0;
	(void)call, (void)arg, (void)result;
	while (!zero) {}
	return 0;
}

TEST(sandbox_deadlines_hold)
{
	weft_executor *ex = crash_open_sandbox("processes:1,sandbox=1");
	weft_task t = {.fn = loop_fn, .deadline = weft_after(WEFT_MS(50))};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -ETIMEDOUT);
	crash_check_works(ex, 10);
	weft_executor_free(ex);
}

TEST(sandbox_not_of_a_fork)
{
	weft_executor *ex = NULL;
	CHECK_EQ(weft_executor_open(&ex, "processes:1,sandbox=1,start=fork"), -EINVAL);
	CHECK(ex == NULL);
}

/* A file that the program loads before it makes the pool is there; one that comes later cannot be. */
TEST(sandbox_has_what_was_loaded_before)
{
	weft_fn *before = crash_load(crash_plugin(1)), *after;
	weft_executor *ex = crash_open_sandbox("processes:1,sandbox=1");
	uint64_t n = 7;
	CHECK_EQ(run(ex, before, &n, 8, &n, 8), 1);
	CHECK_EQ(n, 1007);
	after = crash_load(crash_plugin(2));
	weft_task t = {.fn = after, .arg = &n, .arg_size = 8, .result = &n, .result_size = 8};
	CHECK_EQ(weft_submit(ex, &t), -ENOEXEC);
	crash_check_works(ex, 10);
	weft_executor_free(ex);
}

/* What weft/io.h does with a descriptor of the task's own, with the calls that there are. */
static int io_fn(weft_call *call, const void *arg, void *result)
{
	char got[8] = "";
	int p[2];
	(void)call, (void)arg, (void)result;
	if (pipe(p))
		return -errno;
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	struct iovec in = {got, 1};
	struct pollfd ready = {.fd = p[0], .events = POLLIN};
	bool ok = weft_poll(&ready, 1, 1) == 0 && weft_sleep(1) == 0 &&
		  weft_write_full(p[1], "abc", 3) == 3 && weft_poll(&ready, 1, -1) == 1 &&
		  weft_readv(p[0], &in, 1) == 1 && weft_read(p[0], got, 8) == 2;
	ok = ok && !memcmp(got, "bc", 2) && weft_close(p[0]) == 0 && weft_write(p[1], "x", 1) == -EPIPE;
	return ok && weft_open("/dev/null", O_RDONLY) == -EPERM && weft_close(p[1]) == 0 ? 3 : -EPROTO;
}

TEST(sandbox_has_io_of_its_own)
{
	weft_executor *ex = crash_open_sandbox("processes:1,sandbox=1");
	CHECK_EQ(run(ex, io_fn, NULL, 0, NULL, 0), 3);
	weft_executor_free(ex);
}
