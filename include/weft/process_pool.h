/* SPDX-License-Identifier: MIT
 *
 * weft/process_pool.h -- the executor "processes": tasks in worker processes. A task that crashes,
 * leaks, exits or never ends costs itself and nothing else [PROCESSES-1].
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
	WEFT_START_FORK = 1,    /* the caller as it is when the pool is made, with all it has loaded;
				 * only safe while no other thread of the caller holds a lock */
	WEFT_START_SPAWN = 2    /* nothing: each is a fresh run of its own that stops before main(). Its
				 * addresses and stack canary are its own too, so a task that attacks a worker
				 * learns nothing about the next one, while the workers of a nursery are all
				 * alike. It costs a program start for each worker, about a millisecond */
};

/** Flags of a pool of processes. Other bits are -EINVAL. */
enum {
	WEFT_PROCESSES_PIN = 1,    /* the n-th worker is on the n-th processor that the program may use */
	WEFT_PROCESSES_SANDBOX = 2 /* for input that may be hostile: see SECURITY.md. Not with
				    * WEFT_START_FORK, whose workers have the caller's memory and files. Its
				    * workers have no regions, so what is larger than slot_size is -E2BIG */
};

#define WEFT_INIT_ARG_MAX 4096 /* bytes */

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
				* task and of all that are queued or run together; 2^20..2^40; default 2^30. A
				* quarter at most of what all regions have: weft_region_new */
	uint32_t flags;        /* WEFT_PROCESSES_* */

	/* A worker that has passed one of these is replaced once its task is done; no task is lost [PROCESSES-2]. 0: no
	 * limit, here and below. */
	uint32_t max_rss; /* MiB that it has had in memory at its largest, 1..2^20 */
	uint32_t max_cpu; /* seconds of processor time in all, 1..10^6. One task may go on for as long again;
			   * then the worker is killed (SIGXCPU) */
	uint32_t max_files; /* descriptors, 8..2^20: with half of them in use it is replaced, and no task can
			     * have more (RLIMIT_NOFILE) */

	uint32_t max_memory; /* MiB of private memory that a worker can have, 1..2^20: then malloc fails in it
			      * (RLIMIT_DATA) */
	uint32_t nice;       /* added to the workers' nice value, 0..19: they give way to others */

	/* Run in each worker, once: init before its first task, fini when it leaves in good order, for which it
	 * has a second. call is as in a task, arg a copy of init_arg, result NULL. A negative status of init, as
	 * its death, means that the worker could not be started. */
	weft_fn *init, *fini;
	const void *init_arg; /* copied */
	size_t init_arg_size; /* bytes, 0..WEFT_INIT_ARG_MAX */
};

/** Makes a pool of worker processes.
 *
 * A task's function is found in the worker by the build-id of its file and its offset there, so it
 * may be static, but its file needs a build-id (ld --build-id, the default of Debian's compilers). A file
 * that the worker does not have, since the caller has it by dlopen, is loaded there by its path when the
 * first task comes; if another build lies there by now, or none, the task ends with -ENOEXEC [PROCESSES-3] and a text
 * that says so. Argument and result are copied through shared memory.
 *
 * Workers are in the caller's process group and session. In a worker SIGINT is ignored, every other
 * signal has its default action; descriptors 0 to 2 are the caller's, all others are closed (with
 * WEFT_START_FORK: only this pool's own). They end when the pool does or when the caller's process
 * ends, in whatever way. A task that calls exit or pthread_exit ends its worker. Executors of the caller do
 * not exist in a worker; a task may make its own.
 *
 * A worker that cannot be started is tried again [PROCESSES-4], up to 8 times, after 10 milliseconds, twice that, and
 * so on to a second. If then no worker runs the pool is broken: what is queued and what comes ends with -EIO,
 * and the text says why; one worker is tried again each second, and if it starts the pool is whole.
 *
 * @param opts  NULL: all defaults.
 * @return 0 | -EINVAL: ret is NULL, unknown options set, WEFT_PROCESSES_SANDBOX with WEFT_START_FORK, or
 *         init_arg is NULL and its size is not 0 | -ERANGE: a number outside its limits |
 *         -ENOMEM, -EAGAIN, -EMFILE, -ENFILE: no memory, process or descriptor | -ENOEXEC: the
 *         program could not be run again as a nursery (WEFT_START_FORK may do), as no program that is
 *         set-user-ID can be; or init or fini is in no file with a build-id | -ENOTSUP: a sandbox, and this
 *         kernel or architecture has no seccomp filters; or the caller is a task in a sandbox itself.
 * @owns   *ret is the caller's: weft_executor_free.
 * @from   Any thread, or inside a task. The calling thread may end before the pool.
 * @waits  Until the nursery answers: a program start, about a millisecond. Workers start meanwhile, and
 *         their init runs.
 * @orders Nothing.
 * Example: struct weft_process_pool_opts o = {.size = sizeof o, .workers = 4}; weft_process_pool_new(&ex,
 * &o); */
WEFT_API int weft_process_pool_new(weft_executor **ret, const struct weft_process_pool_opts *opts);

#ifdef __cplusplus
}
#endif
#endif
