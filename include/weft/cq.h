/* SPDX-License-Identifier: MIT
 *
 * weft/cq.h -- completion queue: futures in the order in which they get done, and a descriptor by
 * which an event loop learns of them.
 */
#ifndef WEFT_CQ_H
#define WEFT_CQ_H

#include <weft/future.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_cq weft_cq;

/** Makes an empty completion queue.
 *
 * @return 0 | -ENOMEM | -EMFILE, -ENFILE: no descriptor | -EINVAL: ret is NULL.
 * @owns   *ret is the caller's: weft_cq_free.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_cq *q; int err = weft_cq_new(&q); */
WEFT_API int weft_cq_new(weft_cq **ret);

/** Frees a completion queue. Futures that it watches go on; they are no longer watched.
 *
 * @param q  NULL is fine. No other thread may be using it.
 * @owns   *q is gone, and with it the descriptor.
 * @from   Any thread, or inside a task.
 * @waits  For short critical sections only.
 * @orders Nothing.
 * Example: weft_cq_free(q); */
WEFT_API void weft_cq_free(weft_cq *q);

/** A descriptor that is readable while weft_cq_next() has something to return [CQ-2].
 *
 * @return The descriptor (close-on-exec); -EINVAL for NULL.
 * @owns   Borrowed: only poll it. Do not read, write or close it.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: struct pollfd p = {.fd = weft_cq_fd(q), .events = POLLIN}; */
WEFT_API int weft_cq_fd(const weft_cq *q);

/** Puts f into q once it is done; at once if it is done already.
 *
 * @param tag  Comes back with f.
 * @return 0 | -ENOMEM | -EINVAL: a NULL, or f was never submitted | -ECHILD: q is the parent's.
 * @owns   f stays the caller's: a caller's own task must stay until weft_cq_next returned it or q is
 *         freed; of a heap future q holds a reference for that time. f may be watched several times,
 *         and comes back as often.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_cq_watch(q, f, &item); */
WEFT_API int weft_cq_watch(weft_cq *q, weft_future *f, void *tag);

/** The next future that is done, in the order in which they got done [CQ-1].
 *
 * @param ret       The future; may be NULL.
 * @param ret_tag   Its tag; may be NULL.
 * @param deadline  One that has passed makes this a poll.
 * @return 0 | -ETIMEDOUT: none in time; also where nothing is watched, so count, or set a deadline |
 *         -ECANCELED: the calling task was cancelled | -EINVAL: q is NULL | -ECHILD: q is the parent's.
 * @owns   *ret is not given away: use it only while you hold its task or a reference of your own.
 * @from   Any thread, several at once, or inside a task. Not a signal handler.
 * @waits  Until one is done, or deadline. Inside a task of a pool of threads it may run a watched task.
 * @orders What the body of *ret wrote happens before the return.
 * Example: for (size_t i = 0; i < n && !err; i++) err = weft_cq_next(q, &f, &tag, WEFT_FOREVER); */
WEFT_API int weft_cq_next(weft_cq *q, weft_future **ret, void **ret_tag, weft_time deadline);

#ifdef __cplusplus
}
#endif
#endif
