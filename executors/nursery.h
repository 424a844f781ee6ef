/* SPDX-License-Identifier: MIT
 *
 * nursery.h -- the process that workers are forked from, and how a pool talks to it.
 *
 * A pool never forks itself: the caller may have threads and gigabytes. It starts one small process, the
 * nursery, which has one thread and nothing else, and asks it for workers over a socket (SOCK_SEQPACKET,
 * so messages keep their bounds; descriptors travel with them).
 *
 *   pool -> nursery    HELLO [bell, pidfd of the caller,   once; the raw trace, if there is one
 *                            trace]
 *                      PLAN [memfd]                        once: what workers are made with
 *                      SPACE where [memfd]                 once: where regions lie (ipc/space.h)
 *                      SPAWN lane epoch [memfd]            fork a worker on this lane
 *                      QUIT                                kill what is left and leave
 *   nursery -> pool    READY error [pidfd of the nursery]  with an error it leaves
 *                      SPAWNED lane epoch pid [pidfd]
 *                      FAILED lane epoch error             no worker could be forked
 *                      DIED lane epoch pid, status, usage  a worker has ended; the last word on it
 *
 * The nursery watches its workers' pidfds, and the caller's: when the caller ends it leaves, and by their
 * parent-death signal so do the workers. It is no child that the caller could wait for by accident: it is
 * started by an intermediate that has gone, so it is a child of process 1, or of a subreaper. (A caller
 * that is one of these meets it in wait(), as it meets every orphan.)
 */
#ifndef WEFT_EXECUTORS_NURSERY_H
#define WEFT_EXECUTORS_NURSERY_H

#include "space.h"
#include <sys/types.h>
#include <weft/process_pool.h>

enum nursery_kind {
	NURSERY_HELLO = 1,
	NURSERY_SPACE,
	NURSERY_SPAWN,
	NURSERY_QUIT,
	NURSERY_READY,
	NURSERY_SPAWNED,
	NURSERY_FAILED,
	NURSERY_DIED,
	NURSERY_PLAN
};

struct nursery_msg {
	uint32_t kind;
	uint32_t lane;
	uint64_t epoch;
	int32_t pid;                            /* SPAWNED, DIED */
	int32_t error;                          /* READY, FAILED: negative errno */
	int32_t signal, code, core, oom;        /* DIED */
	int64_t utime_us, stime_us, maxrss_kib; /* DIED */
	struct weft__space space;               /* SPACE; base 0: there is none */
};

enum { NURSERY_FDS = 3 };

/* In the environment of a run of the program that is to become one: the pid of who wants it. */
#define NURSERY_VARIABLE "WEFT__NURSERY"
#define WORKER_VARIABLE  "WEFT__WORKER"

/* nursery_wire.c: one message with up to NURSERY_FDS descriptors. */
int nursery_send(int sock, const struct nursery_msg *m, const int fds[], size_t n);
/* 1: a message; 0: the other side has gone; -EAGAIN; or another error. fds not received are -1. */
int nursery_recv(int sock, struct nursery_msg *ret, int ret_fds[NURSERY_FDS], int flags);

/* nursery_start.c: starts a nursery; returns the pool's end of its socket. A fork closes its copies. */
int nursery_start(enum weft_start how, int bell, int plan);

/* Closes every descriptor from first on. */
void nursery_close_from(unsigned first);

/* nursery.c: the nursery itself. */
_Noreturn void nursery_main(int sock);

#endif
