/* SPDX-License-Identifier: MIT
 *
 * process_lanes.c -- which task is in which slot. Everything here runs under the pool's lock; what a worker
 * may be doing at the same time is in lane.h.
 */
#include "process_parts.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Tasks that a lane holds at a time: one runs, the others are at hand when it ends. More would only have
 * to be taken back when workers are uneven. */
#define LANE_DEPTH 4

static struct weft__live *live(weft_task *t)
{
	return &weft__future(t)->live;
}

static struct lane_slot *slot_of(const struct lane_end *e, uint32_t at)
{
	return &e->shared->slot[at % LANE_SLOTS];
}

static bool has_room(const struct process_pool *p, const struct lane_end *e)
{
	return e->life != LANE_DOWN && !e->killed && e->tasks < LANE_DEPTH &&
	       e->head - e->tail < LANE_SLOTS && (!p->opts.max_tasks || e->given < p->opts.max_tasks);
}

/* The lane with the fewest tasks that takes another. */
static struct lane_end *best_lane(struct process_pool *p)
{
	struct lane_end *best = NULL;

	for (unsigned i = 0; i < p->n && (!best || best->tasks); i++)
		if (has_room(p, &p->lane[i]) && (!best || p->lane[i].tasks < best->tasks))
			best = &p->lane[i];
	return best;
}

static void put(struct process_pool *p, struct lane_end *e, weft_task *t)
{
	weft_future *f = weft__future(t);
	struct lane_slot *s = slot_of(e, e->head);
	struct lane_request *r = &s->request;
	const struct weft__batch *b = weft__batch(f);

	/* Cannot fail: submit has made the token before. */
	weft__token_make(t->fn, &r->fn);
	r->arg_size = t->arg_size;
	r->result_size = t->result_size;
	r->deadline = f->deadline;
	r->batch = b ? b->n : 0;
	r->arg_stride = b ? b->arg_stride : 0;
	r->result_stride = b ? b->result_stride : 0;
	s->failed = 0;
	/* Relaxed: published with the request. A cancel that came before it is passed on. */
	atom_store(&s->cancel, (atom_load(&f->state, relaxed) & FLAG_ASKED) != 0, relaxed);
	if (t->arg_size)
		memcpy(lane_payload(e->shared, e->head % LANE_SLOTS, p->opts.slot_size), t->arg, t->arg_size);
	/* Relaxed: under the pool's lock. */
	atom_store(&f->place, (uint64_t)(e - p->lane) << 32 | e->head, relaxed);
	e->task[e->head % LANE_SLOTS] = t;
	p->waiting += e->tasks++ > 0;
	p->low = t->priority < p->low ? t->priority : p->low;
	e->given++;
	lane_publish(e->shared, e->head++ % LANE_SLOTS);
	if (f->deadline < p->wake_at)
		process_wake_watcher(p);
}

static void forget(struct process_pool *p, struct lane_end *e, uint32_t at)
{
	e->task[at % LANE_SLOTS] = NULL;
	p->waiting -= --e->tasks > 0;
}

/* Takes back what lies at slot at; false: it has begun. */
static bool take_back(struct process_pool *p, struct lane_end *e, uint32_t at)
{
	if (!lane_take_back(slot_of(e, at)))
		return false;
	forget(p, e, at);
	e->given--;
	return true;
}

/* The youngest task of e that has not begun, taken back; NULL: none. */
static weft_task *take_youngest(struct process_pool *p, struct lane_end *e)
{
	for (uint32_t at = e->head; e->tasks && at-- != e->tail;) {
		weft_task *t = e->task[at % LANE_SLOTS];

		if (t) /* if it has begun, so have all before it */
			return take_back(p, e, at) ? t : NULL;
	}
	return NULL;
}

/* Back into the queue, where it was first. */
static void requeue(struct process_pool *p, weft_task *t)
{
	live(t)->queue.next = NULL;
	if (weft__claim(weft__future(t), PHASE_RUNNING, PHASE_QUEUED))
		weft__taskq_push_front(&p->q, t);
}

/* Something more urgent than what lies in the lanes has come: what has not begun there queues up again. */
static void make_way(struct process_pool *p)
{
	weft_task *t;

	for (unsigned i = 0; i < p->n; i++)
		while (p->lane[i].shared && (t = take_youngest(p, &p->lane[i])))
			requeue(p, t);
	p->low = INT32_MAX;
}

void lanes_fill(struct process_pool *p)
{
	struct lane_end *e;
	weft_task *t;

	if (p->q.n && p->q.top->priority > p->low && p->waiting)
		make_way(p);
	while (p->q.n && (e = best_lane(p)) && (t = weft__taskq_start(&p->q)))
		put(p, e, t);
}

