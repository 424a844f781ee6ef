/* SPDX-License-Identifier: MIT
 *
 * contract_spawn.c -- fork-join inside tasks: the same results on every executor, whoever runs the
 * children; they belong to their task; a sync runs nothing else than what it waits for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

struct fib {
	weft_child child;
	int n;
	long result;
};

static void fib(void *ctx)
{
	struct fib *f = ctx, a = {.n = f->n - 1}, b = {.n = f->n - 2};
	if (f->n < 2) {
		f->result = f->n;
		return;
	}
	weft_spawn(&a.child, fib, &a);
	fib(&b);
	weft_sync(&a.child);
	f->result = a.result + b.result;
}

static int fib_fn(weft_call *call, const void *arg, void *result)
{
	struct fib f = {.n = *(const int *)arg};
	(void)call;
	fib(&f);
	*(long *)result = f.result;
	return 0;
}

static long run_long(weft_executor *ex, weft_fn *fn, int n)
{
	long result = -1;
	weft_task t = {
		.fn = fn, .arg = &n, .arg_size = sizeof n, .result = &result, .result_size = sizeof result};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	return result;
}

TEST(spawn_a_tree)
{
	weft_executor *ex = test_executor();
	for (int i = 0; i < 5; i++)
		CHECK_EQ(run_long(ex, fib_fn, 20), 6765);
	weft_executor_free(ex);
}

TEST(spawn_in_many_tasks_at_once)
{
	enum { TASKS = 40 };
	weft_executor *ex = test_executor();
	int n[TASKS];
	long result[TASKS] = {0};
	for (int i = 0; i < TASKS; i++)
		n[i] = i % 2 ? 18 : 5;
	CHECK_EQ(weft_map(ex, fib_fn, n, sizeof *n, result, sizeof *result, TASKS, NULL), 0);
	for (int i = 0; i < TASKS; i++)
		CHECK_EQ(result[i], i % 2 ? 2584 : 5);
	weft_executor_free(ex);
}

TEST(spawn_outside_of_a_task)
{
	struct fib f = {.n = 15};
	fib(&f);
	CHECK_EQ(f.result, 610);
}

struct leaf {
	weft_child child;
	uint32_t runs;
};

static void count_run(void *ctx)
{
	struct leaf *l = ctx;
	l->runs++;
}

/* n children at once, synced in one of three orders. The result says how many ran exactly once. */
static int flat_fn(weft_call *call, const void *arg, void *result)
{
	enum { MANY = 20000 };
	struct leaf *l = calloc(MANY, sizeof *l);
	int how = *(const int *)arg;
	long once = 0;
	if (!l)
		return -ENOMEM;
	for (size_t i = 0; i < MANY; i++)
		weft_spawn(&l[i].child, count_run, &l[i]);
	for (size_t i = 0; i < MANY; i++)
		weft_sync(&l[how == 0 ? i : how == 1 ? MANY - 1 - i : i ^ 1].child);
	for (size_t i = 0; i < MANY; i++)
		once += l[i].runs == 1;
	free(l);
	(void)call;
	*(long *)result = once;
	return 0;
}

TEST(spawn_many_and_sync_in_any_order)
{
	weft_executor *ex = test_executor();
	for (int how = 0; how < 3; how++)
		CHECK_EQ(run_long(ex, flat_fn, how), 20000);
	weft_executor_free(ex);
}

/* What the children of a task are told. */
struct told {
	weft_child child;
	weft_time deadline;
	bool is_task, cancelled;
};

static void ask(void *ctx)
{
	struct told *t = ctx;
	weft_call *call = weft_current();
	t->is_task = call != NULL && weft_call_arg_size(call) == sizeof(int);
	t->deadline = weft_call_deadline(call);
	t->cancelled = weft_call_cancelled(call);
	if (call && !weft_call_scratch(call, 64))
		t->is_task = false;
}

static int told_fn(weft_call *call, const void *arg, void *result)
{
	struct told t[200];
	long right = 0;
	for (size_t i = 0; i < 200; i++)
		weft_spawn(&t[i].child, ask, &t[i]);
	for (size_t i = 200; i-- > 0;) {
		weft_sync(&t[i].child);
		right += t[i].is_task && t[i].deadline == weft_call_deadline(call) && !t[i].cancelled;
	}
	right += weft_current() == call;
	(void)arg;
	*(long *)result = right;
	return 0;
}

TEST(spawn_children_know_their_task)
{
	weft_executor *ex = test_executor();
	long result = -1;
	int n = 0;
	weft_task t = {.fn = told_fn,
		       .arg = &n,
		       .arg_size = sizeof n,
		       .result = &result,
		       .result_size = sizeof result,
		       .deadline = weft_after(WEFT_SECONDS(1000))};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(result, 201);
	weft_executor_free(ex);
}

/* Children that go on until their task is cancelled. */
struct until {
	weft_child child;
	test_ref *ref;
	bool saw;
};

static void go_on(void *ctx)
{
	struct until *u = ctx;
	weft_time soon = test_soon();
	uint32_t *board = test_board_map(u->ref);
	test_add(&board[0], 1);
	test_board_unmap(board);
	while (!weft_call_cancelled(weft_current()) && weft_now() < soon)
		test_sleep_ms(1);
	u->saw = weft_call_cancelled(weft_current());
}

