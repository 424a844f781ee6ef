/* SPDX-License-Identifier: MIT
 *
 * mpi_progress.c -- the thread of the caller's rank that makes progress: the only one that touches the link.
 *
 * One turn: what has come, what may go, what this rank runs itself, heartbeats. If nothing was to be done it asks again
 * for a while, then sleeps (mpi_pace.c). Before it sleeps it says so under the lock, and looks once more; a submitter
 * looks under the same lock.
 *
 * Who is silent for the patience of the executor is lost, for ever: MPI has no way to say whether a message will yet
 * come, so what it has is not ours to wait for. But silence counts only while this thread listens: if it was stopped
 * itself, or not given the processor, the others get that time on top.
 */
#include "mpi_parts.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>

#define TURN_MAX WEFT_MS(200) /* more between two turns, and this rank was away */
#define BEATS    6            /* in the time of patience */

enum { FRAMES_A_TURN = 64 };

void mpi_wake(struct mpi_pool *p)
{
	if (!p->asleep)
		return;
	p->asleep = false;
	mpi_pace_ring(&p->pace);
}

static bool is_ours(const struct mpi_pool *p, const struct mpi_reader *frame)
{
	return frame->head.executor == p->opts.executor;
}

/* A frame that makes no sense costs its sender: it runs another protocol, or has lost its mind. */
static void take_frame(struct mpi_pool *p, unsigned from, const char *frame, size_t size)
{
	struct mpi_reader reader;
	struct mpi_rank *r = from < p->link->n ? p->rank[from] : NULL;
	int err = mpi_read(&reader, frame, size);

	if (!err && reader.head.way == TO_SERVER && from == p->link->rank && p->server)
		err = mpi_server_take(p->server, &reader);
	else if (!err && r && r->life != RANK_LOST && is_ours(p, &reader))
		err = mpi_outcome_take(p, r, &reader);
	if (err && r && r->life != RANK_LOST)
		mpi_outcome_lost(p, r, "sent what makes no sense");
}

static bool receive(struct mpi_pool *p)
{
	const char *frame;
	unsigned from;
	size_t size;
	int n = 0;

	while (n < FRAMES_A_TURN && mpi_link_receive(p->link, &from, &frame, &size) > 0) {
		take_frame(p, from, frame, size);
		n++;
	}
	return n > 0;
}

static void tell_stop(struct mpi_pool *p)
{
	if (p->told == p->stop)
		return;
	p->told = p->stop;
	for (unsigned i = 0; i < p->link->n; i++) {
		struct mpi_rank *r = p->rank[i];

		if (r && r->life == RANK_UP && p->stop > 1)
			mpi_peer_write(&r->peer, REC_STOP, p->stop - 1, NULL, 0);
	}
}

static void flush(struct mpi_pool *p)
{
	for (unsigned i = 0; i < p->link->n; i++)
		if (p->rank[i])
			mpi_peer_flush(&p->rank[i]->peer);
}

static void beat(struct mpi_pool *p, weft_time now)
{
	weft_time patience = WEFT_MS((weft_time)p->opts.patience), away = now - p->turn;

	for (unsigned i = 0; i < p->link->n; i++) {
		struct mpi_rank *r = p->rank[i];

		if (!r || i == p->link->rank || r->life != RANK_UP)
			continue;
		if (away > TURN_MAX)
			mpi_heard(p, r, r->peer.heard + away);
		if (now - r->peer.told > patience / BEATS)
			mpi_peer_write(&r->peer, REC_BEAT, 0, NULL, 0);
		if (now - r->peer.heard > patience) {
			mpi_outcome_lost(p, r, "silent for too long");
			mpi_peer_write(&r->peer, REC_BYE, 0, NULL, 0);
		}
	}
	p->turn = now;
}

/* Nobody is left to run what waits. */
static void give_up(struct mpi_pool *p)
{
	weft_task *t;

	do {
		weft__lock(&p->lock);
		t = p->alive ? NULL : weft__taskq_start(&p->q);
		weft__unlock(&p->lock);
		if (t)
			mpi_finish(p, t, -EIO, "every rank that ran tasks is lost", NULL);
	} while (t);
}

/* One turn. True: there was something to do. */
static bool turn(struct mpi_pool *p)
{
	bool some = receive(p);
	weft_task *overdue;

	do {
		weft__lock(&p->lock);
		tell_stop(p); /* first: a stop that kills leaves no time to be asked */
		mpi_tell_cancels(p);
		some |= mpi_dispatch(p, &overdue);
		some |= mpi_send_pieces(p);
		weft__unlock(&p->lock);
		if (overdue)
			mpi_finish(p, overdue, -ETIMEDOUT, NULL, NULL);
	} while (overdue);
	if (p->server)
		some |= mpi_server_step(p->server);
	beat(p, weft_now());
	mpi_gather_turn(p, p->turn);
	flush(p);
	if (!p->alive)
		give_up(p);
	return some;
}

