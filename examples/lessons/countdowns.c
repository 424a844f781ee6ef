/* SPDX-License-Identifier: MIT
 *
 * countdowns.c -- four countdowns from 25,000,000: serial, on threads, on processes. As tasks they are one call each
 * time, and where they run is a string.
 *
 *   countdowns [N]
 */
#include "lesson.h"

static int count_down(weft_call *call, const void *arg, void *result)
{
	long n = *(const long *)arg;

	(void)call;
	while (n > 0) {
		n--;
		FORGET(n);
	}
	*(long *)result = n;
	return 0;
}

static void measure(const char *name, const char *spec, long n)
{
	long from[4] = {n, n, n, n}, end[4];
	weft_time start = weft_now();
	weft_executor *ex;

	check(weft_executor_open(&ex, spec));
	check(weft_map(ex, count_down, from, sizeof *from, end, sizeof *end, 4, NULL));
	weft_executor_free(ex);
	say("%s: down to %ld in %.6f seconds\n", name, end[0] + end[1] + end[2] + end[3],
	    seconds_since(start));
}

int main(int argc, char **argv)
{
	long n = argument(argc, argv, 1, 25000000);

	measure("serial", "inline", n);
	measure("four threads", "threads:4", n);
	measure("four processes", "processes:4", n);
	return 0;
}
