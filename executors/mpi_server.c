/* SPDX-License-Identifier: MIT
 *
 * mpi_server.c -- a rank as the one who runs tasks.
 *
 * A task that has come is an errand. While its argument is still coming it is COMING; then it is WAITING in a queue of
 * this rank's own; then RUNNING: the local executor has it, and a few more than it has workers, so that they need not
 * wait for us. Up to its first instruction the caller's rank may have it back. When it is done, and its result is too long for
 * one record, it is REPLYING, piece by piece.
 *
 * The thread that makes progress is the only one here. Others finish tasks; of those it hears by a completion queue.
 */
#include "cqueue.h"
#include "mpi_errand.h"
#include "probe.h"
#include <weft/region.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FNS_MAX = 65536 };

/* ---- Outcomes ---- */

static void free_errand(struct mpi_server *s, struct errand *e)
{
	s->errand[e->id % MPI_SLOTS] = NULL;
	if (e->far)
		mpi_memory_free(s, e->far);
	free(e);
}

/* The outcome of one that never ran. */
static void refuse(struct mpi_server *s, uint32_t id, int status, const char *text)
{
	struct mpi_done body = {.status = status, .text_n = (uint32_t)(text ? strlen(text) : 0)};
	char *at;

	body.flags = body.text_n ? DONE_HAS_TEXT : 0;
	at = mpi_peer_write(&s->peer, REC_DONE, id, &body, body.text_n);
	if (body.text_n)
		memcpy(at, text, body.text_n);
}

/* How much of the result the caller is to have. */
static size_t result_bytes(const struct errand *e, int status)
{
	size_t n = 0;

	if (status >= 0 && e->batch.n)
		n = e->task.result_size;
	else if (status >= 0)
		weft_future_result(weft_task_future((weft_task *)(uintptr_t)&e->task), &n);
	else if (e->batch.n)
		n = e->failed * e->batch.result_stride;
	return n < e->task.result_size ? n : e->task.result_size;
}

static void describe_death(struct mpi_done *body, const struct weft_death *d)
{
	body->flags |= DONE_HAS_DEATH;
	body->pid = d->pid;
	body->signal = d->signal;
	body->code = d->code;
	body->more = (d->core ? 1 : 0) | (d->oom ? 2 : 0);
	body->utime_us = (int64_t)d->rusage.ru_utime.tv_sec * 1000000 + d->rusage.ru_utime.tv_usec;
	body->stime_us = (int64_t)d->rusage.ru_stime.tv_sec * 1000000 + d->rusage.ru_stime.tv_usec;
	body->maxrss_kib = d->rusage.ru_maxrss;
}

static void write_done(struct mpi_server *s, struct errand *e)
{
	weft_future *f = weft_task_future(&e->task);
	const char *text = weft_future_error(f);
	struct mpi_done body = {.status = weft_future_status(f), .failed = e->failed};
	struct weft_death death;
	char *at;

	if (!weft_future_death(f, &death))
		describe_death(&body, &death);
	else if (*text)
		body.flags |= DONE_HAS_TEXT;
	body.reply_size = e->reply;
	body.result_n = e->reply <= MPI_INLINE ? (uint32_t)e->reply : 0;
	body.text_n = body.flags & DONE_HAS_TEXT ? (uint32_t)strlen(text) : 0;
	at = mpi_peer_write(&s->peer, REC_DONE, e->id, &body, (size_t)body.result_n + body.text_n);
	if (body.result_n)
		memcpy(at, e->task.result, body.result_n);
	memcpy(at + body.result_n, text, body.text_n);
	free_errand(s, e);
}

static void give_back(struct mpi_server *s, struct errand *e)
{
	mpi_peer_write(&s->peer, REC_RETURNED, e->id, NULL, 0);
	free_errand(s, e);
}

static void complete(struct mpi_server *s, struct errand *e)
{
	s->running--;
	if (e->life == TAKEN_BACK) {
		give_back(s, e);
		return;
	}
	e->reply = result_bytes(e, weft_future_status(weft_task_future(&e->task)));
	if (e->reply > MPI_INLINE) {
		e->life = REPLYING;
		list_append(&s->replying, &e->node);
	} else {
		write_done(s, e);
	}
}

