/* SPDX-License-Identifier: MIT
 *
 * adapter_glib.c -- weft/glib.h in a real main loop of GLib, on several executors.
 */
#include "harness.h"

#include <string.h>
#include <weft/glib.h>
#include <weft/weft.h>

#define MANY 1000 /* more than WEFT_GLIB_BATCH */

struct job {
	weft_task task;
	uint64_t number, square;
	unsigned done;
};

static struct scene {
	weft_executor *ex;
	GMainContext *context; /* the default one stays for ever */
	GMainLoop *loop;
	GSource *source;
	struct job jobs[MANY];
	unsigned awaited, seen, wrong, idles, notified;
	int err;
} scene;

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
	if (!err)
		err = weft_glib_watch(scene.source, weft_task_future(&job->task), job);
	scene.awaited += !err;
	return err;
}

/* Ends the loop when nothing is awaited. */
static void see(weft_future *f, void *tag, void *data)
{
	struct job *job = tag;

	scene.seen++;
	job->done++;
	if (f != weft_task_future(&job->task) || weft_future_status(f) != 0 || data != &scene ||
	    job->square != job->number * job->number)
		scene.wrong++;
	if (--scene.awaited == 0)
		g_main_loop_quit(scene.loop);
}

static void notify(void *data)
{
	scene.notified += data == &scene;
}

static void set_up(weft_glib_func func)
{
	memset(&scene, 0, sizeof scene);
	scene.ex = test_executor();
	scene.context = g_main_context_new();
	scene.loop = g_main_loop_new(scene.context, FALSE);
	REQUIRE_EQ(weft_glib_source_new(&scene.source, func, &scene, notify), 0);
	g_source_attach(scene.source, scene.context);
}

static void tear_down(void)
{
	g_source_destroy(scene.source);
	g_source_unref(scene.source);
	CHECK_EQ(scene.notified, 1);
	g_main_loop_unref(scene.loop);
	g_main_context_unref(scene.context);
	weft_executor_free(scene.ex);
}

static gboolean only_see(weft_future *f, void *tag, void *data)
{
	see(f, tag, data);
	return G_SOURCE_CONTINUE;
}

TEST(each_future_calls_back_once)
{
	set_up(only_see);
	for (unsigned i = 0; i < MANY; i++)
		REQUIRE_EQ(start(&scene.jobs[i], i), 0);
	g_main_loop_run(scene.loop);
	CHECK_EQ(scene.seen, MANY);
	CHECK_EQ(scene.wrong, 0);
	for (unsigned i = 0; i < MANY; i++)
		CHECK_EQ(scene.jobs[i].done, 1);
	CHECK(!g_main_context_pending(scene.context));
	tear_down();
}

static gboolean see_and_go_on(weft_future *f, void *tag, void *data)
{
	struct job *job = tag;

	scene.awaited++; /* not the last */
	see(f, tag, data);
	if (job->number < MANY)
		scene.err |= start(job, job->number + 1);
	if (--scene.awaited == 0)
		g_main_loop_quit(scene.loop);
	return G_SOURCE_CONTINUE;
}

/* Two chains: each callback submits the same task again. A wake-up that got lost would stop one for ever. */
TEST(a_callback_may_submit_and_watch_again)
{
	set_up(see_and_go_on);
	REQUIRE_EQ(start(&scene.jobs[0], 1), 0);
	REQUIRE_EQ(start(&scene.jobs[1], 1), 0);
	g_main_loop_run(scene.loop);
	CHECK_EQ(scene.err, 0);
	CHECK_EQ(scene.seen, 2 * MANY);
	CHECK_EQ(scene.wrong, 0);
	tear_down();
}

static gboolean count_idle(void *data)
{
	(void)data;
	scene.idles++;
	return G_SOURCE_CONTINUE;
}

/* On inline a task is done when it is submitted, so this chain is always ready for another callback. */
TEST(other_sources_have_their_turn)
{
	GSource *idle;

	if (!test_is_inline())
		SKIP("elsewhere it depends on the workers");
	set_up(see_and_go_on);
	idle = g_idle_source_new();
	g_source_set_callback(idle, count_idle, NULL, NULL);
	g_source_set_priority(idle, G_PRIORITY_DEFAULT);
	g_source_attach(idle, scene.context);
	REQUIRE_EQ(start(&scene.jobs[0], 1), 0);
	g_main_loop_run(scene.loop);
	CHECK_EQ(scene.seen, MANY);
	CHECK(scene.idles >= MANY / WEFT_GLIB_BATCH);
	g_source_destroy(idle);
	g_source_unref(idle);
	tear_down();
}

static gboolean see_and_remove(weft_future *f, void *tag, void *data)
{
	see(f, tag, data);
	g_main_loop_quit(scene.loop);
	return G_SOURCE_REMOVE;
}

static gboolean see_and_destroy(weft_future *f, void *tag, void *data)
{
	see(f, tag, data);
	g_main_loop_quit(scene.loop);
	g_source_destroy(scene.source);
	return G_SOURCE_CONTINUE;
}

static void try_end(weft_glib_func func)
{
	set_up(func);
	for (unsigned i = 0; i < 10; i++)
		REQUIRE_EQ(start(&scene.jobs[i], i), 0);
	g_main_loop_run(scene.loop);
	for (unsigned i = 0; i < 10; i++) /* they go on */
		test_wait(weft_task_future(&scene.jobs[i].task));
	while (g_main_context_iteration(scene.context, FALSE))
		;
	CHECK_EQ(scene.seen, 1);
	CHECK(g_source_is_destroyed(scene.source));
	tear_down();
}

TEST(after_the_source_is_removed_none_comes_any_more)
{
	try_end(see_and_remove);
	try_end(see_and_destroy);
}

static void *watch_from_here(void *data)
{
	struct job *job = data;

	scene.err = weft_glib_watch(scene.source, weft_task_future(&job->task), job);
	return NULL;
}

/* The loop sleeps by then, or is about to. */
TEST(another_thread_may_watch)
{
	struct job *job = &scene.jobs[0];
	pthread_t thread;

	set_up(only_see);
	scene.awaited = 1;
	job->number = 12;
	job->task = (weft_task){.fn = test_square_fn,
				.arg = &job->number,
				.arg_size = sizeof job->number,
				.result = &job->square,
				.result_size = sizeof job->square};
	REQUIRE_EQ(weft_submit(scene.ex, &job->task), 0);
	REQUIRE_EQ(pthread_create(&thread, NULL, watch_from_here, job), 0);
	g_main_loop_run(scene.loop);
	pthread_join(thread, NULL);
	CHECK_EQ(scene.err, 0);
	CHECK_EQ(scene.seen, 1);
	CHECK_EQ(scene.wrong, 0);
	tear_down();
}
