/* SPDX-License-Identifier: MIT
 *
 * mutex.h -- what weft_lock, weft_rlock and weft_rwlock are made of: a word that names the thread which holds it.
 */
#ifndef WEFT_IPC_MUTEX_H
#define WEFT_IPC_MUTEX_H

#include "holder.h"
#include "lot.h"

#include <errno.h>

/* Zeroed memory is a free, private one. */
struct weft__mutex {
	struct weft__place place;  /* the word: see above. The holder's fields: */
	struct weft__fiber *fiber; /* which of the thread's fibers, NULL: it is in none */
	atom_u64 id;               /* lock_order.c */
	uint32_t depth;            /* rlock.c, rwlock.c */
	atom_ptr next;             /* holder.h */
};

_Static_assert(offsetof(struct weft__mutex, next) == WEFT__NODE_OFFSET, "where the kernel expects it");

int weft__mutex_init(struct weft__mutex *m, unsigned flags); /* 0 | -ENOTSUP */
/* 0 or -EOWNERDEAD: it is the caller's | -ETIMEDOUT | -ECANCELED, if interruptible | -EDEADLK: it was already |
 * -ENOMEM, -ENOLCK, -ENOTSUP. */
int weft__mutex_acquire_slowly(struct weft__mutex *m, weft_time deadline, bool interruptible);
int weft__mutex_try(struct weft__mutex *m); /* likewise, and -EBUSY */

static inline bool weft__mutex_is_mine(const struct weft__mutex *m)
{
	/* Relaxed: what this thread has written, or something else. */
	uint32_t holder = atom_load((atom_u32 *)(uintptr_t)&m->place.word, relaxed) & HOLDER_TID;

	/* Only this thread writes its number there, and then the fiber, without a wait in between. */
	return holder && holder == weft__holder.tid && m->fiber == weft__fiber;
}

/* The thread is prepared. Of a shared one, that it is pending has been told, and remains so if it fails. */
static inline bool weft__mutex_take(struct weft__mutex *m, struct weft__holder *h, uint32_t from, uint32_t to)
{
	/* M1 acquire: pairs with release, and with what the holder did before the kernel marked the word.
	 * Release: H1. */
	if (!atom_cas(&m->place.word, &from, to, acq_rel, relaxed))
		return false;
	m->fiber = weft__fiber;
	if (weft__place_is_shared(&m->place)) {
		weft__holder_add(h, &m->next);
		weft__holder_end(h);
	}
	return true;
}

static inline int weft__mutex_acquire(struct weft__mutex *m, weft_time deadline, bool interruptible)
{
	struct weft__holder *h = &weft__holder;

	if (weft__place_is_shared(&m->place)) {
		if (h->n < h->room) {
			weft__holder_begin(h, &m->next);
			if (weft__mutex_take(m, h, 0, h->tid))
				return 0;
		}
	} else if (h->tid && weft__mutex_take(m, h, 0, h->tid)) {
		return 0;
	}
	return weft__mutex_acquire_slowly(m, deadline, interruptible);
}

/* By its holder. */
static inline void weft__mutex_release(struct weft__mutex *m)
{
	bool is_shared = weft__place_is_shared(&m->place);
	struct weft__holder *h = &weft__holder;
	uint32_t word;

	if (is_shared) {
		weft__holder_begin(h, &m->next);
		weft__holder_remove(h, &m->next);
	}
	/* M1 release: pairs with take. Acquire: H1, what is no longer pending comes after it. */
	word = atom_swap(&m->place.word, 0, acq_rel);
	if (word & HOLDER_WAITERS)
		weft__place_wake(m, is_shared, 1);
	if (is_shared)
		weft__holder_end(h);
}

#endif
