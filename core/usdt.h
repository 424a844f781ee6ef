/* SPDX-License-Identifier: MIT
 *
 * usdt.h -- static tracepoints for bpftrace, perf, SystemTap and gdb: a nop in the code, and a note in the file that
 * says where it is and where its arguments are. Where <sys/sdt.h> is missing they are functions that do nothing, so
 * that what is passed to them is still checked.
 *
 * All have the provider "weft"; docs/tracing.md lists them.
 */
#ifndef WEFT_CORE_USDT_H
#define WEFT_CORE_USDT_H

#include <stdint.h>
#include <weft/task.h>

#if defined(__has_include) && !defined(WEFT__NO_PROBES)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#endif
#endif

#ifdef STAP_PROBE1
#ifdef __clang__ /* the macros of <sys/sdt.h> leave out what "..." stands for; clang sees them here */
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#if __has_warning("-Wc23-extensions") /* clang 19 counts it among these */
#pragma clang diagnostic ignored "-Wc23-extensions"
#endif
#endif
#define WEFT__USDT(n, name, ...) STAP_PROBE##n(weft, name, __VA_ARGS__)
#else
#define WEFT__USDT(n, name, ...) weft__usdt_##name(__VA_ARGS__)
#define WEFT__USDT_STUB(name, ...)                                                                           \
	static inline void weft__usdt_##name(__VA_ARGS__)                                                    \
	{                                                                                                    \
	}
WEFT__USDT_STUB(task_submit, const void *task __attribute__((unused)), weft_fn *fn __attribute__((unused)),
		const char *executor __attribute__((unused)))
WEFT__USDT_STUB(task_start, const void *task __attribute__((unused)), weft_fn *fn __attribute__((unused)),
		const char *name __attribute__((unused)))
WEFT__USDT_STUB(task_end, const void *task __attribute__((unused)), int status __attribute__((unused)))
WEFT__USDT_STUB(steal, uint32_t n __attribute__((unused)))
WEFT__USDT_STUB(sleep, const void *object __attribute__((unused)))
WEFT__USDT_STUB(ring_enter, uint32_t n __attribute__((unused)))
WEFT__USDT_STUB(worker_death, int32_t pid __attribute__((unused)), int32_t signal __attribute__((unused)),
		int32_t code __attribute__((unused)))
#undef WEFT__USDT_STUB
#endif

#endif
