/* SPDX-License-Identifier: MIT
 *
 * subprocess_parts.h -- the record of a program that was started, and what lies in which file:
 *
 *   subprocess.c        starting, waiting, signals, freeing
 *   subprocess_stdio.c  its standard descriptors, before it is started
 *   subprocess_exec.c   the child from its first step to exec; PATH
 *   subprocess_talk.c   input and captured output; run, communicate, shell
 */
#ifndef WEFT_IPC_SUBPROCESS_PARTS_H
#define WEFT_IPC_SUBPROCESS_PARTS_H

#include "list.h"
#include "wait.h"
#include <weft/subprocess.h>

/* Our end of a pipe, and what has come from it: size of room bytes at data. */
struct weft__stream {
	int fd; /* -1: none, or closed */
	char *data;
	size_t size, room;
	bool captured; /* there was a pipe */
	bool tuned;    /* it is as large as it gets */
	bool over;     /* there was more than output_most */
};

struct weft_subprocess {
	pid_t pid;
	int pidfd;
	uint32_t generation;
	bool grouped;          /* it leads a group */
	struct stats_row *row; /* for who looks on; NULL: not shown */
	struct list_node orphan;
	struct weft__lock
		lock; /* of what follows, and of the wait itself: nobody signals a group whose number is free */
	bool ended;
	bool lost; /* nobody knows its code */
	int code;
	/* Communicate's. */
	struct weft__stream stream[3];
	size_t input_done, output_most;
	int epoll; /* -1: none yet */
};

/* What a child has for descriptors 0 to 2, and what we have of that. */
struct weft__stdio {
	int theirs[3];  /* -1: as in the caller */
	bool opened[3]; /* theirs is to be closed here once the child has it */
	int ours[3];    /* -1: no pipe */
};

/* subprocess_stdio.c: 0 or an error, and which step failed. */
int weft__stdio_open(const struct weft_subprocess_opts *opts, struct weft__stdio *ret,
		     enum weft_subprocess_step *ret_step);
void weft__stdio_close_theirs(struct weft__stdio *s);
void weft__stdio_close_ours(struct weft__stdio *s);

/* subprocess_exec.c: the child executes its program, or is gone, reaped, and the error is returned. */
int weft__subprocess_exec(const char *const argv[], const struct weft_subprocess_opts *opts,
			  const struct weft__stdio *stdio, pid_t *ret_pid, int *ret_pidfd,
			  enum weft_subprocess_step *ret_step);

/* subprocess.c: kills it, and waits for its end. 0 | -EBUSY: it takes more than a second | -EPERM. */
int weft__subprocess_bury(weft_subprocess *p);

#endif
