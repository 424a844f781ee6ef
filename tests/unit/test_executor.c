/* SPDX-License-Identifier: MIT
 *
 * test_executor.c -- what all executors have in common, on tables of operations with holes: what is
 * missing is not missed; a task is either waited for by a stop or refused; join is called once, and no
 * stop returns 0 before it has come back.
 */
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <weft/executor_impl.h>

static weft_task square_task(const uint64_t *n, uint64_t *square)
{
	return (weft_task){.fn = test_square_fn,
			   .arg = n,
			   .arg_size = sizeof *n,
			   .result = square,
			   .result_size = sizeof *square};
}

static int run_at_once(void *self, struct weft_offer *offer)
{
	(void)self;
	int err = weft_impl_accept(offer, 0);
	if (err)
		return err;
	if (weft_impl_start(&offer->tasks[0]))
		weft_impl_run(&offer->tasks[0]);
	return 1;
}

TEST(submit_alone_is_enough)
{
	struct weft_executor_ops ops = {
		.size = sizeof ops, .caps = WEFT_CAP_LOCAL, .slot_size = 128, .submit = run_at_once};
	weft_executor *ex = NULL;
	uint64_t n[3] = {1, 2, 3}, square[3] = {0};
	weft_task t = square_task(n, square);
	struct weft_stats stats;
	REQUIRE_EQ(weft_executor_new(&ex, "bare", &ops, NULL), 0);
	ops.submit = NULL; /* it was copied */
	CHECK_EQ(weft_map(ex, test_square_fn, n, sizeof *n, square, sizeof *square, 3, NULL), 0);
	CHECK(square[0] == 1 && square[1] == 4 && square[2] == 9);
	t.arg_size = 65;
	CHECK_EQ(weft_submit(ex, &t), -E2BIG);
	t.arg_size = sizeof *n;
	CHECK_EQ(weft_submit(ex, &t), 0);
	CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_LATE);
	CHECK_EQ(weft_executor_stats(ex, &stats), 0);
	CHECK(stats.submitted >= 2 && stats.completed == stats.submitted && !stats.queued && !stats.running);
	test_stop(ex, WEFT_STOP_KILL);
	CHECK_EQ(weft_submit(ex, &t), -ESHUTDOWN);
	weft_executor_free(ex);
}

static int refuse(void *self, struct weft_offer *offer)
{
	(void)offer;
	return *(int *)self;
}

TEST(refusals_are_handed_on)
{
	struct weft_executor_ops ops = {.size = sizeof ops, .submit = refuse};
	weft_executor *ex = NULL;
	uint64_t n = 1;
	weft_task t = square_task(&n, &n);
	int error = -ENOEXEC;
	REQUIRE_EQ(weft_executor_new(&ex, "", &ops, &error), 0);
	t.flags = WEFT_TASK_LOCAL;
	CHECK_EQ(weft_submit(ex, &t), -EXDEV);
	t.flags = 0;
	CHECK_EQ(weft_submit(ex, &t), -ENOEXEC);
	error = -EAGAIN;
	CHECK_EQ(weft_submit(ex, &t), -EAGAIN);
	CHECK_EQ(weft_submit_wait(ex, &t, weft_after(WEFT_MS(1))), -ETIMEDOUT);
	weft_executor_free(ex);
}

TEST(bad_tables)
{
	struct weft_executor_ops ops = {.size = sizeof ops, .submit = run_at_once}, bad = ops;
	weft_executor *ex = (weft_executor *)&ops;
	CHECK_EQ(weft_executor_new(NULL, "x", &ops, NULL), -EINVAL);
	CHECK_EQ(weft_executor_new(&ex, NULL, &ops, NULL), -EINVAL);
	CHECK_EQ(weft_executor_new(&ex, "x", NULL, NULL), -EINVAL);
	bad.submit = NULL;
	CHECK_EQ(weft_executor_new(&ex, "x", &bad, NULL), -EINVAL);
	bad = ops;
	bad.size = 0;
	CHECK_EQ(weft_executor_new(&ex, "x", &bad, NULL), -EINVAL);
	bad.size = sizeof bad + 8;
	CHECK_EQ(weft_executor_new(&ex, "x", &bad, NULL), -EINVAL);
	CHECK(ex == (weft_executor *)&ops);
}

