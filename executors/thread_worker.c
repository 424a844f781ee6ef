/* SPDX-License-Identifier: MIT
 *
 * thread_worker.c -- what one thread of the pool does: it takes tasks and runs them; without any it steals
 * children, searches, sleeps.
 */
#include "ready.h"
#include "stats.h"
#include "thread_parts.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

enum { LOOKS = 32 }; /* outside, for each at others' queues */

#define STACK_MARGIN (256L * 1024) /* bytes that a task may count on */

_Thread_local struct thread_worker *thread_self WEFT__TLS;

bool thread_worker_stack_is_low(const struct thread_worker *w)
{
	char here;

	return w->stack_end && &here - w->stack_end < STACK_MARGIN;
}

static void find_stack_end(struct thread_worker *w)
{
	pthread_attr_t attr;
	void *low;
	size_t size, guard;

	if (pthread_getattr_np(pthread_self(), &attr))
		return;
	if (!pthread_attr_getstack(&attr, &low, &size) && !pthread_attr_getguardsize(&attr, &guard))
		w->stack_end = (char *)low + guard;
	pthread_attr_destroy(&attr);
}

static void run(struct thread_worker *w, weft_task *t)
{
	if (w->fresh)
		thread_settle(w);
	thread_seats_found(w);
	weft__count(&w->seat->started);
	weft_impl_run(t);
}

static void run_stolen(struct thread_worker *w, struct weft_child *c)
{
	thread_seats_found(w);
	weft__count(&w->seat->stolen);
	weft__probe_steal(1);
	weft__work_mark(STATS_CHILD, true);
	if (weft__work)
		weft__work_begin(weft__work, weft__spawn_function(c), NULL);
	weft__spawn_run_stolen(c, &w->deque);
	if (weft__work)
		weft__work_end(weft__work);
	weft__work_mark(STATS_CHILD, false);
}

/* One turn of a search. True: it has found something, and run it. */
static bool look(struct thread_worker *w, unsigned turn)
{
	weft_task *t = thread_look(w->pool) ? thread_take(w) : NULL;
	struct weft_child *c = NULL;

	/* Seldom, since each look at a queue that is in use slows its owner down. */
	if (!t && turn % LOOKS == 0) {
		t = thread_steal(w);
		c = t ? NULL : thread_steal_child(w);
	}
	if (c) {
		run_stolen(w, c);
	} else if (t) {
		run(w, t);
	}
	return t || c;
}

/* False: it has looked for long enough in vain, or must not look. */
static bool search(struct thread_worker *w)
{
	struct weft__spin spin = {0};

	thread_seats_search(w);
	if (thread_seats_others_active(w))
		weft__spin_full(&w->spinner, &spin);
	for (unsigned turn = 0; !look(w, turn); turn++) {
		/* N2 relaxed: who has seen it looks again, with acquire. */
		if (!w->searching || atom_load(&w->pool->ending, relaxed) || !weft__spin(&w->spinner, &spin))
			return false;
		if (turn == LOOKS) /* a stop waits for what we have */
			weft__tally_settle(&w->tally);
	}
	return weft__spin_won(&w->spinner, &spin);
}

/* To the processor of its seat. Where that cannot be, it runs where it may. */
static void pin(struct thread_worker *w)
{
	const cpu_set_t *allowed = &w->pool->allowed;
	int n = CPU_COUNT(allowed), skip = n ? (int)(w->seat - w->pool->seat) % n : 0;
	cpu_set_t one;

	w->pinned = w->seat;
	CPU_ZERO(&one);
	for (unsigned cpu = 0; n && cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, allowed) && skip-- == 0)
			CPU_SET(cpu, &one);
	pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}

bool thread_worker_turn(struct thread_worker *w)
{
	weft_task *t = thread_take(w);

	if (t) {
		run(w, t);
	} else if (!search(w)) {
		/* N2 acquire: pairs with the end. */
		if (atom_load(&w->pool->ending, acquire))
			return false;
		thread_seats_sleep(w);
	}
	return true;
}

static void serve(struct thread_worker *w)
{
	do {
		if (!w->seat && !thread_seats_take(w))
			return;
		if (w->pool->opts.flags & WEFT_THREADS_PIN && w->pinned != w->seat)
			pin(w);
	} while (thread_worker_turn(w));
}

/* The owner of a deque has shared children, because somebody was hungry. */
static bool fed(void *worker)
{
	struct thread_worker *w = worker;

	atom_fence(seq_cst); /* T3: pairs with look_hard */
	thread_seats_notify(w->pool);
	/* Relaxed: a hint. */
	return atom_load(&w->pool->idlers, relaxed) % IDLERS_SEARCHING != 0;
}

void thread_worker_own_deque(struct thread_worker *w)
{
	w->deque.fed = fed;
	w->deque.fed_ctx = w;
	weft__deque_own = &w->deque;
}

/* A thread without a deque works too; its children are called where they are synced. */
static void open_deque(struct thread_worker *w)
{
	if (!weft__deque_open(&w->deque))
		thread_worker_own_deque(w);
}

static void close_deque(struct thread_worker *w)
{
	if (weft__deque_own == &w->deque)
		weft__deque_close(&w->deque);
	weft__deque_own = &weft__deque_none;
}

static void introduce(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;
	char name[16];

	snprintf(name, sizeof name, "%s-%u", p->name, (unsigned)(w - p->worker) % 1000);
	pthread_setname_np(pthread_self(), name);
	find_stack_end(w);
	w->spinner = (struct weft__spinner){
		.most = p->opts.spin == WEFT_SPIN_NEVER ? -1 : (int64_t)p->opts.spin * 1000};
}

static void begin_counting(struct thread_worker *w)
{
	weft_executor *ex = w->pool->ex;
	struct stats_row *row =
		weft__stats_row_open(ex, STATS_THREADS, (unsigned)(w - w->pool->worker), gettid());

	weft__tally_open(&w->tally, ex, row);
	weft__tally = &w->tally;
	weft__work = row ? &row->work : NULL;
}

static void end_counting(struct thread_worker *w)
{
	weft__work = NULL;
	weft__tally = NULL;
	weft__tally_close(&w->tally);
	weft__stats_row_close(w->tally.row);
}

void *thread_worker_main(void *worker)
{
	struct thread_worker *w = worker;

	thread_self = w;
	weft__lock(&w->pool->lock); /* whoever started us has finished what it was about */
	weft__unlock(&w->pool->lock);
	introduce(w);
	begin_counting(w);
	open_deque(w);
	serve(w);
	close_deque(w);
	weft__bell_close();
	end_counting(w);
	thread_seats_leave(w);
	return NULL;
}
