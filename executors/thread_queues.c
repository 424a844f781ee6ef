/* SPDX-License-Identifier: MIT
 *
 * thread_queues.c -- where tasks wait, and how they get from one queue to the next.
 *
 *   shard    one of a few, by thread, for what is submitted from outside; a worker takes a batch from it
 *   seat     a worker's own: its batch, and what its tasks submit. Cheap for it, and others steal from it
 *   ladder   other priorities than 0, by priority; also what finds no cell elsewhere
 *
 * First come first served in each. A worker looks at the ladder first if something urgent is there, then at
 * its own queue, the shards, the other seats, the ladder; now and then at the shards first, so that tasks
 * which submit tasks do not keep others waiting for ever. A pool of one thread keeps all in one shard, and
 * its order is the order of submission.
 *
 * A task's word place says where it was put: queue and cell. Workers move it on without touching it. Who has
 * claimed a task that is queued, to cancel it or to run it in place, looks there, then through the seats,
 * until he has it: a task on its way between two queues is nowhere, but soon will be. A worker that has taken
 * out a task that somebody else has claimed tells him so, by NOWHERE, and touches it no more; so a cancelled
 * task is its owner's again when the cancel returns.
 *
 *   tag  word      from -> to                 order                    carries
 *   T1   f.place   worker -> claimer          store rel -> load acq    that the worker is done with it
 *   T2   seen, n   submit <-> look_hard       store, unlock seq_cst    of a shard, the ladder: nothing. Either
 *                                             <-> load of the lock's   the submitter sees the sleeper, or the
 *                                             word seq_cst, load       sleeper sees what was put in
 *   T3   seen      announce_own <-> sleep     store, light fence <->   the same of a seat, whose owner has no
 *                                             heavy fence, load        lock to release
 *   T5   pushing   announce_own <-> sleep     store, fence seq_cst     nothing: a sleeper that does not see it
 *                                             <-> RMW seq_cst, load    needs no heavy fence, for the pusher
 *                                                                      sees the sleeper
 */
#include "thread_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	HOLD = 128,         /* tasks put in under one hold of a lock */
	ONE_SHARD = 1 << 24 /* with that large a limit the shards' arrays would get out of hand */
};

/* ---- Submitting ---- */

/* Under the lock of the queue. A place for a task; -ESHUTDOWN, or -EAGAIN. */
static int admit(struct thread_pool *p, uint32_t *at_hand, const struct weft_offer *offer, bool *ret_token)
{
	/* Relaxed: it was set before the lock was last taken by the one who set it, or he comes again. */
	if (atom_load(&p->dropping, relaxed))
		return -ESHUTDOWN;
	*ret_token = thread_token_get(p, at_hand);
	return *ret_token || offer->force ? 0 : -EAGAIN;
}

/* Under the lock of the queue. */
static int accept(struct thread_pool *p, uint32_t *at_hand, struct weft_offer *offer, size_t i,
		  uint64_t where)
{
	bool token;
	int err = admit(p, at_hand, offer, &token);

	if (err)
		return err;
	offer->place_ = where;
	err = weft__accept(offer, i, PHASE_QUEUED);
	if (err && token)
		++*at_hand;
	else if (!err && !token)
		atom_add(&p->debt, 1, relaxed); /* T4 */
	return err;
}

static void moved(void *queue, weft_task *t, uint32_t at)
{
	/* Relaxed: the lock of the queue orders. */
	atom_store(&weft__future(t)->place, thread_place(queue, at), relaxed);
}

/* Under q's lock: accepts t into q, if nothing is in the way. As accept and weft__accept would, but with
 * nothing to look up. */
static bool put_quickly(struct thread_pool *p, struct thread_queue *q, weft_task *t)
{
	weft_future *f = weft__future(t);
	uint32_t at, s = atom_load(&f->state, relaxed);

	if (t->priority || !q->tokens || !weft__ring_next(&q->ring, &at) || atom_load(&p->dropping, relaxed))
		return false;
	/* C1 acquire, then release: as in weft__accept. */
	if ((s != PHASE_IDLE && s != PHASE_DONE) ||
	    !atom_cas(&f->state, &s, PHASE_ENTERING, acquire, relaxed))
		return false;
	weft__fill(f, t, p->ex, NULL, 0);
	atom_store(&f->place, thread_place(q, at), relaxed);
	atom_store(&f->state, PHASE_QUEUED, release);
	weft__ring_push(&q->ring, t);
	q->tokens--;
	return true;
}

