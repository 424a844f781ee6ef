/* SPDX-License-Identifier: MIT
 *
 * call.c -- a task while it runs: what its body may ask, and how it sleeps.
 */
#include "clock.h"
#include "fiber.h"
#include "graph.h"
#include "memory.h"
#include "ready.h"
#include "state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* How long a body in a worker process may sleep before it looks whether its parent has cancelled it. */
#define REMOTE_CANCEL_SLICE WEFT_MS(5)

bool weft_call_cancelled(const weft_call *call)
{
	return weft__cancelled(call);
}

weft_time weft_call_deadline(const weft_call *call)
{
	return call ? weft__future(call->task)->deadline : WEFT_FOREVER;
}

size_t weft_call_arg_size(const weft_call *call)
{
	return call ? call->task->arg_size : 0;
}

void weft_call_reply(weft_call *call, size_t n)
{
	if (call)
		call->reply_size = n < call->task->result_size ? n : call->task->result_size;
}

void *weft_call_scratch(weft_call *call, size_t n)
{
	struct weft__scratch *s;

	if (!call || n > SIZE_MAX - sizeof *s)
		return NULL;
	s = weft__memory_new(sizeof *s + n, false);
	if (!s)
		return NULL;
	s->next = call->scratch;
	call->scratch = s;
	return s->data;
}

int weft_call_fail(weft_call *call, int err, const char *fmt, ...)
{
	va_list args;

	if (err >= 0)
		err = -EINVAL;
	if (!call)
		return err;
	va_start(args, fmt);
	vsnprintf(call->text, sizeof call->text, fmt, args);
	va_end(args);
	call->has_text = true;
	return err;
}

const weft_future *weft_call_cause(const weft_call *call)
{
	return call ? weft__cause(weft__future(call->task)) : NULL;
}

weft_call *weft_current(void)
{
	return weft__current;
}

/* Whose thread this is. The outermost task may be another's: a continuation on "inline" runs on whatever
 * thread ends its cause. A pool's thread is known by its tally. */
static weft_executor *owner_of_thread(const weft_call *call)
{
	return weft__tally ? weft__tally->ex : weft__future(call->base->task)->ex;
}

void weft__tell_blocking(const weft_call *call, bool blocked)
{
	weft_executor *ex = owner_of_thread(call);

	if (ex && ex->ops.blocking)
		ex->ops.blocking(ex->self, blocked);
}

void weft_blocking_begin(void)
{
	if (!weft__current)
		return;
	weft__current->blocking++;
	weft__tell_blocking(weft__current, true);
}

void weft_blocking_end(void)
{
	if (!weft__current || !weft__current->blocking)
		return;
	weft__current->blocking--;
	weft__tell_blocking(weft__current, false);
}

bool weft__inside(weft_executor *ex)
{
	return weft__current && ex->ops.inside && ex->ops.inside(ex->self);
}

bool weft__take(weft_future *f)
{
	return weft__current && weft__phase(f) == PHASE_QUEUED && weft__take_queued(f);
}

static int park(struct weft__parker *p, weft_time deadline)
{
	return p->alarm ? weft__park_ready(p, deadline) : weft__park(p, deadline);
}

/* How long a body may sleep before it looks whether it was cancelled. */
static weft_time slice_of(const weft_call *call, const struct weft__parker *p)
{
	if (call->remote_cancel)
		return REMOTE_CANCEL_SLICE;
	return p->alarm ? weft__ready_slice(p) : WEFT_FOREVER;
}

/* Sleeps with the place of the thread's pool given up meanwhile. */
static int park_blocking(const weft_call *call, struct weft__parker *p, weft_time deadline,
			 bool interruptible)
{
	weft_time slice = interruptible ? slice_of(call, p) : WEFT_FOREVER, end;
	int err;

	weft__tell_blocking(call, true);
	do {
		end = slice == WEFT_FOREVER ? slice : weft_after(slice);
		err = park(p, weft__earlier(end, deadline));
	} while (err && end < deadline && !weft_call_cancelled(call));
	weft__tell_blocking(call, false);
	return err;
}

/* Where the calling task's canceller finds it asleep; NULL: nowhere. */
static void set_sleeper(weft_call *call, struct weft__parker *p)
{
	weft_future *f = weft__future(call->task);

	weft__lock(weft__stripe(f));
	f->sleeper = p;
	weft__unlock(weft__stripe(f));
}

static int sleep_interruptibly(weft_call *call, struct weft__parker *p, weft_time deadline)
{
	struct weft__waiter stop = {.parker = p};
	weft_executor *ex = weft__future(call->task)->ex;
	weft_time own = weft_call_deadline(call);
	int err = 0;

	set_sleeper(call, p);
	if (ex)
		weft__waitq_enter(&ex->sleepers, &stop);
	if (!weft_call_cancelled(call))
		err = park_blocking(call, p, weft__earlier(own, deadline), true);
	if (ex)
		weft__waitq_leave(&ex->sleepers, &stop);
	set_sleeper(call, NULL);
	return weft_call_cancelled(call) ? -ECANCELED : err;
}

/* Its engine knows whom to wake when the task is to give up: nobody has to be told where it sleeps. */
static int sleep_in_fiber(weft_call *call, struct weft__parker *p, weft_time deadline, bool interruptible)
{
	weft_time own = interruptible ? weft_call_deadline(call) : WEFT_FOREVER;
	int err = weft__park_fiber(weft__fiber, p, weft__earlier(own, deadline), interruptible);

	return interruptible && weft_call_cancelled(call) ? -ECANCELED : err;
}

static int sleep_somehow(weft_call *call, struct weft__parker *p, weft_time deadline, bool interruptible)
{
	if (!call)
		return park(p, deadline);
	if (weft__fiber && weft__fiber_owns(weft__fiber, call))
		return sleep_in_fiber(call, p, deadline, interruptible);
	return interruptible ? sleep_interruptibly(call, p, deadline)
			     : park_blocking(call, p, deadline, false);
}

int weft__sleep(struct weft__parker *p, weft_time deadline, bool interruptible)
{
	int err;

	weft__probe_park(false);
	err = sleep_somehow(weft__current, p, deadline, interruptible);
	weft__probe_unpark();
	return err;
}

int weft__sleep_word(atom_u32 *word, uint32_t expected, weft_time deadline, enum weft__scope scope)
{
	weft_call *call = weft__current;
	weft_time until, end;
	bool fiber;
	int err = 0;

	if (!call)
		return weft__wait(word, expected, deadline, scope);
	weft__probe_park(false);
	fiber = weft__fiber && weft__fiber_owns(weft__fiber, call);
	until = weft__earlier(weft_call_deadline(call), deadline);
	if (!fiber)
		weft__tell_blocking(call, true);
	while (!err && !weft_call_cancelled(call)) {
		end = weft__earlier(weft_after(REMOTE_CANCEL_SLICE), until);
		err = weft__wait(word, expected, end, scope);
		if (err && end < until)
			err = 0; /* only a look whether it was cancelled */
		else
			break;
	}
	if (!fiber)
		weft__tell_blocking(call, false);
	weft__probe_unpark();
	return weft_call_cancelled(call) ? -ECANCELED : err;
}
