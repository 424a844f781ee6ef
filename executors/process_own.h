/* SPDX-License-Identifier: MIT
 *
 * process_own.h -- weft_process: a process for one function. In four files:
 *
 *   process_own.c        what the user calls
 *   process_own_home.c   nurseries for them, and starting one
 *   process_own_watch.c  the one thread that hears of their ends
 *   process_own_sleep.c  what that one sleeps on
 *
 * A process is its starter's alone, then, in one step, in the list of a home that has been asked for it; the watcher
 * takes it out with an answer: it was not to be had, and is its starter's again; or, after the answer that it is
 * there, with its death. No more needs to be known about where it is, and nobody asks.
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

/* How long a nursery is kept without a process: starting one costs as much as ten processes. */
#define OWN_LINGER WEFT_MS(50)

struct own_home {
	struct process_home base; /* without a bell of its own */
	struct list_node
		node; /* in own.homes or own.makings; in neither it is the watcher's, or its maker's */
	struct list_node *processes; /* that it has been asked for */
	weft_time idle_since;
};

enum { NOT_STARTED, STARTED, NOT_TO_START };

struct weft_process {
	struct list_node node; /* of its home; then of those who have ended, which are the watcher's */
	atom_u32 refs;         /* the handle, and the process until its end */
	atom_u32 started;
	int error;           /* NOT_TO_START: why */
	uint32_t generation; /* forked.h */
	bool daemon;
	bool killed;    /* by us; under the lock */
	uint64_t epoch; /* by which the nursery's messages name it */
	struct own_task *task;
	size_t task_size; /* bytes of all of it */
	weft_future *future;
	pid_t pid;
	struct process_file pidfd; /* under the lock */
	struct weft__death death;  /* how it ended, from then on */
	struct stats_row *row;     /* for who looks on; NULL: not shown */
	char name[WEFT_NAME_MAX + 1];
};

/* Of this process, and all under the lock. */
struct own {
	struct weft__lock lock;
	struct weft__lock making; /* a nursery: it takes a while */
	struct list_node *homes;
	struct list_node *makings; /* homes that are about to be added, for the watcher to watch */
	struct process_file bell;
	bool watched; /* there is a watcher */
	uint64_t epochs;
};
extern struct own own;

/* process_own.c */
void own_unref(weft_process *p);

/* process_own_home.c */
struct own_start {
	weft_process *p; /* with its memory */
	weft_fn *fn;
	enum weft_start start;
	int memfd; /* of that memory */
};
/* Has it started, and waits until it exists. 0; a negative errno: it does not, and nobody knows of it. */
int own_start(const struct own_start *s);
void own_close(struct own_home *h); /* that is nobody's, and in no list */

/* process_own_watch.c */
int own_watch(void); /* under the lock: there is a watcher from now on. 0 or a negative errno */

/* process_own_sleep.c */
int own_bell_open(void);             /* under the lock. 0 or a negative errno */
void own_ring(void);                 /* under the lock: the watcher looks again */
void own_sleep(void);                /* until there is something to look at */
void own_await_end(weft_process *p); /* which is about to end */

#endif
