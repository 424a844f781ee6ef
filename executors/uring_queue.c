/* SPDX-License-Identifier: MIT
 *
 * uring_queue.c -- where tasks wait to start: one queue, by priority. Lanes take from it one by one, whenever they
 * look outside, so no task waits behind one that computes as long as there is a lane that does not. What has begun
 * stays on its lane; so that they fill evenly, a lane that has far more than one that sleeps leaves the task to that
 * one.
 *
 * The lock of the queue orders submit, start and removal. The length is also a word of its own, for the looks of
 * those who do not hold it (U2, uring_wait.c).
 */
#include "uring_parts.h"

#include <errno.h>

enum { MORE = 16 }; /* tasks that a lane may have more than one that sleeps */

/* Under the lock. U2 seq_cst: pairs with announce. */
static void count(struct uring_pool *p)
{
	atom_store(&p->queued, (uint32_t)p->queue.n, seq_cst);
}

/* The sleeping lane that has the fewest tasks, or NULL. */
static struct uring_lane *idlest(struct uring_pool *p)
{
	struct uring_lane *best = NULL;

	for (uint32_t i = 0; i < p->n; i++) {
		struct uring_lane *l = &p->lane[i];

		/* U2 seq_cst: after the count; pairs with announce. Relaxed: of live, a guess will do. */
		if (atom_load(&l->asleep, seq_cst) &&
		    (!best || atom_load(&l->live, relaxed) < atom_load(&best->live, relaxed)))
			best = l;
	}
	return best;
}

static void wake_some(struct uring_pool *p, size_t n)
{
	struct uring_lane *l;

	while (n-- > 0 && (l = idlest(p)))
		uring_ring_bell(l);
}

int uring_queue_submit(struct uring_pool *p, struct weft_offer *offer)
{
	size_t i = 0;
	int err = 0;

	weft__lock(&p->lock);
	while (i < offer->n && i < INT32_MAX && !err) {
		if (p->dropping)
			err = -ESHUTDOWN;
		else if (!offer->force && p->queue.n >= p->opts.queue)
			err = -EAGAIN;
		else
			err = weft_impl_accept(offer, i);
		if (!err)
			weft__taskq_push(&p->queue, &offer->tasks[i++]);
	}
	count(p);
	weft__unlock(&p->lock);
	wake_some(p, i);
	return i ? (int)i : err;
}

void uring_queue_remove(struct uring_pool *p, weft_task *t)
{
	weft__lock(&p->lock);
	weft__taskq_remove(&p->queue, t);
	count(p);
	weft__unlock(&p->lock);
}

void uring_queue_drop(struct uring_pool *p)
{
	struct list_node *dropped;

	weft__lock(&p->lock);
	p->dropping = true;
	dropped = weft__taskq_drop(&p->queue);
	count(p);
	weft__unlock(&p->lock);
	weft__taskq_finish_dropped(dropped);
}

/* Is there a lane asleep that should rather have it? Then it is awake now, and takes it, or the next. */
static bool leave_to_another(struct uring_lane *l)
{
	struct uring_lane *other = l->pool->n > 1 ? idlest(l->pool) : NULL;

	/* Relaxed: a guess. */
	if (!other || atom_load(&l->live, relaxed) < atom_load(&other->live, relaxed) + MORE)
		return false;
	uring_ring_bell(other);
	return true;
}

weft_task *uring_queue_take(struct uring_lane *l)
{
	struct uring_pool *p = l->pool;
	weft_task *t;

	/* Relaxed: who looks before he sleeps looks better. */
	if (!atom_load(&p->queued, relaxed) || leave_to_another(l))
		return NULL;
	weft__lock(&p->lock);
	t = weft__taskq_start(&p->queue);
	count(p);
	weft__unlock(&p->lock);
	return t;
}
