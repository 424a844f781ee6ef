/* SPDX-License-Identifier: MIT
 *
 * offload.h -- calls that block, on threads of the library's own, for fibers: a fiber that blocks would stop its
 * whole ring.
 */
#ifndef WEFT_CORE_OFFLOAD_H
#define WEFT_CORE_OFFLOAD_H

#include <weft/base.h>

/* Threads at most, for the whole process; more calls at a time wait for one. */
#define WEFT__OFFLOAD_THREADS 8

/* Calls fn(ctx) on a helper thread while the calling fiber is parked, and returns when fn has returned, whatever
 * becomes of the task: ctx may lie on the fiber's stack. Off a fiber, or where no thread can be had, it calls fn
 * right here. On the helper thread there is no task: weft_current() is NULL. */
void weft__offload(void (*fn)(void *ctx), void *ctx);

/* The same for any task, which may give up: 0: fn has returned, and ctx is the caller's again; -ETIMEDOUT,
 * -ECANCELED: discard(ctx) follows when fn has returned; -EAGAIN: no thread can be had, nothing is called. */
int weft__offload_until(void (*fn)(void *ctx), void (*discard)(void *ctx), void *ctx, weft_time deadline);

/* An executor is made or freed. With the last of them the threads go, save those whose callers gave up. */
void weft__offload_open(void);
void weft__offload_close(void);

void weft__offload_reset(void); /* in the child of a fork */

#endif
