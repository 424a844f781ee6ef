/* SPDX-License-Identifier: MIT
 *
 * shim.h -- Google Benchmark for benchmarks in C. Real time, in batches: the measured function does its
 * thing n times per call, so that neither the call nor the library's loop is part of the figure.
 */
#ifndef BENCH_SHIM_H
#define BENCH_SHIM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What runs each benchmark, "inline" first: the others are set in relation to it. */
#define BENCH_EXECUTORS                                                                                      \
	{                                                                                                    \
		"inline", "threads:1", "threads:2", "processes:1", "processes:2"                             \
	}
enum { BENCH_N_EXECUTORS = 5 };

struct bench {
	const char *what, *on;           /* its name will be "what/on/real_time" */
	int (*setup)(void *ctx);         /* not measured; may be NULL. 0 or a negative errno */
	int (*run)(void *ctx, size_t n); /* measured. Does it n times. 0 or a negative errno */
	void (*teardown)(void *ctx);     /* not measured; may be NULL. Comes after a failed run, too */
	void *ctx;                       /* handed to all three */
	size_t batch;                    /* this n */
	size_t items;                    /* that one of n stands for: for the items per second */
};

/* Adds a benchmark. The struct is copied, its strings are not. */
void bench_add(const struct bench *b);

/* Reports a figure of one's own; from run only. The last one of each name counts. */
void bench_counter(const char *name, double value);

/* Runs what the command line asks for (--benchmark_filter=, --benchmark_out=, ...), all by default. The
 * report says which kernel, CPU and how many CPUs it was. Returns the exit status. */
int bench_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
