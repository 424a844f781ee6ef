/* SPDX-License-Identifier: MIT
 *
 * own_thread.h -- starting the library's own threads.
 */
#ifndef WEFT_CORE_OWN_THREAD_H
#define WEFT_CORE_OWN_THREAD_H

#include <pthread.h>

/* Starts a thread with all signals blocked from its first instruction: the program's handlers are not for
 * our threads. 0, -EAGAIN, -ENOMEM. */
int weft__thread_start(pthread_t *ret, void *(*fn)(void *), void *arg);

#endif
