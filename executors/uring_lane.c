/* SPDX-License-Identifier: MIT
 *
 * uring_lane.c -- what the thread of a lane does: it goes from fiber to fiber. The one that stops looks for the
 * next (next_fiber): first those that were ready when the turn began, then tasks that have not begun; then it looks
 * outside, which begins a new turn: deadlines, what other threads have said, what the kernel has done. If there is
 * nothing at all it sleeps there. Thus whoever computes and yields cannot keep the others from the kernel's
 * answers, nor these the tasks that wait to start.
 *
 * A fiber whose task is done lies down on top of the free ones before it looks, and is therefore itself the next
 * that gets a task: a row of tasks that do not wait needs one fiber, and no switch.
 *
 * The thread's own stack counts as a fiber without an engine: on it the thread begins, ends, and refuses tasks
 * that no fiber could be had for, which may run a continuation.
 */
#include "own_thread.h"
#include "uring_switch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

/* ---- The ring of those that are ready ---- */

static int grow_ready(struct uring_ready *r, uint32_t n)
{
	uint32_t room = r->at ? r->mask + 1 : 0, wider = room ? 2 * room : 64;
	struct uring_fiber **at;

	if (n <= room)
		return 0;
	at = wider > UINT32_MAX / 16 ? NULL : malloc(wider * sizeof(*at));
	if (!at)
		return -ENOMEM;
	for (uint32_t i = r->first; i != r->end; i++)
		at[i & (wider - 1)] = r->at[i & r->mask];
	free(r->at);
	r->at = at;
	r->mask = wider - 1;
	return 0;
}

void uring_lane_ready(struct uring_fiber *f, int result)
{
	struct uring_ready *r = &f->lane->ready;

	if (f->phase == URING_READY) {
		/* It had given up, and does not know yet: the wake counts. */
		if (!result)
			f->result = 0;
		return;
	}
	f->alarm = 0;
	f->phase = URING_READY;
	f->result = (int16_t)result;
	r->at[r->end++ & r->mask] = f;
}

void uring_lane_strike(struct uring_lane *l)
{
	uint64_t one = 1;
	ssize_t n = write(l->bell, &one, sizeof one);

	(void)n; /* it cannot be full */
}

/* ---- Fibers ---- */

static void add_live(struct uring_lane *l, uint32_t n)
{
	/* Relaxed: a figure for others' guesses, written here only. */
	atom_store(&l->live, atom_load(&l->live, relaxed) + n, relaxed);
}

/* From here on f is nobody's, but may be chosen next. */
static void lie_down(struct uring_fiber *f)
{
	struct uring_lane *l = f->lane;

	add_live(l, UINT32_MAX);
	f->task = NULL;
	f->next = l->free;
	l->free = f;
	uring_lane_suspend(f);
}

static void fiber_main(void *fiber)
{
	struct uring_fiber *f = fiber;

	while (f->task) {
		uring_begin(f);
		weft_impl_run(f->task);
		lie_down(f);
	}
	weft__fiber_pass(&f->base, &f->lane->self.base);
	weft__context_leave(&f->context, &f->lane->self.context);
}

/* On top of its own stack: so it costs no page of its own. */
static struct uring_fiber *make_fiber(struct uring_lane *l)
{
	struct weft__stack stack;
	struct uring_fiber *f;
	size_t size = (sizeof *f + 63) & ~(size_t)63;

	if (uring_heap_grow(&l->heap, l->fibers + 1) || grow_ready(&l->ready, l->fibers + 1) ||
	    weft__stack_new(&l->stacks, &stack))
		return NULL;
	f = (struct uring_fiber *)(void *)(stack.low + stack.size - size);
	*f = (struct uring_fiber){.base = {.engine = &l->driver->engine,
					   .ex = l->pool->ex,
					   .handled_here = l->self.base.handled_here},
				  .lane = l};
	f->woken.fiber = f->told.fiber = f;
	weft__context_init(&f->context, stack.low, stack.size - size, fiber_main, f);
	f->all = l->all;
	l->all = f;
	l->fibers++;
	if (l->row)
		atom_store(&l->row->ring.fibers, l->fibers, relaxed);
	return f;
}

/* A fiber that will run the next task; NULL: there is none. */
static struct uring_fiber *begin_task(struct uring_lane *l)
{
	struct uring_fiber *f;
	weft_task *t = uring_queue_take(l);

	if (!t)
		return NULL;
	f = l->free;
	if (f)
		l->free = f->next;
	else
		f = make_fiber(l);
	if (!f) {
		l->refused = t;
		return &l->self;
	}
	f->task = t;
	uring_watch_turn(l, NULL);
	uring_watch_name(f, t);
	add_live(l, 1);
	return f;
}

/* ---- Who is next ---- */

