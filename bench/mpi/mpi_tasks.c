/* SPDX-License-Identifier: MIT
 *
 * mpi_tasks.c -- what a task costs on another rank: empty ones by the thousand, one at a time, one with a large
 * argument, and a list of numbers to test. For scripts/bench_mpi.sh; mpi_tasks.py is the same by mpi4py.futures.
 *
 *   mpirun -n 2 mpi_tasks [EXECUTOR]     one line for each: name, median, unit
 *   mpirun -n 2 mpi_tasks EXECUTOR primes
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

enum { REPEATS = 7, TASKS = 20000, TRIPS = 1000, LARGE = 64 << 20, PRIMES = 300 };

static int empty_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

static int first_fn(weft_call *call, const void *arg, void *result)
{
	const char *bytes = arg;
	size_t n = weft_call_arg_size(call);

	*(int *)result = bytes[0] + bytes[n - 1];
	return 0;
}

static int prime_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t n = *(const uint64_t *)arg;
	bool prime = n > 1;

	(void)call;
	for (uint64_t i = 2; i * i <= n && prime; i++)
		prime = n % i != 0;
	*(bool *)result = prime;
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const char *name, double x[REPEATS], const char *unit)
{
	qsort(x, REPEATS, sizeof *x, compare);
	printf("%-12s %12.1f %s\n", name, x[REPEATS / 2], unit);
}

static double seconds(weft_time since)
{
	return (double)(weft_now() - since) / 1e9;
}

static void wait_for(weft_task *t)
{
	weft_future_wait(weft_task_future(t), WEFT_FOREVER);
	if (weft_future_status(weft_task_future(t)) < 0)
		abort();
}

static double many(weft_executor *ex)
{
	static weft_task t[TASKS];
	weft_time begun = weft_now();

	for (int i = 0; i < TASKS; i++)
		t[i].fn = empty_fn;
	if (weft_submit_many(ex, t, TASKS, NULL))
		abort();
	for (int i = 0; i < TASKS; i++)
		wait_for(&t[i]);
	return TASKS / seconds(begun);
}

static double trips(weft_executor *ex)
{
	weft_task t = {.fn = empty_fn};
	weft_time begun = weft_now();

	for (int i = 0; i < TRIPS; i++) {
		if (weft_submit(ex, &t))
			abort();
		wait_for(&t);
	}
	return seconds(begun) / TRIPS * 1e6;
}

static double large(weft_executor *ex, char *bytes)
{
	int sum = 0;
	weft_task t = {
		.fn = first_fn, .arg = bytes, .arg_size = LARGE, .result = &sum, .result_size = sizeof sum};
	weft_time begun = weft_now();

	if (weft_submit(ex, &t))
		abort();
	wait_for(&t);
	if (sum != 2)
		abort();
	return seconds(begun) * 1e3;
}

static double primes(weft_executor *ex)
{
	static uint64_t n[PRIMES];
	static bool prime[PRIMES];
	weft_time begun = weft_now();

	for (int i = 0; i < PRIMES; i++)
		n[i] = 1000000000039;
	if (weft_map(ex, prime_fn, n, sizeof n[0], prime, sizeof prime[0], PRIMES, NULL))
		abort();
	for (int i = 0; i < PRIMES; i++)
		if (!prime[i])
			abort();
	return seconds(begun);
}

int main(int argc, char **argv)
{
	double rate[REPEATS], trip[REPEATS], big[REPEATS];
	char *bytes = malloc(LARGE);
	weft_executor *ex;
	int err = weft_executor_open(&ex, argc > 1 ? argv[1] : "mpi:1,root=0");

	if (err || !bytes)
		return 1;
	if (argc > 2) {
		primes(ex);
		for (int i = 0; i < REPEATS; i++)
			rate[i] = primes(ex);
		qsort(rate, REPEATS, sizeof rate[0], compare);
		printf("%-12s %12.4f s\n", "primes", rate[REPEATS / 2]);
	} else {
		memset(bytes, 1, LARGE);
		many(ex);
		large(ex, bytes);
		for (int i = 0; i < REPEATS; i++) {
			rate[i] = many(ex);
			trip[i] = trips(ex);
			big[i] = large(ex, bytes);
		}
		report("throughput", rate, "tasks/s");
		report("round_trip", trip, "us");
		report("64MiB", big, "ms");
	}
	weft_executor_free(ex);
	free(bytes);
	return 0;
}
