/* SPDX-License-Identifier: MIT
 *
 * process_reap.c -- how tasks leave their lanes: done, overdue, or lost with their worker; and what becomes of
 * a lane then. Under the pool's lock, but for the two that finish tasks.
 */
#include "process_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct departed *depart(struct departures *d, weft_task *t, int status)
{
	struct departed *one = &d->d[d->n++];

	one->task = t;
	one->status = status;
	one->died = one->copy = false;
	one->large = 0;
	one->text[0] = 0;
	return one;
}

/* Puts the links that one task leaves behind in front of those of others; who is first does not matter. */
static struct weft__link *chain(struct weft__link *some, struct weft__link *others)
{
	struct list_node *last = &some->node;

	while (last->next)
		last = last->next;
	last->next = others ? &others->node : NULL;
	return some;
}

void process_finish(struct process_pool *p, const struct departures *d)
{
	weft_executor *ex = p->ex;
	struct weft__link *rest = NULL, *some;

	if (!d->n)
		return;
	for (unsigned i = 0; i < d->n; i++) {
		if (d->d[i].copy)
			process_copy_large(p, d->d[i].large, d->d[i].task);
		process_unstage(p, d->d[i].large);
	}
	/* Tasks less in the lanes may be room in the queue. */
	weft__waitq_wake_light(&ex->room, d->n);
	for (unsigned i = 0; i < d->n; i++) {
		const struct departed *one = &d->d[i];

		some = weft__finish_quietly(weft__future(one->task), one->status, one->text,
					    one->died ? &one->death : NULL);
		if (some)
			rest = chain(some, rest);
	}
	if (rest) {
		weft__lock(&p->lock);
		p->rest = chain(rest, p->rest);
		process_wake_watcher(p);
		weft__unlock(&p->lock);
	}
	/* Last: after this the pool may be gone. */
	weft__load_leave(ex, d->n);
}

bool process_reap(struct process_pool *p)
{
	struct departures d;
	bool found = false, more;

	do {
		d.n = 0;
		weft__lock(&p->lock);
		lanes_harvest(p, &d);
		lanes_fill(p);
		if (d.n && p->waiting && !p->q.n)
			lanes_rebalance(p);
		weft__unlock(&p->lock);
		/* The caller keeps the pool alive, as a waiter, or as one of its threads. */
		process_finish(p, &d);
		found |= d.n > 0;
		more = d.n == DEPARTED;
	} while (more);
	return found;
}

/* Where the worker has left the result; NULL: where it belongs. */
static const char *result_of(const struct process_pool *p, const struct lane_end *e, unsigned i,
			     const weft_task *t)
{
	if (e->block[i] == LANE_FAR)
		return process_far_result(p, e, i, t);
	return lane_payload(e->shared, i, e->block[i]) + lane_result_at(t->arg_size);
}

/* Copies what the worker wrote, trusting none of it. */
static void copy_reply(const struct process_pool *p, struct lane_end *e, uint32_t at, struct departed *ret)
{
	const struct lane_slot *slot = lane_slot_of(e, at);
	struct lane_reply reply = slot->reply;
	weft_task *t = ret->task;
	weft_future *f = weft__future(t);
	const struct weft__batch *batch = weft__batch(f);
	const char *result = result_of(p, e, at % LANE_SLOTS, t);

	ret->large = e->large[at % LANE_SLOTS];
	e->large[at % LANE_SLOTS] = 0;
	ret->status = reply.status;
	if (reply.has_text) {
		memcpy(ret->text, slot->text, WEFT_ERROR_TEXT_MAX);
		ret->text[WEFT_ERROR_TEXT_MAX] = 0;
	}
	if (batch) {
		size_t failed = slot->failed;

		*batch->failed = failed < batch->n ? failed : 0;
	}
	if (ret->status < 0 && !batch)
		return;
	weft__reply(f, reply.reply_size < t->result_size ? reply.reply_size : t->result_size);
	ret->copy = ret->large; /* without the lock */
	if (t->result_size && result && !ret->large)
		memcpy(t->result, result, t->result_size);
}

void lane_distrust(struct lane_end *e)
{
	if (e->garbage)
		return;
	e->garbage = true;
	lane_kill(e);
}

static bool is_on_its_way(uint32_t state)
{
	uint32_t phase = state & ~(uint32_t)(TELL_SLEEPER | TELL_BELL);

	return phase == SLOT_QUEUED || phase == SLOT_RUNNING;
}

/* The slot at tail is free again. */
static void pass(struct lane_end *e)
{
	unsigned i = e->tail++ % LANE_SLOTS;

	if (e->block[i] && e->block[i] != LANE_FAR)
		lane_store_give(&e->store, e->block_end[i]);
	e->block[i] = 0;
}

