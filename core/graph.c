/* SPDX-License-Identifier: MIT
 *
 * graph.c -- the graph of waits. Each running task waits for at most one future, so the graph is a forest
 * of chains: following them from f either ends or comes back to the caller.
 *
 * Following is safe because a future in a chain is kept valid by whoever waits for it, and nobody stops
 * waiting without taking the lock of the graph.
 */
#include "graph.h"

#include <errno.h>

static struct weft__lock graph;

int weft__graph_enter(weft_future *f)
{
	weft_future *self;
	int err = 0;

	if (!weft__current)
		return 0;
	self = weft__future(weft__current->task);
	weft__lock(&graph);
	for (weft_future *g = f; g && !err; g = g->awaits)
		err = g == self ? -EDEADLK : 0;
	if (!err)
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
	if (weft__current)
		weft__graph_set(weft__future(weft__current->task), NULL);
}

void weft__graph_reset(void)
{
	atom_store(&graph.word, 0, relaxed);
}
