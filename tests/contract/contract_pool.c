/* SPDX-License-Identifier: MIT
 *
 * contract_pool.c -- what a pool of threads promises beyond running tasks: its queue holds what it is to
 * hold, however they come; who goes first.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

static weft_executor *pool_with(const char *options)
{
	if (test_is_inline())
		SKIP("nothing is queued here");
	weft_executor *ex = test_executor();
	bool local = weft_executor_caps(ex) & WEFT_CAP_LOCAL;
	weft_executor_free(ex);
	if (!local)
		SKIP("a task has no pointer to what it shares with the test");
	return test_executor_with(options);
}

/* By the clock, for what may take a processor: bodies that must not sleep. */
static bool spin_until(const uint32_t *word, uint32_t value)
{
	for (weft_time end = test_soon(); test_get(word) < value; sched_yield())
		if (weft_now() >= end)
			return false;
	return true;
}

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

/* ---- The limit of the queue ---- */

enum { LIMIT_MAX = 1000 };
static const unsigned limits[] = {1, 2, 3, 63, 64, 65, LIMIT_MAX};

static weft_executor *pool_of_queue(unsigned limit)
{
	char options[32];
	snprintf(options, sizeof options, "queue=%u", limit);
	return pool_with(options);
}

static weft_task many[12][LIMIT_MAX + 2];

/* Submits, until the queue is full. */
struct filler {
	weft_executor *ex;
	weft_task *task;
	unsigned limit, accepted;
	int priorities; /* how many there are to choose from, 0 in their middle */
	int err;
	uint32_t *started, *go, *full, *open;
	pthread_t thread;
	weft_task self;
};

static void fill(struct filler *f)
{
	test_add(f->started, 1);
	if (!spin_until(f->go, 1))
		return;
	for (f->err = 0; f->accepted <= f->limit; f->accepted++) {
		weft_task *t = &f->task[f->accepted];
		*t = (weft_task){.fn = nothing_fn};
		t->priority = (int32_t)f->accepted % f->priorities - f->priorities / 2;
		f->err = weft_submit(f->ex, t);
		if (f->err)
			break;
	}
	test_add(f->full, 1);
}

static void *fill_outside(void *ctx)
{
	fill(ctx);
	return NULL;
}

static int fill_inside(weft_call *call, const void *arg, void *result)
{
	struct filler *f = *(struct filler *const *)arg;
	(void)call, (void)result;
	fill(f);
	return test_await(f->open, 1) ? 0 : -ETIME;
}

static void finish_all(const struct filler *f)
{
	for (unsigned i = 0; i < f->accepted; i++) {
		test_wait(weft_task_future(&f->task[i]));
		int status = weft_future_status(weft_task_future(&f->task[i]));
		CHECK(status == 0 || status == -ECANCELED);
	}
}

/* All workers, and some threads outside, fill the queue together; then one that may have room is let in. */
static void check_limit(unsigned limit, int priorities, unsigned outside)
{
	weft_executor *ex = pool_of_queue(limit);
	unsigned workers = test_workers(), n = workers + outside, sum = 0;
	uint32_t started = 0, go = 0, full = 0, open = 0;
	struct filler f[12], *self[12];
	weft_task more = {.fn = nothing_fn};
	for (unsigned i = 0; i < n; i++) {
		f[i] = (struct filler){.ex = ex, .task = many[i], .limit = limit, .priorities = priorities};
		f[i].started = &started, f[i].go = &go, f[i].full = &full, f[i].open = &open;
		self[i] = &f[i];
		f[i].self = (weft_task){.fn = fill_inside, .arg = &self[i], .arg_size = sizeof self[i]};
		if (i < workers)
			REQUIRE_EQ(weft_submit_wait(ex, &f[i].self, test_soon()), 0);
		else
			REQUIRE_EQ(pthread_create(&f[i].thread, NULL, fill_outside, &f[i]), 0);
	}
	REQUIRE(test_await(&started, n));
	test_set(&go, 1);
	REQUIRE(test_await(&full, n));
	for (unsigned i = workers; i < n; i++)
		pthread_join(f[i].thread, NULL);
	for (unsigned i = 0; i < n; i++)
		sum += f[i].accepted;
	CHECK_EQ(sum, limit);
	CHECK_EQ(weft_submit(ex, &more), -EAGAIN);
	for (unsigned i = 0; i < n && limit > 1; i++)
		if (f[i].accepted) {
			CHECK_EQ(weft_future_cancel(weft_task_future(&f[i].task[f[i].accepted / 2])),
				 WEFT_CANCEL_DROPPED);
			CHECK_EQ(weft_submit(ex, &more), 0);
			CHECK_EQ(weft_submit(ex, &(weft_task){.fn = nothing_fn}), -EAGAIN);
			break;
		}
	test_set(&open, 1);
	for (unsigned i = 0; i < workers; i++) {
		test_wait(weft_task_future(&f[i].self));
		CHECK_EQ(weft_future_status(weft_task_future(&f[i].self)), 0);
	}
	for (unsigned i = 0; i < n; i++) {
		finish_all(&f[i]);
		CHECK_EQ(f[i].err, -EAGAIN);
	}
	weft_executor_free(ex);
}

