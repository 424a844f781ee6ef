/* SPDX-License-Identifier: MIT
 *
 * pool_patterns.c -- what a pool of threads of one's own is used for, and how each of that is done with weft.
 *
 *   pool_patterns [EXECUTOR]   threads or uring, which share memory
 */
#include <errno.h>
#include <stdio.h>

#include <weft/weft.h>

enum { N = 1000 };

static weft_lock lock; /* zeroed: free */
static int counted;

/* ---- pool_post(pool, fn, ctx), and nobody asks -------------------------------------------------------- */

static int count(weft_call *call, const void *arg, void *result)
{
	int err = weft_lock_acquire(&lock, WEFT_FOREVER);

	(void)call;
	(void)result;
	if (err)
		return err;
	counted += *(const int *)arg;
	return weft_lock_release(&lock);
}

/* The argument is copied, the task's memory goes when it is done and nobody has a reference any more. */
static int post(weft_executor *ex, int n)
{
	weft_future *f;
	int err = weft_async(ex, count, &n, sizeof n, 0, &f);

	if (!err)
		weft_future_unref(f);
	return err; /* -EAGAIN: the queue is full. A queue without a limit would have grown instead */
}

/* ---- pool_post() many times, then pool_wait() --------------------------------------------------------- */

static int square(weft_call *call, const void *arg, void *result)
{
	(void)call;
	*(long *)result = *(const long *)arg * *(const long *)arg;
	return 0;
}

/* No allocation, and each has its own outcome. The first that fails calls the others off. */
static int post_and_wait(weft_executor *ex, long *ret)
{
	static weft_task t[N];
	static long number[N], result[N];
	weft_group g = {.ex = ex};
	int err = 0, waited;

	for (int i = 0; i < N && !err; i++) {
		number[i] = i;
		t[i] = (weft_task){.fn = square, .arg = &number[i], .arg_size = sizeof number[i]};
		t[i].result = &result[i];
		t[i].result_size = sizeof result[i];
		err = weft_group_submit(&g, &t[i]);
	}
	waited = weft_group_wait(&g);
	for (int i = 0; i < N; i++)
		*ret += result[i];
	return err ? err : waited;
}

/* ---- for each element of an array ---------------------------------------------------------------------- */

static int scale(weft_call *call, size_t begin, size_t end, void *ctx)
{
	double *x = ctx;

	(void)call;
	for (size_t i = begin; i < end; i++)
		x[i] *= 2;
	return 0;
}

/* ---- a producer that must not run away from the pool --------------------------------------------------- */

/* Waits for room instead of -EAGAIN; a moment at most, then the program should hear of it. */
static int post_patiently(weft_executor *ex, weft_task *t)
{
	return weft_submit_wait(ex, t, weft_after(WEFT_SECONDS(10)));
}

/* ---- a long one that can be told to stop --------------------------------------------------------------- */

static int search(weft_call *call, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	for (unsigned i = 0; !weft_call_cancelled(call); i++)
		if (i % 1000 == 0)
			weft_yield();
	return -ECANCELED;
}

static int run(weft_executor *ex)
{
	static double x[N];
	static const int one = 1;
	weft_task last = {.fn = count, .arg = &one, .arg_size = sizeof one};
	weft_task endless = {.fn = search};
	long sum = 0;
	int err = 0;

	for (int i = 0; i < N && !err; i++) {
		x[i] = i;
		err = post(ex, 1);
	}
	if (!err)
		err = post_and_wait(ex, &sum);
	if (!err)
		err = weft_for(ex, scale, 0, N, 0, x);
	if (!err)
		err = post_patiently(ex, &last);
	if (!err)
		err = weft_submit(ex, &endless);
	weft_future_cancel(weft_task_future(&endless));
	if (!err) /* all that was accepted runs; then the threads go */
		err = weft_executor_stop(ex, WEFT_STOP_DRAIN, weft_after(WEFT_SECONDS(30)));
	if (!err)
		printf("%d counted, squares %ld, x[999] %.0f, one too late: %s\n", counted, sum, x[N - 1],
		       weft_strerror(post(ex, 1)));
	return err;
}

int main(int argc, char **argv)
{
	weft_executor *ex = NULL;
	int err = weft_executor_open(&ex, argc > 1 ? argv[1] : "threads");

	if (!err)
		err = run(ex);
	weft_executor_free(ex);
	return err ? fprintf(stderr, "pool_patterns: %s\n", weft_strerror(err)), 1 : 0;
}
