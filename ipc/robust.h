/* SPDX-License-Identifier: MIT
 *
 * robust.h -- a lock in shared memory that outlives whoever holds it: the word names the thread, and when that
 * thread dies, at whichever instruction, the kernel itself puts "died" into its place.
 *
 * The kernel does so for the one lock of which a thread says, in private memory, that it is about to take it, has
 * it, or is about to let go of it (robust_list_head.list_op_pending: see get_robust_list(2)). holder.h has that
 * record, and uses it while it takes or leaves a word for its list; ours is used the same way, in between, for
 * as long as such a lock is held. So no link to it lies in shared memory, which others could spoil, and nobody has to
 * ask whether a process lives: no pid is ever looked up.
 *
 *   FREE + a turn    nobody has it; the turn is another one each time. In the beginning: 0
 *   TID              a thread has it
 *   DIED             a thread died that had it: the next one takes it, and repairs what it guards
 *   any | WAITERS    somebody sleeps on the word, for what is done under the lock
 *
 * A sleeper says so (weft__robust_doze), looks once more, and sleeps while the word is as it was then, if nobody had
 * the lock. Who has it and is to leave it wakes before that: so until all is done the kernel would wake in his place.
 * WAITERS stays as long as there was somebody to be woken.
 *
 * A thread may hold one such lock at a time. It must not sleep, nor call what may take a robust mutex, while it has
 * it. In a signal handler the thread may find that it has the lock itself: weft__robust_is_mine.
 *
 * Numbers of threads mean the same only within one namespace of processes: who shares a word has to be in the same.
 */
#ifndef WEFT_IPC_ROBUST_H
#define WEFT_IPC_ROBUST_H

#include "holder.h"
#include "wait.h"

enum { ROBUST_FREE = 0x20000000 };

/* The kernel is to look after the word from now on; returns what it looked after before. Relaxed, as what is this
 * thread's alone: the exchanges on the word, which acquire and release, keep the compiler from moving it. */
static inline void *weft__robust_watch(struct weft__holder *me, atom_u32 *word)
{
	void *before = atom_load(me->pending, relaxed);

	atom_store(me->pending, (void *)((char *)word - me->offset), relaxed);
	return before;
}

static inline void weft__robust_unwatch(struct weft__holder *me, void *before)
{
	atom_store(me->pending, before, relaxed);
}

static inline bool weft__robust_is_held(uint32_t word)
{
	return word & HOLDER_TID && !(word & ROBUST_FREE);
}

/* Takes the word, if nobody has it. ret_died: somebody had, and died. */
static inline bool weft__robust_try(const struct weft__holder *me, atom_u32 *word, bool *ret_died)
{
	/* Relaxed: only the exchange counts. */
	uint32_t was = atom_load(word, relaxed);

	while (!weft__robust_is_held(was))
		/* K1 acquire: pairs with weft__robust_leave, and the kernel. Release: behind weft__robust_watch. */
		if (atom_cas(word, &was, me->tid | (was & HOLDER_WAITERS), acq_rel, relaxed)) {
			*ret_died = was & HOLDER_DIED;
			return true;
		}
	return false;
}

/* Leaves it, after at most n have been woken who sleep on it. turn: another one than the last time. */
static inline void weft__robust_leave(atom_u32 *word, uint32_t turn, int n)
{
	/* Relaxed: the exchange says what it really is. */
	uint32_t was = atom_load(word, relaxed), next;

	do {
		next = ROBUST_FREE | (turn & (ROBUST_FREE - 1));
		if (was & HOLDER_WAITERS && weft__wake(word, n, WEFT__SHARED))
			next |= HOLDER_WAITERS;
		/* K1 release: pairs with weft__robust_try. Acquire: with who has said that he sleeps. */
	} while (!atom_cas(word, &was, next, acq_rel, relaxed));
}

/* Says that the caller is about to sleep, if there is nothing for him under the lock. Returns the word then. */
static inline uint32_t weft__robust_doze(atom_u32 *word)
{
	/* K1 acquire: what was done under the lock until then, the caller sees. Release: pairs with
	 * weft__robust_leave, which otherwise sees this. */
	return atom_or(word, HOLDER_WAITERS, acq_rel) | HOLDER_WAITERS;
}

static inline bool weft__robust_is_mine(const struct weft__holder *me, atom_u32 *word)
{
	/* Relaxed: only this thread writes that number. */
	return (atom_load(word, relaxed) & HOLDER_TID) == me->tid; /* less than ROBUST_FREE: Linux has 2^22 */
}

#endif
