/* SPDX-License-Identifier: MIT
 *
 * contract_cycle.c -- waits that can never end are told so; a worker may have executors of its own, and a
 * task of one executor may wait for tasks of another.
 */
#include <errno.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

static weft_executor *local_executor(void)
{
	weft_executor *ex = test_executor();
	if (weft_executor_caps(ex) & WEFT_CAP_LOCAL)
		return ex;
	weft_executor_free(ex);
	SKIP("a task has no pointer to its future");
}

static int wait_for_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	int err = weft_future_wait(*(weft_future *const *)arg, test_soon());
	return err < 0 ? err : 3;
}

static int wait_all_for_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	int err = weft_wait_all(arg, 1, test_soon());
	return err < 0 ? err : 3;
}

static int wait_any_for_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	return (int)weft_wait_any(arg, 1, weft_after(WEFT_MS(30)));
}

static int wait_for_itself(weft_executor *ex, weft_fn *fn)
{
	weft_task t = {.fn = fn, .flags = WEFT_TASK_LOCAL};
	weft_future *f = weft_task_future(&t);
	t.arg = &f;
	t.arg_size = sizeof f;
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(f);
	return weft_future_status(f);
}

TEST(cycle_of_one)
{
	weft_executor *ex = local_executor();
	CHECK_EQ(wait_for_itself(ex, wait_for_fn), -EDEADLK);
	CHECK_EQ(wait_for_itself(ex, wait_all_for_fn), -EDEADLK);
	CHECK_EQ(wait_for_itself(ex, wait_any_for_fn), -ETIMEDOUT);
	weft_executor_free(ex);
}

/* n tasks, each of which waits for the next, and the last for the first: some are told, none hangs. */
static void check_cycle(weft_executor *ex, unsigned n)
{
	weft_task t[8];
	weft_future *next[8];
	struct test_hold hold;
	unsigned told = 0;
	test_hold_begin(&hold, ex, test_workers());
	for (unsigned i = 0; i < n; i++) {
		next[i] = weft_task_future(&t[(i + 1) % n]);
		t[i] = (weft_task){.fn = wait_for_fn, .arg = &next[i], .arg_size = sizeof next[i]};
		t[i].flags = WEFT_TASK_LOCAL;
	}
	for (unsigned i = 0; i < n; i++)
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	test_hold_end(&hold);
	for (unsigned i = 0; i < n; i++) {
		test_wait(weft_task_future(&t[i]));
		int status = weft_future_status(weft_task_future(&t[i]));
		CHECK(status == 3 || status == -EDEADLK);
		told += status == -EDEADLK;
	}
	CHECK(told >= 1);
}

TEST(cycle_of_several)
{
	if (test_is_inline())
		SKIP("a task cannot wait for one that has not been submitted yet");
	weft_executor *ex = local_executor();
	for (int round = 0; round < 20; round++)
		for (unsigned n = 2; n <= 4; n++)
			check_cycle(ex, n);
	weft_executor_free(ex);
}

struct pair {
	weft_executor *ex;
	weft_task parent, child;
	int seen;
};

static int child_fn(weft_call *call, const void *arg, void *result)
{
	struct pair *p = *(struct pair *const *)arg;
	(void)call, (void)result;
	int err = weft_future_wait(weft_task_future(&p->parent), test_soon());
	return err < 0 ? err : 3;
}

static int parent_fn(weft_call *call, const void *arg, void *result)
{
	struct pair *p = *(struct pair *const *)arg;
	(void)call, (void)result;
	int err = weft_submit(p->ex, &p->child);
	if (err == 0)
		err = weft_future_wait(weft_task_future(&p->child), test_soon());
	p->seen = err;
	return 0;
}

/* On one executor, or with the child on another: the parent waits for the child, and that for the parent. */
static void check_pair(weft_executor *parent_ex, weft_executor *child_ex)
{
	struct pair pair = {.ex = child_ex}, *p = &pair;
	pair.parent = (weft_task){.fn = parent_fn, .arg = &p, .arg_size = sizeof p};
	pair.child = (weft_task){.fn = child_fn, .arg = &p, .arg_size = sizeof p};
	REQUIRE_EQ(weft_submit(parent_ex, &pair.parent), 0);
	test_wait(weft_task_future(&pair.parent));
	test_wait(weft_task_future(&pair.child));
	int child = weft_future_status(weft_task_future(&pair.child));
	CHECK(child == -EDEADLK || (child == 3 && pair.seen == -EDEADLK));
}

