/* SPDX-License-Identifier: MIT
 *
 * weft/future.h -- one outcome, awaited.
 *
 * A future belongs to a task. weft_task_future() borrows the one inside a caller's own weft_task;
 * weft_async() makes one on the heap, shared by ref and unref. It is done exactly once [FUTURE-1].
 *
 *   idle --submit--> queued --claim--> running --> done        the usual life
 *                       \------ cancel, deadline ---^          it never ran
 *
 * Waiting reports on the waiter, status reports on the task: a wait that returns -ETIMEDOUT says that
 * you ran out of time, a status of -ETIMEDOUT that the task did.
 */
#ifndef WEFT_FUTURE_H
#define WEFT_FUTURE_H

#include <sys/resource.h>

#include <weft/call.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_executor weft_executor;
struct weft_task;

/** What weft_future_cancel did. */
enum weft_cancel {
	WEFT_CANCEL_DROPPED = 0, /* the body never ran and never will; done now, with -ECANCELED */
	WEFT_CANCEL_ASKED = 1,   /* it is running: weft_call_cancelled is true, its waits end */
	WEFT_CANCEL_LATE = 2     /* it was done already, or never submitted */
};

/** How a worker process died. */
struct weft_death {
	pid_t pid;            /* of the worker */
	int signal;           /* that killed it; 0: it exited */
	int code;             /* its exit status, where signal is 0 */
	bool core;            /* it left a core dump */
	bool oom;             /* probably for want of memory: SIGKILL, not by this library, and the control
			       * group of the pool has counted a victim since the last such death */
	struct rusage rusage; /* ru_utime, ru_stime, ru_maxrss (KiB), ru_minflt, ru_majflt; the rest is 0 */
};

/** Waits until f is done.
 *
 * Inside a task of a thread pool the wait runs f itself if f is queued on the same pool and unstarted;
 * otherwise another thread takes over this worker's duty for as long as the wait sleeps. Thus waiting
 * never starves the pool, whatever its size and however deep the waits nest [FUTURE-2]; but a wait that runs f
 * ends when f ends, which may be after the deadline.
 *
 * @param f         Must stay valid until the call returns.
 * @param deadline  Absolute; one that has passed makes this a poll.
 * @return 0: done, see weft_future_status | -ETIMEDOUT: the deadline came first | -ECANCELED: the
 *         calling task was cancelled or has passed its own deadline; f goes on | -EDEADLK: f waits,
 *         directly or through others, for the calling task [FUTURE-4] | -EINVAL: f is NULL or was never
 *         submitted | -ECHILD: f was submitted before this process forked off.
 * @owns   f stays the caller's.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  Until done or deadline.
 * @orders What the body wrote happens before a return of 0.
 * Example: if (weft_future_wait(f, weft_after(WEFT_SECONDS(1))) == -ETIMEDOUT) weft_future_cancel(f); */
WEFT_API int weft_future_wait(weft_future *f, weft_time deadline);

/** How the task ended.
 *
 * @return What its body returned if that is >= 0; or -EINPROGRESS: not done; or the error the body
 *         returned; or one of the library's: -ECANCELED: cancelled | -ETIMEDOUT: its own deadline
 *         passed | -EOWNERDEAD: the worker died, see weft_future_death | -ENOEXEC: the worker's
 *         program has no such function | -ESHUTDOWN: its executor stopped before it could start |
 *         -EBADMSG: the worker sent garbage | -EIO: no worker could be started. -EINVAL: f is NULL or was
 * never submitted.
 * @owns   f stays the caller's.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders What the body wrote happens before this returns anything but -EINPROGRESS.
 * Example: int status = weft_future_status(f); if (status < 0) puts(weft_strerror(status)); */
WEFT_API int weft_future_status(const weft_future *f);

/** The bytes that the body wrote.
 *
 * @param ret_size  Their number; may be NULL. Untouched where NULL is returned.
 * @return NULL unless the status is >= 0; also where the task was submitted without room for a result.
 * @owns   Borrowed: until the last unref, or until the caller's own task is submitted again.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders As weft_future_status.
 * Example: size_t n; const char *text = weft_future_result(f, &n); */
WEFT_API const void *weft_future_result(const weft_future *f, size_t *ret_size);

/** The text that came with the error (see weft_call_fail); for a dead worker, how it died.
 *
 * @return Never NULL; "" if there is none, the task succeeded or is not done. At most
 *         WEFT_ERROR_TEXT_MAX bytes.
 * @owns   Borrowed, as weft_future_result.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders As weft_future_status.
 * Example: fprintf(stderr, "%s: %s\n", weft_strerror(weft_future_status(f)), weft_future_error(f)); */
WEFT_API const char *weft_future_error(const weft_future *f);

