/* SPDX-License-Identifier: MIT
 *
 * weft/executor_impl.h -- for authors of executors. Everybody else needs weft/executor.h only.
 *
 * An executor is a table of operations over a state of its own. The library keeps the promises that do
 * not depend on where a task runs (done exactly once, one atomic cancel, deadlines, groups,
 * continuations, refusal after stop, drain) [IMPL-1]; the table decides where and when.
 *
 * One task's life, seen by an executor:
 *
 *   submit()  the library offers tasks. For each: take room for it, call weft_impl_accept, put it into a
 *             queue; or return an error without having called weft_impl_accept.
 *   start     a worker takes t from the queue. weft_impl_start(t) says whether it still is to run: if
 *             not, a canceller got it first and is about to call remove(), or did; forget t.
 *   run       weft_impl_run(t) runs the body in the calling thread and makes the future done. Or carry
 *             it out elsewhere and call weft_impl_finish(t, status). Either way t is the caller's again
 *             before the call returns: do not touch it afterwards.
 *   remove()  the library has cancelled t before it started. Take it out of the queue.
 *
 * From accept until weft_impl_start returned true, or remove() returned, the executor may use the two
 * pointers of weft_impl_link(t) for its queue. Accept, start and remove() of one task must exclude each
 * other by a lock of the executor's: accept and queue under it, dequeue and start under it, remove
 * under it.
 *
 * A whole executor, small enough to copy, is in tests/unit/test_executor_impl.c, with its tests.
 */
#ifndef WEFT_EXECUTOR_IMPL_H
#define WEFT_EXECUTOR_IMPL_H

#include <weft/executor.h>
#include <weft/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Tasks on offer to an executor, inside ops->submit. */
struct weft_offer {
	weft_task *tasks; /* n in a row */
	size_t n;
	bool force;       /* see ops->submit */
	void *opaque_[5]; /* the library's, as the next */
	uint64_t place_;
};

/** The operations of an executor. A NULL means "cannot", except for submit, which is required. */
struct weft_executor_ops {
	uint32_t size;    /* sizeof(struct weft_executor_ops) */
	unsigned caps;    /* WEFT_CAP_* */
	unsigned workers; /* how many tasks run at once; for the size of chunks; 0 counts as 1 */
	size_t slot_size; /* largest arg_size + result_size, each rounded up to 64; 0: no limit. The library
			   * answers -E2BIG for more, unless carries says otherwise */

	/* Takes the first r of offer->n tasks and returns r >= 1; or, if it cannot take even the first, a
	 * negative errno: -EAGAIN (full), -ESHUTDOWN... With offer->force they have been promised a place
	 * (they are continuations): exceed the limit of the queue rather than return -EAGAIN. */
	int (*submit)(void *self, struct weft_offer *offer);

	/* t will not run: take it out of the queue. Called once, and only for tasks not started. */
	void (*remove)(void *self, weft_task *t);

	/* t is running and was cancelled just now. Tell it, if weft_call_cancelled in the worker does not
	 * see it by itself. Return WEFT_CANCEL_DROPPED if it turns out not to have begun, and then forget
	 * it: the library finishes it; else WEFT_CANCEL_ASKED. */
	enum weft_cancel (*interrupt)(void *self, weft_task *t);

	/* The calling thread waits for t. If it is one of your workers, t is in your queue, and it is good
	 * to run it here and now: take it out, call weft_impl_start, and return what that returns. */
	bool (*take)(void *self, weft_task *t);

	/* The calling thread, which runs a task of yours, is about to sleep (blocked), or has woken (!blocked).
	 * Not told of a continuation on "inline" that runs in your thread once your task has ended. */
	void (*blocking)(void *self, bool blocked);

	/* Is the calling thread one of this executor's? It then cannot wait for the executor to end. */
	bool (*inside)(void *self);

	/* New tasks are refused from now on. how is CANCEL or KILL: also take every queued task that
	 * weft_impl_drop gives you out of the queue, and finish it with -ECANCELED; refuse what is submitted
	 * from now on with -ESHUTDOWN. Tasks that run in this address space learn of it from the library.
	 * May come again with a stronger how. Must not wait. */
	void (*stop)(void *self, enum weft_stop how);

