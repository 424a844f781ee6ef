/* SPDX-License-Identifier: MIT
 *
 * worker_start.h -- the way of a worker process to its tasks, what it looks after between them, and its end.
 */
#ifndef WEFT_EXECUTORS_WORKER_START_H
#define WEFT_EXECUTORS_WORKER_START_H

#include "lane.h"
#include "space.h"
#include "worker_plan.h"

/* What a worker needs that runs the program again: its lane, the bell, the plan, and, or -1, the regions, the raw
 * trace. */
enum { WORKER_LANE, WORKER_BELL, WORKER_PLAN, WORKER_SPACE, WORKER_TRACE, WORKER_FDS };

/* worker_exec.c: in a fork of the nursery: runs the program again, which becomes a worker before main(). */
_Noreturn void worker_exec(const int fds[WORKER_FDS], const struct weft__space *space);

/* worker_start.c: every signal has its default action and is let through, but for SIGINT. */
void worker_reset_signals(void);
/* everything, from a process with no other descriptors to its end. trace -1: there is none. space NULL: the regions
 * are there already, or there are none. */
_Noreturn void worker_start(const struct worker_plan *plan, int memfd, int bell, int trace,
			    const struct weft__space *space, int space_fd);

/* worker_limits.c: 0 or a negative errno, with a text in call. */
int worker_limits_set(const struct worker_plan *plan, uint32_t number, weft_call *call);
bool worker_limits_passed(const struct worker_plan *plan, int any_fd);

/* worker_sandbox.c: 0 or a negative errno, with a text in call. */
int worker_sandbox_enter(int bell, weft_call *call);
bool worker_is_in_sandbox(void); /* this process */

/* worker_care.c: what worker.c asks of us. The plan is that of this process; without one nothing is limited. */
void worker_care_begin(const struct worker_plan *plan, int bell);
int worker_care_find(const struct weft__token *t, weft_fn **ret, weft_call *call); /* may load a file */
bool worker_care_after_task(void); /* true: the worker has passed a limit and is to leave */
void worker_care_idle(void);       /* it is going to sleep */

#endif
