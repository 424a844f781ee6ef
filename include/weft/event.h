/* SPDX-License-Identifier: MIT
 *
 * weft/event.h -- a flag to wait for.
 *
 * Zeroed memory is a private one that is not set. Who waits when it is set is released [EVENT-1], even if it is cleared
 * at once. Whoever is killed, and whenever: an event that was set is set.
 */
#ifndef WEFT_EVENT_H
#define WEFT_EVENT_H

#include <weft/lock.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An event. The words are the library's own. */
typedef struct weft_event {
	uint64_t opaque_[2];
} weft_event;

/** Makes an event that is not set.
 *
 * @param flags  0 or WEFT_SHARED.
 * @return 0 | -EINVAL: e is NULL or not aligned to 8, or unknown flags.
 * @owns   The memory stays the caller's. There is nothing to free.
 * @from   Any thread, or inside a task. Nobody may be using it.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_event_init(&e, WEFT_SHARED); */
WEFT_API int weft_event_init(weft_event *e, unsigned flags);

/** Sets it, and wakes all who wait for it.
 *
 * @return 0 | -EINVAL: e is NULL.
 * @owns   Nothing.
 * @from   Any thread, or inside a task on any executor.
 * @waits  Never.
 * @orders What the caller did happens before the return of who is released, or sees it set.
 * Example: weft_event_set(&e); */
WEFT_API int weft_event_set(weft_event *e);

/** Takes that back: who comes from now on waits.
 *
 * @return 0 | -EINVAL: e is NULL.
 * @owns   Nothing.
 * @from   As weft_event_set.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_event_clear(&e); */
WEFT_API int weft_event_clear(weft_event *e);

/** Is it set?
 *
 * @return 1 or 0 | -EINVAL: e is NULL.
 * @owns   Nothing.
 * @from   As weft_event_set.
 * @waits  Never.
 * @orders If it is: what was done before weft_event_set happens before the return.
 * Example: while (!weft_event_is_set(&e)) work(); */
WEFT_API int weft_event_is_set(const weft_event *e);

/** Waits until it is set.
 *
 * @param deadline  When to give up; WEFT_FOREVER: never. One that has passed: no waiting.
 * @return 0 | -ETIMEDOUT | -ECANCELED: the calling task was cancelled, and would have had to wait | -EINVAL: NULL.
 * @owns   Nothing.
 * @from   Any thread, or inside a task on any executor.
 * @waits  For weft_event_set. A fiber lets others of its lane run. For a cancel as weft_lock_acquire.
 * @orders What was done before weft_event_set happens before the return.
 * Example: err = weft_event_wait(&e, weft_after(WEFT_SECONDS(1))); */
WEFT_API int weft_event_wait(weft_event *e, weft_time deadline);

#ifdef __cplusplus
}
#endif
#endif