TEST(pool_queue_filled_from_inside)
{
	for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++)
		check_limit(limits[i], 1, 0);
}

TEST(pool_queue_filled_from_all_sides)
{
	for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++)
		check_limit(limits[i], 1, 3);
}

TEST(pool_queue_filled_with_priorities)
{
	for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++)
		check_limit(limits[i], 5, 3);
}

/* How many tasks are accepted until the queue is full: tasks[0] is the first of them. */
static unsigned accepted(weft_executor *ex, weft_task *task, int32_t priority)
{
	unsigned n = 0;
	do
		task[n] = (weft_task){.fn = nothing_fn, .priority = priority};
	while (weft_submit(ex, &task[n]) == 0 && ++n <= LIMIT_MAX);
	return n;
}

static void wait_all(weft_task *task, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		test_wait(weft_task_future(&task[i]));
}

/* As many as workers are let go start one each of the next gates: so much room there is. */
TEST(pool_queue_room_after_starts)
{
	for (unsigned i = 3; i < sizeof limits / sizeof *limits; i++) {
		weft_executor *ex = pool_of_queue(limits[i]);
		unsigned workers = test_workers(), n;
		static weft_task gate[8];
		struct test_hold hold;
		test_ref ref;
		uint32_t *board = test_board(&ref);
		test_hold_begin(&hold, ex, workers);
		for (unsigned k = 0; k < workers; k++) {
			gate[k] = (weft_task){.fn = test_gate_fn, .arg = &ref, .arg_size = sizeof ref};
			gate[k].priority = workers > 1; /* one takes several, and keeps the rest */
			REQUIRE_EQ(weft_submit(ex, &gate[k]), 0);
		}
		n = accepted(ex, many[0], 0);
		CHECK_EQ(n, limits[i] - workers);
		test_hold_end(&hold);
		REQUIRE(test_await(&board[TEST_GATE_STARTED], workers));
		CHECK_EQ(accepted(ex, many[1], 0), workers);
		test_set(&board[TEST_GATE_OPEN], 1);
		wait_all(gate, workers);
		wait_all(many[0], n);
		wait_all(many[1], workers);
		weft_executor_free(ex);
	}
}

/* Continuations get in over the limit; but they count, and when they have gone the limit is what it was.
 * Before, tasks of another priority may have filled the queue, and left it. */
