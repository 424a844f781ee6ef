/* SPDX-License-Identifier: MIT
 *
 * run.c -- a body from its first instruction to its future's end. What every task passes through, so what most
 * tasks do not need is out of the way.
 */
#include "graph.h"
#include "state.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

/* Calls fn for each element of a batch, until one fails. */
static int run_batch(weft_call *call, weft_task *t, struct weft__batch *b)
{
	const char *arg = t->arg;
	char *result = t->result;
	int status = 0;

	for (size_t i = 0; i < b->n && status >= 0; i++) {
		*b->failed = i; /* before the call: in a worker process it may be the last we do */
		status = weft__cancelled(call) ? -ECANCELED
					       : t->fn(call, arg ? arg + i * b->arg_stride : NULL,
						       result ? result + i * b->result_stride : NULL);
	}
	return status < 0 ? status : 0;
}

static void free_scratch(weft_call *call)
{
	for (struct weft__scratch *s = call->scratch, *next; s; s = next) {
		next = s->next;
		free(s);
	}
}

int weft__body(weft_call *call, weft_task *t)
{
	weft_future *f = weft__future(t);
	struct weft__batch *batch = weft__batch(f);
	int status;

	call->task = t;
	call->reply_size = t->result_size;
	call->outer = weft__current;
	call->base = call->outer ? call->outer->base : call;
	call->scratch = NULL;
	call->covered = call->guest = false;
	call->blocking = 0;
	weft__current = call;
	status = batch ? run_batch(call, t, batch) : t->fn(call, t->arg, t->result);
	if (status == -ECANCELED && !weft__asked(call) && weft__cancelled(call))
		status = -ETIMEDOUT; /* its deadline is what made it give up */
	while (call->blocking)
		weft_blocking_end();
	weft__current = call->outer;
	if (call->outer && call->outer->covered)
		weft__graph_uncover(call->outer);
	if (call->scratch)
		free_scratch(call);
	return status;
}

/* The end of a task that succeeded, and that nobody hangs on but who sleeps on its word. The tag is that of
 * finish.c. */
static bool finish_plainly(weft_future *f, int status)
{
	weft_executor *ex = f->ex;
	uint32_t s = atom_load(&f->state, relaxed);
	struct weft__link *rest = NULL;

	if (status < 0 || f->origin || f->group)
		return false;
	f->status = status;
	weft__count_done(ex, status);
	/* F1 release: the outcome; acquire: as in publish. */
	if (s & (FLAG_LINKS | FLAG_ASKED) || !atom_cas(&f->state, &s, PHASE_DONE, acq_rel, relaxed))
		rest = weft__publish(f);
	else if (s & FLAG_WAITERS)
		weft__wake(&f->state, INT_MAX, WEFT__PRIVATE);
	weft__load_leave(ex, 1);
	if (rest)
		weft__release(rest);
	return true;
}

void weft_impl_run(weft_task *t)
{
	weft_call call;
	weft_future *f = weft__future(t);
	int status = -ETIMEDOUT;

	call.remote_cancel = NULL;
	call.has_text = false;
	if (f->deadline == WEFT_FOREVER || weft_now() < f->deadline) {
		status = weft__body(&call, t);
		weft__reply(f, call.reply_size);
	}
	if (!finish_plainly(f, status))
		weft__finish(f, status, call.has_text ? call.text : NULL, NULL);
}
