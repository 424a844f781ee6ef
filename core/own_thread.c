/* SPDX-License-Identifier: MIT
 *
 * own_thread.c -- starting the library's own threads. A thread inherits the mask of the one that starts it.
 */
#include "own_thread.h"

#include <signal.h>
#include <stddef.h>

int weft__thread_start(pthread_t *ret, void *(*fn)(void *), void *arg)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(ret, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}
