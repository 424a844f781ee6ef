/* SPDX-License-Identifier: MIT
 *
 * taskq.h -- the queue of tasks that wait to start: by priority, first come first served among equals, no
 * memory of its own. Its user brings the lock.
 */
#ifndef WEFT_CORE_TASKQ_H
#define WEFT_CORE_TASKQ_H

#include "state.h"

struct weft__taskq {
	weft_task *top; /* first task of the highest level */
	size_t n;
};

void weft__taskq_push(struct weft__taskq *q, weft_task *t);
void weft__taskq_push_front(struct weft__taskq *q, weft_task *t); /* before its equals: it was there first */
void weft__taskq_remove(struct weft__taskq *q, weft_task *t);

/* Takes out the first task that can be started, started; NULL: none. Tasks that a canceller has claimed
 * stay: it is about to remove them. */
weft_task *weft__taskq_start(struct weft__taskq *q);

/* Takes out all tasks that no canceller has claimed, for weft__taskq_finish_dropped without the lock. */
struct list_node *weft__taskq_drop(struct weft__taskq *q);
void weft__taskq_finish_dropped(struct list_node *dropped); /* with -ECANCELED */

#endif
