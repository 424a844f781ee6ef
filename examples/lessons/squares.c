/* SPDX-License-Identifier: MIT
 *
 * squares.c -- twice the sum of the squares below two million: by two processes, by two threads, serial.
 *
 *   squares [N]
 */
#include "lesson.h"

static int sum_squares(weft_call *call, const void *arg, void *result)
{
	long n = *(const long *)arg, sum = 0;

	(void)call;
	for (long i = 0; i < n; i++) {
		sum += i * i;
		FORGET(sum);
	}
	*(long *)result = sum;
	return 0;
}

static void measure(const char *name, const char *spec, long n)
{
	weft_time start = weft_now();
	weft_executor *ex;
	weft_future *f[2];
	long sum = 0;

	check(weft_executor_open(&ex, spec));
	for (int i = 0; i < 2; i++)
		check(weft_async(ex, sum_squares, &n, sizeof n, sizeof sum, &f[i]));
	check(weft_wait_all(f, 2, WEFT_FOREVER));
	for (int i = 0; i < 2; i++) {
		check(weft_future_status(f[i]));
		sum += *(const long *)weft_future_result(f[i], NULL);
		weft_future_unref(f[i]);
	}
	weft_executor_free(ex);
	say("%s: %ld in %.6f seconds\n", name, sum, seconds_since(start));
}

int main(int argc, char **argv)
{
	long n = argument(argc, argv, 1, 2000000); /* 5.3 * 10^18 in all; a long ends at 9.2 * 10^18 */

	measure("two processes", "processes:2", n);
	measure("two threads", "threads:2", n);
	measure("serial", "inline", n);
	return 0;
}