static void check_continuations(unsigned limit, bool before, unsigned n, int32_t priority)
{
	weft_executor *ex = pool_of_queue(limit);
	struct test_hold hold;
	weft_task cause = {.fn = nothing_fn};
	static weft_task next[LIMIT_MAX];
	unsigned got;
	REQUIRE_EQ(weft_submit(weft_inline(), &cause), 0);
	test_hold_begin(&hold, ex, test_workers());
	if (before) {
		got = accepted(ex, many[0], 1);
		for (unsigned i = 0; i < got; i++)
			CHECK_EQ(weft_future_cancel(weft_task_future(&many[0][i])), WEFT_CANCEL_DROPPED);
	}
	for (unsigned i = 0; i < n; i++) {
		next[i] = (weft_task){.fn = nothing_fn, .priority = i % 2 ? priority : 0};
		REQUIRE_EQ(weft_future_then(weft_task_future(&cause), ex, &next[i]), 0);
	}
	got = accepted(ex, many[0], 0);
	CHECK_EQ(got, n < limit ? limit - n : 0);
	test_hold_end(&hold);
	wait_all(next, n);
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(weft_future_status(weft_task_future(&next[i])), 0);
	wait_all(many[0], got);
	test_hold_begin(&hold, ex, test_workers());
	got = accepted(ex, many[0], 0);
	CHECK_EQ(got, limit);
	test_hold_end(&hold);
	wait_all(many[0], got);
	weft_executor_free(ex);
}

TEST(pool_continuations_over_the_limit)
{
	for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++) {
		check_continuations(limits[i], false, limits[i], 0);
		check_continuations(limits[i], false, limits[i] / 2 + 100, 2);
	}
}

TEST(pool_continuations_count)
{
	for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++) {
		check_continuations(limits[i], false, 1, 0);
		check_continuations(limits[i], true, 1, 0);
		check_continuations(limits[i], true, limits[i] / 2, -1);
	}
}

/* ---- Who goes first ---- */

static uint32_t turn, order[200];

/* Its argument is its number; the turns in which they ran are in order[]. */
static int in_turn_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	order[*(const uint32_t *)arg] = test_add(&turn, 1);
	return 0;
}

static weft_task in_turn(uint32_t i, int32_t priority)
{
	static uint32_t number[200];
	number[i] = i;
	return (weft_task){
		.fn = in_turn_fn, .arg = &number[i], .arg_size = sizeof number[i], .priority = priority};
}

static weft_executor *pool_of_one(void)
{
	weft_executor *ex = pool_with("");
	if (test_workers() == 1)
		return ex;
	weft_executor_free(ex);
	SKIP("only one worker runs tasks one after another");
}

/* Highest first, then in order of submission. */
static void check_order(weft_task *t, uint32_t n)
{
	uint32_t wrong = 0;
	wait_all(t, n);
	for (uint32_t a = 0; a < n; a++)
		for (uint32_t b = a + 1; b < n; b++)
			wrong += t[a].priority >= t[b].priority ? order[a] > order[b] : order[a] < order[b];
	CHECK_EQ(wrong, 0);
	CHECK_EQ(test_get(&turn), n);
	turn = 0;
}

TEST(pool_higher_priorities_first)
{
	static const int32_t priority[] = {0, 3, -1, 0, INT32_MAX, -7, 1, 0, 3, INT32_MIN, 0};
	weft_executor *ex = pool_of_one();
	static weft_task t[99];
	for (int round = 0; round < 5; round++) {
		struct test_hold hold;
		test_hold_begin(&hold, ex, 1);
		for (uint32_t i = 0; i < 99; i++) {
			t[i] = in_turn(i, priority[i % 11]);
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		}
		test_hold_end(&hold);
		check_order(t, 99);
	}
	weft_executor_free(ex);
}