	/* Every accepted task is done: end and join the workers. Called once, without a lock. */
	void (*join)(void *self);

	/* Free self. forked: this is a fork of the process that made it; workers do not exist here, and
	 * locks may be held for ever: release memory and descriptors only. */
	void (*free)(void *self, bool forked);

	/* Fill in queued, workers, deaths. The rest is filled already; running follows from it. */
	void (*stats)(void *self, struct weft_stats *ret);

	/* t is larger than slot_size: do you take it all the same? Before it is submitted. */
	bool (*carries)(void *self, const weft_task *t);
};

/** Makes an executor from a table.
 *
 * @param name  Copied, cut to 63 bytes.
 * @param ops   Copied.
 * @param self  Handed to every operation.
 * @return 0 | -EINVAL: a NULL, no submit, or a size unknown to this library | -ENOMEM.
 * @owns   *ret is the caller's: weft_executor_free, which calls ops->free(self).
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_executor_new(&pool->ex, "mine", &my_ops, pool); */
WEFT_API int weft_executor_new(weft_executor **ret, const char *name, const struct weft_executor_ops *ops,
			       void *self);

/** Makes task i of an offer queued, when there is room for it and before a worker can see it.
 *
 * @return 0: it is the executor's | -EBUSY: it is queued or running somewhere; return that from submit.
 * @owns   From 0 until done, the task is the executor's.
 * @from   ops->submit only, under the lock that dequeues.
 * @waits  Never.
 * @orders Nothing: the executor's own queue orders submit before start.
 * Example: int err = weft_impl_accept(offer, 0); if (!err) push(q, &offer->tasks[0]); */
WEFT_API int weft_impl_accept(struct weft_offer *offer, size_t i);

/** Claims a queued task for running.
 *
 * @return true: the caller must run or finish it | false: it was cancelled; forget it.
 * @owns   On true the task is the caller's until weft_impl_run or weft_impl_finish.
 * @from   A worker, or ops->take.
 * @waits  Never.
 * @orders Nothing.
 * Example: while ((t = pop(q)) && !weft_impl_start(t)) {} */
WEFT_API bool weft_impl_start(weft_task *t);

/** Runs a started task's body in the calling thread and makes its future done.
 *
 * A task whose deadline has passed is not run: it is done with -ETIMEDOUT.
 *
 * @owns   t is the submitter's again.
 * @from   The worker that started t. No lock of the executor may be held.
 * @waits  For the body.
 * @orders What the body wrote happens before any wait on the future returns.
 * Example: weft_impl_run(t); */
WEFT_API void weft_impl_run(weft_task *t);

/** Makes a started task's future done without running it here.
 *
 * @param status  >= 0: the bytes at t->result are the result | < 0: a negative errno.
 * @param text    Goes with an error; may be NULL; cut to WEFT_ERROR_TEXT_MAX bytes.
 * @owns   t is the submitter's again.
 * @from   Any thread. No lock of the executor may be held: continuations may run.
 * @waits  Never for tasks, except what an inline executor runs as a continuation.
 * @orders As weft_impl_run.
 * Example: weft_impl_finish(t, -EIO, "link down"); */
WEFT_API void weft_impl_finish(weft_task *t, int status, const char *text);

/** Drops a queued task, with -ECANCELED: for ops->stop.
 *
 * @return true: it is claimed; take it out of the queue, then, without a lock,
 *         weft_impl_finish(t, -ECANCELED, NULL) | false: somebody else has it.
 * @owns   On true the task is the caller's until weft_impl_finish.
 * @from   Any thread, under the lock that ops->remove takes.
 * @waits  Never.
 * @orders Nothing.
 * Example: if (weft_impl_drop(t)) move(t, &dropped); */
WEFT_API bool weft_impl_drop(weft_task *t);

/** Two pointers inside t for the executor's queue.
 *
 * @return Not zeroed.
 * @owns   The executor's from weft_impl_accept until started or removed.
 * @from   Whoever holds the executor's lock.
 * @waits  Never.
 * @orders Nothing.
 * Example: void **link = weft_impl_link(t); link[0] = q->head; */
WEFT_API void **weft_impl_link(weft_task *t);

#ifdef __cplusplus
}
#endif
#endif
