/* SPDX-License-Identifier: MIT
 *
 * crash_refused.c -- a system that says no: each system call that makes a pool fails, with each error that it has;
 * each allocation fails in turn. A pool is made and works, or there is a clean error; nothing is left behind.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash_kit.h"

#if defined(__SANITIZE_ADDRESS__) || TEST_UNDER_TSAN
#define UNDER_SANITIZER 1
#else
#define UNDER_SANITIZER 0
#endif

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

/* From now on that call fails with that error, here and in every process that we start. */
static int refuse(long call, int error)
{
	struct sock_filter code[] = {
		{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)call},
		{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | (uint32_t)error},
		{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
	};
	struct sock_fprog program = {sizeof code / sizeof code[0], code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) ? -errno : 0;
}

enum { WORKS = 10, REFUSED = 11, NO_FILTER = 12, WRONG = 13, LEFT = 14, UNCLEAN = 15 };

static size_t count_fds(void)
{
	size_t n = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* Uses what can be made. No assertions: this is a fork. */
static int use(const char *spec)
{
	weft_executor *ex = NULL;
	uint64_t n[10];
	weft_task t[10];
	size_t fds = count_fds(), bad = 0, refused = 0;
	int err = weft_executor_open(&ex, spec);
	if (err)
		return ex || err > 0 || count_fds() != fds ? UNCLEAN : REFUSED;
	for (uint64_t i = 0; i < 10; i++) {
		n[i] = i;
		t[i] = (weft_task){.fn = test_square_fn, .arg = &n[i], .arg_size = 8, .result = &n[i]};
		t[i].result_size = 8;
		t[i].deadline = weft_after(WEFT_SECONDS(5));
		if (weft_submit(ex, &t[i]))
			t[i].fn = NULL;
	}
	for (uint64_t i = 0; i < 10; i++) {
		if (!t[i].fn) {
			refused++;
			continue;
		}
		weft_future_wait(weft_task_future(&t[i]), WEFT_FOREVER);
		int status = weft_future_status(weft_task_future(&t[i]));
		bad += status > 0 || status == -EINPROGRESS || (status == 0 && n[i] != i * i);
		refused += status < 0;
	}
	weft_executor_free(ex);
	if (count_fds() > fds)
		return LEFT;
	return bad ? WRONG : refused ? REFUSED : WORKS;
}

static int use_without(const char *spec, long call, int error)
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0) {
		alarm(30);
		_exit(refuse(call, error) ? NO_FILTER : use(spec));
	}
	REQUIRE(pid > 0);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void sweep(const char *spec)
{
#define CALL(name, error)                                                                                    \
	{                                                                                                    \
#name, SYS_##name, error                                                                     \
	}
	static const struct {
		const char *name;
		long nr;
		int error;
	} refusals[] = {
		CALL(memfd_create, EMFILE),
		CALL(memfd_create, ENFILE),
		CALL(memfd_create, ENOMEM),
		CALL(memfd_create, EINVAL),
		CALL(ftruncate, ENOSPC),
		CALL(ftruncate, EINTR),
		CALL(eventfd2, EMFILE),
		CALL(eventfd2, ENFILE),
		CALL(eventfd2, ENOMEM),
		CALL(socketpair, EMFILE),
		CALL(socketpair, ENFILE),
		CALL(socketpair, ENOBUFS),
		CALL(pidfd_open, EMFILE),
		CALL(pidfd_open, ENOSYS),
		CALL(pidfd_open, ENOMEM),
		CALL(clone, EAGAIN),
		CALL(clone, ENOMEM),
		CALL(clone, EPERM),
		CALL(clone3, EAGAIN),
		CALL(clone3, ENOMEM),
		CALL(clone3, ENOSYS),
		CALL(execve, EACCES),
		CALL(execve, ENOMEM),
		CALL(execve, ENOEXEC),
		CALL(prctl, EINVAL),
		CALL(prctl, EPERM),
		CALL(close_range, ENOSYS),
		CALL(sendmsg, ENOBUFS),
		CALL(sendmsg, EPERM),
		CALL(recvmsg, ENOMEM),
		CALL(sched_getaffinity, EPERM),
		CALL(membarrier, ENOSYS),
		CALL(getsockopt, EPERM),
	};
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		int how = use_without(spec, refusals[i].nr, refusals[i].error);
		if (how == NO_FILTER)
			SKIP("no seccomp filters here");
		if (how != WORKS && how != REFUSED)
			fprintf(stderr, "%s without %s (%s): %d\n", spec, refusals[i].name,
				strerrorname_np(refusals[i].error), how);
		CHECK(how == WORKS || how == REFUSED);
		CHECK(crash_await_processes("weft-", 0));
	}
}

