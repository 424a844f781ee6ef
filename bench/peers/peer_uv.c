/* SPDX-License-Identifier: MIT
 *
 * peer_uv.c -- libuv's pool of threads: one for the process, made at the first use. A task's end comes to the
 * loop that submitted it, so a producer has a loop of its own and waits in it. Only the loop's thread may
 * submit: no trees.
 */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "measure.h"

enum { LOOPS = 2, BLOCKERS = 64 };

struct item {
	uv_work_t work;
	void (*fn)(size_t i, void *ctx);
	void *ctx;
	size_t i;
};

static uv_loop_t loop[LOOPS];
static uv_work_t *works[LOOPS], blocker[BLOCKERS];

static void open_loops(unsigned threads, size_t room)
{
	char text[16];

	(void)room;
	snprintf(text, sizeof text, "%u", threads);
	setenv("UV_THREADPOOL_SIZE", text, 1);
	for (int i = 0; i < LOOPS; i++)
		measure_must(uv_loop_init(&loop[i]), "uv_loop_init");
}

static void prepare(unsigned producers, size_t n)
{
	for (unsigned p = 0; p < producers; p++)
		works[p] = measure_memory(n, sizeof **works);
}

static void empty(uv_work_t *work)
{
	(void)work;
}

static void after(uv_work_t *work, int status)
{
	(void)work;
	measure_must(status, "uv_work_t");
}

static void flood(unsigned producer, size_t n)
{
	for (size_t i = 0; i < n; i++)
		measure_must(uv_queue_work(&loop[producer], &works[producer][i], empty, after),
			     "uv_queue_work");
	uv_run(&loop[producer], UV_RUN_DEFAULT);
}

static void call_item(uv_work_t *work)
{
	struct item *item = (struct item *)work;

	item->fn(item->i, item->ctx);
}

static void batch(size_t n, void (*fn)(size_t i, void *ctx), void *ctx)
{
	struct item *item = measure_memory(n, sizeof *item);

	for (size_t i = 0; i < n; i++) {
		item[i].fn = fn;
		item[i].ctx = ctx;
		item[i].i = i;
		measure_must(uv_queue_work(&loop[0], &item[i].work, call_item, after), "uv_queue_work");
	}
	uv_run(&loop[0], UV_RUN_DEFAULT);
	free(item);
}

struct plain {
	uv_work_t work;
	void (*fn)(void *ctx);
	void *ctx;
};

static void call_plain(uv_work_t *work)
{
	struct plain *p = (struct plain *)work;

	p->fn(p->ctx);
}

static void run(void (*fn)(void *ctx), void *ctx)
{
	struct plain p = {.fn = fn, .ctx = ctx};

	measure_must(uv_queue_work(&loop[0], &p.work, call_plain, after), "uv_queue_work");
	uv_run(&loop[0], UV_RUN_DEFAULT);
}

static void block(uv_work_t *work)
{
	measure_block(work);
}

static void pend(unsigned blockers, size_t n)
{
	for (unsigned i = 0; i < blockers && i < BLOCKERS; i++)
		measure_must(uv_queue_work(&loop[0], &blocker[i], block, after), "uv_queue_work");
	for (size_t i = 0; i < n; i++)
		measure_must(uv_queue_work(&loop[0], &works[0][i], empty, after), "uv_queue_work");
}

static void unpend(void)
{
	uv_run(&loop[0], UV_RUN_DEFAULT);
}

static const struct peer uv = {
	.name = "libuv",
	.open = open_loops,
	.prepare = prepare,
	.flood = flood,
	.run = run,
	.batch = batch,
	.pend = pend,
	.unpend = unpend,
};

const struct peer *const measure_peers[] = {&uv, NULL};
