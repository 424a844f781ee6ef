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
	const char *name; /* of the executor and, cut to 15 bytes, its threads; copied; default "weft" */
};

/** Makes a pool of threads.
 *
 * All signals are blocked in its threads. A task that waits inside the pool for another does not
 * occupy its place: see weft_future_wait. Up to WEFT_SPARES_MAX extra threads are started to stand in
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

/* Most extra threads of one pool at a time. At the limit a task that waits for a running one keeps its
 * place in the pool while it sleeps. */
#define WEFT_SPARES_MAX 256

#ifdef __cplusplus
}
#endif
#endif
