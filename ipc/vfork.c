/* SPDX-License-Identifier: MIT
 *
 * vfork.c -- clone(CLONE_VM | CLONE_VFORK). Signals are blocked over it, since a handler that ran in the child would
 * run in the caller's memory.
 */
#include "vfork.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

enum { STACK_SIZE = 64 * 1024 };

/* The thread sanitizer's version of clone takes every clone for a fork, after which it ignores what this
 * thread synchronizes. This is no fork: memory and thread-local storage are shared. __clone is the C
 * library's own. */
#ifdef __has_feature
#define THREAD_SANITIZER __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#endif
#if THREAD_SANITIZER
int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
#define clone __clone
#endif

pid_t weft__vfork(int (*fn)(void *arg), void *arg, int *ret_pidfd)
{
	char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK,
			   -1, 0);
	int flags = CLONE_VM | CLONE_VFORK | (ret_pidfd ? CLONE_PIDFD : 0);
	sigset_t all, old;
	pid_t pid;

	if (stack == MAP_FAILED)
		return -ENOMEM;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = clone(fn, stack + STACK_SIZE, flags, arg, ret_pidfd);
	if (pid < 0)
		pid = -errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	munmap(stack, STACK_SIZE);
	return pid;
}
