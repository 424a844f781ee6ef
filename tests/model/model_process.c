/* SPDX-License-Identifier: MIT
 *
 * model_process.c -- executors/process_own*.c: a weft_process is started, in a nursery that is there or has to be made,
 * its end is heard, or that of its nursery, whenever it comes; and the handle, the watcher and the end of the program
 * take leave of it.
 */
#include "exit_hold.h"
#include "kit_own.h"
#include "kit_system.h"

#include <errno.h>
#include <signal.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static void start(unsigned starters)
{
	kit_own_start(starters);
	model_preemptions(-1);
}

static void threads(void (*starts)(void *arg))
{
	model_thread("starter", starts, NULL);
	model_thread("watcher", kit_server, NULL);
}

/* Who starts one and joins it finds the outcome. */
THREAD(starter)
{
	weft_process *p = NULL;
	int code;

	model_assert(kit_own_process(&p, 0) == 0);
	model_assert(weft_process_pid(p) >= 1000);
	if (!kit_own.ends_at_once)
		kit_own_process_ends(arg);
	model_assert(weft_process_join(p, WEFT_FOREVER) == 0);
	model_assert(weft_process_exit(p, &code) == 0);
	model_assert(weft_future_status(weft_process_future(p)) == KIT_STATUS);
	weft_process_free(p);
	kit_own_starter_ends();
}

/* One starter, one nursery, one process. */
static void run_one(void (*starts)(void *arg))
{
	threads(starts);
	model_run();
	model_assert(kit_own.nurseries == 1 && kit_own.spawned == 1);
	kit_own_check();
}

MODEL(process_ends)
{
	start(1);
	kit_own_nursery();
	run_one(starter);
}

MODEL(process_ends_at_once)
{
	start(1);
	kit_own_nursery();
	kit_own.ends_at_once = true;
	run_one(starter);
}

MODEL(process_of_a_new_nursery)
{
	start(1);
	run_one(starter);
}

/* Its nursery has been killed, and nobody has seen it yet. */
MODEL(process_after_a_killed_nursery)
{
	start(1);
	kit_own_nursery();
	kit_own_kill_nursery(NULL);
	model_preemptions(-2);
	kit_own.ends_at_once = true;
	threads(starter);
	model_run();
	model_assert(kit_own.nurseries == 2 && kit_own.spawned == 1);
	kit_own_check();
}

/* Its nursery is killed, whenever, and no other is to be had. */
THREAD(starter_in_danger)
{
	weft_process *p = NULL;
	int err = kit_own_process(&p, 0), code;

	if (err) {
		model_assert(err == (kit_own.spawned ? -EIO : -EMFILE));
	} else {
		model_assert(weft_process_join(p, WEFT_FOREVER) == 0);
		model_assert(weft_process_exit(p, &code) == 0 && code == -SIGKILL);
		model_assert(weft_future_status(weft_process_future(p)) == -EOWNERDEAD);
		weft_process_free(p);
	}
	kit_own_starter_ends();
}

MODEL(process_whose_nursery_dies)
{
	start(1);
	kit_own_nursery();
	kit_own.open_fails = true;
	threads(starter_in_danger);
	model_thread("killer", kit_own_kill_nursery, NULL);
	model_run();
	kit_own_check();
}

THREAD(starter_refused)
{
	weft_process *p = NULL;
	int err = kit_own.open_fails ? -EMFILE : kit_own.spawn_fails ? -EAGAIN : -EIO;

	model_assert(kit_own_process(&p, 0) == err && !p);
	kit_own_starter_ends();
}

static void run_refused(void)
{
	threads(starter_refused);
	model_run();
	kit_own_check();
}

MODEL(process_that_cannot_be_forked)
{
	start(1);
	kit_own_nursery();
	kit_own.spawn_fails = true;
	run_refused();
}

MODEL(process_whose_nursery_dies_of_it)
{
	start(1);
	kit_own_nursery();
	kit_own.dies_when_asked = true;
	run_refused();
}

MODEL(process_without_a_nursery)
{
	start(1);
	kit_own.open_fails = true;
	run_refused();
}

/* The nursery has been without a process for a while, and is sent away; or found first. */
MODEL(process_of_a_nursery_that_leaves)
{
	start(1);
	kit_own_nursery();
	kit_own.lingers = true;
	model_preemptions(-2);
	model_timeouts(1);
	threads(starter);
	model_run();
	model_assert(kit_own.nurseries <= 2 && kit_own.spawned == 1);
	kit_own_check();
}

THREAD(starter_without_care)
{
	weft_process *p = NULL;

	model_assert(kit_own_process(&p, WEFT_DAEMON) == 0);
	weft_process_free(p);
	kit_own_starter_ends();
}

/* Another one, too, has found none, and is about to make it. */
THREAD(maker)
{
	kit_own_nursery();
	weft__unlock(&own.making);
	kit_own_starter_ends();
}

MODEL(process_of_a_nursery_in_the_making)
{
	start(2);
	model_preemptions(-2);
	weft__lock(&own.making);
	kit_own.ends_at_once = true;
	model_thread("maker", maker, NULL);
	threads(starter_without_care);
	model_run();
	model_assert(kit_own.nurseries == 1 && kit_own.spawned == 1);
	kit_own_check();
}

/* The handle may go before the process does, and while somebody cancels it, who has the future. */
THREAD(starter_that_leaves)
{
	weft_process *p = NULL;
	weft_future *f;

	model_assert(kit_own_process(&p, 0) == 0);
	f = weft_future_ref(weft_process_future(p));
	weft_process_free(p);
	kit_own_process_ends(arg);
	weft_future_cancel(f);
	weft_future_unref(f);
	kit_own_starter_ends();
}

MODEL(process_cancelled_while_it_ends)
{
	start(1);
	kit_own_nursery();
	run_one(starter_that_leaves);
}

/* Nobody joins it, but the end of the program. */
THREAD(starter_of_a_last_one)
{
	weft_process *p = NULL;
	weft_future *f;

	model_assert(kit_own_process(&p, 0) == 0);
	f = weft_future_ref(weft_process_future(p));
	weft_process_free(p);
	kit_own_process_ends(arg);
	weft__exit_wait();
	model_assert(weft_future_status(f) == KIT_STATUS);
	weft_future_unref(f);
	kit_own_starter_ends();
}

MODEL(process_holds_up_the_end)
{
	start(1);
	kit_own_nursery();
	run_one(starter_of_a_last_one);
}
