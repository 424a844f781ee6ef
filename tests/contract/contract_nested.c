/* SPDX-License-Identifier: MIT
 *
 * contract_nested.c -- tasks that submit and wait: to their own pool at any depth and of any size, without
 * deadlock; cycles are told; a waiting task does not occupy its place; a worker may have pools of its own.
 */
#include <errno.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

/* Opens the executor under test; NULL where its tasks cannot reach it by a pointer. */
static weft_executor *local_executor(const char *options)
{
	weft_executor *ex = test_executor_with(options);
	if (weft_executor_caps(ex) & WEFT_CAP_LOCAL)
		return ex;
	weft_executor_free(ex);
	SKIP("a task has no pointer to this executor");
}

static int run(weft_executor *ex, weft_fn *fn, const void *arg, size_t size)
{
	weft_task t = {.fn = fn, .arg = arg, .arg_size = size, .flags = WEFT_TASK_LOCAL};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	return weft_future_status(weft_task_future(&t));
}

struct level {
	weft_executor *ex;
	int depth;
};

static int descend_fn(weft_call *call, const void *arg, void *result)
{
	struct level next = *(const struct level *)arg;
	weft_task t = {.fn = descend_fn, .arg = &next, .arg_size = sizeof next, .flags = WEFT_TASK_LOCAL};
	(void)call, (void)result;
	if (next.depth-- == 0)
		return 0;
	int err = weft_submit(next.ex, &t);
	if (err == 0)
		err = weft_future_wait(weft_task_future(&t), test_soon());
	if (err != 0)
		return err;
	int below = weft_future_status(weft_task_future(&t));
	return below < 0 ? below : below + 1;
}

TEST(nested_depth)
{
	static const int depths[] = {0, 1, 2, 10, 100, 1000};
	weft_executor *ex = local_executor("");
	for (int i = 0; i < 6; i++) {
		struct level top = {.ex = ex, .depth = depths[i]};
		CHECK_EQ(run(ex, descend_fn, &top, sizeof top), depths[i]);
	}
	weft_executor_free(ex);
}

static int fib_fn(weft_call *call, const void *arg, void *result)
{
	const struct level *l = arg;
	struct level left = {.ex = l->ex, .depth = l->depth - 1},
		     right = {.ex = l->ex, .depth = l->depth - 2};
	weft_task t = {.fn = fib_fn, .arg = &left, .arg_size = sizeof left, .flags = WEFT_TASK_LOCAL};
	if (l->depth < 2)
		return l->depth;
	int err = weft_submit_wait(l->ex, &t, WEFT_FOREVER);
	if (err != 0)
		return err;
	int b = fib_fn(call, &right, result);
	err = weft_future_wait(weft_task_future(&t), WEFT_FOREVER);
	int a = err == 0 ? weft_future_status(weft_task_future(&t)) : err;
	return a < 0 ? a : b < 0 ? b : a + b;
}

TEST(nested_fork_join)
{
	weft_executor *ex = local_executor("");
	struct level top = {.ex = ex, .depth = 17};
	CHECK_EQ(run(ex, fib_fn, &top, sizeof top), 1597);
	weft_executor_free(ex);
}

TEST(nested_fork_join_with_a_short_queue)
{
	weft_executor *ex = local_executor("queue=2");
	struct level top = {.ex = ex, .depth = 14};
	CHECK_EQ(run(ex, fib_fn, &top, sizeof top), 377);
	weft_executor_free(ex);
}

enum { CHILDREN = 40 };

struct family {
	weft_executor *ex;
	uint64_t value[CHILDREN];
	weft_task task[CHILDREN];
	weft_future *future[CHILDREN];
};

static int have_children(struct family *f, weft_executor *ex)
{
	f->ex = ex;
	for (uint64_t i = 0; i < CHILDREN; i++) {
		f->value[i] = i;
		f->task[i] = (weft_task){.fn = test_square_fn, .arg = &f->value[i], .arg_size = 8};
		f->task[i].result = &f->value[i];
		f->task[i].result_size = 8;
		f->future[i] = weft_task_future(&f->task[i]);
		int err = weft_submit(ex, &f->task[i]);
		if (err != 0)
			return err;
	}
	return 0;
}

