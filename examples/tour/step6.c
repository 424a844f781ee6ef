/* SPDX-License-Identifier: MIT
 *
 * step6.c -- tasks that talk while they run: a queue from which each takes the next line, a sum that all add to. Both
 * lie in memory that processes share, at the same address in each.
 *
 *   step6 [EXECUTOR]   any but inline
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

enum { LINES = 100, ADDERS = 2 };

/* What a task gets: pointers into shared memory. */
struct job {
	weft_queue *lines;
	long *sum;
};

static int add_to(long *sum, long n)
{
	int err = weft_lock_acquire(weft_shared_lock(sum), WEFT_FOREVER);

	if (err && err != -EOWNERDEAD) /* that one: we have the lock, and who had it before has died */
		return err;
	*sum += n;
	return weft_lock_release(weft_shared_lock(sum));
}

/* Takes lines until the queue is closed and empty. Returns how many there were. */
static int add_lines(weft_call *call, const void *arg, void *result)
{
	const struct job *job = arg;
	int count = 0, err = 0;
	char line[64];
	ssize_t size;

	(void)call;
	(void)result;
	while (!err && (size = weft_queue_get(job->lines, line, sizeof line, WEFT_FOREVER)) >= 0) {
		err = add_to(job->sum, strtol(line, NULL, 10));
		count++;
	}
	if (!err && size != -EPIPE)
		err = (int)size;
	return err ? err : count;
}

static int run(weft_executor *ex, const struct job *job)
{
	weft_task adder[ADDERS];
	int count = 0, err = 0;

	for (int i = 0; i < ADDERS; i++)
		adder[i] = (weft_task){.fn = add_lines, .arg = job, .arg_size = sizeof *job};
	err = weft_submit_many(ex, adder, ADDERS, NULL);
	for (int i = 1; i <= LINES && !err; i++) {
		char line[64];
		int size = snprintf(line, sizeof line, "%d", i);
		err = weft_queue_put(job->lines, line, (size_t)size + 1, WEFT_FOREVER);
	}
	weft_queue_close(job->lines);
	for (int i = 0; i < ADDERS && !err; i++) {
		weft_future *f = weft_task_future(&adder[i]);
		err = weft_future_wait(f, WEFT_FOREVER);
		if (!err && weft_future_status(f) < 0)
			err = weft_future_status(f);
		else
			count += weft_future_status(f);
	}
	if (!err)
		printf("%d lines, together %ld\n", count, *job->sum);
	return err;
}

int main(int argc, char **argv)
{
	struct weft_queue_opts opts = {.size = sizeof opts, .capacity = 16};
	weft_executor *ex = NULL;
	struct job job = {0};
	int err = weft_region_new(&opts.region, NULL);

	if (!err)
		err = weft_queue_new(&job.lines, &opts);
	if (!err)
		err = weft_shared_new(opts.region, sizeof *job.sum, 1, (void **)&job.sum);
	if (!err)
		err = weft_executor_open(&ex, argc > 1 ? argv[1] : "processes:2");
	if (!err)
		err = run(ex, &job);
	weft_executor_free(ex); /* before what its tasks use */
	weft_shared_free(job.sum);
	weft_queue_free(job.lines);
	weft_region_free(opts.region);
	return err ? fprintf(stderr, "step6: %s\n", weft_strerror(err)), 1 : 0;
}
