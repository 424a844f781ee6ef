/* SPDX-License-Identifier: MIT
 *
 * survive.c -- a program that lives through a library which crashes, hangs, exits and eats memory.
 *
 * Each call of the library is a task in a worker process, with a deadline that kills. What becomes of it is in its future.
 * Memory has a limit, and a worker that has grown beyond another one is replaced between two tasks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

/* ---- The library, which is not to be trusted ------------------------------------------------------- */

static int library_decode(const char *text, int *ret)
{
	static char *leak;

	if (strcmp(text, "crash") == 0)
		abort();
	if (strcmp(text, "exit") == 0)
		exit(3);
	if (strcmp(text, "hang") == 0)
		for (;;)
			continue;
	if (strcmp(text, "leak") == 0 && (leak = malloc(64 << 20)))
		memset(leak, 1, 64 << 20);
	*ret = atoi(text);
	return strcmp(text, "junk") == 0 ? -1 : 0;
}

/* ---- The task: one call of it ---------------------------------------------------------------------- */

static int decode(weft_call *call, const void *arg, void *result)
{
	if (library_decode(arg, result))
		return weft_call_fail(call, -EINVAL, "%s is not what it likes", (const char *)arg);
	return 0;
}

/* ---- What became of it ------------------------------------------------------------------------------ */

static void tell(weft_task *t)
{
	weft_future *f = weft_task_future(t);
	int status = weft_future_status(f);
	struct weft_death death;

	printf("%s: ", t->name);
	if (status >= 0)
		printf("%d\n", *(int *)t->result);
	else if (weft_future_death(f, &death) == 0 && death.signal)
		printf("its worker was killed by %s%s\n", strsignal(death.signal),
		       death.oom ? ", probably for want of memory" : "");
	else if (status == -EOWNERDEAD)
		printf("its worker exited with %d\n", death.code);
	else
		printf("%s%s%s\n", weft_strerror(status), *weft_future_error(f) ? ": " : "",
		       weft_future_error(f));
}

static int make_pool(weft_executor **ret)
{
	struct weft_process_pool_opts opts = {
		.size = sizeof opts,
		.workers = 1,
		.max_memory = 1024, /* MiB: then malloc fails in that worker */
		.max_rss = 32,      /* MiB: then it is replaced, as soon as its task is done */
		.max_tasks = 10000, /* for what leaks slowly */
	};

	return weft_process_pool_new(ret, &opts);
}

/* Each task has its time from when it is submitted, so they are submitted one by one, as workers get free: here, one. */
static int run(weft_executor *ex, const char *const *text, int n)
{
	int err = 0;

	for (int i = 0; i < n && !err; i++) {
		int value = 0;
		weft_task t = {
			.fn = decode, .arg = text[i], .arg_size = strlen(text[i]) + 1, .name = text[i]};
		t.result = &value;
		t.result_size = sizeof value;
		t.deadline = weft_after(strcmp(text[i], "hang") == 0 ? WEFT_MS(50) : WEFT_SECONDS(20));
		err = weft_submit(ex, &t);
		if (!err)
			err = weft_future_wait(weft_task_future(&t), WEFT_FOREVER);
		if (!err)
			tell(&t);
	}
	return err;
}

int main(int argc, char **argv)
{
	static const char *const inputs[] = {"1", "junk", "crash", "2", "hang", "leak", "3", "exit", "4"};
	weft_executor *ex = NULL;
	int err = make_pool(&ex);

	if (!err && argc > 1)
		err = run(ex, (const char *const *)argv + 1, argc - 1);
	else if (!err)
		err = run(ex, inputs, sizeof inputs / sizeof *inputs);
	weft_executor_free(ex);
	return err ? fprintf(stderr, "survive: %s\n", weft_strerror(err)), 1 : 0;
}
