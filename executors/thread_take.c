/* SPDX-License-Identifier: MIT
 *
 * thread_take.c -- how workers get at tasks. The tags are those of thread_queues.c.
 */
#include "thread_parts.h"

#include <errno.h>

enum {
	FAIR = 61, /* so many looks at the own queue first, then one from outside */
	AHEAD = 6  /* tasks that are fetched into the cache before it is their turn */
};

/* Under the queue's lock. */
static weft_task *pop(struct thread_pool *p, struct thread_queue *q, uint32_t *at_hand)
{
	weft_task *t = weft__ring_pop(&q->ring);

	if (t && at_hand)
		thread_token_put(p, at_hand);
	thread_queue_count(q);
	return t;
}

/* Ends t, or all that is queued, for a stop. What hangs on them may run here, and wait; the seat, in whose queue
 * the caller is at work, stays his meanwhile. Nobody waits for it in vain: nothing starts any more. */
static void drop(struct thread_worker *w, weft_task *t)
{
	bool kept = w->keeps_seat;

	w->keeps_seat = true;
	if (t)
		weft_impl_finish(t, -ECANCELED, NULL);
	else
		thread_queues_drop(w->pool);
	w->keeps_seat = kept;
}

/* A task that the caller has taken out: true if it is to run, false if it is another's.
 *
 * A stop first says that it drops, which ends tasks that run, and then sweeps the queues: what a worker takes
 * out in between must not start any more. */
static bool begin(struct thread_worker *w, weft_task *t)
{
	struct thread_pool *p = w->pool;

	if (weft__dropping(p->ex)) {
		if (weft_impl_drop(t)) {
			drop(w, t);
			return false;
		}
	} else if (weft__claim(weft__future(t), PHASE_QUEUED, PHASE_RUNNING)) {
		weft__waitq_wake_light(&p->ex->room, 1);
		return true;
	}
	/* T1 release: pairs with remove; the last that is done with t here. */
	atom_store(&weft__future(t)->place, THREAD_PLACE_NOWHERE, release);
	return false;
}

static void fetch(weft_task *t)
{
	if (!t)
		return;
	__builtin_prefetch(t);
	atom_fetch_line(weft__future(t));
}

static weft_task *from_own(struct thread_worker *w)
{
	struct thread_queue *q = &w->seat->queue;
	weft_task *t;

	/* Relaxed: what others have put there, or taken, is seen once they are gone. */
	while (thread_seen(atom_load(&q->seen, relaxed))) {
		bool biased = weft__bias_enter(&q->bias);

		t = pop(w->pool, q, &q->tokens);
		fetch(weft__ring_at(&q->ring, q->ring.head + AHEAD));
		weft__bias_leave(&q->bias, biased);
		if (t && begin(w, t))
			return t;
	}
	return NULL;
}

/* Of n tasks just taken out of another queue, runs the first, and keeps the rest in the own queue. */
static weft_task *adopt(struct thread_worker *w, weft_task *t[], uint32_t n)
{
	struct thread_queue *q = &w->seat->queue;
	bool biased, dropping;

	if (n > 1) {
		for (uint32_t i = 0; i < n && i <= AHEAD; i++)
			fetch(t[i]);
		biased = weft__bias_enter(&q->bias);
		for (uint32_t i = 1; i < n; i++)
			weft__ring_push(&q->ring, t[i]);
		thread_queue_count(q);
		/* Relaxed: as in admit. */
		dropping = atom_load(&w->pool->dropping, relaxed);
		weft__bias_leave(&q->bias, biased);
		if (dropping) /* who dropped all may have missed what was on its way */
			drop(w, NULL);
	}
	if (n && begin(w, t[0]))
		return t[0];
	return n > 1 ? from_own(w) : NULL;
}

/* Under q's lock: takes out up to n tasks. The token of the first is given back, those of the rest move. */
static uint32_t pop_some(struct thread_pool *p, struct thread_queue *q, weft_task *t[], uint32_t n)
{
	uint32_t i = 0;

	while (i < n && (t[i] = pop(p, q, i ? NULL : &q->tokens)))
		i++;
	return i;
}