bool lane_is_due(struct lane_end *e)
{
	for (; e->tail != e->head; pass(e)) {
		/* S2 acquire: pairs with the worker's release; the reply comes with it. */
		uint32_t state = atom_load(&lane_slot_of(e, e->tail)->state, acquire);

		if (e->task[e->tail % LANE_SLOTS]) {
			if (state != SLOT_DONE && !is_on_its_way(state))
				lane_distrust(e);
			return state == SLOT_DONE;
		}
		if (state != SLOT_FREE)
			return false;
	}
	return false;
}

bool lane_is_out_of_turn(struct lane_end *e, uint32_t at)
{
	/* S2 acquire: with it comes that those before it are done. */
	return atom_load(&lane_slot_of(e, at)->state, acquire) == SLOT_DONE && !lane_is_due(e);
}

static void harvest(struct process_pool *p, struct lane_end *e, struct departures *ret)
{
	while (ret->n < DEPARTED && lane_is_due(e)) {
		struct departed *one = depart(ret, e->task[e->tail % LANE_SLOTS], 0);

		copy_reply(p, e, e->tail, one);
		e->useful = true;
		if (e->known) /* relaxed: figures for people */
			atom_store(&e->known->tasks, atom_load(&e->known->tasks, relaxed) + 1, relaxed);
		lane_forget(p, e, e->tail);
		/* Relaxed: the worker only looks for QUEUED here. */
		atom_store(&lane_slot_of(e, e->tail)->state, SLOT_FREE, relaxed);
		pass(e);
	}
}

void lanes_harvest(struct process_pool *p, struct departures *ret)
{
	for (unsigned i = 0; i < p->n && ret->n < DEPARTED; i++)
		if (p->lane[i].shared)
			harvest(p, &p->lane[i], ret);
}

/* A body that polls may still give up by itself; after this it is killed. */
#define DEADLINE_GRACE WEFT_MS(1)

bool lanes_overdue(struct process_pool *p, struct departures *ret)
{
	weft_time now = weft_now();

	for (unsigned i = 0; i < p->n; i++) {
		struct lane_end *e = &p->lane[i];

		for (uint32_t at = e->tail; e->timed && at != e->head; at++) {
			weft_task *t = e->task[at % LANE_SLOTS];

			if (!t || weft__future(t)->deadline > now)
				continue;
			if (lane_take_back_at(p, e, at)) {
				/* Relaxed: under the lock. */
				depart(ret, t, -ETIMEDOUT)->large =
					atom_load(&weft__future(t)->place, relaxed);
				return true;
			}
			if (e->killed || weft__future(t)->deadline + DEADLINE_GRACE > now)
				continue;
			if (lane_is_out_of_turn(e, at))
				lane_distrust(e);
			if (atom_load(&lane_slot_of(e, at)->state, relaxed) == SLOT_DONE)
				continue;
			e->overdue = true;
			lane_kill(e);
		}
	}
	return false;
}

weft_time lanes_next_deadline(const struct process_pool *p)
{
	weft_time next = p->ending ? p->leave_by : WEFT_FOREVER, now = weft_now();
	bool closing = p->ending || p->killing;

	for (unsigned i = 0; i < p->n; i++) {
		const struct lane_end *e = &p->lane[i];

		if (e->life == LANE_DOWN && e->retry_at < next && !closing)
			next = e->retry_at;
		for (uint32_t at = e->tail; e->timed && at != e->head && !e->killed; at++) {
			const weft_task *t = e->task[at % LANE_SLOTS];
			weft_time d = t ? weft__future((weft_task *)(uintptr_t)t)->deadline : WEFT_FOREVER;

			if (d < now)
				d += DEADLINE_GRACE;
			next = d < next ? d : next;
		}
	}
	return next;
}

/* What of a batch was done before the element that its worker died in is kept. */
static void keep_part(const struct process_pool *p, struct lane_end *e, uint32_t at, weft_task *t,
		      struct weft__batch *batch)
{
	size_t failed = lane_slot_of(e, at)->failed;
	const char *result = result_of(p, e, at % LANE_SLOTS, t);

	*batch->failed = failed < batch->n ? failed : 0;
	if (batch->result_stride && result)
		memcpy(t->result, result, *batch->failed * batch->result_stride);
}

/* The fate of a task whose worker died in it. False: it runs again. */
static bool condemn(struct process_pool *p, struct lane_end *e, uint32_t at, struct departed *ret)
{
	weft_future *f = weft__future(ret->task);
	struct weft__batch *batch = weft__batch(f);

	if (batch)
		keep_part(p, e, at, ret->task, batch);
	if (e->overdue)
		ret->status = -ETIMEDOUT;
	else if (e->garbage)
		ret->status = -EBADMSG;
	ret->died = ret->status == -EOWNERDEAD;
	if (!ret->died || !(ret->task->flags & WEFT_TASK_IDEMPOTENT) || p->dropping)
		return true;
	return ++f->live.runs >= WEFT_TASK_RUNS_MAX;
}

