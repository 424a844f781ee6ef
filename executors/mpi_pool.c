/* SPDX-License-Identifier: MIT
 *
 * mpi_pool.c -- the executor "mpi" on the caller's rank, as the library sees it. mpi_parts.h says what lies in which
 * file. Nothing here knows MPI: that is behind the link.
 */
#include "mpi_parts.h"
#include "own_thread.h"
#include "spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int submit_one(struct mpi_pool *p, struct weft_offer *offer, size_t i)
{
	weft_task *t = &offer->tasks[i];
	struct weft__token token;
	uint32_t fn;
	int err;

	if (p->dropping)
		return -ESHUTDOWN;
	if (!p->alive)
		return -EIO;
	if (!offer->force && p->q.n >= p->opts.queue)
		return -EAGAIN;
	err = weft__token_make(t->fn, &token);
	if (!err)
		err = mpi_fn_number(p, &token, &fn);
	if (err)
		return err;
	offer->place_ = fn;
	err = weft_impl_accept(offer, i);
	if (err)
		return err;
	weft__future(t)->live.runs = 0;
	weft__taskq_push(&p->q, t);
	return 0;
}

static int pool_submit(void *self, struct weft_offer *offer)
{
	struct mpi_pool *p = self;
	size_t i = 0;
	int err = 0;

	weft__lock(&p->lock);
	while (!err && i < offer->n && i < INT32_MAX) {
		err = submit_one(p, offer, i);
		i += !err;
	}
	if (i)
		mpi_wake(p);
	weft__unlock(&p->lock);
	return i ? (int)i : err;
}

static void pool_remove(void *self, weft_task *t)
{
	struct mpi_pool *p = self;

	weft__lock(&p->lock);
	weft__taskq_remove(&p->q, t);
	weft__unlock(&p->lock);
}

static enum weft_cancel pool_interrupt(void *self, weft_task *t)
{
	struct mpi_pool *p = self;
	struct mpi_slot *slot;
	struct mpi_rank *r;
	uint64_t place;

	weft__lock(&p->lock);
	/* Relaxed: under the lock. */
	place = atom_load(&weft__future(t)->place, relaxed);
	r = place >> 32 < p->link->n ? p->rank[place >> 32] : NULL;
	/* It may have gone back into the queue just now; then mpi_dispatch.c sees that it was asked. */
	slot = r ? mpi_slot_find(r, (uint32_t)place) : NULL;
	if (slot && slot->task == t && slot->cancel == NOT_CALLED_OFF) {
		slot->cancel = TO_BE_CALLED_OFF;
		p->cancels = true;
		mpi_wake(p);
	}
	weft__unlock(&p->lock);
	return WEFT_CANCEL_ASKED;
}

static bool pool_inside(void *self)
{
	struct mpi_pool *p = self;

	return pthread_equal(pthread_self(), p->thread) || pthread_equal(pthread_self(), p->finisher);
}

/* What has gone to ranks is theirs: they are told how to stop. */
static void pool_stop(void *self, enum weft_stop how)
{
	struct mpi_pool *p = self;
	struct list_node *queued = NULL;

	weft__lock(&p->lock);
	if (how != WEFT_STOP_DRAIN) {
		p->dropping = true;
		queued = weft__taskq_drop(&p->q);
	}
	if (p->stop < 1 + (unsigned)how)
		p->stop = 1 + (unsigned)how;
	mpi_wake(p);
	weft__unlock(&p->lock);
	weft__taskq_finish_dropped(queued);
}

static void pool_join(void *self)
{
	struct mpi_pool *p = self;

	mpi_gather_ignore(p);
	weft__lock(&p->lock);
	p->ending = true;
	mpi_wake(p);
	weft__unlock(&p->lock);
	pthread_join(p->thread, NULL);
	mpi_finisher_end(p);
	pthread_join(p->finisher, NULL);
}

static unsigned count_lost(const struct mpi_pool *p)
{
	unsigned lost = 0;

	for (unsigned i = 0; i < p->link->n; i++)
		lost += p->rank[i] && p->rank[i]->life == RANK_LOST;
	return lost;
}

static void dispose(struct mpi_pool *p)
{
	mpi_server_free(p->server);
	for (unsigned i = 0; p->rank && i < p->link->n; i++) {
		if (p->rank[i])
			mpi_gather_fini(p->rank[i]);
		free(p->rank[i]);
	}
	free(p->rank);
	free(p->fn);
	mpi_pace_fini(&p->pace);
	free(p);
}

static void pool_free(void *self, bool forked)
{
	struct mpi_pool *p = self;
	struct mpi_caller_opts o = p->opts;
	struct mpi_link *link = p->link;
	unsigned lost = count_lost(p);

	if (forked) /* its server, its ranks and MPI are the parent's */
		return;
	dispose(p);
	o.gone(link, lost, o.ctx);
}

static void pool_stats(void *self, struct weft_stats *ret)
{
	struct mpi_pool *p = self;

	weft__lock(&p->lock);
	ret->queued = p->q.n;
	ret->deaths = p->deaths;
	for (unsigned i = 0; i < p->link->n; i++) {
		const struct mpi_rank *r = p->rank[i];

		if (!r || r->life != RANK_UP)
			continue;
		ret->workers += r->workers;
		ret->queued += r->in_flight > r->workers ? r->in_flight - r->workers : 0;
	}
	weft__unlock(&p->lock);
}

