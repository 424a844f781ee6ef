/* SPDX-License-Identifier: MIT
 *
 * storm.h -- a pool of processes whose workers are killed all the time, in three files:
 *
 *   storm.c        the program: submits, collects, counts, prints
 *   storm_rage.c   the thread that kills, stops and continues workers
 *   storm_tasks.c  what runs in the workers, and the control group for those that are to run out of memory
 *
 * Workers and program share a board: who has begun which task how often, and which workers there were.
 * Everything else is asked of weft's public interface.
 */
#ifndef TESTS_STORM_H
#define TESTS_STORM_H

#include <pthread.h>
#include <weft/weft.h>

enum {
	ROSTER_MAX = 1 << 18, /* workers in one run */
	KILLS_MAX = 1 << 18,
	SELF_EVERY = 512 /* in a mixed storm, one task of so many ends its worker itself */
};

enum way { WAY_SPIN, WAY_SEGV, WAY_ABORT, WAY_EXIT, WAY_EXIT_0, WAY_MEMORY, WAYS };

struct order {
	uint32_t id;
	uint32_t ns; /* to spin */
	uint32_t way;
	uint32_t salt;
};

struct answer {
	uint64_t hash;
	int32_t pid;
};

struct moment {
	int32_t pid;
	weft_time at;
};

struct board {
	uint32_t joined;                  /* workers that have begun a task so far */
	struct moment roster[ROSTER_MAX]; /* they, and when; a gap: it died just then */
	uint32_t begun[];                 /* by task */
};

struct rage {
	pthread_t thread;
	struct board *board;
	unsigned seed;
	bool mixed;     /* other signals too */
	uint32_t stop;  /* raised by the program */
	uint32_t kills; /* entries of kill that are valid */
	struct moment *kill;
	uint32_t signals, stops, continues; /* sent */
};

/* storm_tasks.c */
uint64_t storm_hash(uint32_t id, uint32_t salt);
int storm_task(weft_call *call, const void *arg, void *result);
int storm_board_new(struct board **ret, size_t tasks);
/* A control group of little memory, for WAY_MEMORY. NULL: it can be made, and is; else why not. */
const char *storm_group_new(void);
void storm_group_free(void);

/* storm_rage.c */
int storm_rage_begin(struct rage *r);
void storm_rage_end(struct rage *r);

static inline uint32_t storm_load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void storm_store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline uint32_t storm_add(uint32_t *word)
{
	return __atomic_fetch_add(word, 1, __ATOMIC_ACQ_REL);
}

#endif
