/* SPDX-License-Identifier: MIT
 *
 * contract_for.c -- weft_for: every index once, in ranges of at most the grain, on executors that share
 * memory, by all their workers; the first failure in order; refused elsewhere.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

enum { MANY = 100000 };

struct loop {
	uint32_t count[MANY];
	size_t grain, begin;
	uint32_t too_long, calls, cancelled_call;
	size_t fail_at, fail_later;
};

static struct loop loop;

static int count_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	struct loop *l = ctx;
	test_add(&l->calls, 1);
	if (begin >= end || (l->grain && (end - begin > l->grain || (begin - l->begin) % l->grain)))
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
	loop.begin = begin;
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

TEST(for_every_size)
{
	static const size_t grains[] = {0, 1, 2, 7, 64};
	weft_executor *ex = local_executor();
	for (size_t n = 1; ex && n < 3000; n += 1 + n / 9) {
		for (size_t k = 0; k < 8; k++) {
			size_t begin = n % 5;
			CHECK_EQ(run(ex, begin, begin + n, k < 5 ? grains[k] : n + k - 6), 0);
			CHECK_EQ(wrong_counts(begin, begin + n), 0);
			CHECK_EQ(loop.too_long, 0);
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

/* ---- Ranges that are too large to be counted one by one. ---- */

struct huge {
	size_t grain, fail_at;
	uint64_t sum;
	uint32_t calls, too_long, before;
};

static int huge_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	struct huge *h = ctx;
	(void)call;
	test_add(&h->calls, 1);
	if (begin >= end || (h->grain != 0 && end - begin > h->grain))
		test_add(&h->too_long, 1);
	__atomic_add_fetch(&h->sum, (uint64_t)(end - begin), __ATOMIC_RELAXED);
	if (begin <= h->fail_at && h->fail_at < end)
		return -EDOM;
	if (begin < h->fail_at)
		test_add(&h->before, 1);
	return 0;
}

TEST(for_all_of_size_t)
{
	static const size_t grains[] = {0, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2, SIZE_MAX / 1000};
	weft_executor *ex = local_executor();
	for (size_t begin = 0; ex && begin < 3; begin++) {
		for (size_t k = 0; k < 5; k++) {
			struct huge h = {.grain = grains[k], .fail_at = SIZE_MAX};
			CHECK_EQ(weft_for(ex, huge_body, begin, SIZE_MAX, grains[k], &h), 0);
			CHECK_EQ(h.sum, SIZE_MAX - begin);
			CHECK_EQ(h.too_long, 0);
		}
	}
	weft_executor_free(ex);
}

TEST(for_more_ranges_than_can_be_numbered)
{
	static const size_t grains[] = {1, 3, 1000000};
	weft_executor *ex = local_executor();
	for (size_t k = 0; ex && k < 3; k++) {
		struct huge h = {.grain = grains[k], .fail_at = 1000 * grains[k]};
		CHECK_EQ(weft_for(ex, huge_body, 0, SIZE_MAX, grains[k], &h), -EDOM);
		CHECK_EQ(h.before, 1000);
		CHECK_EQ(h.too_long, 0);
	}
	weft_executor_free(ex);
}

/* ---- Failures ---- */

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

enum { SCATTERED = 700, FIRST_ERROR = -1000 };

struct scattered {
	uint8_t fails[SCATTERED];
	uint32_t count[SCATTERED];
};

static int scattered_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	struct scattered *s = ctx;
	(void)call;
	for (size_t i = begin; i < end; i++) {
		test_add(&s->count[i], 1);
		if (s->fails[i])
			return FIRST_ERROR - (int)i;
	}
	return 0;
}

/* Some indices fail, here and there: whoever comes to them first, the first of all is the answer. */
TEST(for_first_of_many_failures)
{
	static const size_t grains[] = {0, 1, 2, 5, 90};
	static struct scattered s;
	weft_executor *ex = local_executor();
	unsigned seed = 1;
	for (int round = 0; ex && round < 400; round++) {
		size_t first = SCATTERED, wrong = 0;
		memset(&s, 0, sizeof s);
		for (int k = 1 + rand_r(&seed) % 5; k > 0; k--) {
			size_t i = (size_t)rand_r(&seed) % SCATTERED;
			s.fails[i] = 1;
			first = i < first ? i : first;
		}
		CHECK_EQ(weft_for(ex, scattered_body, 0, SCATTERED, grains[round % 5], &s),
			 FIRST_ERROR - (int)first);
		for (size_t i = 0; i < SCATTERED; i++)
			wrong += i <= first ? s.count[i] != 1 : s.count[i] > 1;
		CHECK_EQ(wrong, 0);
	}
	weft_executor_free(ex);
}

