/* SPDX-License-Identifier: MIT
 *
 * peer_weft_processes.c -- weft's pools of processes:
 *
 *   weft-processes        workers are forked from a nursery, as without options
 *   weft-processes-fork   from the program
 *   weft-processes-spawn  each is a run of the program of its own
 *
 * A function that the measure hands over is at another address in a worker, so what is to be done goes along as
 * data.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "peer_weft.h"

enum { PAGE = 4096 };

static void open_processes(unsigned threads, size_t room)
{
	bench_open("processes", threads, room);
}

static void run_task(weft_fn *fn, const void *arg, size_t arg_size, void *result, size_t result_size)
{
	weft_task t = {
		.fn = fn, .arg = arg, .arg_size = arg_size, .result = result, .result_size = result_size};

	measure_must(weft_submit(bench_ex, &t), "weft_submit");
	bench_wait_for(weft_task_future(&t));
}

static int sleep_or_not(weft_call *call, const void *arg, void *result)
{
	int64_t ns;
	struct timespec t;

	(void)call;
	(void)result;
	memcpy(&ns, arg, sizeof ns);
	t = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	return ns ? nanosleep(&t, NULL) : 0;
}

static void run(void (*fn)(void *ctx), void *ctx)
{
	int64_t ns = fn == measure_nothing ? 0 : *(const int64_t *)ctx;

	run_task(sleep_or_not, &ns, sizeof ns, NULL, 0);
}

/* ---- large things ----------------------------------------------------------------------------------- */

static int look(weft_call *call, const void *arg, void *result)
{
	const char *data = arg;
	size_t size = weft_call_arg_size(call), sum = 0;

	(void)result;
	for (size_t at = 0; at < size; at += PAGE)
		sum += (size_t)data[at];
	return sum == size / PAGE ? 0 : -EBADMSG;
}

static void take(const char *data, size_t size)
{
	run_task(look, data, size, NULL, 0);
}

static int fill(weft_call *call, const void *arg, void *result)
{
	(void)call;
	memset(result, 1, *(const size_t *)arg);
	return 0;
}

static void give(char *data, size_t size)
{
	run_task(fill, &size, sizeof size, data, size);
}

static struct place {
	const char *data;
	size_t size;
} shared;

static void share(size_t size)
{
	weft_region *region;
	void *block;

	measure_must(weft_region_new(&region, NULL), "weft_region_new");
	measure_must(weft_region_alloc(region, size, &block), "weft_region_alloc");
	memset(block, 1, size);
	shared = (struct place){block, size};
}

static int visit(weft_call *call, const void *arg, void *result)
{
	struct place p;

	(void)call;
	(void)result;
	memcpy(&p, arg, sizeof p);
	return p.data[0] == 1 && p.data[p.size - 1] == 1 ? 0 : -EBADMSG;
}

static void refer(void)
{
	run_task(visit, &shared, sizeof shared, NULL, 0);
}

/* ---- workers come and go ---------------------------------------------------------------------------- */

static int say_here(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)result;
	measure_here(arg);
	return 0;
}

static void start_by(enum weft_start how, unsigned workers, const char *path)
{
	struct weft_process_pool_opts opts = {.size = sizeof opts,
					      .workers = workers,
					      .start = how,
					      .init = say_here,
					      .init_arg = path,
					      .init_arg_size = strlen(path) + 1};

	measure_must(weft_process_pool_new(&bench_ex, &opts), "weft_process_pool_new");
}

static void start(unsigned workers, const char *path)
{
	start_by(WEFT_START_NURSERY, workers, path);
}

static void start_fork(unsigned workers, const char *path)
{
	start_by(WEFT_START_FORK, workers, path);
}

static void start_spawn(unsigned workers, const char *path)
{
	start_by(WEFT_START_SPAWN, workers, path);
}

static int stay(weft_call *call, const void *arg, void *result)
{
	say_here(call, arg, result);
	while (pause())
		;
	return 0;
}

static int do_nothing(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)arg;
	(void)result;
	return 0;
}

static void solo_by(enum weft_start how)
{
	struct weft_process_opts opts = {.size = sizeof opts, .start = how};
	weft_process *p;
	int code;

	measure_must(weft_process_start(&p, do_nothing, NULL, 0, &opts), "weft_process_start");
	measure_must(weft_process_join(p, WEFT_FOREVER), "weft_process_join");
	measure_must(weft_process_exit(p, &code) || code, "weft_process_exit");
	weft_process_free(p);
}

static void solo(void)
{
	solo_by(WEFT_START_NURSERY);
}

static void solo_fork(void)
{
	solo_by(WEFT_START_FORK);
}

static void solo_spawn(void)
{
	solo_by(WEFT_START_SPAWN);
}

static weft_task held;

static void hold(const char *path)
{
	held = (weft_task){.fn = stay, .arg = path, .arg_size = strlen(path) + 1};
	measure_must(weft_submit(bench_ex, &held), "weft_submit");
}

static void mourn(void)
{
	measure_must(weft_future_wait(weft_task_future(&held), WEFT_FOREVER), "weft_future_wait");
	measure_must(weft_future_status(weft_task_future(&held)) == -EOWNERDEAD ? 0 : -1, "no death");
}

const struct peer bench_processes = {
	.name = "weft-processes",
	.open = open_processes,
	.close = bench_close,
	.reopens = true,
	.prepare = bench_prepare,
	.flood = bench_flood,
	.flood_most = 100000,
	.run = run,
	.each = bench_each,
	.map = bench_map,
	.take = take,
	.give = give,
	.share = share,
	.refer = refer,
	.start = start,
	.solo = solo,
	.hold = hold,
	.mourn = mourn,
};
const struct peer bench_processes_fork = {
	.name = "weft-processes-fork", .close = bench_close, .start = start_fork, .solo = solo_fork};
const struct peer bench_processes_spawn = {
	.name = "weft-processes-spawn", .close = bench_close, .start = start_spawn, .solo = solo_spawn};
