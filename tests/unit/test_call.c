/* SPDX-License-Identifier: MIT
 *
 * test_call.c -- what a body may ask: with a call, and without one. The bodies run inline, in the main
 * thread of the test, so they may check for themselves.
 */
#include "harness.h"

#include <errno.h>
#include <string.h>

#include "state.h"

enum { MANY = 1000 };

TEST(null_call)
{
	CHECK(!weft_call_cancelled(NULL));
	CHECK_EQ(weft_call_deadline(NULL), WEFT_FOREVER);
	CHECK_EQ(weft_call_arg_size(NULL), 0);
	weft_call_reply(NULL, 5);
	CHECK(!weft_call_scratch(NULL, 16));
	CHECK(!weft_call_scratch(NULL, 0));
	CHECK_EQ(weft_call_fail(NULL, -EIO, "line %d", 7), -EIO);
	CHECK_EQ(weft_call_fail(NULL, 3, "%s", "x"), -EINVAL);
	CHECK_EQ(weft_call_fail(NULL, 0, "x"), -EINVAL);
	CHECK(!weft_call_cause(NULL));
	CHECK(!weft_current());
}

/* Runs fn inline with n bytes of argument and of room. */
static weft_task run(weft_fn *fn, size_t n)
{
	static char arg[64], result[64];
	weft_task t = {.fn = fn, .arg = arg, .arg_size = n, .result = result, .result_size = n};
	CHECK_EQ(weft_submit(weft_inline(), &t), 0);
	return t;
}

static int ask_fn(weft_call *call, const void *arg, void *result)
{
	weft_call *outer = weft_current();
	CHECK(outer == call && arg && result);
	CHECK_EQ(weft_call_arg_size(call), 24);
	CHECK_EQ(weft_call_deadline(call), WEFT_FOREVER);
	CHECK(!weft_call_cancelled(call));
	CHECK(!weft_call_cause(call));
	return 0;
}

TEST(questions)
{
	weft_task t = run(ask_fn, 24);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	CHECK(!weft_current());
}

static int nested_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	weft_task t = run(ask_fn, 24);
	CHECK(weft_current() == call);
	return weft_future_status(weft_task_future(&t));
}

TEST(current_is_the_innermost)
{
	run(nested_fn, 8);
	CHECK(!weft_current());
}

static int scratch_fn(weft_call *call, const void *arg, void *result)
{
	static const size_t size[] = {0, 1, 15, 16, 17, 4096, 100000};
	unsigned char *p[MANY];
	(void)arg, (void)result;
	for (size_t i = 0; i < MANY; i++) {
		size_t n = size[i % (i < 70 ? 7 : 5)];
		p[i] = weft_call_scratch(call, n);
		REQUIRE(p[i] != NULL);
		CHECK_EQ((uintptr_t)p[i] % 16, 0);
		memset(p[i], (int)(i % 251), n);
	}
	for (size_t i = 0; i < MANY; i++) {
		size_t n = size[i % (i < 70 ? 7 : 5)];
		CHECK(!n || (p[i][0] == i % 251 && p[i][n - 1] == i % 251));
	}
	CHECK(!weft_call_scratch(call, SIZE_MAX));
	CHECK(!weft_call_scratch(call, SIZE_MAX - 8));
	return -EIO; /* freed however the body returns: the leak sanitizer looks */
}

TEST(scratch)
{
	weft_task t = run(scratch_fn, 0);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -EIO);
}

/* Says as many bytes as its status, in the first byte of the argument, tells. */
static int reply_fn(weft_call *call, const void *arg, void *result)
{
	static const size_t said[] = {0, 1, 8, 9, SIZE_MAX};
	unsigned row = *(const unsigned char *)arg;
	(void)result;
	weft_call_reply(call, 3); /* the last one counts */
	weft_call_reply(call, said[row]);
	return 0;
}

static int silent_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

TEST(replies_are_clamped)
{
	static const size_t want[] = {0, 1, 8, 8, 8};
	for (unsigned char row = 0; row < 5; row++) {
		uint64_t result = 0;
		size_t n = 77;
		weft_task t = {
			.fn = reply_fn, .arg = &row, .arg_size = 1, .result = &result, .result_size = 8};
		CHECK_EQ(weft_submit(weft_inline(), &t), 0);
		CHECK(weft_future_result(weft_task_future(&t), &n) == &result);
		CHECK_EQ(n, want[row]);
	}
	size_t n = 77;
	weft_task t = run(silent_fn, 40);
	CHECK(weft_future_result(weft_task_future(&t), &n) == t.result);
	CHECK_EQ(n, 40);
	t = (weft_task){.fn = silent_fn};
	n = 77;
	CHECK_EQ(weft_submit(weft_inline(), &t), 0);
	CHECK(!weft_future_result(weft_task_future(&t), &n));
	CHECK_EQ(n, 77);
}

