/* SPDX-License-Identifier: MIT
 *
 * model_tally.c -- core/tally.c: a stop waits for every task that was let in, on whatever credit, and lets none
 * in afterwards; and the last to leave does not touch the executor any more.
 */
#include "kit_task.h"

#include <errno.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static struct weft__tally tally;
static int did, did_outside; /* written by tasks, read behind the stop: a race, if it does not wait */
static bool stopped;

static void start(uint32_t credit)
{
	kit_start();
	tally = (struct weft__tally){.credit = 0};
	weft__tally_open(&tally, &kit_executor, NULL);
	tally.credit = credit;
	kit_executor.load = 2 * credit;
	did = did_outside = 0;
	stopped = false;
}

/* A task is let in, does something, and is done; or is refused. */
static void task(int *ret_did)
{
	int err = weft__load_enter(&kit_executor, 1);

	model_assert(!err || err == -ESHUTDOWN);
	if (err)
		return;
	model_assert(!stopped);
	*ret_did = 1;
	weft__load_leave(&kit_executor, 1);
}

/* A thread of a pool has a tally of its own, and settles before it sleeps, */
THREAD(worker)
{
	weft__tally = &tally;
	task(&did);
	weft__tally_settle(&tally);
}

/* and before it ends. */
THREAD(worker_ends)
{
	weft__tally = &tally;
	task(&did);
	weft__tally = NULL;
	weft__tally_close(&tally);
}

THREAD(outsider)
{
	task(&did_outside);
}

THREAD(stop)
{
	model_assert(weft_executor_stop(&kit_executor, WEFT_STOP_DRAIN, WEFT_FOREVER) == 0);
	model_assert(did >= 0 && did_outside >= 0);
	stopped = true;
}

static void run(uint32_t credit, void (*fn)(void *arg))
{
	start(credit);
	model_thread("worker", fn, NULL);
	model_thread("stopper", stop, NULL);
	model_run();
	model_assert(kit_executor.load == 1);
}

MODEL(tally_without_credit)
{
	run(0, worker);
}

MODEL(tally_on_credit)
{
	run(1, worker);
}

/* As much as it may keep: what the task leaves is given back. */
MODEL(tally_with_full_credit)
{
	run(2 * WEFT__CREDIT + 1, worker);
}

MODEL(tally_closed)
{
	run(0, worker_ends);
	model_assert(kit_executor.shared.own.completed == 0 && !kit_executor.tallies);
}

MODEL(tally_and_outsider)
{
	start(0);
	model_thread("worker", worker, NULL);
	model_thread("outsider", outsider, NULL);
	model_thread("stopper", stop, NULL);
	model_run();
	model_assert(kit_executor.load == 1);
}

/* The task is in before the stop begins, and the executor goes with its end. */
THREAD(worker_goes_on)
{
	weft__tally = &tally;
	did = 1;
	weft__load_leave(&kit_executor, 1);
	weft__tally_settle(&tally);
}

THREAD(stop_and_free)
{
	stop(NULL);
	model_assert(did == 1);
	model_gone(&kit_executor, sizeof kit_executor);
}

MODEL(tally_last_touch)
{
	start(1);
	model_assert(weft__load_enter_on_credit(&tally, 1) == 0);
	model_thread("worker", worker_goes_on, NULL);
	model_thread("stopper", stop_and_free, NULL);
	model_run();
}
