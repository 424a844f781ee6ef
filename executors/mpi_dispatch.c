/* SPDX-License-Identifier: MIT
 *
 * mpi_dispatch.c -- which rank gets a task, when, and when it gives it back.
 *
 * A rank has as many tasks as it has workers: what waits, waits here, where it can be dropped, moved and overtaken.
 * But then a worker is idle for a round trip after each task, which for short tasks would be most of the time. So a
 * rank that answers fast gets more: as many beyond its workers as it has lately ended in a TICK, twice. For
 * tasks of 10 us and four workers that is hundreds; for tasks of 10 ms there is none. What a rank has got too much of,
 * because a long task came after short ones, it is asked to give back, as soon as it has been silent for a TICK, or
 * another rank has nothing to do.
 */
#include "mpi_parts.h"
#include "probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TICK WEFT_MS(1)

enum { BYTES_AHEAD = 8 << 20 }; /* arguments and results beyond what the workers of a rank are at */

int mpi_fn_number(struct mpi_pool *p, const struct weft__token *token, uint32_t *ret)
{
	struct weft__token *more;
	uint32_t i = 0;

	while (i < p->fns && (p->fn[i].offset != token->offset || !weft__token_same_file(&p->fn[i], token)))
		i++;
	if (i == p->fns) {
		more = realloc(p->fn, (p->fns + 1) * sizeof *more);
		if (!more)
			return -ENOMEM;
		p->fn = more;
		p->fn[p->fns++] = *token;
	}
	*ret = i;
	return 0;
}

/* ---- Slots ---- */

struct mpi_slot *mpi_slot_find(struct mpi_rank *r, uint32_t id)
{
	struct mpi_slot *slot = &r->slot[id % MPI_SLOTS];

	return slot->task && slot->id == id ? slot : NULL;
}

static size_t bytes_of(const weft_task *t)
{
	return t->arg_size + t->result_size;
}

void mpi_slot_free(struct mpi_rank *r, struct mpi_slot *slot)
{
	if (list_linked(&slot->node))
		list_remove(&r->outbox, &slot->node);
	r->in_flight--;
	r->bytes -= bytes_of(slot->task);
	r->free_slot[r->free_n++] = (uint16_t)(slot->id % MPI_SLOTS);
	slot->task = NULL;
}

void mpi_requeue(struct mpi_pool *p, weft_task *t)
{
	weft__future(t)->live.queue.next = NULL;
	if (weft__claim(weft__future(t), PHASE_RUNNING, PHASE_QUEUED))
		weft__taskq_push_front(&p->q, t);
}

/* ---- How many a rank may have ---- */

static void advance(struct mpi_rank *r, weft_time now)
{
	weft_time tick = now / TICK;

	if (tick == r->rate.tick)
		return;
	r->rate.before = tick == r->rate.tick + 1 ? r->rate.now : 0;
	r->rate.now = 0;
	r->rate.tick = tick;
}

void mpi_rate_count(struct mpi_rank *r)
{
	advance(r, weft_now());
	r->rate.now++;
}

static uint32_t ahead(struct mpi_rank *r, weft_time now)
{
	advance(r, now);
	return 2 * (r->rate.now > r->rate.before ? r->rate.now : r->rate.before);
}

static bool may_have(struct mpi_rank *r, weft_time now)
{
	if (r->life != RANK_UP || r->recalling || !r->free_n)
		return false;
	if (r->in_flight < r->workers)
		return true;
	return r->in_flight - r->workers < ahead(r, now) && r->bytes < BYTES_AHEAD;
}

/* The one with the fewest tasks for each worker. */
static struct mpi_rank *best(struct mpi_pool *p, weft_time now)
{
	struct mpi_rank *found = NULL;

	for (unsigned i = 0; i < p->link->n; i++) {
		struct mpi_rank *r = p->rank[i];

		if (r && may_have(r, now) &&
		    (!found ||
		     (uint64_t)r->in_flight * found->workers < (uint64_t)found->in_flight * r->workers))
			found = r;
	}
	return found;
}

/* ---- Out ---- */

static void tell_fns(struct mpi_pool *p, struct mpi_rank *r, uint32_t fn)
{
	while (r->fns <= fn) {
		struct mpi_fn body = {p->fn[r->fns]};

		mpi_peer_write(&r->peer, REC_FN, r->fns++, &body, 0);
	}
}

static struct mpi_slot *take_slot(struct mpi_pool *p, struct mpi_rank *r, weft_task *t)
{
	uint16_t place = r->free_slot[--r->free_n];
	struct mpi_slot *slot = &r->slot[place];

