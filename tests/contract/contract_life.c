/* SPDX-License-Identifier: MIT
 *
 * contract_life.c -- executors made and freed by the hundred, by threads that end, several at once; stopping
 * while others submit and while continuations wait.
 */
#include <errno.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

static void use(weft_executor *ex)
{
	uint64_t n = 11, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(square, 121);
}

TEST(life_hundred_unused)
{
	for (int i = 0; i < 100; i++)
		weft_executor_free(test_executor());
}

TEST(life_hundred_used)
{
	for (int i = 0; i < 100; i++) {
		weft_executor *ex = test_executor();
		use(ex);
		weft_executor_free(ex);
	}
}

TEST(life_hundred_freed_while_working)
{
	for (int i = 0; i < 100; i++) {
		weft_executor *ex = test_executor();
		weft_task t[20];
		for (int k = 0; k < 20; k++) {
			t[k] = (weft_task){.fn = nothing_fn};
			REQUIRE_EQ(weft_submit(ex, &t[k]), 0);
		}
		if (i % 2)
			test_stop(ex, WEFT_STOP_KILL);
		weft_executor_free(ex);
		for (int k = 0; k < 20; k++)
			CHECK(weft_future_status(weft_task_future(&t[k])) != -EINPROGRESS);
	}
}

TEST(life_several_at_once)
{
	weft_executor *ex[5];
	for (int i = 0; i < 5; i++)
		ex[i] = test_executor();
	for (int round = 0; round < 20; round++)
		use(ex[round % 5]);
	weft_executor_free(ex[2]);
	use(ex[1]);
	use(ex[3]);
	for (int i = 0; i < 5; i++)
		if (i != 2)
			weft_executor_free(ex[i]);
}

static void *make(void *ctx)
{
	weft_executor **ex = ctx;
	weft_executor_open(ex, test_executor_spec());
	return NULL;
}

TEST(life_made_by_a_thread_that_ends)
{
	for (int i = 0; i < 10; i++) {
		weft_executor *ex = NULL;
		pthread_t thread;
		REQUIRE_EQ(pthread_create(&thread, NULL, make, &ex), 0);
		pthread_join(thread, NULL);
		REQUIRE(ex != NULL);
		if (i == 0)
			test_sleep_ms(50);
		use(ex);
		use(ex);
		weft_executor_free(ex);
	}
}

static void *drop(void *ctx)
{
	weft_executor_free(ctx);
	return NULL;
}

TEST(life_freed_by_another_thread)
{
	for (int i = 0; i < 10; i++) {
		weft_executor *ex = test_executor();
		pthread_t thread;
		use(ex);
		REQUIRE_EQ(pthread_create(&thread, NULL, drop, ex), 0);
		pthread_join(thread, NULL);
	}
}

static void *make_use_free(void *ctx)
{
	uint32_t *good = ctx;
	for (int i = 0; i < 10; i++) {
		weft_executor *ex;
		weft_task t = {.fn = nothing_fn};
		if (weft_executor_open(&ex, test_executor_spec()) != 0)
			continue;
		if (weft_submit(ex, &t) == 0 && weft_future_wait(weft_task_future(&t), test_soon()) == 0)
			test_add(good, 1);
		weft_executor_free(ex);
	}
	return NULL;
}

TEST(life_by_many_threads_at_once)
{
	pthread_t thread[6];
	uint32_t good = 0;
	for (int i = 0; i < 6; i++)
		REQUIRE_EQ(pthread_create(&thread[i], NULL, make_use_free, &good), 0);
	for (int i = 0; i < 6; i++)
		pthread_join(thread[i], NULL);
	CHECK_EQ(good, 60);
}

enum { RACERS = 8, EACH = 200 };

struct racer {
	weft_executor *ex;
	uint32_t *go;
	pthread_t thread;
	size_t accepted;
	int err;
	weft_task task[EACH];
};

static struct racer racers[RACERS];

static void *race(void *ctx)
{
	struct racer *r = ctx;
	test_add(r->go, 1);
	while (test_get(r->go) <= RACERS)
		;
	for (r->accepted = 0; r->accepted < EACH; r->accepted++) {
		weft_task *t = &r->task[r->accepted];
		*t = (weft_task){.fn = nothing_fn};
		r->err = r->accepted % 2 ? weft_submit(r->ex, t) : weft_submit_wait(r->ex, t, WEFT_FOREVER);
		if (r->err != 0)
			break;
	}
	return NULL;
}