void lane_memory_leave(struct lane_memory *m)
{
	if (--m->users)
		return;
	munmap(m->lane, m->size);
	free(m);
}

void lane_show(struct lane_end *e, pid_t pid)
{
	if (e->row)
		atom_store(&e->row->id, (uint32_t)pid, relaxed);
}

static void release_lane(struct lane_end *e)
{
	lane_memory_leave(e->memory);
	process_file_close(&e->pidfd);
	e->memory = NULL;
	e->shared = NULL;
	lane_show(e, 0);
	e->life = LANE_DOWN;
	e->head = e->tail = e->told = 0;
	e->tasks = e->timed = 0;
	e->store = (struct lane_store){.size = e->store.size};
	memset(e->task, 0, sizeof e->task);
	memset(e->block, 0, sizeof e->block);
}

void lane_close(struct lane_end *e)
{
	e->life = LANE_DOWN;
	e->retry_at = WEFT_FOREVER;
	lane_show(e, 0);
}

/* Before anybody hears that a task is lost: who does may ask at once how many have died. */
static void count_death(struct process_pool *p, struct lane_end *e, const struct weft__death *d)
{
	if (e->counted)
		return;
	e->counted = true;
	/* One that ended by itself, idle, has reached max_tasks or was told to leave. */
	p->deaths += !e->killed && !e->leaving && (d->signal || e->interrupted);
	if (p->ex->shown)
		atom_store(&p->ex->shown->deaths, p->deaths, relaxed);
}

bool lane_lose(struct process_pool *p, struct lane_end *e, const struct weft__death *d,
	       struct departures *ret)
{
	/* The youngest first, so that they queue up again in the order in which they came. */
	while (e->head != e->tail) {
		uint32_t at = --e->head;
		weft_task *t = e->task[at % LANE_SLOTS];
		struct departed *one;
		bool begun, lost = false;

		if (!t)
			continue;
		begun = !lane_take_back(lane_slot_of(e, at));
		one = depart(ret, t, -EOWNERDEAD);
		one->death = *d;
		if (begun)
			lost = condemn(p, e, at, one);
		e->interrupted |= begun;
		/* Relaxed: whoever is about to sleep on it must find it changed, or be woken. */
		atom_store(&lane_slot_of(e, at)->state, SLOT_FREE, relaxed);
		lane_forget(p, e, at);
		lane_take_large(e, at, t);
		if (lost) {
			/* Relaxed: under the lock. */
			one->large = atom_load(&weft__future(t)->place, relaxed);
			count_death(p, e, d);
			return true;
		}
		ret->n--;
		lane_requeue(p, t);
	}
	return false;
}

void lane_bury(struct process_pool *p, struct lane_end *e, const struct weft__death *d)
{
	count_death(p, e, d);
	lane_ended(p, e, d);
	release_lane(e);
}

/* A fresh memory for e; returns its memfd. */
static int make_memory(struct process_pool *p, struct lane_end *e)
{
	struct lane_memory *m = calloc(1, sizeof *m);
	int memfd = m ? lane_create(&m->lane, p->opts.slot_size, p->opts.max_tasks) : -ENOMEM;

	if (memfd < 0) {
		free(m);
		return memfd;
	}
	m->size = lane_size(p->opts.slot_size);
	m->users = 1;
	e->memory = m;
	e->shared = m->lane;
	e->store = (struct lane_store){.size = lane_store_size(p->opts.slot_size)};
	return memfd;
}

void lane_start(struct process_pool *p, unsigned i)
{
	struct lane_end *e = &p->lane[i];
	struct nursery_msg m = {.kind = NURSERY_SPAWN, .lane = i, .epoch = e->epoch + 1};
	int memfd = make_memory(p, e);
	int err = memfd;

	if (memfd >= 0) {
		e->shared->report.number = i;
		err = nursery_send(p->home.sock.fd, &m, &memfd, 1);
		close(memfd);
		if (err)
			release_lane(e);
	}
	if (err < 0) {
		lane_failed(p, e, err, NULL);
		return;
	}
	e->epoch++;
	e->life = LANE_STARTING;
	e->born = weft_now();
	e->given = 0;
	if (e->known)
		atom_store(&e->known->tasks, 0, relaxed); /* a figure for people */
	p->armed = false;                                 /* it does not know yet */
	e->killed = e->overdue = e->garbage = e->useful = e->interrupted = e->counted = false;
}