/* Two calls are under way at the same time, and both fail: index 0, and one behind it, in either order. */
static int two_fail_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	struct loop *l = ctx;
	uint32_t *first = &l->count[0], *later = &l->count[1];
	(void)call, (void)end;
	if (begin && test_add(&l->calls, 1) > 1)
		return 0;
	test_set(begin ? later : first, 1);
	if (test_workers() > 1)
		test_await(begin ? first : later, 1);
	if (l->fail_at ? begin > 0 : begin == 0)
		test_sleep_ms(20);
	return begin ? -ERANGE : -EDOM;
}

TEST(for_first_failure_in_either_order)
{
	weft_executor *ex = local_executor();
	for (size_t i = 0; ex && i < 2; i++) {
		memset(&loop, 0, sizeof loop);
		loop.fail_at = i;
		CHECK_EQ(weft_for(ex, two_fail_body, 0, 1000, 1, &loop), -EDOM);
	}
	weft_executor_free(ex);
}

/* Fails when all workers are at it. What is behind the failure takes some time. */
static int slow_behind_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	struct loop *l = ctx;
	uint32_t *after = &l->count[0], *failed = &l->count[1];
	(void)call, (void)end;
	if (begin < l->fail_at)
		return 0;
	test_add(&l->calls, 1);
	if (begin == l->fail_at) {
		test_await(&l->calls, test_workers());
		test_set(failed, 1);
		return -EDOM;
	}
	test_add(after, test_get(failed));
	test_sleep_ms(1);
	return 0;
}

TEST(for_begins_little_behind_a_failure)
{
	static const size_t fail_at[] = {0, 17, 5000};
	weft_executor *ex = local_executor();
	for (int i = 0; ex && i < 3; i++) {
		memset(&loop, 0, sizeof loop);
		loop.fail_at = fail_at[i];
		CHECK_EQ(weft_for(ex, slow_behind_body, 0, 10000, 1, &loop), -EDOM);
		/* One for each worker, as a rule; more, if the failing thread is held up between the body
		 * and its caller. */
		CHECK(test_get(&loop.count[0]) < 1000);
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

/* ---- Cancelling the task that calls it. ---- */

struct cancelled {
	weft_executor *ex;
	weft_task task;
	size_t end, grain;
	uint32_t calls, after;
};

static int cancelling_body(weft_call *call, size_t begin, size_t end, void *ctx)
{
	struct cancelled *c = ctx;
	(void)end;
	if (weft_call_cancelled(call))
		test_add(&c->after, 1);
	if (begin == 0) {
		weft_future_cancel(weft_task_future(&c->task));
		test_set(&c->calls, 1);
	}
	return 0;
}

static int loop_fn(weft_call *call, const void *arg, void *result)
{
	struct cancelled *c = *(struct cancelled *const *)arg;
	(void)call, (void)result;
	return weft_for(c->ex, cancelling_body, 0, c->end, c->grain, c);
}

/* It would never end otherwise. */
TEST(for_is_cancelled_with_its_caller)
{
	static const size_t grains[] = {1, 100, 1000000};
	weft_executor *ex = local_executor();
	for (int i = 0; ex && i < 3; i++) {
		struct cancelled c = {.ex = ex, .end = SIZE_MAX, .grain = grains[i]}, *p = &c;
		c.task =
			(weft_task){.fn = loop_fn, .arg = &p, .arg_size = sizeof p, .flags = WEFT_TASK_LOCAL};
		REQUIRE_EQ(weft_submit(ex, &c.task), 0);
		test_wait(weft_task_future(&c.task));
		CHECK_EQ(weft_future_status(weft_task_future(&c.task)), -ECANCELED);
		CHECK_EQ(test_get(&c.calls), 1);
	}
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
