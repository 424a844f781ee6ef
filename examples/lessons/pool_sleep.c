/* SPDX-License-Identifier: MIT
 *
 * pool_sleep.c -- a pool of four workers, and tasks that sleep: with four tasks all run at once, the fifth waits until
 * a worker is free.
 *
 *   pool_sleep [TASKS] [MILLISECONDS]    5 tasks, one second each
 */
#include "lesson.h"

struct nap {
	int number;
	weft_time length;
};

static int sleep_for(weft_call *call, const void *arg, void *result)
{
	const struct nap *nap = arg;
	weft_time start = weft_now();

	(void)call, (void)result;
	say("task %d begins in process %d\n", nap->number, getpid());
	int err = weft_sleep(nap->length);
	say("task %d has run %.2f seconds\n", nap->number, seconds_since(start));
	return err;
}

int main(int argc, char **argv)
{
	int n = (int)argument(argc, argv, 1, 5);
	weft_time length = WEFT_MS(argument(argc, argv, 2, 1000));
	weft_executor *pool;
	weft_time start = weft_now();

	check(weft_executor_open(&pool, "processes:4"));
	for (int i = 0; i < n; i++) {
		struct nap nap = {i, length};
		weft_future *f;
		check(weft_async(pool, sleep_for, &nap, sizeof nap, 0, &f));
		weft_future_unref(f); /* nobody will ask for its result */
	}
	say("waiting for %d tasks\n", n);
	check(weft_executor_stop(pool, WEFT_STOP_DRAIN, WEFT_FOREVER)); /* close() and join() */
	say("all tasks done: %.2f seconds\n", seconds_since(start));
	weft_executor_free(pool);
	return 0;
}
