/* SPDX-License-Identifier: MIT
 *
 * weft/task.h -- a task in the caller's storage, and the ways to submit one.
 */
#ifndef WEFT_TASK_H
#define WEFT_TASK_H

#include <weft/future.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of a task. Other bits are -EINVAL. */
enum {
	WEFT_TASK_LOCAL = 1,     /* arg or result hold pointers: -EXDEV in another address space */
	WEFT_TASK_IDEMPOTENT = 2 /* may run more than once: if a worker dies with it, it runs again [TASK-3],
				  * WEFT_TASK_RUNS_MAX times at most */
};

/* How often an idempotent task is started before its future says -EOWNERDEAD. */
#define WEFT_TASK_RUNS_MAX 3

/** A task in the caller's storage: fill the named fields, zero the rest. 256 bytes, fixed in the ABI.
 *
 * After it is done it may be submitted again as it is; its outcome is then replaced. */
typedef struct weft_task {
	weft_fn *fn;
	const void *arg;
	size_t arg_size;      /* bytes */
	void *result;         /* NULL only where result_size is 0 */
	size_t result_size;   /* bytes */
	weft_time deadline;   /* absolute; 0: its group's, else none. Passed while queued: it never runs */
	const char *name;     /* for people; borrowed until done; may be NULL */
	uint32_t flags;       /* WEFT_TASK_* */
	int32_t priority;     /* 0 is normal, higher starts first, equal ones in order of submission */
	uint64_t opaque_[24]; /* the library's */
} weft_task;

/** Hands a task to an executor.
 *
 * @param ex  Where to run. Borrowed.
 * @param t   fn is required. Must not be queued or running.
 * @return 0: accepted, and t's future will be done exactly once; or, with t and its last outcome
 *         untouched [TASK-1]: -EAGAIN: the queue is full, weft_submit_wait waits | -EBUSY: t is queued or
 *         running | -ESHUTDOWN: ex is stopping or stopped | -EXDEV: t is WEFT_TASK_LOCAL and ex runs
 *         in another address space | -E2BIG: arg and result exceed what ex carries (weft/process_pool.h) |
 *         -ENOEXEC: fn lies in a file without a build-id, or in none | -EINVAL: a NULL, unknown
 *         flags, or a size without its pointer | -ECHILD: ex is the parent's, this is a fork of it |
 *         -EIO: worker processes could not be started, time and again.
 * @owns   From 0 until done, *t and the bytes at arg and result are the executor's: should they go out of scope
 *         before, call weft_task_fini. In another address space the body has copies, and a result that is zeroed
 *         first; save of what lies in a region (weft/region.h), which it works on directly, wherever it runs.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  Never, save that an inline executor runs the task. Allocates nothing [TASK-2]; but a pool of threads
 *         whose threads sleep inside tasks may start another one here, and a pool of processes looks for the path
 *         of a file when it gets the first task from it.
 * @orders What the caller wrote before happens before fn starts. Two tasks are unordered, even if
 *         submitted in order, unless ex runs one at a time and they have one priority.
 * Example: weft_task t = {.fn = is_prime, .arg = &n, .arg_size = sizeof n, .result = &yes, .result_size = 1};
 *          int err = weft_submit(ex, &t); */
WEFT_API int weft_submit(weft_executor *ex, weft_task *t);

/** Hands n tasks to an executor, in order, with one wake-up where the executor can.
 *
 * @param t             n tasks in a row. n == 0 returns 0.
 * @param ret_accepted  How many were accepted, t[0] first; set whatever is returned; may be NULL.
 * @return 0: all | the error of the first one that was not accepted, as weft_submit.
 * @owns   As weft_submit, for each accepted task.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  As weft_submit.
 * @orders As weft_submit.
 * Example: size_t got; int err = weft_submit_many(ex, tasks, 100, &got); */
WEFT_API int weft_submit_many(weft_executor *ex, weft_task t[], size_t n, size_t *ret_accepted);

/** As weft_submit, but waits for room where the queue is full.
 *
 * Inside a task of the same pool of threads it does not wait but runs t in place: waiting there could
 * wait for itself.
 *
 * @return As weft_submit, with -ETIMEDOUT in place of -EAGAIN: the deadline came before there was
 *         room | -ECANCELED: the calling task was cancelled.
 * @owns   As weft_submit.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  For room in the queue, until deadline.
 * @orders As weft_submit.
 * Example: int err = weft_submit_wait(ex, &t, weft_after(WEFT_SECONDS(1))); */
WEFT_API int weft_submit_wait(weft_executor *ex, weft_task *t, weft_time deadline);

/** The future of a task in the caller's storage.
 *
 * @return Always the same pointer for one t, valid before, while and after it runs; NULL for NULL.
 * @owns   Borrowed: it lives as long as *t. Neither ref nor unref is needed.
 * @from   Anywhere.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_future_wait(weft_task_future(&t), WEFT_FOREVER); */
WEFT_API weft_future *weft_task_future(weft_task *t);

