/* SPDX-License-Identifier: MIT
 *
 * wait.h -- the ground floor of waiting. Everything in the library that sleeps, sleeps in weft__wait().
 *
 *   weft__wait, weft__wake   a 32-bit word, a value it is expected to hold, a deadline
 *   parker                   one thread sleeps until it is unparked: a permit that is not lost
 *   lock                     mutual exclusion for short sections
 *   event count              sleep until "something changed", where the condition lives elsewhere
 *   waitq                    a queue of parkers, woken one by one, that a waiter may leave early
 */
#ifndef WEFT_CORE_WAIT_H
#define WEFT_CORE_WAIT_H

#include "atomic.h"
#include "list.h"
#include <weft/base.h>

enum weft__scope {
	WEFT__PRIVATE, /* the word is used by this process only */
	WEFT__SHARED   /* the word lies in memory shared between processes */
};

/* Sleeps while *word == expected, until woken or deadline. May return early for no reason.
 * 0: woken, changed, or for no reason; -ETIMEDOUT. Signals are not noticed. */
int weft__wait(atom_u32 *word, uint32_t expected, weft_time deadline, enum weft__scope scope);
/* The same, but a fiber holds up its thread: for what lasts a moment. */
int weft__wait_thread(atom_u32 *word, uint32_t expected, weft_time deadline, enum weft__scope scope);

/* Wakes at most n sleepers on word, and returns how many. The memory may be gone: only its address counts, and a
 * wrong wake-up is one of those for no reason. */
int weft__wake(atom_u32 *word, int n, enum weft__scope scope);

/* A lock: 0 free, 1 held, 2 held and perhaps waited for. Zeroed memory is a free lock. After unlock's
 * store nothing of the lock is touched, so the next holder may free it. */
struct weft__lock {
	atom_u32 word;
};

void weft__lock_acquire_slow(struct weft__lock *l);

static inline void weft__lock(struct weft__lock *l)
{
	uint32_t free_word = 0;

	/* L1 acquire: pairs with the release in weft__unlock. */
	if (!atom_cas(&l->word, &free_word, 1, acquire, relaxed))
		weft__lock_acquire_slow(l);
}

static inline void weft__unlock(struct weft__lock *l)
{
	/* L1 release: pairs with the acquires of weft__lock and its slow path. */
	if (atom_swap(&l->word, 0, release) == 2)
		weft__wake(&l->word, 1, WEFT__PRIVATE);
}

static inline bool weft__trylock(struct weft__lock *l)
{
	uint32_t free_word = 0;

	/* L1 acquire: as in weft__lock. Looks first: a failed exchange would take the line from the holder. */
	return atom_load(&l->word, relaxed) == 0 && atom_cas(&l->word, &free_word, 1, acquire, relaxed);
}

/* Unlock, and a full fence for one who goes on to look whether anybody sleeps: he that has announced
 * that he goes to sleep, and then loads l->word, seq_cst both, sees what was done under the lock. */
static inline void weft__unlock_seq_cst(struct weft__lock *l)
{
	/* L1 release, and L2 seq_cst: pairs with a sleeper's load of the word. */
	if (atom_swap(&l->word, 0, seq_cst) == 2)
		weft__wake(&l->word, 1, WEFT__PRIVATE);
}

struct weft__fiber;

/* The calling thread's fiber, NULL: it is in none. */
extern _Thread_local struct weft__fiber *weft__fiber __attribute__((tls_model("initial-exec")));

/* How to wake one that does not sleep on its parker's word: ready.h. */
struct weft__alarm {
	void (*ring)(struct weft__alarm *alarm);
};

/* A parker: the place where one thread or fiber sleeps. Zeroed memory is ready. An unpark that comes first is
 * kept, so the next park returns at once. */
struct weft__parker {
	atom_u32 word;             /* 0 nothing, 1 unparked, 2 a fiber sleeps */
	struct weft__fiber *fiber; /* which; set with 2 */
	struct weft__alarm *alarm; /* set before anybody else knows the parker; NULL: a futex */
};

int weft__park(struct weft__parker *p, weft_time deadline); /* 0 or -ETIMEDOUT; takes the permit */
/* The same in the fiber f; if interruptible, also -ECANCELED: its engine says when. */
int weft__park_fiber(struct weft__fiber *f, struct weft__parker *p, weft_time deadline, bool interruptible);
void weft__unpark(struct weft__parker *p);

/* An event count. Sleeper: key = prepare; look at the condition; then wait(key) or cancel. Other side:
 * change the condition; notify. A change before notify is seen by the look, or the wait returns. The
 * epoch wraps after 2^32 notifications; a sleeper that misses exactly that many between prepare and
 * wait sleeps on. */
struct weft__eventcount {
	atom_u32 epoch;
	atom_u32 waiters;
};

uint32_t weft__ec_prepare(struct weft__eventcount *ec);
void weft__ec_cancel(struct weft__eventcount *ec);
int weft__ec_wait(struct weft__eventcount *ec, uint32_t key, weft_time deadline); /* 0 or -ETIMEDOUT */
void weft__ec_notify(struct weft__eventcount *ec, int n);

/* A queue of waiting threads. Waiter: enter; look at the condition; sleep on its parker; leave. Other
 * side: change the condition; wake. A waiter that was woken, but does not use what it was woken for,
 * hands on: that is what leave's answer is for. */
struct weft__waitq {
	struct weft__lock lock;
	atom_u32 n;
	struct list_node *head;
};

struct weft__waiter {
	struct list_node node;
	struct weft__parker *parker;
};

void weft__waitq_enter(struct weft__waitq *q, struct weft__waiter *w);
/* The same with the costs on the other side: where a wake that finds nobody is what happens all the time.
 * A queue is used with one pair or with the other. */
void weft__waitq_enter_heavy(struct weft__waitq *q, struct weft__waiter *w);
void weft__waitq_wake_some(struct weft__waitq *q, unsigned n); /* without a look whether there is any */

static inline void weft__waitq_wake_light(struct weft__waitq *q, unsigned n)
{
	/* Q2 light: after the caller's change of the condition; pairs with enter_heavy. */
	atom_fence_light();
	if (atom_load(&q->n, relaxed))
		weft__waitq_wake_some(q, n);
}
bool weft__waitq_leave(struct weft__waitq *q, struct weft__waiter *w); /* true: it had been woken */
void weft__waitq_wake(struct weft__waitq *q, unsigned n);

#endif
