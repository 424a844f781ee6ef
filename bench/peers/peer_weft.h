/* SPDX-License-Identifier: MIT
 *
 * peer_weft.h -- what the files of weft's own program share: the executor, and a way into it.
 */
#ifndef PEER_WEFT_H
#define PEER_WEFT_H

#include <weft/weft.h>

#include "measure.h"

extern weft_executor *bench_ex;

extern const struct peer bench_processes, bench_processes_fork, bench_processes_spawn;

/* What is the same for threads and processes: see struct peer. */
void bench_open(const char *kind, unsigned threads, size_t room);
void bench_close(void);
void bench_prepare(unsigned producers, size_t n);
void bench_flood(unsigned producer, size_t n);
void bench_each(size_t n, int *ret);
void bench_map(size_t n, const uint64_t *in, uint64_t *out);

/* Waits for a task that must succeed. */
void bench_wait_for(weft_future *f);

/* Runs fn(ctx) as a task and waits for it. */
void bench_enter(void (*fn)(void *ctx), void *ctx);

/* Trees of tasks: by weft_spawn, by its inline form, by weft_submit and weft_future_wait. */
int64_t bench_spawn_fib(int n);
int64_t bench_spawn_skynet(int64_t leaves);
void bench_spawn_help(size_t n);
void bench_spawn_nest(size_t depth);
int64_t bench_inline_fib(int n);
int64_t bench_inline_skynet(int64_t leaves);
void bench_inline_help(size_t n);
int64_t bench_submit_fib(int n);
int64_t bench_submit_skynet(int64_t leaves);
void bench_submit_help(size_t n);
void bench_submit_nest(size_t depth);

#endif