/* Under q's lock: tasks *i and following go into q, up to one with a priority. -ENOBUFS: no cell is left. */
static int push_run(struct thread_pool *p, struct thread_queue *q, struct weft_offer *offer, size_t *i)
{
	size_t end = offer->n - *i > HOLD ? *i + HOLD : offer->n;
	struct weft__tally *tally = offer->opaque_[OFFER_TALLY];
	bool simple = !offer->opaque_[OFFER_GROUP] && !offer->opaque_[OFFER_HOW];
	int err = 0;

	while (!err && *i < end && !offer->tasks[*i].priority) {
		uint32_t at;

		if (simple && put_quickly(p, q, &offer->tasks[*i])) {
			weft__count(&tally->n->submitted);
			++*i;
			continue;
		}
		if (!weft__ring_next(&q->ring, &at) && q->ring.n <= q->ring.mask)
			weft__ring_compact(&q->ring, moved, q);
		err = weft__ring_next(&q->ring, &at) ? accept(p, &q->tokens, offer, *i, thread_place(q, at))
						     : -ENOBUFS;
		if (!err)
			weft__ring_push(&q->ring, &offer->tasks[(*i)++]);
	}
	thread_queue_count(q);
	return err;
}

/* There is something in the caller's own queue. */
static void announce_own(struct thread_pool *p, struct thread_queue *q)
{
	/* T5 relaxed, seq_cst: before the look at idlers; pairs with is_pushing. */
	if (!atom_load(&q->pushing, relaxed)) {
		atom_store(&q->pushing, 1, relaxed);
		atom_fence(seq_cst);
	}
	/* T3 light: pairs with look_hard. */
	atom_fence_light();
	/* Relaxed: if all are awake this is all there is to it. If not, notify looks again, with care. */
	if (atom_load(&p->idlers, relaxed) % IDLERS_SEARCHING) {
		atom_fence(seq_cst);
		thread_seats_notify(p);
	}
}

static int push_own(struct thread_pool *p, struct thread_worker *w, struct weft_offer *offer, size_t *i)
{
	struct thread_queue *q = w->own;
	bool biased = weft__bias_enter(&q->bias);
	int err;

	offer->opaque_[OFFER_TALLY] = &w->tally;
	err = push_run(p, q, offer, i);
	weft__bias_leave(&q->bias, biased);
	announce_own(p, q);
	return err;
}

/* The calling thread's, locked. Who meets somebody there takes the next one, and stays with it. */
static struct thread_queue *lock_my_shard(struct thread_pool *p)
{
	static atom_u32 threads;
	static _Thread_local uint32_t mine WEFT__TLS;
	struct thread_queue *q;

	/* Relaxed: a number that differs from thread to thread. */
	if (!mine)
		mine = 1 + atom_add(&threads, 1, relaxed) % (1u << 16);
	q = &p->shard[mine % p->shards];
	if (weft__trylock(&q->bias.lock))
		return q;
	q = &p->shard[++mine % p->shards];
	weft__lock(&q->bias.lock);
	return q;
}

static int push_shard(struct thread_pool *p, struct weft_offer *offer, size_t *i)
{
	struct thread_queue *q = lock_my_shard(p);
	int err;

	offer->opaque_[OFFER_TALLY] = &q->tally;
	err = push_run(p, q, offer, i);
	/* T2 seq_cst: pairs with look_hard. */
	weft__unlock_seq_cst(&q->bias.lock);
	thread_seats_notify(p);
	return err;
}

static bool own_quickly(struct thread_pool *p, struct thread_worker *w, weft_task *t)
{
	struct thread_queue *q = w->own;
	bool biased, put;

	if (!weft__load_enter_quickly(&w->tally) && weft__load_enter_on_credit(&w->tally, 1))
		return false;
	biased = weft__bias_enter(&q->bias);
	put = put_quickly(p, q, t);
	thread_queue_count(q);
	weft__bias_leave(&q->bias, biased);
	if (!put) {
		w->tally.credit++;
		return false;
	}
	weft__count(&w->tally.n->submitted);
	announce_own(p, q);
	return true;
}

static bool shard_quickly(struct thread_pool *p, weft_task *t)
{
	struct thread_queue *q = lock_my_shard(p);
	bool put;

	put = weft__load_enter_quickly(&q->tally) || !weft__load_enter_on_credit(&q->tally, 1);
	if (put && !put_quickly(p, q, t)) {
		q->tally.credit++;
		put = false;
	}
	if (put) {
		weft__count(&q->tally.n->submitted);
		thread_queue_count(q);
	}
	/* T2 seq_cst: pairs with look_hard. */
	weft__unlock_seq_cst(&q->bias.lock);
	if (put)
		thread_seats_notify(p);
	return put;
}

