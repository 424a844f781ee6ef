/* SPDX-License-Identifier: MIT
 *
 * peer_locks.c -- the locks of weft and those of the C library: of one process, and robust between processes.
 */
#include "measure_lock.h"

#include <pthread.h>
#include <weft/lock.h>

static void init_private(void *lock)
{
	measure_must(weft_lock_init(lock, 0), "lock");
}

static void init_shared(void *lock)
{
	measure_must(weft_lock_init(lock, WEFT_SHARED), "lock");
}

static void turns(void *lock, uint64_t *counter, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		weft_lock_acquire(lock, WEFT_FOREVER);
		++*counter;
		weft_lock_release(lock);
	}
}

static void init_mutex(void *lock)
{
	measure_must(pthread_mutex_init(lock, NULL), "mutex");
}

static void init_robust(void *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	measure_must(pthread_mutex_init(lock, &attr), "mutex");
}

static void mutex_turns(void *lock, uint64_t *counter, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		pthread_mutex_lock(lock);
		++*counter;
		pthread_mutex_unlock(lock);
	}
}

static const struct lock_peer private_lock = {false, init_private, turns},
			      shared_lock = {true, init_shared, turns},
			      mutex = {false, init_mutex, mutex_turns},
			      robust = {true, init_robust, mutex_turns};
static const struct peer weft = {.name = "weft-lock", .lock = &private_lock},
			 weft_shared = {.name = "weft-lock-shared", .lock = &shared_lock},
			 libc = {.name = "pthread-mutex", .lock = &mutex},
			 libc_robust = {.name = "pthread-robust", .lock = &robust};

const struct peer *const measure_peers[] = {&weft, &weft_shared, &libc, &libc_robust, NULL};
