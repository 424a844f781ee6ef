/* SPDX-License-Identifier: MIT
 *
 * crash_step.c -- a worker is killed after each single instruction that weft executes in it: while it wakes,
 * takes tasks, passes over one that was taken back, answers, goes to sleep, leaves. Each task has one outcome
 * afterwards, what had not begun goes on, and there is a worker again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "crash_kit.h"
#include "crash_tracer.h"

enum { TASKS = 3, ITEMS = 4, REHEARSALS = 3, STATUS = 7, VALUE = 1000 };

/* Under a sanitizer each point takes many times as long, and its own instructions are points too. */
#if defined(__SANITIZE_ADDRESS__) || TEST_UNDER_TSAN
enum { STRIDE = 17 };
#else
enum { STRIDE = 1 };
#endif

struct order {
	test_ref ref;
	uint32_t word;
	int32_t error; /* 0: none */
	bool warm_up;
};

static test_ref ref;
static uint32_t *board;
/* The only body here, so that the worker has found its function before it is traced; the board too, by then.
 * Counts itself, and gives VALUE and its word; or fails as asked. To warm up, gives the worker's pid. */
static int step_fn(weft_call *call, const void *arg, void *res)
{
	static uint32_t *words; /* of the worker */
	const struct order *o = arg;
	if (!words)
		words = test_board_map(&o->ref);
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	*(uint64_t *)res = o->warm_up ? (uint64_t)getpid() : VALUE + o->word;
	if (!o->warm_up)
		test_add(&words[o->word], 1);
	return o->error ? weft_call_fail(call, o->error, "as %u was asked to", o->word) : STATUS;
}

static pid_t worker_of(weft_executor *ex)
{
	struct order o = {.ref = ref, .warm_up = true};
	uint64_t pid = 0;
	weft_task t = {.fn = step_fn, .arg = &o, .arg_size = sizeof o, .result = &pid, .result_size = 8};
	for (int i = 0; i < 2; i++) {
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		REQUIRE_EQ(weft_future_status(weft_task_future(&t)), STATUS);
	}
	return (pid_t)pid;
}

/* There is a worker, and it works; from here on it is traced. */
static void seize(struct tracer *t, weft_executor *ex)
{
	int err = tracer_seize(t, worker_of(ex));
	if (err == -EPERM || err == -ENOSYS) {
		weft_executor_free(ex);
		SKIP("processes cannot be traced here");
	}
	REQUIRE_EQ(err, 0);
}

/* ---- A scene: something that a worker does, over and over, up to one instruction after the other ---- */

struct scene {
	const char *name;
	void (*begin)(weft_executor *ex); /* asks for it, while the worker stands still */
	bool (*over)(void);               /* it has been done */
	bool (*check)(void);              /* waits for what was asked for, and checks it: has a task died? */
	bool leaves;                      /* at its end there is no worker, and the pool has stopped */
	size_t points_min;                /* fewer would mean that nothing is tested */
};

/* Lets the worker go on until it stops, ends, or sleeps with everything done. */
static enum traced play(struct tracer *t, const struct scene *s, enum traced (*go)(struct tracer *t))
{
	weft_time end = test_soon();
	enum traced state = go(t);
	while (state == TRACED_ASLEEP && !s->over() && weft_now() < end)
		state = go(t);
	CHECK(state != TRACED_ASLEEP || s->over());
	return state;
}

/* Plays it in a worker of ex, which becomes a fresh pool where the scene uses it up. Returns how it ended. */
static enum traced play_once(struct tracer *t, const struct scene *s, weft_executor **ex,
			     enum traced (*go)(struct tracer *t))
{
	seize(t, *ex);
	s->begin(*ex);
	enum traced state = play(t, s, go);
	if (state == TRACED_STOPPED)
		tracer_kill(t);
	else if (state == TRACED_ASLEEP)
		tracer_release(t);
	bool died = s->check();
	CHECK(state == TRACED_STOPPED || !died);
	if (s->leaves) {
		weft_executor_free(*ex);
		*ex = crash_open("processes:1");
	}
	return state;
}

static void play_all(const struct scene *s)
{
	weft_executor *ex = crash_open("processes:1");
	struct tracer t = {0};
	size_t points = 0, missed = 0;
	board = test_board(&ref);
	for (int i = 0; i < REHEARSALS; i++)
		play_once(&t, s, &ex, tracer_note);
	for (size_t i = 0; tracer_next(&t); i++) {
		if (i % STRIDE)
			continue;
		if (play_once(&t, s, &ex, tracer_run) == TRACED_STOPPED)
			points++;
		else
			missed++;
	}
	printf("%s: killed at %zu points; %zu were not reached again\n", s->name, points, missed);
	CHECK(points >= s->points_min / STRIDE);
	crash_check_works(ex, 10);
	crash_check_workers(ex, 1);
	weft_executor_free(ex);
	tracer_fini(&t);
}

/* ---- Tasks: one that succeeds, one that may be run again, one that fails with a text ---- */

static struct order order[TASKS];
static uint64_t result[TASKS];
static weft_task task[TASKS];

