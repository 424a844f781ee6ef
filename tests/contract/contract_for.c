/* SPDX-License-Identifier: MIT
 *
 * contract_for.c -- weft_for: every index once, in ranges of at most the grain, on executors that share
 * memory; the first failure in order; refused elsewhere.
 */
#include <errno.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

enum { MANY = 100000 };

struct loop {
	uint32_t count[MANY];
	size_t grain;
	uint32_t too_long, calls, cancelled_call;
	size_t fail_at, fail_later;
};

static struct loop loop;

static int count_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	struct loop *l = ctx;
	test_add(&l->calls, 1);
	if (begin >= end || (l->grain != 0 && end - begin > l->grain))
		test_add(&l->too_long, 1);
	if (weft_current() != call)
		test_add(&l->cancelled_call, 1);
	for (size_t i = begin; i < end; i++) {
		if (i == l->fail_at)
			return -EDOM;
		if (i == l->fail_later)
			return -ERANGE;
		test_add(&l->count[i], 1);
	}
	return (int)(end - begin);
}

static size_t wrong_counts(size_t begin, size_t end)
{
	size_t wrong = 0;
	for (size_t i = 0; i < MANY; i++)
		wrong += loop.count[i] != (i >= begin && i < end);
	return wrong;
}

static int run(weft_executor *ex, size_t begin, size_t end, size_t grain)
{
	memset(&loop, 0, sizeof loop);
	loop.grain = grain;
	loop.fail_at = loop.fail_later = SIZE_MAX;
	return weft_for(ex, count_body, begin, end, grain, &loop);
}

/* Opens the executor under test, and skips what has another address space after looking at its answer. */
static weft_executor *local_executor(void)
{
	weft_executor *ex = test_executor();
	if (weft_executor_caps(ex) & WEFT_CAP_LOCAL)
		return ex;
	CHECK_EQ(run(ex, 0, 10, 0), -EXDEV);
	CHECK_EQ(loop.calls, 0);
	weft_executor_free(ex);
	return NULL;
}

TEST(for_ranges)
{
	static const size_t ends[] = {1, 2, 33, 1000, MANY}, grains[] = {0, 1, 3, 1000, SIZE_MAX};
	weft_executor *ex = local_executor();
	for (size_t i = 0; ex && i < 5; i++) {
		for (size_t k = 0; k < 5; k++) {
			CHECK_EQ(run(ex, 0, ends[i], grains[k]), 0);
			CHECK_EQ(wrong_counts(0, ends[i]), 0);
			CHECK_EQ(loop.too_long, 0);
			CHECK_EQ(loop.cancelled_call, 0);
		}
	}
	weft_executor_free(ex);
}

TEST(for_empty)
{
	weft_executor *ex = local_executor();
	if (!ex)
		return;
	CHECK_EQ(run(ex, 0, 0, 0), 0);
	CHECK_EQ(run(ex, 7, 7, 1), 0);
	CHECK_EQ(run(ex, 9, 7, 1), 0);
	CHECK_EQ(run(ex, SIZE_MAX, 0, 3), 0);
	CHECK_EQ(loop.calls, 0);
	weft_executor_free(ex);
}

TEST(for_with_an_offset)
{
	weft_executor *ex = local_executor();
	if (!ex)
		return;
	CHECK_EQ(run(ex, 500, 1500, 0), 0);
	CHECK_EQ(wrong_counts(500, 1500), 0);
	CHECK_EQ(run(ex, 99, 100, 10), 0);
	CHECK_EQ(wrong_counts(99, 100), 0);
	weft_executor_free(ex);
}

static int far_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	(void)call;
	test_add(ctx, (uint32_t)(end - begin));
	return begin >= SIZE_MAX - 100 ? 0 : -ERANGE;
}

TEST(for_at_the_end_of_size_t)
{
	weft_executor *ex = local_executor();
	uint32_t n = 0;
	if (!ex)
		return;
	CHECK_EQ(weft_for(ex, far_body, SIZE_MAX - 100, SIZE_MAX, 7, &n), 0);
	CHECK_EQ(n, 100);
	weft_executor_free(ex);
}

TEST(for_first_failure)
{
	static const size_t grains[] = {1, 3, 100};
	weft_executor *ex = local_executor();
	for (int i = 0; ex && i < 3; i++) {
		memset(&loop, 0, sizeof loop);
		loop.grain = grains[i];
		loop.fail_at = 400;
		loop.fail_later = 800;
		CHECK_EQ(weft_for(ex, count_body, 0, 1000, grains[i], &loop), -EDOM);
		for (size_t k = 0; k < 400; k++)
			CHECK_EQ(loop.count[k], 1);
		for (size_t k = 400; k < MANY; k++)
			CHECK(loop.count[k] <= 1);
	}
	weft_executor_free(ex);
}

TEST(for_stops_beginning_after_a_failure)
{
	weft_executor *ex = local_executor();
	if (!ex)
		return;
	memset(&loop, 0, sizeof loop);
	loop.fail_at = 0;
	loop.fail_later = SIZE_MAX;
	CHECK_EQ(weft_for(ex, count_body, 0, MANY, 1, &loop), -EDOM);
	CHECK(loop.calls < MANY);
	weft_executor_free(ex);
}

TEST(for_invalid)
{
	weft_executor *ex = test_executor();
	CHECK_EQ(weft_for(NULL, count_body, 0, 1, 1, &loop), -EINVAL);
	CHECK_EQ(weft_for(ex, NULL, 0, 1, 1, &loop), -EINVAL);
	weft_executor_free(ex);
}

TEST(for_small_queue)
{
	weft_executor *ex = local_executor();
	if (!ex)
		return;
	weft_executor_free(ex);
	ex = test_executor_with("queue=1");
	CHECK_EQ(run(ex, 0, 5000, 1), 0);
	CHECK_EQ(wrong_counts(0, 5000), 0);
	weft_executor_free(ex);
}
