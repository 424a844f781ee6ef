/* SPDX-License-Identifier: MIT
 *
 * thread_remove.c -- how tasks leave the queues by other ways than a worker who looks for one: cancelled, run
 * in place by who waits for them, dropped by a stop. The tags are those of thread_queues.c.
 */
#include "thread_parts.h"

#include <sched.h>

static struct thread_queue *queue_at(struct thread_pool *p, uint64_t where)
{
	uint64_t i = where >> 32;

	return i < p->shards ? &p->shard[i] : &p->seat[i - p->shards].queue;
}

void thread_ladder_count(struct thread_pool *p, const weft_task *t, int n)
{
	struct thread_ladder *l = &p->ladder;

	/* Relaxed: as what is seen of a shard. A negative n wraps, as it should. */
	atom_store(&l->n, (uint32_t)l->q.n, relaxed);
	if (t->priority > 0)
		atom_add(&l->urgent, (uint32_t)n, relaxed);
	else if (!t->priority)
		atom_add(&l->plain, (uint32_t)n, relaxed);
	if (n < 0)
		thread_token_put(p, &l->tokens);
}

static void remove_from_ladder(struct thread_pool *p, weft_task *t)
{
	weft__lock(&p->ladder.lock);
	weft__taskq_remove(&p->ladder.q, t);
	thread_ladder_count(p, t, -1);
	weft__unlock(&p->ladder.lock);
}

/* Takes t out of q, if it is there: at a position, or, if that is not the right one, wherever. */
static bool remove_from(struct thread_pool *p, struct thread_queue *q, weft_task *t, uint32_t at)
{
	struct thread_worker *w = thread_self_of(p);
	bool own = w && w->seat && q == &w->seat->queue, biased = false, found;

	if (own)
		biased = weft__bias_enter(&q->bias);
	else if (thread_queue_is_shard(p, q))
		weft__lock(&q->bias.lock);
	else
		weft__bias_lock(&q->bias);
	found = weft__ring_has(&q->ring, at, t) ||
		(!thread_queue_is_shard(p, q) && weft__ring_find(&q->ring, t, &at));
	if (found) {
		weft__ring_remove(&q->ring, at);
		thread_token_put(p, &q->tokens);
		thread_queue_count(q);
	}
	if (own)
		weft__bias_leave(&q->bias, biased);
	else
		weft__unlock(&q->bias.lock);
	return found;
}

static bool remove_from_a_seat(struct thread_pool *p, weft_task *t)
{
	for (unsigned i = 0; i < p->size; i++)
		if (remove_from(p, &p->seat[i].queue, t, 0))
			return true;
	return false;
}

void thread_queues_remove(struct thread_pool *p, weft_task *t)
{
	for (;;) {
		/* T1 acquire: pairs with begin. */
		uint64_t where = atom_load(&weft__future(t)->place, acquire);

		if (where == THREAD_PLACE_LADDER) {
			remove_from_ladder(p, t);
			return;
		}
		if (where == THREAD_PLACE_NOWHERE || remove_from(p, queue_at(p, where), t, (uint32_t)where) ||
		    remove_from_a_seat(p, t))
			return;
		sched_yield();
	}
}

/* In the own queue, where the caller is alone: so what lies there needs no search. */
static bool claim_own(struct thread_worker *w, struct thread_queue *q, weft_task *t, uint32_t at)
{
	bool biased = weft__bias_enter(&q->bias);
	bool mine =
		weft__ring_has(&q->ring, at, t) && weft__claim(weft__future(t), PHASE_QUEUED, PHASE_RUNNING);

	if (mine) {
		weft__ring_remove(&q->ring, at);
		thread_token_put(w->pool, &q->tokens);
		thread_queue_count(q);
	}
	weft__bias_leave(&q->bias, biased);
	return mine;
}

bool thread_queues_claim(struct thread_worker *w, weft_task *t)
{
	/* Relaxed: a guess where it is. */
	uint64_t where = atom_load(&weft__future(t)->place, relaxed);
	bool mine = w->own && where >> 32 == w->own->number && claim_own(w, w->own, t, (uint32_t)where);

	if (!mine) {
		mine = weft__claim(weft__future(t), PHASE_QUEUED, PHASE_RUNNING);
		if (mine)
			thread_queues_remove(w->pool, t);
	}
	if (mine)
		weft__waitq_wake_light(&w->pool->ex->room, 1);
	return mine;
}

/* Under q's lock: takes out what nobody has claimed. */
static void drop_queue(struct thread_pool *p, struct thread_queue *q, struct list_node **dropped)
{
	uint32_t end = q->ring.tail;

	for (uint32_t at = q->ring.head; q->ring.n && at != end; at++) {
		weft_task *t = weft__ring_at(&q->ring, at);

		if (!t || !weft_impl_drop(t))
			continue;
		weft__ring_remove(&q->ring, at);
		thread_token_put(p, &q->tokens);
		list_append(dropped, &weft__future(t)->live.queue);
	}
	thread_queue_count(q);
}

static void drop_ladder(struct thread_pool *p, struct list_node **dropped)
{
	struct thread_ladder *l = &p->ladder;

	weft__lock(&l->lock);
	*dropped = weft__taskq_drop(&l->q);
	for (struct list_node *d = *dropped; d; d = list_after(*dropped, d))
		thread_ladder_count(p, weft__task(list_entry(d, weft_future, live.queue)), -1);
	weft__unlock(&l->lock);
}

void thread_queues_drop(struct thread_pool *p)
{
	struct list_node *dropped;

	drop_ladder(p, &dropped);
	for (unsigned i = 0; i < p->shards; i++) {
		weft__lock(&p->shard[i].bias.lock);
		drop_queue(p, &p->shard[i], &dropped);
		weft__unlock(&p->shard[i].bias.lock);
	}
	for (unsigned i = 0; i < p->size; i++) {
		weft__bias_lock(&p->seat[i].queue.bias);
		drop_queue(p, &p->seat[i].queue, &dropped);
		weft__bias_unlock(&p->seat[i].queue.bias);
	}
	weft__taskq_finish_dropped(dropped);
}

/* The shards' credit counts as tasks that are not there: a stop would wait for them. */
void thread_queues_settle(struct thread_pool *p)
{
	for (unsigned i = 0; i < p->shards; i++) {
		weft__lock(&p->shard[i].bias.lock);
		weft__tally_settle(&p->shard[i].tally);
		weft__unlock(&p->shard[i].bias.lock);
	}
}
