/* SPDX-License-Identifier: MIT
 *
 * step3.c -- tasks that fail, that take too long, and that nobody wants any more.
 *
 * The tasks lie in the caller's own memory: submitting them allocates nothing.
 *
 *   step3 [EXECUTOR]   any but inline, whose tasks are over before anybody could cancel them
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

/* Adds up the numbers of a line, and says what it does not understand. */
static int add_line(weft_call *call, const void *arg, void *result)
{
	const char *at = arg;
	long sum = 0;
	char *end;

	for (long n = strtol(at, &end, 10); end != at; n = strtol(at, &end, 10)) {
		sum += n;
		at = end;
	}
	at += strspn(at, " ");
	if (*at)
		return weft_call_fail(call, -EINVAL, "column %td: no number", at - (const char *)arg + 1);
	*(long *)result = sum;
	return 0;
}

/* Waits for something that never comes. The wait ends when the task is cancelled, or by its deadline. */
static int wait_long(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)arg;
	(void)result;
	return weft_sleep(WEFT_FOREVER);
}

/* A wait tells about who waits. The status tells about the task. */
static void tell(weft_task *t)
{
	weft_future *f = weft_task_future(t);
	int err = weft_future_wait(f, WEFT_FOREVER), status = err ? err : weft_future_status(f);

	if (status < 0)
		printf("%s: %s (%s)\n", t->name, weft_strerror(status), weft_future_error(f));
	else
		printf("%s: %ld\n", t->name, *(long *)t->result);
}

int main(int argc, char **argv)
{
	long sum;
	weft_task t[] = {
		{.name = "good",
		 .fn = add_line,
		 .arg = "3 4 5",
		 .arg_size = 6,
		 .result = &sum,
		 .result_size = sizeof sum},
		{.name = "bad",
		 .fn = add_line,
		 .arg = "3 x 5",
		 .arg_size = 6,
		 .result = &sum,
		 .result_size = sizeof sum},
		{.name = "late", .fn = wait_long, .deadline = weft_after(WEFT_MS(50))},
		{.name = "unwanted", .fn = wait_long},
	};
	weft_executor *ex = NULL;
	int err = weft_executor_open(&ex, argc > 1 ? argv[1] : "threads");

	if (!err)
		err = weft_submit_many(ex, t, 4, NULL);
	if (!err) {
		tell(&t[0]);
		tell(&t[1]);
		tell(&t[2]);
		weft_future_cancel(weft_task_future(&t[3]));
		tell(&t[3]);
	}
	weft_executor_free(ex);
	return err ? fprintf(stderr, "step3: %s\n", weft_strerror(err)), 1 : 0;
}
