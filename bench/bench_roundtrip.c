/* SPDX-License-Identifier: MIT
 *
 * bench_roundtrip.c -- the time from the submission of one empty task until its waiter goes on, with
 * nothing else to do: the price of asking another thread or process for anything at all.
 */
#include <weft/weft.h>

#include "shim.h"

struct trip {
	const char *spec;
	weft_executor *ex;
	weft_task task;
};

static int empty(weft_call *call, const void *in, void *out)
{
	(void)call;
	(void)in;
	(void)out;
	return 0;
}

static int setup(void *ctx)
{
	struct trip *t = ctx;

	t->task = (weft_task){.fn = empty};
	return weft_executor_open(&t->ex, t->spec);
}

static void teardown(void *ctx)
{
	struct trip *t = ctx;

	weft_executor_free(t->ex);
	t->ex = NULL;
}

static int run(void *ctx, size_t n)
{
	struct trip *t = ctx;
	int err = 0;

	for (; n > 0 && err >= 0; n--) {
		err = weft_submit(t->ex, &t->task);
		if (!err)
			err = weft_future_wait(weft_task_future(&t->task), WEFT_FOREVER);
		if (!err)
			err = weft_future_status(weft_task_future(&t->task));
	}
	return err;
}

int main(int argc, char **argv)
{
	static const char *const spec[] = BENCH_EXECUTORS;
	static struct trip trip[BENCH_N_EXECUTORS];

	for (size_t i = 0; i < BENCH_N_EXECUTORS; i++) {
		trip[i].spec = spec[i];
		bench_add(&(struct bench){"roundtrip", spec[i], setup, run, teardown, &trip[i], 100, 1});
	}
	return bench_main(argc, argv);
}
