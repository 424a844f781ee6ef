/* SPDX-License-Identifier: MIT
 *
 * graph.c -- the graph of waits. Each running task waits for at most one future, so the graph is a forest
 * of chains: following them from f either ends or comes back to the caller.
 *
 * A task also waits, so to speak, for one that runs on top of it on the same stack. That is the usual case
 * and must cost nothing, so such edges are put in only when the thread is about to sleep, and for all that
 * lies on its stack; a circle closes when the last of its threads goes to sleep, and then all edges are in.
 *
 * Following is safe because a future in a chain is kept valid by whoever waits for it, and nobody stops
 * waiting without taking the lock of the graph.
 *
 * A child that was stolen (spawn.c) shares its task with others, so its waits are not in the graph: it is
 * refused a wait that leads back to its own task, but no longer circle through it is noticed.
 */
#include "graph.h"

#include <errno.h>

static struct weft__lock graph;

/* Under the lock: what lies below call on this stack waits for what lies on it. Those covered already have
 * all below them covered too. */
static void cover_below(weft_call *call)
{
	for (weft_call *lower = call->outer; lower && !lower->covered && !lower->guest;
	     lower = lower->outer) {
		weft_future *f = weft__future(lower->task);

		if (!f->awaits) {
			f->awaits = weft__future(call->task);
			lower->covered = true;
		}
		call = lower;
	}
}

void weft__graph_uncover(weft_call *call)
{
	call->covered = false;
	weft__graph_set(weft__future(call->task), NULL);
}

int weft__graph_enter(weft_future *f)
{
	weft_call *call = weft__current;
	weft_future *self;
	int err = 0;

	if (!call)
		return 0;
	self = weft__future(call->task);
	weft__lock(&graph);
	if (!call->guest)
		cover_below(call);
	for (weft_future *g = f; g && !err; g = g->awaits)
		err = g == self ? -EDEADLK : 0;
	if (!err && !call->guest)
		self->awaits = f;
	weft__unlock(&graph);
	return err;
}

void weft__graph_set(weft_future *f, weft_future *awaits)
{
	weft__lock(&graph);
	f->awaits = awaits;
	weft__unlock(&graph);
}

void weft__graph_leave(void)
{
	if (weft__current && !weft__current->guest)
		weft__graph_set(weft__future(weft__current->task), NULL);
}

void weft__graph_reset(void)
{
	atom_store(&graph.word, 0, relaxed);
}