static int count_right(const struct family *f)
{
	int right = 0;
	for (uint64_t i = 0; i < CHILDREN; i++)
		right += f->value[i] == i * i && weft_future_status(f->future[i]) == 0;
	return right;
}

static int wait_all_fn(weft_call *call, const void *arg, void *result)
{
	struct family f;
	(void)call, (void)result;
	int err = have_children(&f, *(weft_executor *const *)arg);
	if (err == 0)
		err = weft_wait_all(f.future, CHILDREN, test_soon());
	return err < 0 ? err : count_right(&f);
}

static int wait_any_fn(weft_call *call, const void *arg, void *result)
{
	struct family f;
	weft_future *left[CHILDREN];
	(void)call, (void)result;
	int err = have_children(&f, *(weft_executor *const *)arg);
	memcpy(left, f.future, sizeof left);
	for (size_t n = CHILDREN; n > 0 && err >= 0; n--) {
		ssize_t i = weft_wait_any(left, n, test_soon());
		if (i < 0)
			return (int)i;
		left[i] = left[n - 1];
	}
	return err < 0 ? err : count_right(&f);
}

static int cq_fn(weft_call *call, const void *arg, void *result)
{
	struct family f;
	weft_cq *q;
	(void)call, (void)result;
	int err = weft_cq_new(&q);
	if (err != 0)
		return err;
	err = have_children(&f, *(weft_executor *const *)arg);
	for (int i = 0; i < CHILDREN && err == 0; i++)
		err = weft_cq_watch(q, f.future[i], NULL);
	for (int i = 0; i < CHILDREN && err == 0; i++)
		err = weft_cq_next(q, NULL, NULL, test_soon());
	weft_cq_free(q);
	return err < 0 ? err : count_right(&f);
}

static int group_fn(weft_call *call, const void *arg, void *result)
{
	struct family f;
	weft_group g = {.ex = *(weft_executor *const *)arg};
	int err = 0;
	(void)call, (void)result;
	for (uint64_t i = 0; i < CHILDREN && err == 0; i++) {
		f.value[i] = i;
		f.task[i] = (weft_task){.fn = test_square_fn, .arg = &f.value[i], .arg_size = 8};
		f.task[i].result = &f.value[i];
		f.task[i].result_size = 8;
		f.future[i] = weft_task_future(&f.task[i]);
		err = weft_group_submit(&g, &f.task[i]);
	}
	int waited = weft_group_wait(&g);
	return err < 0 ? err : waited < 0 ? waited : count_right(&f);
}

static int map_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t value[CHILDREN], square[CHILDREN];
	int right = 0;
	(void)call, (void)result;
	for (uint64_t i = 0; i < CHILDREN; i++)
		value[i] = i;
	int err = weft_map(*(weft_executor *const *)arg, test_square_fn, value, 8, square, 8, CHILDREN, NULL);
	for (uint64_t i = 0; i < CHILDREN; i++)
		right += square[i] == i * i;
	return err < 0 ? err : right;
}

static int add_range(weft_call *call, size_t begin, size_t end, void *ctx)
{
	(void)call;
	test_add(ctx, (uint32_t)(end - begin));
	return 0;
}

static int for_fn(weft_call *call, const void *arg, void *result)
{
	uint32_t sum = 0;
	(void)call, (void)result;
	int err = weft_for(*(weft_executor *const *)arg, add_range, 0, CHILDREN, 1, &sum);
	return err < 0 ? err : (int)sum;
}

static void check_inside(weft_fn *fn)
{
	enum { PARENTS = 20 };
	weft_executor *ex = local_executor("");
	weft_task t[PARENTS];
	for (int i = 0; i < PARENTS; i++) {
		t[i] = (weft_task){.fn = fn, .arg = &ex, .arg_size = sizeof ex, .flags = WEFT_TASK_LOCAL};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (int i = 0; i < PARENTS; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), CHILDREN);
	}
	weft_executor_free(ex);
}

TEST(nested_wait_all)
{
	check_inside(wait_all_fn);
}

TEST(nested_wait_any)
{
	check_inside(wait_any_fn);
}

TEST(nested_cq)
{
	check_inside(cq_fn);
}

TEST(nested_group)
{
	check_inside(group_fn);
}

