/* SPDX-License-Identifier: MIT
 *
 * process_kit.h -- what the tests of weft_process share: starting one, ending one, bodies.
 */
#ifndef TESTS_PROCESS_KIT_H
#define TESTS_PROCESS_KIT_H

#include "harness.h"
#include <weft/weft.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

static const enum weft_start starts[] = {WEFT_START_NURSERY, WEFT_START_FORK, WEFT_START_SPAWN};
enum { STARTS = sizeof starts / sizeof starts[0] };

/* Forks of a program with threads come to no good under it. */
static inline bool skips(enum weft_start start)
{
	return start == WEFT_START_FORK && TEST_UNDER_TSAN;
}

static inline weft_process *start(weft_fn *fn, const void *arg, size_t arg_size, size_t result_size,
				  enum weft_start how)
{
	struct weft_process_opts o = {.size = sizeof o, .result_size = result_size, .start = how};
	weft_process *p = NULL;
	REQUIRE_EQ(weft_process_start(&p, fn, arg, arg_size, &o), 0);
	return p;
}

/* Joins it; its status goes to ret_status. */
static inline int end(weft_process *p, int *ret_status)
{
	int code = -999;
	CHECK_EQ(weft_process_join(p, test_soon()), 0);
	CHECK_EQ(weft_process_is_alive(p), 0);
	CHECK_EQ(weft_process_exit(p, &code), 0);
	*ret_status = weft_future_status(weft_process_future(p));
	weft_process_free(p);
	return code;
}

static inline int square_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t n = *(const uint64_t *)arg;
	(void)call;
	*(uint64_t *)result = n * n;
	return 7;
}

static inline int fail_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	return weft_call_fail(call, -ENOENT, "no %s", "luck");
}

static inline int exit_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	exit(*(const int *)arg);
}

static inline int sleep_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return weft_sleep(weft_after(WEFT_SECONDS(100)));
}

static inline int deaf_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	signal(SIGTERM, SIG_IGN);
	while (!weft_call_cancelled(call))
		test_sleep_ms(5);
	return -ECANCELED;
}

static inline int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

#endif