static uint32_t at_least_one(uint32_t n, uint32_t most)
{
	return n < 1 ? 1 : n < most ? n : most;
}

static weft_task *from_shard(struct thread_worker *w, struct thread_queue *q, uint32_t most)
{
	struct thread_pool *p = w->pool;
	weft_task *t[THREAD_BATCH];
	uint32_t n;

	/* Relaxed: a look. Who is about to sleep looks harder. */
	if (!thread_seen(atom_load(&q->seen, relaxed)) || !weft__trylock(&q->bias.lock))
		return NULL;
	/* A fraction, so that the last tasks are spread over all. */
	n = pop_some(p, q, t, at_least_one(q->ring.n / (2 * p->size), most));
	weft__unlock(&q->bias.lock);
	return adopt(w, t, n);
}

static weft_task *from_shards(struct thread_worker *w, uint32_t most)
{
	struct thread_pool *p = w->pool;
	unsigned first = (unsigned)(w->seat - p->seat) + w->turn / FAIR;
	weft_task *t = NULL;

	for (unsigned i = 0; i < p->shards && !t; i++)
		t = from_shard(w, &p->shard[(first + i) % p->shards], most);
	return t;
}

static uint64_t seen_at(const struct thread_worker *w, unsigned seat)
{
	/* Relaxed: a look. Who is about to sleep looks harder. */
	return atom_load(&w->pool->seat[seat].queue.seen, relaxed);
}

/* A task that waits at the head of another seat's queue is that seat's to run, if it comes to it soon: to
 * steal it costs far more than most tasks take. So it is stolen once it has been seen there twice. */
static bool victim_waits(const struct thread_worker *w)
{
	uint64_t seen = seen_at(w, w->victim);

	return thread_seen(seen) && seen >> 32 == w->victim_seen >> 32;
}

/* The next seat, behind the last victim, where there is something. */
static void choose_victim(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;
	unsigned self = (unsigned)(w->seat - p->seat);

	for (unsigned i = 1; i <= p->size; i++) {
		unsigned seat = (w->victim + i) % p->size;
		uint64_t seen = seat == self ? 0 : seen_at(w, seat);

		if (!thread_seen(seen))
			continue;
		w->victim = seat;
		w->victim_seen = seen;
		return;
	}
	w->victim_seen = 0;
}

static weft_task *rob_victim(struct thread_worker *w, uint32_t most)
{
	struct thread_queue *q = &w->pool->seat[w->victim].queue;
	weft_task *t[THREAD_BATCH];
	uint32_t n;

	if (!weft__bias_trylock(&q->bias))
		return NULL;
	n = pop_some(w->pool, q, t, at_least_one((q->ring.n + 1) / 2, most));
	weft__bias_unlock(&q->bias);
	if (n)
		weft__probe_steal(n);
	/* Relaxed: a figure for people. */
	atom_store(&w->seat->stolen, atom_load(&w->seat->stolen, relaxed) + n, relaxed);
	return adopt(w, t, n);
}

static weft_task *steal(struct thread_worker *w, uint32_t most)
{
	weft_task *t = w->victim_seen && victim_waits(w) ? rob_victim(w, most) : NULL;

	if (!t)
		choose_victim(w);
	return t;
}

weft_task *thread_steal(struct thread_worker *w)
{
	return steal(w, THREAD_BATCH);
}

static struct weft__deque *deque_of_another(struct thread_worker *w, unsigned i)
{
	return &w->pool->worker[i] == w ? NULL : &w->pool->worker[i].deque;
}

/* Acquire: pairs with the release of place_for_thread. */
static unsigned known_threads(struct thread_pool *p)
{
	return atom_load(&p->known, acquire);
}

struct weft_child *thread_steal_child(struct thread_worker *w)
{
	unsigned n = known_threads(w->pool);
	struct weft_child *c = NULL;

