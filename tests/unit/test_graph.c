/* SPDX-License-Identifier: MIT
 *
 * test_graph.c -- waits that would come back to the one who waits are refused, of whatever length; waits
 * that only look like it are not.
 */
#include "harness.h"

#include <errno.h>

#include "graph.h"

enum { TASKS = 6 };

/* Tasks, and for each what the thread that runs it would have as its current call. */
struct scene {
	weft_task task[TASKS];
	weft_call call[TASKS];
};

static void scene_init(struct scene *s)
{
	*s = (struct scene){.task = {{0}}};
	for (int i = 0; i < TASKS; i++)
		s->call[i].task = &s->task[i];
}

/* As task a does when it is about to wait for task b. */
static int enter(struct scene *s, int a, int b)
{
	weft__current = &s->call[a];
	int err = weft__graph_enter(weft__future(&s->task[b]));
	weft__current = NULL;
	return err;
}

static void leave(struct scene *s, int a)
{
	weft__current = &s->call[a];
	weft__graph_leave();
	weft__current = NULL;
}

static const weft_future *awaited(struct scene *s, int a)
{
	return weft__future(&s->task[a])->awaits;
}

TEST(cycle_of_one)
{
	struct scene s;
	scene_init(&s);
	CHECK_EQ(enter(&s, 0, 0), -EDEADLK);
	CHECK(!awaited(&s, 0));
}

TEST(cycle_of_two)
{
	struct scene s;
	scene_init(&s);
	CHECK_EQ(enter(&s, 0, 1), 0);
	CHECK_EQ(enter(&s, 1, 0), -EDEADLK);
	CHECK(awaited(&s, 0) == weft__future(&s.task[1]));
	CHECK(!awaited(&s, 1));
	leave(&s, 0);
	CHECK_EQ(enter(&s, 1, 0), 0); /* now the other way round */
	CHECK_EQ(enter(&s, 0, 1), -EDEADLK);
}

/* Whichever wait comes last is the one that is refused. */
TEST(cycle_of_five)
{
	for (int last = 0; last < 5; last++) {
		struct scene s;
		scene_init(&s);
		for (int i = 0; i < 5; i++)
			if (i != last)
				CHECK_EQ(enter(&s, i, (i + 1) % 5), 0);
		CHECK_EQ(enter(&s, 5, last == 4 ? 0 : last + 1), 0); /* from outside into the chain */
		CHECK_EQ(enter(&s, last, (last + 1) % 5), -EDEADLK);
		CHECK_EQ(enter(&s, last, (last + 3) % 5), -EDEADLK);
		leave(&s, (last + 2) % 5);
		CHECK_EQ(enter(&s, last, (last + 1) % 5), 0);
	}
}

/* 0 -> 1 -> 3, 0 -> 2 -> 3: no cycle, though 3 is reached twice. */
TEST(diamond)
{
	struct scene s;
	scene_init(&s);
	CHECK_EQ(enter(&s, 1, 3), 0);
	CHECK_EQ(enter(&s, 2, 3), 0);
	CHECK_EQ(enter(&s, 0, 1), 0);
	leave(&s, 0);
	CHECK_EQ(enter(&s, 0, 2), 0);
	CHECK_EQ(enter(&s, 4, 3), 0);
	CHECK_EQ(enter(&s, 5, 0), 0);
	/* 3 waits for nobody, so it may wait for what is no part of it, but for none of these. */
	CHECK_EQ(enter(&s, 3, 0), -EDEADLK);
	CHECK_EQ(enter(&s, 3, 1), -EDEADLK);
	CHECK_EQ(enter(&s, 3, 5), -EDEADLK);
}

TEST(outside_a_task)
{
	struct scene s;
	scene_init(&s);
	CHECK_EQ(enter(&s, 0, 1), 0);
	CHECK_EQ(weft__graph_enter(weft__future(&s.task[0])), 0);
	weft__graph_leave();
	CHECK(awaited(&s, 0) == weft__future(&s.task[1]));
}

/* ---- With running tasks ---- */

/* Its argument is the address of the future to wait for. Returns what the wait returned, but positive. */
static int wait_for_fn(weft_call *call, const void *arg, void *result)
{
	weft_future *f = *(weft_future *const *)arg;
	(void)call, (void)result;
	return -weft_future_wait(f, 0);
}

/* Runs, on top of itself, a task that waits for it. */
static int covered_fn(weft_call *call, const void *arg, void *result)
{
	weft_task t = {.fn = wait_for_fn, .arg = arg, .arg_size = sizeof(void *)};
	(void)call, (void)result;
	int err = weft_submit(weft_inline(), &t);
	return err ? err : weft_future_status(weft_task_future(&t));
}

TEST(tasks_that_wait_for_themselves)
{
	weft_task t = {0};
	weft_future *self = weft_task_future(&t);
	t = (weft_task){.fn = wait_for_fn, .arg = &self, .arg_size = sizeof self};
	CHECK_EQ(weft_submit(weft_inline(), &t), 0);
	CHECK_EQ(weft_future_status(self), EDEADLK);
	t.fn = covered_fn;
	CHECK_EQ(weft_submit(weft_inline(), &t), 0);
	CHECK_EQ(weft_future_status(self), EDEADLK);
	CHECK(!weft_current());
}