/* In a pool of one, what comes behind a task that found no cell must not overtake it. */
static bool ladder_is_next(struct thread_pool *p)
{
	/* Relaxed: what the caller knows to be there he sees. */
	return p->size == 1 && atom_load(&p->ladder.plain, relaxed);
}

bool thread_queues_quickly(struct thread_pool *p, weft_task *t)
{
	struct thread_worker *w = thread_self_of(p);

	if (w && w->own)
		return own_quickly(p, w, t);
	return !ladder_is_next(p) && shard_quickly(p, t);
}

static int push_ladder(struct thread_pool *p, struct weft_offer *offer, size_t *i)
{
	struct thread_ladder *l = &p->ladder;
	weft_task *t = &offer->tasks[*i];
	int err;

	weft__lock(&l->lock);
	offer->opaque_[OFFER_TALLY] = NULL;
	err = accept(p, &l->tokens, offer, *i, THREAD_PLACE_LADDER);
	if (!err) {
		weft__taskq_push(&l->q, t);
		thread_ladder_count(p, t, 1);
		++*i;
	}
	/* T2 seq_cst: pairs with look_hard. */
	weft__unlock_seq_cst(&l->lock);
	thread_seats_notify(p);
	return err;
}

/* The next few tasks of an offer. */
static int push(struct thread_pool *p, struct weft_offer *offer, size_t *i)
{
	struct thread_worker *w = thread_self_of(p);
	int err = -ENOBUFS;

	if (offer->tasks[*i].priority || ladder_is_next(p))
		return push_ladder(p, offer, i);
	if (w && w->own)
		err = push_own(p, w, offer, i);
	if (err == -ENOBUFS)
		err = push_shard(p, offer, i);
	return err == -ENOBUFS ? push_ladder(p, offer, i) : err;
}

int thread_queues_submit(struct thread_pool *p, struct weft_offer *offer)
{
	bool force = offer->force, gathered = false;
	size_t i = 0;
	int err = 0;

	/* What must be taken goes into debt only if there is no token left anywhere. */
	offer->force = false;
	while (!err && i < offer->n && i < INT32_MAX) {
		size_t before = i;

		err = push(p, offer, &i);
		if (i > before)
			gathered = offer->force = false;
		if (err == -EAGAIN && (!gathered || (force && !offer->force))) {
			offer->force = gathered && force;
			if (!gathered)
				thread_tokens_gather(p);
			gathered = true;
			err = 0;
		}
	}
	offer->force = force;
	return i ? (int)i : err;
}

/* ---- Beginning and ending ---- */

static uint32_t power_of_two(uint32_t n)
{
	return n < 2 ? 1 : 1u << (32 - __builtin_clz(n - 1));
}

/* The cells of one shard. They are the system's promise only, until they are used. */
static weft_task **cells_map(size_t n)
{
	void *cells = mmap(NULL, n * sizeof(weft_task *), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return cells == MAP_FAILED ? NULL : cells;
}

int thread_queues_open(struct thread_pool *p)
{
	uint32_t cells = power_of_two(p->limit);

	p->shards = 2 * p->size < THREAD_SHARDS_MAX ? 2 * p->size : THREAD_SHARDS_MAX;
	if (p->size == 1 || p->limit > ONE_SHARD)
		p->shards = 1;
	p->shard = aligned_alloc(_Alignof(struct thread_queue), p->shards * sizeof *p->shard);
	p->seat = aligned_alloc(_Alignof(struct thread_seat), p->size * sizeof *p->seat);
	if (!p->shard || !p->seat)
		return -ENOMEM;
	memset(p->shard, 0, p->shards * sizeof *p->shard);
	memset(p->seat, 0, p->size * sizeof *p->seat);
	for (unsigned i = 0; i < p->size; i++) {
		p->seat[i].queue.number = p->shards + i;
		p->seat[i].queue.ring =
			(struct weft__ring){.cell = p->seat[i].cells, .mask = THREAD_SEAT_RING - 1};
	}
	for (unsigned i = 0; i < p->shards; i++) {
		p->shard[i].number = i;
		p->shard[i].ring = (struct weft__ring){.cell = cells_map(cells), .mask = cells - 1};
		if (!p->shard[i].ring.cell)
			return -ENOMEM;
	}
	atom_store(&p->tokens, p->limit, relaxed);
	return 0;
}

void thread_queues_close(struct thread_pool *p)
{
	for (unsigned i = 0; p->shard && i < p->shards; i++)
		if (p->shard[i].ring.cell)
			munmap(p->shard[i].ring.cell, (p->shard[i].ring.mask + 1) * sizeof(weft_task *));
	free(p->shard);
	free(p->seat);
}
