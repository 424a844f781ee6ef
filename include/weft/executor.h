/* SPDX-License-Identifier: MIT
 *
 * weft/executor.h -- where tasks run: opening, asking, stopping.
 */
#ifndef WEFT_EXECUTOR_H
#define WEFT_EXECUTOR_H

#include <weft/future.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What an executor can do: bits of weft_executor_caps. */
enum {
	WEFT_CAP_LOCAL = 1,  /* tasks run in this address space: pointers mean the same to them */
	WEFT_CAP_FIBERS = 2, /* a wait inside a task parks it; the thread goes on */
	WEFT_CAP_KILL = 4,   /* running tasks can be killed: hard deadlines, WEFT_STOP_KILL */
	WEFT_CAP_REMOTE = 8  /* tasks may run on other machines */
};

/** How to stop. Each stronger than the one before. */
enum weft_stop {
	WEFT_STOP_DRAIN = 0,  /* everything accepted runs */
	WEFT_STOP_CANCEL = 1, /* what has not started is dropped, what runs is asked to give up */
	WEFT_STOP_KILL = 2    /* what has not started is dropped, workers are killed; what ran says
			       * -EOWNERDEAD. Without WEFT_CAP_KILL: as WEFT_STOP_CANCEL */
};

/** A look at an executor. Each figure is right for some moment during the call, not all for the same. */
struct weft_stats {
	uint64_t submitted;     /* tasks accepted since it was made */
	uint64_t completed;     /* of them, done in whatever way; the other counts below are parts of this */
	uint64_t failed;        /* ended with an error of their own */
	uint64_t cancelled;     /* ended with -ECANCELED */
	uint64_t timed_out;     /* ended with -ETIMEDOUT */
	uint64_t died;          /* ended with -EOWNERDEAD */
	uint64_t queued;        /* accepted and not started, now */
	uint64_t running;       /* started and not done, now */
	uint32_t workers;       /* that run tasks, now; not counting those that wait inside a task */
	uint32_t deaths;        /* workers that died unasked, so far */
	uint64_t long_turns;    /* of "uring": how often a task kept its thread to itself for long, and ... */
	weft_time longest_turn; /* ... ns that it did so at most: weft/uring.h, long_turn */
	uint64_t reserved_[4];
};

/** Makes an executor from a text, so that changing executor is changing one string.
 *
 *   inline                                  run at once in the caller
 *   threads[:N][,queue=N][,name=TEXT][,pin=1][,spin=MICROSECONDS]           a pool of N threads
 *   processes[:N][,queue=N][,name=TEXT][,start=nursery|fork|spawn][,max_tasks=N][,slot=BYTES][,large=BYTES]
 *       [,max_rss=MIB][,max_cpu=SECONDS][,max_files=N][,max_memory=MIB][,nice=N][,pin=1][,sandbox=1]
 *   uring[:N][,queue=N][,name=TEXT][,stack=BYTES][,slack=MICROSECONDS][,entries=N]
 *       [,engine=any|io_uring|epoll][,long_turn=MICROSECONDS]           fibers on N threads
 *
 *   mpi[:N][,queue=N][,name=TEXT][,patience=MS][,root=0]           the ranks of an MPI job, N workers on each
 *
 * N defaults to weft_cpu_count(); for the rest see weft/thread_pool.h, weft/process_pool.h, weft/uring.h and weft/mpi.h.
 * slack=0 and long_turn=0 are none.
 *
 * "mpi" needs libweft-mpi, which is loaded if the program has not linked it. It is collective. On rank 0 it returns the
 * executor; any other rank serves until rank 0 ends, and then exits with status 0. root=0: rank 0 runs no tasks.
 *
 * @param spec  NULL: the environment variable WEFT_EXECUTOR; if that is unset or empty, "threads".
 * @return 0 | -EINVAL: not of that form, or an unknown kind or option [EXECUTOR-1] | -ERANGE: a number outside its
 *         limits | -ENOSYS: "mpi", and there is no libweft-mpi, or another libweft than it needs | -ENOMEM, -EAGAIN,
 *         -EMFILE...: as the function that makes that kind.
 * @owns   *ret is the caller's: weft_executor_free, also for "inline". spec is copied.
 * @from   Any thread, or inside a task.
 * @waits  Never for tasks; a pool starts its workers.
 * @orders Nothing.
 * Example: weft_executor *ex; int err = weft_executor_open(&ex, argc > 1 ? argv[1] : NULL); */
