/* SPDX-License-Identifier: MIT
 *
 * model_stop.c -- core/call.c, executor.c, cancel.c: a body that sleeps is woken by a stop, and by who cancels
 * its task; who waits for the end of an executor is told of it.
 */
#include "kit_task.h"

#include <errno.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static int joined;

/* Task 0 waits for task 1, which nobody runs before it gives up. */
static int wait_for_1(weft_call *call, const void *arg, void *result)
{
	int err = weft_future_wait(kit_future(1), WEFT_FOREVER);

	(void)arg;
	(void)result;
	model_assert(err == -ECANCELED && weft_call_cancelled(call));
	return err;
}

static void start(void)
{
	kit_start();
	kit_task[0].fn = wait_for_1;
	kit_submit(0, NULL);
	kit_submit(1, NULL);
	model_assert(weft_impl_start(&kit_task[0]));
	joined = 0;
}

THREAD(sleeper)
{
	weft_impl_run(&kit_task[0]);
	kit_work(1, 0);
}

static void check(void)
{
	model_assert(weft_future_status(kit_future(0)) == -ECANCELED);
	model_assert(weft_future_status(kit_future(1)) == 0 && kit_result[1] == 2);
}

THREAD(stop)
{
	model_assert(weft_executor_stop(&kit_executor, WEFT_STOP_CANCEL, WEFT_FOREVER) == 0);
}

MODEL(stop_wakes_a_body)
{
	start();
	model_thread("sleeper", sleeper, NULL);
	model_thread("stopper", stop, NULL);
	model_run();
	check();
	model_assert(!kit_executor.sleepers.head && kit_executor.sleepers.n == 0);
}

THREAD(cancel)
{
	model_assert(weft_future_cancel(kit_future(0)) == WEFT_CANCEL_ASKED);
}

MODEL(cancel_wakes_a_body)
{
	start();
	model_thread("sleeper", sleeper, NULL);
	model_thread("canceller", cancel, NULL);
	model_run();
	check();
}

/* What it waits for may be done just then: it is told of that, or of the stop. */
static int wait_or_stop(weft_call *call, const void *arg, void *result)
{
	int err = weft_future_wait(kit_future(1), WEFT_FOREVER);

	(void)call;
	(void)arg;
	(void)result;
	model_assert(err == -ECANCELED || (err == 0 && kit_result[1] == 2));
	return err;
}

THREAD(sleeper_only)
{
	weft_impl_run(&kit_task[0]);
}

THREAD(work_1)
{
	kit_work(1, 0);
}

MODEL(done_wakes_a_body)
{
	start();
	kit_task[0].fn = wait_or_stop;
	model_thread("sleeper", sleeper_only, NULL);
	model_thread("worker", work_1, NULL);
	model_run();
	model_assert(weft_future_status(kit_future(0)) == 0);
}

/* ---- The end: the first stopper joins the workers, the others wait for that. ---- */

static void join(void *pool)
{
	(void)pool;
	joined++;
}

THREAD(stop_and_see)
{
	model_assert(weft_executor_stop(&kit_executor, WEFT_STOP_DRAIN, WEFT_FOREVER) == 0);
	model_assert(joined == 1);
}

MODEL(stop_twice)
{
	kit_start();
	joined = 0;
	kit_executor.ops.join = join;
	kit_executor.ended.epoch = UINT32_MAX;
	model_thread("stopper 1", stop_and_see, NULL);
	model_thread("stopper 2", stop_and_see, NULL);
	model_run();
}

/* It gives up after a while, and tries again. */
THREAD(stop_for_a_while)
{
	int err = weft_executor_stop(&kit_executor, WEFT_STOP_DRAIN, 1);

	model_assert(err ? err == -ETIMEDOUT && joined == 0 : joined == 1 && kit_result[1] == 2);
	stop_and_see(NULL);
	model_assert(kit_result[1] == 2);
}

MODEL(stop_for_a_while_only)
{
	kit_start();
	joined = 0;
	kit_submit(1, NULL);
	kit_executor.ops.join = join;
	model_timeouts(1);
	model_thread("worker", work_1, NULL);
	model_thread("stopper", stop_for_a_while, NULL);
	model_run();
}
