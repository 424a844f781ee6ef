/* SPDX-License-Identifier: MIT
 *
 * weft/uring.h -- the executor "uring": tasks as fibers on rings of io_uring, for thousands of tasks that wait.
 */
#ifndef WEFT_URING_H
#define WEFT_URING_H

#include <weft/executor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the lanes of an executor "uring" wait with. */
enum weft_uring_engine {
	WEFT_URING_ANY = 0, /* io_uring, or, where the system refuses it or WEFT_URING=off, epoll [URING-1] */
	WEFT_URING_RING = 1, /* io_uring, or an error */
	WEFT_URING_EPOLL = 2 /* epoll, and helper threads for files */
};

/** A task that has kept the thread of its lane for long: see long_turn below. */
struct weft_long_turn {
	uint32_t size;    /* bytes: it may grow */
	uint32_t lane;    /* from 0 */
	pid_t thread;     /* the lane's, for a debugger */
	const char *task; /* its name, cut to 23 bytes; "": it has none */
	weft_fn *fn;      /* its body */
	weft_time lasted; /* ns so far, at least */
};

/** Options. Set size to sizeof(struct weft_uring_opts); 0 elsewhere is the default. */
struct weft_uring_opts {
	uint32_t size;  /* bytes; 0 counts as all of them */
	uint32_t lanes; /* threads, each with a ring, 1..WEFT_WORKERS_MAX; default weft_cpu_count() */
	uint32_t
		queue; /* tasks that may wait to start, 1..2^30; default 65,536. How many may have started, and
			   * wait for something, only memory limits */
	const char *name; /* of the executor and, cut to 10 bytes and numbered, its threads; copied */
	uint32_t
		stack_size; /* bytes of a task's stack, 16 KiB..64 MiB; default 64 KiB. Up to 2 KiB of it are not the
			      * task's */
	uint32_t
		slack; /* microseconds that a deadline may be late so that several are met at once, 1..1,000,000;
			 * default 50; WEFT_SLACK_NONE: none */
	uint32_t entries; /* of a ring: requests handed over at once, 1..32,768; default 256 */
	enum weft_uring_engine engine;
	uint32_t
		long_turn; /* microseconds that a task may run without a wait before that is counted as a long
			    * turn, 1..60,000,000; default 10,000; WEFT_LONG_TURN_NONE: nobody looks */
	/* Called once for each long turn, while it lasts or just after, by a thread of the executor's own.
	 * May call the library, but must not end the executor. NULL: only weft_executor_stats tells. */
	void (*on_long_turn)(void *ctx, const struct weft_long_turn *turn);
	void *ctx; /* handed through */
};

#define WEFT_SLACK_NONE     UINT32_MAX
#define WEFT_LONG_TURN_NONE UINT32_MAX

/** Makes an executor whose tasks are fibers.
 *
 * A task has a stack of its own, and its thread to itself until it waits: in weft_future_wait and the other waits
 * of this library, or in a call of weft/io.h. Then others run. So a task must not wait by other means: a
 * system call that blocks, or a lock of pthread that another task of the same lane holds, stops all tasks of its
 * lane. A task never changes its thread, so errno and the like are what they are in any function; but they belong to
 * the thread: what a task leaves in a thread-local variable, another finds there.
 *
 * A task that computes for long holds up its lane as well. weft_yield lets the others run now and then; or have a
 * pool of threads do the work, and wait for it: weft_map with one element does that in one call, and a
 * weft_group in two, with time for something else in between. The fiber parks meanwhile.
 *
 *   err = weft_map(threads, hash, &block, sizeof block, &sum, sizeof sum, 1, NULL);
 *
 * A thread of the executor's own looks after each long_turn whether a lane is still with the same task. So a turn
 * of twice that is always noticed [URING-2], with the name of the task, also if it never ends; a shorter one is by
 * chance, and one below long_turn never. It makes no difference whether the task computes, blocks in a system call, or
 * did not get the processor. What runs on "inline" after a task counts as the task's.
 *
 * A stack that is too small ends the process with SIGSEGV [URING-3], at an address in the page below it. All signals
 * are blocked in the threads. weft_executor_name says which engine it is: "uring:2 (io_uring)" or "uring:2 (epoll)".
 * With WEFT_URING=off in the environment, and under valgrind, which cannot run it, io_uring is not even tried.
 *
 * @param opts  NULL: all defaults.
 * @return 0 | -EINVAL: ret is NULL, or unknown options set | -ERANGE: a number outside its limits | -ENOMEM |
 *         -EMFILE | -EAGAIN: no thread could be started | with WEFT_URING_RING also what io_uring_setup(2) said,
 *         -EPERM and -ENOSYS among it; -ENOSYS also where WEFT_URING=off, under valgrind, or the library was built
 *         without it.
 * @owns   *ret is the caller's: weft_executor_free.
 * @from   Any thread, or inside a task. The calling thread may end before the executor.
 * @waits  For its threads to come up.
 * @orders Nothing.
 * Example: struct weft_uring_opts o = {.size = sizeof o, .lanes = 1}; weft_uring_new(&ex, &o); */
WEFT_API int weft_uring_new(weft_executor **ret, const struct weft_uring_opts *opts);

#ifdef __cplusplus
}
#endif
#endif
