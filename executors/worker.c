/* SPDX-License-Identifier: MIT
 *
 * worker.c -- a worker process: takes tasks from its lane, in order, until it is told to leave. The table of
 * tags is in lane.h.
 */
#include "lane.h"
#include "space.h"
#include "spin.h"
#include "worker_start.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct worker {
	struct lane *lane;
	size_t slot_size;
	int bell;
	unsigned at;                 /* the slot whose turn it is */
	uint32_t left;               /* tasks that it may still do, with a limit */
	struct lane_slot *last;      /* that it has done; NULL: none since the pool was last told of it */
	struct weft__spinner looker; /* how long it looks before it sleeps */
};

/* Writes the bell if the pool has raised want. */
static void ring_if(const struct worker *w, atom_u32 *want)
{
	uint64_t one = 1;
	ssize_t n;

	if (!atom_load(want, relaxed) || !atom_swap(want, 0, relaxed))
		return;
	n = write(w->bell, &one, sizeof one);
	if (n < 0 && errno != EAGAIN) /* full means that it is readable */
		_exit(1);             /* a task has closed the bell: our end is heard, and our reply found */
}

static void ring(const struct worker *w)
{
	/* B2 seq_cst: after our change of the state; pairs with the fence in lane_listen. */
	atom_fence(seq_cst);
	ring_if(w, &w->lane->listening);
}

/* There is nothing to do: says so, if the pool wants to know, or has left behind what is done. After a
 * seq_cst fence. */
static void tell_idle(struct worker *w)
{
	ring_if(w, &w->lane->hungry);
	/* Relaxed: if it has just been harvested, the pool is rung for nothing. */
	if (w->last && (atom_load(&w->last->state, relaxed) & SLOT_MASK) == SLOT_DONE)
		ring_if(w, &w->lane->listening);
	w->last = NULL;
}

static bool is_for_us(uint32_t state)
{
	return (state & SLOT_MASK) == SLOT_QUEUED || (state & SLOT_MASK) == SLOT_SKIP;
}

static bool look(struct worker *w, struct lane_slot *slot)
{
	struct weft__spin spin = {0};

	do {
		if (is_for_us(atom_load(&slot->state, relaxed)) || atom_load(&w->lane->ending, relaxed))
			return weft__spin_won(&w->looker, &spin);
	} while (weft__spin(&w->looker, &spin));
	return false;
}

/* Waits while the slot's state is none that concerns us. False: leave. */
static bool await_state(struct worker *w, struct lane_slot *slot)
{
	for (;;) {
		weft_time since;

		if (look(w, slot))
			return is_for_us(atom_load(&slot->state, relaxed));
		since = weft__spin_asleep(&w->looker);
		worker_care_idle();
		atom_store(&w->lane->asleep, 1, relaxed);
		/* B1 seq_cst: before the last look; pairs with lane_wake. B3: as above. */
		atom_fence(seq_cst);
		if (!is_for_us(atom_load(&slot->state, relaxed)) && !atom_load(&w->lane->ending, relaxed)) {
			tell_idle(w);
			weft__probe_park(true);
			weft__wait(&w->lane->asleep, 1, WEFT_FOREVER, WEFT__SHARED);
			weft__probe_unpark();
		}
		atom_store(&w->lane->asleep, 0, relaxed);
		weft__spin_awake(&w->looker, since);
	}
}

/* Does the payload lie in its slot, or in a block behind the slots? */
static bool payload_fits(const struct worker *w, const struct lane_request *r)
{
	size_t size, end = lane_size(w->slot_size);

	if (r->arg_size > w->slot_size || r->result_size > w->slot_size)
		return false;
	size = lane_payload_size(r->arg_size, r->result_size);
	if (!r->block)
		return size <= LANE_INLINE;
	return r->block >= sizeof(struct lane) && r->block <= end && size <= end - r->block &&
	       !(r->block % LANE_ALIGN);
}

static bool sane(const struct lane_request *r)
{
	return !r->batch || (!(r->arg_size % r->batch) && !(r->result_size % r->batch));
}

/* What struct lane_far says; NULL: no place for so many bytes. */
static void *far_place(const struct worker *w, unsigned i, uint64_t at, size_t size)
{
	uintptr_t from = (uintptr_t)(w->lane->slot[i].payload + sizeof(struct lane_far)) - (uintptr_t)w->lane;
	size_t room = LANE_INLINE - sizeof(struct lane_far);

	if (weft__space_has((void *)(uintptr_t)at, size))
		return (void *)(uintptr_t)at;
	return at >= from && at - from <= room && size <= room - (at - from) ? (char *)w->lane + at : NULL;
}

