/* SPDX-License-Identifier: MIT
 *
 * weft/process_pool.h -- the executor "processes": tasks in worker processes. A task that crashes,
 * leaks, exits or never ends costs itself and nothing else.
 */
#ifndef WEFT_PROCESS_POOL_H
#define WEFT_PROCESS_POOL_H

#include <weft/executor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the workers are copies of. */
enum weft_start {
	WEFT_START_NURSERY = 0, /* a fresh run of this program that stops before main() and knows nothing
				 * of what the caller did since: safe however threaded the caller is */
	WEFT_START_FORK = 1     /* the caller as it is when the pool is made, with all it has loaded;
				 * only safe while no other thread of the caller holds a lock */
};

/** Options. Set size to sizeof(struct weft_process_pool_opts); 0 elsewhere is the default. */
struct weft_process_pool_opts {
	uint32_t size;         /* bytes; 0 counts as all of them */
	uint32_t workers;      /* processes, 1..WEFT_WORKERS_MAX; default weft_cpu_count() */
	uint32_t queue;        /* tasks that may wait to start, 1..2^30; default 65,536 */
	enum weft_start start; /* default WEFT_START_NURSERY */
	uint32_t max_tasks;    /* a worker is replaced after so many; 0: never */
	uint32_t slot_size;    /* bytes of argument and result together, each rounded up to 64, that go
				* through a worker's own memory; 64..2^28; default 65,536. Larger ones are
				* copied through a region of the pool's */
	const char *name;      /* of the executor; copied; default "processes:N" */
	uint64_t large_limit;  /* bytes that arguments and results larger than slot_size may take, of one
				* task and of all that are queued or run together; 2^20..2^40; default 2^30 */
};

/** Makes a pool of worker processes.
 *
 * A task's function is found in the worker by the build-id of its file and its offset there, so it
 * may be static, but its file needs a build-id (ld --build-id, the default of Debian's compilers) and
 * must be part of the program from its start. Argument and result are copied through shared memory.
 *
 * Workers are in the caller's process group and session. In a worker SIGINT is ignored, every other
 * signal has its default action; descriptors 0 to 2 are the caller's, all others are closed (with
 * WEFT_START_FORK: only this pool's own). They end when the pool does or when the caller's process
 * ends, in whatever way. A task that calls exit or pthread_exit ends its worker. Executors of the caller do
 * not exist in a worker; a task may make its own.
 *
 * @param opts  NULL: all defaults.
 * @return 0 | -EINVAL: ret is NULL, or unknown options set | -ERANGE: a number outside its limits |
 *         -ENOMEM, -EAGAIN, -EMFILE, -ENFILE: no memory, process or descriptor | -ENOEXEC: the
 *         program could not be run again as a nursery (WEFT_START_FORK may do).
 * @owns   *ret is the caller's: weft_executor_free.
 * @from   Any thread, or inside a task. The calling thread may end before the pool.
 * @waits  Until the nursery answers: a program start, about a millisecond. Workers start meanwhile.
 * @orders Nothing.
 * Example: struct weft_process_pool_opts o = {.size = sizeof o, .workers = 4}; weft_process_pool_new(&ex,
 * &o); */
WEFT_API int weft_process_pool_new(weft_executor **ret, const struct weft_process_pool_opts *opts);

#ifdef __cplusplus
}
#endif
#endif
