/* SPDX-License-Identifier: MIT
 *
 * mutex.c -- taking a lock that is held, or was by one who died.
 *
 *   tag  word        from -> to                 order                carries
 *   M1   place.word  release -> take            swap rel -> CAS acq  all that the lock protects
 *   M1   place.word  the dead -> take           the kernel's CAS     the same, half changed
 *
 * A waiter sets WAITERS before it sleeps, and who has slept keeps the bit when it takes the lock: others may
 * sleep still. The kernel keeps it, too, and wakes one. A waiter that is killed when it has just been woken: a thread
 * has named the lock as pending all the time, so the kernel wakes another; of a fiber it does not know,
 * and the others look again by themselves (lot.c).
 *
 * Progress: who holds it can always release it. No order among those who wait. ABA: the word is compared with what
 * was seen there, and that is all it means. Death: of a shared one as above; a private one dies with its process.
 */
#include "mutex.h"
#include "spin.h"

#include <string.h>

/* Pauses from one look to the next, twice as many each time: some tens of microseconds together, which is what a
 * sleep costs. Each look takes the line from the holder: so he who takes the lock again and again soon has
 * it to himself for a while, and both get on faster. */
enum { LOOK_FIRST = 64, LOOK_LAST = 512 };

int weft__mutex_init(struct weft__mutex *m, unsigned flags)
{
	int err = flags & WEFT_SHARED ? weft__holder_supported() : 0;

	if (err)
		return err;
	memset(m, 0, sizeof *m);
	m->place.flags = flags;
	return 0;
}

/* Will it be free soon? Not if another fiber of this thread has it. */
static bool free_soon(struct weft__mutex *m, const struct weft__holder *h)
{
	if (weft__spin_alone())
		return false;
	for (int pauses = LOOK_FIRST; pauses <= LOOK_LAST; pauses *= 2) {
		/* Relaxed: a look; who takes it has the order. */
		uint32_t holder = atom_load(&m->place.word, relaxed) & HOLDER_TID;

		if (!holder)
			return true;
		if (holder == h->tid)
			return false;
		for (int i = 0; i < pauses; i++)
			atom_pause();
	}
	return false;
}

/* Sleeps once. The word was w. A fiber that sleeps has nothing pending: others of its thread run. */
static int sleep_once(struct weft__mutex *m, struct weft__holder *h, uint32_t w, weft_time deadline,
		      bool interruptible)
{
	bool is_shared = weft__place_is_shared(&m->place);
	int err;

	/* Relaxed: the bit carries nothing. */
	if (!(w & HOLDER_WAITERS) && !atom_cas(&m->place.word, &w, w | HOLDER_WAITERS, relaxed, relaxed))
		return 0;
	if (is_shared && weft__fiber)
		weft__holder_end(h);
	err = weft__place_wait(&m->place, w | HOLDER_WAITERS, deadline, interruptible);
	if (is_shared)
		weft__holder_begin(h, &m->next);
	return err;
}

static int acquire(struct weft__mutex *m, struct weft__holder *h, weft_time deadline, bool interruptible)
{
	uint32_t waiters = 0, w;
	int err = 0;

	while (!err) {
		/* Relaxed: take has the order. */
		w = atom_load(&m->place.word, relaxed);
		if (!(w & HOLDER_TID)) {
			if (weft__mutex_take(m, h, w, h->tid | (w & HOLDER_WAITERS) | waiters))
				return w & HOLDER_DIED ? -EOWNERDEAD : 0;
		} else if (weft__mutex_is_mine(m)) {
			err = -EDEADLK;
		} else if (waiters || !free_soon(m, h)) {
			err = sleep_once(m, h, w, deadline, interruptible);
			waiters = HOLDER_WAITERS;
		}
	}
	return err;
}

int weft__mutex_acquire_slowly(struct weft__mutex *m, weft_time deadline, bool interruptible)
{
	struct weft__holder *h = &weft__holder;
	bool is_shared = weft__place_is_shared(&m->place);
	int err = weft__holder_prepare(h, is_shared);

	if (err)
		return err;
	if (is_shared)
		weft__holder_begin(h, &m->next);
	err = acquire(m, h, deadline, interruptible);
	if (is_shared && err && err != -EOWNERDEAD)
		weft__holder_end(h);
	return err;
}

int weft__mutex_try(struct weft__mutex *m)
{
	struct weft__holder *h = &weft__holder;
	bool is_shared = weft__place_is_shared(&m->place);
	/* Relaxed: take has the order. */
	uint32_t w = atom_load(&m->place.word, relaxed);
	int err = w & HOLDER_TID ? -EBUSY : weft__holder_prepare(h, is_shared);

	if (err)
		return err;
	if (is_shared)
		weft__holder_begin(h, &m->next);
	if (weft__mutex_take(m, h, w, h->tid | (w & HOLDER_WAITERS)))
		return w & HOLDER_DIED ? -EOWNERDEAD : 0;
	if (is_shared)
		weft__holder_end(h);
	return -EBUSY;
}
