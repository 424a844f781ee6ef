/* SPDX-License-Identifier: MIT
 *
 * watched.c -- a program for weft-top to watch: executors whose tasks wait until standard input ends.
 *
 *   watched SPEC...   each with two tasks, of which one has a name, "by name"
 */
#include <weft/weft.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXECUTORS = 4, TASKS = 2 };

static int without_name(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	while (!weft_call_cancelled(call))
		weft_sleep(WEFT_MS(5));
	return 0;
}

static void start(weft_executor *ex, weft_task task[TASKS])
{
	task[0] = (weft_task){.fn = without_name};
	task[1] = (weft_task){.fn = without_name, .name = "by name"};
	for (int i = 0; i < TASKS; i++)
		if (weft_submit(ex, &task[i]))
			exit(1);
}

int main(int argc, char **argv)
{
	static weft_task task[EXECUTORS][TASKS];
	weft_executor *ex[EXECUTORS];
	char c;
	int n;

	for (n = 0; n < argc - 1 && n < EXECUTORS; n++) {
		if (weft_executor_open(&ex[n], argv[n + 1]))
			return 1;
		start(ex[n], task[n]);
	}
	puts("up");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0) {}
	for (int i = 0; i < n; i++) {
		weft_executor_stop(ex[i], WEFT_STOP_KILL, weft_after(WEFT_SECONDS(10)));
		weft_executor_free(ex[i]);
	}
	return 0;
}
