/* SPDX-License-Identifier: MIT
 *
 * contract_waiters.c -- tasks of a pool that wait: at any depth, in a section, in a continuation; and what may run
 * on top of them.
 */
#include <errno.h>
#include <sched.h>
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

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

static void wait_all(weft_task *task, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		test_wait(weft_task_future(&task[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&task[i])), 0);
	}
}

/* Do so many threads of ex work, as it says, soon? */
static void check_workers(weft_executor *ex, unsigned n)
{
	struct weft_stats s = {.workers = UINT32_MAX};
	for (weft_time end = weft_after(WEFT_SECONDS(5)); s.workers != n && weft_now() < end;
	     test_sleep_ms(1))
		REQUIRE_EQ(weft_executor_stats(ex, &s), 0);
	REQUIRE_EQ(s.workers, n);
}

/* ---- How deep ---- */

struct level {
	weft_executor *ex;
	int depth;
	bool section; /* each waits in one */
	int handed; /* so many from the top wait until another thread has taken what they submit, if one will */
	uint32_t *started; /* tasks */
};

static int descend_fn(weft_call *call, const void *arg, void *result)
{
	const struct level *here = arg;
	struct level below = *here;
	weft_task t = {.fn = descend_fn, .arg = &below, .arg_size = sizeof below};
	(void)call, (void)result;
	uint32_t started = test_add(here->started, 1);
	if (!below.depth--)
		return 0;
	if (here->handed)
		below.handed--;
	int err = weft_submit(here->ex, &t); /* below is the task's now */
	if (here->section || here->handed)
		weft_blocking_begin();
	if (here->handed)
		for (int ms = 0; ms < 50 && test_get(here->started) == started; ms++)
			test_sleep_ms(1);
	if (here->handed && !here->section)
		weft_blocking_end();
	if (!err)
		err = weft_future_wait(weft_task_future(&t), WEFT_FOREVER);
	return err ? err : weft_future_status(weft_task_future(&t));
}

static void check_depth(struct level top)
{
	weft_executor *ex = pool_with("");
	uint32_t started = 0;
	top.ex = ex, top.started = &started;
	if (TEST_UNDER_TSAN) /* ten times slower; still more than one stack */
		top.depth /= 4;
	if (test_is_uring() && TEST_UNDER_TSAN)
		top.depth = 5000; /* each level is a fiber, and it knows no more than 8128 threads */
	weft_task t = {.fn = descend_fn, .arg = &top, .arg_size = sizeof top};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	/* It may take its time; what has stopped, the harness ends, with all stacks. */
	REQUIRE_EQ(weft_future_wait(weft_task_future(&t), WEFT_FOREVER), 0);
	wait_all(&t, 1);
	check_workers(ex, test_workers());
	weft_executor_free(ex);
}

/* Deeper than any one stack. */
TEST(waiters_as_deep_as_you_like)
{
	check_depth((struct level){.depth = 100000});
}

/* Far more than there are threads that can stand in: in a section, too, the awaited task runs in place. */
TEST(waiters_in_sections_as_deep_as_you_like)
{
	check_depth((struct level){.depth = 100000, .section = true});
}

/* The threads that can stand in are used up near the top, with next to nothing on the stack of each. */
TEST(waiters_deep_behind_all_spare_threads)
{
	check_depth((struct level){.depth = 100000, .handed = WEFT_SPARES_MAX + 20});
}

TEST(waiters_deep_in_sections_behind_all_spare_threads)
{
	check_depth((struct level){.depth = 100000, .handed = WEFT_SPARES_MAX + 20, .section = true});
}

/* ---- On a thread of the pool, but in a continuation that is not the pool's ---- */

static int wait_for_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	int err = weft_future_wait(*(weft_future *const *)arg, test_soon());
	return err < 0 ? err : 3;
}

/* Each worker ends a task, and so runs its continuation. That waits for a gate on another executor, and what opens
 * the gate is queued behind. */