static bool has_outbox(const struct mpi_pool *p)
{
	for (unsigned i = 0; i < p->link->n; i++)
		if (p->rank[i] && p->rank[i]->outbox)
			return true;
	return false;
}

/* Says that it sleeps, if there is nothing new. */
static bool lie_down(struct mpi_pool *p)
{
	bool news;

	weft__lock(&p->lock);
	news = p->ending || p->cancels || p->gather || p->told != p->stop || has_outbox(p) || p->link->first;
	p->asleep = !news;
	weft__unlock(&p->lock);
	return !news;
}

static void sleep_a_little(struct mpi_pool *p)
{
	int fd = p->server ? mpi_server_fd(p->server) : -1;
	weft_time most = p->link->ops ? WEFT_FOREVER : WEFT_SECONDS(3600);

	if (p->server && mpi_server_before_sleep(p->server))
		return;
	if (!lie_down(p))
		return;
	mpi_pace_sleep(&p->pace, fd, most);
	weft__lock(&p->lock);
	p->asleep = false;
	weft__unlock(&p->lock);
}

/* Ends the ranks, and hears that they have. */
static void end_ranks(struct mpi_pool *p)
{
	weft_time patience = WEFT_MS((weft_time)p->opts.patience);
	bool left = true;

	p->leaving = true;
	for (unsigned i = 0; i < p->link->n; i++)
		if (p->rank[i] && p->rank[i]->life == RANK_UP)
			mpi_peer_write(&p->rank[i]->peer, REC_END, 0, NULL, 0);
	flush(p);
	mpi_pace_busy(&p->pace);
	p->fed = weft_now();
	while (left && weft_now() - p->fed < patience) {
		if (receive(p))
			mpi_pace_busy(&p->pace);
		else if (mpi_pace_tired(&p->pace))
			mpi_pace_sleep(&p->pace, -1, WEFT_FOREVER);
		left = false;
		for (unsigned i = 0; i < p->link->n; i++)
			left |= p->rank[i] && p->rank[i]->life == RANK_UP;
	}
	for (unsigned i = 0; i < p->link->n; i++)
		if (p->rank[i] && p->rank[i]->life == RANK_UP)
			mpi_outcome_lost(p, p->rank[i], "did not end");
}

void *mpi_progress(void *pool)
{
	struct mpi_pool *p = pool;
	bool ending;

	prctl(PR_SET_NAME, "weft-mpi");
	p->turn = weft_now();
	mpi_pace_busy(&p->pace);
	do {
		if (turn(p))
			mpi_pace_busy(&p->pace);
		else if (mpi_pace_tired(&p->pace))
			sleep_a_little(p);
		weft__lock(&p->lock);
		ending = p->ending;
		weft__unlock(&p->lock);
	} while (!ending);
	end_ranks(p);
	return NULL;
}

/* ---- The beginning, in the thread that makes the executor ---- */

static void open_rank(struct mpi_pool *p, struct mpi_rank *r, const struct weft__token *program)
{
	struct mpi_open body = {
		.version = MPI_WIRE_VERSION, .patience = p->opts.patience, .program = *program};

	r->peer.w.executor = p->opts.executor;
	mpi_gather_open(p, r);
	snprintf(body.local, sizeof body.local, "%s", p->opts.local ? p->opts.local : "");
	mpi_peer_write(&r->peer, REC_OPEN, 0, &body, 0);
	mpi_peer_flush(&r->peer);
}

static bool all_have_answered(const struct mpi_pool *p, int *ret)
{
	for (unsigned i = 0; i < p->link->n; i++) {
		const struct mpi_rank *r = p->rank[i];

		if (r && r->life == RANK_OPENING)
			return false;
		if (r && r->life == RANK_LOST)
			*ret = -ENOEXEC; /* it sent what makes no sense */
		else if (r && r->welcome.status && *ret != -ENOEXEC)
			*ret = r->welcome.status;
	}
	return true;
}

int mpi_handshake(struct mpi_pool *p, weft_time deadline)
{
	struct weft__token program;
	int err = weft__token_program(&program);

	if (err)
		return err;
	for (unsigned i = 0; i < p->link->n; i++)
		if (p->rank[i])
			open_rank(p, p->rank[i], &program);
	mpi_pace_busy(&p->pace);
	while (!all_have_answered(p, &err)) {
		if (weft_now() >= deadline)
			return -ETIMEDOUT;
		if (receive(p))
			mpi_pace_busy(&p->pace);
		else if (mpi_pace_tired(&p->pace))
			mpi_pace_sleep(&p->pace, -1, WEFT_FOREVER);
	}
	for (unsigned i = 0; i < p->link->n && !err; i++)
		if (p->rank[i] && !weft__token_same_file(&program, &p->rank[i]->welcome.program))
			err = -ENOEXEC;
	if (err)
		end_ranks(p);
	return err;
}
