/* SPDX-License-Identifier: MIT
 *
 * uneven.c -- a program of an MPI job on two ranks, one worker each, of which one gets a task that takes very long. What
 * had gone there behind it has to come back, and run on the other: then all others are done while that one runs.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <weft/mpi.h>
#include <weft/weft.h>

enum { QUICK = 2000, N = 30, LONG_MS = 20000 };

static int nap_fn(weft_call *call, const void *arg, void *result)
{
	(void)result;
	for (int ms = *(const int *)arg; ms > 0 && !weft_call_cancelled(call); ms -= 10)
		usleep((ms < 10 ? (unsigned)ms : 10) * 1000);
	return 0;
}

static weft_task task_of(const int *ms)
{
	return (weft_task){.fn = nap_fn, .arg = ms, .arg_size = sizeof *ms};
}

int main(void)
{
	static const int none = 0, some = 5, lots = LONG_MS;
	static weft_task quick[QUICK], t[N];
	struct weft_mpi_opts o = {.size = sizeof o, .local = "processes:1"};
	weft_executor *ex;
	int err = weft_mpi_new(&ex, &o);
	bool runs;

	if (err)
		return err < 0;
	/* So that both are known to be fast, and get many at a time. */
	for (int i = 0; i < QUICK; i++)
		quick[i] = task_of(&none);
	for (int i = 0; i < N; i++)
		t[i] = task_of(i ? &some : &lots);
	if (weft_submit_many(ex, quick, QUICK, NULL))
		return 1;
	for (int i = 0; i < QUICK; i++)
		weft_future_wait(weft_task_future(&quick[i]), WEFT_FOREVER);
	if (weft_submit_many(ex, t, N, NULL))
		return 1;
	for (int i = 1; i < N; i++)
		weft_future_wait(weft_task_future(&t[i]), WEFT_FOREVER);
	runs = weft_future_status(weft_task_future(&t[0])) == -EINPROGRESS;
	printf("the long one runs: %d\n", runs);
	weft_future_cancel(weft_task_future(&t[0]));
	weft_executor_free(ex);
	return runs ? 0 : 2;
}
