/* SPDX-License-Identifier: MIT
 *
 * future.c -- looking at a future and waiting for one.
 *
 * Outside a task a wait sleeps on the state word itself (flag WAITERS, see finish.c). Inside a task there
 * is more to watch than one word -- the future, the task's own cancellation, a stop of its executor -- so
 * the wait hangs a link on the future and sleeps on a parker, which all of these can wake.
 */
#include "forked.h"
#include "graph.h"
#include "memory.h"
#include "spin.h"
#include "state.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local struct weft__spinner look_again WEFT__TLS;

/* -EINVAL, -ECHILD, or 0: f may be waited for. */
static int check(const weft_future *f)
{
	uint32_t phase = f ? weft__phase(f) : PHASE_IDLE;

	if (phase == PHASE_IDLE)
		return -EINVAL;
	/* What a submitter writes must not be looked at yet; he is in this process. */
	if (phase == PHASE_DONE || phase == PHASE_ENTERING)
		return 0;
	return weft__forked(f->generation) ? -ECHILD : 0;
}

/* The deadline of a task that has not started is everybody's who waits for it. */
static weft_time until(const weft_future *f, uint32_t phase, weft_time deadline)
{
	bool unstarted = phase == PHASE_QUEUED || phase == PHASE_PROMISED;

	return unstarted && f->deadline < deadline ? f->deadline : deadline;
}

static int wait_outside(weft_future *f, weft_time deadline)
{
	/* F1 acquire, here and on the failed exchange: pairs with the publication in finish.c. */
	uint32_t s = atom_load(&f->state, acquire);

	while ((s & PHASE_MASK) != PHASE_DONE) {
		weft_time limit = until(f, s & PHASE_MASK, deadline);

		if (s == PHASE_ENTERING)
			sched_yield();
		/* F2: the flag carries nothing; acquire is for F1, on failure. */
		else if (!(s & FLAG_WAITERS) && !atom_cas(&f->state, &s, s | FLAG_WAITERS, acquire, acquire))
			continue;
		else if (!(s & FLAG_WAITERS) && (s & PHASE_MASK) == PHASE_RUNNING)
			weft__heed(f); /* who starts it later sees the flag */
		else if (weft__wait(&f->state, s | FLAG_WAITERS, limit, WEFT__PRIVATE) == -ETIMEDOUT) {
			if (weft_now() >= deadline && weft__phase(f) != PHASE_DONE)
				return -ETIMEDOUT;
			if (limit < deadline)
				weft__drop(f, -ETIMEDOUT);
		}
		s = atom_load(&f->state, acquire);
	}
	return 0;
}

/* Looks for as long as looking has paid lately. */
static bool done_soon(weft_future *f)
{
	struct weft__spin spin = {0};

	do {
		if (weft__phase(f) == PHASE_DONE)
			return weft__spin_won(&look_again, &spin);
	} while (weft__spin(&look_again, &spin));
	return false;
}

struct wait_link {
	struct weft__link link;
	struct weft__parker parker;
};

static bool fire_wait(struct weft__link *link)
{
	weft__unpark(&list_entry(link, struct wait_link, link)->parker);
	return true;
}

static int wait_inside(weft_future *f, weft_time deadline, bool interruptible)
{
	struct wait_link w = {.link.fire = fire_wait};
	int err = 0;

	if (weft__link_add(f, &w.link, NULL))
		return 0;
	while (weft__phase(f) != PHASE_DONE && !err) {
		weft_time limit = until(f, weft__phase(f), deadline);

		err = weft__sleep(&w.parker, limit, interruptible);
		if (err == -ETIMEDOUT && limit < deadline) {
			weft__drop(f, -ETIMEDOUT);
			err = 0;
		}
	}
	weft__link_remove(f, &w.link);
	return weft__phase(f) == PHASE_DONE ? 0 : err;
}

static int wait_asleep(weft_future *f, weft_time deadline, bool interruptible)
{
	weft_time since = weft__spin_asleep(&look_again);
	int err = weft__current ? wait_inside(f, deadline, interruptible) : wait_outside(f, deadline);

	weft__spin_awake(&look_again, since);
	return err;
}

static int wait_long(weft_future *f, weft_time deadline, bool interruptible)
{
	int err = weft__attend(f, &look_again, deadline, !weft__current);

	if (err != -EAGAIN)
		return err;
	return done_soon(f) ? 0 : wait_asleep(f, deadline, interruptible);
}

/* A last look, also at what has ended without anybody being told. */
static bool done_by_now(weft_future *f)
{
	weft__reap(f);
	return weft__phase(f) == PHASE_DONE;
}

