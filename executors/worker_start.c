/* SPDX-License-Identifier: MIT
 *
 * worker_start.c -- a worker from its first step to its last: its limits, its init, its sandbox; a report that
 * it is up, or why not; its tasks; its fini.
 */
#include "worker_start.h"
#include "exit_hold.h"
#include "spin.h"
#include "stats.h"
#include "worker_own.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { EXIT_NOT_STARTED = 126, EXIT_NO_MEMORY = 127 };

void worker_reset_signals(void)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	/* What a terminal sends to its whole foreground group is for the caller to decide on. */
	signal(SIGINT, SIG_IGN);
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
}

/* Calls a function of the pool's user that is no task of anybody's: init and fini. */
static int call_function(const struct worker_plan *plan, const struct weft__token *token, weft_call *call)
{
	/* A copy that it may write to. */
	_Alignas(16) char arg[WEFT_INIT_ARG_MAX];
	weft_task t = {.arg = plan->init_arg_size ? arg : NULL, .arg_size = plan->init_arg_size};
	int err = worker_care_find(token, &t.fn, call);

	if (err)
		return err;
	memcpy(arg, plan->init_arg, plan->init_arg_size);
	weft__future(&t)->deadline = WEFT_FOREVER;
	return weft__body(call, &t);
}

static int load_modules(const struct worker_plan *plan, weft_call *call)
{
	weft_fn *fn;
	uint32_t n = atom_load((atom_u32 *)(uintptr_t)&plan->n_modules, relaxed); /* see worker_plan.h */

	/* One that cannot be loaded is an error once a task needs it. */
	for (uint32_t i = 0; i < n; i++)
		worker_care_find(&plan->module[i].token, &fn, call);
	call->has_text = false;
	return 0;
}

static int prepare(const struct worker_plan *plan, uint32_t number, int bell, weft_call *call)
{
	bool sandbox = plan->flags & WEFT_PROCESSES_SANDBOX;
	int err = worker_limits_set(plan, number, call);

	if (!err && sandbox)
		err = load_modules(plan, call);
	if (!err && plan->init.id_len)
		err = call_function(plan, &plan->init, call);
	if (err < 0 && !call->has_text)
		weft_call_fail(call, err, "init: %s", weft_strerror(err));
	if (err >= 0 && sandbox)
		err = worker_sandbox_enter(bell, call);
	return err < 0 ? err : 0;
}

static int map_regions(const struct weft__space *space, int fd, weft_call *call)
{
	int err = weft__space_attach(space, fd);

	close(fd);
	return err ? weft_call_fail(call, err, "mapping the regions: %s", weft_strerror(err)) : 0;
}

/* Tells the pool. Nobody may be waiting for it: a ring for nothing does no harm. */
static void report(struct lane *lane, int bell, uint32_t state)
{
	uint64_t one = 1;
	ssize_t n;

	/* R1 release: pairs with the load in process_start.c; the error and its text. */
	atom_store(&lane->report.state, state, release);
	n = write(bell, &one, sizeof one);
	(void)n; /* full means that it is readable */
}

static _Noreturn void fail(struct lane *lane, int bell, int err, const weft_call *call)
{
	lane->report.error = err;
	if (call->has_text)
		memcpy(lane->report.text, call->text, sizeof call->text);
	report(lane, bell, WORKER_FAILED);
	fflush(NULL);
	_exit(EXIT_NOT_STARTED);
}

_Noreturn void worker_start(const struct worker_plan *plan, int memfd, int bell, int trace,
			    const struct weft__space *space, int space_fd)
{
	weft_call call = {.task = NULL};
	struct lane *lane;
	int err;

	if (plan->own)
		worker_own(plan, memfd, bell, trace, space, space_fd);
	lane = mmap(NULL, lane_size(plan->slot_size), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (lane == MAP_FAILED)
		_exit(EXIT_NO_MEMORY);
	if (plan->shown)
		weft__work = &lane->shown.work;
	else
		close(memfd);
	if (plan->start == WEFT_START_SPAWN)
		worker_reset_signals(); /* in a new run of the program a library may have set its own */
	weft__name_process("weft-worker");
	weft__trace_attach(trace, "weft-worker");
	if (trace >= 0)
		close(trace);
	weft__spin_know(plan->alone);
	worker_care_begin(plan, bell);
	err = space ? map_regions(space, space_fd, &call) : 0;
	if (!err)
		err = prepare(plan, lane->report.number, bell, &call);
	if (err)
		fail(lane, bell, err, &call);
	report(lane, bell, WORKER_UP);
	worker_main(lane, plan->slot_size, bell);
	if (plan->fini.id_len)
		call_function(plan, &plan->fini, &call);
	fflush(NULL);
	_exit(0);
}
