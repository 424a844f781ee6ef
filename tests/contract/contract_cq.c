/* SPDX-License-Identifier: MIT
 *
 * contract_cq.c -- the completion queue: each watched future comes out once per watch, in the order in which
 * they got done, and the descriptor is readable exactly while there is one.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

static bool readable(const weft_cq *q, int timeout_ms)
{
	struct pollfd p = {.fd = weft_cq_fd(q), .events = POLLIN};
	return poll(&p, 1, timeout_ms) == 1 && (p.revents & POLLIN);
}

static weft_task square_task(uint64_t *value)
{
	weft_task t = {.fn = test_square_fn, .arg = value, .arg_size = 8, .result = value, .result_size = 8};
	return t;
}

static weft_cq *new_cq(void)
{
	weft_cq *q = NULL;
	REQUIRE_EQ(weft_cq_new(&q), 0);
	REQUIRE(q != NULL);
	return q;
}

TEST(cq_empty)
{
	weft_cq *q = new_cq();
	weft_task t = {0};
	weft_future *const untouched = weft_task_future(&t), *f = untouched;
	void *tag = &t;
	CHECK(weft_cq_fd(q) >= 0);
	CHECK(fcntl(weft_cq_fd(q), F_GETFD) & FD_CLOEXEC);
	CHECK(!readable(q, 0));
	CHECK_EQ(weft_cq_next(q, &f, &tag, 0), -ETIMEDOUT);
	CHECK_EQ(weft_cq_next(q, &f, &tag, INT64_MIN), -ETIMEDOUT);
	CHECK_EQ(weft_cq_next(q, &f, &tag, weft_after(WEFT_MS(10))), -ETIMEDOUT);
	CHECK(f == untouched && tag == &t);
	weft_cq_free(q);
	weft_cq_free(NULL);
}

TEST(cq_invalid)
{
	weft_cq *q = new_cq();
	weft_task t = {.fn = test_square_fn};
	CHECK_EQ(weft_cq_new(NULL), -EINVAL);
	CHECK_EQ(weft_cq_fd(NULL), -EINVAL);
	CHECK_EQ(weft_cq_next(NULL, NULL, NULL, 0), -EINVAL);
	CHECK_EQ(weft_cq_watch(q, NULL, NULL), -EINVAL);
	CHECK_EQ(weft_cq_watch(NULL, weft_task_future(&t), NULL), -EINVAL);
	CHECK_EQ(weft_cq_watch(q, weft_task_future(&t), NULL), -EINVAL);
	CHECK(!readable(q, 0));
	weft_cq_free(q);
}

TEST(cq_finished_comes_at_once)
{
	weft_executor *ex = test_executor();
	weft_cq *q = new_cq();
	uint64_t value = 7;
	weft_task t = square_task(&value);
	weft_future *f = NULL;
	void *tag = NULL;
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&t), &value), 0);
	CHECK(readable(q, 0));
	CHECK_EQ(weft_cq_next(q, &f, &tag, 0), 0);
	CHECK(f == weft_task_future(&t));
	CHECK(tag == &value);
	CHECK(!readable(q, 0));
	CHECK_EQ(weft_cq_next(q, &f, &tag, 0), -ETIMEDOUT);
	weft_cq_free(q);
	weft_executor_free(ex);
}

TEST(cq_readable_when_done)
{
	weft_executor *ex = test_executor();
	weft_cq *q = new_cq();
	struct test_hold hold;
	unsigned n = test_workers();
	for (int round = 0; round < 3; round++) {
		test_hold_begin(&hold, ex, n);
		for (unsigned i = 0; i < n; i++)
			REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&hold.task[i]), &hold.task[i]), 0);
		CHECK(!readable(q, 2));
		CHECK_EQ(weft_cq_next(q, NULL, NULL, weft_after(WEFT_MS(2))), -ETIMEDOUT);
		test_set(&hold.board[TEST_GATE_OPEN], 1);
		for (unsigned i = 0; i < n; i++) {
			weft_future *f = NULL;
			void *tag = NULL;
			CHECK(readable(q, 20000));
			REQUIRE_EQ(weft_cq_next(q, &f, &tag, 0), 0);
			CHECK(f == weft_task_future(tag));
			CHECK_EQ(weft_future_status(f), 0);
		}
		CHECK(!readable(q, 0));
		test_hold_end(&hold);
	}
	weft_cq_free(q);
	weft_executor_free(ex);
}

TEST(cq_next_is_woken)
{
	weft_executor *ex = test_executor();
	weft_cq *q = new_cq();
	for (int i = 0; i < 300; i++) {
		uint64_t value = (uint64_t)i;
		weft_task t = square_task(&value);
		weft_future *f = NULL;
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&t), NULL), 0);
		REQUIRE_EQ(weft_cq_next(q, &f, NULL, test_soon()), 0);
		CHECK(f == weft_task_future(&t));
		CHECK_EQ(value, i * i);
	}
	weft_cq_free(q);
	weft_executor_free(ex);
}

TEST(cq_order_of_completion)
{
	enum { N = 10 };
	weft_executor *ex = test_executor();
	weft_cq *q = new_cq();
	uint64_t value[N];
	weft_task t[N];
	for (int k = 0; k < N; k++) {
		int i = k * 3 % N;
		value[i] = (uint64_t)i;
		t[i] = square_task(&value[i]);
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&t[i]), &value[i]), 0);
		test_wait(weft_task_future(&t[i]));
	}
	for (int k = 0; k < N; k++) {
		void *tag = NULL;
		REQUIRE_EQ(weft_cq_next(q, NULL, &tag, test_soon()), 0);
		CHECK(tag == &value[k * 3 % N]);
	}
	weft_cq_free(q);
	weft_executor_free(ex);
}

TEST(cq_slow_one_comes_last)
{
	if (test_workers() < 2)
		SKIP("a slow task holds up all there is");
	weft_executor *ex = test_executor();
	weft_cq *q = new_cq();
	struct test_hold hold;
	uint64_t value[5];
	weft_task t[5];
	test_hold_begin(&hold, ex, 1);
	REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&hold.task[0]), &hold), 0);
	for (int i = 0; i < 5; i++) {
		t[i] = square_task(&value[i]);
		value[i] = 1;
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&t[i]), &t[i]), 0);
	}
	for (int i = 0; i < 5; i++) {
		void *tag = NULL;
		REQUIRE_EQ(weft_cq_next(q, NULL, &tag, test_soon()), 0);
		CHECK(tag != &hold && tag != NULL);
	}
	CHECK(!readable(q, 0));
	test_hold_end(&hold);
	void *tag = NULL;
	REQUIRE_EQ(weft_cq_next(q, NULL, &tag, test_soon()), 0);
	CHECK(tag == &hold);
	weft_cq_free(q);
	weft_executor_free(ex);
}

TEST(cq_watched_several_times)
{
	weft_executor *ex = test_executor();
	weft_cq *q = new_cq();
	struct test_hold hold;
	char tags[3];
	unsigned seen = 0;
	test_hold_begin(&hold, ex, 1);
	for (int i = 0; i < 3; i++)
		REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&hold.task[0]), &tags[i]), 0);
	test_hold_end(&hold);
	for (int i = 0; i < 3; i++) {
		weft_future *f = NULL;
		void *tag = NULL;
		REQUIRE_EQ(weft_cq_next(q, &f, &tag, test_soon()), 0);
		CHECK(f == weft_task_future(&hold.task[0]));
		seen |= 1u << ((char *)tag - tags);
	}
	CHECK_EQ(seen, 7);
	CHECK_EQ(weft_cq_next(q, NULL, NULL, 0), -ETIMEDOUT);
	weft_cq_free(q);
	weft_executor_free(ex);
}

TEST(cq_two_queues_one_future)
{
	weft_executor *ex = test_executor();
	weft_cq *q[2] = {new_cq(), new_cq()};
	struct test_hold hold;
	test_hold_begin(&hold, ex, 1);
	for (int i = 0; i < 2; i++)
		REQUIRE_EQ(weft_cq_watch(q[i], weft_task_future(&hold.task[0]), NULL), 0);
	weft_cq_free(q[0]);
	test_hold_end(&hold);
	CHECK_EQ(weft_cq_next(q[1], NULL, NULL, test_soon()), 0);
	weft_cq_free(q[1]);
	weft_executor_free(ex);
}

TEST(cq_free_with_pending_watches)
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	test_hold_begin(&hold, ex, test_workers());
	for (int round = 0; round < 20; round++) {
		weft_cq *q = new_cq();
		for (unsigned i = 0; i < hold.n; i++)
			REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&hold.task[i]), NULL), 0);
		weft_cq_free(q);
	}
	test_hold_end(&hold);
	weft_cq *q = new_cq();
	REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&hold.task[0]), NULL), 0);
	weft_cq_free(q);
	weft_executor_free(ex);
}

TEST(cq_free_races_with_completion)
{
	weft_executor *ex = test_executor();
	for (int round = 0; round < 200; round++) {
		weft_cq *q = new_cq();
		uint64_t value[8];
		weft_task t[8];
		for (int i = 0; i < 8; i++) {
			value[i] = (uint64_t)i;
			t[i] = square_task(&value[i]);
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
			REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&t[i]), NULL), 0);
		}
		weft_cq_free(q);
		for (int i = 0; i < 8; i++)
			test_wait(weft_task_future(&t[i]));
	}
	weft_executor_free(ex);
}

TEST(cq_holds_a_reference)
{
	weft_executor *ex = test_executor();
	weft_cq *q = new_cq();
	char tags[50];
	unsigned count[50] = {0};
	for (int i = 0; i < 50; i++) {
		uint64_t n = (uint64_t)i;
		weft_future *f;
		REQUIRE_EQ(weft_async(ex, test_square_fn, &n, 8, 8, &f), 0);
		REQUIRE_EQ(weft_cq_watch(q, f, &tags[i]), 0);
		weft_future_unref(f);
	}
	for (int i = 0; i < 40; i++) {
		void *tag = NULL;
		REQUIRE_EQ(weft_cq_next(q, NULL, &tag, test_soon()), 0);
		count[(char *)tag - tags]++;
	}
	for (int i = 0; i < 50; i++)
		CHECK(count[i] <= 1);
	weft_cq_free(q);
	weft_executor_free(ex);
}

TEST(cq_cancelled_and_timed_out_come_too)
{
	weft_executor *ex = test_executor();
	weft_cq *q = new_cq();
	struct test_hold hold;
	uint64_t value = 1;
	weft_task late = square_task(&value), dropped = square_task(&value);
	late.deadline = 1;
	REQUIRE_EQ(weft_submit(ex, &late), 0);
	REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&late), &late), 0);
	CHECK_EQ(weft_cq_next(q, NULL, NULL, test_soon()), 0);
	CHECK_EQ(weft_future_status(weft_task_future(&late)), -ETIMEDOUT);
	if (!test_is_inline()) {
		void *tag = NULL;
		test_hold_begin(&hold, ex, test_workers());
		REQUIRE_EQ(weft_submit(ex, &dropped), 0);
		REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&dropped), &dropped), 0);
		CHECK(!readable(q, 0));
		CHECK_EQ(weft_future_cancel(weft_task_future(&dropped)), WEFT_CANCEL_DROPPED);
		CHECK(readable(q, 0));
		CHECK_EQ(weft_cq_next(q, NULL, &tag, 0), 0);
		CHECK(tag == &dropped);
		test_hold_end(&hold);
	}
	weft_cq_free(q);
	weft_executor_free(ex);
}

TEST(cq_ten_thousand)
{
	enum { N = 10000 };
	weft_executor *ex = test_executor();
	weft_cq *q = new_cq();
	static uint64_t value[N];
	static weft_task t[N];
	static unsigned char seen[N];
	size_t wrong = 0;
	for (size_t i = 0; i < N; i++) {
		value[i] = i;
		t[i] = square_task(&value[i]);
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&t[i]), &t[i]), 0);
	}
	for (size_t i = 0; i < N; i++) {
		weft_future *f = NULL;
		void *tag = NULL;
		REQUIRE_EQ(weft_cq_next(q, &f, &tag, test_soon()), 0);
		size_t at = (size_t)((weft_task *)tag - t);
		wrong += f != weft_task_future(&t[at]) || seen[at]++ || value[at] != at * at;
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(weft_cq_next(q, NULL, NULL, 0), -ETIMEDOUT);
	CHECK(!readable(q, 0));
	weft_cq_free(q);
	weft_executor_free(ex);
}

struct taker {
	weft_cq *q;
	pthread_t thread;
	unsigned twice, n;
};

static void *take(void *ctx)
{
	struct taker *t = ctx;
	void *tag;
	while (weft_cq_next(t->q, NULL, &tag, test_soon()) == 0 && tag) {
		t->n++;
		t->twice += test_add(tag, 1) != 1;
	}
	return NULL;
}

TEST(cq_several_takers)
{
	enum { N = 1000, TAKERS = 4 };
	weft_executor *ex = test_executor();
	weft_cq *q = new_cq();
	static uint64_t value[N + TAKERS];
	static uint32_t taken[N];
	static weft_task t[N + TAKERS];
	struct taker taker[TAKERS];
	unsigned n = 0;
	for (int i = 0; i < TAKERS; i++) {
		taker[i] = (struct taker){.q = q};
		REQUIRE_EQ(pthread_create(&taker[i].thread, NULL, take, &taker[i]), 0);
	}
	for (int i = 0; i < N + TAKERS; i++) {
		t[i] = square_task(&value[i]);
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		if (i >= N)
			test_wait(weft_task_future(&t[i]));
		REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&t[i]), i < N ? &taken[i] : NULL), 0);
	}
	for (int i = 0; i < TAKERS; i++) {
		pthread_join(taker[i].thread, NULL);
		CHECK_EQ(taker[i].twice, 0);
		n += taker[i].n;
	}
	/* The last tags stop the takers, and may overtake the tasks of the end. */
	while (weft_cq_next(q, NULL, NULL, weft_after(WEFT_MS(n < N ? 20000 : 0))) == 0)
		n++;
	CHECK_EQ(n, N);
	weft_cq_free(q);
	weft_executor_free(ex);
}
