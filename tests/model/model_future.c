/* SPDX-License-Identifier: MIT
 *
 * model_future.c -- the state word of a future: core/finish.c, cancel.c, future.c, submit.c. However workers,
 * cancellers and waiters meet, a task has one outcome, of which everybody is told; and once its waiter knows
 * that it is done, nobody touches it again.
 */
#include "kit_task.h"

#include <errno.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static int answers[2];
static int fired, added, removed;

static void start(void)
{
	kit_start();
	fired = added = removed = 0;
	answers[0] = answers[1] = -1;
}

THREAD(work)
{
	kit_work(0, 0);
}

THREAD(work_and_fail)
{
	kit_work(0, -EIO);
}

/* The storage is the waiter's again, who may do away with it. */
THREAD(wait_and_go)
{
	model_assert(weft_future_wait(kit_future(0), WEFT_FOREVER) == 0);
	model_assert(kit_result[0] == 1); /* first: to ask for the status orders, too */
	model_assert(weft_future_status(kit_future(0)) == 0);
	model_gone(&kit_task[0], sizeof kit_task[0]);
}

MODEL(future_is_the_waiters_in_the_end)
{
	start();
	kit_submit(0, NULL);
	model_thread("waiter", wait_and_go, NULL);
	model_thread("worker", work, NULL);
	model_run();
}

THREAD(wait_only)
{
	model_assert(weft_future_wait(kit_future(0), WEFT_FOREVER) == 0);
	model_assert(weft_future_status(kit_future(0)) != -EINPROGRESS);
}

MODEL(future_two_waiters)
{
	start();
	model_preemptions(-1);
	kit_submit(0, NULL);
	model_thread("waiter 1", wait_only, NULL);
	model_thread("waiter 2", wait_only, NULL);
	model_thread("worker", work_and_fail, NULL);
	model_run();
}

/* A wait that times out leaves the future as it is: another one sees it done. */
THREAD(wait_twice)
{
	int err = weft_future_wait(kit_future(0), 1);

	model_assert(err == 0 || err == -ETIMEDOUT);
	wait_and_go(NULL);
}

MODEL(future_wait_with_a_deadline)
{
	start();
	model_timeouts(1);
	kit_submit(0, NULL);
	model_thread("waiter", wait_twice, NULL);
	model_thread("worker", work, NULL);
	model_run();
}

/* ---- Cancelling. ---- */

THREAD(cancel)
{
	*(int *)arg = (int)weft_future_cancel(kit_future(0));
}

/* DROPPED: it did not run, and never will. Else it ran. It is done once. */
static void check_cancelled(void)
{
	bool dropped = answers[0] == WEFT_CANCEL_DROPPED || answers[1] == WEFT_CANCEL_DROPPED;

	model_assert(weft_future_status(kit_future(0)) == (dropped ? -ECANCELED : 0));
	model_assert(kit_result[0] == (dropped ? 0 : 1));
	model_assert(!(answers[0] == WEFT_CANCEL_DROPPED && answers[1] == WEFT_CANCEL_DROPPED));
	model_assert(kit_executor.shared.own.completed == 1);
	model_assert(kit_executor.load == 0);
}

MODEL(future_cancel_or_run)
{
	start();
	kit_submit(0, NULL);
	model_thread("worker", work, NULL);
	model_thread("canceller", cancel, &answers[0]);
	model_thread("waiter", wait_only, NULL);
	model_run();
	check_cancelled();
}

MODEL(future_two_cancellers)
{
	start();
	model_preemptions(-1);
	kit_submit(0, NULL);
	model_thread("worker", work, NULL);
	model_thread("canceller 1", cancel, &answers[0]);
	model_thread("canceller 2", cancel, &answers[1]);
	model_run();
	check_cancelled();
}

/* ---- Links: told once, or too late to be told; and who has taken his link back is not told. ---- */

static struct weft__link link_of_mine;

static bool fire(struct weft__link *link)
{
	(void)link;
	fired++;
	return true;
}

THREAD(add_link)
{
	added = weft__link_add(kit_future(0), &link_of_mine, NULL) == 0;
	if (!added)
		model_assert(kit_result[0] == (weft_future_status(kit_future(0)) ? 0 : 1));
}

THREAD(add_and_remove_link)
{
	add_link(NULL);
	removed = added && weft__link_remove(kit_future(0), &link_of_mine);
}

MODEL(future_link)
{
	start();
	link_of_mine = (struct weft__link){.fire = fire};
	kit_submit(0, NULL);
	model_thread("linker", add_link, NULL);
	model_thread("worker", work, NULL);
	model_run();
	model_assert(fired == added);
}

