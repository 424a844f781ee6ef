/* SPDX-License-Identifier: MIT
 *
 * process_home.h -- where processes come from: a nursery, and all that leads to it. A pool has one; those of
 * weft_process are in process_own.h.
 */
#ifndef WEFT_EXECUTORS_PROCESS_HOME_H
#define WEFT_EXECUTORS_PROCESS_HOME_H

#include "nursery.h"
#include "worker_plan.h"

/* A descriptor, and what it was when we got it: process_files.c. fd is -1 where there is none. */
struct process_file {
	int fd;
	dev_t device;
	ino_t inode;
};

struct process_home {
	enum weft_start start;
	bool has_space;              /* workers have the regions */
	struct worker_plan *plan;    /* what workers are made with */
	struct process_file plan_fd; /* its memfd */
	struct process_file bell;    /* eventfd: by workers and submitters, for the watcher */
	struct process_file sock;    /* to the nursery; -1: gone */
	struct process_file nursery; /* its pidfd */
};

/* process_home.c */
void process_home_init(struct process_home *h, enum weft_start start); /* empty */
/* What it needs besides the plan, which is there: a bell, the plan's file. 0 or a negative errno. */
int process_home_furnish(struct process_home *h);
int process_home_open(struct process_home *h);        /* then: a nursery */
void process_home_kill(const struct process_home *h); /* the nursery, and with it its workers */
void process_home_lose(struct process_home *h);       /* the same, and forgets it */
void process_home_quit(struct process_home *h);       /* has it leave, and waits for that */
void process_home_fini(struct process_home *h);       /* everything but the nursery */

/* process_files.c */
void process_file_set(struct process_file *f, int fd);
int process_file_get(const struct process_file *f);       /* -1: it is no longer ours */
void process_file_close(struct process_file *f);          /* unless it is no longer ours */
int process_pidfd_get(struct process_file *f, pid_t pid); /* opened anew if need be */
bool process_files_lost(
	const struct process_home *h); /* the program has closed one that we cannot do without */

#endif
