/* SPDX-License-Identifier: MIT
 *
 * group.c -- a scope of tasks. The group knows its members that are not done by a list under its lock, so
 * that a failure can cancel them and a waiting task can run them.
 *
 * A member leaves the list before its future is published, and the count after: so what is in the list may
 * be touched under the lock, and when the count is zero nobody touches the group any more. The lock of a
 * group comes first in the order of locks: a sweep raises flags and claims tasks under it, and finishes
 * those it has claimed afterwards, without it.
 */
#include "forked.h"
#include "state.h"

#include <errno.h>
#include <string.h>

/* What lies in the opaque words of a weft_group. */
struct __attribute__((may_alias)) group {
	struct weft__lock lock;
	uint32_t count; /* members that are not done */
	int32_t error;  /* the first failure */
	bool cancelled;
	struct list_node *members;
	struct weft__parker *waiter;
};

_Static_assert(sizeof(struct group) <= sizeof((weft_group *)0)->opaque_, "a group has outgrown its words");

static struct group *inside(weft_group *g)
{
	return (struct group *)(void *)g->opaque_;
}

void weft__group_leave(weft_future *f)
{
	struct group *in = inside(weft__group(f));

	weft__lock(&in->lock);
	if (list_linked(&f->live.member))
		list_remove(&in->members, &f->live.member);
	weft__unlock(&in->lock);
}

/* One member fewer. After this, unless others are left, *in may be gone. */
static void count_down(struct group *in)
{
	weft__lock(&in->lock);
	if (!--in->count && in->waiter)
		weft__unpark(in->waiter);
	weft__unlock(&in->lock);
}

void weft__group_done(weft_group *g, int status)
{
	struct group *in = inside(g);
	bool first = false;

	if (status < 0) {
		weft__lock(&in->lock);
		first = !in->error;
		if (first)
			in->error = status;
		weft__unlock(&in->lock);
	}
	if (first)
		weft_group_cancel(g);
	count_down(in);
}

/* Drops the unstarted members, all or those past their deadline, and, if all, asks the running ones. */
static void sweep(struct group *in, int status, bool all)
{
	struct list_node *queued = NULL, *told = NULL;
	weft_time now = all ? 0 : weft_now();

	weft__lock(&in->lock);
	/* The youngest first: or a worker whose task gives up starts one that was still to be dropped. */
	for (struct list_node *n = in->members ? in->members->prev : NULL, *next; n; n = next) {
		weft_future *f = list_entry(n, weft_future, live.member);
		enum weft_cancel answer = WEFT_CANCEL_LATE;
		struct list_node **mine = NULL;

		next = n == in->members ? NULL : n->prev;
		if ((all || f->deadline <= now) && weft__claim(f, PHASE_QUEUED, PHASE_CLAIMED))
			mine = &queued;
		else if (all && weft__ask(f, &answer) && answer == WEFT_CANCEL_DROPPED)
			mine = &told;
		if (!mine)
			continue;
		list_remove(&in->members, n);
		list_append(mine, n);
	}
	weft__unlock(&in->lock);
	for (struct list_node *n; (n = list_pop(&queued));) {
		weft__unqueue(list_entry(n, weft_future, live.member));
		weft__finish(list_entry(n, weft_future, live.member), status, NULL, NULL);
	}
	for (struct list_node *n; (n = list_pop(&told));)
		weft__finish(list_entry(n, weft_future, live.member), status, NULL, NULL);
}

void weft_group_cancel(weft_group *g)
{
	struct group *in;

	if (!g)
		return;
	in = inside(g);
	weft__lock(&in->lock);
	in->cancelled = true;
	if (!in->error)
		in->error = -ECANCELED;
	weft__unlock(&in->lock);
	sweep(in, -ECANCELED, true);
}

/* Makes f, which is CLAIMED, a member; refused if the group is cancelled. */
static int join(struct group *in, weft_future *f)
{
	int err = 0;

	weft__lock(&in->lock);
	if (in->cancelled)
		err = -ECANCELED;
	else {
		in->count++;
		list_append(&in->members, &f->live.member);
	}
	weft__unlock(&in->lock);
	return err;
}

