/* SPDX-License-Identifier: MIT
 *
 * contract_queue.c -- the bounded queue: exactly as many tasks wait as were asked for, one more is refused
 * or waited for, and a refusal changes nothing.
 */
#include <errno.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

enum { QUEUE = 4 };

struct full {
	weft_executor *ex;
	struct test_hold hold;
	struct test_mark mark;
	weft_task task[QUEUE];
};

/* An executor whose workers are all held up and whose queue is full. */
static void full_begin(struct full *f)
{
	if (test_is_inline())
		SKIP("inline has no queue");
	memset(f, 0, sizeof *f);
	f->ex = test_executor_with("queue=4");
	test_hold_begin(&f->hold, f->ex, test_workers());
	f->mark = (struct test_mark){.ref = f->hold.ref, .word = 2};
	for (int i = 0; i < QUEUE; i++) {
		f->task[i] = (weft_task){.fn = test_mark_fn, .arg = &f->mark, .arg_size = sizeof f->mark};
		REQUIRE_EQ(weft_submit(f->ex, &f->task[i]), 0);
	}
}

static void full_end(struct full *f, uint32_t ran)
{
	test_hold_end(&f->hold);
	for (int i = 0; i < QUEUE; i++) {
		test_wait(weft_task_future(&f->task[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&f->task[i])), 0);
	}
	CHECK_EQ(test_get(&f->hold.board[2]), ran);
	weft_executor_free(f->ex);
}

static weft_task marker(const struct full *f)
{
	return (weft_task){.fn = test_mark_fn, .arg = &f->mark, .arg_size = sizeof f->mark};
}

TEST(queue_full)
{
	struct full f;
	full_begin(&f);
	weft_task t = marker(&f);
	CHECK_EQ(weft_submit(f.ex, &t), -EAGAIN);
	CHECK_EQ(weft_submit(f.ex, &t), -EAGAIN);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -EINVAL);
	CHECK_EQ(weft_submit_wait(f.ex, &t, INT64_MIN), -ETIMEDOUT);
	CHECK_EQ(weft_submit_wait(f.ex, &t, weft_now() - 1), -ETIMEDOUT);
	CHECK_EQ(weft_submit_wait(f.ex, &t, weft_after(WEFT_MS(20))), -ETIMEDOUT);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -EINVAL);
	full_end(&f, QUEUE);
}

TEST(queue_full_leaves_the_last_outcome)
{
	struct full f;
	full_begin(&f);
	weft_task t = marker(&f);
	struct test_mark other = f.mark;
	other.status = 5;
	t.arg = &other;
	REQUIRE_EQ(weft_submit(weft_inline(), &t), 0);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 5);
	CHECK_EQ(weft_submit(f.ex, &t), -EAGAIN);
	CHECK_EQ(weft_submit_wait(f.ex, &t, weft_after(WEFT_MS(5))), -ETIMEDOUT);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 5);
	CHECK_EQ(weft_future_wait(weft_task_future(&t), 0), 0);
	full_end(&f, QUEUE + 1);
}

TEST(queue_full_async)
{
	struct full f;
	full_begin(&f);
	weft_future *const untouched = weft_task_future(&f.task[0]), *future = untouched;
	CHECK_EQ(weft_async(f.ex, test_mark_fn, &f.mark, sizeof f.mark, 0, &future), -EAGAIN);
	CHECK(future == untouched);
	full_end(&f, QUEUE);
}

TEST(queue_room_after_cancel)
{
	struct full f;
	full_begin(&f);
	weft_task t = marker(&f);
	CHECK_EQ(weft_submit(f.ex, &t), -EAGAIN);
	CHECK_EQ(weft_future_cancel(weft_task_future(&f.task[1])), WEFT_CANCEL_DROPPED);
	CHECK_EQ(weft_submit(f.ex, &t), 0);
	CHECK_EQ(weft_submit(f.ex, &f.task[1]), -EAGAIN);
	CHECK_EQ(weft_future_status(weft_task_future(&f.task[1])), -ECANCELED);
	test_hold_end(&f.hold);
	test_wait(weft_task_future(&t));
	REQUIRE_EQ(weft_submit_wait(f.ex, &f.task[1], test_soon()), 0);
	full_end(&f, QUEUE + 1);
}

