/* SPDX-License-Identifier: MIT
 *
 * executor.c -- what all executors have in common: the stop, the end.
 *
 *   tag  word      from -> to                order                         carries
 *   X1   ex->load  load_leave -> stop        sub acq_rel -> load acq       what all tasks did: tally.c
 *   X2   ex->how   stop -> cancelled?        store seq_cst -> load relaxed nothing: a hint, and sleepers are
 *                                            woken after it (waitq, Q1)
 */
#include "forked.h"
#include "offload.h"
#include "state.h"
#include "stats.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int weft_executor_new(weft_executor **ret, const char *name, const struct weft_executor_ops *ops, void *self)
{
	weft_executor *ex;

	if (!ret || !name || !ops || !ops->submit || ops->size != sizeof *ops)
		return -EINVAL;
	if (weft__probed())
		weft__trace_open();
	ex = aligned_alloc(_Alignof(weft_executor), sizeof *ex);
	if (!ex)
		return -ENOMEM;
	memset(ex, 0, sizeof *ex);
	ex->ops = *ops;
	ex->self = self;
	ex->generation = weft__generation();
	snprintf(ex->name, sizeof ex->name, "%s", name);
	ex->shown = weft__stats_open(ex->name);
	ex->shared.n = ex->shown ? &ex->shown->counts : &ex->shared.own;
	weft__offload_open();
	*ret = ex;
	return 0;
}

void weft__executor_adopt(weft_executor *ex)
{
	weft_executor fresh = {.ops = ex->ops, .self = ex->self, .generation = weft__generation()};

	memcpy(fresh.name, ex->name, sizeof fresh.name);
	memcpy(ex, &fresh, sizeof fresh); /* in a fork, its locks may be held by who is not here */
	ex->shared.n = &ex->shared.own;
}

void weft__executor_discard(weft_executor *ex)
{
	if (ex) {
		weft__offload_close();
		weft__stats_close(ex->shown);
	}
	free(ex);
}

/* Raises how; the executor and its sleeping tasks learn of it. */
static void begin_stop(weft_executor *ex, enum weft_stop how)
{
	uint32_t now = atom_load(&ex->how, relaxed), want = 1 + (uint32_t)how;

	/* Relaxed: the lowest bit only ever goes up, and the count is ordered by X1. */
	atom_or(&ex->load, 1, relaxed);
	while (now < want)
		/* X2 seq_cst: before the wake of sleepers below. */
		if (atom_cas(&ex->how, &now, want, seq_cst, relaxed))
			break;
	if (ex->shown)
		atom_store(&ex->shown->how, atom_load(&ex->how, relaxed), relaxed);
	if (ex->ops.stop)
		ex->ops.stop(ex->self, how);
	if (how == WEFT_STOP_DRAIN)
		return;
	weft__promised_drop(ex);
	weft__waitq_wake(&ex->sleepers, UINT_MAX);
	weft__waitq_wake_light(&ex->room, UINT_MAX);
}

static int wait_empty(weft_executor *ex, weft_time deadline)
{
	uint32_t load;
	int err = 0;

	/* X1 acquire: pairs with load_leave. */
	while ((load = atom_load(&ex->load, acquire)) > 1 && !err)
		err = weft__wait(&ex->load, load, deadline, WEFT__PRIVATE);
	return load > 1 ? err : 0;
}

/* Ends the workers, once; who comes second waits for the first. */
static int join(weft_executor *ex, weft_time deadline)
{
	bool mine, joined;
	uint32_t key;
	int err = 0;

	weft__lock(&ex->lock);
	mine = !ex->joining;
	ex->joining = true;
	weft__unlock(&ex->lock);
	if (mine && ex->ops.join)
		ex->ops.join(ex->self);
	do {
		key = weft__ec_prepare(&ex->ended);
		weft__lock(&ex->lock);
		joined = ex->joined |= mine;
		weft__unlock(&ex->lock);
		if (joined)
			weft__ec_cancel(&ex->ended);
		else
			err = weft__ec_wait(&ex->ended, key, deadline);
	} while (!joined && !err);
	if (mine)
		weft__ec_notify(&ex->ended, INT_MAX);
	return err;
}

/* Would the calling thread wait for itself? It runs a task of ex, or is one of its threads, which may run a
 * continuation that belongs to another executor. */
static bool is_own(weft_executor *ex)
{
	for (const weft_call *c = weft__current; c; c = c->outer)
		if (weft__future(c->task)->ex == ex)
			return true;
	return ex->ops.inside && ex->ops.inside(ex->self);
}

int weft_executor_stop(weft_executor *ex, enum weft_stop how, weft_time deadline)
{
	int err;

	if (!ex || ex == weft_inline() || (unsigned)how > WEFT_STOP_KILL)
		return -EINVAL;
	if (weft__forked(ex->generation))
		return -ECHILD;
	begin_stop(ex, how);
	if (is_own(ex))
		return -EDEADLK;
	err = wait_empty(ex, deadline);
	return err ? err : join(ex, deadline);
}

void weft_executor_free(weft_executor *ex)
{
	bool forked;

	if (!ex || ex == weft_inline())
		return;
	forked = weft__forked(ex->generation);
	if (!forked && weft_executor_stop(ex, WEFT_STOP_DRAIN, WEFT_FOREVER) == -EDEADLK) {
		fprintf(stderr, "weft: weft_executor_free(%s) by one of its own tasks: stopped, not freed\n",
			ex->name);
		return;
	}
	if (ex->ops.free)
		ex->ops.free(ex->self, forked);
	if (forked)
		free(ex);
	else
		weft__executor_discard(ex);
}

unsigned weft_executor_caps(const weft_executor *ex)
{
	return ex ? ex->ops.caps : 0;
}

const char *weft_executor_name(const weft_executor *ex)
{
	return ex ? ex->name : "";
}

int weft_executor_stats(const weft_executor *ex, struct weft_stats *ret)
{
	weft_executor *e = (weft_executor *)(uintptr_t)ex;
	struct weft_stats s = {0};

	if (!ex || !ret)
		return -EINVAL;
	if (weft__forked(ex->generation))
		return -ECHILD;
	weft__lock(&e->lock);
	weft__tally_sum(e, &s);
	weft__unlock(&e->lock);
	if (e->ops.stats)
		e->ops.stats(e->self, &s);
	weft__lock(&e->lock);
	for (struct list_node *n = e->promised; n; n = list_after(e->promised, n))
		s.queued++;
	weft__unlock(&e->lock);
	if (s.submitted > s.completed + s.queued)
		s.running = s.submitted - s.completed - s.queued;
	*ret = s;
	return 0;
}
