/* SPDX-License-Identifier: MIT
 *
 * weft/cond.h -- a condition: sleep until something under a lock has changed.
 *
 *   weft_lock_acquire(&l, WEFT_FOREVER);
 *   while (!err && !queue_has_some)                 // always a loop
 *           err = weft_cond_wait(&c, &l, deadline);
 *   ...
 *   weft_lock_release(&l);
 *
 * Zeroed memory is a private one. It goes with a weft_lock, shared if the condition is.
 *
 * A private one wakes exactly as many as it is told to [COND-1], and nobody for no reason. A shared one may wake more.
 * There a waiter may be killed just when it has been woken, and what it was to do would be left: so those who
 * were asleep at a notification look again by themselves [COND-2], within a tenth of a second.
 */
#ifndef WEFT_COND_H
#define WEFT_COND_H

#include <weft/lock.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A condition. The words are the library's own. */
typedef struct weft_cond {
	uint64_t opaque_[2];
} weft_cond;

/** Makes a condition that nobody waits for.
 *
 * @param flags  0 or WEFT_SHARED.
 * @return 0 | -EINVAL: c is NULL or not aligned to 8, or unknown flags.
 * @owns   The memory stays the caller's. There is nothing to free.
 * @from   Any thread, or inside a task. Nobody may be using it.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_cond_init(&c, 0); */
WEFT_API int weft_cond_init(weft_cond *c, unsigned flags);

/** Releases l and waits for a notification, in one step, then takes l again.
 *
 * @param l         The caller holds it.
 * @param deadline  When to give up; WEFT_FOREVER: never. l is waited for after it, too.
 * @return With l held: 0: notified, or, if shared, for no reason | -ETIMEDOUT | -ECANCELED: the calling task was
 *         cancelled | -EOWNERDEAD: as weft_lock_acquire, and whatever else there was to say.
 *         With nothing changed: -EPERM: the caller does not hold l | -EINVAL: a NULL.
 *         Other errors of weft_lock_acquire: l is not held.
 * @owns   The caller holds l.
 * @from   Any thread, or inside a task on any executor.
 * @waits  For weft_cond_notify, and for l. A fiber lets others of its lane run. For a cancel as weft_lock_acquire.
 * @orders As weft_lock_release and weft_lock_acquire.
 * Example: while (!ready && !err) err = weft_cond_wait(&c, &l, WEFT_FOREVER); */
WEFT_API int weft_cond_wait(weft_cond *c, weft_lock *l, weft_time deadline);

/** Wakes n of those who wait, or all if there are fewer.
 *
 * @return 0 | -EINVAL: c is NULL.
 * @owns   Nothing.
 * @from   Any thread, or inside a task on any executor. Who changes the condition under the lock may call it with
 *         or without that lock.
 * @waits  Never.
 * @orders Nothing: the lock does.
 * Example: weft_cond_notify(&c, 1); */
WEFT_API int weft_cond_notify(weft_cond *c, unsigned n);

/** Wakes all who wait.
 *
 * @return 0 | -EINVAL: c is NULL.
 * @owns   Nothing.
 * @from   As weft_cond_notify.
 * @waits  Never.
 * @orders Nothing: the lock does.
 * Example: weft_cond_notify_all(&c); */
WEFT_API int weft_cond_notify_all(weft_cond *c);

#ifdef __cplusplus
}
#endif
#endif
