/* SPDX-License-Identifier: MIT
 *
 * wait.c -- sleeping and waking, on top of futex.c.
 *
 *   tag  word          from -> to               order                      carries
 *   L1   lock.word     unlock -> lock           swap rel -> CAS/swap acq   all that the lock protects
 *   P1   parker.word   unpark -> park           swap rel -> swap acq       what the unparker did before
 *   P2   parker.word   park (2) -> unpark       CAS rel -> swap acq        parker.fiber
 *   E1   ec.waiters    prepare <-> notify       add, fence <-> fence,      nothing: a sleeper's look at the
 *                                               then load relaxed          condition or a notifier's look
 *                                                                          at waiters sees the other
 *   E2   ec.epoch      notify -> wait           add release -> load acq    the changed condition
 *   Q1   waitq.n       enter <-> wake           as E1                      as E1
 *   Q2   waitq.n       enter_heavy <-> wake_    add, heavy fence <->       as E1
 *                      light                    light fence, load
 *
 * A fiber that parks makes the word 2, and who makes that 1 wakes it, once. A fiber that gives up first makes it 0
 * again; where that fails somebody is about to wake it, and it waits for him, since he still has its name, and
 * reads it from the parker.
 *
 * Progress: unpark, notify and wake never block but for the short lock of a waitq. ABA: a futex compares
 * values, so a word that went round to the expected value lets the sleeper sleep; parkers and locks
 * cannot (their last change leaves another value), event counts say so in wait.h. If a process dies here
 * its private words die with it; shared words are handled where they live (lane.h).
 */
#include "wait.h"
#include "fiber.h"

#include <errno.h>

_Thread_local struct weft__fiber *weft__fiber WEFT__TLS;

void weft__lock_acquire_slow(struct weft__lock *l)
{
	for (int i = 0; i < 100; i++) {
		uint32_t free_word = 0;
		/* L1 acquire: pairs with weft__unlock. */
		if (atom_load(&l->word, relaxed) == 0 && atom_cas(&l->word, &free_word, 1, acquire, relaxed))
			return;
		atom_pause();
	}
	/* L1 acquire: pairs with weft__unlock. From here on the word says 2: somebody may sleep. */
	while (atom_swap(&l->word, 2, acquire) != 0)
		weft__wait_thread(&l->word, 2, WEFT_FOREVER, WEFT__PRIVATE);
}

int weft__park_fiber(struct weft__fiber *f, struct weft__parker *p, weft_time deadline, bool interruptible)
{
	uint32_t word;
	int err;

	/* P1 acquire: pairs with the release in weft__unpark. */
	while (!atom_swap(&p->word, 0, acquire)) {
		word = 0;
		p->fiber = f;
		/* P2 release: pairs with the acquire in weft__unpark. */
		if (!atom_cas(&p->word, &word, 2, release, relaxed))
			continue;
		err = f->engine->wait(f, deadline, interruptible);
		word = 2;
		/* Relaxed: the word goes back to what it was, and nobody has looked. */
		if (err && atom_cas(&p->word, &word, 0, relaxed, relaxed))
			return err;
		if (err)
			f->engine->wait(f, WEFT_FOREVER, false);
	}
	return 0;
}

int weft__park(struct weft__parker *p, weft_time deadline)
{
	if (weft__fiber)
		return weft__park_fiber(weft__fiber, p, deadline, false);
	/* P1 acquire: pairs with the release in weft__unpark. */
	while (!atom_swap(&p->word, 0, acquire)) {
		if (weft__wait_thread(&p->word, 0, deadline, WEFT__PRIVATE) == -ETIMEDOUT)
			/* P1 acquire: the permit may have come with the deadline; it wins. */
			return atom_swap(&p->word, 0, acquire) ? 0 : -ETIMEDOUT;
	}
	return 0;
}

