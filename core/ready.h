/* SPDX-License-Identifier: MIT
 *
 * ready.h -- a parker that also wakes when a descriptor is ready: how a thread waits for input or output in a
 * task, and can be cancelled all the same.
 *
 * Such a parker sleeps in poll(2), with a bell (an eventfd) beside the descriptor. Who unparks it rings the bell.
 * He does so while he holds a lock that the sleeper takes before it goes on: a stripe, a waitq, a bucket of
 * io_wait.c. Else the bell could belong to somebody else by then.
 */
#ifndef WEFT_CORE_READY_H
#define WEFT_CORE_READY_H

#include "wait.h"

#include <poll.h>

struct weft__ready {
	struct weft__alarm alarm;
	struct pollfd fd; /* revents != 0: it is ready */
	int bell;         /* -1: there is none */
	bool lost;        /* the bell's number is another file's by now: the sleeper's */
};

/* Makes p such a parker, for one wait. without_bell: nobody is going to unpark it. */
void weft__ready_init(struct weft__ready *r, struct weft__parker *p, int fd, short events, bool without_bell);
void weft__ready_fini(struct weft__ready *r);

/* How long it may sleep before it looks whether anything has happened that the bell did not tell: some
 * milliseconds without one, and else a while, since the program may close descriptors that are not its own. */
weft_time weft__ready_slice(const struct weft__parker *p);

/* As weft__park, for such a parker: 0 also if the descriptor is ready, has an error, or is none. */
int weft__park_ready(struct weft__parker *p, weft_time deadline);

/* A thread of a pool keeps its bell from one wait to the next; this closes it. */
void weft__bell_close(void);

void weft__bells_forked(void); /* in the child: closes those of the parent's threads */

#endif
