/* SPDX-License-Identifier: MIT
 *
 * weft/process.h -- one process for one function, handled like a thread (weft/thread.h) and like a future.
 *
 *   static int hello(weft_call *call, const void *arg, void *result) { ... }
 *   ...
 *   weft_process *p;
 *   int code, err = weft_process_start(&p, hello, "bob", 4, NULL);
 *   if (!err) err = weft_process_join(p, WEFT_FOREVER);
 *   if (!err) err = weft_process_exit(p, &code);
 *   weft_process_free(p);
 *
 * For many short functions a pool of processes (weft/process_pool.h) is far cheaper. For another program there is
 * weft/subprocess.h.
 *
 * The program never meets these processes [PROCESS-1]: they are not its children, so wait() does not return them, no
 * SIGCHLD comes, and there are no zombies to be joined away. Whoever dies, nothing stays behind [PROCESS-2]: when the
 * program ends, in whatever way, they are killed.
 */
#ifndef WEFT_PROCESS_H
#define WEFT_PROCESS_H

#include <weft/process_pool.h>
#include <weft/thread.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A process. */
typedef struct weft_process weft_process;

/** Options. Set size to sizeof(struct weft_process_opts); 0 elsewhere is the default. */
struct weft_process_opts {
	uint32_t size;         /* bytes; 0 counts as all of them */
	const char *name;      /* copied; default "Process-1", "Process-2", ... */
	uint32_t flags;        /* WEFT_DAEMON */
	size_t result_size;    /* bytes that the body may write; default none */
	enum weft_start start; /* what it is a copy of; default WEFT_START_NURSERY. Here WEFT_START_FORK means
				* the caller as it is now */
};

/** Starts a process that runs fn.
 *
 * What it is made of, start says; enum weft_start has the choices, and weft_process_pool_new what they mean for
 * signals and descriptors. In short: with WEFT_START_NURSERY and WEFT_START_SPAWN it is a fresh run of the
 * program that never comes to main(), with descriptors 0 to 2 and no other. With WEFT_START_FORK it has the
 * caller's memory and descriptors; a lock that another thread of the caller holds now, it will never get.
 * SIGINT is ignored, every other signal has its default action.
 *
 * Pointers in arg mean nothing there, but for those into regions (weft/region.h), and so queues, pipes and locks
 * in regions. With WEFT_START_FORK all mean the same as here, of memory that was copied.
 *
 * When the body returns, the process waits for its own threads and processes that are no daemons, writes
 * what stdio holds, and ends: by exit code 0, or 1 if the body returned an error, which arrives in the future with
 * its text. The functions that were given to atexit() do not run. A body that calls exit(n) ends it with n; then,
 * and whenever it is killed, the future says -EOWNERDEAD, and weft_future_death how.
 *
 * A process without WEFT_DAEMON holds up the end of the program, as a thread does: see weft_thread_start. A
 * daemon is killed then. If the program is killed, or calls _exit(), so is every process.
 *
 * @param arg   Copied; aligned to 16 in the body.
 * @param opts  NULL: all defaults.
 * @return 0 | -EINVAL: ret or fn is NULL, arg is NULL and its size is not 0, unknown options set |
 *         -E2BIG: argument and result together are not addressable | -ENOMEM, -EAGAIN, -EMFILE, -ENFILE: no
 *         memory, process or descriptor | -EFBIG: RLIMIT_FSIZE is below argument and result | -ENOEXEC: fn is in
 *         no file with a build-id, or the program cannot be run again: see weft_process_pool_new |
 *         -EIO: what starts processes was killed meanwhile | -ENOTSUP: in a task in a sandbox.
 * @owns   *ret is the caller's: weft_process_free. arg stays the caller's.
 * @from   Any thread, or inside a task. The calling thread may end before the process.
 * @waits  Until the process exists, some 100 microseconds; the first one, and the first after a while without
 *         any, for a program start, about a millisecond. A fiber is parked.
 * @orders What the caller did before happens before the body.
 * Example: weft_process *p; int err = weft_process_start(&p, writer, &q, sizeof q, NULL); // a weft_queue * */
WEFT_API int weft_process_start(weft_process **ret, weft_fn *fn, const void *arg, size_t arg_size,
				const struct weft_process_opts *opts);

