/* SPDX-License-Identifier: MIT
 *
 * thread_worker.c -- what one thread of the pool does: it takes tasks and runs them; without any it steals
 * children, searches, sleeps.
 */
#include "thread_parts.h"

#include <sched.h>
#include <stdio.h>

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

/* Looks outside all the time and at others' queues now and then, since each look at a queue that is in use
 * slows its owner down. NULL: for long enough in vain, or it must not look. */
static weft_task *search(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;
	struct weft__spin spin = {0};
	weft_task *t = NULL;

	thread_seats_search(w);
	if (thread_seats_others_active(w))
		weft__spin_full(&w->spinner, &spin);
	for (unsigned turn = 0; !t; turn++) {
		if (thread_look(p))
			t = thread_take(w);
		if (!t && turn % LOOKS == 0)
			t = thread_steal(w);
		if (!t && (!w->searching || !weft__spin(&w->spinner, &spin)))
			return NULL;
	}
	weft__spin_won(&w->spinner, &spin);
	return t;
}

static void serve(struct thread_worker *w)
{
	weft_task *t;

	while (w->seat || thread_seats_take(w)) {
		t = thread_take(w);
		if (!t)
			t = search(w);
		if (t) {
			thread_seats_found(w);
			weft__count(&w->seat->started);
			weft_impl_run(t);
			/* N2 acquire: pairs with the end. */
		} else if (atom_load(&w->pool->ending, acquire)) {
			return;
		} else {
			thread_seats_sleep(w);
		}
	}
}

static void introduce(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;
	char name[16];

	snprintf(name, sizeof name, "%s-%u", p->name, (unsigned)(w - p->worker) % 1000);
	pthread_setname_np(pthread_self(), name);
	find_stack_end(w);
}

void *thread_worker_main(void *worker)
{
	struct thread_worker *w = worker;

	thread_self = w;
	weft__lock(&w->pool->lock); /* whoever started us has finished what it was about */
	weft__unlock(&w->pool->lock);
	introduce(w);
	weft__tally_open(&w->tally, w->pool->ex);
	weft__tally = &w->tally;
	serve(w);
	weft__tally = NULL;
	weft__tally_close(&w->tally);
	thread_seats_leave(w);
	return NULL;
}
