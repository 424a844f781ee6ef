/* SPDX-License-Identifier: MIT
 *
 * submit.c -- from the caller to the executor, and the executor's side of a task (weft/executor_impl.h).
 */
#include "forked.h"
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHECKED = 128, /* tasks that weft_submit_many checks before it submits them */
	AHEAD = 8      /* that are fetched into the cache before they are looked at */
};

/* Bytes that x takes in a slot. */
static size_t rounded(size_t x)
{
	return x > SIZE_MAX - 63 ? SIZE_MAX : (x + 63) & ~(size_t)63;
}

static bool fits(const weft_executor *ex, const weft_task *t)
{
	size_t arg = rounded(t->arg_size), result = rounded(t->result_size);

	return !ex->ops.slot_size || (arg <= ex->ops.slot_size && result <= ex->ops.slot_size - arg) ||
	       (ex->ops.carries && ex->ops.carries(ex->self, t));
}

/* True for most tasks; false: weft__check says what is wrong, if anything is. */
static inline bool is_plainly_right(const weft_executor *ex, const weft_task *t)
{
	return ex && t && t->fn && !t->flags && (t->arg || !t->arg_size) && (t->result || !t->result_size) &&
	       !ex->ops.slot_size && !weft__forked(ex->generation);
}

int weft__check(weft_executor *ex, const weft_task *t)
{
	if (!ex || !t || !t->fn || (!t->arg && t->arg_size) || (!t->result && t->result_size))
		return -EINVAL;
	if (t->flags & ~(uint32_t)(WEFT_TASK_LOCAL | WEFT_TASK_IDEMPOTENT))
		return -EINVAL;
	if (weft__forked(ex->generation))
		return -ECHILD;
	if (t->flags & WEFT_TASK_LOCAL && !(ex->ops.caps & WEFT_CAP_LOCAL))
		return -EXDEV;
	return fits(ex, t) ? 0 : -E2BIG;
}

static void fill(weft_future *f, const weft_task *t, const struct weft_offer *offer)
{
	weft_executor *ex = offer->opaque_[OFFER_EX];
	struct weft__tally *tally = offer->opaque_[OFFER_TALLY];

	weft__fill(f, t, ex, offer->opaque_[OFFER_GROUP], (uintptr_t)offer->opaque_[OFFER_HOW] & HOW_ORIGIN);
	f->batch = offer->opaque_[OFFER_EXTRA];
	if (tally)
		weft__count(&tally->n->submitted);
	else /* relaxed: a figure for people */
		atom_add(&ex->shared.n->submitted, 1, relaxed);
}

int weft__accept(const struct weft_offer *offer, size_t i, uint32_t phase)
{
	weft_task *t = &offer->tasks[i];
	weft_future *f = weft__future(t);
	uint32_t s;

	if ((uintptr_t)offer->opaque_[OFFER_HOW] & HOW_CLAIMED) {
		/* Relaxed: published by the claim. */
		atom_store(&f->place, offer->place_, relaxed);
		return weft__claim(f, PHASE_CLAIMED, phase) ? 0 : -EBUSY;
	}
	s = atom_load(&f->state, relaxed);
	if (s != PHASE_IDLE && s != PHASE_DONE)
		return -EBUSY;
	/* C1 acquire: its last life is over, with all that was written in it. */
	if (!atom_cas(&f->state, &s, PHASE_ENTERING, acquire, relaxed))
		return -EBUSY;
	fill(f, t, offer);
	atom_store(&f->place, offer->place_, relaxed);
	/* C1 release: what we filled in. A plain store, since ENTERING is ours alone. */
	atom_store(&f->state, phase, release);
	return 0;
}

int weft_impl_accept(struct weft_offer *offer, size_t i)
{
	return weft__accept(offer, i, PHASE_QUEUED);
}

bool weft_impl_start(weft_task *t)
{
	weft_future *f = weft__future(t);

	if (!weft__claim(f, PHASE_QUEUED, PHASE_RUNNING))
		return false;
	weft__waitq_wake_light(&f->ex->room, 1);
	return true;
}

bool weft_impl_drop(weft_task *t)
{
	return weft__claim(weft__future(t), PHASE_QUEUED, PHASE_CLAIMED);
}

void weft_impl_finish(weft_task *t, int status, const char *text)
{
	weft__finish(weft__future(t), status, text, NULL);
}