/** Waits until the process has ended. As often as you like, by as many threads as you like.
 *
 * @param deadline  Absolute; one that has passed makes this a look.
 * @return 0: it has ended, see weft_process_exit | -ETIMEDOUT | -ECANCELED: the calling task was cancelled |
 *         -EINVAL: p is NULL | -ECHILD: started before this process forked off.
 * @owns   p stays the caller's.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  Until it has ended, or deadline. A fiber is parked.
 * @orders What the process did in shared memory happens before a return of 0.
 * Example: if (weft_process_join(p, weft_after(WEFT_SECONDS(1))) == -ETIMEDOUT) weft_process_terminate(p); */
WEFT_API int weft_process_join(weft_process *p, weft_time deadline);

/** The outcome: status, result and error text of the body. Done when the process has ended. It can be waited for
 * among other futures, watched by a completion queue, and continued. weft_future_cancel asks the body to give up:
 * weft_call_cancelled.
 *
 * @return NULL if p is NULL.
 * @owns   Borrowed: until weft_process_free; weft_future_ref keeps it for longer.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_future *f[] = {weft_process_future(a), weft_process_future(b)}; weft_wait_any(f, 2, WEFT_FOREVER); */
WEFT_API weft_future *weft_process_future(weft_process *p);

/** Its name.
 *
 * @return "" if p is NULL.
 * @owns   Borrowed: until weft_process_free.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: puts(weft_process_name(p)); */
WEFT_API const char *weft_process_name(const weft_process *p);

/** Does it run?
 *
 * @return 1 | 0: it has ended | -EINVAL: p is NULL | -ECHILD: as weft_process_join.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders If 0: as weft_process_join.
 * Example: while (weft_process_is_alive(p) > 0) show_progress(); */
WEFT_API int weft_process_is_alive(const weft_process *p);

/** Its process id, also after its end. By then another process may have it: to send signals there are
 * weft_process_terminate, weft_process_kill and weft_process_fd.
 *
 * @return The pid | -EINVAL: p is NULL.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: printf("started %d\n", (int)weft_process_pid(p)); */
WEFT_API pid_t weft_process_pid(const weft_process *p);

/** Its pidfd: readable, for poll and its kin, once the process has ended. A moment later its future is done.
 *
 * @return The descriptor | -EINVAL: p is NULL | -EBADF: the program has closed it.
 * @owns   Borrowed: until weft_process_free. Close-on-exec.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: struct pollfd fd = {.fd = weft_process_fd(p), .events = POLLIN}; */
WEFT_API int weft_process_fd(const weft_process *p);

/** How it ended.
 *
 * @param ret_code  0: the body returned 0 or more, or called exit(0) | 1: it returned an error | n: exit(n) |
 *                  -n: killed by signal n. Untouched if it has not ended.
 * @return 0 | -EINPROGRESS: it runs | -EINVAL: a NULL | -ECHILD: as weft_process_join.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders As weft_process_join.
 * Example: int code; if (!weft_process_exit(p, &code) && code == -SIGTERM) puts("terminated"); */
WEFT_API int weft_process_exit(const weft_process *p, int *ret_code);

/** Sends SIGTERM, which ends it unless its body has set a handler.
 *
 * @return 0; also if it has ended | -EINVAL: p is NULL | -ECHILD: as weft_process_join | -EBADF: the program has
 *         closed the pidfd | -EPERM: not allowed to: it has changed its user.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_process_terminate(p); weft_process_join(p, WEFT_FOREVER); */
WEFT_API int weft_process_terminate(weft_process *p);

/** Sends SIGKILL.
 *
 * @return As weft_process_terminate.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_process_kill(p); */
WEFT_API int weft_process_kill(weft_process *p);

/** Gives up the handle. A process that has not ended goes on, and nobody can join it any more; unless it is a
 * daemon, the end of the program still waits for it.
 *
 * @param p  NULL is fine. No other thread may be using it.
 * @return 0.
 * @owns   *p is gone, and its pidfd closed.
 * @from   Any thread, or inside a task; also in a fork.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_process_free(p); */
WEFT_API int weft_process_free(weft_process *p);

#ifdef __cplusplus
}
#endif
#endif
