/* SPDX-License-Identifier: MIT
 *
 * uv_patterns.c -- what a program with libuv does by callbacks, as tasks that are written from top to bottom.
 *
 *   uv_patterns [EXECUTOR]   uring; or threads
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

static weft_executor *loop, *pool;
static weft_semaphore woken;

/* ---- uv_timer_start(&t, tick, 5, 5) -------------------------------------------------------------------- */

static int tick(weft_call *call, const void *arg, void *result)
{
	int err = 0;

	(void)call;
	(void)arg;
	for (int *ticks = result; *ticks < 3 && !err; ++*ticks)
		err = weft_sleep(WEFT_MS(5));
	return err;
}

/* ---- uv_queue_work(loop, &req, work, after_work) -------------------------------------------------------- */

static int work(weft_call *call, const void *arg, void *result)
{
	unsigned sum = 0;

	(void)call;
	for (const char *at = arg; *at; at++)
		sum += (unsigned char)*at;
	*(unsigned *)result = sum;
	return 0;
}

/* ---- uv_fs_open, uv_fs_read, uv_fs_close: three callbacks; then uv_queue_work ----------------------------- */

static int sum_of_file(weft_call *call, const void *arg, void *result)
{
	char text[4096];
	int fd = weft_open(arg, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? fd : weft_read_full(fd, text, sizeof text - 1);

	if (fd >= 0)
		weft_close(fd);
	if (n < 0)
		return weft_call_fail(call, (int)n, "%s: %s", (const char *)arg, weft_strerror((int)n));
	text[n] = '\0';
	return weft_map(pool, work, text, sizeof text, result, sizeof(unsigned), 1, NULL);
}

/* ---- uv_async_send(&handle) from another thread -------------------------------------------------------- */

static int on_wake(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)arg;
	(void)result;
	return weft_semaphore_acquire(&woken, WEFT_FOREVER);
}

static int wait_for(weft_task *t, const char *what, const int *number)
{
	weft_future *f = weft_task_future(t);
	int err = weft_future_wait(f, WEFT_FOREVER);

	if (!err)
		err = weft_future_status(f);
	if (err < 0)
		printf("%s: %s\n", what, weft_future_error(f));
	else
		printf("%s: %d\n", what, number ? *number : err);
	return 0;
}

/* ---- uv_run(loop, UV_RUN_DEFAULT): all run at once; here we wait for each ------------------------------- */

static int run(const char *path)
{
	int ticks = 0, sum = 0, none = 0;
	weft_task t[] = {
		{.fn = tick, .result = &ticks, .result_size = sizeof ticks},
		{.fn = sum_of_file,
		 .arg = path,
		 .arg_size = strlen(path) + 1,
		 .result = &sum,
		 .result_size = sizeof sum},
		{.fn = sum_of_file,
		 .arg = "/none",
		 .arg_size = 6,
		 .result = &none,
		 .result_size = sizeof none},
		{.fn = on_wake},
	};
	int err = weft_submit_many(loop, t, 4, NULL);

	if (err)
		return err;
	weft_semaphore_release(&woken,
			       1); /* from any thread; a signal handler writes to an eventfd instead */
	wait_for(&t[0], "ticks", &ticks);
	wait_for(&t[1], "sum", &sum);
	wait_for(&t[2], "no file", &none);
	wait_for(&t[3], "woken", NULL);
	return 0;
}

int main(int argc, char **argv)
{
	char path[] = "/tmp/uv_patterns.XXXXXX";
	int fd = mkstemp(path), err;

	if (fd < 0 || weft_write_full(fd, "hello", 5) != 5)
		return perror("uv_patterns"), 1;
	err = weft_executor_open(&loop, argc > 1 ? argv[1] : "uring:1");
	if (!err)
		err = weft_executor_open(&pool, "threads");
	if (!err)
		err = run(path);
	weft_executor_free(loop);
	weft_executor_free(pool);
	weft_close(fd);
	weft_unlink(path);
	return err ? fprintf(stderr, "uv_patterns: %s\n", weft_strerror(err)), 1 : 0;
}
