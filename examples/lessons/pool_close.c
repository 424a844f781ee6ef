/* SPDX-License-Identifier: MIT
 *
 * pool_close.c -- Pool.close, join and terminate. In weft they are one call with three strengths:
 *
 *   close + join   WEFT_STOP_DRAIN: what was accepted still runs, nothing new is accepted
 *                  WEFT_STOP_CANCEL: what has not begun is dropped, what runs is asked to give up
 *   terminate      WEFT_STOP_KILL: the workers are killed
 */
#include "lesson.h"

static int work(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	return weft_sleep(*(const weft_time *)arg);
}

int main(void)
{
	weft_time brief = WEFT_MS(10), endless = WEFT_FOREVER;
	weft_executor *pool;
	weft_future *f[3], *late;
	struct weft_stats stats;

	check(weft_executor_open(&pool, "processes:2"));
	for (int i = 0; i < 3; i++)
		check(weft_async(pool, work, &brief, sizeof brief, 0, &f[i]));
	check(weft_executor_stop(pool, WEFT_STOP_DRAIN, WEFT_FOREVER));
	for (int i = 0; i < 3; i++) {
		say("close, join: task %d: %s\n", i, weft_strerror(weft_future_status(f[i])));
		weft_future_unref(f[i]);
	}
	say("a task after close: %s\n",
	    weft_strerror(weft_async(pool, work, &brief, sizeof brief, 0, &late)));
	weft_executor_free(pool);

	check(weft_executor_open(&pool, "processes:2"));
	for (int i = 0; i < 3; i++) /* two workers: the third has no chance */
		check(weft_async(pool, work, &endless, sizeof endless, 0, &f[i]));
	do
		check(weft_executor_stats(pool, &stats));
	while (stats.running < 2 && !weft_sleep(WEFT_MS(1)));
	check(weft_executor_stop(pool, WEFT_STOP_KILL, WEFT_FOREVER));
	for (int i = 0; i < 3; i++) {
		int status = weft_future_status(f[i]); /* worker died, or cancelled where it had not begun */
		say("terminate: task %d: %s\n", i, status < 0 ? weft_strerror(status) : "finished");
		weft_future_unref(f[i]);
	}
	weft_executor_free(pool);
	return 0;
}