TEST(waiters_in_continuations_give_their_place_away)
{
	weft_executor *ex = pool_with(""), *other = NULL;
	unsigned n = test_workers();
	struct test_hold hold;
	test_ref ref;
	test_board(&ref);
	weft_task gate = {.fn = test_gate_fn, .arg = &ref, .arg_size = sizeof ref}, cause[8], next[8];
	weft_future *f = weft_task_future(&gate);
	struct test_mark opener = {.ref = ref, .word = TEST_GATE_OPEN};
	weft_task open = {.fn = test_mark_fn, .arg = &opener, .arg_size = sizeof opener};
	REQUIRE_EQ(weft_executor_open(&other, "threads:1"), 0);
	REQUIRE_EQ(weft_submit(other, &gate), 0);
	test_hold_begin(&hold, ex, n);
	for (unsigned i = 0; i < n; i++) {
		cause[i] = (weft_task){.fn = nothing_fn};
		next[i] = (weft_task){.fn = wait_for_fn, .arg = &f, .arg_size = sizeof f};
		REQUIRE_EQ(weft_submit(ex, &cause[i]), 0);
		REQUIRE_EQ(weft_future_then(weft_task_future(&cause[i]), weft_inline(), &next[i]), 0);
	}
	REQUIRE_EQ(weft_submit(ex, &open), 0);
	test_hold_end(&hold);
	for (unsigned i = 0; i < n; i++) {
		test_wait(weft_task_future(&next[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&next[i])), 3);
	}
	wait_all(&open, 1);
	CHECK_EQ(weft_future_status(f), 0); /* opened, and did not give up */
	check_workers(ex, n);
	weft_executor_free(ex);
	weft_executor_free(other);
}

static int section_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	weft_blocking_begin();
	sched_yield();
	weft_blocking_end();
	return 0;
}

/* A stop drops tasks while workers are about to take them: their continuations run in the midst of that. */
TEST(waiters_in_continuations_of_dropped_tasks)
{
	enum { ROUNDS = 100, TASKS = 64 };
	for (int round = 0; round < (TEST_SLOW_BUILD ? ROUNDS / 10 : ROUNDS); round++) {
		weft_executor *ex = pool_with("");
		weft_task t[TASKS], next[TASKS];
		for (int i = 0; i < TASKS; i++) {
			t[i] = (weft_task){.fn = nothing_fn};
			next[i] = (weft_task){.fn = section_fn};
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
			REQUIRE_EQ(weft_future_then(weft_task_future(&t[i]), weft_inline(), &next[i]), 0);
		}
		test_stop(ex, WEFT_STOP_CANCEL);
		wait_all(next, TASKS);
		weft_executor_free(ex);
	}
}

/* ---- What runs on top of a task that waits ---- */

static _Thread_local const weft_future *awaited;
static uint32_t intruders;

/* Its argument is its own task: it may run on top of who waits for that. */
static int stranger_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	test_add(&intruders, awaited && awaited != weft_task_future((weft_task *)(uintptr_t)arg));
	return 0;
}

static int wait_alone(weft_future *f)
{
	awaited = f;
	int err = weft_future_wait(f, test_soon());
	awaited = NULL;
	return err;
}

/* Waits, perhaps for a task that runs, with strangers of its own making and others behind it; then for the
 * former, the last of them first. */
struct lonely {
	weft_executor *ex;
	uint32_t *started;
	weft_future *f;
};

static int lonely_fn(weft_call *call, const void *arg, void *result)
{
	struct lonely *s = *(struct lonely *const *)arg;
	weft_task t[20];
	int err = 0;
	(void)call, (void)result;
	for (int i = 0; i < 20 && !err; i++) {
		t[i] = (weft_task){.fn = stranger_fn, .arg = &t[i]};
		err = weft_submit(s->ex, &t[i]);
	}
	test_add(s->started, 1);
	if (!err && s->f)
		err = wait_alone(s->f);
	for (int i = 20; i-- > 0 && !err;)
		err = wait_alone(weft_task_future(&t[i]));
	return err;
}

TEST(waiters_run_no_strangers)
{
	if (test_is_uring())
		SKIP("while a fiber waits its thread runs others, on their own stacks");
	weft_executor *ex = pool_with(""), *other = NULL;
	unsigned n = test_workers();
	struct test_hold hold;
	uint32_t started = 0;
	struct lonely s = {.ex = ex, .started = &started}, quick = s, *self[] = {&s, &quick};
	static weft_task lonely[20], t[500];
	test_hold_begin(&hold, n > 1 ? ex : (weft_executor_open(&other, "threads:1"), other), 1);
	s.f = weft_task_future(&hold.task[0]);
	for (int i = 0; i < 20; i++) {
		lonely[i] = (weft_task){.fn = lonely_fn, .arg = &self[i % 2], .arg_size = sizeof *self};
		REQUIRE_EQ(weft_submit(ex, &lonely[i]), 0);
	}
	for (int i = 0; i < 500; i++) {
		t[i] = (weft_task){.fn = stranger_fn, .arg = &t[i], .priority = i % 50 ? 0 : i % 3 - 1};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	wait_all(t, 500);
	REQUIRE(test_await(&started, 20));
	test_hold_end(&hold);
	wait_all(lonely, 20);
	CHECK_EQ(test_get(&intruders), 0);
	weft_executor_free(ex);
	weft_executor_free(other);
}
