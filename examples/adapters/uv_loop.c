/* SPDX-License-Identifier: MIT
 *
 * uv_loop.c [EXECUTOR] -- a libuv loop that is never held up: a timer ticks while workers compute, and each answer is a
 * callback of the loop. The loop ends when the last one has come.
 */
#include <inttypes.h>
#include <stdio.h>
#include <weft/uv.h>
#include <weft/weft.h>

#define N 8

struct item {
	weft_task task;
	uint64_t n, sum;
};

static int add_up(weft_call *call, const void *arg, void *result)
{
	uint64_t sum = 0, n = *(const uint64_t *)arg;

	for (uint64_t i = 1; i <= n && !weft_call_cancelled(call); i++)
		sum += i;
	*(uint64_t *)result = sum;
	return 0;
}

static void tick(uv_timer_t *timer)
{
	++*(unsigned *)timer->data;
}

static void done(weft_uv *u, weft_future *f, void *tag)
{
	const struct item *item = tag;
	unsigned *right = u->data;

	if (weft_future_status(f) < 0)
		printf("1 + ... + %" PRIu64 ": %s\n", item->n, weft_strerror(weft_future_status(f)));
	else
		printf("1 + ... + %" PRIu64 " = %" PRIu64 "\n", item->n, item->sum);
	*right += item->sum == item->n * (item->n + 1) / 2;
}

static int submit_all(weft_executor *ex, weft_uv *u, struct item items[N])
{
	for (uint64_t i = 0; i < N; i++) {
		struct item *item = &items[i];
		int err;

		item->n = 1000000 * (N - i);
		item->task.fn = add_up;
		item->task.arg = &item->n;
		item->task.arg_size = sizeof item->n;
		item->task.result = &item->sum;
		item->task.result_size = sizeof item->sum;
		err = weft_submit(ex, &item->task);
		if (!err)
			err = weft_uv_watch(u, weft_task_future(&item->task), item);
		if (err)
			return err;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct item items[N];
	uv_loop_t *loop = uv_default_loop();
	unsigned ticks = 0, right = 0;
	uv_timer_t timer = {.data = &ticks};
	weft_executor *ex;
	weft_uv u;
	int err = weft_executor_open(&ex, argc > 1 ? argv[1] : "threads");

	if (err) {
		fprintf(stderr, "%s\n", weft_strerror(err));
		return 1;
	}
	err = weft_uv_init(&u, loop, done);
	if (!err) {
		u.data = &right;
		uv_timer_init(loop, &timer);
		uv_timer_start(&timer, tick, 1, 1);
		uv_unref((uv_handle_t *)&timer); /* it alone is no reason to go on */
		err = submit_all(ex, &u, items);
		uv_run(loop, UV_RUN_DEFAULT);
		weft_uv_close(&u, NULL);
		uv_close((uv_handle_t *)&timer, NULL);
		uv_run(loop, UV_RUN_DEFAULT);
	}
	if (err)
		fprintf(stderr, "%s\n", weft_strerror(err));
	weft_executor_free(ex);
	uv_loop_close(loop);
	fprintf(stderr, "the timer ticked %u times meanwhile\n", ticks);
	return err || right != N;
}
