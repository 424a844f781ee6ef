/* SPDX-License-Identifier: MIT
 *
 * weft/semaphore.h -- a number of units: who takes one where there is none waits until somebody gives some.
 *
 * Zeroed memory is a private one without units. A unit has no owner: anybody may give units, taken or not. So
 * units that a process had taken when it died are not given back, as with POSIX semaphores. But nobody waits for
 * ever while there are units [SEMAPHORE-1]: one who was killed on being woken costs the others up to a tenth of a
 * second.
 */
#ifndef WEFT_SEMAPHORE_H
#define WEFT_SEMAPHORE_H

#include <weft/lock.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEFT_SEMAPHORE_MAX INT32_MAX /* units */

/** A semaphore. The words are the library's own. */
typedef struct weft_semaphore {
	uint64_t opaque_[2];
} weft_semaphore;

/** Makes a semaphore with units to begin with.
 *
 * @param value  Units, up to WEFT_SEMAPHORE_MAX.
 * @param flags  0 or WEFT_SHARED.
 * @return 0 | -EINVAL: s is NULL or not aligned to 8, value, or unknown flags.
 * @owns   The memory stays the caller's. There is nothing to free.
 * @from   Any thread, or inside a task. Nobody may be using it.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_semaphore_init(&s, 4, 0); */
WEFT_API int weft_semaphore_init(weft_semaphore *s, unsigned value, unsigned flags);

/** Takes one unit, waiting until there is one.
 *
 * @param deadline  When to give up; WEFT_FOREVER: never. One that has passed: no waiting.
 * @return 0 | -ETIMEDOUT | -ECANCELED: the calling task was cancelled, and would have had to wait | -EINVAL: NULL.
 * @owns   A unit has no owner.
 * @from   Any thread, or inside a task on any executor.
 * @waits  For a unit. A fiber lets others of its lane run. For a cancel as weft_lock_acquire.
 * @orders What was done before the unit was given happens before the return.
 * Example: err = weft_semaphore_acquire(&s, WEFT_FOREVER); */
WEFT_API int weft_semaphore_acquire(weft_semaphore *s, weft_time deadline);

/** Takes one unit if there is one.
 *
 * @return 0 | -EBUSY: there is none | -EINVAL: s is NULL.
 * @owns   A unit has no owner.
 * @from   As weft_semaphore_acquire.
 * @waits  Never.
 * @orders As weft_semaphore_acquire.
 * Example: if (weft_semaphore_try(&s)) return; */
WEFT_API int weft_semaphore_try(weft_semaphore *s);

/** Gives n units, and wakes as many of those who wait.
 *
 * @return 0 | -EOVERFLOW: there would be more than WEFT_SEMAPHORE_MAX; none was given | -EINVAL: s is NULL, n is 0.
 * @owns   A unit has no owner.
 * @from   As weft_semaphore_acquire; it need not be who has taken them.
 * @waits  Never.
 * @orders What the caller did happens before the return of who gets the units.
 * Example: weft_semaphore_release(&s, 1); */
WEFT_API int weft_semaphore_release(weft_semaphore *s, unsigned n);

/** How many units there are just now.
 *
 * @return 0 to WEFT_SEMAPHORE_MAX | -EINVAL: s is NULL.
 * @owns   Nothing.
 * @from   As weft_semaphore_acquire.
 * @waits  Never.
 * @orders Nothing.
 * Example: printf("%d\n", weft_semaphore_value(&s)); */
WEFT_API int weft_semaphore_value(const weft_semaphore *s);

#ifdef __cplusplus
}
#endif
#endif