/** How the worker died that was running the task.
 *
 * @return 0 | -ENODATA: the task did not end by its worker's death | -EINPROGRESS: not done |
 *         -EINVAL: f or ret is NULL, or f was never submitted.
 * @owns   Nothing; *ret is filled.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders As weft_future_status.
 * Example: struct weft_death d; if (!weft_future_death(f, &d)) printf("signal %d\n", d.signal); */
WEFT_API int weft_future_death(const weft_future *f, struct weft_death *ret);

/** Cancels the task, in one atomic step with three answers [FUTURE-3].
 *
 * A queued task is dropped: it is done on return, with -ECANCELED, and its storage is the caller's
 * again. A running one is asked: weft_call_cancelled turns true and its waits return -ECANCELED; it
 * is done when its body returns. Processes can be made to give up by a deadline or WEFT_STOP_KILL.
 *
 * @return What was done; WEFT_CANCEL_LATE too if f is NULL, never submitted, or the parent's after a fork.
 * @owns   f stays the caller's.
 * @from   Any thread, or inside a task, f's own included. Not a signal handler.
 * @waits  Never for the task; for short critical sections only.
 * @orders Nothing between canceller and body.
 * Example: if (weft_future_cancel(f) == WEFT_CANCEL_ASKED) weft_future_wait(f, WEFT_FOREVER); */
WEFT_API enum weft_cancel weft_future_cancel(weft_future *f);

/** Submits next to ex as soon as f is done, however f ended. If f is done already, now.
 *
 * From acceptance on next has its place in ex: a full queue does not refuse it later [FUTURE-5]. Its body sees f
 * by weft_call_cause() where it runs in this address space.
 *
 * @param f     Must stay valid until next is done; a heap future is kept by the library.
 * @param ex    Where next runs. Borrowed.
 * @param next  As for weft_submit.
 * @return 0: accepted, next's future will be done exactly once | -EINVAL: f, ex or next is NULL, f was
 *         never submitted, or next is not submittable | or any error of weft_submit but -EAGAIN.
 * @owns   As weft_submit: from 0 until done, next is the library's.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  Never; but on an inline executor next runs inside this call if f is done, or else on the
 *         thread that finishes f.
 * @orders What f's body wrote happens before next starts. Continuations of one future start in the
 *         order they were added if ex runs one task at a time.
 * Example: weft_submit(ex, &fetch); weft_future_then(weft_task_future(&fetch), ex, &parse); */
WEFT_API int weft_future_then(weft_future *f, weft_executor *ex, struct weft_task *next);

/** Takes another reference to a heap future.
 *
 * @param f  From weft_async. The future of a caller's own task has no count: nothing happens.
 * @return f.
 * @owns   The caller owns one reference more.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: keep = weft_future_ref(f); */
WEFT_API weft_future *weft_future_ref(weft_future *f);

/** Gives a reference back. With the last one of an unfinished task only the result is thrown away:
 *  the task goes on, and nobody waits for it [FUTURE-6].
 *
 * @param f  From weft_async, or NULL. The future of a caller's own task has no count: nothing happens.
 * @owns   The caller's reference ends.
 * @from   Any thread, or inside a task, f's own included.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_future_unref(f); */
WEFT_API void weft_future_unref(weft_future *f);

/** Waits until all of n futures are done.
 *
 * @param f  n futures; one may stand there several times. n == 0 returns 0.
 * @return 0: all are done | as weft_future_wait; then some may be done.
 * @owns   The futures stay the caller's, and valid until the call returns.
 * @from   As weft_future_wait.
 * @waits  Until all are done, or deadline.
 * @orders What all the bodies wrote happens before a return of 0.
 * Example: err = weft_wait_all(all, 8, WEFT_FOREVER); */
WEFT_API int weft_wait_all(weft_future *const f[], size_t n, weft_time deadline);

/** Waits until one of n futures is done.
 *
 * @param f  n futures, n >= 1.
 * @return The least index of those done when the wait ended, >= 0 | -EINVAL: n is 0 or a future is
 *         NULL or never submitted | -ENOMEM: n > 16 and no memory for the wait | as weft_future_wait,
 *         but never -EDEADLK.
 * @owns   The futures stay the caller's, and valid until the call returns.
 * @from   As weft_future_wait.
 * @waits  Until one is done, or deadline. For many futures use a completion queue: this is O(n).
 * @orders What the body of the returned one wrote happens before the return.
 * Example: ssize_t i = weft_wait_any(all, 2, weft_after(WEFT_MS(50))); */
WEFT_API ssize_t weft_wait_any(weft_future *const f[], size_t n, weft_time deadline);

#ifdef __cplusplus
}
#endif
#endif
