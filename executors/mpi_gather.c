/* SPDX-License-Identifier: MIT
 *
 * mpi_gather.c -- the traces of all ranks become one, that of rank 0. A rank is told of it before it makes its pool, and
 * writes into a file of its own; its part comes when the executor ends, or the trace does, and goes into our raw
 * file as it comes. Ranks that have no room there are cut off, as threads are.
 *
 * Their clocks are not ours. So rank 0 asks what they show, again and again. Each answer says that their clock is ahead
 * by something between two numbers: as if it had been given at once, and as if it had come at once. The question that
 * was fastest and the answer that was fastest in a WINDOW narrow that down; half of what is left is the error. trace_part.c
 * makes our time of theirs, by the first window and by the last.
 */
#include "mpi_parts.h"
#include "tracing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ASK_AGAIN WEFT_MS(20)
#define WINDOW    WEFT_SECONDS(1) /* in which clocks run alike */

enum { AT_ONCE = 8 };

void mpi_gather_init(struct mpi_pool *p)
{
	size_t size;

	p->traced = p->link->n > 1 && weft__trace_where(p->trace, sizeof p->trace, &size);
	p->trace_size = p->traced ? size : 0;
}

void mpi_gather_fini(struct mpi_rank *r)
{
	free(r->part.head);
	r->part.head = NULL;
}

/* Before it is opened. */
void mpi_gather_open(struct mpi_pool *p, struct mpi_rank *r)
{
	struct mpi_trace body = {.size = p->trace_size};
	size_t n = p->traced ? strlen(p->trace) : 0;

	if (!n || n > MPI_PATH || r->peer.rank == p->link->rank)
		return;
	memcpy(mpi_peer_write(&r->peer, REC_TRACE, 0, &body, n), p->trace, n);
	r->part.life = PART_WRITTEN;
}

/* ---- Clocks ---- */

static void ask_for_time(struct mpi_rank *r, weft_time now)
{
	struct mpi_part *part = &r->part;
	struct mpi_clock body = {0};

	if (part->asking || (part->answers >= AT_ONCE && now - part->asked < ASK_AGAIN))
		return;
	memcpy(body.clock, part->clock, sizeof body.clock);
	mpi_peer_flush(&r->peer); /* what waits there would count as time on the way */
	part->asked = weft_now();
	part->asking = true;
	mpi_peer_write(&r->peer, REC_CLOCK, 0, &body, 0);
	mpi_peer_flush(&r->peer);
}

static struct trace_clock settle(const struct mpi_part *part)
{
	int64_t width = part->most > part->least ? part->most - part->least : 0;

	return (struct trace_clock){part->shown, part->least + width / 2, 1 + width / 2};
}

/* It answered between the question and now. The first window, once it is over, stays; of later ones the last. */
static int take_time(struct mpi_rank *r, int64_t theirs)
{
	struct mpi_part *part = &r->part;
	weft_time now = weft_now();
	int64_t most = (int64_t)((uint64_t)theirs - (uint64_t)part->asked),
		least = most - (now - part->asked);

	if (!part->asking)
		return -EBADMSG;
	part->asking = false;
	if (!part->answers++ || now - part->window > WINDOW) {
		if (part->windows++ > 1)
			part->clock[1] = settle(part);
		part->window = now;
		part->least = least;
		part->most = most;
	}
	part->least = least > part->least ? least : part->least;
	part->most = most < part->most ? most : part->most;
	part->shown = theirs;
	if (part->windows == 1)
		part->clock[0] = part->clock[1] = settle(part);
	return 0;
}

/* ---- Parts ---- */

static bool is_out(const struct mpi_rank *r)
{
	return r && r->part.life != PART_NONE && r->life == RANK_UP;
}

/* Which ranks have yet to send theirs. */
static bool ask_for_parts(struct mpi_pool *p)
{
	bool some = false;

	for (unsigned i = 0; i < p->link->n; i++) {
		struct mpi_rank *r = p->rank[i];

		if (!is_out(r))
			continue;
		some = true;
		if (r->part.life == PART_WRITTEN)
			mpi_peer_write(&r->peer, REC_GATHER, 0, NULL, 0);
		r->part.life = PART_ASKED;
	}
	return some;
}

void mpi_gather_turn(struct mpi_pool *p, weft_time now)
{
	bool wanted;

	if (!p->traced)
		return;
	weft__lock(&p->lock);
	wanted = p->gather;
	weft__unlock(&p->lock);
	for (unsigned i = 0; i < p->link->n; i++)
		if (is_out(p->rank[i]))
			ask_for_time(p->rank[i], now);
	if (!wanted || ask_for_parts(p))
		return;
	weft__lock(&p->lock);
	p->gather = false;
	/* M2 release: all parts are in the trace; pairs with bring_in. */
	atom_store(&p->gathered, 1, release);
	weft__wake(&p->gathered, 1, WEFT__PRIVATE);
	weft__unlock(&p->lock);
}

static int take_piece(struct mpi_rank *r, const struct mpi_view *v)
{
	const struct mpi_data *body = v->body;
	struct mpi_part *part = &r->part;

	if (part->life == PART_NONE || body->offset != part->got)
		return -EBADMSG;
	if (!part->got) {
		if (v->n != sizeof *part->head ||
		    ((const struct trace_head *)(const void *)v->more)->magic != TRACE_MAGIC)
			return -EBADMSG;
		part->head = aligned_alloc(4096, sizeof *part->head);
		if (!part->head)
			return -ENOMEM;
		memcpy(part->head, v->more, sizeof *part->head);
		part->head->rank = r->peer.rank;
		memcpy(part->head->clock, part->clock, sizeof part->clock);
	} else if (v->n % sizeof(struct trace_chunk) == 0) {
		weft__trace_part_take(part->head, (const struct trace_chunk *)(const void *)v->more,
				      v->n / sizeof(struct trace_chunk));
	} else {
		return -EBADMSG;
	}
	part->got += v->n;
	return 0;
}

int mpi_gather_take(struct mpi_pool *p, struct mpi_rank *r, const struct mpi_view *v)
{
	if (v->kind == REC_CLOCK)
		return take_time(r, ((const struct mpi_clock *)v->body)->now);
	p->fed = weft_now();
	if (v->kind == REC_PIECE)
		return take_piece(r, v);
	r->part.life = PART_NONE; /* all is here */
	return 0;
}

void mpi_gather_lost(struct mpi_rank *r)
{
	if (r->part.life != PART_NONE)
		weft__trace_missing(r->peer.rank);
	r->part.life = PART_NONE;
}

/* ---- The end of the trace, while the executor goes on ---- */

static void bring_in(void *pool)
{
	struct mpi_pool *p = pool;

	weft__lock(&p->lock);
	p->gather = true;
	/* Relaxed: under the lock. */
	atom_store(&p->gathered, 0, relaxed);
	mpi_wake(p);
	weft__unlock(&p->lock);
	/* M2 acquire: pairs with mpi_gather_turn. A rank that is silent is lost, so this ends. */
	while (!atom_load(&p->gathered, acquire))
		weft__wait(&p->gathered, 0, WEFT_FOREVER, WEFT__PRIVATE);
}

void mpi_gather_heed(struct mpi_pool *p)
{
	if (p->traced)
		weft__trace_on_stop(bring_in, p);
}

void mpi_gather_ignore(struct mpi_pool *p)
{
	if (p->traced)
		weft__trace_on_stop(NULL, NULL);
}