/* Fails with a text of as many bytes as its argument has, after one that is replaced. */
static int fail_fn(weft_call *call, const void *arg, void *result)
{
	char text[200] = {0};
	(void)arg, (void)result;
	memset(text, 'e', *(const size_t *)arg);
	CHECK_EQ(weft_call_fail(call, -EIO, "this is replaced: %d %d %d", 1, 2, 3), -EIO);
	return weft_call_fail(call, -EBADMSG, "%s", text);
}

TEST(texts_are_cut)
{
	static const size_t said[] = {0, 1, 110, 111, 112, 199}, want[] = {0, 1, 110, 111, 111, 111};
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		weft_task t = {.fn = fail_fn, .arg = &said[i], .arg_size = sizeof said[i]};
		CHECK_EQ(weft_submit(weft_inline(), &t), 0);
		CHECK_EQ(weft_future_status(weft_task_future(&t)), -EBADMSG);
		CHECK_EQ(strlen(weft_future_error(weft_task_future(&t))), want[i]);
	}
}

static int recover_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	CHECK_EQ(weft_call_fail(call, 5, "not an error"), -EINVAL);
	return 5;
}

TEST(texts_go_with_errors_only)
{
	weft_task t = run(recover_fn, 0);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 5);
	CHECK(!strcmp(weft_future_error(weft_task_future(&t)), ""));
}

/* ---- Why a task should stop ---- */

static int obey_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	return weft_call_cancelled(call) ? -ECANCELED : 0;
}

TEST(own_deadline)
{
	weft_task t = {.fn = obey_fn, .deadline = 1};
	weft_call call = {0};
	CHECK_EQ(weft_submit(weft_inline(), &t), 0);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -ETIMEDOUT); /* did not run */
	/* It passes while the body runs: what the body gives up for is its deadline. */
	weft__future(&t)->deadline = 1;
	CHECK_EQ(weft__body(&call, &t), -ETIMEDOUT);
	weft__future(&t)->deadline = weft_after(WEFT_SECONDS(1000));
	call = (weft_call){0};
	CHECK_EQ(weft__body(&call, &t), 0);
}

TEST(asked_from_afar)
{
	atom_u32 word = 0;
	weft_task t = run(silent_fn, 0);
	weft_call call = {.remote_cancel = &word};
	t.fn = obey_fn;
	CHECK_EQ(weft__body(&call, &t), 0);
	atom_store(&word, 1, relaxed);
	weft__future(&t)->deadline = 1;
	call = (weft_call){.remote_cancel = &word};
	CHECK_EQ(weft__body(&call, &t), -ECANCELED); /* asked and late: asked counts */
}

static int cancel_self_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	CHECK(!weft_call_cancelled(call));
	CHECK_EQ(weft_future_cancel(weft_task_future(call->task)), WEFT_CANCEL_ASKED);
	CHECK(weft_call_cancelled(call));
	CHECK_EQ(weft_future_wait(weft_task_future(call->task), WEFT_FOREVER), -ECANCELED);
	return -ECANCELED;
}

TEST(cancels_itself)
{
	weft_task t = run(cancel_self_fn, 0);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -ECANCELED);
}

/* ---- Several calls as one task ---- */

static int third_fails_fn(weft_call *call, const void *arg, void *result)
{
	uint32_t n = *(const uint32_t *)arg;
	(void)call;
	*(uint32_t *)result = n + 1;
	return n == 30 ? -EDOM : 0;
}

TEST(batches_end_at_the_first_failure)
{
	uint32_t arg[4] = {10, 20, 30, 40}, result[4] = {0};
	size_t failed = 0;
	struct weft__batch batch = {.n = 4, .arg_stride = 4, .result_stride = 4, .failed = &failed};
	struct weft_offer offer = {.n = 1, .opaque_ = {weft_inline(), NULL, &batch, (void *)FROM_BATCH}};
	weft_task t = {.fn = third_fails_fn, .arg = arg, .arg_size = 16, .result = result, .result_size = 16};
	offer.tasks = &t;
	REQUIRE_EQ(weft__load_enter(weft_inline(), 1), 0);
	REQUIRE_EQ(weft_impl_accept(&offer, 0), 0);
	REQUIRE(weft_impl_start(&t));
	weft_impl_run(&t);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -EDOM);
	CHECK_EQ(failed, 2);
	CHECK(result[0] == 11 && result[1] == 21 && result[2] == 31 && result[3] == 0);
}
