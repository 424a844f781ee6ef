/* SPDX-License-Identifier: MIT
 *
 * bench_throughput.c -- what a task costs that does nothing, when there are very many: submitted one by
 * one, all in one call, or as the elements of a map.
 */
#include <weft/weft.h>

#include "shim.h"

enum { BATCH = 10000 }; /* less than the queue of a pool holds, so that none is refused */

struct load {
	const char *spec;
	weft_executor *ex;
};

static weft_task task[BATCH];
static uint64_t arg[BATCH], result[BATCH];

static int empty(weft_call *call, const void *in, void *out)
{
	(void)call;
	(void)in;
	(void)out;
	return 0;
}

static int setup(void *ctx)
{
	struct load *l = ctx;

	for (size_t i = 0; i < BATCH; i++)
		task[i] = (weft_task){.fn = empty};
	return weft_executor_open(&l->ex, l->spec);
}

static void teardown(void *ctx)
{
	struct load *l = ctx;

	weft_executor_free(l->ex);
	l->ex = NULL;
}

static int wait_for(size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && err >= 0; i++) {
		err = weft_future_wait(weft_task_future(&task[i]), WEFT_FOREVER);
		if (!err)
			err = weft_future_status(weft_task_future(&task[i]));
	}
	return err;
}

static int submit(void *ctx, size_t n)
{
	struct load *l = ctx;
	size_t i = 0;
	int err = 0, waited;

	while (i < n && (err = weft_submit(l->ex, &task[i])) == 0)
		i++;
	waited = wait_for(i);
	return err ? err : waited;
}

static int submit_many(void *ctx, size_t n)
{
	struct load *l = ctx;
	size_t accepted;
	int err = weft_submit_many(l->ex, task, n, &accepted), waited = wait_for(accepted);

	return err ? err : waited;
}

static int map(void *ctx, size_t n)
{
	struct load *l = ctx;

	return weft_map(l->ex, empty, arg, sizeof *arg, result, sizeof *result, n, NULL);
}

int main(int argc, char **argv)
{
	static const char *const spec[] = BENCH_EXECUTORS;
	static const struct {
		const char *name;
		int (*run)(void *, size_t);
	} way[] = {{"submit", submit}, {"submit_many", submit_many}, {"map", map}};
	static struct load load[BENCH_N_EXECUTORS];

	for (size_t w = 0; w < sizeof way / sizeof *way; w++) {
		for (size_t i = 0; i < BENCH_N_EXECUTORS; i++) {
			load[i].spec = spec[i];
			bench_add(&(struct bench){way[w].name, spec[i], setup, way[w].run, teardown, &load[i],
						  BATCH, 1});
		}
	}
	return bench_main(argc, argv);
}
