/* SPDX-License-Identifier: MIT
 *
 * peer_weft_programs.c -- running programs by weft/subprocess.h: in the program's own thread, and in a fiber.
 */
#include <weft/weft.h>

#include "measure_programs.h"

static void start(const char *path)
{
	const char *const argv[] = {path, NULL};
	weft_subprocess *p;

	measure_must(weft_subprocess_start(&p, argv, NULL), path);
	measure_must(weft_subprocess_wait(p, NULL, WEFT_FOREVER), path);
	measure_must(weft_subprocess_free(p), path);
}

static size_t collect(const char *path)
{
	const char *const argv[] = {"cat", path, NULL};
	struct weft_output o;
	size_t size;

	measure_must(weft_subprocess_run(argv, NULL, NULL, 0, &o, WEFT_FOREVER), "cat");
	size = o.out_size;
	weft_output_free(&o);
	return size;
}

/* ---- In a fiber ---- */

struct order {
	const char *path;
	size_t size; /* of what was collected; 0: only start it */
};

static weft_executor *ex;

static void open_fibers(unsigned threads, size_t room)
{
	(void)threads, (void)room;
	measure_must(weft_executor_open(&ex, "uring:1"), "uring:1");
}

static int fiber(weft_call *call, const void *arg, void *result)
{
	struct order *o = *(struct order *const *)arg;

	(void)call, (void)result;
	if (o->size)
		o->size = collect(o->path);
	else
		start(o->path);
	return 0;
}

static void in_fiber(struct order *o)
{
	weft_task task = {.fn = fiber, .arg = &o, .arg_size = sizeof o, .flags = WEFT_TASK_LOCAL};

	if (!ex)
		open_fibers(1, 1);
	measure_must(weft_submit(ex, &task), "submit");
	measure_must(weft_future_wait(weft_task_future(&task), WEFT_FOREVER), "wait");
	measure_must(weft_future_status(weft_task_future(&task)), "task");
}

static void fiber_start(const char *path)
{
	in_fiber(&(struct order){.path = path});
}

static size_t fiber_collect(const char *path)
{
	struct order o = {.path = path, .size = 1};

	in_fiber(&o);
	return o.size;
}

static const struct program_peer plain = {start, collect}, fibers = {fiber_start, fiber_collect};
static const struct peer by_weft = {.name = "weft-subprocess", .programs = &plain};
static const struct peer by_fiber = {.name = "weft-subprocess-fiber", .programs = &fibers};
const struct peer *const measure_peers[] = {&by_weft, &by_fiber, NULL};