/* Copies what the worker wrote, trusting none of it. */
static void copy_reply(struct process_pool *p, struct lane_end *e, uint32_t at, struct departed *ret)
{
	struct lane_reply reply = slot_of(e, at)->reply;
	size_t failed = slot_of(e, at)->failed;
	weft_task *t = ret->task;
	weft_future *f = weft__future(t);
	const struct weft__batch *batch = weft__batch(f);
	const char *result =
		lane_payload(e->shared, at % LANE_SLOTS, p->opts.slot_size) + lane_rounded(t->arg_size);

	ret->status = reply.status;
	if (reply.has_text)
		memcpy(ret->text, reply.text, WEFT_ERROR_TEXT_MAX);
	if (batch)
		*batch->failed = failed < batch->n ? failed : 0;
	if (ret->status < 0 && !batch)
		return;
	weft__reply(f, reply.reply_size < t->result_size ? reply.reply_size : t->result_size);
	if (t->result_size)
		memcpy(t->result, result, t->result_size);
}

/* A state that no honest worker leaves a slot in: the worker cannot be trusted with the rest either. */
static void distrust(struct lane_end *e)
{
	e->garbage = true;
	lane_kill(e);
}

/* Advances over slots that the worker has passed; true if the next one is done. */
static bool next_is_done(struct lane_end *e)
{
	for (; e->tail != e->head; e->tail++) {
		/* S2 acquire: pairs with the worker's release; the reply comes with it. */
		uint32_t state = atom_load(&slot_of(e, e->tail)->state, acquire);

		if (e->task[e->tail % LANE_SLOTS]) {
			if (state != SLOT_QUEUED && state != SLOT_RUNNING && state != SLOT_DONE &&
			    !e->garbage)
				distrust(e);
			return state == SLOT_DONE;
		}
		if (state != SLOT_FREE)
			return false;
	}
	return false;
}

bool lanes_harvest(struct process_pool *p, struct departed *ret)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct lane_end *e = &p->lane[i];

		if (!e->shared || !next_is_done(e))
			continue;
		memset(ret, 0, sizeof *ret);
		ret->task = e->task[e->tail % LANE_SLOTS];
		copy_reply(p, e, e->tail, ret);
		e->useful = true;
		forget(p, e, e->tail);
		/* Relaxed: the worker only looks for QUEUED here. */
		atom_store(&slot_of(e, e->tail)->state, SLOT_FREE, relaxed);
		e->tail++;
		return true;
	}
	return false;
}

void lanes_rebalance(struct process_pool *p)
{
	for (unsigned i = 0; i < p->n && !p->q.n; i++) {
		struct lane_end *idle = &p->lane[i], *rich = NULL;
		weft_task *t;

		if (idle->tasks || !has_room(p, idle))
			continue;
		for (unsigned j = 0; j < p->n; j++)
			if (p->lane[j].tasks > 1 && (!rich || p->lane[j].tasks > rich->tasks))
				rich = &p->lane[j];
		t = rich ? take_youngest(p, rich) : NULL;
		if (!t)
			return;
		put(p, idle, t);
	}
}

bool lanes_listen(struct process_pool *p)
{
	bool again = false;

	for (unsigned i = 0; i < p->n; i++)
		if (p->lane[i].shared && p->lane[i].life != LANE_DOWN)
			lane_listen(p->lane[i].shared);
	for (unsigned i = 0; i < p->n && !again; i++)
		again = p->lane[i].shared && next_is_done(&p->lane[i]);
	return again;
}

struct list_node *lanes_withdraw(struct process_pool *p)
{
	struct list_node *mine = NULL;

	for (unsigned i = 0; i < p->n; i++)
		for (weft_task *t; p->lane[i].shared && (t = take_youngest(p, &p->lane[i]));)
			list_append(&mine, &live(t)->queue);
	return mine;
}

void lanes_ask_all(struct process_pool *p)
{
	for (unsigned i = 0; i < p->n; i++)
		for (uint32_t at = p->lane[i].tail; at != p->lane[i].head; at++)
			if (p->lane[i].task[at % LANE_SLOTS])
				/* Relaxed: a hint. */
				atom_store(&slot_of(&p->lane[i], at)->cancel, 1, relaxed);
}

enum weft_cancel lane_interrupt(struct process_pool *p, struct lane_end *e, uint32_t at, weft_task *t)
{
	if (e->task[at % LANE_SLOTS] != t)
		return WEFT_CANCEL_ASKED; /* it has just left the lane, and is about to be done */
	if (take_back(p, e, at))
		return WEFT_CANCEL_DROPPED;
	atom_store(&slot_of(e, at)->cancel, 1, relaxed);
	return WEFT_CANCEL_ASKED;
}

void lane_kill(struct lane_end *e)
{
	int pidfd = process_pidfd_get(&e->pidfd, e->pid);

	e->killed = true;
	if (pidfd >= 0)
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

void lanes_kill_all(struct process_pool *p)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->lane[i].life != LANE_DOWN)
			lane_kill(&p->lane[i]);
}

