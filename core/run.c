/* SPDX-License-Identifier: MIT
 *
 * run.c -- a body from its first instruction to its future's end. What every task passes through, so what most
 * tasks do not need is out of the way.
 */
#include "graph.h"
#include "memory.h"
#include "state.h"

#include <errno.h>
#include <limits.h>

/* Calls fn for each element of a batch, until one fails. */
static __attribute__((noinline)) int run_batch(weft_call *call, weft_task *t)
{
	struct weft__batch *b = weft__future(t)->batch;
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

/* What a body has left behind that most do not: sections that block, memory. */
__attribute__((noinline)) void weft__clear_up(weft_call *call)
{
	while (call->blocking)
		weft_blocking_end();
	for (struct weft__scratch *s = call->scratch, *next; s; s = next) {
		next = s->next;
		weft__memory_free(s);
	}
}

/* A body that gave up because of its deadline, and not because somebody asked it to. */
static __attribute__((noinline)) int why_cancelled(const weft_call *call)
{
	return !weft__asked(call) && weft__cancelled(call) ? -ETIMEDOUT : -ECANCELED;
}

static inline int run_body(weft_call *call, weft_task *t, const atom_u32 *remote_cancel)
{
	weft_call *outer = weft__current;
	int status;

	call->task = t;
	call->reply_size = t->result_size;
	call->outer = outer;
	call->base = outer ? outer->base : call;
	call->scratch = NULL;
	call->remote_cancel = remote_cancel;
	call->blocking = 0;
	call->has_text = call->guest = call->covered = false;
	weft__current = call;
	status = weft__future(t)->origin & FROM_BATCH ? run_batch(call, t) : t->fn(call, t->arg, t->result);
	if (status == -ECANCELED)
		status = why_cancelled(call);
	if (call->blocking || call->scratch)
		weft__clear_up(call);
	weft__current = outer;
	if (outer && outer->covered)
		weft__graph_uncover(outer);
	return status;
}

int weft__body(weft_call *call, weft_task *t)
{
	return run_body(call, t, call->remote_cancel);
}

/* The end of a task that succeeded, and that nobody hangs on but who sleeps on its word. The tag is that of
 * finish.c. */
static inline bool finish_plainly(weft_future *f, int status)
{
	weft_executor *ex = f->ex;
	uint32_t s = atom_load(&f->state, relaxed);
	struct weft__link *rest = NULL;

	if (status < 0 || f->origin || f->group)
		return false;
	f->status = status;
	weft__count_done(ex, 0);
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
	int status;

	if (f->deadline != WEFT_FOREVER && weft_now() >= f->deadline) {
		weft__finish(f, -ETIMEDOUT, NULL, NULL);
		return;
	}
	weft__probe_start(t, t, 0);
	status = run_body(&call, t, NULL);
	weft__probe_end(t, status);
	weft__reply(f, call.reply_size);
	if (!finish_plainly(f, status))
		weft__finish(f, status, call.has_text ? call.text : NULL, NULL);
}