/* A cancel that came while a member was CLAIMED passed it over: sweep again. */
static void recheck(struct group *in)
{
	bool cancelled;

	weft__lock(&in->lock);
	cancelled = in->cancelled;
	weft__unlock(&in->lock);
	if (cancelled)
		sweep(in, -ECANCELED, true);
}

/* A member must be in the list before it can run, but t's last outcome must survive a refusal: so its
 * words are saved, it is claimed, listed, offered, and put back as it was if the offer is refused. */
static int offer_member(weft_group *g, weft_task *t)
{
	struct weft_offer as = {.tasks = t, .n = 1, .opaque_ = {[OFFER_EX] = g->ex, [OFFER_GROUP] = g}};
	weft_future *f = weft__future(t);
	uint64_t saved[sizeof t->opaque_ / sizeof t->opaque_[0]];
	size_t skip = offsetof(weft_future, status), accepted = 0;
	uint32_t phase = weft__phase(f);
	int err;

	memcpy(saved, t->opaque_, sizeof saved);
	err = weft__accept(&as, 0, PHASE_CLAIMED);
	if (err)
		return err;
	err = join(inside(g), f);
	if (!err) {
		as.opaque_[OFFER_HOW] = (void *)HOW_CLAIMED;
		err = weft__submit(g->ex, t, 1, &as, &accepted);
		if (accepted) {
			recheck(inside(g));
			return 0;
		}
		weft__group_leave(f);
		count_down(inside(g));
	}
	/* Relaxed: a figure for people. */
	atom_sub(&g->ex->shared.n->submitted, 1, relaxed);
	memcpy((char *)f + skip, (char *)saved + skip, sizeof saved - skip);
	weft__claim(f, PHASE_CLAIMED, phase);
	return err;
}

int weft_group_submit(weft_group *g, weft_task *t)
{
	int err = g ? weft__check(g->ex, t) : -EINVAL;

	if (!err)
		err = weft__load_enter(g->ex, 1);
	if (err)
		return err;
	err = offer_member(g, t);
	if (err)
		weft__load_leave(g->ex, 1);
	return err;
}

/* An unstarted member that this thread may run, started; the youngest first, since the workers take the
 * oldest. Under the lock. */
static weft_future *take_member(struct group *in)
{
	struct list_node *n = in->members ? in->members->prev : NULL;

	while (n && weft__current) {
		weft_future *f = list_entry(n, weft_future, live.member);

		if (weft__take(f))
			return f;
		n = n == in->members ? NULL : n->prev;
	}
	return NULL;
}

/* Sleeps until the group is empty or the wait is interrupted. The lock is held on entry and on return. */
static int sleep_on(weft_group *g, bool interruptible)
{
	struct group *in = inside(g);
	struct weft__parker parker = {0};
	weft_time limit = g->deadline && g->deadline > weft_now() ? g->deadline : WEFT_FOREVER;
	int err;

	in->waiter = &parker;
	weft__unlock(&in->lock);
	err = weft__sleep(&parker, limit, interruptible);
	if (err == -ETIMEDOUT)
		sweep(in, -ETIMEDOUT, false);
	weft__lock(&in->lock);
	in->waiter = NULL;
	return err;
}

static bool is_member(const weft_group *g)
{
	for (const weft_call *c = weft__current; c; c = c->outer)
		if (weft__group(weft__future(c->task)) == g)
			return true;
	return false;
}

int weft_group_wait(weft_group *g)
{
	struct group *in;
	weft_future *f;
	bool interruptible = true;
	int err;

	if (!g || (g->ex && weft__forked(g->ex->generation)))
		return g ? -ECHILD : -EINVAL;
	if (is_member(g))
		return -EDEADLK;
	in = inside(g);
	weft__release_pending();
	weft__lock(&in->lock);
	while (in->count) {
		f = take_member(in);
		if (!f && sleep_on(g, interruptible) != -ECANCELED)
			continue;
		weft__unlock(&in->lock);
		if (f)
			weft_impl_run(weft__task(f));
		else
			weft_group_cancel(g);
		interruptible = f && interruptible;
		weft__lock(&in->lock);
	}
	err = in->error;
	in->error = 0;
	in->cancelled = false;
	weft__unlock(&in->lock);
	return err;
}
