/* SPDX-License-Identifier: MIT
 *
 * model_uring.c -- executors/uring_wait.c: a fiber waits, and other threads wake it, tell it to give up, stop its
 * executor, end its lane. The lane is a model thread with one fiber, whose bell is a word; that it sleeps for ever is
 * a deadlock to the checker, so no wake is lost.
 */
#include "model.h"
#include "uring_parts.h"

#include <errno.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static struct uring_pool pool;
static struct uring_lane lane;
static struct uring_fiber fiber;
static const struct weft__engine engine = {.wait = uring_wait, .wake = uring_wake};
static struct weft__parker first, second;
static struct weft__lock lock;
static bool listed;
static weft_executor ex;
static weft_task task, next;
static atom_u32 bell, ended;
static int data;

/* ---- What uring_lane.c, uring_heap.c and uring_files.c do, for one fiber ---- */

void uring_lane_strike(struct uring_lane *l)
{
	model_assert(l->pool == &pool);
	atom_store(&bell, 1, release);
	weft__wake(&bell, 1, WEFT__PRIVATE);
}

void uring_lane_ready(struct uring_fiber *f, int result)
{
	model_assert(uring_self == &lane);
	if (f->phase == URING_READY) {
		f->result = result ? f->result : 0;
		return;
	}
	model_assert(f->phase == URING_WAITING);
	f->alarm = 0;
	f->phase = URING_READY;
	f->result = (int16_t)result;
}

void uring_lane_suspend(struct uring_fiber *f)
{
	for (;;) {
		uring_hear(&lane);
		if (f->phase == URING_READY)
			break;
		if (uring_announce(&lane) &&
		    weft__wait_thread(&bell, 0, f->alarm ? 1 : WEFT_FOREVER, WEFT__PRIVATE) == -ETIMEDOUT)
			uring_lane_ready(f, -ETIMEDOUT);
		atom_swap(&bell, 0, acquire);
		uring_awake(&lane);
	}
	f->phase = URING_RUNNING;
}

void uring_heap_add(struct uring_heap *h, weft_time at, struct uring_fiber *f)
{
	(void)h;
	(void)at;
	f->alarm = 1;
}

void uring_files_hear(struct uring_lane *l)
{
	(void)l;
}

static void start(void)
{
	lane = (struct uring_lane){.pool = &pool};
	fiber = (struct uring_fiber){.base = {.engine = &engine, .ex = &ex}, .lane = &lane, .task = &task};
	fiber.woken.fiber = fiber.told.fiber = lane.all = &fiber;
	first = second = (struct weft__parker){0};
	lock = (struct weft__lock){0};
	ex = (weft_executor){.how = 0};
	task = next = (weft_task){.fn = NULL};
	weft__future(&task)->ex = weft__future(&next)->ex = &ex;
	weft__future(&task)->state = weft__future(&next)->state = PHASE_RUNNING;
	bell = ended = 0;
	data = 0;
	listed = true;
	model_name(&lane.notes, "notes");
	model_name(&lane.asleep, "asleep");
	model_name(&lane.sweep, "sweep");
	model_name(&lane.posting, "posting");
	model_name(&fiber.asked, "asked");
	model_name(&first.word, "first");
	model_name(&second.word, "second");
	model_name(&bell, "bell");
}

static void be_fiber(void)
{
	uring_self = &lane;
	weft__fiber = &fiber.base;
}

/* ---- Wakes ---- */

THREAD(park)
{
	be_fiber();
	model_assert(weft__park(&first, WEFT_FOREVER) == 0);
	model_assert(data == 1);
}

THREAD(unpark)
{
	data = 1;
	weft__unpark(&first);
}

MODEL(wake_is_not_lost)
{
	start();
	model_thread("fiber", park, NULL);
	model_thread("waker", unpark, NULL);
	model_run();
}

/* Who gives up takes itself off the list, and parks elsewhere: a wake that was meant for the first wait must not end
 * the second. */
THREAD(park_twice)
{
	int err;

	be_fiber();
	err = weft__park(&first, 1);
	model_assert(err == 0 || err == -ETIMEDOUT);
	weft__lock(&lock);
	listed = false;
	weft__unlock(&lock);
	model_gone(&first, sizeof first);
	model_assert(weft__park(&second, WEFT_FOREVER) == 0);
	model_assert(data == 1);
}

THREAD(unpark_listed)
{
	weft__lock(&lock);
	if (listed)
		weft__unpark(&first);
	weft__unlock(&lock);
}

THREAD(unpark_second)
{
	data = 1;
	weft__unpark(&second);
}