/* One piece of a long result, where there is room on the way. */
static bool reply_some(struct mpi_server *s)
{
	struct errand *e;
	size_t n;

	if (!s->replying || !mpi_link_has_room(s->peer.link, s->peer.rank))
		return false;
	e = list_entry(s->replying, struct errand, node);
	n = e->reply - e->sent < MPI_CHUNK ? e->reply - e->sent : MPI_CHUNK;
	mpi_peer_write_data(&s->peer, REC_DATA, e->id, e->sent, (const char *)e->task.result + e->sent, n);
	e->sent += n;
	if (e->sent == e->reply) {
		list_remove(&s->replying, &e->node);
		write_done(s, e);
	}
	return true;
}

/* ---- Tasks ---- */

/* Hands e to the local executor. False: it has its fill. */
static bool launch(struct mpi_server *s, struct errand *e)
{
	struct weft_offer as = {0};
	size_t accepted;
	int err = weft__check(s->local, &e->task);

	if (e->traced)
		weft__probe_taken(&e->task, e->traced);
	e->traced = 0;
	if (e->batch.n) {
		as.opaque_[OFFER_EXTRA] = &e->batch;
		as.opaque_[OFFER_HOW] = (void *)FROM_BATCH;
	}
	if (!err)
		err = weft__enter_and_submit(s->local, &e->task, 1, &as, &accepted);
	if (err == -EAGAIN)
		return false;
	list_remove(&s->waiting, &e->node);
	if (err) {
		refuse(s, e->id, err, NULL);
		free_errand(s, e);
		return true;
	}
	e->life = RUNNING;
	s->running++;
	weft__cq_watch(s->q, &e->item, weft_task_future(&e->task), e);
	return true;
}

static bool launch_some(struct mpi_server *s)
{
	bool some = false;

	while (s->waiting && s->running < s->depth && launch(s, list_entry(s->waiting, struct errand, node)))
		some = true;
	return some;
}

/* In order of priority, and of arrival among equals. */
static void enqueue(struct mpi_server *s, struct errand *e)
{
	struct list_node *n = s->waiting ? s->waiting->prev : NULL;

	e->life = WAITING;
	while (n && list_entry(n, struct errand, node)->task.priority < e->task.priority)
		n = n == s->waiting ? NULL : n->prev;
	if (!n) {
		list_append(&s->waiting, &e->node);
		s->waiting = &e->node; /* in a ring, before the first is behind the last */
		return;
	}
	e->node.next = n->next;
	e->node.prev = n;
	n->next->prev = &e->node;
	n->next = &e->node;
}

static struct errand *find(const struct mpi_server *s, uint32_t id)
{
	struct errand *e = s->errand[id % MPI_SLOTS];

	return e && e->id == id ? e : NULL;
}

static int take_task(struct mpi_server *s, const struct mpi_view *v)
{
	const struct mpi_task *body = v->body;
	struct errand *e;
	const char *why = NULL;
	int err;

	if (!s->local || s->errand[v->id % MPI_SLOTS] || body->fn >= s->fns)
		return -EBADMSG;
	err = s->fn[body->fn] ? mpi_errand_new(&e, s, v->id, body) : -ENOEXEC;
	if (err) {
		why = err == -ENOMEM ? "no memory for argument and result" : NULL;
		refuse(s, v->id, err, why);
		return 0;
	}
	e->task.fn = s->fn[body->fn];
	s->errand[v->id % MPI_SLOTS] = e;
	if (body->arg_size > MPI_INLINE)
		return 0;
	if (v->n)
		memcpy(e->arg, v->more, v->n);
	enqueue(s, e);
	return 0;
}

