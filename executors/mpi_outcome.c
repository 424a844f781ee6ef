/* SPDX-License-Identifier: MIT
 *
 * mpi_outcome.c -- what ranks answer, and who finishes tasks.
 *
 * The thread that makes progress finishes them, but for what hangs on them: continuations may run bodies, which may
 * take their time or wait for other tasks of this executor. Those go to a second thread, the finisher, which sleeps
 * else.
 *
 *   tag  word        from -> to              order                    carries
 *   M1   p->errands  give -> finisher        add relaxed, and a look  nothing: p->rest is under the lock; the word
 *                                            before the sleep         only tells a sleeper that it has changed
 */
#include "mpi_parts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* A rank that has handed all it has to its own executor gives nothing back, however often it is asked. */
#define RECALL_AGAIN WEFT_MS(1)

/* ---- The finisher ---- */

static void tell_finisher(struct mpi_pool *p)
{
	/* M1 relaxed: under the lock. */
	atom_add(&p->errands, 1, relaxed);
	weft__wake(&p->errands, 1, WEFT__PRIVATE);
}

static void give(struct mpi_pool *p, struct weft__link *rest)
{
	struct list_node *last = &rest->node;

	while (last->next)
		last = last->next;
	weft__lock(&p->lock);
	last->next = p->rest ? &p->rest->node : NULL;
	p->rest = rest;
	tell_finisher(p);
	weft__unlock(&p->lock);
}

void *mpi_finisher(void *pool)
{
	struct mpi_pool *p = pool;
	struct weft__link *rest;
	uint32_t errands;
	bool ends;

	do {
		weft__lock(&p->lock);
		/* M1 relaxed: under the lock. */
		errands = atom_load(&p->errands, relaxed);
		rest = p->rest;
		p->rest = NULL;
		ends = p->finisher_ends;
		weft__unlock(&p->lock);
		if (rest)
			weft__release(rest);
		else if (!ends)
			weft__wait(&p->errands, errands, WEFT_FOREVER, WEFT__PRIVATE);
	} while (rest || !ends);
	return NULL;
}

void mpi_finisher_end(struct mpi_pool *p)
{
	weft__lock(&p->lock);
	p->finisher_ends = true;
	tell_finisher(p);
	weft__unlock(&p->lock);
}

void mpi_finish(struct mpi_pool *p, weft_task *t, int status, const char *text, const struct weft__death *d)
{
	weft_executor *ex = p->ex;
	struct weft__link *rest = weft__finish_quietly(weft__future(t), status, text, d);

	if (rest)
		give(p, rest);
	/* Last: a stop waits for it. The threads of the pool are joined after that, so it lives as long as we. */
	weft__load_leave(ex, 1);
}

/* ---- Answers ---- */

/* The result of a task, or of the part of a batch before the call that failed. */
static bool copy_result(struct mpi_slot *slot, const struct mpi_done *body, const char *more)
{
	weft_task *t = slot->task;
	weft_future *f = weft__future(t);
	struct weft__batch *batch = weft__batch(f);

	if (body->reply_size > t->result_size || (!body->result_n && body->reply_size != slot->got) ||
	    (body->result_n && body->result_n != body->reply_size))
		return false;
	if (batch)
		*batch->failed = body->failed < batch->n ? body->failed : 0;
	if (body->result_n)
		memcpy(t->result, more, body->result_n);
	if (body->status >= 0)
		weft__reply(f, body->reply_size);
	return true;
}

static void copy_death(const struct mpi_done *body, struct weft__death *ret)
{
	*ret = (struct weft__death){.pid = body->pid,
				    .signal = body->signal,
				    .code = body->code,
				    .core = body->more & 1,
				    .oom = body->more & 2 ? 1 : 0,
				    .utime_us = body->utime_us,
				    .stime_us = body->stime_us,
				    .maxrss_kib = body->maxrss_kib};
}

static int take_done(struct mpi_pool *p, struct mpi_rank *r, const struct mpi_view *v)
{
	const struct mpi_done *body = v->body;
	char text[WEFT_ERROR_TEXT_MAX + 1];
	struct weft__death death;
	struct mpi_slot *slot;
	weft_task *t = NULL;
	bool good = false;

	weft__lock(&p->lock);
	slot = mpi_slot_find(r, v->id);
	if (slot && copy_result(slot, body, v->more)) {
		good = true;
		t = slot->task;
		mpi_slot_free(r, slot);
		mpi_rate_count(r);
		r->done++;
		p->deaths += body->flags & DONE_HAS_DEATH ? 1 : 0;
	}
	weft__unlock(&p->lock);
	if (!good)
		return -EBADMSG;
	memcpy(text, v->more + body->result_n, body->text_n);
	text[body->text_n] = 0;
	copy_death(body, &death);
	mpi_finish(p, t, body->status, body->text_n ? text : NULL,
		   body->flags & DONE_HAS_DEATH && body->status < 0 ? &death : NULL);
	return 0;
}

