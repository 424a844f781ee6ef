/* SPDX-License-Identifier: MIT
 *
 * cancel.c -- the race between a canceller, a deadline and the worker that starts a task. It is decided by
 * one compare-and-swap on the state word: who moves it out of QUEUED owns the task.
 *
 *   tag  word      from -> to               order                         carries
 *   C1   f.state   mover -> next mover      CAS acq_rel -> CAS acq_rel    what the mover wrote into f
 *   C2   f.state   ask -> finish            CAS under the stripe lock; a finisher that sees ASKED takes
 *                                           that lock, so the executor lives until the canceller is done
 *
 * Progress: a claim is lock-free; a cancel that meets a task in phase CLAIMED waits for the mover, which
 * never blocks meanwhile but for short locks. ABA: a task can only come round to QUEUED by being done and
 * submitted again, which its owner does not do while others cancel it.
 */
#include "forked.h"
#include "state.h"

#include <errno.h>
#include <sched.h>

void weft__unqueue(weft_future *f)
{
	if (f->ex->ops.remove)
		f->ex->ops.remove(f->ex->self, weft__task(f));
	weft__waitq_wake_light(&f->ex->room, 1);
}

bool weft__drop(weft_future *f, int status)
{
	if (weft__claim(f, PHASE_QUEUED, PHASE_CLAIMED))
		weft__unqueue(f);
	else if (weft__claim(f, PHASE_PROMISED, PHASE_CLAIMED))
		weft__promise_unlink(f);
	else
		return false;
	weft__finish(f, status, NULL, NULL);
	return true;
}

/* Raises ASKED if f runs. */
static bool raise_asked(weft_future *f)
{
	uint32_t s = atom_load(&f->state, relaxed);

	while ((s & PHASE_MASK) == PHASE_RUNNING)
		/* C2: the stripe lock, which the caller holds, orders. */
		if (atom_cas(&f->state, &s, s | FLAG_ASKED, relaxed, relaxed))
			return true;
	return false;
}

bool weft__ask(weft_future *f, enum weft_cancel *ret)
{
	weft_executor *ex;
	bool running;

	weft__lock(weft__stripe(f));
	running = raise_asked(f);
	if (running) {
		*ret = WEFT_CANCEL_ASKED;
		if (f->sleeper)
			weft__unpark(f->sleeper);
		ex = f->ex;
		if (ex->ops.interrupt)
			*ret = ex->ops.interrupt(ex->self, weft__task(f));
		if (*ret == WEFT_CANCEL_DROPPED) /* a second canceller waits until it is done */
			weft__claim(f, PHASE_RUNNING, PHASE_CLAIMED);
	}
	weft__unlock(weft__stripe(f));
	if (running && *ret == WEFT_CANCEL_DROPPED)
		weft__waitq_wake_light(&f->ex->room, 1); /* it counted as waiting: there is room now */
	return running;
}

bool weft__take_back(weft_future *f)
{
	weft_executor *ex = f->ex;
	bool taken;

	if (weft__drop(f, -ECANCELED))
		return true;
	weft__lock(weft__stripe(f));
	taken = weft__phase(f) == PHASE_RUNNING && ex->take_back && ex->take_back(ex->self, weft__task(f));
	if (taken)
		weft__claim(f, PHASE_RUNNING, PHASE_CLAIMED);
	weft__unlock(weft__stripe(f));
	if (!taken)
		return false;
	weft__waitq_wake_light(&ex->room, 1);
	weft__finish(f, -ECANCELED, NULL, NULL);
	return true;
}

enum weft_cancel weft_future_cancel(weft_future *f)
{
	enum weft_cancel answer;

	if (!f)
		return WEFT_CANCEL_LATE;
	for (;;) {
		uint32_t phase = weft__phase(f);

		if (phase == PHASE_ENTERING) { /* what the submitter writes must not be looked at yet */
			sched_yield();
			continue;
		}
		if (phase == PHASE_IDLE || phase == PHASE_DONE || weft__forked(f->generation))
			return WEFT_CANCEL_LATE;
		if (weft__drop(f, -ECANCELED))
			return WEFT_CANCEL_DROPPED;
		if (weft__ask(f, &answer)) {
			if (answer == WEFT_CANCEL_DROPPED)
				weft__finish(f, -ECANCELED, NULL, NULL);
			return answer;
		}
		sched_yield(); /* CLAIMED: let the mover go on */
	}
}
