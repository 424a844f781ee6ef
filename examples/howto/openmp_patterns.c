/* SPDX-License-Identifier: MIT
 *
 * openmp_patterns.c -- what OpenMP's directives are used for, and how each of that is written with weft.
 *
 *   openmp_patterns [EXECUTOR]   any that shares memory
 */
#include <stdio.h>

#include <weft/weft.h>

enum { N = 100000 };

static double x[N], y[N];

/* ---- #pragma omp parallel for --------------------------------------------------------------------------- */

static int axpy(weft_call *call, size_t begin, size_t end, void *ctx)
{
	double a = *(const double *)ctx;

	(void)call;
	for (size_t i = begin; i < end; i++)
		y[i] += a * x[i];
	return 0;
}

/* ---- #pragma omp parallel for reduction(+ : sum) schedule(dynamic, 1024) --------------------------------- */

struct total {
	weft_lock lock; /* zeroed: free */
	double sum;
};

/* Adds up its range by itself, and takes the lock once. So choose the grain (here 1,024) for what a lock costs. */
static int add(weft_call *call, size_t begin, size_t end, void *ctx)
{
	struct total *total = ctx;
	double sum = 0;
	int err;

	(void)call;
	for (size_t i = begin; i < end; i++)
		sum += y[i];
	err = weft_lock_acquire(&total->lock, WEFT_FOREVER);
	if (!err) {
		total->sum += sum;
		err = weft_lock_release(&total->lock);
	}
	return err;
}

/* ---- #pragma omp task, taskwait --------------------------------------------------------------------------- */

struct fib {
	weft_child child;
	int n;
	long result;
};

static void fib(void *ctx)
{
	struct fib *f = ctx, a = {.n = f->n - 1}, b = {.n = f->n - 2};

	if (f->n < 2) {
		f->result = f->n;
		return;
	}
	weft_spawn(&a.child, fib, &a); /* a thread without work may take it */
	fib(&b);
	weft_sync(&a.child);
	f->result = a.result + b.result;
}

/* Children are stolen inside a task; outside of one they would only be called. */
static int fib_task(weft_call *call, const void *arg, void *result)
{
	struct fib f = {.n = *(const int *)arg};

	(void)call;
	fib(&f);
	*(long *)result = f.result;
	return 0;
}

/* ---- #pragma omp sections ---------------------------------------------------------------------------------- */

static int fill(weft_call *call, const void *arg, void *result)
{
	double *const *which = arg;

	(void)call;
	(void)result;
	for (int i = 0; i < N; i++)
		(*which)[i] = i % 10;
	return 0;
}

static int sections(weft_executor *ex)
{
	static double *const px = x, *const py = y;
	weft_group g = {.ex = ex};
	weft_task t[] = {{.fn = fill, .arg = &px, .arg_size = sizeof px, .flags = WEFT_TASK_LOCAL},
			 {.fn = fill, .arg = &py, .arg_size = sizeof py, .flags = WEFT_TASK_LOCAL}};
	int err = weft_group_submit(&g, &t[0]);

	if (!err)
		err = weft_group_submit(&g, &t[1]);
	int waited = weft_group_wait(&g);
	return err ? err : waited;
}

int main(int argc, char **argv)
{
	weft_executor *ex = NULL;
	struct total total = {.sum = 0};
	double a = 2;
	long f20 = 0;
	int n = 20, err = weft_executor_open(&ex, argc > 1 ? argv[1] : "threads");

	if (!err)
		err = sections(ex);
	if (!err)
		err = weft_for(ex, axpy, 0, N, 0, &a);
	if (!err)
		err = weft_for(ex, add, 0, N, 1024, &total);
	if (!err)
		err = weft_map(ex, fib_task, &n, sizeof n, &f20, sizeof f20, 1, NULL);
	if (!err)
		printf("sum %.0f, fib(20) %ld\n", total.sum, f20);
	weft_executor_free(ex);
	return err ? fprintf(stderr, "openmp_patterns: %s\n", weft_strerror(err)), 1 : 0;
}
