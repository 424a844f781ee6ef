/* SPDX-License-Identifier: MIT
 *
 * watched.c -- a program for weft-top to watch: executors whose tasks wait until standard input ends.
 *
 *   watched SPEC...   each with two tasks, of which one has a name, "by name"; the last may be "alone": a thread, a
 *                     process and a program by themselves
 */
#include <weft/process.h>
#include <weft/subprocess.h>
#include <weft/thread.h>
#include <weft/weft.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

struct alone {
	weft_thread *thread;
	weft_process *process;
	weft_subprocess *program;
};

static int start_alone(struct alone *a)
{
	const struct weft_thread_opts t = {.size = sizeof t, .name = "a thread"};
	const struct weft_process_opts p = {.size = sizeof p, .name = "a process"};
	const char *const argv[] = {"sleep", "1000", NULL};
	int err = weft_thread_start(&a->thread, without_name, NULL, 0, &t);

	if (!err)
		err = weft_process_start(&a->process, without_name, NULL, 0, &p);
	return err ? err : weft_subprocess_start(&a->program, argv, NULL);
}

static void end_alone(struct alone *a)
{
	if (!a->thread)
		return;
	weft_future_cancel(weft_thread_future(a->thread));
	weft_process_kill(a->process);
	weft_subprocess_free(a->program);
	weft_process_join(a->process, WEFT_FOREVER);
	weft_process_free(a->process);
	weft_thread_join(a->thread, WEFT_FOREVER);
	weft_thread_free(a->thread);
}

int main(int argc, char **argv)
{
	static weft_task task[EXECUTORS][TASKS];
	weft_executor *ex[EXECUTORS];
	struct alone alone = {0};
	char c;
	int n;

	if (argc > 1 && !strcmp(argv[argc - 1], "alone") && argc--)
		if (start_alone(&alone))
			return 1;
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
	end_alone(&alone);
	return 0;
}
