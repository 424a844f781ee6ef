/* SPDX-License-Identifier: MIT
 *
 * tally.c -- counting tasks: how many are not done, for the stop; how many there ever were, for people.
 *
 *   tag  word      from -> to                order                         carries
 *   X1   ex->load  load_leave -> stop        sub acq_rel -> load acq       what all tasks did
 *
 * load counts accepted tasks in steps of 2; its lowest bit says "stopping". One addition both counts a
 * task and learns whether it is too late, so a task is either refused or waited for, never neither. The
 * task that takes the count to zero does not touch the executor afterwards, but for the address of load.
 *
 * One word for all threads would be the slowest part of a short task. So a thread of a pool keeps a tally
 * of its own, with credit: tasks that load counts already, though they are not there. A task that is done
 * adds to the credit, one that is submitted takes from it, and load is touched once for many. It counts
 * too much at times, never too few; a thread settles before it sleeps, so a stop gets its zero.
 */
#include "state.h"

#include <errno.h>
#include <limits.h>

enum { CREDIT = WEFT__CREDIT };

_Thread_local struct weft__tally *weft__tally WEFT__TLS;

static void leave(weft_executor *ex, size_t n)
{
	uint32_t step = 2 * (uint32_t)n;

	/* X1 acq_rel: pairs with the load in stop; tasks chain through the same word. */
	if (atom_sub(&ex->load, step, acq_rel) == (step | 1))
		weft__wake(&ex->load, INT_MAX, WEFT__PRIVATE);
}

static int enter(weft_executor *ex, size_t n)
{
	/* Acquire: a task accepted by a running executor sees it made. */
	if (!(atom_add(&ex->load, 2 * (uint32_t)n, acquire) & 1))
		return 0;
	leave(ex, n);
	return -ESHUTDOWN;
}

int weft__load_enter_on_credit(struct weft__tally *y, size_t n)
{
	int err = 0;

	/* Relaxed: who knows of a stop by other ways sees the bit; who races with it may be accepted, and
	 * as long as there is credit the stop waits. */
	if (atom_load(&y->ex->load, relaxed) & 1)
		return -ESHUTDOWN;
	if (y->credit < n) {
		err = enter(y->ex, n + CREDIT);
		y->credit += err ? 0 : (uint32_t)n + CREDIT;
	}
	y->credit -= err ? 0 : (uint32_t)n;
	return err;
}

int weft__load_enter(weft_executor *ex, size_t n)
{
	struct weft__tally *y = weft__tally;

	if (n > UINT32_MAX / 8)
		return -EAGAIN;
	return y && y->ex == ex ? weft__load_enter_on_credit(y, n) : enter(ex, n);
}

void weft__load_hold(weft_executor *ex)
{
	/* Relaxed: the caller has a task that is counted, so the count cannot be zero. */
	atom_add(&ex->load, 2, relaxed);
}

void weft__load_leave_slowly(weft_executor *ex, size_t n)
{
	struct weft__tally *y = weft__tally;

	if (y && y->ex == ex) {
		n = y->credit - CREDIT;
		y->credit = CREDIT;
	}
	leave(ex, n);
}

void weft__tally_settle(struct weft__tally *y)
{
	uint32_t n = y->credit;

	y->credit = 0;
	if (n)
		leave(y->ex, n);
}

void weft__tally_open(struct weft__tally *y, weft_executor *ex, struct stats_row *row)
{
	y->ex = ex;
	y->row = row;
	y->n = row ? &row->counts : &y->own;
	weft__lock(&ex->lock);
	list_append(&ex->tallies, &y->node);
	weft__unlock(&ex->lock);
}

/* Adds what from has to to, and leaves from empty. Under the lock; relaxed: figures for people. */
static void move(atom_u64 *to, atom_u64 *from)
{
	atom_add(to, atom_swap(from, 0, relaxed), relaxed);
}

void weft__tally_close(struct weft__tally *y)
{
	weft_executor *ex = y->ex;

	weft__lock(&ex->lock);
	move(&ex->shared.n->submitted, &y->n->submitted);
	move(&ex->shared.n->completed, &y->n->completed);
	move(&ex->shared.n->failed, &y->n->failed);
	move(&ex->shared.n->cancelled, &y->n->cancelled);
	move(&ex->shared.n->timed_out, &y->n->timed_out);
	move(&ex->shared.n->died, &y->n->died);
	y->n = &y->own;
	list_remove(&ex->tallies, &y->node);
	weft__unlock(&ex->lock);
	weft__tally_settle(y);
}

static void add_parts(struct weft_stats *ret, struct weft__tally *y)
{
	/* Relaxed: figures for people. */
	ret->failed += atom_load(&y->n->failed, relaxed);
	ret->cancelled += atom_load(&y->n->cancelled, relaxed);
	ret->timed_out += atom_load(&y->n->timed_out, relaxed);
	ret->died += atom_load(&y->n->died, relaxed);
	ret->completed += atom_load(&y->n->completed, relaxed);
}

/* Under ex->lock. What is completed is added up first, so that it is not the larger number. */
void weft__tally_sum(weft_executor *ex, struct weft_stats *ret)
{
	add_parts(ret, &ex->shared);
	for (struct list_node *n = ex->tallies; n; n = list_after(ex->tallies, n))
		add_parts(ret, list_entry(n, struct weft__tally, node));
	ret->submitted = atom_load(&ex->shared.n->submitted, relaxed);
	for (struct list_node *n = ex->tallies; n; n = list_after(ex->tallies, n))
		ret->submitted += atom_load(&list_entry(n, struct weft__tally, node)->n->submitted, relaxed);
}

static atom_u64 *kind_of(struct weft__tally *y, int status)
{
	return status == -ECANCELED    ? &y->n->cancelled
	       : status == -ETIMEDOUT  ? &y->n->timed_out
	       : status == -EOWNERDEAD ? &y->n->died
				       : &y->n->failed;
}

void weft__count_done_shared(weft_executor *ex, int status)
{
	/* Relaxed: figures for people. */
	if (status < 0)
		atom_add(kind_of(&ex->shared, status), 1, relaxed);
	atom_add(&ex->shared.n->completed, 1, relaxed);
}

void weft__count_failure(struct weft__tally *y, int status)
{
	weft__count(kind_of(y, status));
}
