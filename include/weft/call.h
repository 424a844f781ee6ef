/* SPDX-License-Identifier: MIT
 *
 * weft/call.h -- a task seen from inside: its body, and what the body may ask of the library.
 *
 * A body is an ordinary C function. It may be called directly with call == NULL; every function here
 * takes that NULL and does the sensible thing [CALL-1], so one function serves as task and as plain function.
 */
#ifndef WEFT_CALL_H
#define WEFT_CALL_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A running task. Valid on the thread that runs the body, until the body returns. */
typedef struct weft_call weft_call;

/** The outcome of a task: see weft/future.h. */
typedef struct weft_future weft_future;

/** The body of a task.
 *
 * It reads weft_call_arg_size(call) bytes at arg and writes at most its task's result_size bytes at
 * result. Where the executor shares the caller's memory these are the caller's own pointers; copies
 * that the library makes (weft_async, other address spaces) are aligned to 16. Elements of weft_map
 * lie arg_size and result_size bytes apart. Unless the task is WEFT_TASK_LOCAL the bytes may cross to
 * another process or machine: let them hold values and offsets, not pointers or descriptors.
 *
 * It must return: no longjmp and no C++ exception may leave it.
 *
 * @return >= 0: success, kept as the task's status | < 0: a negative errno; the result is dropped. */
typedef int weft_fn(weft_call *call, const void *arg, void *result);

/* Longest error text that travels with a failed task, in bytes, without the closing NUL. */
#define WEFT_ERROR_TEXT_MAX 111

/** Should this task stop? Poll it in long loops, then return -ECANCELED.
 *
 * @return true once somebody has cancelled the task or its deadline has passed; false if call is NULL.
 *         Once true it stays true.
 * @owns   Nothing.
 * @from   The task itself.
 * @waits  Never. One load; one clock reading where the task has a deadline.
 * @orders Nothing: it is a hint, and being late does no harm.
 * Example: for (size_t i = 0; i < n; i++) { if (weft_call_cancelled(call)) return -ECANCELED; step(i); } */
WEFT_API bool weft_call_cancelled(const weft_call *call);

/** The deadline of this task.
 *
 * @return Nanoseconds of CLOCK_MONOTONIC; WEFT_FOREVER if it has none or call is NULL.
 * @owns   Nothing.
 * @from   The task itself.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_future_wait(f, weft_call_deadline(call)); */
WEFT_API weft_time weft_call_deadline(const weft_call *call);

/** How many bytes arg has.
 *
 * @return The arg_size the task was submitted with; 0 if call is NULL.
 * @owns   Nothing.
 * @from   The task itself.
 * @waits  Never.
 * @orders Nothing.
 * Example: size_t n = weft_call_arg_size(call) / sizeof(uint64_t); */
WEFT_API size_t weft_call_arg_size(const weft_call *call);

/** Says that the result has n bytes, where it is shorter than the task's result_size.
 *
 * Without this call the result has all result_size bytes. In weft_map every element has its full size
 * and the call has no effect.
 *
 * @param n  Bytes; more than result_size counts as result_size.
 * @owns   Nothing.
 * @from   The task itself. With call == NULL it does nothing.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_call_reply(call, (size_t)snprintf(result, 64, "%d", x)); */
WEFT_API void weft_call_reply(weft_call *call, size_t n);

/** Memory for the time of this call.
 *
 * @param n  Bytes; 0 gives a valid pointer to nothing.
 * @return n bytes aligned to 16, not zeroed; NULL if there is no memory, or call is NULL.
 * @owns   The library: it frees the memory when the body returns, however it returns [CALL-3].
 * @from   The task itself.
 * @waits  Never.
 * @orders Nothing.
 * Example: char *line = weft_call_scratch(call, 4096); if (!line) return -ENOMEM; */
WEFT_API void *weft_call_scratch(weft_call *call, size_t n);

/** Attaches a text to the error that the body is about to return.
 *
 * The text reaches weft_future_error() in the submitter, also from another process [CALL-2]. A later call
 * replaces it. It is dropped if the body then returns success.
 *
 * @param err  A negative errno. Anything else counts as -EINVAL.
 * @param fmt  As for printf; cut after WEFT_ERROR_TEXT_MAX bytes.
 * @return err, so that it can be returned at once.
 * @owns   Nothing; the text is copied.
 * @from   The task itself. With call == NULL it only returns err.
 * @waits  Never.
 * @orders Nothing.
 * Example: if (line[0] != '{') return weft_call_fail(call, -EBADMSG, "line %d: no brace", i); */
WEFT_API int weft_call_fail(weft_call *call, int err, const char *fmt, ...) WEFT_PRINTF(3, 4);

/** The future that this task continues (see weft_future_then).
 *
 * @return A done future; NULL if the task is no continuation, runs in another address space than its
 *         cause, or call is NULL.
 * @owns   Borrowed until the body returns.
 * @from   The task itself.
 * @waits  Never.
 * @orders What the cause's body wrote happens before this body starts.
 * Example: const weft_future *cause = weft_call_cause(call);
 *          if (cause && weft_future_status(cause) < 0) return weft_future_status(cause); */
WEFT_API const weft_future *weft_call_cause(const weft_call *call);

/** The innermost task that the calling thread is running.
 *
 * @return NULL outside a task.
 * @owns   Borrowed until that body returns.
 * @from   Any thread.
 * @waits  Never.
 * @orders Nothing.
 * Example: if (weft_call_cancelled(weft_current())) return; */
WEFT_API weft_call *weft_current(void);

/** Says that this task is about to block in something the library does not know: a read, a lock, a library
 * that waits. On a pool of threads another thread may take its place meanwhile [CALL-4]; elsewhere nothing happens.
 *
 * Sections may be nested. One that is open when the body returns is closed. A weft_future_wait in a section may run
 * the awaited task on this thread, as anywhere: for that time one more task than there are places runs.
 *
 * @owns   Nothing.
 * @from   The thread that runs the task. Outside of tasks it does nothing.
 * @waits  Never. Takes a few hundred nanoseconds, more where a thread is started or called: for what blocks
 *         shorter than that it does not pay.
 * @orders Nothing.
 * Example: weft_blocking_begin(); n = read(fd, buffer, sizeof buffer); weft_blocking_end(); */
WEFT_API void weft_blocking_begin(void);

/** Ends what weft_blocking_begin began. The task goes on at once; if another thread has its place, one of
 * the two steps back when it has finished its task.
 *
 * @owns   Nothing.
 * @from   The same task and thread. Without a begin it does nothing.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_blocking_end(); */
WEFT_API void weft_blocking_end(void);

#ifdef __cplusplus
}
#endif
#endif