static void sound_alarms(struct uring_lane *l)
{
	weft_time now = l->heap.n ? weft_now() : 0;
	struct uring_alarm due[16];
	uint32_t n;

	do {
		n = uring_heap_take(&l->heap, now, due, sizeof due / sizeof *due);
		for (uint32_t i = 0; i < n; i++)
			if (!uring_alarm_is_forgotten(&due[i]))
				uring_lane_ready(due[i].fiber, -ETIMEDOUT);
	} while (n);
}

/* When it has to look again, if nothing else happens. */
static weft_time until(struct uring_lane *l)
{
	weft_time at = uring_heap_next(&l->heap);

	return at < WEFT_FOREVER - l->pool->slack ? at + l->pool->slack : WEFT_FOREVER;
}

/* Until the kernel or another thread has something for the lane, or a deadline comes. */
static void sleep_outside(struct uring_lane *l)
{
	bool sleeps = uring_announce(l);

	if (l->row) /* while the lane is at work, the watcher says how many live */
		atom_store(&l->row->ring.live, atom_load(&l->live, relaxed), relaxed);
	if (sleeps) {
		weft__probe_switch(NULL); /* whose stack this is, is not whose time it is */
		weft__probe_park(true);
	}
	l->driver->poll(l, sleeps ? until(l) : 0);
	if (sleeps)
		weft__probe_unpark();
}

static void look_outside(struct uring_lane *l)
{
	uring_watch_turn(l, NULL);
	atom_store(&l->batch, atom_load(&l->batch, relaxed) + 1, relaxed); /* for the watcher's guess */
	uring_hear(l);
	/* Relaxed: announce looks better. */
	if (uring_switch_n_ready(l) || atom_load(&l->pool->queued, relaxed)) {
		l->driver->poll(l, 0);
	} else {
		weft__tally_settle(&l->tally);
		sleep_outside(l);
		uring_awake(l);
		uring_watch_call(l->pool);
	}
	uring_hear(l);
	sound_alarms(l);
	l->budget = uring_switch_n_ready(l) + URING_BEGIN;
}

struct uring_fiber *uring_lane_find(struct uring_lane *l)
{
	struct uring_fiber *f;

	for (;;) {
		while (l->answers)
			if ((f = uring_switch_take(l)))
				return f;
		while (l->budget > 0) {
			l->budget--;
			f = l->budget >= URING_BEGIN && uring_switch_n_ready(l) ? uring_switch_pop(l)
										: begin_task(l);
			if (f)
				return f;
			l->budget = 0;
		}
		/* Relaxed: set when nothing is left that could be seen with it. What is live then is a continuation on
		 * "inline" that waits, in the fiber of the task that it follows. */
		if (atom_load(&l->pool->ending, relaxed) && !atom_load(&l->live, relaxed))
			return &l->self;
		look_outside(l);
	}
}

void uring_lane_suspend(struct uring_fiber *f)
{
	uring_switch_suspend(f);
}

/* ---- The thread ---- */

static int open_lane(struct uring_lane *l)
{
	struct uring_pool *p = l->pool;
	char name[32];

	snprintf(name, sizeof name, "%.10s-%u", p->name, (unsigned)(l - p->lane) % 1000);
	pthread_setname_np(pthread_self(), name);
	prctl(PR_SET_TIMERSLACK, 1UL); /* it has its own */
	uring_self = l;
	l->id = gettid();
	if (l->row)
		atom_store(&l->row->id, (uint32_t)l->id, relaxed);
	l->err = &errno;
	l->self.lane = l;
	l->self.base.handled_here = weft__handled_here();
	weft__context_adopt(&l->self.context);
	return l->driver->open(l);
}

/* All fibers are free: each returns from its last lie_down. */
static void end_fibers(struct uring_lane *l)
{
	for (struct uring_fiber *f = l->all, *next; f; f = next) {
		next = f->all;
		uring_switch_to(&l->self, f);
		weft__context_fini(&f->context);
	}
	weft__stacks_fini(&l->stacks);
	uring_heap_free(&l->heap);
	free(l->ready.at);
}

static void serve(struct uring_lane *l)
{
	struct uring_fiber *next;

	while ((next = uring_lane_find(l)) != &l->self || l->refused) {
		if (next != &l->self) {
			uring_watch_turn(l, next);
			weft__probe_switch(next);
			uring_switch_to(&l->self, next);
		}
		if (!l->refused)
			return;
		weft_impl_finish(l->refused, -ENOMEM, weft__stacks_full(&l->stacks));
		l->refused = NULL;
	}
}

void *uring_lane_main(void *lane)
{
	struct uring_lane *l = lane;

	l->error = open_lane(l);
	/* S1 release: the error; pairs with the start of the pool. */
	atom_store(&l->started, 1, release);
	weft__wake(&l->started, 1, WEFT__PRIVATE);
	if (l->error)
		return NULL;
	weft__tally_open(&l->tally, l->pool->ex, l->row);
	weft__tally = &l->tally;
	uring_files_open(l);
	serve(l);
	uring_files_close(l, false);
	weft__tally = NULL;
	weft__tally_close(&l->tally);
	l->driver->close(l);
	end_fibers(l);
	return NULL;
}
