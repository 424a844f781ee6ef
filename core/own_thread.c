/* SPDX-License-Identifier: MIT
 *
 * own_thread.c -- starting the library's own threads. A thread inherits the mask of the one that starts it.
 *
 * Their stacks are those that glibc gives to all threads: as large as the program's own may become. Tasks that wait
 * run others on top of themselves only while there is room, and musl's 128 KiB have none to begin with.
 */
#include "own_thread.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

enum { STACK_SIZE = 8 << 20 }; /* where there is no limit */

static void choose_stack(pthread_attr_t *attr)
{
#ifndef __GLIBC__
	struct rlimit limit = {.rlim_cur = RLIM_INFINITY};

	getrlimit(RLIMIT_STACK, &limit);
	/* What the system does not take, it need not. */
	pthread_attr_setstacksize(attr,
				  limit.rlim_cur < PTRDIFF_MAX / 2 ? (size_t)limit.rlim_cur : STACK_SIZE);
#else
	(void)attr;
#endif
}

int weft__thread_start(pthread_t *ret, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int err = -pthread_attr_init(&attr);

	if (err)
		return err;
	choose_stack(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(ret, &attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return err;
}