/* Argument and result of a request, where they are; false: it is garbage. */
static bool find_payload(const struct worker *w, unsigned i, const struct lane_request *r, weft_task *ret,
			 bool *ret_keep)
{
	struct lane_far far;
	char *payload;

	if (r->block == LANE_FAR) {
		memcpy(&far, w->lane->slot[i].payload, sizeof far);
		ret->arg = far_place(w, i, far.arg, r->arg_size);
		ret->result = far_place(w, i, far.result, r->result_size);
		*ret_keep = far.keep;
		return ret->arg && ret->result;
	}
	if (!payload_fits(w, r))
		return false;
	payload = lane_payload(w->lane, i, r->block);
	ret->arg = payload;
	ret->result = payload + lane_result_at(r->arg_size);
	return true;
}

/* Its name in traces is what the pool wrote into the slot. */
static int run_traced(const struct lane_slot *slot, weft_call *call, weft_task *t)
{
	const void *id = (void *)(uintptr_t)slot->traced;
	struct stats_work *shown = weft__shown();
	int status;

	if (shown)
		shown->far_name = slot->name;
	weft__probe_start(id, t, slot->traced_name);
	status = weft__body(call, t);
	weft__probe_end(id, status);
	if (shown)
		weft__count(&shown->tasks);
	return status;
}

static int run_body(const struct worker *w, struct lane_slot *slot, unsigned i, weft_call *call)
{
	/* Copied once, then checked. */
	struct lane_request r = slot->request;
	struct weft__token fn = slot->fn;
	struct weft__batch batch = {.n = r.batch, .failed = &slot->failed};
	weft_task t = {.arg_size = r.arg_size, .result_size = r.result_size};
	weft_future *f = weft__future(&t);
	bool keep = false;
	int err =
		sane(&r) && find_payload(w, i, &r, &t, &keep) ? worker_care_find(&fn, &t.fn, call) : -EBADMSG;

	if (!err && r.deadline != WEFT_FOREVER && weft_now() >= r.deadline)
		err = -ETIMEDOUT;
	if (err)
		return err;
	if (t.result_size && !keep)
		memset(t.result, 0, t.result_size);
	if (r.batch) {
		batch.arg_stride = r.arg_size / r.batch;
		batch.result_stride = r.result_size / r.batch;
		f->batch = &batch;
		f->origin = FROM_BATCH;
	}
	f->deadline = r.deadline;
	return run_traced(slot, call, &t);
}

/* A task that jumps back into one that was over (longjmp) comes out of its body with the registers of that time.
 * C does not say what happens then; but we take our place from memory, not from them, so the worker stays in
 * step. */
static void run_slot(struct worker *w)
{
	struct lane_slot *slot = &w->lane->slot[w->at];
	weft_call call;
	uint32_t was;
	int status;

	call.remote_cancel = &slot->cancel;
	call.has_text = false;
	call.reply_size = 0;
	status = run_body(w, slot, w->at, &call);
	slot = &w->lane->slot[w->at];
	slot->reply.status = status;
	slot->reply.reply_size = call.reply_size;
	slot->reply.has_text = call.has_text && status < 0;
	if (slot->reply.has_text)
		memcpy(slot->text, call.text, sizeof call.text);
	/* S2 release: pairs with the load in harvest; the reply and the result go with it. S4: whom to tell. */
	was = atom_swap(&slot->state, SLOT_DONE, release);
	w->last = slot;
	if (was == SLOT_RUNNING)
		return;
	if ((was & SLOT_MASK) != SLOT_RUNNING) /* the task has scribbled over it */
		was = TELL_SLEEPER | TELL_BELL;
	if (was & TELL_SLEEPER)
		weft__wake(&slot->state, INT_MAX, WEFT__SHARED);
	if (was & TELL_BELL)
		ring(w);
}

/* The task is ours, unless the pool has just taken it back. */
static bool take(struct lane_slot *slot)
{
	uint32_t s = atom_load(&slot->state, relaxed);

	while ((s & SLOT_MASK) == SLOT_QUEUED)
		/* S1 acquire, S3: the request. */
		if (atom_cas(&slot->state, &s, (s & ~(uint32_t)SLOT_MASK) | SLOT_RUNNING, acquire, relaxed))
			return true;
	return false;
}

void worker_main(struct lane *lane, size_t slot_size, int bell)
{
	static struct worker w; /* see run_slot */

	w = (struct worker){.lane = lane, .slot_size = slot_size, .bell = bell};
	w.left = lane->max_tasks ? lane->max_tasks : UINT32_MAX;
	for (; w.left; w.at = (w.at + 1) % LANE_SLOTS) {
		struct lane_slot *slot = &w.lane->slot[w.at];

		if (!await_state(&w, slot))
			break;
		if (take(slot)) {
			run_slot(&w);
			w.left -= w.lane->max_tasks ? 1 : 0;
			if (worker_care_after_task())
				break;
		} else {
			/* A slot that was taken back is given up untouched: release for nothing. */
			atom_store(&slot->state, SLOT_FREE, release);
		}
	}
	fflush(NULL);
}
