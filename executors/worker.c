/* SPDX-License-Identifier: MIT
 *
 * worker.c -- a worker process: takes tasks from its lane, in order, until it is told to leave.
 */
#include "lane.h"
#include "worker_start.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SPINS = 200 }; /* looks at an empty slot before it sleeps: a few microseconds */

struct worker {
	struct lane *lane;
	size_t slot_size;
	int bell;
};

static void ring(const struct worker *w)
{
	uint64_t one = 1;
	ssize_t n;

	/* B2 seq_cst: after our change of the state; pairs with the fence in lane_listen. */
	atom_fence(seq_cst);
	if (!atom_load(&w->lane->listening, relaxed) || !atom_swap(&w->lane->listening, 0, relaxed))
		return;
	n = write(w->bell, &one, sizeof one);
	if (n < 0 && errno != EAGAIN) /* full means that it is readable */
		_exit(1);             /* a task has closed the bell: our end is heard, and our reply found */
}

/* Waits while the slot's state is none that concerns us. False: leave. */
static bool await_state(const struct worker *w, struct lane_slot *slot, uint32_t *ret)
{
	for (int i = 0;; i++) {
		uint32_t s = atom_load(&slot->state, relaxed);

		*ret = s;
		if (s == SLOT_QUEUED || s == SLOT_SKIP)
			return true;
		if (atom_load(&w->lane->ending, relaxed))
			return false;
		if (i < SPINS) {
			atom_pause();
			continue;
		}
		worker_care_idle();
		atom_store(&w->lane->asleep, 1, relaxed);
		/* B1 seq_cst: before the last look; pairs with wake_worker in lane.c. */
		atom_fence(seq_cst);
		if (atom_load(&slot->state, relaxed) == s && !atom_load(&w->lane->ending, relaxed))
			weft__wait(&w->lane->asleep, 1, WEFT_FOREVER, WEFT__SHARED);
		atom_store(&w->lane->asleep, 0, relaxed);
	}
}

/* Does a batch of n strides fit into size bytes? */
static bool strides_fit(uint64_t n, uint64_t stride, uint64_t size)
{
	return !n || stride <= size / n;
}

static bool sane(const struct worker *w, const struct lane_request *r)
{
	size_t room = lane_rounded(w->slot_size);

	return r->arg_size <= w->slot_size && r->result_size <= room - lane_rounded(r->arg_size) &&
	       strides_fit(r->batch, r->arg_stride, r->arg_size) &&
	       strides_fit(r->batch, r->result_stride, r->result_size);
}

static int run_body(const struct worker *w, struct lane_slot *slot, unsigned i, weft_call *call)
{
	struct lane_request r = slot->request; /* copied once, then checked */
	struct weft__batch batch = {r.batch, r.arg_stride, r.result_stride, &slot->failed};
	char *payload = lane_payload(w->lane, i, w->slot_size);
	weft_task t = {.arg = payload, .arg_size = r.arg_size, .result_size = r.result_size};
	weft_future *f = weft__future(&t);
	int err = sane(w, &r) ? worker_care_find(&r.fn, &t.fn, call) : -EBADMSG;

	if (!err && r.deadline != WEFT_FOREVER && weft_now() >= r.deadline)
		err = -ETIMEDOUT;
	if (err)
		return err;
	t.result = payload + lane_rounded(t.arg_size);
	memset(t.result, 0, t.result_size);
	f->deadline = r.deadline;
	f->batch = &batch;
	f->origin = r.batch ? FROM_BATCH : 0;
	return weft__body(call, &t);
}

static void run_slot(const struct worker *w, struct lane_slot *slot, unsigned i)
{
	weft_call call = {.remote_cancel = &slot->cancel};
	int status = run_body(w, slot, i, &call);

	slot->reply.status = status;
	slot->reply.reply_size = call.reply_size;
	slot->reply.has_text = call.has_text && status < 0;
	if (slot->reply.has_text)
		memcpy(slot->reply.text, call.text, sizeof call.text);
	/* S2 release: pairs with the load in harvest; the reply and the result go with it. */
	atom_store(&slot->state, SLOT_DONE, release);
	ring(w);
}

void worker_main(struct lane *lane, size_t slot_size, int bell)
{
	struct worker w = {.lane = lane, .slot_size = slot_size, .bell = bell};
	uint32_t left = lane->max_tasks ? lane->max_tasks : UINT32_MAX, state;

	for (unsigned i = 0; left; i = (i + 1) % LANE_SLOTS) {
		struct lane_slot *slot = &lane->slot[i];

		if (!await_state(&w, slot, &state))
			break;
		/* S1 acquire, S3: the request is ours, unless the pool has just taken it back. */
		if (atom_cas(&slot->state, &(uint32_t){SLOT_QUEUED}, SLOT_RUNNING, acquire, relaxed)) {
			run_slot(&w, slot, i);
			left -= lane->max_tasks ? 1 : 0;
			if (worker_care_after_task())
				break;
		} else {
			atom_store(&slot->state, SLOT_FREE, release);
			ring(&w);
		}
	}
	fflush(NULL);
}
