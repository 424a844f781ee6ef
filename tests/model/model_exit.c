/* SPDX-License-Identifier: MIT
 *
 * model_exit.c -- core/exit_hold.c: the end of the program waits for all that hold it up, and sees what they did.
 */
#include "exit_hold.h"
#include "model.h"

#include <stdlib.h>

static int did[2];

/* In place of the C library's: nothing is to run when the checker ends. */
int atexit(void (*fn)(void))
{
	(void)fn;
	return 0;
}

static void holder(void *arg)
{
	*(int *)arg = 1;
	weft__exit_release();
}

static void waiter(void *arg)
{
	(void)arg;
	weft__exit_wait();
	model_assert(did[0] && did[1]);
}

/* One of those that hold it up. */
static void waiter_that_holds(void *arg)
{
	(void)arg;
	weft__exit_self(true);
	weft__exit_wait();
	model_assert(did[0]);
	weft__exit_self(false);
	weft__exit_release();
}

static void begin(void)
{
	weft__exit_reset();
	did[0] = did[1] = 0;
	weft__exit_hold();
	weft__exit_hold();
}

MODEL(exit_waits_for_all)
{
	begin();
	model_thread("A", holder, &did[0]);
	model_thread("B", holder, &did[1]);
	model_thread("exit", waiter, NULL);
	model_run();
}

MODEL(exit_does_not_wait_for_itself)
{
	begin();
	model_thread("A", holder, &did[0]);
	model_thread("exit", waiter_that_holds, NULL);
	model_run();
}
