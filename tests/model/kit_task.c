/* SPDX-License-Identifier: MIT
 *
 * kit_task.c -- see kit_task.h.
 */
#include "kit_task.h"

#include "own_thread.h"
#include "spin.h"

#include <errno.h>
#include <string.h>
#include <weft/executor.h>

weft_executor kit_executor;
weft_task kit_task[KIT_TASKS];
int kit_result[KIT_TASKS];

static int body(weft_call *call, const void *arg, void *result)
{
	int i = (int)(call->task - kit_task);

	(void)arg;
	(void)result;
	kit_result[i] += i + 1;
	return 0;
}

static int accept_all(void *self, struct weft_offer *offer)
{
	(void)self;
	return weft_impl_accept(offer, 0) ? -1 : 1;
}

void kit_start(void)
{
	/* The first time it remembers how many processors there are; that must not be part of an execution. */
	weft__spin(&(struct weft__spinner){0}, &(struct weft__spin){0});
	memset(&kit_executor, 0, sizeof kit_executor);
	kit_executor.ops.submit = accept_all;
	kit_executor.shared.n = &kit_executor.shared.own;
	memset(kit_task, 0, sizeof kit_task);
	memset(kit_result, 0, sizeof kit_result);
	for (int i = 0; i < KIT_TASKS; i++) {
		static const char *const name[] = {"state 0", "state 1", "state 2", "state 3"};

		kit_task[i].fn = body;
		model_name(&kit_future(i)->state, name[i]);
		*weft__stripe(kit_future(i)) = (struct weft__lock){0};
		model_name(&weft__stripe(kit_future(i))->word, "stripe");
	}
	model_name(&kit_executor.load, "load");
	model_name(&kit_executor.room.n, "room.n");
}

void kit_submit(int i, weft_group *g)
{
	model_assert((g ? weft_group_submit(g, &kit_task[i]) : weft_submit(&kit_executor, &kit_task[i])) ==
		     0);
}

bool kit_work(int i, int status)
{
	if (!weft_impl_start(&kit_task[i]))
		return false;
	kit_result[i] += i + 1;
	weft_impl_finish(&kit_task[i], status, NULL);
	return true;
}

weft_future *kit_future(int i)
{
	return weft__future(&kit_task[i]);
}

/* ---- Files that are not modelled. ---- */

/* One: so nobody looks for a while before he sleeps. Time stands still here, and he would look for ever. */
unsigned weft_cpu_count(void)
{
	return 1;
}

int weft__thread_start(pthread_t *ret, void *(*fn)(void *), void *arg)
{
	(void)ret;
	(void)fn;
	(void)arg;
	return -EAGAIN;
}
