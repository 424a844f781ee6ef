/* SPDX-License-Identifier: MIT
 *
 * glib_loop.c [EXECUTOR] -- a GLib main loop that is never held up: a timeout ticks while workers compute, and each
 * answer is a callback of the loop.
 */
#include <inttypes.h>
#include <stdio.h>
#include <weft/glib.h>
#include <weft/weft.h>

#define N 8

struct item {
	weft_task task;
	uint64_t n, sum;
};

struct program {
	GMainLoop *loop;
	struct item items[N];
	unsigned awaited, right, ticks;
};

static int add_up(weft_call *call, const void *arg, void *result)
{
	uint64_t sum = 0, n = *(const uint64_t *)arg;

	for (uint64_t i = 1; i <= n && !weft_call_cancelled(call); i++)
		sum += i;
	*(uint64_t *)result = sum;
	return 0;
}

static gboolean tick(gpointer data)
{
	struct program *p = data;

	p->ticks++;
	return G_SOURCE_CONTINUE;
}

static gboolean done(weft_future *f, gpointer tag, gpointer data)
{
	const struct item *item = tag;
	struct program *p = data;

	if (weft_future_status(f) < 0)
		printf("1 + ... + %" PRIu64 ": %s\n", item->n, weft_strerror(weft_future_status(f)));
	else
		printf("1 + ... + %" PRIu64 " = %" PRIu64 "\n", item->n, item->sum);
	p->right += item->sum == item->n * (item->n + 1) / 2;
	if (--p->awaited == 0)
		g_main_loop_quit(p->loop);
	return G_SOURCE_CONTINUE;
}

static int submit_all(weft_executor *ex, GSource *source, struct program *p)
{
	for (uint64_t i = 0; i < N; i++) {
		struct item *item = &p->items[i];
		int err;

		item->n = 1000000 * (N - i);
		item->task.fn = add_up;
		item->task.arg = &item->n;
		item->task.arg_size = sizeof item->n;
		item->task.result = &item->sum;
		item->task.result_size = sizeof item->sum;
		err = weft_submit(ex, &item->task);
		if (!err)
			err = weft_glib_watch(source, weft_task_future(&item->task), item);
		if (err)
			return err;
		p->awaited++;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct program p;
	GSource *source;
	weft_executor *ex;
	int err = weft_executor_open(&ex, argc > 1 ? argv[1] : "threads");

	if (err) {
		fprintf(stderr, "%s\n", weft_strerror(err));
		return 1;
	}
	err = weft_glib_source_new(&source, done, &p, NULL);
	if (!err) {
		p.loop = g_main_loop_new(NULL, FALSE);
		g_timeout_add(1, tick, &p);
		g_source_attach(source, NULL);
		err = submit_all(ex, source, &p);
		if (p.awaited)
			g_main_loop_run(p.loop);
		g_source_destroy(source);
		g_source_unref(source);
		g_main_loop_unref(p.loop);
	}
	if (err)
		fprintf(stderr, "%s\n", weft_strerror(err));
	weft_executor_free(ex);
	fprintf(stderr, "the timeout ticked %u times meanwhile\n", p.ticks);
	return err || p.right != N;
}
