/* SPDX-License-Identifier: MIT
 *
 * weft/thread.h -- one thread for one function, handled like a process (weft/process.h) and like a future.
 *
 *   static int count(weft_call *call, const void *arg, void *result) { ... }
 *   ...
 *   weft_thread *t;
 *   int err = weft_thread_start(&t, count, &n, sizeof n, NULL);
 *   if (!err) err = weft_thread_join(t, WEFT_FOREVER);
 *   ...                               // weft_thread_future(t) has its status and its result
 *   weft_thread_free(t);
 *
 * For many short functions a pool of threads (weft/thread_pool.h) is far cheaper: this is for the one that runs
 * for long, or that must have a thread to itself.
 *
 * It is an ordinary thread of the program: signals, thread-local data, pthread_self() and the rest are as with
 * pthread_create(). The body is a task, so all of weft/call.h works in it.
 */
#ifndef WEFT_THREAD_H
#define WEFT_THREAD_H

#include <weft/future.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEFT_NAME_MAX 63 /* bytes of a thread's or process's name, without the NUL; longer ones are cut */

/** Flags of a weft_thread and of a weft_process. Other bits are -EINVAL. */
enum {
	WEFT_DAEMON = 1 /* the end of the program does not wait for it */
};

/** A thread. */
typedef struct weft_thread weft_thread;

/** Options. Set size to sizeof(struct weft_thread_opts); 0 elsewhere is the default. */
struct weft_thread_opts {
	uint32_t size;      /* bytes; 0 counts as all of them */
	const char *name;   /* copied; default "Thread-1", "Thread-2", ... */
	uint32_t flags;     /* WEFT_DAEMON */
	size_t result_size; /* bytes that the body may write; default none */
	size_t stack_size;  /* bytes; default that of pthread_create() */
};

/** Starts a thread that runs fn.
 *
 * The thread has the signal mask of the one that starts it. The system shows it by the first 15 bytes of its name.
 *
 * A thread without WEFT_DAEMON holds up the end of the program [THREAD-1]: exit(), and so the return from main(), waits
 * for it, before the functions run that were given to atexit() before the first such thread or process was started.
 * One that never ends therefore keeps the program from ending, but not from being killed. A daemon is simply gone
 * with the program, in the middle of what it does. _exit() waits for nothing.
 *
 * A body that calls pthread_exit(), or whose thread is cancelled by pthread_cancel(), ends the thread, and its
 * future says -EOWNERDEAD.
 *
 * @param arg   Copied; aligned to 16 in the body.
 * @param opts  NULL: all defaults.
 * @return 0 | -EINVAL: ret or fn is NULL, arg is NULL and its size is not 0, unknown options set | -ERANGE:
 *         a stack_size that the system does not take | -EAGAIN: no more threads may be had | -ENOMEM.
 * @owns   *ret is the caller's: weft_thread_free. arg stays the caller's.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders What the caller did before happens before the body.
 * Example: weft_thread *t; int err = weft_thread_start(&t, serve, &port, sizeof port, NULL); */
WEFT_API int weft_thread_start(weft_thread **ret, weft_fn *fn, const void *arg, size_t arg_size,
			       const struct weft_thread_opts *opts);

/** Waits until the thread has ended. As often as you like, by as many threads as you like.
 *
 * How its body ended, the future says. The deadline is for the body; once that is over the thread itself is
 * waited for, which runs its thread-local destructors.
 *
 * @param deadline  Absolute; one that has passed makes this a look.
 * @return 0: it has ended | -ETIMEDOUT | -ECANCELED: the calling task was cancelled | -EDEADLK: by the thread
 *         itself, or it waits, directly or through others, for the calling task | -EINVAL: t is NULL |
 *         -ECHILD: started before this process forked off.
 * @owns   t stays the caller's.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  Until it has ended, or deadline. A fiber is parked.
 * @orders All that the thread did happens before a return of 0.
 * Example: if (weft_thread_join(t, weft_after(WEFT_SECONDS(1))) == -ETIMEDOUT) puts("still at it"); */
WEFT_API int weft_thread_join(weft_thread *t, weft_time deadline);

/** The outcome: status, result and error text of the body. It can be waited for among other futures, watched by
 * a completion queue, and continued. weft_future_cancel asks the body to give up: weft_call_cancelled.
 *
 * @return NULL if t is NULL.
 * @owns   Borrowed: until weft_thread_free; weft_future_ref keeps it for longer.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: printf("status %d\n", weft_future_status(weft_thread_future(t))); */
WEFT_API weft_future *weft_thread_future(weft_thread *t);

/** Its name.
 *
 * @return "" if t is NULL.
 * @owns   Borrowed: until weft_thread_free.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: puts(weft_thread_name(t)); */
WEFT_API const char *weft_thread_name(const weft_thread *t);

/** Does it run?
 *
 * @return 1: its body has not ended | 0: it has; weft_thread_join does not wait for long | -EINVAL: t is NULL |
 *         -ECHILD: as weft_thread_join.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders If 0: as weft_future_status.
 * Example: while (weft_thread_is_alive(t) > 0) show_progress(); */
WEFT_API int weft_thread_is_alive(const weft_thread *t);

/** Gives up the handle. A thread that has not ended goes on, and nobody can join it any more; unless it is a
 * daemon, the end of the program still waits for it.
 *
 * @param t  NULL is fine. No other thread may be using it.
 * @return 0.
 * @owns   *t is gone.
 * @from   Any thread, or inside a task, its own included; also in a fork.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_thread_free(t); */
WEFT_API int weft_thread_free(weft_thread *t);

/** The name of the weft_thread or weft_process that the caller is in.
 *
 * @return In a weft_thread its name. In any other thread that of the process: of a weft_process its name, of a
 *         worker of a pool "weft-worker", else "main". Never NULL.
 * @owns   Borrowed: for as long as the calling thread runs.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: printf("%s: hello\n", weft_current_name()); */
WEFT_API const char *weft_current_name(void);

#ifdef __cplusplus
}
#endif
#endif
