/* SPDX-License-Identifier: MIT
 *
 * worker_own.c -- a weft_process from the inside: one task, from the process's first step to its last.
 */
#include "worker_own.h"
#include "exit_hold.h"
#include "spin.h"
#include "stats.h"
#include "steal.h"
#include "worker_start.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_ERROR = 1, EXIT_NO_MEMORY = 127 };

static struct own_task *map(int memfd)
{
	struct stat s;
	struct own_task *o = MAP_FAILED;

	if (!fstat(memfd, &s))
		o = mmap(NULL, (size_t)s.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	close(memfd);
	if (o == MAP_FAILED)
		_exit(EXIT_NO_MEMORY);
	return o;
}

/* With WEFT_START_FORK we may be a copy of a thread that was in the middle of a task. That task is not ours. */
static void forget_tasks(void)
{
	weft__current = NULL;
	weft__tally = NULL;
	weft__work = NULL;
	weft__deque_own = (void *)(uintptr_t)&weft__deque_none;
	weft__releases = (struct weft__releases){0};
	weft__name_thread(NULL);
}

/* As a process whose main() has returned, but for its exit handlers: those are for who calls exit(). */
static _Noreturn void leave(int code)
{
	weft__exit_wait();
	fflush(NULL);
	_exit(code);
}

/* The body has called pthread_exit. */
static void leave_early(void *nothing)
{
	(void)nothing;
	leave(0);
}

static int run_body(weft_call *call, weft_task *t)
{
	int status;

	pthread_cleanup_push(leave_early, NULL);
	status = weft__body(call, t);
	pthread_cleanup_pop(0);
	return status;
}

static int run(const struct own_task *o, weft_call *call)
{
	weft_task t = {.arg_size = o->arg_size, .result_size = o->result_size};
	char *payload = (char *)(uintptr_t)o->payload;
	int err = worker_care_find(&o->fn, &t.fn, call);

	if (err)
		return err;
	t.arg = t.arg_size ? payload : NULL;
	t.result = t.result_size ? payload + own_result_at(t.arg_size) : NULL;
	t.name = o->name;
	weft__future(&t)->deadline = WEFT_FOREVER;
	weft__probe_start((void *)(uintptr_t)o->traced, &t, 0);
	err = run_body(call, &t);
	weft__probe_end((void *)(uintptr_t)o->traced, err);
	return err;
}

_Noreturn void worker_own(const struct worker_plan *plan, int memfd, int bell, int trace,
			  const struct weft__space *space, int space_fd)
{
	struct own_task *o = map(memfd);
	weft_call call = {.remote_cancel = &o->cancel};
	int status = 0;

	if (plan->start == WEFT_START_SPAWN)
		worker_reset_signals(); /* in a new run of the program a library may have set its own */
	weft__spin_know(plan->alone);
	close(bell);
	worker_care_begin(plan, -1);
	if (space) {
		status = weft__space_attach(space, space_fd);
		close(space_fd);
	}
	forget_tasks();
	weft__name_process(o->name);
	prctl(PR_SET_NAME, o->name);
	weft__trace_attach(trace, o->name);
	if (trace >= 0)
		close(trace);
	if (!status)
		status = run(o, &call);
	o->status = status;
	o->reply_size = call.reply_size;
	o->has_text = call.has_text && status < 0;
	memcpy(o->text, call.text, sizeof o->text);
	/* W1 release: pairs with the load in process_own_watch.c. */
	atom_store(&o->state, OWN_DONE, release);
	leave(status < 0 ? EXIT_ERROR : 0);
}
