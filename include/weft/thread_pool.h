/* SPDX-License-Identifier: MIT
 *
 * weft/thread_pool.h -- the executor "threads": tasks on a pool of threads of this process.
 */
#ifndef WEFT_THREAD_POOL_H
#define WEFT_THREAD_POOL_H

#include <weft/executor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Options. Set size to sizeof(struct weft_thread_pool_opts); 0 elsewhere is the default. */
struct weft_thread_pool_opts {
	uint32_t size;    /* bytes; 0 counts as all of them */
	uint32_t threads; /* that run at once, 1..WEFT_WORKERS_MAX; default weft_cpu_count() */
	uint32_t queue;   /* tasks that may wait to start, 1..2^30; default 65,536 */
	const char *name; /* of the executor and, cut to 11 bytes and numbered, its threads; copied; "weft" */
	uint32_t flags;   /* WEFT_THREADS_* */
	uint32_t spin; /* microseconds an idle thread looks for work before it sleeps, at most, 1..1,000,000;
			   * default 50; WEFT_SPIN_NEVER: it sleeps at once */
};

/** Flags of a pool of threads. Other bits are -EINVAL. */
enum {
	WEFT_THREADS_PIN =
		1 /* the n-th place of the pool is on the n-th processor that the program may use */
};

#define WEFT_SPIN_NEVER UINT32_MAX

/** Makes a pool of threads.
 *
 * All signals are blocked in its threads. A task that waits inside the pool for another does not
 * occupy its place: see weft_future_wait [THREADS-1]. Up to WEFT_SPARES_MAX extra threads are started to stand in
 * for waiting ones; they end when they are no longer needed.
 *
 * @param opts  NULL: all defaults.
 * @return 0 | -EINVAL: ret is NULL, or unknown options set | -ERANGE: a number outside its limits |
 *         -ENOMEM | -EAGAIN: not even one thread could be started. With fewer threads than asked for
 *         (a limit of the system) the pool works, and weft_executor_stats says how many it has.
 * @owns   *ret is the caller's: weft_executor_free.
 * @from   Any thread, or inside a task. The calling thread may end before the pool.
 * @waits  Never for tasks.
 * @orders Nothing.
 * Example: struct weft_thread_pool_opts o = {.size = sizeof o, .threads = 8}; weft_thread_pool_new(&ex, &o);
 */
WEFT_API int weft_thread_pool_new(weft_executor **ret, const struct weft_thread_pool_opts *opts);

/** What one place of a pool has done so far: whoever worked there. */
struct weft_worker_stats {
	uint64_t tasks;  /* started, not counting those that a waiting task ran in place */
	uint64_t stolen; /* tasks and children taken over from other places */
	uint64_t sleeps; /* times that it went to sleep without work */
	uint64_t reserved_[5];
};

/** Statistics of each place of a pool of threads.
 *
 * @param ret  Room for n; the first n places are filled in. NULL only where n is 0.
 * @return The number of places: the threads that run at once | -EINVAL: ex is no pool of threads, or a
 *         NULL | -ECHILD: ex is the parent's, this is a fork of it.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing: each figure was right at some moment.
 * Example: struct weft_worker_stats w[64]; int n = weft_thread_pool_workers(ex, w, 64); */
WEFT_API int weft_thread_pool_workers(const weft_executor *ex, struct weft_worker_stats ret[], unsigned n);

/* Most extra threads of one pool at a time. At the limit a task that waits for a running one keeps its
 * place in the pool while it sleeps. Beyond it there is one thread more for each task that waits with less than
 * 256 KiB of its thread's stack left, up to 64: so a nest of waits may be as deep as 64 stacks are. */
#define WEFT_SPARES_MAX 256

#ifdef __cplusplus
}
#endif
#endif
