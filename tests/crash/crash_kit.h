/* SPDX-License-Identifier: MIT
 *
 * crash_kit.h -- what the crash tests share: ways to die, and what must still hold afterwards.
 */
#ifndef TESTS_CRASH_KIT_H
#define TESTS_CRASH_KIT_H

#include <weft/weft.h>

#include "harness.h"

weft_executor *crash_open(const char *spec);

/* The same of a pool with sandbox=1; skips the test where there can be none. */
weft_executor *crash_open_sandbox(const char *spec);

/* Submits n squares, waits for them, checks them. */
void crash_check_works(weft_executor *ex, size_t n);

/* Waits until the pool has n workers again. */
void crash_check_workers(weft_executor *ex, unsigned n);

struct weft_stats crash_stats(const weft_executor *ex);

/* Number of descriptors of this process. */
size_t crash_count_fds(void);

/* Waits, 20 s at most, until as many processes of the group have a name that begins with comm. */
bool crash_await_processes(const char *comm, size_t n);

/* Ways for a task to end its worker. */
enum crash_how {
	CRASH_SEGV,
	CRASH_ABRT,
	CRASH_FPE,
	CRASH_ILL,
	CRASH_BUS,
	CRASH_KILL,
	CRASH_TERM,
	CRASH_STACK,
	CRASH_EXIT_0,
	CRASH_EXIT_3,
	CRASH_PTHREAD_EXIT,
	CRASH_EXEC,
	CRASH_NOT
};

/* The argument of the bodies below: the board to report on, the word to report in. */
struct crash_order {
	test_ref ref;
	uint32_t word;
	uint32_t how;
};

/* Sets the word to the pid of the worker, then ends it. Never returns, unless how is CRASH_NOT. */
int crash_die_fn(weft_call *call, const void *arg, void *result);

/* Sets the word to the pid of the worker, then waits until board word TEST_GATE_OPEN is set. */
int crash_sit_fn(weft_call *call, const void *arg, void *result);

/* Sets the word to the pid of the worker, then loops for ever, deaf to signals that can be ignored. */
int crash_deaf_fn(weft_call *call, const void *arg, void *result);

/* Ends its worker; the argument is an enum crash_how. */
int crash_just_die_fn(weft_call *call, const void *arg, void *result);

void crash_copy_file(const char *from, const char *to);

/* Copies build 1 or 2 of the plugin, which lies beside this program, to the test's directory; each once. */
const char *crash_plugin(int build);

/* Loads it, for good, and returns the task that is in it. */
weft_fn *crash_load(const char *path);

/* A task with one of these bodies. */
weft_task crash_task(weft_fn *fn, const struct crash_order *order);

#endif