TEST(cycle_of_parent_and_child)
{
	weft_executor *ex = local_executor(), *other = NULL;
	REQUIRE_EQ(weft_executor_open(&other, "threads:1"), 0);
	for (int i = 0; i < 50; i++) {
		check_pair(ex, ex);
		check_pair(ex, other);
		check_pair(other, ex);
	}
	weft_executor_free(ex);
	weft_executor_free(other);
}

/* Waiting for one another over and over, but never in a circle, is no deadlock. */
TEST(cycle_none_in_a_diamond)
{
	weft_executor *ex = local_executor();
	for (int round = 0; round < 100; round++) {
		weft_task bottom = {.fn = wait_for_fn}, middle[2], top;
		weft_future *done, *f = weft_task_future(&bottom), *m = weft_task_future(&middle[0]);
		uint64_t n = 2;
		weft_task first = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &n};
		first.result_size = 8;
		done = weft_task_future(&first);
		REQUIRE_EQ(weft_submit(ex, &first), 0);
		bottom.arg = &done;
		bottom.arg_size = sizeof done;
		for (int i = 0; i < 2; i++)
			middle[i] = (weft_task){.fn = wait_for_fn, .arg = &f, .arg_size = sizeof f};
		top = (weft_task){.fn = wait_for_fn, .arg = &m, .arg_size = sizeof m};
		REQUIRE_EQ(weft_submit(ex, &bottom), 0);
		REQUIRE_EQ(weft_submit(ex, &middle[0]), 0);
		REQUIRE_EQ(weft_submit(ex, &middle[1]), 0);
		REQUIRE_EQ(weft_submit(ex, &top), 0);
		test_wait(weft_task_future(&top));
		test_wait(weft_task_future(&middle[1]));
		CHECK_EQ(weft_future_status(weft_task_future(&top)), 3);
		CHECK_EQ(weft_future_status(weft_task_future(&middle[0])), 3);
		CHECK_EQ(weft_future_status(weft_task_future(&middle[1])), 3);
		CHECK_EQ(weft_future_status(f), 3);
	}
	weft_executor_free(ex);
}

/* Maps over its own executor, wherever it is that it runs. */
static int own_executor_fn(weft_call *call, const void *arg, void *result)
{
	enum { N = 100 };
	uint64_t in[N], out[N], sum = 0;
	weft_executor *own;
	(void)call;
	int err = weft_executor_open(&own, arg);
	if (err != 0)
		return err;
	for (uint64_t i = 0; i < N; i++)
		in[i] = i;
	err = weft_map(own, test_square_fn, in, 8, out, 8, N, NULL);
	weft_executor_free(own);
	for (int i = 0; i < N && err == 0; i++)
		sum += out[i];
	memcpy(result, &sum, sizeof sum);
	return err;
}

TEST(cycle_none_with_own_executors)
{
	static const char specs[][16] = {"inline", "threads:1", "threads:3"};
	weft_executor *ex = test_executor();
	uint64_t sum[12] = {0};
	weft_task t[12];
	for (int i = 0; i < 12; i++) {
		t[i] = (weft_task){.fn = own_executor_fn, .arg = specs[i % 3], .arg_size = sizeof specs[0]};
		t[i].result = &sum[i];
		t[i].result_size = sizeof sum[i];
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (int i = 0; i < 12; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
		CHECK_EQ(sum[i], 328350);
	}
	weft_executor_free(ex);
}

static int cross_fn(weft_call *call, const void *arg, void *result)
{
	weft_executor *other = *(weft_executor *const *)arg;
	uint64_t n = 9, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	(void)call, (void)result;
	int err = weft_submit(other, &t);
	if (err == 0)
		err = weft_future_wait(weft_task_future(&t), test_soon());
	return err < 0 ? err : (int)square;
}

TEST(cycle_none_across_executors)
{
	weft_executor *ex = local_executor(), *other = NULL;
	REQUIRE_EQ(weft_executor_open(&other, "processes:1"), 0);
	weft_task t[40];
	for (int i = 0; i < 40; i++) {
		t[i] = (weft_task){.fn = cross_fn, .arg = &other, .arg_size = sizeof other};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (int i = 0; i < 40; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 81);
	}
	weft_executor_free(ex);
	weft_executor_free(other);
}
