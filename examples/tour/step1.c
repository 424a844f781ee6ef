/* SPDX-License-Identifier: MIT
 *
 * step1.c -- a plain C function becomes a task. It runs on a thread of the pool, and its future says when it is done.
 */
#include <stdio.h>
#include <stdlib.h>

#include <weft/weft.h>

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

int main(void)
{
	static const char line[] = "3 4 5";
	weft_executor *ex = NULL;
	weft_future *f = NULL;
	int err = weft_executor_open(&ex, "threads");

	if (!err)
		err = weft_async(ex, add_line, line, sizeof line, sizeof(long), &f);
	if (!err)
		err = weft_future_wait(f, WEFT_FOREVER);
	if (!err)
		printf("%s: %ld\n", line, *(const long *)weft_future_result(f, NULL));
	weft_future_unref(f);
	weft_executor_free(ex);
	return err ? fprintf(stderr, "step1: %s\n", weft_strerror(err)), 1 : 0;
}