/* With a link on it, it is published in another way. */
MODEL(future_link_and_waiter)
{
	start();
	link_of_mine = (struct weft__link){.fire = fire};
	kit_submit(0, NULL);
	weft__link_add(kit_future(0), &link_of_mine, NULL);
	model_thread("waiter", wait_and_go, NULL);
	model_thread("worker", work, NULL);
	model_run();
	model_assert(fired == 1);
}

MODEL(future_link_taken_back)
{
	start();
	model_preemptions(-1);
	link_of_mine = (struct weft__link){.fire = fire};
	kit_submit(0, NULL);
	model_thread("linker", add_and_remove_link, NULL);
	model_thread("worker", work, NULL);
	model_thread("canceller", cancel, &answers[0]);
	model_run();
	model_assert(fired + removed == added);
	model_assert(kit_executor.shared.own.completed == 1);
}

/* ---- Submitting. ---- */

THREAD(submit)
{
	kit_submit(0, NULL);
}

THREAD(drop)
{
	weft__drop(kit_future(0), -ETIMEDOUT);
}

/* The worker, and who keeps deadlines, find the task by its state alone. */
MODEL(future_submit_and_start)
{
	start();
	model_thread("owner", submit, NULL);
	model_thread("worker", work, NULL);
	model_thread("deadline", drop, NULL);
	model_run();
	if (weft_future_status(kit_future(0)) == -EINPROGRESS)
		kit_work(0, 0);
	model_assert(kit_result[0] == (weft_future_status(kit_future(0)) ? 0 : 1));
	model_assert(kit_executor.shared.own.completed == 1 && kit_executor.load == 0);
}

THREAD(submit_when_done)
{
	while (weft_submit(&kit_executor, &kit_task[0]))
		atom_pause();
	kit_work(0, 0);
}

/* Its owner may submit it again as soon as it is done, however it knows. */
MODEL(future_submit_when_done)
{
	start();
	kit_submit(0, NULL);
	model_thread("worker", work_and_fail, NULL);
	model_thread("owner", submit_when_done, NULL);
	model_run();
	model_assert(kit_result[0] == 2);
}

THREAD(submit_and_work)
{
	kit_submit(0, NULL);
	kit_work(0, 0);
}

/* Others may know the task before its owner submits it again: they wait for its new life, or see its last. */
THREAD(wait_or_not)
{
	model_assert(weft_future_wait(kit_future(0), WEFT_FOREVER) == 0);
}

MODEL(future_submitted_again)
{
	start();
	kit_submit(0, NULL);
	kit_work(0, 0);
	model_thread("owner", submit_and_work, NULL);
	model_thread("waiter", wait_or_not, NULL);
	model_run();
	model_assert(kit_result[0] == 2);
}

MODEL(future_cancelled_while_submitted)
{
	start();
	model_thread("owner", submit_and_work, NULL);
	model_thread("canceller", cancel, &answers[0]);
	model_run();
	model_assert(weft_future_status(kit_future(0)) ==
		     (answers[0] == WEFT_CANCEL_DROPPED ? -ECANCELED : 0));
}

/* ---- A continuation, which its cause releases, or a canceller drops. ---- */

THREAD(then)
{
	model_assert(weft_future_then(kit_future(0), &kit_executor, &kit_task[1]) == 0);
}

THREAD(drop_1)
{
	weft__drop(kit_future(1), -ECANCELED);
}

MODEL(future_then)
{
	start();
	model_preemptions(-1);
	kit_submit(0, NULL);
	model_thread("owner", then, NULL);
	model_thread("worker", work, NULL);
	model_thread("canceller", drop_1, NULL);
	model_run();
	kit_work(1, 0);
	model_assert(weft_future_status(kit_future(1)) == (kit_result[1] ? 0 : -ECANCELED));
	model_assert(!kit_executor.promised && kit_executor.load == 0);
}

/* ---- The end of the executor: it waits for every task, and may go. ---- */

THREAD(stop)
{
	model_assert(weft_executor_stop(&kit_executor, WEFT_STOP_DRAIN, WEFT_FOREVER) == 0);
	model_assert(kit_result[0] == 1);
	model_gone(&kit_executor, sizeof kit_executor);
}

MODEL(executor_drains)
{
	start();
	kit_submit(0, NULL);
	model_thread("stopper", stop, NULL);
	model_thread("worker", work, NULL);
	model_run();
}