static const struct weft_executor_ops pool_ops = {
	.size = sizeof pool_ops,
	.submit = pool_submit,
	.remove = pool_remove,
	.interrupt = pool_interrupt,
	.inside = pool_inside,
	.stop = pool_stop,
	.join = pool_join,
	.free = pool_free,
	.stats = pool_stats,
};

static int make_rank(struct mpi_pool *p, unsigned i)
{
	struct mpi_rank *r = aligned_alloc(64, (sizeof *r + 63) & ~(size_t)63);

	if (!r)
		return -ENOMEM;
	memset(r, 0, sizeof *r);
	mpi_peer_init(&r->peer, p->link, i, TO_SERVER);
	for (unsigned k = 0; k < MPI_SLOTS; k++)
		r->free_slot[r->free_n++] = (uint16_t)(MPI_SLOTS - 1 - k);
	p->rank[i] = r;
	return 0;
}

static int furnish(struct mpi_pool *p)
{
	bool idle = p->opts.flags & WEFT_MPI_ROOT_IDLE && p->link->n > 1;
	int err = 0;

	p->rank = calloc(p->link->n, sizeof(struct mpi_rank *));
	if (!p->rank)
		return -ENOMEM;
	if (!idle)
		err = mpi_server_new(&p->server, p->link, p->link->rank);
	for (unsigned i = 0; i < p->link->n && !err; i++)
		if (i != p->link->rank || !idle)
			err = make_rank(p, i);
	return err;
}

/* What the ranks can do together. */
static void sum_up(const struct mpi_pool *p, struct weft_executor_ops *ret)
{
	unsigned caps = WEFT_CAP_KILL;

	ret->workers = 0;
	for (unsigned i = 0; i < p->link->n; i++)
		if (p->rank[i]) {
			ret->workers += p->rank[i]->workers;
			caps &= p->rank[i]->welcome.caps;
		}
	ret->caps = caps | (p->link->n > 1 ? WEFT_CAP_REMOTE : 0);
}

static void name_it(const struct mpi_pool *p, unsigned workers, char *ret, size_t size)
{
	if (p->link->ops)
		snprintf(ret, size, "mpi:%u (%u workers)", p->link->n, workers);
	else
		snprintf(ret, size, "mpi:1 (no mpirun: %u workers here)", workers);
}

/* The handshake has sent frames, and left a server with a pool; so what is made after it is undone with them. */
static int start(struct mpi_pool *p, weft_executor **ret)
{
	struct weft_executor_ops ops = pool_ops;
	char name[64];
	int err;

	sum_up(p, &ops);
	name_it(p, ops.workers, name, sizeof name);
	err = weft_executor_new(&p->ex, p->opts.name ? p->opts.name : name, &ops, p);
	if (err)
		return err;
	p->opts.name = p->opts.local = NULL; /* the caller's */
	err = weft__thread_start(&p->finisher, mpi_finisher, p);
	if (!err) {
		err = weft__thread_start(&p->thread, mpi_progress, p);
		if (err) {
			mpi_finisher_end(p);
			pthread_join(p->finisher, NULL);
		}
	}
	if (err) {
		weft__executor_discard(p->ex);
	} else {
		mpi_gather_heed(p);
		*ret = p->ex;
	}
	return err;
}

int weft__mpi_new(weft_executor **ret, struct mpi_link *link, const struct mpi_caller_opts *opts)
{
	struct mpi_pool *p = calloc(1, sizeof *p);
	int err;

	if (!p)
		return -ENOMEM;
	p->link = link;
	p->opts = *opts;
	err = mpi_pace_init(&p->pace);
	if (err) {
		free(p);
		return err;
	}
	mpi_gather_init(p);
	err = furnish(p);
	if (!err)
		err = mpi_handshake(p, weft_after(WEFT_MS((weft_time)opts->start)));
	if (!err)
		err = start(p, ret);
	if (err)
		dispose(p);
	return err;
}

int weft__mpi_opts(struct weft_mpi_opts *dst, const struct weft_mpi_opts *src)
{
	return weft__opts_copy(dst, sizeof *dst, src);
}

int weft__mpi_rank_stats(const weft_executor *ex, unsigned rank, struct weft_mpi_rank_stats *ret)
{
	struct mpi_pool *p;
	const struct mpi_rank *r;

	if (!ex || ex->ops.submit != pool_submit)
		return -EINVAL;
	p = ex->self;
	if (rank >= p->link->n)
		return -EINVAL;
	r = p->rank[rank];
	if (!r) /* the caller's own, which is idle */
		return 0;
	weft__lock(&p->lock);
	ret->workers = r->workers;
	ret->pid = r->welcome.pid;
	memcpy(ret->host, r->welcome.host, sizeof ret->host);
	ret->in_flight = r->in_flight;
	ret->lost = r->life == RANK_LOST;
	ret->done = r->done;
	ret->died = r->lost;
	ret->silence = rank == p->link->rank ? 0 : weft_now() - r->peer.heard;
	weft__unlock(&p->lock);
	return 0;
}