void weft__unpark(struct weft__parker *p)
{
	struct weft__alarm *alarm = p->alarm; /* before the swap, after which p may be gone */
	/* P1 release: pairs with the acquire in weft__park. P2 acquire: with the release there. */
	uint32_t word = atom_swap(&p->word, 1, acq_rel);

	if (word == 1)
		return;
	if (word == 2)
		p->fiber->engine->wake(p->fiber); /* which waits for this: so p is there */
	else if (alarm)
		alarm->ring(alarm);
	else
		weft__wake(&p->word, 1, WEFT__PRIVATE);
}

uint32_t weft__ec_prepare(struct weft__eventcount *ec)
{
	atom_add(&ec->waiters, 1, relaxed);
	/* E1 seq_cst: before the caller's look at the condition; pairs with the fence in notify. */
	atom_fence(seq_cst);
	/* E2 acquire: pairs with notify's add, so that a new epoch comes with the changed condition. */
	return atom_load(&ec->epoch, acquire);
}

void weft__ec_cancel(struct weft__eventcount *ec)
{
	/* Relaxed: a notifier that still counts us makes one needless system call. */
	atom_sub(&ec->waiters, 1, relaxed);
}

int weft__ec_wait(struct weft__eventcount *ec, uint32_t key, weft_time deadline)
{
	int err = 0;

	/* E2 acquire: pairs with notify's add. */
	while (!err && atom_load(&ec->epoch, acquire) == key)
		err = weft__wait(&ec->epoch, key, deadline, WEFT__PRIVATE);
	weft__ec_cancel(ec);
	return err;
}

void weft__ec_notify(struct weft__eventcount *ec, int n)
{
	/* E1 seq_cst: after the caller's change of the condition; pairs with prepare's add. */
	atom_fence(seq_cst);
	if (!atom_load(&ec->waiters, relaxed))
		return;
	/* E2 release: pairs with the acquires in prepare and wait. */
	atom_add(&ec->epoch, 1, release);
	weft__wake(&ec->epoch, n, WEFT__PRIVATE);
}

void weft__waitq_enter(struct weft__waitq *q, struct weft__waiter *w)
{
	weft__lock(&q->lock);
	list_append(&q->head, &w->node);
	atom_add(&q->n, 1, relaxed);
	weft__unlock(&q->lock);
	/* Q1 seq_cst: before the caller's look at the condition; pairs with the fence in wake. */
	atom_fence(seq_cst);
}

void weft__waitq_enter_heavy(struct weft__waitq *q, struct weft__waiter *w)
{
	weft__waitq_enter(q, w);
	/* Q2 heavy: before the caller's look at the condition; pairs with wake_light. */
	atom_fence_heavy();
}

bool weft__waitq_leave(struct weft__waitq *q, struct weft__waiter *w)
{
	bool woken;

	weft__lock(&q->lock);
	woken = !list_linked(&w->node);
	if (!woken) {
		list_remove(&q->head, &w->node);
		/* Relaxed: a waker that still counts us finds the list empty. */
		atom_sub(&q->n, 1, relaxed);
	}
	weft__unlock(&q->lock);
	return woken;
}

void weft__waitq_wake_some(struct weft__waitq *q, unsigned n)
{
	weft__lock(&q->lock);
	for (struct list_node *node; n > 0 && (node = list_pop(&q->head)); n--) {
		/* Relaxed: only counts; the lock orders the list. */
		atom_sub(&q->n, 1, relaxed);
		/* Under the lock, because leave() takes it before the waiter's stack frame goes. */
		weft__unpark(list_entry(node, struct weft__waiter, node)->parker);
	}
	weft__unlock(&q->lock);
}

void weft__waitq_wake(struct weft__waitq *q, unsigned n)
{
	/* Q1 seq_cst: after the caller's change of the condition; pairs with enter's add. */
	atom_fence(seq_cst);
	if (atom_load(&q->n, relaxed))
		weft__waitq_wake_some(q, n);
}
