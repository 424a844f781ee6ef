/* SPDX-License-Identifier: MIT
 *
 * vfork.h -- a child that shares the caller's memory until it executes a program or ends. Nothing is copied, so it
 * costs the same whatever the caller's size; the calling thread stands still meanwhile, the others do not.
 */
#ifndef WEFT_IPC_VFORK_H
#define WEFT_IPC_VFORK_H

#include <sys/types.h>

/* What such a child runs should not be seen by the thread sanitizer: it would miss the returns of functions that
 * exec has left, in the books of the calling thread. It may only make system calls, by syscall(2): what else the
 * sanitizers put around them is written to the caller's memory. */
#ifdef __clang__
#define WEFT__IN_VFORK __attribute__((no_sanitize("thread", "address")))
#else
#define WEFT__IN_VFORK __attribute__((no_sanitize("thread"), no_sanitize("address")))
#endif

/* Runs fn(arg) in a child, on a stack of its own and with all signals blocked, and returns when it has executed
 * something or returned. The child has no exit signal, which hides it from every wait but one with __WALL, until it
 * executes.
 *
 * ret_pidfd: NULL, or where its pidfd is put. Returns its pid | -ENOMEM | what clone(2) has, negative. */
pid_t weft__vfork(int (*fn)(void *arg), void *arg, int *ret_pidfd);

#endif