static void submit_tasks(weft_executor *ex, uint32_t second_flags, int32_t last_error)
{
	for (uint32_t i = 0; i < TASKS; i++) {
		test_set(&board[i], 0);
		order[i] = (struct order){.ref = ref, .word = i, .error = i == TASKS - 1 ? last_error : 0};
		result[i] = 0;
		task[i] = (weft_task){.fn = step_fn, .arg = &order[i], .arg_size = sizeof order[i]};
		task[i].result = &result[i];
		task[i].result_size = sizeof result[i];
		task[i].flags = i == 1 ? second_flags : 0;
		REQUIRE_EQ(weft_submit(ex, &task[i]), 0);
	}
}

static bool tasks_over(void)
{
	for (int i = 0; i < TASKS; i++)
		if (weft_future_status(weft_task_future(&task[i])) == -EINPROGRESS)
			return false;
	return true;
}

/* It has one outcome, and that one is right. Has it died? */
static bool check_task(int i)
{
	weft_future *f = weft_task_future(&task[i]);
	test_wait(f);
	uint32_t begun = test_get(&board[i]);
	bool again = task[i].flags & WEFT_TASK_IDEMPOTENT;
	if (weft_future_status(f) == -EOWNERDEAD) {
		CHECK(begun <= 1 && !again);
		return true;
	}
	CHECK(begun == 1 || (begun == 2 && again));
	if (order[i].error) {
		CHECK_EQ(weft_future_status(f), order[i].error);
		CHECK(!strcmp(weft_future_error(f), "as 2 was asked to"));
	} else {
		CHECK_EQ(weft_future_status(f), STATUS);
		CHECK_EQ(result[i], VALUE + order[i].word);
	}
	return false;
}

static void begin_tasks(weft_executor *ex)
{
	submit_tasks(ex, WEFT_TASK_IDEMPOTENT, -EBADE);
}

static bool check_tasks(void)
{
	int died = check_task(0) + check_task(1) + check_task(2);
	CHECK(died <= 1);
	return died;
}

TEST(step_through_tasks)
{
	play_all(&(struct scene){"tasks", begin_tasks, tasks_over, check_tasks, .points_min = 200});
}

/* ---- The one in the middle is taken back before the worker comes to it ---- */

static void begin_and_take_back(weft_executor *ex)
{
	submit_tasks(ex, 0, 0);
	CHECK_EQ(weft_future_cancel(weft_task_future(&task[1])), WEFT_CANCEL_DROPPED);
}

static bool check_others(void)
{
	int died = check_task(0) + check_task(2);
	CHECK(died <= 1);
	CHECK_EQ(weft_future_status(weft_task_future(&task[1])), -ECANCELED);
	CHECK_EQ(test_get(&board[1]), 0);
	return died;
}

TEST(step_over_a_task_taken_back)
{
	play_all(&(struct scene){"taken back", begin_and_take_back, tasks_over, check_others,
				 .points_min = 200});
}

/* ---- A map: many calls in one task ---- */

struct mapping {
	pthread_t thread;
	weft_executor *ex;
	struct order in[ITEMS];
	uint64_t out[ITEMS];
	size_t failed;
	int err;
	uint32_t over;
};

static struct mapping mapping;

static void *map_thread(void *ctx)
{
	struct mapping *m = ctx;
	struct weft_map_opts o = {.size = sizeof o, .chunk = ITEMS, .ret_failed = &m->failed};
	m->err = weft_map(m->ex, step_fn, m->in, sizeof m->in[0], m->out, sizeof m->out[0], ITEMS, &o);
	test_set(&m->over, 1);
	return NULL;
}

static void begin_map(weft_executor *ex)
{
	mapping = (struct mapping){.ex = ex, .failed = SIZE_MAX};
	for (uint32_t i = 0; i < ITEMS; i++) {
		test_set(&board[i], 0);
		mapping.in[i] = (struct order){.ref = ref, .word = i};
	}
	REQUIRE_EQ(pthread_create(&mapping.thread, NULL, map_thread, &mapping), 0);
}

static bool map_over(void)
{
	return test_get(&mapping.over);
}

static bool check_map(void)
{
	const struct mapping *m = &mapping;
	pthread_join(m->thread, NULL);
	CHECK(m->err == 0 || (m->err == -EOWNERDEAD && m->failed < ITEMS));
	for (size_t i = 0; i < ITEMS && i < m->failed; i++)
		CHECK_EQ(m->out[i], VALUE + i);
	for (size_t i = 0; i < ITEMS; i++)
		CHECK(test_get(&board[i]) <= 1);
	return m->err != 0;
}

TEST(step_through_a_map)
{
	play_all(&(struct scene){"map", begin_map, map_over, check_map, .points_min = 150});
}

/* ---- Leaving ---- */

static void *stop_thread(void *ctx)
{
	mapping.err = weft_executor_stop(ctx, WEFT_STOP_DRAIN, test_soon());
	return NULL;
}

static void begin_stop(weft_executor *ex)
{
	REQUIRE_EQ(pthread_create(&mapping.thread, NULL, stop_thread, ex), 0);
}

static bool not_over(void)
{
	return false;
}

static bool check_stop(void)
{
	pthread_join(mapping.thread, NULL);
	CHECK_EQ(mapping.err, 0);
	CHECK(crash_await_processes("weft-", 0));
	return false;
}

TEST(step_while_it_leaves)
{
	play_all(&(struct scene){"leaving", begin_stop, not_over, check_stop, true, .points_min = 10});
}