static bool done_as(enum weft_stop how, int status)
{
	if (how == WEFT_STOP_DRAIN || status == 0)
		return status == 0;
	return status == -ECANCELED || (how == WEFT_STOP_KILL && status == -EOWNERDEAD);
}

/* The executor under test, where it can be stopped. */
static weft_executor *stoppable(void)
{
	weft_executor *ex = test_executor();
	if (ex == weft_inline())
		SKIP("weft_inline() cannot be stopped");
	return ex;
}

static void stop_against_submitters(enum weft_stop how, unsigned spin)
{
	weft_executor *ex = stoppable();
	uint32_t go = 0;
	size_t wrong = 0;
	for (int i = 0; i < RACERS; i++) {
		racers[i].ex = ex;
		racers[i].go = &go;
		racers[i].err = 0;
		REQUIRE_EQ(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	REQUIRE(test_await(&go, RACERS));
	test_add(&go, 1);
	for (volatile unsigned k = spin; k > 0; k--)
		;
	CHECK_EQ(weft_executor_stop(ex, how, test_soon()), 0);
	for (int i = 0; i < RACERS; i++) {
		pthread_join(racers[i].thread, NULL);
		CHECK(racers[i].accepted == EACH || racers[i].err == -ESHUTDOWN);
		for (size_t k = 0; k < racers[i].accepted; k++)
			wrong += !done_as(how, weft_future_status(weft_task_future(&racers[i].task[k])));
	}
	CHECK_EQ(wrong, 0);
	weft_executor_free(ex);
}

TEST(life_stop_races_with_submit)
{
	for (unsigned i = 0; i < 15; i++)
		stop_against_submitters((enum weft_stop)(i % 3), i * i * 1500);
}

struct starter {
	weft_executor *ex;
	pthread_t thread;
	uint32_t *gate;
};

static void *open_later(void *ctx)
{
	struct starter *s = ctx;
	test_sleep_ms(20);
	test_set(s->gate, 1);
	return NULL;
}

/* The continuation has been accepted by ex, its cause runs elsewhere: draining waits for both. */
TEST(life_drain_waits_for_continuations)
{
	weft_executor *ex = stoppable(), *other = NULL;
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct test_mark mark = {.ref = ref, .word = 3};
	struct starter s = {.gate = &board[TEST_GATE_OPEN]};
	weft_task cause = {.fn = test_gate_fn, .arg = &ref, .arg_size = sizeof ref};
	weft_task next[3];
	REQUIRE_EQ(weft_executor_open(&other, "threads:1"), 0);
	REQUIRE_EQ(weft_submit(other, &cause), 0);
	for (int i = 0; i < 3; i++) {
		next[i] = (weft_task){.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		REQUIRE_EQ(weft_future_then(weft_task_future(&cause), ex, &next[i]), 0);
	}
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, weft_after(WEFT_MS(5))), -ETIMEDOUT);
	REQUIRE_EQ(pthread_create(&s.thread, NULL, open_later, &s), 0);
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, test_soon()), 0);
	pthread_join(s.thread, NULL);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(weft_future_status(weft_task_future(&next[i])), 0);
	CHECK_EQ(test_get(&board[3]), 3);
	weft_executor_free(ex);
	weft_executor_free(other);
}

TEST(life_cancel_drops_continuations)
{
	weft_executor *ex = stoppable(), *other = NULL;
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct test_mark mark = {.ref = ref, .word = 3};
	weft_task cause = {.fn = test_gate_fn, .arg = &ref, .arg_size = sizeof ref};
	weft_task next = {.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
	REQUIRE_EQ(weft_executor_open(&other, "threads:1"), 0);
	REQUIRE_EQ(weft_submit(other, &cause), 0);
	REQUIRE_EQ(weft_future_then(weft_task_future(&cause), ex, &next), 0);
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_CANCEL, test_soon()), 0);
	int status = weft_future_status(weft_task_future(&next));
	CHECK(status == -ECANCELED || status == -ESHUTDOWN);
	weft_executor_free(ex);
	test_set(&board[TEST_GATE_OPEN], 1);
	test_wait(weft_task_future(&cause));
	CHECK_EQ(weft_future_status(weft_task_future(&cause)), 0);
	CHECK_EQ(test_get(&board[3]), 0);
	weft_executor_free(other);
}
