/* SPDX-License-Identifier: MIT
 *
 * peer_weft.h -- what the files of weft's own program share: the executor, and a way into it.
 */
#ifndef PEER_WEFT_H
#define PEER_WEFT_H

#include <weft/weft.h>

extern weft_executor *bench_ex;

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