/** Ends the use of a task in the caller's storage: cancels it, and waits until it is done, also where waits have ended
 * because the calling task was itself cancelled.
 *
 * A task that has tasks on its stack cannot leave them behind, and in a cancelled task weft_future_wait returns at
 * once. So call this before each return that may come before the tasks are done [TASK-6]. A group does the same
 * for its members.
 *
 * @param t  NULL, never submitted, or done: nothing happens.
 * @return 0: it is done, see weft_future_status | -EDEADLK: it waits, directly or through others, for the calling
 *         task, or is it | -ECHILD: it was submitted before this process forked off.
 * @owns   After 0 *t and the bytes at arg and result are the caller's.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  If the body had begun, until it returns. A fiber is parked; a pool of threads has another thread go on.
 * @orders After 0: what the body wrote happens before the return.
 * Example: err = weft_future_wait(weft_task_future(&t), weft_after(WEFT_MS(10)));
 *          if (err) weft_task_fini(&t); // t goes out of scope */
WEFT_API int weft_task_fini(weft_task *t);

/** The easy way: copies arg, keeps the result in the future. One allocation.
 *
 * @param arg          arg_size bytes, copied; NULL only where arg_size is 0.
 * @param result_size  Room for the result, in bytes; zeroed before the body starts.
 * @param ret          The future.
 * @return 0 | -ENOMEM, or as weft_submit. A full queue is -EAGAIN.
 * @owns   arg stays the caller's. *ret is the caller's: weft_future_unref.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  As weft_submit.
 * @orders As weft_submit.
 * Example: weft_future *f; int err = weft_async(ex, is_prime, &n, sizeof n, sizeof(bool), &f); */
WEFT_API int weft_async(weft_executor *ex, weft_fn *fn, const void *arg, size_t arg_size, size_t result_size,
			weft_future **ret);

/** Options of weft_map. Set size to sizeof(struct weft_map_opts); 0 elsewhere is the default. */
struct weft_map_opts {
	uint32_t size;  /* bytes; 0 counts as all of them */
	uint32_t flags; /* WEFT_TASK_* for each chunk */
	size_t chunk;   /* elements per task; 0: some 32 tasks for each worker, as many as a slot carries */
	weft_time deadline; /* absolute; 0: none. Elements not begun by then are not begun */
	/* Called after each finished chunk, always by the thread that called weft_map, with done rising
	 * to total. It may call the library. */
	void (*progress)(void *ctx, size_t done, size_t total);
	void *ctx;
	size_t *ret_failed; /* where weft_map fails by an element: its index. May be NULL */
};

/** results[i] = fn(args[i]) for every i < n, in chunks, in parallel, in order.
 *
 * After a failure nothing behind the failed element is begun any more, everything before it is: the
 * failure returned is the first in the order of the elements, and all results before it are in place [TASK-4].
 *
 * @param args     n elements of arg_size bytes each.
 * @param results  n elements of result_size bytes each; NULL only where result_size is 0.
 * @param opts     NULL: all defaults.
 * @return 0 | the error of the first failed element in index order (-EOWNERDEAD if its worker died) |
 *         -ETIMEDOUT: the deadline came first | -ECANCELED: the calling task was cancelled |
 *         -EINVAL: a NULL, or unknown options | -EOVERFLOW: n elements exceed the address space |
 *         -E2BIG: one element exceeds what ex carries | -ENOMEM | -ESHUTDOWN | -EXDEV | -ENOEXEC | -ECHILD
 *         as weft_submit. A full queue is waited for.
 * @owns   args and results are the library's until the call returns, whatever it returns.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  Until all is done. Inside a task of a pool of threads it takes part in the work. After a
 *         failure or deadline it waits for the elements that have begun.
 * @orders What the caller wrote happens before, what the bodies wrote happens before the return.
 * Example: err = weft_map(ex, is_prime, numbers, sizeof *numbers, prime, sizeof *prime, n, NULL); */
WEFT_API int weft_map(weft_executor *ex, weft_fn *fn, const void *args, size_t arg_size, void *results,
		      size_t result_size, size_t n, const struct weft_map_opts *opts);

/** Runs body over the ranges that make up begin..end, in parallel, on an executor that shares memory.
 *
 * @param body   Gets ranges of at most grain indices, each index once [TASK-5]. Returns >= 0 or a negative errno.
 * @param grain  Indices; the ranges begin at begin + k * grain. 0: what pays, by the clock: single indices
 *               first, more as long as a range takes less than some 20 us. So the work is shared evenly even if
 *               indices differ in cost; but if each call costs something too, choose a grain.
 * @param ctx    Handed through, shared by all calls of body.
 * @return 0, also where begin >= end | the error of the first failed range in index order; no range
 *         behind it is begun any more | -EXDEV: ex has another address space | -ECANCELED: the
 *         calling task was cancelled | -EINVAL | -ENOMEM | -ESHUTDOWN | -ECHILD as weft_submit. Where the
 *         queue is full the caller runs all ranges itself.
 * @owns   ctx stays the caller's.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  Until all is done. The calling thread takes part in the work, unless ex is "uring", or the caller a fiber,
 *         which parks: no more threads than ex has workers run body at a time, and the caller is one of them if it
 *         comes before a worker.
 * @orders What the caller wrote happens before, what the bodies wrote happens before the return.
 * Example: err = weft_for(ex, scale_rows, 0, rows, 0, &image); */
WEFT_API int weft_for(weft_executor *ex, int (*body)(weft_call *call, size_t begin, size_t end, void *ctx),
		      size_t begin, size_t end, size_t grain, void *ctx);

#ifdef __cplusplus
}
#endif
#endif