static int until_fn(weft_call *call, const void *arg, void *result)
{
	test_ref ref = *(const test_ref *)arg;
	struct until u[4];
	bool all = true;
	for (size_t i = 0; i < 4; i++) {
		u[i].ref = &ref;
		weft_spawn(&u[i].child, go_on, &u[i]);
	}
	for (size_t i = 4; i-- > 0;) {
		weft_sync(&u[i].child);
		all &= u[i].saw;
	}
	(void)call, (void)result;
	return all ? -ECANCELED : -EIO;
}

TEST(spawn_children_see_a_cancel)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	weft_task t = {.fn = until_fn, .arg = &ref, .arg_size = sizeof ref};
	if (test_is_inline()) {
		t.deadline = weft_after(WEFT_MS(30));
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		CHECK_EQ(weft_future_status(weft_task_future(&t)), -ETIMEDOUT);
		weft_executor_free(ex);
		return;
	}
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	CHECK(test_await(&board[0], 1));
	weft_future_cancel(weft_task_future(&t));
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -ECANCELED);
	CHECK_EQ(test_get(&board[0]), 4); /* none was skipped */
	weft_executor_free(ex);
}

/* ---- What follows shares memory: it is for executors that do. ---- */

static weft_executor *local_executor(void)
{
	weft_executor *ex = test_executor();
	if (weft_executor_caps(ex) & WEFT_CAP_LOCAL)
		return ex;
	weft_executor_free(ex);
	return NULL;
}

/* A child that waits for a task of the same executor. */
struct waiting {
	weft_child child;
	weft_executor *ex;
	int n, err;
	long result;
};

static void wait_for_task(void *ctx)
{
	struct waiting *w = ctx;
	weft_task t = {.fn = fib_fn,
		       .arg = &w->n,
		       .arg_size = sizeof w->n,
		       .result = &w->result,
		       .result_size = sizeof w->result};
	w->err = weft_submit_wait(w->ex, &t, WEFT_FOREVER);
	if (!w->err)
		w->err = weft_future_wait(weft_task_future(&t), WEFT_FOREVER);
}

static int waiting_fn(weft_call *call, const void *arg, void *result)
{
	struct waiting w[16];
	int wrong = 0;
	for (int i = 0; i < 16; i++) {
		w[i].ex = *(weft_executor *const *)arg;
		w[i].n = i;
		weft_spawn(&w[i].child, wait_for_task, &w[i]);
	}
	for (int i = 15; i >= 0; i--) {
		struct fib f = {.n = i};
		weft_sync(&w[i].child);
		fib(&f);
		wrong += w[i].err || w[i].result != f.result;
	}
	(void)call, (void)result;
	return wrong;
}

TEST(spawn_children_may_wait_for_tasks)
{
	enum { TASKS = 30 };
	weft_executor *ex = local_executor();
	weft_task t[TASKS];
	if (!ex)
		return;
	memset(t, 0, sizeof t);
	for (int i = 0; i < TASKS; i++) {
		t[i] = (weft_task){
			.fn = waiting_fn, .arg = &ex, .arg_size = sizeof ex, .flags = WEFT_TASK_LOCAL};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (int i = 0; i < TASKS; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
	}
	weft_executor_free(ex);
}

/* Children, and tasks beside them, sync under one lock: who ran another of them inside such a sync would wait
 * for himself. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void take_lock(void *ctx)
{
	struct fib f = {.n = 8};
	pthread_mutex_lock(&lock);
	fib(&f);
	pthread_mutex_unlock(&lock);
	*(long *)ctx = f.result;
}

static int locking_fn(weft_call *call, const void *arg, void *result)
{
	struct {
		weft_child child;
		long result;
	} c[8];
	struct fib f = {.n = 14};
	int wrong = 0;
	for (int i = 0; i < 8; i++)
		weft_spawn(&c[i].child, take_lock, &c[i].result);
	for (int i = 7; i >= 0; i--) {
		weft_sync(&c[i].child);
		wrong += c[i].result != 21;
	}
	pthread_mutex_lock(&lock);
	fib(&f);
	pthread_mutex_unlock(&lock);
	(void)call, (void)arg, (void)result;
	return wrong + (f.result != 377);
}

TEST(spawn_runs_nothing_unrelated_under_a_lock)
{
	enum { TASKS = 200 };
	weft_executor *ex = local_executor();
	static weft_task t[TASKS];
	if (!ex)
		return;
	for (int i = 0; i < TASKS; i++) {
		t[i].fn = locking_fn;
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (int i = 0; i < TASKS; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
	}
	weft_executor_free(ex);
}

/* Long children, and nothing but syncs once they are there: what is not taken at once is still to be had. */
static void nap(void *ctx)
{
	(void)ctx;
	test_sleep_ms(4);
}

static int naps_fn(weft_call *call, const void *arg, void *result)
{
	weft_child c[32];
	for (size_t i = 0; i < 32; i++)
		weft_spawn(&c[i], nap, NULL);
	for (size_t i = 32; i-- > 0;)
		weft_sync(&c[i]);
	(void)call, (void)arg, (void)result;
	return 0;
}

TEST(spawn_long_children)
{
	weft_executor *ex = test_executor();
	weft_task t = {.fn = naps_fn};
	for (int i = 0; i < 3; i++) {
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
		test_sleep_ms(3); /* idle threads fall asleep */
	}
	weft_executor_free(ex);
}
