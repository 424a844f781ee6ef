/* SPDX-License-Identifier: MIT
 *
 * attend.c -- futures of tasks that end in another process. Nobody in this one is told, unless he asks: so who
 * waits for such a task attends to it. He looks where the other process will say that it is done, then sleeps
 * there, and finishes the future himself, and what else he finds done. Who hangs something on a future instead,
 * and goes away, has it heeded: then the executor sees to it.
 *
 * Meanwhile the executor must not go: the future may be finished by somebody else, and the executor drained
 * and freed, while we are in it. So we count as one of its tasks. That takes a future that is not done yet,
 * and stays so until we are counted: with LINKS in its state word a finisher takes the stripe lock before he
 * publishes, and we hold it. The order is that of F3 in finish.c.
 */
#include "forked.h"
#include "state.h"

#include <errno.h>

/* The executor of f, which will live until weft__load_leave; NULL: f does not run, or needs nobody. */
static weft_executor *hold(weft_future *f)
{
	weft_executor *held = NULL;
	uint32_t s;

	/* The phase first: what a submitter writes must not be looked at yet. */
	if (weft__phase(f) != PHASE_RUNNING || !(f->origin & ATTENDED) || weft__forked(f->generation))
		return NULL;
	weft__lock(weft__stripe(f));
	s = atom_load(&f->state, relaxed);
	while ((s & PHASE_MASK) == PHASE_RUNNING && !held)
		/* F3 relaxed: the stripe lock orders. */
		if (s & FLAG_LINKS || atom_cas(&f->state, &s, s | FLAG_LINKS, relaxed, relaxed))
			held = f->ex;
	if (held)
		weft__load_hold(held);
	weft__unlock(weft__stripe(f));
	return held;
}

int weft__attend(weft_future *f, struct weft__spinner *spinner, weft_time deadline, bool sleep)
{
	weft_executor *ex;
	int err = 0;

	while (!err && weft__phase(f) != PHASE_DONE) {
		ex = hold(f);
		if (!ex)
			return -EAGAIN;
		err = ex->attend(ex->self, weft__task(f), spinner, deadline, sleep);
		weft__load_leave(ex, 1);
	}
	return weft__phase(f) == PHASE_DONE ? 0 : err;
}

void weft__heed(weft_future *f)
{
	weft_executor *ex = hold(f);

	if (!ex)
		return;
	ex->heed(ex->self, weft__task(f));
	weft__load_leave(ex, 1);
}

void weft__reap(weft_future *f)
{
	weft_executor *ex = hold(f);

	if (!ex)
		return;
	ex->reap(ex->self);
	weft__load_leave(ex, 1);
}