WEFT_API int weft_executor_open(weft_executor **ret, const char *spec);

/** The executor that is a function call: a task is done when its submission returns.
 *
 * @return A static executor that can be neither stopped (-EINVAL) nor freed (nothing happens).
 * @owns   Nothing to free.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_map(weft_inline(), is_prime, numbers, 8, prime, 1, n, NULL); */
WEFT_API weft_executor *weft_inline(void);

/** Refuses new tasks, ends the old ones as how says, and waits until the workers have gone.
 *
 * May be called again, from several threads, and with a stronger how. A task submitted to ex that
 * races with this is either accepted, and treated as how says, or refused with -ESHUTDOWN [EXECUTOR-2].
 *
 * @return 0: nothing runs any more | -ETIMEDOUT: still stopping; call again, with a stronger how if
 *         need be | -EDEADLK: called by a task of ex; the stop has begun, but cannot be waited for
 *         here | -EINVAL: ex is NULL or weft_inline(), or how is unknown | -ECHILD: ex is the
 *         parent's, this is a fork of it.
 * @owns   ex stays the caller's: free it afterwards.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  For the tasks, until deadline; once they are done, for the workers to leave: processes that do
 *         not within a second are killed.
 * @orders What all bodies wrote happens before a return of 0.
 * Example: if (weft_executor_stop(ex, WEFT_STOP_DRAIN, weft_after(WEFT_SECONDS(5))) == -ETIMEDOUT)
 *                  weft_executor_stop(ex, WEFT_STOP_KILL, WEFT_FOREVER); */
WEFT_API int weft_executor_stop(weft_executor *ex, enum weft_stop how, weft_time deadline);

/** Frees an executor. If it still runs, it is drained first: every accepted future is done on return [EXECUTOR-3].
 *
 * In a fork of the process that made it, it frees only this process's memory.
 *
 * @param ex  NULL is fine. Not from a task of ex: there it prints a message and only begins the stop.
 * @owns   *ex is gone. Futures of its tasks remain valid.
 * @from   Any thread, or inside a task of another executor; once.
 * @waits  As weft_executor_stop with WEFT_STOP_DRAIN and WEFT_FOREVER.
 * @orders What all bodies wrote happens before the return.
 * Example: weft_executor_free(ex); */
WEFT_API void weft_executor_free(weft_executor *ex);

/** What ex can do.
 *
 * @return WEFT_CAP_* bits; 0 for NULL.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: if (!(weft_executor_caps(ex) & WEFT_CAP_LOCAL)) copy_the_table(); */
WEFT_API unsigned weft_executor_caps(const weft_executor *ex);

/** Counts of tasks and workers.
 *
 * @return 0 | -EINVAL: a NULL | -ECHILD: ex is the parent's, this is a fork of it.
 * @owns   Nothing; *ret is filled.
 * @from   Any thread, or inside a task.
 * @waits  For short critical sections only.
 * @orders Nothing.
 * Example: struct weft_stats s; if (!weft_executor_stats(ex, &s)) printf("%u\n", s.workers); */
WEFT_API int weft_executor_stats(const weft_executor *ex, struct weft_stats *ret);

/** What ex is, for people: the kind and the number of workers, as "threads:4"; or the name it was given.
 *
 * "uring" adds what it waits with: "uring:2 (io_uring)" or "uring:2 (epoll)".
 *
 * @return Never NULL; "" for NULL.
 * @owns   Borrowed: as long as ex.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: printf("on %s\n", weft_executor_name(ex)); */
WEFT_API const char *weft_executor_name(const weft_executor *ex);

#ifdef __cplusplus
}
#endif
#endif