TEST(queue_submit_many_takes_what_fits)
{
	if (test_is_inline())
		SKIP("inline has no queue");
	weft_executor *ex = test_executor_with("queue=4");
	struct test_hold hold;
	weft_task t[7];
	size_t accepted = 99;
	test_hold_begin(&hold, ex, test_workers());
	struct test_mark mark = {.ref = hold.ref, .word = 2};
	for (int i = 0; i < 7; i++)
		t[i] = (weft_task){.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
	CHECK_EQ(weft_submit_many(ex, t, 7, &accepted), -EAGAIN);
	REQUIRE_EQ(accepted, QUEUE);
	for (int i = 0; i < 7; i++)
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), i < QUEUE ? -EINPROGRESS : -EINVAL);
	test_hold_end(&hold);
	for (int i = 0; i < QUEUE; i++)
		test_wait(weft_task_future(&t[i]));
	CHECK_EQ(test_get(&hold.board[2]), QUEUE);
	weft_executor_free(ex);
}

static void *open_later(void *ctx)
{
	struct test_hold *hold = ctx;
	test_sleep_ms(20);
	test_set(&hold->board[TEST_GATE_OPEN], 1);
	return NULL;
}

TEST(queue_submit_wait_gets_room)
{
	struct full f;
	pthread_t thread;
	full_begin(&f);
	weft_task t[3] = {marker(&f), marker(&f), marker(&f)};
	REQUIRE_EQ(pthread_create(&thread, NULL, open_later, &f.hold), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(weft_submit_wait(f.ex, &t[i], test_soon()), 0);
	pthread_join(thread, NULL);
	for (int i = 0; i < 3; i++)
		test_wait(weft_task_future(&t[i]));
	full_end(&f, QUEUE + 3);
}

TEST(queue_of_one_under_load)
{
	if (test_is_inline())
		SKIP("inline has no queue");
	enum { N = 2000 };
	weft_executor *ex = test_executor_with("queue=1");
	static uint64_t in[N], out[N];
	static weft_task t[N];
	size_t wrong = 0;
	for (size_t i = 0; i < N; i++) {
		in[i] = i;
		t[i] = (weft_task){.fn = test_square_fn, .arg = &in[i], .arg_size = 8};
		t[i].result = &out[i];
		t[i].result_size = 8;
		REQUIRE_EQ(weft_submit_wait(ex, &t[i], test_soon()), 0);
	}
	for (size_t i = 0; i < N; i++) {
		test_wait(weft_task_future(&t[i]));
		wrong += out[i] != i * i;
	}
	CHECK_EQ(wrong, 0);
	weft_executor_free(ex);
}

struct producer {
	weft_executor *ex;
	struct test_mark mark;
	pthread_t thread;
	int accepted, refused;
};

static void *produce(void *ctx)
{
	struct producer *p = ctx;
	weft_task t = {.fn = test_mark_fn, .arg = &p->mark, .arg_size = sizeof p->mark};
	for (int i = 0; i < 200; i++) {
		int err = i % 2 ? weft_submit(p->ex, &t) : weft_submit_wait(p->ex, &t, WEFT_FOREVER);
		p->accepted += err == 0;
		p->refused += err == -EAGAIN;
		if (err == 0)
			weft_future_wait(weft_task_future(&t), WEFT_FOREVER);
	}
	return NULL;
}

TEST(queue_of_two_many_producers)
{
	weft_executor *ex = test_executor_with("queue=2");
	struct producer p[6];
	test_ref ref;
	uint32_t *board = test_board(&ref), accepted = 0;
	for (int i = 0; i < 6; i++) {
		p[i] = (struct producer){.ex = ex, .mark = {.ref = ref, .word = 7}};
		REQUIRE_EQ(pthread_create(&p[i].thread, NULL, produce, &p[i]), 0);
	}
	for (int i = 0; i < 6; i++) {
		pthread_join(p[i].thread, NULL);
		CHECK_EQ(p[i].accepted + p[i].refused, 200);
		CHECK(p[i].accepted >= 100);
		accepted += (uint32_t)p[i].accepted;
	}
	CHECK_EQ(test_get(&board[7]), accepted);
	weft_executor_free(ex);
}