unsigned lanes_queued(const struct process_pool *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++)
		for (uint32_t at = p->lane[i].tail; at != p->lane[i].head; at++)
			n += p->lane[i].task[at % LANE_SLOTS] &&
			     atom_load(&slot_of(&p->lane[i], at)->state, relaxed) == SLOT_QUEUED;
	return n;
}

/* A body that polls may still give up by itself; after this it is killed. */
#define DEADLINE_GRACE WEFT_MS(1)

bool lanes_overdue(struct process_pool *p, struct departed *ret)
{
	weft_time now = weft_now();

	for (unsigned i = 0; i < p->n; i++) {
		struct lane_end *e = &p->lane[i];

		for (uint32_t at = e->tail; at != e->head; at++) {
			weft_task *t = e->task[at % LANE_SLOTS];

			if (!t || weft__future(t)->deadline > now)
				continue;
			if (take_back(p, e, at)) {
				*ret = (struct departed){.task = t, .status = -ETIMEDOUT};
				return true;
			}
			if (atom_load(&slot_of(e, at)->state, relaxed) == SLOT_DONE || e->killed ||
			    weft__future(t)->deadline + DEADLINE_GRACE > now)
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
		for (uint32_t at = e->tail; at != e->head && !e->killed; at++) {
			const weft_task *t = e->task[at % LANE_SLOTS];
			weft_time d = t ? weft__future((weft_task *)(uintptr_t)t)->deadline : WEFT_FOREVER;

			if (d < now)
				d += DEADLINE_GRACE;
			next = d < next ? d : next;
		}
	}
	return next;
}

/* The fate of a task whose worker died in it. False: it runs again. */
static bool condemn(struct process_pool *p, struct lane_end *e, uint32_t at, struct departed *ret)
{
	weft_future *f = weft__future(ret->task);
	struct weft__batch *batch = weft__batch(f);
	size_t failed = slot_of(e, at)->failed;
	const char *payload = lane_payload(e->shared, at % LANE_SLOTS, p->opts.slot_size);

	if (batch) {
		*batch->failed = failed < batch->n ? failed : 0;
		if (batch->result_stride)
			memcpy(ret->task->result, payload + lane_rounded(ret->task->arg_size),
			       *batch->failed * batch->result_stride);
	}
	if (e->overdue)
		ret->status = -ETIMEDOUT;
	else if (e->garbage)
		ret->status = -EBADMSG;
	ret->died = ret->status == -EOWNERDEAD;
	if (!ret->died || !(ret->task->flags & WEFT_TASK_IDEMPOTENT) || p->dropping)
		return true;
	return ++f->live.runs >= WEFT_TASK_RUNS_MAX;
}

static void release_lane(struct lane_end *e, size_t slot_size)
{
	munmap(e->shared, lane_size(slot_size));
	process_file_close(&e->pidfd);
	e->shared = NULL;
	e->life = LANE_DOWN;
	e->head = e->tail = 0;
	e->tasks = 0;
	memset(e->task, 0, sizeof e->task);
}

void lane_close(struct lane_end *e)
{
	e->life = LANE_DOWN;
	e->retry_at = WEFT_FOREVER;
}

bool lane_lose(struct process_pool *p, struct lane_end *e, const struct weft__death *d, struct departed *ret)
{
	/* The youngest first, so that they queue up again in the order in which they came. */
	while (e->head != e->tail) {
		uint32_t at = --e->head;
		weft_task *t = e->task[at % LANE_SLOTS];
		bool begun, lost = false;

		if (!t)
			continue;
		begun = !lane_take_back(slot_of(e, at));
		*ret = (struct departed){.task = t, .status = -EOWNERDEAD, .death = *d};
		if (begun)
			lost = condemn(p, e, at, ret);
		e->interrupted |= begun;
		forget(p, e, at);
		if (lost)
			return true;
		requeue(p, t);
	}
	return false;
}

void lane_bury(struct process_pool *p, struct lane_end *e, const struct weft__death *d)
{
	/* One that ended by itself, idle, has reached max_tasks or was told to leave. */
	p->deaths += !e->killed && !e->leaving && (d->signal || e->interrupted);
	lane_ended(p, e, d);
	release_lane(e, p->opts.slot_size);
}

void lane_start(struct process_pool *p, unsigned i)
{
	struct lane_end *e = &p->lane[i];
	struct nursery_msg m = {.kind = NURSERY_SPAWN, .lane = i, .epoch = e->epoch + 1};
	int memfd = lane_create(&e->shared, p->opts.slot_size, p->opts.max_tasks);
	int err = memfd;

	if (memfd >= 0) {
		e->shared->report.number = i;
		err = nursery_send(p->sock.fd, &m, &memfd, 1);
		close(memfd);
		if (err)
			release_lane(e, p->opts.slot_size);
	}
	if (err < 0) {
		lane_failed(p, e, err, NULL);
		return;
	}
	e->epoch++;
	e->life = LANE_STARTING;
	e->born = weft_now();
	e->given = 0;
	e->killed = e->overdue = e->garbage = e->useful = e->interrupted = false;
}
