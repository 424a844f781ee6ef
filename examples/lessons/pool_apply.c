/* SPDX-License-Identifier: MIT
 *
 * pool_apply.c -- Pool.apply waits for each task before the next is begun, so one worker is busy and three are idle.
 * Pool.apply_async gives a future; to wait comes later.
 *
 *   pool_apply [MILLISECONDS]    that each task sleeps: one second
 */
#include "lesson.h"

enum { TASKS = 4 };

static int add_slowly(weft_call *call, const void *arg, void *result)
{
	const long *a = arg; /* two numbers, and how long to sleep */

	(void)call;
	*(long *)result = a[0] + a[1];
	return weft_sleep(WEFT_MS(a[2]));
}

/* The result of f, which is given back. */
static long get(weft_future *f)
{
	check(weft_future_wait(f, WEFT_FOREVER)); /* could I wait? */
	check(weft_future_status(f));             /* has the task succeeded? */
	long sum = *(const long *)weft_future_result(f, NULL);
	weft_future_unref(f);
	return sum;
}

int main(int argc, char **argv)
{
	long ms = argument(argc, argv, 1, 1000);
	weft_executor *pool;
	weft_future *f[TASKS];
	weft_time start = weft_now();

	check(weft_executor_open(&pool, "processes:4"));
	for (int i = 0; i < TASKS; i++) {
		check(weft_async(pool, add_slowly, (long[]){i, i, ms}, 3 * sizeof(long), sizeof(long),
				 &f[i]));
		say("apply: %d + %d = %ld\n", i, i, get(f[i]));
	}
	say("apply: %.2f seconds\n", seconds_since(start));

	start = weft_now();
	for (int i = 0; i < TASKS; i++)
		check(weft_async(pool, add_slowly, (long[]){i, i, ms}, 3 * sizeof(long), sizeof(long),
				 &f[i]));
	for (int i = 0; i < TASKS; i++)
		say("apply_async: %d + %d = %ld\n", i, i, get(f[i]));
	say("apply_async: %.2f seconds\n", seconds_since(start));
	weft_executor_free(pool);
	return 0;
}