static int take_data(struct mpi_pool *p, struct mpi_rank *r, const struct mpi_view *v)
{
	const struct mpi_data *body = v->body;
	struct mpi_slot *slot;
	int err = -EBADMSG;

	weft__lock(&p->lock);
	slot = mpi_slot_find(r, v->id);
	if (slot && body->offset == slot->got && v->n <= slot->task->result_size - slot->got) {
		memcpy((char *)slot->task->result + slot->got, v->more, v->n);
		slot->got += v->n;
		err = 0;
	}
	weft__unlock(&p->lock);
	return err;
}

static int take_returned(struct mpi_pool *p, struct mpi_rank *r, uint32_t id)
{
	struct mpi_slot *slot;
	weft_task *t = NULL;
	bool called_off = false;

	weft__lock(&p->lock);
	slot = mpi_slot_find(r, id);
	if (slot) {
		t = slot->task;
		called_off = slot->cancel != NOT_CALLED_OFF || p->dropping;
		/* Relaxed: under the lock. */
		atom_store(&weft__future(t)->place, slot->fn, relaxed);
		mpi_slot_free(r, slot);
		if (!called_off)
			mpi_requeue(p, t);
	}
	weft__unlock(&p->lock);
	if (called_off)
		mpi_finish(p, t, -ECANCELED, NULL, NULL);
	return slot ? 0 : -EBADMSG;
}

static int take_welcome(struct mpi_pool *p, struct mpi_rank *r, const struct mpi_view *v)
{
	if (r->life != RANK_OPENING)
		return -EBADMSG;
	r->welcome = *(const struct mpi_welcome *)v->body;
	if (!r->welcome.status && !(r->welcome.workers && r->welcome.workers <= WEFT_WORKERS_MAX))
		return -EBADMSG;
	r->workers = r->welcome.workers;
	r->life = r->welcome.status ? RANK_ENDED : RANK_UP;
	p->alive += r->life == RANK_UP;
	return 0;
}

/* Under the lock, since mpi_pool.c tells people. */
void mpi_heard(struct mpi_pool *p, struct mpi_rank *r, weft_time when)
{
	weft__lock(&p->lock);
	r->peer.heard = when;
	weft__unlock(&p->lock);
}

static void recalled(struct mpi_rank *r)
{
	r->recalling = false;
	r->recall_at = weft_after(RECALL_AGAIN);
}

int mpi_outcome_take(struct mpi_pool *p, struct mpi_rank *r, struct mpi_reader *frame)
{
	struct mpi_view v;
	int more;

	mpi_heard(p, r, weft_now());
	while ((more = mpi_next(frame, &v)) > 0) {
		if (v.kind == REC_DONE)
			more = take_done(p, r, &v);
		else if (v.kind == REC_DATA)
			more = take_data(p, r, &v);
		else if (v.kind == REC_RETURNED)
			more = take_returned(p, r, v.id);
		else if (v.kind == REC_RECALLED)
			recalled(r);
		else if (v.kind == REC_WELCOME)
			more = take_welcome(p, r, &v);
		else if (v.kind == REC_ENDED && p->leaving)
			r->life = RANK_ENDED;
		else if (v.kind == REC_CLOCK || v.kind == REC_PIECE || v.kind == REC_GATHERED)
			more = mpi_gather_take(p, r, &v);
		else if (v.kind != REC_BEAT)
			more = -EBADMSG;
		if (more < 0)
			return more;
	}
	return more;
}

/* ---- Ranks that are lost ---- */

/* What becomes of a task that was on its way there, or begun: nobody knows. True: it is over. */
static bool condemn(struct mpi_pool *p, struct mpi_slot *slot)
{
	weft_task *t = slot->task;
	weft_future *f = weft__future(t);

	if (!(t->flags & WEFT_TASK_IDEMPOTENT) || p->dropping || slot->cancel != NOT_CALLED_OFF ||
	    ++f->live.runs >= WEFT_TASK_RUNS_MAX)
		return true;
	/* Relaxed: under the lock. */
	atom_store(&f->place, slot->fn, relaxed);
	return false;
}

void mpi_outcome_lost(struct mpi_pool *p, struct mpi_rank *r, const char *why)
{
	char text[WEFT_ERROR_TEXT_MAX + 1];

	weft__lock(&p->lock);
	p->alive -= r->life == RANK_UP;
	p->deaths += r->life == RANK_UP;
	r->life = RANK_LOST;
	weft__unlock(&p->lock);
	mpi_gather_lost(r);
	snprintf(text, sizeof text, "rank %u on %.40s: %s", r->peer.rank, r->welcome.host, why);
	for (unsigned i = 0; i < MPI_SLOTS; i++) {
		weft_task *t;
		bool over;

		weft__lock(&p->lock);
		t = r->slot[i].task;
		over = t && condemn(p, &r->slot[i]);
		if (t)
			mpi_slot_free(r, &r->slot[i]);
		if (t && !over)
			mpi_requeue(p, t);
		r->lost += over;
		weft__unlock(&p->lock);
		if (over)
			mpi_finish(p, t, -EOWNERDEAD, text, NULL);
	}
}