	*slot = (struct mpi_slot){.task = t, .id = p->next_id++ * MPI_SLOTS + place};
	/* Relaxed: a hint. It was asked to give up on a rank that has given it back. */
	if (atom_load(&weft__future(t)->state, relaxed) & FLAG_ASKED) {
		slot->cancel = TO_BE_CALLED_OFF;
		p->cancels = true;
	}
	/* Relaxed: under the lock. */
	slot->fn = (uint32_t)atom_load(&weft__future(t)->place, relaxed);
	atom_store(&weft__future(t)->place, (uint64_t)r->peer.rank << 32 | slot->id, relaxed);
	r->in_flight++;
	r->bytes += bytes_of(t);
	return slot;
}

static void send_task(struct mpi_pool *p, struct mpi_rank *r, weft_task *t, weft_time now)
{
	struct mpi_slot *slot = take_slot(p, r, t);
	weft_future *f = weft__future(t);
	const struct weft__batch *batch = weft__batch(f);
	struct mpi_task body = {.fn = slot->fn,
				.priority = t->priority,
				.arg_size = t->arg_size,
				.result_size = t->result_size,
				.left = f->deadline == WEFT_FOREVER ? WEFT_FOREVER : f->deadline - now,
				.batch = batch ? batch->n : 0,
				.flags = t->flags,
				.traced = weft__probed() ? (uintptr_t)t : 0};
	size_t n = t->arg_size > MPI_INLINE ? 0 : t->arg_size;
	void *at;

	weft__probe_sent(t, r->peer.rank);
	tell_fns(p, r, slot->fn);
	at = mpi_peer_write(&r->peer, REC_TASK, slot->id, &body, n);
	if (n)
		memcpy(at, t->arg, n);
	else if (t->arg_size)
		list_append(&r->outbox, &slot->node);
}

/* A rank that has tasks it has not begun, as far as one can tell, while others have none to begin. */
static void recall(struct mpi_pool *p, weft_time now)
{
	bool idle = false;

	for (unsigned i = 0; i < p->link->n; i++)
		idle |= p->rank[i] && p->rank[i]->life == RANK_UP &&
			p->rank[i]->in_flight < p->rank[i]->workers;
	for (unsigned i = 0; i < p->link->n; i++) {
		struct mpi_rank *r = p->rank[i];
		uint32_t most;

		if (!r || r->life != RANK_UP || r->recalling || r->in_flight <= r->workers ||
		    now < r->recall_at)
			continue;
		if (!(idle && !p->q.n) && ahead(r, now))
			continue;
		most = r->in_flight - r->workers;
		mpi_peer_write(&r->peer, REC_RECALL, ahead(r, now) ? (most + 1) / 2 : most, NULL, 0);
		r->recalling = true;
	}
}

bool mpi_dispatch(struct mpi_pool *p, weft_task **overdue)
{
	weft_time now = weft_now();
	bool some = false;
	struct mpi_rank *r;

	*overdue = NULL;
	while (p->q.n && (r = best(p, now))) {
		weft_task *t = weft__taskq_start(&p->q);

		if (!t)
			break; /* cancellers have claimed what is left */
		some = true;
		if (weft__future(t)->deadline <= now) {
			*overdue = t;
			return true;
		}
		send_task(p, r, t, now);
	}
	recall(p, now);
	return some;
}

bool mpi_send_pieces(struct mpi_pool *p)
{
	bool some = false;

	for (unsigned i = 0; i < p->link->n; i++) {
		struct mpi_rank *r = p->rank[i];
		struct mpi_slot *slot;
		size_t n;

		if (!r || !r->outbox || !mpi_link_has_room(p->link, r->peer.rank))
			continue;
		slot = list_entry(r->outbox, struct mpi_slot, node);
		n = slot->task->arg_size - slot->sent;
		n = n < MPI_CHUNK ? n : MPI_CHUNK;
		mpi_peer_write_data(&r->peer, REC_DATA, slot->id, slot->sent,
				    (const char *)slot->task->arg + slot->sent, n);
		slot->sent += n;
		if (slot->sent == slot->task->arg_size)
			list_remove(&r->outbox, &slot->node);
		some = true;
	}
	return some;
}

void mpi_tell_cancels(struct mpi_pool *p)
{
	if (!p->cancels)
		return;
	p->cancels = false;
	for (unsigned i = 0; i < p->link->n; i++)
		for (unsigned k = 0; p->rank[i] && k < MPI_SLOTS; k++) {
			struct mpi_slot *slot = &p->rank[i]->slot[k];

			if (!slot->task || slot->cancel != TO_BE_CALLED_OFF)
				continue;
			slot->cancel = CALLED_OFF;
			if (list_linked(&slot->node)) /* the rest of its argument need not go */
				list_remove(&p->rank[i]->outbox, &slot->node);
			mpi_peer_write(&p->rank[i]->peer, REC_CANCEL, slot->id, NULL, 0);
		}
}