TEST(nested_map)
{
	check_inside(map_fn);
}

TEST(nested_for)
{
	check_inside(for_fn);
}

/* More submissions than the queue holds, by a task of the pool: they run in place rather than wait. */
static int fill_fn(weft_call *call, const void *arg, void *result)
{
	weft_executor *ex = *(weft_executor *const *)arg;
	uint64_t value[CHILDREN];
	weft_task t[CHILDREN];
	int right = 0;
	(void)call, (void)result;
	for (uint64_t i = 0; i < CHILDREN; i++) {
		value[i] = i;
		t[i] = (weft_task){.fn = test_square_fn, .arg = &value[i], .arg_size = 8};
		t[i].result = &value[i];
		t[i].result_size = 8;
		int err = weft_submit_wait(ex, &t[i], test_soon());
		if (err != 0)
			return err;
	}
	for (uint64_t i = 0; i < CHILDREN; i++) {
		int err = weft_future_wait(weft_task_future(&t[i]), test_soon());
		if (err != 0)
			return err;
		right += value[i] == i * i;
	}
	return right;
}

TEST(nested_submit_wait_on_a_full_queue)
{
	weft_executor *ex = local_executor("queue=1");
	CHECK_EQ(run(ex, fill_fn, &ex, sizeof ex), CHILDREN);
	weft_executor_free(ex);
}

static int wait_for_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	int err = weft_future_wait(*(weft_future *const *)arg, test_soon());
	return err < 0 ? err : 3;
}

/* The gate is on another executor; the task that opens it is queued behind the one that waits for it. */
TEST(nested_wait_gives_its_place_away)
{
	if (test_is_inline())
		SKIP("nothing is queued here");
	weft_executor *ex = local_executor(""), *other = NULL;
	test_ref ref;
	test_board(&ref);
	enum { WAITERS = 30 };
	weft_task gate = {.fn = test_gate_fn, .arg = &ref, .arg_size = sizeof ref}, waiter[WAITERS];
	weft_future *f = weft_task_future(&gate);
	REQUIRE_EQ(weft_executor_open(&other, "threads:1"), 0);
	REQUIRE_EQ(weft_submit(other, &gate), 0);
	for (int i = 0; i < WAITERS; i++) {
		waiter[i] = (weft_task){.fn = wait_for_fn, .arg = &f, .arg_size = sizeof f};
		waiter[i].flags = WEFT_TASK_LOCAL;
		REQUIRE_EQ(weft_submit(ex, &waiter[i]), 0);
	}
	struct test_mark opener = {.ref = ref, .word = TEST_GATE_OPEN};
	weft_task open = {.fn = test_mark_fn, .arg = &opener, .arg_size = sizeof opener};
	REQUIRE_EQ(weft_submit(ex, &open), 0);
	for (int i = 0; i < WAITERS; i++) {
		test_wait(weft_task_future(&waiter[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&waiter[i])), 3);
	}
	test_wait(weft_task_future(&open));
	CHECK_EQ(weft_future_status(f), 0);
	weft_executor_free(ex);
	weft_executor_free(other);
}

TEST(nested_more_waits_than_spare_threads)
{
	if (test_is_inline())
		SKIP("nothing is queued here");
	enum { WAITERS = WEFT_SPARES_MAX + 50 };
	weft_executor *ex = local_executor("");
	static weft_task waiter[WAITERS];
	struct test_hold hold;
	weft_executor *other = NULL;
	REQUIRE_EQ(weft_executor_open(&other, "threads:1"), 0);
	test_hold_begin(&hold, other, 1);
	weft_future *f = weft_task_future(&hold.task[0]);
	for (int i = 0; i < WAITERS; i++) {
		waiter[i] = (weft_task){.fn = wait_for_fn, .arg = &f, .arg_size = sizeof f};
		waiter[i].flags = WEFT_TASK_LOCAL;
		REQUIRE_EQ(weft_submit(ex, &waiter[i]), 0);
	}
	test_sleep_ms(100);
	test_hold_end(&hold);
	for (int i = 0; i < WAITERS; i++) {
		test_wait(weft_task_future(&waiter[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&waiter[i])), 3);
	}
	weft_executor_free(ex);
	weft_executor_free(other);
}