/* A worker may take over several tasks at a time; what comes later, but is more urgent, overtakes them. */
TEST(pool_urgent_overtakes_what_a_worker_has)
{
	weft_executor *ex = pool_of_one();
	struct test_hold hold;
	static weft_task t[102];
	test_hold_begin(&hold, ex, 1);
	test_ref ref;
	uint32_t *board = test_board(&ref);
	weft_task gate = {.fn = test_gate_fn, .arg = &ref, .arg_size = sizeof ref};
	REQUIRE_EQ(weft_submit(ex, &gate), 0);
	for (uint32_t i = 0; i < 100; i++) {
		t[i] = in_turn(i, 0);
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	test_hold_end(&hold);
	REQUIRE(test_await(&board[TEST_GATE_STARTED], 1));
	t[100] = in_turn(100, -1);
	t[101] = in_turn(101, 5);
	REQUIRE_EQ(weft_submit(ex, &t[100]), 0);
	REQUIRE_EQ(weft_submit(ex, &t[101]), 0);
	test_set(&board[TEST_GATE_OPEN], 1);
	test_wait(weft_task_future(&gate));
	check_order(t, 102);
	weft_executor_free(ex);
}

struct mix {
	weft_executor *ex;
	weft_task *t;
	uint32_t n, *go, *inside, *open;
};

/* Submits every second task; the test submits the others in between. */
static int mix_fn(weft_call *call, const void *arg, void *result)
{
	struct mix *m = *(struct mix *const *)arg;
	int err = 0;
	(void)call, (void)result;
	for (uint32_t i = 0; i < m->n && !err; i += 2) {
		if (!spin_until(m->go, i + 1))
			return -ETIME;
		err = weft_submit(m->ex, &m->t[i]);
		test_set(m->inside, i + 1);
	}
	return err || !test_await(m->open, 1) ? -ETIME : 0;
}

static void check_mix(const int32_t priority[], uint32_t kinds)
{
	weft_executor *ex = pool_of_one();
	static weft_task t[150];
	uint32_t go = 0, inside = 0, open = 0;
	struct mix mix = {.ex = ex, .t = t, .n = 150, .go = &go, .inside = &inside, .open = &open}, *m = &mix;
	weft_task mixer = {.fn = mix_fn, .arg = &m, .arg_size = sizeof m};
	for (uint32_t i = 0; i < 150; i++)
		t[i] = in_turn(i, priority[i * 7 % 11 % kinds]);
	REQUIRE_EQ(weft_submit(ex, &mixer), 0);
	for (uint32_t i = 0; i < 150; i += 2) {
		test_set(&go, i + 1);
		REQUIRE(spin_until(&inside, i + 1));
		REQUIRE_EQ(weft_submit(ex, &t[i + 1]), 0);
	}
	test_set(&open, 1);
	test_wait(weft_task_future(&mixer));
	CHECK_EQ(weft_future_status(weft_task_future(&mixer)), 0);
	check_order(t, 150);
	weft_executor_free(ex);
}

TEST(pool_of_one_is_first_in_first_out)
{
	check_mix((const int32_t[]){0}, 1);
}

TEST(pool_of_one_orders_inside_and_outside_alike)
{
	check_mix((const int32_t[]){0, 2, -3, 1}, 4);
}

/* A continuation that gets in over the limit takes its turn as well, and is not overtaken for ever. */
TEST(pool_of_one_keeps_continuations_in_order)
{
	weft_executor *ex = pool_with("queue=2");
	if (test_workers() != 1) {
		weft_executor_free(ex);
		SKIP("only one worker runs tasks one after another");
	}
	struct test_hold hold;
	uint32_t go = 1, inside = 0, open = 1;
	static weft_task t[3];
	struct mix mix = {.ex = ex, .t = &t[2], .n = 1, .go = &go, .inside = &inside, .open = &open},
		   *m = &mix;
	weft_task cause = {.fn = nothing_fn}, submits = {.fn = mix_fn, .arg = &m, .arg_size = sizeof m};
	REQUIRE_EQ(weft_submit(weft_inline(), &cause), 0);
	test_hold_begin(&hold, ex, 1);
	for (uint32_t i = 0; i < 3; i++)
		t[i] = in_turn(i, 0);
	REQUIRE_EQ(weft_submit(ex, &t[0]), 0);
	REQUIRE_EQ(weft_submit(ex, &submits), 0);
	REQUIRE_EQ(weft_future_then(weft_task_future(&cause), ex, &t[1]), 0);
	test_hold_end(&hold);
	test_wait(weft_task_future(&submits));
	REQUIRE_EQ(weft_future_status(weft_task_future(&submits)), 0);
	check_order(t, 3);
	weft_executor_free(ex);
}
