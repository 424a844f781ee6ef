/* SPDX-License-Identifier: MIT
 *
 * counters.c -- counts to ten million twice: one after the other, in two threads, in two processes. In Python threads
 * are no faster than none, because of its lock; here they are as fast as processes.
 *
 *   counters [N]    10,000,000
 */
#include <weft/process.h>
#include <weft/thread.h>

#include "lesson.h"

static int count(weft_call *call, const void *arg, void *result)
{
	long n = *(const long *)arg, i;

	(void)call;
	for (i = 0; i < n; i++)
		FORGET(i);
	*(long *)result = i;
	return 0;
}

static long serial(long n)
{
	long sum = 0, one;

	for (int i = 0; i < 2; i++) {
		check(count(NULL, &n, &one)); /* a task is a function, too */
		sum += one;
	}
	return sum;
}

static long in_threads(long n)
{
	struct weft_thread_opts opts = {.result_size = sizeof n};
	weft_thread *t[2];
	long sum = 0;

	for (int i = 0; i < 2; i++)
		check(weft_thread_start(&t[i], count, &n, sizeof n, &opts));
	for (int i = 0; i < 2; i++) {
		check(weft_thread_join(t[i], WEFT_FOREVER));
		sum += *(const long *)weft_future_result(weft_thread_future(t[i]), NULL);
		weft_thread_free(t[i]);
	}
	return sum;
}

static long in_processes(long n)
{
	struct weft_process_opts opts = {.result_size = sizeof n};
	weft_process *p[2];
	long sum = 0;

	for (int i = 0; i < 2; i++)
		check(weft_process_start(&p[i], count, &n, sizeof n, &opts));
	for (int i = 0; i < 2; i++) {
		check(weft_process_join(p[i], WEFT_FOREVER));
		sum += *(const long *)weft_future_result(weft_process_future(p[i]), NULL);
		weft_process_free(p[i]);
	}
	return sum;
}

static void measure(const char *name, long (*way)(long), long n)
{
	weft_time start = weft_now();
	long sum = way(n);

	say("%s: %ld in %.6f seconds\n", name, sum, seconds_since(start));
}

int main(int argc, char **argv)
{
	long n = argument(argc, argv, 1, 10000000);

	measure("serial", serial, n);
	measure("two threads", in_threads, n);
	measure("two processes", in_processes, n);
	return 0;
}