TEST(refused_calls)
{
	if (UNDER_SANITIZER)
		SKIP("sanitizers need the same calls");
	sweep("processes:2");
}

TEST(refused_calls_spawned_workers)
{
	if (UNDER_SANITIZER)
		SKIP("sanitizers need the same calls");
	sweep("processes:2,start=spawn");
}

TEST(refused_calls_forked_workers)
{
	if (UNDER_SANITIZER)
		SKIP("sanitizers need the same calls");
	sweep("processes:2,start=fork");
}

#if !UNDER_SANITIZER

/* ---- Allocations: those of this program, so of the library in it too ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);

static int32_t fail_at; /* counts down; 0: none fails */
static uint32_t failed;

static bool fails(void)
{
	if (__atomic_load_n(&fail_at, __ATOMIC_RELAXED) <= 0 ||
	    __atomic_sub_fetch(&fail_at, 1, __ATOMIC_RELAXED))
		return false;
	test_add(&failed, 1);
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	return fails() ? NULL : __libc_memalign(align, size);
}

static void sweep_allocations(const char *spec)
{
	int how = 0;
	for (int32_t n = 1;; n++) {
		weft_executor *const untouched = weft_inline(), *ex = untouched;
		size_t fds = crash_count_fds();
		REQUIRE(n < 1000);
		__atomic_store_n(&failed, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&fail_at, n, __ATOMIC_RELAXED);
		int err = weft_executor_open(&ex, spec);
		bool fired = test_get(&failed);
		__atomic_store_n(&fail_at, 0, __ATOMIC_RELAXED);
		if (err) {
			how++;
			CHECK(err == -ENOMEM || err == -EAGAIN); /* the latter of a thread */
			CHECK(ex == untouched);
			CHECK_EQ(crash_count_fds(), fds);
		} else {
			crash_check_works(ex, 20);
			weft_executor_free(ex);
		}
		CHECK(crash_await_processes("weft-", 0));
		if (!fired)
			break;
	}
	CHECK(how >= 2); /* the pool and its executor at least */
}

TEST(refused_allocations)
{
	sweep_allocations("processes:2");
	sweep_allocations("processes:2,start=spawn");
	sweep_allocations("processes:2,start=fork");
	sweep_allocations("threads:2");
}

/* Of a pool that works: submit, run, continue, watch, free. */
TEST(refused_allocations_of_use)
{
	weft_executor *ex = crash_open("processes:2");
	crash_check_works(ex, 10);
	for (int32_t n = 1; n < 50; n++) {
		weft_future *f = NULL;
		uint64_t value = 7;
		__atomic_store_n(&fail_at, n, __ATOMIC_RELAXED);
		int err = weft_async(ex, test_square_fn, &value, 8, 8, &f);
		CHECK(err == 0 || (err == -ENOMEM && !f));
		if (!err) {
			test_wait(f);
			__atomic_store_n(&fail_at, 0, __ATOMIC_RELAXED);
			CHECK_EQ(weft_future_status(f), 0);
			weft_future_unref(f);
		}
		__atomic_store_n(&fail_at, 0, __ATOMIC_RELAXED);
	}
	crash_check_works(ex, 10);
	weft_executor_free(ex);
}
#endif
