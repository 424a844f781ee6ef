/* SPDX-License-Identifier: MIT
 *
 * step4.c -- tasks that belong together: they end together, and the first that fails calls the others off.
 *
 *   step4 [EXECUTOR]   threads, uring, or processes with a worker for each of the four
 */
#include <errno.h>
#include <stdio.h>

#include <weft/weft.h>

/* A part that takes its time. */
static int slow_part(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)arg;
	(void)result;
	return weft_sleep(WEFT_SECONDS(60));
}

static int bad_part(weft_call *call, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return weft_call_fail(call, -EIO, "the disk is on fire");
}

/* Whatever becomes of the parts: when this returns, none of them runs, and their memory is ours again. */
static int whole(weft_executor *ex)
{
	weft_group g = {.ex = ex, .deadline = weft_after(WEFT_SECONDS(30))};
	weft_task part[] = {{.fn = slow_part}, {.fn = slow_part}, {.fn = slow_part}, {.fn = bad_part}};
	int err = 0, waited;

	for (int i = 0; i < 4 && !err; i++)
		err = weft_group_submit(&g, &part[i]);
	waited = weft_group_wait(&g);
	for (int i = 0; i < 4 && !err; i++) {
		weft_future *f = weft_task_future(&part[i]);
		printf("part %d: %s%s%s\n", i, weft_strerror(weft_future_status(f)),
		       *weft_future_error(f) ? ": " : "", weft_future_error(f));
	}
	return err ? err : waited;
}

int main(int argc, char **argv)
{
	weft_executor *ex = NULL;
	int err = weft_executor_open(&ex, argc > 1 ? argv[1] : "threads");

	if (!err)
		printf("all in all: %s\n", weft_strerror(whole(ex)));
	weft_executor_free(ex);
	return err ? fprintf(stderr, "step4: %s\n", weft_strerror(err)), 1 : 0;
}
