/* SPDX-License-Identifier: MIT
 *
 * weft/barrier.h -- a place where so and so many wait for each other, again and again.
 *
 * It breaks when one of those who wait gives up, because of a deadline or a cancel, or when somebody says so
 * (weft_barrier_abort): then nobody waits there [BARRIER-1], until weft_barrier_reset. Whoever is killed while it
 * waits, has arrived. Whoever is killed before is missed by the others: a deadline tells them.
 */
#ifndef WEFT_BARRIER_H
#define WEFT_BARRIER_H

#include <weft/lock.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEFT_BARRIER_PARTIES_MAX 4095

/** A barrier. The words are the library's own. It has to be initialized: zeros are none. */
typedef struct weft_barrier {
	uint64_t opaque_[2];
} weft_barrier;

/** Makes a barrier.
 *
 * @param parties  How many pass at a time, 1 to WEFT_BARRIER_PARTIES_MAX.
 * @param flags    0 or WEFT_SHARED.
 * @return 0 | -EINVAL: b is NULL or not aligned to 8, parties, or unknown flags.
 * @owns   The memory stays the caller's. There is nothing to free.
 * @from   Any thread, or inside a task. Nobody may be using it.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_barrier_init(&b, 4, 0); */
WEFT_API int weft_barrier_init(weft_barrier *b, unsigned parties, unsigned flags);

/** Waits until all parties are there.
 *
 * @param deadline  When to give up, which breaks the barrier; WEFT_FOREVER: never.
 * @return 0 to parties - 1: how many had arrived before, so exactly one of each round gets 0 [BARRIER-2] | -EPIPE: it
 *         is broken, or was broken or reset meanwhile | -ETIMEDOUT, -ECANCELED: the caller has broken it |
 *         -EINVAL: b is NULL or not initialized.
 * @owns   Nothing.
 * @from   Any thread, or inside a task on any executor.
 * @waits  For the others. A fiber lets others of its lane run. For a cancel as weft_lock_acquire.
 * @orders What each did before it arrived happens before the return of each.
 * Example: if (weft_barrier_wait(&b, WEFT_FOREVER) == 0) print_round(); */
WEFT_API int weft_barrier_wait(weft_barrier *b, weft_time deadline);

/** Breaks it: who waits, and who comes, gets -EPIPE, until weft_barrier_reset.
 *
 * @return 0 | -EINVAL: b is NULL or not initialized.
 * @owns   Nothing.
 * @from   Any thread, or inside a task on any executor.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_barrier_abort(&b); */
WEFT_API int weft_barrier_abort(weft_barrier *b);

/** Makes it empty and whole. Who waits gets -EPIPE.
 *
 * @return 0 | -EINVAL: b is NULL or not initialized.
 * @owns   Nothing.
 * @from   Any thread, or inside a task on any executor.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_barrier_reset(&b); */
WEFT_API int weft_barrier_reset(weft_barrier *b);

/** How many wait there just now.
 *
 * @return 0 to parties - 1 | -EPIPE: it is broken | -EINVAL: b is NULL or not initialized.
 * @owns   Nothing.
 * @from   Any thread, or inside a task on any executor.
 * @waits  Never.
 * @orders Nothing.
 * Example: int n = weft_barrier_waiting(&b); */
WEFT_API int weft_barrier_waiting(const weft_barrier *b);

#ifdef __cplusplus
}
#endif
#endif