TEST(names_are_cut)
{
	struct weft_executor_ops ops = {.size = sizeof ops, .submit = run_at_once};
	char name[80];
	weft_executor *ex = NULL;
	memset(name, 'n', sizeof name);
	name[79] = 0;
	REQUIRE_EQ(weft_executor_new(&ex, name, &ops, NULL), 0);
	CHECK_EQ(strlen(weft_executor_name(ex)), 63);
	weft_executor_free(ex);
}

/* ---- Stops ---- */

/* Accepts, and leaves it to the test to start. */
struct shelf {
	uint32_t stops, strongest, joins, frees;
	uint32_t in_join, may_join;
};

static int put_on_shelf(void *self, struct weft_offer *offer)
{
	(void)self;
	int err = weft_impl_accept(offer, 0);
	return err ? err : 1;
}

static void shelf_stop(void *self, enum weft_stop how)
{
	struct shelf *s = self;
	s->stops++;
	s->strongest = (uint32_t)how;
}

static void shelf_join(void *self)
{
	struct shelf *s = self;
	test_add(&s->joins, 1);
	test_add(&s->in_join, 1);
	test_await(&s->may_join, 1);
}

static void shelf_free(void *self, bool forked)
{
	((struct shelf *)self)->frees += forked ? 100 : 1;
}

static weft_executor *shelf_new(struct shelf *s)
{
	struct weft_executor_ops ops = {.size = sizeof ops,
					.submit = put_on_shelf,
					.stop = shelf_stop,
					.join = shelf_join,
					.free = shelf_free};
	weft_executor *ex = NULL;
	REQUIRE_EQ(weft_executor_new(&ex, "shelf", &ops, s), 0);
	return ex;
}

TEST(stop_waits_for_what_was_accepted)
{
	struct shelf s = {.may_join = 1};
	weft_executor *ex = shelf_new(&s);
	uint64_t n = 3, square = 0;
	weft_task t = square_task(&n, &square), late = square_task(&n, &square);
	CHECK_EQ(weft_submit(ex, &t), 0);
	CHECK_EQ(weft_executor_stop(ex, (enum weft_stop)3, 0), -EINVAL);
	CHECK_EQ(s.stops, 0);
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, 0), -ETIMEDOUT);
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_KILL, weft_after(WEFT_MS(1))), -ETIMEDOUT);
	CHECK(s.stops == 2 && s.strongest == WEFT_STOP_KILL && s.joins == 0);
	CHECK_EQ(weft_submit(ex, &late), -ESHUTDOWN);
	CHECK_EQ(weft_future_then(weft_task_future(&t), ex, &late), -ESHUTDOWN);
	CHECK(weft_impl_start(&t));
	weft_impl_run(&t);
	test_stop(ex, WEFT_STOP_DRAIN);
	CHECK_EQ(s.joins, 1);
	weft_executor_free(ex);
	CHECK(s.joins == 1 && s.frees == 1 && square == 9);
}

struct stopper {
	weft_executor *ex;
	int err;
};

static void *stop_it(void *arg)
{
	struct stopper *s = arg;
	s->err = weft_executor_stop(s->ex, WEFT_STOP_DRAIN, WEFT_FOREVER);
	return NULL;
}

TEST(second_stop_waits_for_the_join_of_the_first)
{
	struct shelf s = {.may_join = 0};
	struct stopper first = {shelf_new(&s), 1};
	pthread_t thread;
	REQUIRE_EQ(pthread_create(&thread, NULL, stop_it, &first), 0);
	REQUIRE(test_await(&s.in_join, 1));
	CHECK_EQ(weft_executor_stop(first.ex, WEFT_STOP_DRAIN, 0), -ETIMEDOUT);
	CHECK_EQ(weft_executor_stop(first.ex, WEFT_STOP_DRAIN, weft_after(WEFT_MS(5))), -ETIMEDOUT);
	test_set(&s.may_join, 1);
	CHECK_EQ(weft_executor_stop(first.ex, WEFT_STOP_DRAIN, test_soon()), 0);
	pthread_join(thread, NULL);
	CHECK(first.err == 0 && s.joins == 1);
	weft_executor_free(first.ex);
}
