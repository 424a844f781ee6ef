/* SPDX-License-Identifier: MIT
 *
 * weft/group.h -- structured concurrency: tasks that start together, end together, and fail together.
 */
#ifndef WEFT_GROUP_H
#define WEFT_GROUP_H

#include <weft/executor.h>
#include <weft/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A scope of tasks. Zeroed, with ex set, it is ready. It must not be moved while tasks are in it. */
typedef struct weft_group {
	weft_executor *ex;
	weft_time deadline;   /* absolute, for tasks that have none of their own; 0: none */
	uint64_t opaque_[14]; /* the library's */
} weft_group;

/** Submits t to the group's executor as a member of the group.
 *
 * @return 0 | -ECANCELED: the group was cancelled, by a failure or weft_group_cancel | as weft_submit.
 * @owns   As weft_submit; *g must stay until weft_group_wait returned.
 * @from   Any thread, or inside a task; also tasks of the group itself. Not a signal handler.
 * @waits  As weft_submit.
 * @orders As weft_submit.
 * Example: weft_group g = {.ex = ex}; weft_group_submit(&g, &t[0]); weft_group_submit(&g, &t[1]); */
WEFT_API int weft_group_submit(weft_group *g, weft_task *t);

/** Cancels every member, as weft_future_cancel does, and refuses new ones.
 *
 * @param g  NULL is fine.
 * @owns   Nothing.
 * @from   Any thread, or inside a task, of the group too. Not a signal handler.
 * @waits  Never for tasks.
 * @orders Nothing.
 * Example: weft_group_cancel(&g); */
WEFT_API void weft_group_cancel(weft_group *g);

/** Waits for all members. The first failure (in time) has by then cancelled the others [GROUP-1].
 *
 * After a return of anything but -ECANCELED by the caller's own cancellation the group is empty and
 * may be used again.
 *
 * @return 0: all succeeded | the first failure; -ECANCELED where weft_group_cancel came first |
 *         -ECANCELED, too, if the calling task is cancelled: the members are then cancelled and still
 *         waited for | -EDEADLK: called by a member | -EINVAL: g is NULL |
 *         -ECHILD: the group's executor is the parent's, this is a fork of it.
 * @owns   The tasks are the caller's again.
 * @from   Any thread, or inside a task, but one at a time. Not a signal handler.
 * @waits  Until every member is done. Inside a task of a pool of threads it runs unstarted members.
 * @orders What all bodies wrote happens before the return.
 * Example: int err = weft_group_wait(&g); */
WEFT_API int weft_group_wait(weft_group *g);

#ifdef __cplusplus
}
#endif
#endif
