/* SPDX-License-Identifier: MIT
 *
 * adapter_uv.c -- weft/uv.h in a real libuv loop, on several executors.
 */
#include "harness.h"

#include <errno.h>
#include <string.h>
#include <weft/uv.h>
#include <weft/weft.h>

#define MANY 1000 /* more than WEFT_UV_BATCH */

struct job {
	weft_task task;
	uint64_t number, square;
	unsigned done;
};

/* What a test's callback does, and what it has seen. */
struct scene {
	weft_executor *ex;
	uv_loop_t loop;
	weft_uv u;
	struct job jobs[MANY];
	unsigned seen, wrong, rounds, closed;
	bool closing;
	int err;
};

static struct scene scene;

static int start(struct job *job, uint64_t number)
{
	int err;

	memset(&job->task, 0, sizeof job->task);
	job->number = number;
	job->task.fn = test_square_fn;
	job->task.arg = &job->number;
	job->task.arg_size = sizeof job->number;
	job->task.result = &job->square;
	job->task.result_size = sizeof job->square;
	err = weft_submit_wait(scene.ex, &job->task, test_soon());
	return err ? err : weft_uv_watch(&scene.u, weft_task_future(&job->task), job);
}

static void closed(weft_uv *u)
{
	scene.closed += u == &scene.u;
}

static void close_it(void)
{
	if (!scene.closing)
		weft_uv_close(&scene.u, closed);
	scene.closing = true;
}

static void see(weft_future *f, void *tag)
{
	struct job *job = tag;

	scene.seen++;
	job->done++;
	if (f != weft_task_future(&job->task) || weft_future_status(f) != 0 ||
	    job->square != job->number * job->number)
		scene.wrong++;
}

static void set_up(weft_uv_done *done)
{
	memset(&scene, 0, sizeof scene);
	scene.ex = test_executor();
	REQUIRE_EQ(uv_loop_init(&scene.loop), 0);
	REQUIRE_EQ(weft_uv_init(&scene.u, &scene.loop, done), 0);
}

/* The loop is empty, or uv_loop_close says -EBUSY. */
static void tear_down(void)
{
	close_it();
	CHECK_EQ(uv_run(&scene.loop, UV_RUN_DEFAULT), 0);
	CHECK_EQ(scene.closed, 1);
	CHECK_EQ(uv_loop_close(&scene.loop), 0);
	uv_library_shutdown(); /* what libuv keeps for signals */
	weft_executor_free(scene.ex);
}

static void only_see(weft_uv *u, weft_future *f, void *tag)
{
	(void)u;
	see(f, tag);
}

/* uv_run returns by itself, when all is done and not before. */
TEST(each_future_calls_back_once_and_then_the_loop_ends)
{
	set_up(only_see);
	for (unsigned i = 0; i < MANY; i++)
		REQUIRE_EQ(start(&scene.jobs[i], i), 0);
	CHECK_EQ(uv_run(&scene.loop, UV_RUN_DEFAULT), 0);
	CHECK_EQ(scene.seen, MANY);
	CHECK_EQ(scene.wrong, 0);
	for (unsigned i = 0; i < MANY; i++)
		CHECK_EQ(scene.jobs[i].done, 1);
	tear_down();
}

TEST(a_loop_without_futures_ends_at_once)
{
	set_up(only_see);
	CHECK_EQ(uv_run(&scene.loop, UV_RUN_DEFAULT), 0);
	REQUIRE_EQ(start(&scene.jobs[0], 3), 0);
	CHECK_EQ(uv_run(&scene.loop, UV_RUN_DEFAULT), 0);
	CHECK_EQ(uv_run(&scene.loop, UV_RUN_DEFAULT), 0);
	CHECK_EQ(scene.seen, 1);
	tear_down();
}

static void see_and_go_on(weft_uv *u, weft_future *f, void *tag)
{
	struct job *job = tag;

	(void)u;
	see(f, tag);
	if (job->number < MANY)
		scene.err |= start(job, job->number + 1);
}

/* Two chains: each callback submits the same task again. A wake-up that got lost would stop one for ever. */
TEST(a_callback_may_submit_and_watch_again)
{
	set_up(see_and_go_on);
	REQUIRE_EQ(start(&scene.jobs[0], 1), 0);
	REQUIRE_EQ(start(&scene.jobs[1], 1), 0);
	CHECK_EQ(uv_run(&scene.loop, UV_RUN_DEFAULT), 0);
	CHECK_EQ(scene.err, 0);
	CHECK_EQ(scene.seen, 2 * MANY);
	CHECK_EQ(scene.wrong, 0);
	tear_down();
}

static void count_round(uv_prepare_t *prepare)
{
	(void)prepare;
	scene.rounds++;
}

/* On inline a task is done when it is submitted, so this chain is always ready for another callback. */
TEST(a_round_of_the_loop_makes_so_many_callbacks_at_most)
{
	uv_prepare_t prepare;

	if (!test_is_inline())
		SKIP("elsewhere it depends on the workers");
	set_up(see_and_go_on);
	REQUIRE_EQ(uv_prepare_init(&scene.loop, &prepare), 0);
	REQUIRE_EQ(uv_prepare_start(&prepare, count_round), 0);
	uv_unref((uv_handle_t *)&prepare);
	REQUIRE_EQ(start(&scene.jobs[0], 1), 0);
	CHECK_EQ(uv_run(&scene.loop, UV_RUN_DEFAULT), 0);
	CHECK_EQ(scene.seen, MANY);
	CHECK(scene.rounds >= MANY / WEFT_UV_BATCH);
	uv_close((uv_handle_t *)&prepare, NULL);
	tear_down();
}

static void see_and_close(weft_uv *u, weft_future *f, void *tag)
{
	see(f, tag);
	(void)u;
	close_it();
	scene.err = weft_uv_watch(u, f, tag);
}

TEST(after_a_close_in_a_callback_none_comes_any_more)
{
	set_up(see_and_close);
	for (unsigned i = 0; i < 10; i++)
		REQUIRE_EQ(start(&scene.jobs[i], i), 0);
	CHECK_EQ(uv_run(&scene.loop, UV_RUN_DEFAULT), 0);
	CHECK_EQ(scene.seen, 1);
	CHECK_EQ(scene.err, -ECANCELED);
	for (unsigned i = 0; i < 10; i++) /* they went on */
		test_wait(weft_task_future(&scene.jobs[i].task));
	tear_down();
}

/* A close while tasks run, and a loop that goes on without: uv_unref. */
TEST(an_unreferenced_handle_does_not_hold_up_the_loop)
{
	struct test_hold hold;

	set_up(only_see);
	test_hold_begin(&hold, scene.ex, 1);
	REQUIRE_EQ(weft_uv_watch(&scene.u, weft_task_future(&hold.task[0]), NULL), 0);
	CHECK(uv_run(&scene.loop, UV_RUN_NOWAIT) != 0); /* it would go on */
	uv_unref((uv_handle_t *)&scene.u.poll);
	CHECK_EQ(uv_run(&scene.loop, UV_RUN_DEFAULT), 0);
	CHECK_EQ(scene.seen, 0);
	close_it();
	test_hold_end(&hold);
	tear_down();
	CHECK_EQ(scene.seen, 0);
}
