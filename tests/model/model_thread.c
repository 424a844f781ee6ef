/* SPDX-License-Identifier: MIT
 *
 * model_thread.c -- core/thread.c: a thread ends, by itself or early, while others join it, free it or cancel it,
 * and the end of the program waits for it.
 */
#include "exit_hold.h"
#include "kit_system.h"
#include "model.h"
#include "state.h"

#include <errno.h>
#include <weft/executor.h>
#include <weft/thread.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

enum { STATUS = 7 };

static weft_thread *handle;
static int did, followed;

static int body(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	did++;
	return STATUS;
}

static int body_that_exits(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	did++;
	kit_thread_exit(NULL);
}

/* In the body: it has been started, and is about to run. */
static void start(weft_fn *fn)
{
	kit_system_start(1);
	did = followed = 0;
	model_assert(weft_thread_start(&handle, fn, NULL, 0, NULL) == 0);
	kit_starter_ends();
	model_thread("thread", kit_server, NULL);
}

static void check(void)
{
	weft__exit_wait(); /* or it sleeps for ever */
	model_assert(did == 1);
	kit_system_check();
}

THREAD(join_for_ever)
{
	model_assert(weft_thread_join(handle, WEFT_FOREVER) == 0);
	model_assert(did == 1);
}

THREAD(join_and_free)
{
	join_for_ever(NULL);
	model_assert(weft_future_status(weft_thread_future(handle)) == STATUS);
	model_assert(weft_thread_free(handle) == 0);
}

MODEL(thread_is_joined_and_freed)
{
	start(body);
	model_thread("joiner", join_and_free, NULL);
	model_run();
	check();
}

static void follow(void)
{
	followed++;
}

THREAD(join_to_the_end)
{
	model_assert(weft_thread_join(handle, WEFT_FOREVER) == 0);
	model_assert(did == 1 && followed == 1);
}

/* One of them joins it, the others wait for that one. */
MODEL(thread_has_two_joiners)
{
	start(body);
	kit_destructor = follow;
	model_preemptions(-1);
	model_thread("A", join_to_the_end, NULL);
	model_thread("B", join_to_the_end, NULL);
	model_run();
	model_assert(weft_thread_free(handle) == 0);
	check();
}

/* Who has not all the time waits first for the future, then for the continuations, which run in the thread. */
static int continuation(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	followed++;
	return 0;
}

static int run_in_place(void *self, struct weft_offer *offer)
{
	(void)self;
	model_assert(weft_impl_accept(offer, 0) == 0 && weft_impl_start(&offer->tasks[0]));
	weft_impl_run(&offer->tasks[0]);
	return 1;
}

THREAD(join_within_time)
{
	int err = weft_thread_join(handle, 1000);

	model_assert(err == 0 || err == -ETIMEDOUT);
	if (!err)
		model_assert(did == 1 && followed == 1);
	model_assert(weft_thread_free(handle) == 0);
}

MODEL(thread_is_joined_within_time)
{
	static weft_executor executor;
	static weft_task next;

	start(body);
	executor = (weft_executor){.ops = {.submit = run_in_place}, .shared.n = &executor.shared.own};
	next = (weft_task){.fn = continuation};
	model_assert(weft_future_then(weft_thread_future(handle), &executor, &next) == 0);
	model_timeouts(1);
	model_preemptions(-1);
	model_thread("joiner", join_within_time, NULL);
	model_run();
	check();
}

THREAD(free_it)
{
	model_assert(weft_thread_free(handle) == 0);
}

MODEL(thread_is_freed_while_it_runs)
{
	start(body);
	model_thread("owner", free_it, NULL);
	model_run();
	check();
}

THREAD(end_the_program)
{
	weft__exit_wait();
	model_assert(did == 1);
}

MODEL(thread_holds_up_the_end)
{
	start(body);
	model_thread("owner", free_it, NULL);
	model_thread("exit", end_the_program, NULL);
	model_run();
	check();
}

THREAD(join_one_that_exits)
{
	model_assert(weft_thread_join(handle, 1000) == 0);
	model_assert(weft_future_status(weft_thread_future(handle)) == -EOWNERDEAD);
	free_it(NULL);
}

MODEL(thread_exits_early)
{
	start(body_that_exits);
	model_thread("joiner", join_one_that_exits, NULL);
	model_run();
	check();
}
