/* SPDX-License-Identifier: MIT
 *
 * uring_kit.h -- what the tests of the executor "uring" have in common.
 */
#ifndef TESTS_UNIT_URING_KIT_H
#define TESTS_UNIT_URING_KIT_H

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <weft/weft.h>

static const char *const engines[] = {"io_uring", "epoll"};

/* A test of both begins here. */
static inline int first_engine(void)
{
	return test_has_uring() ? 0 : 1;
}

static inline void need_io_uring(void)
{
	if (!test_has_uring())
		SKIP("no io_uring here");
}

/* With one engine or the other; each test of both runs twice. */
static inline weft_executor *open_with(const char *lanes, const char *engine, const char *options)
{
	weft_executor *ex = NULL;
	char spec[128];

	snprintf(spec, sizeof spec, "uring:%s,engine=%s%s", lanes, engine, options);
	REQUIRE_EQ(weft_executor_open(&ex, spec), 0);
	return ex;
}

static inline weft_task *new_tasks(unsigned n, weft_fn *fn, const void *arg, size_t arg_size)
{
	weft_task *t = calloc(n, sizeof *t);

	REQUIRE(t != NULL);
	for (unsigned i = 0; i < n; i++)
		t[i] = (weft_task){.fn = fn, .arg = arg, .arg_size = arg_size, .flags = WEFT_TASK_LOCAL};
	return t;
}

static inline void submit_all(weft_executor *ex, weft_task *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		REQUIRE_EQ(weft_submit_wait(ex, &t[i], test_soon()), 0);
}

static inline void check_all(weft_task *t, unsigned n, int status)
{
	for (unsigned i = 0; i < n; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), status);
	}
}

/* Who waits at a gate. */
struct crowd {
	weft_future *gate;
	uint32_t started, ended;
};

static inline int wait_at_gate_fn(weft_call *call, const void *arg, void *result)
{
	struct crowd *c = *(struct crowd *const *)arg;
	int err;

	(void)call, (void)result;
	test_add(&c->started, 1);
	err = weft_future_wait(c->gate, WEFT_FOREVER);
	test_add(&c->ended, 1);
	return err;
}

static inline int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

#endif
