/* SPDX-License-Identifier: MIT
 *
 * contract_message.c -- weft_queue on every executor: its pointer means the same in every task, who waits for a
 * message lets others run, and can be cancelled.
 */
#include <errno.h>
#include <weft/weft.h>

#include "harness.h"

enum { TASKS = 8, EACH = 50, ROUNDS = 200 };

static weft_queue *queue(uint32_t capacity)
{
	struct weft_queue_opts o = {.size = sizeof o, .capacity = capacity};
	weft_queue *q = NULL;

	REQUIRE_EQ(weft_queue_new(&q, &o), 0);
	return q;
}

struct job {
	weft_queue *q, *back;
	uint64_t from;
};

/* ---- Many tasks put, the program gets ---- */

static int put_fn(weft_call *call, const void *arg, void *result)
{
	const struct job *j = arg;
	int err = 0;

	(void)call, (void)result;
	for (uint64_t i = 0; i < EACH && !err; i++) {
		uint64_t x = j->from + i;
		err = weft_queue_put(j->q, &x, sizeof x, WEFT_FOREVER);
	}
	return err;
}

TEST(message_from_many_tasks)
{
	/* On inline a task is over before the next one begins. */
	weft_queue *q = queue(test_is_inline() ? TASKS * EACH : 5);
	weft_executor *ex = test_executor();
	weft_task task[TASKS];
	struct job job[TASKS];
	static bool seen[TASKS * EACH];
	uint64_t x;

	for (unsigned i = 0; i < TASKS; i++) {
		job[i] = (struct job){.q = q, .from = (uint64_t)i * EACH};
		task[i] = (weft_task){.fn = put_fn, .arg = &job[i], .arg_size = sizeof job[i]};
		REQUIRE_EQ(weft_submit(ex, &task[i]), 0);
	}
	for (unsigned i = 0; i < TASKS * EACH; i++) {
		REQUIRE_EQ(weft_queue_get(q, &x, sizeof x, test_soon()), sizeof x);
		REQUIRE(x < TASKS * EACH);
		CHECK(!seen[x]);
		seen[x] = true;
	}
	for (unsigned i = 0; i < TASKS; i++) {
		test_wait(weft_task_future(&task[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&task[i])), 0);
	}
	weft_executor_free(ex);
	CHECK_EQ(weft_queue_free(q), 0);
}

/* ---- A task that answers ---- */

static int answer_fn(weft_call *call, const void *arg, void *result)
{
	const struct job *j = arg;
	uint64_t x;
	ssize_t n;
	int err = 0;

	(void)call, (void)result;
	while (!err && (n = weft_queue_get(j->q, &x, sizeof x, WEFT_FOREVER)) >= 0) {
		x = 2 * x + 1;
		err = weft_queue_put(j->back, &x, (size_t)n, WEFT_FOREVER);
	}
	return err ? err : n == -EPIPE ? 0 : (int)n;
}

TEST(message_answered)
{
	if (test_is_inline())
		SKIP("nobody would ask while the task runs");
	weft_queue *q = queue(1), *back = queue(1);
	struct job j = {.q = q, .back = back};
	weft_task t = {.fn = answer_fn, .arg = &j, .arg_size = sizeof j};
	weft_executor *ex = test_executor();
	uint64_t x;

	REQUIRE_EQ(weft_submit(ex, &t), 0);
	for (uint64_t i = 0; i < ROUNDS; i++) {
		if (i % 50 == 0)
			test_sleep_ms(2); /* it sleeps */
		CHECK_EQ(weft_queue_put(q, &i, sizeof i, test_soon()), 0);
		REQUIRE_EQ(weft_queue_get(back, &x, sizeof x, test_soon()), sizeof x);
		CHECK_EQ(x, 2 * i + 1);
	}
	CHECK_EQ(weft_queue_close(q), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	weft_executor_free(ex);
	CHECK_EQ(weft_queue_free(q), 0);
	CHECK_EQ(weft_queue_free(back), 0);
}

/* ---- One that waits in vain ---- */

static int wait_fn(weft_call *call, const void *arg, void *result)
{
	const struct job *j = arg;
	uint64_t x = 1;
	ssize_t n;

	(void)call, (void)result;
	n = weft_queue_put(j->back, &x, sizeof x, WEFT_FOREVER);
	if (!n)
		n = weft_queue_get(j->q, &x, sizeof x, WEFT_FOREVER);
	return (int)n;
}

TEST(message_wait_cancelled)
{
	if (test_is_inline())
		SKIP("nobody could cancel it");
	weft_queue *q = queue(1), *back = queue(1);
	struct job j = {.q = q, .back = back};
	weft_task t = {.fn = wait_fn, .arg = &j, .arg_size = sizeof j};
	weft_executor *ex = test_executor();
	uint64_t x;

	REQUIRE_EQ(weft_submit(ex, &t), 0);
	REQUIRE_EQ(weft_queue_get(back, &x, sizeof x, test_soon()), sizeof x);
	test_sleep_ms(2);
	weft_future_cancel(weft_task_future(&t));
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -ECANCELED);
	CHECK_EQ(weft_queue_try_put(q, &x, sizeof x), 0); /* which is there as before */
	CHECK_EQ(weft_queue_try_get(q, &x, sizeof x), sizeof x);
	weft_executor_free(ex);
	CHECK_EQ(weft_queue_free(q), 0);
	CHECK_EQ(weft_queue_free(back), 0);
}

static int pass_fn(weft_call *call, const void *arg, void *result)
{
	const struct job *j = arg;
	uint64_t x;
	ssize_t n = weft_queue_get(j->q, &x, sizeof x, test_soon());

	(void)call, (void)result;
	x++;
	return n < 0 ? (int)n : weft_queue_put(j->back, &x, sizeof x, WEFT_FOREVER);
}

/* A chain of tasks, all of which sleep, on whatever lets them sleep together. */
TEST(message_through_a_chain)
{
	unsigned n = test_is_inline() ? 0 : test_is_uring() ? 8 : test_workers();
	weft_queue *q[9];
	struct job job[8];
	weft_task task[8];
	weft_executor *ex = test_executor();
	uint64_t x = 5;

	for (unsigned i = 0; i <= n; i++)
		q[i] = queue(1);
	for (unsigned i = 0; i < n; i++) {
		job[i] = (struct job){.q = q[i], .back = q[i + 1]};
		task[i] = (weft_task){.fn = pass_fn, .arg = &job[i], .arg_size = sizeof job[i]};
		REQUIRE_EQ(weft_submit(ex, &task[i]), 0);
	}
	test_sleep_ms(2);
	CHECK_EQ(weft_queue_put(q[0], &x, sizeof x, test_soon()), 0);
	CHECK_EQ(weft_queue_get(q[n], &x, sizeof x, test_soon()), sizeof x);
	CHECK_EQ(x, 5 + n);
	for (unsigned i = 0; i < n; i++)
		test_wait(weft_task_future(&task[i]));
	weft_executor_free(ex);
	for (unsigned i = 0; i <= n; i++)
		CHECK_EQ(weft_queue_free(q[i]), 0);
}
