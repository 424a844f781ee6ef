/* SPDX-License-Identifier: MIT
 *
 * model_pool_stop.c -- the end of a pool of threads: whoever submits, takes or sleeps meanwhile, a stop returns,
 * and then every task that was let in has run, or was dropped.
 */
#include "kit_pool.h"

#include <errno.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static int err;
static enum weft_stop how;

static void start(unsigned size, enum weft_stop as)
{
	kit_pool_start(size, size, 4);
	kit_pool_ready();
	how = as;
	err = 0;
}

THREAD(stop)
{
	model_assert(weft_executor_stop(&kit_executor, how, WEFT_FOREVER) == 0);
}

static void check(int tasks)
{
	model_assert(kit_executor.load == 1);
	kit_pool_check(0);
	for (int i = 0; i < tasks; i++)
		model_assert(weft_future_status(kit_future(i)) == (kit_result[i] ? 0 : -ECANCELED));
}

/* Worker i has been asleep for a while. */
static void settle(unsigned i)
{
	weft__tally_settle(&kit_pool->worker[i].tally);
}

/* ---- Against a submitter, with nobody there to run it. ---- */

THREAD(submit)
{
	err = weft_submit(&kit_executor, &kit_task[0]);
}

static void check_submitted(void)
{
	model_assert(err == 0 || err == -ESHUTDOWN);
	check(err ? 0 : 1);
}

MODEL(pool_stop_or_submit)
{
	start(1, WEFT_STOP_CANCEL);
	settle(0);
	model_thread("submitter", submit, NULL);
	model_thread("stopper", stop, NULL);
	model_run();
	check_submitted();
}

MODEL(pool_stop_or_submit_urgent)
{
	start(1, WEFT_STOP_CANCEL);
	settle(0);
	kit_task[0].priority = 1;
	model_thread("submitter", submit, NULL);
	model_thread("stopper", stop, NULL);
	model_run();
	check_submitted();
}

THREAD(owner_submits)
{
	struct thread_worker *w = kit_worker(0);

	submit(NULL);
	weft__tally_settle(&w->tally);
}

MODEL(pool_stop_or_push)
{
	start(2, WEFT_STOP_CANCEL);
	settle(1);
	model_thread("owner", owner_submits, NULL);
	model_thread("stopper", stop, NULL);
	model_run();
	check_submitted();
}

/* ---- Against a worker. ---- */

THREAD(take_all)
{
	struct thread_worker *w = kit_worker(0);

	for (weft_task *t; (t = thread_take(w));)
		weft_impl_run(t);
	weft__tally_settle(&w->tally);
}

MODEL(pool_stop_or_take)
{
	start(1, WEFT_STOP_CANCEL);
	kit_submit(0, NULL);
	model_thread("worker", take_all, NULL);
	model_thread("stopper", stop, NULL);
	model_run();
	check(1);
}

/* The sweep may miss a batch that is on its way from one queue to the next, and who has it does not come back to
 * it soon. */
THREAD(take_one)
{
	struct thread_worker *w = kit_worker(0);
	weft_task *t = thread_take(w);

	if (t)
		weft_impl_run(t);
	weft__tally_settle(&w->tally);
}

MODEL(pool_stop_or_take_some)
{
	start(1, WEFT_STOP_CANCEL);
	model_preemptions(-1);
	for (int i = 0; i < 4; i++)
		kit_submit(i, NULL);
	model_thread("worker", take_one, NULL);
	model_thread("stopper", stop, NULL);
	model_run();
	check(4);
}

THREAD(work_to_the_end)
{
	struct thread_worker *w = kit_worker(0);

	while (thread_worker_turn(w)) {}
}

MODEL(pool_drains)
{
	start(1, WEFT_STOP_DRAIN);
	kit_submit(0, NULL);
	model_thread("worker", work_to_the_end, NULL);
	model_thread("stopper", stop, NULL);
	model_run();
	model_assert(kit_result[0] == 1);
	check(1);
}
