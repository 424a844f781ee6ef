/* SPDX-License-Identifier: MIT
 *
 * fetch_pool.h -- connections of fetch.c that are open and idle, for the next request to the same host. The tasks of a
 * process share it; the lock is held for a look through the list, so that no fiber keeps others from much.
 *
 * The server may have closed one meanwhile, which shows only when it is used: so a request over one from here may
 * fail, and is sent again over a new one.
 */
#ifndef EXAMPLES_FETCH_POOL_H
#define EXAMPLES_FETCH_POOL_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POOL_MOST = 1024 };

struct pool_idle {
	struct pool_idle *next;
	int fd;
	char origin[264]; /* host:port */
};

static struct {
	pthread_mutex_t lock;
	struct pool_idle *first; /* the last one used */
	size_t n;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A descriptor that now belongs to the caller; -1: none is idle. */
static int pool_take(const char *origin)
{
	struct pool_idle **at, *found;
	int fd = -1;

	pthread_mutex_lock(&pool.lock);
	for (at = &pool.first; *at && strcmp((*at)->origin, origin) != 0;)
		at = &(*at)->next;
	found = *at;
	if (found) {
		*at = found->next;
		pool.n--;
	}
	pthread_mutex_unlock(&pool.lock);
	if (found)
		fd = found->fd;
	free(found);
	return fd;
}

/* True: fd belongs to the pool from here on. */
static bool pool_give(const char *origin, int fd)
{
	struct pool_idle *idle = calloc(1, sizeof *idle);
	bool room;

	if (!idle)
		return false;
	idle->fd = fd;
	memcpy(idle->origin, origin, strlen(origin) + 1);
	pthread_mutex_lock(&pool.lock);
	room = pool.n < POOL_MOST;
	if (room) {
		idle->next = pool.first;
		pool.first = idle;
		pool.n++;
	}
	pthread_mutex_unlock(&pool.lock);
	if (!room)
		free(idle);
	return room;
}

/* When no task runs any more. */
static void pool_end(void)
{
	for (struct pool_idle *idle = pool.first, *next; idle; idle = next) {
		next = idle->next;
		close(idle->fd);
		free(idle);
	}
	pool.first = NULL;
	pool.n = 0;
}

#endif
