/* SPDX-License-Identifier: MIT
 *
 * process_own.h -- weft_process: a process for one function. In three files:
 *
 *   process_own.c        what the user calls
 *   process_own_home.c   nurseries for them, and starting one
 *   process_own_watch.c  the one thread that hears of their ends
 *
 * All processes of the program that are started alike come from one nursery, the first of them starts it, and it
 * leaves a moment after the last has ended; so does the thread. WEFT_START_FORK is a copy of the caller as it is
 * now, so each has a nursery of its own, which is that copy, with the process as the copy's copy.
 */
#ifndef WEFT_EXECUTORS_PROCESS_OWN_H
#define WEFT_EXECUTORS_PROCESS_OWN_H

#include "process_home.h"
#include "worker_own.h"
#include <weft/process.h>

struct own_home {
	struct process_home base;    /* without a bell of its own */
	struct list_node node;       /* in own.homes */
	struct list_node *processes; /* and those who are about to be */
	weft_time idle_since;
};

enum { NOT_STARTED, STARTED, NOT_TO_START };

struct weft_process {
	struct list_node node; /* of its home, then of own.ended; under the lock */
	atom_u32 refs;         /* the handle, and the process until its end */
	atom_u32 started;
	int error;           /* NOT_TO_START: why */
	uint32_t generation; /* forked.h */
	bool daemon;
	bool killed;           /* by us; under the lock */
	struct own_home *home; /* under the lock; NULL: it has ended */
	uint64_t epoch;        /* by which the nursery's messages name it */
	struct own_task *task;
	size_t task_size; /* bytes of all of it */
	weft_future *future;
	pid_t pid;
	struct process_file pidfd; /* under the lock */
	struct weft__death death;  /* how it ended, from then on */
	char name[WEFT_NAME_MAX + 1];
};

/* Of this process, and all under the lock. */
struct own {
	struct weft__lock lock;
	struct weft__lock making; /* a nursery: it takes a while */
	struct list_node *homes;
	struct list_node *ended; /* whose futures the watcher is to finish */
	struct process_file bell;
	bool watched;    /* there is a watcher */
	unsigned makers; /* who are about to add a home, for it to watch */
	uint64_t epochs;
};
extern struct own own;

/* process_own.c */
void own_unref(weft_process *p);

/* process_own_home.c */
/* Gives p a home in which processes start so. 0 or a negative errno. */
int own_home_enter(weft_process *p, enum weft_start start);
void own_home_leave(weft_process *p); /* it is not going to be started */
/* p, whose task lies in memfd; waits until it exists. 0; a negative errno: it has no home any more. */
int own_spawn(weft_process *p, int memfd);

/* process_own_watch.c, under the lock. */
int own_watch(void);                /* there is a watcher from now on. 0 or a negative errno */
void own_ring(void);                /* it looks again */
void own_take_out(weft_process *p); /* of its home */
void own_close(struct own_home *h); /* without a lock: the home is nobody's */

#endif
