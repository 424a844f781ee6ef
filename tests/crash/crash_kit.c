/* SPDX-License-Identifier: MIT
 *
 * crash_kit.c -- what the crash tests share: ways to die, and what must still hold afterwards.
 */
#include "crash_kit.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

weft_executor *crash_open(const char *spec)
{
	weft_executor *ex = NULL;
	REQUIRE_EQ(weft_executor_open(&ex, spec), 0);
	REQUIRE(ex != NULL);
	return ex;
}

#if defined(__SANITIZE_ADDRESS__) || TEST_UNDER_TSAN
#define UNDER_SANITIZER true
#else
#define UNDER_SANITIZER false
#endif

weft_executor *crash_open_sandbox(const char *spec)
{
	weft_executor *ex = NULL;
	if (UNDER_SANITIZER)
		SKIP("sanitizers make calls of their own");
	int err = weft_executor_open(&ex, spec);
	if (err == -ENOTSUP)
		SKIP("no seccomp filters here");
	REQUIRE_EQ(err, 0);
	return ex;
}

void crash_check_works(weft_executor *ex, size_t n)
{
	for (size_t done = 0; done < n;) {
		uint64_t value[64];
		weft_task t[64];
		size_t batch = n - done < 64 ? n - done : 64;
		for (size_t i = 0; i < batch; i++) {
			value[i] = done + i;
			t[i] = (weft_task){.fn = test_square_fn, .arg = &value[i], .arg_size = 8};
			t[i].result = &value[i];
			t[i].result_size = 8;
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		}
		for (size_t i = 0; i < batch; i++) {
			test_wait(weft_task_future(&t[i]));
			CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
			CHECK_EQ(value[i], (done + i) * (done + i));
		}
		done += batch;
	}
}

struct weft_stats crash_stats(const weft_executor *ex)
{
	struct weft_stats s = {0};
	REQUIRE_EQ(weft_executor_stats(ex, &s), 0);
	return s;
}

void crash_check_workers(weft_executor *ex, unsigned n)
{
	weft_time end = test_soon();
	while (crash_stats(ex).workers != n && weft_now() < end)
		test_sleep_ms(1);
	CHECK_EQ(crash_stats(ex).workers, n);
}

size_t crash_count_fds(void)
{
	size_t n = 0;
	DIR *dir = opendir("/proc/self/fd");
	REQUIRE(dir != NULL);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", "..", and dir's own */
}

bool crash_await_processes(const char *comm, size_t n)
{
	weft_time end = test_soon();
	pid_t pid[1];
	while (test_processes(comm, pid, 1) != n) {
		if (weft_now() >= end)
			return false;
		test_sleep_ms(1);
	}
	return true;
}

static void touch_beyond_file(void)
{
	int fd = memfd_create("empty", MFD_CLOEXEC);
	volatile char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	map[0] = 1;
}

static void touch_forbidden(void)
{
	volatile char *map = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	map[0] = 1;
}

static int bottomless(volatile int *depth)
{
	volatile char frame[4096];
	frame[0] = (char)++*depth;
	if (*depth == 0)
		return 0;
	return bottomless(depth) + frame[0];
}

static void die(enum crash_how how)
{
	volatile int depth = 1;
	switch (how) {
	case CRASH_SEGV:
		touch_forbidden();
		break;
	case CRASH_ABRT:
		abort();
	case CRASH_FPE:
		raise(SIGFPE);
		break;
	case CRASH_ILL:
		__builtin_trap();
	case CRASH_BUS:
		touch_beyond_file();
		break;
	case CRASH_KILL:
		kill(getpid(), SIGKILL);
		break;
	case CRASH_TERM:
		raise(SIGTERM);
		break;
	case CRASH_STACK:
		bottomless(&depth);
		break;
	case CRASH_EXIT_0:
		_exit(0);
	case CRASH_EXIT_3:
		exit(3);
	case CRASH_PTHREAD_EXIT:
		pthread_exit(NULL);
	case CRASH_EXEC:
		execl("/bin/true", "true", (char *)NULL);
		break;
	case CRASH_NOT:
		break;
	}
}

int crash_just_die_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	die(*(const enum crash_how *)arg);
	return 7;
}

int crash_die_fn(weft_call *call, const void *arg, void *result)
{
	const struct crash_order *order = arg;
	(void)call, (void)result;
	uint32_t *board = test_board_map(&order->ref);
	test_set(&board[order->word], (uint32_t)getpid());
	test_board_unmap(board);
	die((enum crash_how)order->how);
	return 7;
}

int crash_sit_fn(weft_call *call, const void *arg, void *result)
{
	const struct crash_order *order = arg;
	(void)call, (void)result;
	uint32_t *board = test_board_map(&order->ref);
	test_set(&board[order->word], (uint32_t)getpid());
	bool open = test_await(&board[TEST_GATE_OPEN], 1);
	test_board_unmap(board);
	return open ? 0 : -ETIME;
}

int crash_deaf_fn(weft_call *call, const void *arg, void *result)
{
	const struct crash_order *order = arg;
	volatile const uint32_t *for_ever = &order->how;
	sigset_t all;
	(void)call, (void)result;
	signal(SIGTERM, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	uint32_t *board = test_board_map(&order->ref);
	test_set(&board[order->word], (uint32_t)getpid());
	while (*for_ever == order->how)
		;
	return 0;
}

weft_task crash_task(weft_fn *fn, const struct crash_order *order)
{
	return (weft_task){.fn = fn, .arg = order, .arg_size = sizeof *order};
}

void crash_copy_file(const char *from, const char *to)
{
	char buffer[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC),
	    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	ssize_t n;
	REQUIRE(in >= 0 && out >= 0);
	while ((n = read(in, buffer, sizeof buffer)) > 0)
		REQUIRE_EQ(write(out, buffer, (size_t)n), n);
	REQUIRE_EQ(n, 0);
	close(in);
	close(out);
}

const char *crash_plugin(int build)
{
	static char path[2][PATH_MAX];
	char from[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", from, sizeof from - 64);
	REQUIRE(n > 0);
	from[n] = '\0';
	snprintf(strrchr(from, '/') + 1, 64, "plugin%d.so", build);
	snprintf(path[build - 1], PATH_MAX, "%s/plugin%d.so", test_dir(), build);
	crash_copy_file(from, path[build - 1]);
	return path[build - 1];
}

weft_fn *crash_load(const char *path)
{
	weft_fn *fn = NULL;
	void *file = dlopen(path, RTLD_NOW);
	if (!file)
		fprintf(stderr, "%s\n", dlerror());
	REQUIRE(file != NULL);
	void *symbol = dlsym(file, "plugin_fn");
	REQUIRE(symbol != NULL);
	memcpy(&fn, &symbol, sizeof fn);
	return fn;
}
