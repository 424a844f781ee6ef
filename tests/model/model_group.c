/* SPDX-License-Identifier: MIT
 *
 * model_group.c -- core/group.c: whoever joins a group knows that all members are done, with all that they
 * wrote; the first failure cancels the others; and when the join returns nobody touches the group.
 */
#include "kit_task.h"

#include <errno.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static weft_group group;
static int ran[2];

static void start(void)
{
	kit_start();
	group = (weft_group){.ex = &kit_executor};
	ran[0] = ran[1] = 0;
	model_name(group.opaque_, "group.lock");
	kit_submit(0, &group);
	kit_submit(1, &group);
}

THREAD(work_0)
{
	ran[0] = kit_work(0, 0);
}

THREAD(work_1)
{
	ran[1] = kit_work(1, 0);
}

THREAD(fail_0)
{
	ran[0] = kit_work(0, -EIO);
}

THREAD(join)
{
	model_assert(weft_group_wait(&group) == 0);
	model_assert(kit_result[0] == 1 && kit_result[1] == 2);
	model_gone(&group, sizeof group);
	model_gone(kit_task, sizeof kit_task);
}

MODEL(group_join)
{
	start();
	model_preemptions(-2);
	model_thread("joiner", join, NULL);
	model_thread("worker 0", work_0, NULL);
	model_thread("worker 1", work_1, NULL);
	model_run();
}

/* What has not begun is dropped; what has is asked, and done when the join returns. */
THREAD(join_failed)
{
	model_assert(weft_group_wait(&group) == -EIO);
	model_gone(&group, sizeof group);
}

static void check_members(void)
{
	model_assert(kit_executor.shared.own.completed == 2 && kit_executor.load == 0);
	for (int i = 0; i < 2; i++)
		model_assert(weft_future_status(kit_future(i)) == (ran[i] ? i ? 0 : -EIO : -ECANCELED));
}

MODEL(group_failure_ends_the_join)
{
	start();
	model_preemptions(-2);
	model_thread("joiner", join_failed, NULL);
	model_thread("worker 0", fail_0, NULL);
	model_run();
	model_assert(ran[0]);
	check_members();
}

MODEL(group_failure_or_run)
{
	start();
	model_preemptions(-1);
	model_thread("worker 0", fail_0, NULL);
	model_thread("worker 1", work_1, NULL);
	model_run();
	model_assert(ran[0]);
	check_members();
}

/* A cancel from outside. */
THREAD(cancel)
{
	weft_group_cancel(&group);
}

THREAD(work_both)
{
	work_0(NULL);
	work_1(NULL);
}

MODEL(group_cancel)
{
	start();
	model_preemptions(-1);
	model_thread("canceller", cancel, NULL);
	model_thread("worker", work_both, NULL);
	model_run();
	model_assert(kit_executor.shared.own.completed == 2 && kit_executor.load == 0);
	for (int i = 0; i < 2; i++)
		model_assert(weft_future_status(kit_future(i)) == (ran[i] ? 0 : -ECANCELED));
}

/* The joiner is the last worker, too: nobody else is left to wake it. */
THREAD(work_and_join)
{
	work_1(NULL);
	join(NULL);
}

MODEL(group_joined_by_a_worker)
{
	start();
	model_thread("worker and joiner", work_and_join, NULL);
	model_thread("worker 0", work_0, NULL);
	model_run();
}