void **weft_impl_link(weft_task *t)
{
	return (void **)(void *)&weft__future(t)->live.queue;
}

int weft__submit(weft_executor *ex, weft_task t[], size_t n, struct weft_offer *as, size_t *ret_accepted)
{
	size_t done = 0;
	int err = 0;

	as->opaque_[OFFER_EX] = ex;
	while (done < n && err >= 0) {
		as->tasks = t + done;
		as->n = n - done;
		err = ex->ops.submit(ex->self, as);
		done += err > 0 ? (size_t)err : 0;
	}
	*ret_accepted = done;
	return err < 0 ? err : 0;
}

int weft__enter_and_submit(weft_executor *ex, weft_task t[], size_t n, struct weft_offer *as,
			   size_t *ret_accepted)
{
	int err = weft__load_enter(ex, n);

	*ret_accepted = 0;
	if (err)
		return err;
	err = weft__submit(ex, t, n, as, ret_accepted);
	if (*ret_accepted < n)
		weft__load_leave(ex, n - *ret_accepted);
	return err;
}

static __attribute__((noinline)) int submit_slowly(weft_executor *ex, weft_task *t)
{
	size_t accepted;
	int err = weft__check(ex, t);

	return err ? err : weft__enter_and_submit(ex, t, 1, &(struct weft_offer){0}, &accepted);
}

int weft_submit(weft_executor *ex, weft_task *t)
{
	if (is_plainly_right(ex, t) && ex->submit_quickly && ex->submit_quickly(ex->self, t))
		return 0;
	return submit_slowly(ex, t);
}

int weft_submit_many(weft_executor *ex, weft_task t[], size_t n, size_t *ret_accepted)
{
	size_t done = 0;
	int err = t || !n ? 0 : -EINVAL;

	while (!err && done < n) {
		struct weft_offer as = {0};
		/* So many at a time that they are still at hand when they have been checked. */
		size_t most = n - done < CHECKED ? n - done : CHECKED, good = 0, accepted = 0;
		int bad = 0;

		for (; !bad && good < most; good += !bad) {
			if (most - good > AHEAD) {
				__builtin_prefetch(&t[done + good + AHEAD]);
				atom_fetch_line(weft__future(&t[done + good + AHEAD]));
			}
			if (!is_plainly_right(ex, &t[done + good]))
				bad = weft__check(ex, &t[done + good]);
		}
		if (good)
			err = weft__enter_and_submit(ex, t + done, good, &as, &accepted);
		err = err ? err : bad;
		done += accepted;
	}
	if (ret_accepted)
		*ret_accepted = done;
	return err;
}

/* Inside a pool whose queue is full: runs t here rather than wait for oneself. */
static int submit_in_place(weft_executor *ex, weft_task *t, struct weft_offer *as)
{
	size_t accepted;
	int err;

	as->force = true;
	err = weft__enter_and_submit(ex, t, 1, as, &accepted);
	if (!err && weft__take(weft__future(t)))
		weft_impl_run(t);
	return err;
}

int weft__submit_wait(weft_executor *ex, weft_task *t, struct weft_offer *as, weft_time deadline)
{
	struct weft__parker parker = {0};
	struct weft__waiter waiter = {.parker = &parker};
	int err = weft__check(ex, t), slept = 0;
	bool woken;
	size_t accepted;

	if (!err)
		err = weft__enter_and_submit(ex, t, 1, as, &accepted);
	if (err == -EAGAIN && weft__inside(ex) && ex->ops.take)
		return submit_in_place(ex, t, as);
	while (err == -EAGAIN && !slept) {
		weft__waitq_enter_heavy(&ex->room, &waiter);
		err = weft__enter_and_submit(ex, t, 1, as, &accepted);
		if (err == -EAGAIN)
			slept = weft__sleep(&parker, deadline, true);
		woken = weft__waitq_leave(&ex->room, &waiter);
		if (err == -EAGAIN)
			err = weft__enter_and_submit(ex, t, 1, as, &accepted);
		else if (woken)
			weft__waitq_wake_light(&ex->room, 1); /* the room we were woken for is another's */
	}
	return err == -EAGAIN ? slept : err;
}

int weft_submit_wait(weft_executor *ex, weft_task *t, weft_time deadline)
{
	struct weft_offer as = {0};

	return weft__submit_wait(ex, t, &as, deadline);
}

weft_future *weft_task_future(weft_task *t)
{
	return t ? weft__future(t) : NULL;
}
