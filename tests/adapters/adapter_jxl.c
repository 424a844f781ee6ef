/* SPDX-License-Identifier: MIT
 *
 * adapter_jxl.c -- weft/jxl.h: libjxl's work on several executors gives what its own threads give.
 */
#include "harness.h"
#include "jxl_kit.h"

#include <errno.h>
#include <jxl/thread_parallel_runner.h>
#include <stdlib.h>
#include <string.h>
#include <weft/jxl.h>
#include <weft/weft.h>

enum { SIDE = 300, PIXELS = SIDE * SIDE * 3, ROOM = 2 * PIXELS };

static struct image {
	uint8_t *pixels, *back, *own, *ours;
	size_t own_size;
} image;

static void set_up(void)
{
	image = (struct image){jxl_kit_image(SIDE), calloc(1, PIXELS), malloc(ROOM), malloc(ROOM), 0};
	REQUIRE(image.pixels && image.back && image.own && image.ours);
}

static void encode_by_libjxls_threads(void)
{
	void *threads = JxlThreadParallelRunnerCreate(NULL, 2);

	REQUIRE(threads);
	image.own_size =
		jxl_kit_encode(image.pixels, SIDE, JxlThreadParallelRunner, threads, image.own, ROOM);
	CHECK(image.own_size > 1000 && image.own_size < PIXELS);
	JxlThreadParallelRunnerDestroy(threads);
}

static void tear_down(void)
{
	free(image.pixels);
	free(image.back);
	free(image.own);
	free(image.ours);
}

static uint64_t completed(const weft_executor *ex)
{
	struct weft_stats stats = {0};

	CHECK_EQ(weft_executor_stats(ex, &stats), 0);
	return stats.completed;
}

TEST(an_executor_gives_what_libjxls_threads_give)
{
	weft_executor *ex = test_executor();
	uint64_t before = completed(ex);
	size_t size;

	set_up();
	encode_by_libjxls_threads();
	size = jxl_kit_encode(image.pixels, SIDE, weft_jxl_runner, ex, image.ours, ROOM);
	CHECK_EQ(size, image.own_size);
	CHECK(size && memcmp(image.own, image.ours, size) == 0);
	CHECK(completed(ex) > before);
	CHECK(jxl_kit_decode(image.ours, size, SIDE, weft_jxl_runner, ex, image.back));
	CHECK(memcmp(image.pixels, image.back, PIXELS) == 0);
	tear_down();
	weft_executor_free(ex);
}

/* ---- The runner by itself: what libjxl is promised ---- */

#define VALUES 1000

static struct run {
	uint32_t begun[VALUES], busy[64], threads, wrong, cancelled;
	int init_says;
	weft_task task;
} run;

static int note_threads(void *opaque, size_t n)
{
	struct run *r = opaque;

	r->threads = (uint32_t)n;
	return r->init_says;
}

/* Each value once, and never two with one thread's number. */
static void note_value(void *opaque, uint32_t value, size_t thread)
{
	struct run *r = opaque;

	if (thread >= r->threads || thread >= 64 || value < 10 || value >= 10 + VALUES) {
		test_add(&r->wrong, 1);
		return;
	}
	if (test_add(&r->busy[thread], 1) != 1)
		test_add(&r->wrong, 1);
	test_add(&r->begun[value - 10], 1);
	if (value % 10 == 0)
		weft_sleep(WEFT_US(100));
	test_add(&r->busy[thread], UINT32_MAX);
}

TEST(each_value_runs_once_and_threads_numbers_are_not_shared)
{
	weft_executor *ex = test_executor();

	run = (struct run){0};
	CHECK_EQ(weft_jxl_runner(ex, &run, note_threads, note_value, 10, 10 + VALUES), 0);
	CHECK_EQ(run.threads, test_workers());
	CHECK_EQ(run.wrong, 0);
	for (size_t i = 0; i < VALUES; i++)
		CHECK_EQ(run.begun[i], 1);
	CHECK_EQ(weft_jxl_runner(ex, &run, note_threads, note_value, 10, 10), 0);
	run.init_says = 5;
	CHECK_EQ(weft_jxl_runner(ex, &run, note_threads, note_value, 10, 20), 5);
	CHECK_EQ(run.begun[0], 1);
	weft_executor_free(ex);
}

static int encode_cancelled(weft_call *call, const void *arg, void *result)
{
	(void)result;
	while (!weft_call_cancelled(call))
		weft_sleep(WEFT_US(100));
	return jxl_kit_encode(image.pixels, SIDE, weft_jxl_runner, *(weft_executor *const *)arg, image.ours,
			      ROOM) > 0;
}

TEST(a_cancelled_task_does_not_encode)
{
	weft_executor *ex = test_executor();
	weft_task t = {.fn = encode_cancelled,
		       .arg = &ex,
		       .arg_size = sizeof ex, /* NOLINT: of the pointer */
		       .deadline = weft_after(WEFT_MS(5)),
		       .flags = WEFT_TASK_LOCAL};

	set_up();
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK(weft_future_status(weft_task_future(&t)) <= 0);
	tear_down();
	weft_executor_free(ex);
}

/* The first cancels the task that encodes, the others wait for that. */
static void cancel_encoder(void *opaque, uint32_t value, size_t thread)
{
	struct run *r = opaque;

	(void)value, (void)thread;
	if (test_add(&r->busy[0], 1) == 1) {
		weft_future_cancel(weft_task_future(&r->task));
		test_set(&r->cancelled, 1);
	}
	test_await(&r->cancelled, 1);
}

static int run_until_cancelled(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	return weft_jxl_runner(*(weft_executor *const *)arg, &run, note_threads, cancel_encoder, 0, VALUES)
		       ? -EDOM
		       : 0;
}

TEST(a_cancel_ends_a_run_within_a_value)
{
	weft_executor *ex = test_executor();

	run = (struct run){0};
	run.task = (weft_task){.fn = run_until_cancelled,
			       .arg = &ex,
			       .arg_size = sizeof ex, /* NOLINT: of the pointer */
			       .flags = WEFT_TASK_LOCAL};
	REQUIRE_EQ(weft_submit(ex, &run.task), 0);
	test_wait(weft_task_future(&run.task));
	CHECK_EQ(weft_future_status(weft_task_future(&run.task)), -EDOM);
	CHECK(run.busy[0] <= test_workers());
	weft_executor_free(ex);
}

TEST(what_cannot_run_is_an_error_of_libjxl)
{
	weft_executor *ex;

	set_up();
	REQUIRE_EQ(weft_executor_open(&ex, "processes:1"), 0);
	CHECK_EQ(jxl_kit_encode(image.pixels, SIDE, weft_jxl_runner, ex, image.ours, ROOM), 0);
	weft_executor_free(ex);
	CHECK_EQ(weft_jxl_runner(NULL, &run, note_threads, note_value, 0, 1), JXL_PARALLEL_RET_RUNNER_ERROR);
	tear_down();
}