MODEL(a_late_wake_ends_no_other_wait)
{
	start();
	model_timeouts(1);
	model_preemptions(-1);
	model_thread("fiber", park_twice, NULL);
	model_thread("waker", unpark_listed, NULL);
	model_thread("other", unpark_second, NULL);
	model_run();
}

/* ---- Being told to give up ---- */

static enum weft_cancel interrupt(void *self, weft_task *t)
{
	(void)self;
	uring_interrupt(t);
	return WEFT_CANCEL_ASKED;
}

THREAD(wait_interruptibly)
{
	weft_call call = {.task = NULL};

	call.base = &call;
	call.task = fiber.task;
	be_fiber();
	if (!fiber.lane) /* it is made just now */
		fiber.lane = &lane;
	uring_begin(&fiber);
	weft__current = &call;
	model_assert(uring_wait(&fiber.base, WEFT_FOREVER, true) == -ECANCELED);
	weft__current = NULL;
}

THREAD(cancel)
{
	enum weft_cancel answer = WEFT_CANCEL_LATE;

	model_assert(weft__ask(weft__future(&task), &answer));
	model_assert(answer == WEFT_CANCEL_ASKED);
}

MODEL(cancel_reaches_a_fiber)
{
	start();
	ex.ops.interrupt = interrupt;
	fiber.lane = NULL;
	model_thread("fiber", wait_interruptibly, NULL);
	model_thread("canceller", cancel, NULL);
	model_run();
}

MODEL(two_cancels_reach_a_fiber)
{
	start();
	ex.ops.interrupt = interrupt;
	model_preemptions(-1);
	model_thread("fiber", wait_interruptibly, NULL);
	model_thread("canceller", cancel, NULL);
	model_thread("another", cancel, NULL);
	model_run();
}

/* The note about the task before is still on its way, so there is none about the next. */
THREAD(cancel_late)
{
	uring_interrupt(&task);
}

THREAD(cancel_next)
{
	enum weft_cancel answer = WEFT_CANCEL_LATE;

	model_assert(weft__ask(weft__future(&next), &answer));
}

MODEL(cancel_reaches_a_fiber_by_another_note)
{
	start();
	ex.ops.interrupt = interrupt;
	weft__future(&task)->place = (uintptr_t)&fiber;
	fiber.task = &next;
	model_preemptions(-1);
	model_thread("fiber", wait_interruptibly, NULL);
	model_thread("late", cancel_late, NULL);
	model_thread("canceller", cancel_next, NULL);
	model_run();
}

THREAD(stop)
{
	atom_store(&ex.how, 1 + WEFT_STOP_CANCEL, seq_cst);
	uring_sweep(&lane);
}

MODEL(stop_reaches_a_fiber)
{
	start();
	model_thread("fiber", wait_interruptibly, NULL);
	model_thread("stopper", stop, NULL);
	model_run();
}

/* ---- The end ---- */

THREAD(park_and_end)
{
	park(NULL);
	atom_store(&ended, 1, release);
	weft__wake(&ended, 1, WEFT__PRIVATE);
}

/* As weft_executor_free, once the lane's thread has gone. */
THREAD(end)
{
	while (!atom_load(&ended, acquire))
		weft__wait_thread(&ended, 0, WEFT_FOREVER, WEFT__PRIVATE);
	while (atom_load(&lane.posting, acquire))
		atom_pause();
	lane.pool = NULL;
	model_gone(&lane, sizeof lane);
}

MODEL(a_waker_is_done_with_the_lane_before_it_goes)
{
	start();
	model_thread("fiber", park_and_end, NULL);
	model_thread("waker", unpark, NULL);
	model_thread("end", end, NULL);
	model_run();
}

/* ---- A lane without anything to do ---- */

/* Until *word is set. */
static void idle(void *word)
{
	uring_self = &lane;
	while (!atom_load((atom_u32 *)word, relaxed)) {
		if (uring_announce(&lane))
			weft__wait_thread(&bell, 0, WEFT_FOREVER, WEFT__PRIVATE);
		atom_swap(&bell, 0, acquire);
		uring_awake(&lane);
	}
}

static void set(void *word)
{
	atom_store((atom_u32 *)word, 1, seq_cst);
	uring_ring_bell(&lane);
}

static void check_idle(atom_u32 *word)
{
	start();
	*word = 0;
	model_thread("lane", idle, word);
	model_thread("setter", set, word);
	model_run();
	*word = 0;
}

MODEL(a_task_reaches_a_lane)
{
	check_idle(&pool.queued);
}

MODEL(a_close_reaches_a_lane)
{
	check_idle(&lane.closing);
}

MODEL(the_end_reaches_a_lane)
{
	check_idle(&pool.ending);
}
