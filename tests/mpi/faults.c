/* SPDX-License-Identifier: MIT
 *
 * faults.c -- a program of an MPI job in which rank 1 gets a signal while it has a task: test_lost_ranks.sh.
 *
 *   faults SIGNAL [idempotent]
 *
 * Prints what becomes of the tasks; ends with status 3.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/mpi.h>
#include <weft/weft.h>

enum { N = 6 };

struct errand {
	uint32_t ms;
	char path[100]; /* a line is written there by each body that begins */
};

static int nap_fn(weft_call *call, const void *arg, void *result)
{
	const struct errand *e = arg;
	FILE *file = fopen(e->path, "a");

	(void)call;
	if (!file)
		return -EIO;
	fprintf(file, "begun %d\n", getpid());
	fclose(file);
	usleep(e->ms * 1000);
	*(int *)result = 1;
	return 0;
}

/* Has that process, whose tasks are threads of it, begun one? */
static bool has_begun(const struct errand *e, pid_t process)
{
	FILE *file = fopen(e->path, "r");
	int pid = 0;

	if (!file)
		return false;
	while (pid != process && fscanf(file, " begun %d", &pid) == 1) {} /* earlier jobs have, too */
	fclose(file);
	return pid == process;
}

static void await_begin(const struct errand e[N], pid_t process)
{
	for (int i = 0; !has_begun(&e[i % N], process); i++)
		usleep(2000);
}

int main(int argc, char **argv)
{
	struct weft_mpi_opts o = {.size = sizeof o, .patience = 1000, .local = "threads:1"};
	struct weft_mpi_rank_stats s = {.size = sizeof s};
	static struct errand errand[N];
	static weft_task t[N];
	static int result[N];
	const char *dir = getenv("FAULTS_DIR");
	weft_executor *ex;
	weft_time begun;
	int err = weft_mpi_new(&ex, &o), signal = argc > 1 ? atoi(argv[1]) : 0;

	if (err) {
		if (err < 0)
			fprintf(stderr, "weft_mpi_new: %d\n", err);
		return err < 0;
	}
	for (int i = 0; i < N; i++) {
		errand[i].ms = 300;
		snprintf(errand[i].path, sizeof errand[i].path, "%s/%d", dir ? dir : ".", i);
		t[i] = (weft_task){.fn = nap_fn,
				   .arg = &errand[i],
				   .arg_size = sizeof errand[i],
				   .result = &result[i],
				   .result_size = sizeof result[i],
				   .flags = argc > 2 ? WEFT_TASK_IDEMPOTENT : 0};
		weft_submit(ex, &t[i]);
	}
	if (!weft_mpi_stats(ex, 1, &s)) /* else there is one rank */
		await_begin(errand, s.pid);
	begun = weft_now();
	if (s.pid)
		kill(s.pid, signal);
	for (int i = 0; i < N; i++) {
		weft_future *f = weft_task_future(&t[i]);

		weft_future_wait(f, WEFT_FOREVER);
		printf("task %d: %d %s\n", i, weft_future_status(f), weft_future_error(f));
	}
	printf("took %d s\n", (int)((weft_now() - begun) / WEFT_SECONDS(1)));
	weft_mpi_stats(ex, 1, &s);
	printf("lost %u died %d\n", s.lost, (int)s.died);
	weft_executor_free(ex);
	return 3;
}
