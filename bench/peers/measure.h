/* SPDX-License-Identifier: MIT
 *
 * measure.h -- what the programs of this folder share: each wraps one peer, and all do the same work.
 *
 *   PROGRAM                                       prints what it has: a line "PEER WORKLOAD..." each
 *   PROGRAM PEER WORKLOAD [n=N] [threads=T] [reps=R]   measures once and prints one line of JSON
 *
 * A peer fills a struct peer with what it can do; measure.c finds out from that which workloads it has, and
 * holds the clock. A loop that is measured lies in the peer's own file, so that no call between the files
 * is part of a figure of nanoseconds.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Work on the indices begin..end of a loop. */
typedef void measure_range(size_t begin, size_t end, void *ctx);

struct peer {
	const char *name;

	/* Makes its threads, and frees them. room: tasks that may wait at once. Both may be NULL. */
	void (*open)(unsigned threads, size_t room);
	void (*close)(void);
	bool reopens; /* the two really start and end threads, so their price means something */

	/* Storage for n tasks of each producer, touched; what the caller of the peer has to bring. */
	void (*prepare)(unsigned producers, size_t n);
	/* Submits n empty tasks one by one and waits for them. Called by producers 0, 1, ... at once. */
	void (*flood)(unsigned producer, size_t n);
	void (*flood_pair)(size_t n); /* for two producers that have to be made by the peer; else NULL */
	size_t flood_most;            /* no more than that many: it is too slow. 0: any number */

	/* Runs fn(ctx) once, on another thread if the peer lets one choose, and waits for it. */
	void (*run)(void (*fn)(void *ctx), void *ctx);
	/* n times: submit an empty task inside a task, and wait for it there. */
	void (*help)(size_t n);

	int64_t (*fib)(int n);             /* each call with n >= 2 spawns one child and calls the other */
	int64_t (*skynet)(int64_t leaves); /* the sum of 0..leaves - 1 by a tree of fan-out 10 */
	void (*nest)(size_t depth);        /* a task that submits one, that submits one..., each waits */

	/* Runs body over 0..n. even: all indices cost the same. */
	void (*loop)(size_t n, bool even, measure_range *body, void *ctx);
	/* ret[i] = measure_is_prime(i), a task for each. */
	void (*each)(size_t n, int *ret);
	/* Submits n tasks fn(i, ctx) and waits: takes the place of the two above where they are NULL. */
	void (*batch)(size_t n, void (*fn)(size_t i, void *ctx), void *ctx);

	/* n empty tasks that stay behind measure_block(), which occupies all threads; then let go. */
	void (*pend)(unsigned blockers, size_t n);
	void (*unpend)(void);

	/* Of pools of processes. out[i] = 2 * in[i], by the peer's own map, in chunks of its choice. */
	void (*map)(size_t n, const uint64_t *in, uint64_t *out);
	/* A task that gets size bytes and looks at one of each page; one that gives size bytes; one that is told
	 * where size bytes are, which share() has put there, and looks at the first and the last. */
	void (*take)(const char *data, size_t size);
	void (*give)(char *data, size_t size);
	void (*share)(size_t size);
	void (*refer)(void);
	/* Makes workers, each of which calls measure_here(path) before its first task. close() ends them. */
	void (*start)(unsigned workers, const char *path);
	/* Submits a task that calls measure_here(path) and does not end; waits until it is known to be dead. */
	void (*hold)(const char *path);
	void (*mourn)(void);

	/* Starts a thread, or a process, that does nothing, and waits for its end. */
	void (*solo)(void);

	const struct io_peer *io;            /* measure_io.h */
	const struct lock_peer *lock;        /* measure_lock.h */
	const struct program_peer *programs; /* measure_programs.h */
	const struct queue_peer *queue;      /* measure_queue.h */

	bool caller_works; /* the thread that waits is one of the workers: there is one blocker fewer */
};

/* The peers of this program; NULL ends them. */
extern const struct peer *const measure_peers[];

int64_t measure_now(void); /* nanoseconds of CLOCK_MONOTONIC */

/* Ends the program with a message if err is not 0. */
void measure_must(int err, const char *what);

/* calloc that cannot fail, all pages touched. */
void *measure_memory(size_t n, size_t size);

/* Is number i of the list of primes one? The long ones take some milliseconds. */
int measure_is_prime(size_t i);

/* An empty task for peers with void functions. */
void measure_nothing(void *ctx);

/* The body of a blocker: returns after all have been let go. */
void measure_block(void *ctx);

/* Called in a worker: tells the process that measures which process this is. */
void measure_here(const char *path);

/* Bytes asked of malloc since measure_heap_count(), which is called before there are threads. */
void measure_heap_count(void);
uint64_t measure_heap_bytes(void);

/* How a workload fares; each prints "name": value. */
void measure_figure(const char *name, double value);
void measure_figures(const char *name, const double *value, size_t n);

struct measure_args {
	const struct peer *peer;
	unsigned threads;
	size_t n, reps;
};

/* A workload: the size it has unless told, and whether the peer has what it needs. */
struct measure_workload {
	const char *name;
	size_t n;
	bool (*has)(const struct peer *p);
	void (*measure)(const struct measure_args *a);
};
extern const struct measure_workload measure_task_workloads[], measure_work_workloads[],
	measure_process_workloads[], measure_io_workloads[], measure_program_workloads[],
	measure_lock_workloads[], measure_queue_workloads[]; /* end with {0} */

/* run() with an empty task until n are done or a second is over; fills lap, returns how many. */
size_t measure_trips(const struct peer *p, size_t n, int64_t pause, int64_t *lap);

/* Seconds of CPU that this process and its children have used since measure_cpu_begin() returned begun. */
double measure_cpu_begin(void);
double measure_cpu_since(double begun);
void measure_percentiles(int64_t *lap, size_t n);

#ifdef __cplusplus
}
#endif
#endif