	for (unsigned i = 0; i < n && !c; i++) {
		struct weft__deque *d = deque_of_another(w, i);

		if (!d)
			continue;
		c = weft__deque_steal(d);
		if (!c)
			weft__deque_hungry(d);
	}
	return c;
}

static weft_task *from_ladder(struct thread_pool *p)
{
	struct thread_ladder *l = &p->ladder;
	weft_task *t;

	/* Relaxed: a look. */
	if (!atom_load(&l->n, relaxed) || weft__dropping(p->ex))
		return NULL;
	weft__lock(&l->lock);
	t = weft__taskq_start(&l->q);
	if (t)
		thread_ladder_count(p, t, -1);
	weft__unlock(&l->lock);
	if (t) /* once more, now that its token is back */
		weft__waitq_wake_light(&p->ex->room, 1);
	return t;
}

/* Now and then, so that tasks which submit tasks do not keep others waiting for ever. */
static weft_task *from_outside(struct thread_worker *w)
{
	/* Relaxed: a look. */
	weft_task *t = atom_load(&w->pool->ladder.plain, relaxed) ? from_ladder(w->pool) : NULL;

	if (!t)
		t = from_shards(w, 1);
	/* What another has taken over in a batch may wait behind a task that does not end. */
	return t ? t : steal(w, 1);
}

weft_task *thread_take(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;
	weft_task *t = NULL;

	/* Relaxed: who submits something urgent wakes somebody who sees it. */
	if (atom_load(&p->ladder.urgent, relaxed))
		t = from_ladder(p);
	if (!t && ++w->turn % FAIR == 0 && w->own)
		t = from_outside(w);
	if (!t)
		t = from_own(w);
	if (!t)
		t = from_shards(w, THREAD_BATCH);
	return t ? t : from_ladder(p);
}

bool thread_look(struct thread_pool *p)
{
	/* Relaxed: looks. */
	for (unsigned i = 0; i < p->shards; i++)
		if (thread_seen(atom_load(&p->shard[i].seen, relaxed)))
			return true;
	return atom_load(&p->ladder.n, relaxed) != 0;
}

bool thread_look_hard(struct thread_pool *p)
{
	/* T2 seq_cst, then relaxed: pairs with the unlock of a submitter, whose n comes with it. */
	for (unsigned i = 0; i < p->shards; i++) {
		(void)atom_load(&p->shard[i].bias.lock.word, seq_cst);
		if (thread_seen(atom_load(&p->shard[i].seen, relaxed)))
			return true;
	}
	(void)atom_load(&p->ladder.lock.word, seq_cst);
	if (atom_load(&p->ladder.n, relaxed))
		return true;
	/* T3 seq_cst: pairs with push_own; the heavy fence, if one is needed, is the caller's. */
	for (unsigned i = 0; i < p->size; i++)
		if (thread_seen(atom_load(&p->seat[i].queue.seen, seq_cst)))
			return true;
	/* D3 seq_cst: pairs with the owner's, and fed's fence. */
	for (unsigned i = 0, n = known_threads(p); i < n; i++)
		if (weft__deque_stealable(&p->worker[i].deque))
			return true;
	return false;
}

bool thread_is_pushing(struct thread_pool *p)
{
	/* T5 seq_cst: after the caller has announced that it sleeps; pairs with announce_own. */
	for (unsigned i = 0; i < p->size; i++)
		if (atom_load(&p->seat[i].queue.pushing, seq_cst))
			return true;
	return false;
}

uint64_t thread_queued(struct thread_pool *p)
{
	/* Relaxed: a figure for people. */
	uint64_t n = atom_load(&p->ladder.n, relaxed);

	for (unsigned i = 0; i < p->shards; i++)
		n += thread_seen(atom_load(&p->shard[i].seen, relaxed));
	for (unsigned i = 0; i < p->size; i++)
		n += thread_seen(atom_load(&p->seat[i].queue.seen, relaxed));
	return n;
}