static int take_data(struct mpi_server *s, const struct mpi_view *v)
{
	const struct mpi_data *body = v->body;
	struct errand *e = find(s, v->id);

	if (!e)
		return 0; /* it was refused, or called off */
	if (e->life != COMING || body->offset != e->got || v->n > e->task.arg_size - e->got)
		return -EBADMSG;
	memcpy(e->arg + e->got, v->more, v->n);
	e->got += v->n;
	if (e->got == e->task.arg_size)
		enqueue(s, e);
	return 0;
}

static int take_fn(struct mpi_server *s, const struct mpi_view *v)
{
	struct weft__token token = ((const struct mpi_fn *)v->body)->token;
	weft_fn **more;

	if (v->id != s->fns || s->fns == FNS_MAX)
		return -EBADMSG;
	more = realloc(s->fn, (s->fns + 1) * sizeof *more);
	if (!more)
		return -ENOMEM;
	s->fn = more;
	if (weft__token_find(&token, &s->fn[s->fns]))
		s->fn[s->fns] = NULL; /* its tasks will hear of it */
	s->fns++;
	return 0;
}

static void take_cancel(struct mpi_server *s, uint32_t id)
{
	struct errand *e = find(s, id);

	if (!e || e->life >= TAKEN_BACK)
		return;
	if (e->life == RUNNING) {
		weft_future_cancel(weft_task_future(&e->task));
		return;
	}
	if (e->life == WAITING)
		list_remove(&s->waiting, &e->node);
	refuse(s, id, -ECANCELED, NULL);
	free_errand(s, e);
}

static void take_stop(struct mpi_server *s, enum weft_stop how)
{
	for (unsigned i = 0; how != WEFT_STOP_DRAIN && i < MPI_SLOTS; i++)
		if (s->errand[i] && s->errand[i]->life < RUNNING)
			take_cancel(s, s->errand[i]->id);
	weft_executor_stop(s->local, how, weft_now());
}

/* The youngest first: they would have had to wait longest. */
static void take_recall(struct mpi_server *s, uint32_t most)
{
	uint32_t n = 0;

	for (; n < most && s->waiting; n++) {
		struct errand *e = list_entry(s->waiting->prev, struct errand, node);

		list_remove(&s->waiting, &e->node);
		give_back(s, e);
	}
	/* Those that the local executor has, and has not begun. They come by the queue, with the others. */
	for (unsigned i = 0; n < most && i < MPI_SLOTS; i++) {
		struct errand *e = s->errand[i];

		if (!e || e->life != RUNNING || !weft__take_back(weft_task_future(&e->task)))
			continue;
		e->life = TAKEN_BACK;
		n++;
	}
	mpi_peer_write(&s->peer, REC_RECALLED, n, NULL, 0);
}

/* ---- Beginning and end ---- */

static void leave(struct mpi_server *s)
{
	if (s->local)
		weft_executor_stop(s->local, WEFT_STOP_KILL, WEFT_FOREVER);
	while (s->running) { /* they are done, but not all have been looked at */
		struct weft__cq_item *item;

		if (s->local->reap)
			s->local->reap(s->local->self);
		if (weft__cq_next(s->q, WEFT_FOREVER, false, &item))
			break;
		s->running--;
	}
	for (unsigned i = 0; i < MPI_SLOTS; i++)
		if (s->errand[i])
			free_errand(s, s->errand[i]);
	s->waiting = s->replying = NULL;
	weft_executor_free(s->local);
	s->local = NULL;
	mpi_memory_fini(s);
	s->fns = 0;
}

static void take_open(struct mpi_server *s, const struct mpi_view *v, uint32_t executor)
{
	const struct mpi_open *open = v->body;
	int err;

	if (s->local)
		leave(s);
	s->peer.w.executor = s->executor = executor;
	s->patience = WEFT_MS((weft_time)open->patience);
	s->status = err = mpi_local_open(s, open);
	s->life = err ? SERVER_ENDED : SERVER_OPEN;
	if (err)
		mpi_part_drop(s);
	mpi_local_welcome(s, err);
}

/* Once all is said. */
static void end(struct mpi_server *s)
{
	if (!s->ending || s->part.going)
		return;
	s->ending = false;
	s->life = SERVER_ENDED;
	mpi_peer_write(&s->peer, REC_ENDED, 0, NULL, 0);
	mpi_peer_flush(&s->peer);
}