/* One that is not done. */
static __attribute__((noinline)) int wait_slowly(weft_future *f, weft_time deadline)
{
	bool over;
	int err = check(f);

	if (err)
		return err;
	weft__release_pending();
	if (weft__phase(f) == PHASE_DONE)
		return 0;
	if (weft__cancelled(weft__current))
		return -ECANCELED;
	over = deadline != WEFT_FOREVER && weft_now() >= deadline;
	if (!over && weft__take(f)) {
		weft_impl_run(weft__task(f));
		return 0;
	}
	err = weft__graph_enter(f);
	if (err)
		return err;
	weft__probe_wait(weft__task(f));
	if (over)
		err = done_by_now(f) ? 0 : -ETIMEDOUT;
	else
		err = wait_long(f, deadline, true);
	weft__probe_waited(weft__task(f), err);
	weft__graph_leave();
	return err;
}

/* What most waits inside a task come to: f has not started, and runs here and now. */
static inline bool run_in_place(weft_future *f, uint32_t phase, weft_time deadline)
{
	weft_call *call = weft__current;

	if (!call || phase != PHASE_QUEUED || deadline != WEFT_FOREVER || weft__pending ||
	    weft__forked(f->generation) || weft__cancelled(call) || !weft__take_queued(f))
		return false;
	weft_impl_run(weft__task(f));
	return true;
}

int weft_future_wait(weft_future *f, weft_time deadline)
{
	uint32_t phase = f ? weft__phase(f) : PHASE_IDLE;

	if (phase != PHASE_DONE && !run_in_place(f, phase, deadline))
		return wait_slowly(f, deadline);
	weft__probe_got(weft__task(f));
	return 0;
}

int weft_task_fini(weft_task *t)
{
	weft_future *f = weft_task_future(t);
	uint32_t phase = f ? weft__phase(f) : PHASE_IDLE;
	int err;

	if (phase == PHASE_IDLE || phase == PHASE_DONE)
		return 0;
	err = check(f);
	if (!err)
		err = weft__graph_enter(f);
	if (err)
		return err;
	weft_future_cancel(f);
	weft__release_pending();
	weft__probe_wait(t);
	err = wait_long(f, WEFT_FOREVER, false);
	weft__probe_waited(t, err);
	weft__graph_leave();
	return err;
}

int weft_future_status(const weft_future *f)
{
	uint32_t phase = f ? weft__phase(f) : PHASE_IDLE;

	if (phase == PHASE_RUNNING && f->origin & ATTENDED) {
		weft__reap((weft_future *)(uintptr_t)f);
		phase = weft__phase(f);
	}
	return phase == PHASE_DONE ? f->status : phase == PHASE_IDLE ? -EINVAL : -EINPROGRESS;
}

const void *weft_future_result(const weft_future *f, size_t *ret_size)
{
	const void *result;

	if (weft_future_status(f) < 0)
		return NULL;
	result = weft__task(f)->result;
	if (result && ret_size)
		*ret_size = f->kind == KIND_SHORT ? f->reply_size : weft__task(f)->result_size;
	return result;
}

const char *weft_future_error(const weft_future *f)
{
	if (weft_future_status(f) >= 0 || weft_future_status(f) == -EINPROGRESS)
		return "";
	if (!f)
		return "";
	if (f->kind == KIND_DEATH)
		return weft__outcome(f)->death_text;
	return f->kind == KIND_TEXT ? weft__outcome(f)->text : "";
}

int weft_future_death(const weft_future *f, struct weft_death *ret)
{
	uint32_t phase = f ? weft__phase(f) : PHASE_IDLE;
	const struct weft__death *d;

	if (phase == PHASE_IDLE || !ret)
		return -EINVAL;
	if (phase != PHASE_DONE)
		return -EINPROGRESS;
	if (f->kind != KIND_DEATH)
		return -ENODATA;
	d = &weft__outcome(f)->death;
	memset(ret, 0, sizeof *ret);
	ret->pid = d->pid;
	ret->signal = d->signal;
	ret->code = d->code;
	ret->core = d->core;
	ret->oom = d->oom;
	ret->rusage.ru_utime.tv_sec = d->utime_us / 1000000;
	ret->rusage.ru_utime.tv_usec = d->utime_us % 1000000;
	ret->rusage.ru_stime.tv_sec = d->stime_us / 1000000;
	ret->rusage.ru_stime.tv_usec = d->stime_us % 1000000;
	ret->rusage.ru_maxrss = d->maxrss_kib;
	return 0;
}

weft_future *weft_future_ref(weft_future *f)
{
	/* Relaxed: the caller holds a reference, so the count cannot end here. */
	if (f && f->origin & FROM_HEAP)
		atom_add(&f->refs, 1, relaxed);
	return f;
}

void weft_future_unref(weft_future *f)
{
	/* R1 acq_rel: what every holder did happens before the last one frees. */
	if (!f || !(f->origin & FROM_HEAP) || atom_sub(&f->refs, 1, acq_rel) != 1)
		return;
	if (f->kind == KIND_TEXT || f->kind == KIND_DEATH)
		free(f->far_outcome);
	weft__memory_free(weft__task(f));
}
