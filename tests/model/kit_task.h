/* SPDX-License-Identifier: MIT
 *
 * kit_task.h -- what models of futures and groups share: an executor without threads, and tasks that are
 * queued in it. The threads of a model are its workers.
 */
#ifndef TESTS_MODEL_KIT_TASK_H
#define TESTS_MODEL_KIT_TASK_H

#include "model.h"
#include "state.h"

enum { KIT_TASKS = 4 };

extern weft_executor kit_executor;
extern weft_task kit_task[KIT_TASKS];
extern int kit_result
	[KIT_TASKS]; /* what a task writes, and its waiter reads: its number, from 1, for each run */

/* In the body: a fresh executor, and fresh tasks. */
void kit_start(void);

/* In the body: submits task i, to g or to none. */
void kit_submit(int i, weft_group *g);

/* As a worker: runs task i unless somebody else has claimed it; it ends with status. Did it run? */
bool kit_work(int i, int status);

weft_future *kit_future(int i);

#endif