static int take_record(struct mpi_server *s, const struct mpi_view *v)
{
	switch (v->kind) {
	case REC_FN:
		return take_fn(s, v);
	case REC_TASK:
		return take_task(s, v);
	case REC_DATA:
		return take_data(s, v);
	case REC_CANCEL:
		take_cancel(s, v->id);
		return 0;
	case REC_RECALL:
		take_recall(s, v->id);
		return 0;
	case REC_STOP:
		if (s->local && v->id <= WEFT_STOP_KILL)
			take_stop(s, (enum weft_stop)v->id);
		return 0;
	case REC_END:
		leave(s);
		s->ending = true;
		mpi_part_gather(s);
		end(s);
		return 0;
	case REC_CLOCK:
		mpi_part_clock(s, v);
		return 0;
	case REC_GATHER:
		mpi_part_gather(s);
		return 0;
	case REC_BEAT:
		return 0;
	default:
		return -EBADMSG;
	}
}

int mpi_server_take(struct mpi_server *s, struct mpi_reader *r)
{
	struct mpi_view v;
	int more = 0;

	s->peer.heard = weft_now();
	while (more >= 0 && (more = mpi_next(r, &v)) > 0) {
		if (v.kind == REC_BYE)
			s->life = SERVER_DISMISSED;
		else if (v.kind == REC_TRACE)
			mpi_part_begin(s, &v);
		else if (v.kind == REC_OPEN)
			take_open(s, &v, r->head.executor);
		else if (r->head.executor == s->executor)
			more = take_record(s, &v);
		else
			return 0; /* of an executor that is no more */
	}
	return more < 0 ? more : 0;
}

bool mpi_server_step(struct mpi_server *s)
{
	struct weft__cq_item *item;
	bool some = false;

	if (s->local && s->running && s->local->reap)
		s->local->reap(s->local->self);
	while (s->running && weft__cq_is_ready(s->q) && !weft__cq_next(s->q, 0, false, &item)) {
		complete(s, item->tag);
		some = true;
	}
	some |= launch_some(s);
	some |= reply_some(s);
	some |= mpi_part_step(s);
	end(s);
	if (!weft__cq_is_ready(s->q))
		mpi_peer_flush(&s->peer);
	return some;
}

bool mpi_server_before_sleep(struct mpi_server *s)
{
	/* Where tasks end in another process, somebody has to look; this thread will not. */
	if (s->local && s->local->heed)
		for (unsigned i = 0; s->running && i < MPI_SLOTS; i++)
			if (s->errand[i] && s->errand[i]->life == RUNNING)
				weft__heed(weft_task_future(&s->errand[i]->task));
	return s->running && weft__cq_is_ready(s->q);
}

int mpi_server_new(struct mpi_server **ret, struct mpi_link *link, unsigned caller)
{
	struct mpi_server *s = aligned_alloc(64, (sizeof *s + 63) & ~(size_t)63);
	int err;

	if (!s)
		return -ENOMEM;
	memset(s, 0, sizeof *s);
	err = weft_cq_new(&s->q);
	if (err) {
		free(s);
		return err;
	}
	mpi_peer_init(&s->peer, link, caller, TO_CALLER);
	*ret = s;
	return 0;
}

void mpi_server_free(struct mpi_server *s)
{
	if (!s)
		return;
	leave(s);
	weft_cq_free(s->q);
	free(s->fn);
	free(s);
}

int mpi_server_fd(const struct mpi_server *s)
{
	return weft_cq_fd(s->q);
}

enum mpi_server_life mpi_server_life(const struct mpi_server *s)
{
	return s->life;
}

int mpi_server_status(const struct mpi_server *s)
{
	return s->status;
}

weft_time mpi_server_patience(const struct mpi_server *s)
{
	return s->patience;
}

struct mpi_peer *mpi_server_peer(struct mpi_server *s)
{
	return &s->peer;
}
