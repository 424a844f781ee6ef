/* SPDX-License-Identifier: MIT
 *
 * then.c -- continuations. One that was accepted is promised a place: it counts as accepted by its
 * executor from the start, so that a drain waits for it, and its submission cannot fail by a full queue.
 *
 * A PROMISED task is in two lists: its cause's links (stripe lock), and its executor's promises (the
 * executor's lock), where a stop finds it. Whoever claims it takes it out of both.
 *
 * Releasing one may run it (an inline executor), which may finish it, which may release another: so a
 * thread that is releasing keeps further ones in a list of its own, and chains of any length need no
 * stack. A body that waits empties that list first, since what it waits for may lie there. A fiber takes the list
 * along (fiber.h): others of its thread release for themselves meanwhile.
 */
#include "forked.h"
#include "state.h"

#include <errno.h>

_Thread_local struct weft__releases weft__releases WEFT__TLS;

static weft_future *owner_of(struct weft__link *link)
{
	return list_entry(link, weft_future, live.on_cause);
}

/* Under the stripe lock of the cause. */
static bool fire(struct weft__link *link)
{
	/* False: it is ours, and goes on to weft__release. True: a canceller was first. */
	return !weft__claim(owner_of(link), PHASE_PROMISED, PHASE_CLAIMED);
}

static void promise_remove(weft_future *f)
{
	weft_executor *ex = f->ex;

	weft__lock(&ex->lock);
	if (list_linked(&f->live.promise))
		list_remove(&ex->promised, &f->live.promise);
	weft__unlock(&ex->lock);
}

/* For a canceller that has claimed f. */
void weft__promise_unlink(weft_future *f)
{
	weft__link_remove(f->cause, &f->live.on_cause);
	promise_remove(f);
}

/* Submits a continuation that is CLAIMED by the caller and in no list. */
static void submit_promised(weft_future *f)
{
	struct weft_offer as = {.force = true, .opaque_ = {[OFFER_HOW] = (void *)HOW_CLAIMED}};
	weft_executor *ex = f->ex;
	size_t accepted;
	int err;

	/* f may be done, and its executor drained and freed, before the submission returns. */
	weft__load_hold(ex);
	err = weft__submit(ex, weft__task(f), 1, &as, &accepted);
	if (!accepted)
		weft__finish(f, weft__dropping(ex) ? -ECANCELED : err, NULL, NULL);
	weft__load_leave(ex, 1);
}

void weft__release_all_pending(void)
{
	while (weft__pending) {
		struct weft__link *link = weft__pending;
		weft_future *f = owner_of(link);

		weft__pending = link->node.next ? list_entry(link->node.next, struct weft__link, node) : NULL;
		link->node.next = NULL;
		promise_remove(f);
		submit_promised(f);
	}
}

void weft__release(struct weft__link *links)
{
	struct weft__link *last = links;

	if (!links)
		return;
	while (last->node.next)
		last = list_entry(last->node.next, struct weft__link, node);
	if (weft__pending)
		weft__releases.last->node.next = &links->node;
	else
		weft__pending = links;
	weft__releases.last = last;
	if (weft__releases.busy)
		return;
	weft__releases.busy = true;
	weft__release_all_pending();
	weft__releases.busy = false;
}

/* A stop drops what is promised to ex. */
void weft__promised_drop(weft_executor *ex)
{
	struct list_node *mine = NULL;

	weft__lock(&ex->lock);
	for (struct list_node *n = ex->promised, *next; n; n = next) {
		weft_future *f = list_entry(n, weft_future, live.promise);

		next = list_after(ex->promised, n);
		if (!weft__claim(f, PHASE_PROMISED, PHASE_CLAIMED))
			continue; /* whoever has claimed it takes it out */
		list_remove(&ex->promised, n);
		list_append(&mine, n);
	}
	weft__unlock(&ex->lock);
	for (struct list_node *n; (n = list_pop(&mine));) {
		weft_future *f = list_entry(n, weft_future, live.promise);

		weft__link_remove(f->cause, &f->live.on_cause);
		weft__finish(f, -ECANCELED, NULL, NULL);
	}
}

/* Puts a freshly accepted continuation into both lists, or releases it if its cause is done. */
static void promise(weft_future *f, weft_future *cause)
{
	weft_executor *ex = f->ex;

	f->live.on_cause = (struct weft__link){.fire = fire};
	f->live.promise.next = NULL;
	weft__lock(&ex->lock);
	list_append(&ex->promised, &f->live.promise);
	weft__unlock(&ex->lock);
	if (weft__link_add(cause, &f->live.on_cause, f)) {
		promise_remove(f);
		submit_promised(f);
	} else if (weft__dropping(ex)) {
		/* A stop may have swept the promises before ours could be claimed. */
		weft__drop(f, -ECANCELED);
	}
}

int weft_future_then(weft_future *f, weft_executor *ex, weft_task *next)
{
	struct weft_offer as = {
		.tasks = next,
		.n = 1,
		.opaque_ = {[OFFER_EX] = ex, [OFFER_EXTRA] = f, [OFFER_HOW] = (void *)FROM_CAUSE}};
	int err = f && weft__phase(f) != PHASE_IDLE ? weft__check(ex, next) : -EINVAL;

	if (!err && weft__phase(f) != PHASE_DONE && weft__forked(f->generation))
		err = -ECHILD;
	if (!err)
		err = weft__load_enter(ex, 1);
	if (err)
		return err;
	err = weft__accept(&as, 0, PHASE_CLAIMED);
	if (err) {
		weft__load_leave(ex, 1);
		return err;
	}
	weft_future_ref(f);
	promise(weft__future(next), f);
	return 0;
}
