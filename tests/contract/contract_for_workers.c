/* SPDX-License-Identifier: MIT
 *
 * contract_for_workers.c -- who runs a weft_for: all workers, whatever the indices cost; the caller, where the
 * queue is full; loops inside of loops.
 */
#include <errno.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

enum { MANY = 100000 };

struct loop {
	uint32_t count[MANY];
	uint32_t wrong, calls;
	size_t dear;
};

static struct loop loop;

static int mark_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	struct loop *l = ctx;
	(void)call;
	for (size_t i = begin; i < end; i++)
		test_add(&l->count[i], 1);
	return 0;
}

static int failing_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	(void)call, (void)end, (void)ctx;
	return begin >= 4000 ? -(int)begin : 0;
}

static size_t wrong_counts(size_t begin, size_t end)
{
	size_t wrong = 0;
	for (size_t i = 0; i < MANY; i++)
		wrong += loop.count[i] != (i >= begin && i < end);
	return wrong;
}

/* NULL: it has another address space. */
static weft_executor *local_executor(void)
{
	weft_executor *ex = test_executor();
	if (weft_executor_caps(ex) & WEFT_CAP_LOCAL)
		return ex;
	weft_executor_free(ex);
	return NULL;
}

static _Thread_local uint32_t in_caller;

static int here_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	if (call || !in_caller)
		test_add(&((struct loop *)ctx)->wrong, 1);
	return mark_body(call, begin, end, ctx);
}

TEST(for_full_queue)
{
	weft_executor *ex = local_executor();
	struct test_hold hold;
	if (!ex || test_is_inline()) {
		weft_executor_free(ex);
		return;
	}
	weft_executor_free(ex);
	ex = test_executor_with("queue=1");
	test_hold_begin(&hold, ex, test_workers());
	weft_task t = {.fn = test_gate_fn, .arg = &hold.ref, .arg_size = sizeof hold.ref};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	memset(&loop, 0, sizeof loop);
	in_caller = 1;
	CHECK_EQ(weft_for(ex, here_body, 3, 5000, 0, &loop), 0);
	in_caller = 0;
	CHECK_EQ(loop.wrong, 0);
	CHECK_EQ(wrong_counts(3, 5000), 0);
	CHECK_EQ(weft_for(ex, failing_body, 0, 5000, 1, NULL), -4000);
	test_hold_end(&hold);
	test_wait(weft_task_future(&t));
	weft_executor_free(ex);
}

/* A loop need not wait for who is busy with something else: its caller does it. */
TEST(for_busy_workers)
{
	weft_executor *ex = local_executor();
	struct test_hold hold;
	if (!ex || test_is_inline() || weft_executor_caps(ex) & WEFT_CAP_FIBERS) {
		weft_executor_free(ex);
		return;
	}
	test_hold_begin(&hold, ex, test_workers());
	memset(&loop, 0, sizeof loop);
	CHECK_EQ(weft_for(ex, mark_body, 3, 5000, 0, &loop), 0);
	CHECK_EQ(wrong_counts(3, 5000), 0);
	CHECK_EQ(weft_for(ex, failing_body, 0, 5000, 1, NULL), -4000);
	test_hold_end(&hold);
	weft_executor_free(ex);
}

/* The first calls wait for each other: so each worker is in one of them. */
static int meeting_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	struct loop *l = ctx;
	(void)call;
	if (test_add(&l->calls, 1) <= test_workers() && !test_await(&l->calls, test_workers()))
		return -ETIME;
	for (size_t i = begin; i < end; i++)
		test_add(&l->count[i], 1);
	return 0;
}

TEST(for_all_workers)
{
	static const size_t grains[] = {0, 1, 100};
	weft_executor *ex = local_executor();
	for (int i = 0; ex && i < 3; i++) {
		memset(&loop, 0, sizeof loop);
		CHECK_EQ(weft_for(ex, meeting_body, 0, 10000, grains[i], &loop), 0);
		CHECK_EQ(wrong_counts(0, 10000), 0);
	}
	weft_executor_free(ex);
}

/* All the work is in a hundredth of the indices, which begins anywhere. */
static int uneven_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	struct loop *l = ctx;
	(void)call;
	for (size_t i = begin; i < end; i++) {
		test_add(&l->count[i], 1);
		if (i >= l->dear && i < l->dear + 100)
			for (weft_time until = weft_now() + WEFT_US(200); weft_now() < until;)
				;
	}
	return 0;
}

TEST(for_uneven_work)
{
	static const size_t where[] = {0, 3300, 9900};
	weft_executor *ex = local_executor();
	for (int i = 0; ex && i < 6; i++) {
		memset(&loop, 0, sizeof loop);
		loop.dear = where[i % 3];
		CHECK_EQ(weft_for(ex, uneven_body, 0, 10000, i < 3 ? 0 : 10, &loop), 0);
		CHECK_EQ(wrong_counts(0, 10000), 0);
	}
	weft_executor_free(ex);
}

struct nest {
	weft_executor *ex;
	struct loop *loop;
	size_t inner, grain;
};

static int inner_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	(void)call;
	for (size_t i = begin; i < end; i++)
		test_add((uint32_t *)ctx + i, 1);
	return 0;
}

static int outer_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	struct nest *n = ctx;
	int err = 0;
	(void)call;
	for (size_t i = begin; i < end && !err; i++)
		err = weft_for(n->ex, inner_body, 0, n->inner, n->grain, &n->loop->count[i * n->inner]);
	return err;
}

TEST(for_inside_for)
{
	weft_executor *ex = local_executor();
	struct nest n = {.ex = ex, .loop = &loop};
	for (int i = 0; ex && i < 4; i++) {
		memset(&loop, 0, sizeof loop);
		n.inner = i % 2 ? 1000 : 10;
		n.grain = (size_t)i / 2;
		CHECK_EQ(weft_for(ex, outer_body, 0, MANY / n.inner, n.grain, &n), 0);
		CHECK_EQ(wrong_counts(0, MANY), 0);
	}
	weft_executor_free(ex);
}
