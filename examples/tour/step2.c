/* SPDX-License-Identifier: MIT
 *
 * step2.c -- many arguments at once, on the executor that the caller names: inline, threads, processes or uring.
 *
 *   step2              on a pool of threads
 *   step2 processes:2  on two worker processes
 */
#include <stdio.h>
#include <stdlib.h>

#include <weft/weft.h>

typedef char line[32];

/* Adds up the numbers of a line. */
static int add_line(weft_call *call, const void *arg, void *result)
{
	const char *at = arg;
	long sum = 0;
	char *end;

	(void)call;
	for (long n = strtol(at, &end, 10); end != at; n = strtol(at, &end, 10)) {
		sum += n;
		at = end;
	}
	*(long *)result = sum;
	return 0;
}

int main(int argc, char **argv)
{
	static const line lines[] = {"3 4 5", "1", "10 20 30", "-7 7", "1000000 1"};
	enum { N = sizeof lines / sizeof *lines };
	long sums[N];
	weft_executor *ex = NULL;
	int err = weft_executor_open(&ex, argc > 1 ? argv[1] : "threads");

	if (!err)
		err = weft_map(ex, add_line, lines, sizeof *lines, sums, sizeof *sums, N, NULL);
	for (int i = 0; i < N && !err; i++)
		printf("%s: %ld\n", lines[i], sums[i]);
	weft_executor_free(ex);
	return err ? fprintf(stderr, "step2: %s\n", weft_strerror(err)), 1 : 0;
}
