/* SPDX-License-Identifier: MIT
 *
 * list_sums.c -- sums a list of a million numbers four times: serial, and by four threads that put their sums into a
 * queue. The threads share the list; nothing is copied but its address.
 *
 *   list_sums [N]
 */
#include <weft/queue.h>
#include <weft/thread.h>

#include "lesson.h"

enum { THREADS = 4 };

struct list {
	const long *item;
	long n;
	weft_queue *sums;
};

static long sum_of(const struct list *l)
{
	long sum = 0;

	for (long i = 0; i < l->n; i++)
		sum += l->item[i];
	FORGET(sum); /* or four sums of one list would be one, times four */
	return sum;
}

static int put_sum(weft_call *call, const void *arg, void *result)
{
	const struct list *l = arg;
	long sum = sum_of(l);

	(void)call, (void)result;
	return weft_queue_put(l->sums, &sum, sizeof sum, WEFT_FOREVER);
}

static long in_threads(struct list *l)
{
	weft_thread *t[THREADS];
	long total = 0, sum;

	for (int i = 0; i < THREADS; i++)
		check(weft_thread_start(&t[i], put_sum, l, sizeof *l, NULL));
	for (int i = 0; i < THREADS; i++) {
		check(weft_queue_get(l->sums, &sum, sizeof sum, WEFT_FOREVER));
		total += sum;
	}
	for (int i = 0; i < THREADS; i++) {
		check(weft_thread_join(t[i], WEFT_FOREVER));
		weft_thread_free(t[i]);
	}
	return total;
}

int main(int argc, char **argv)
{
	struct list l = {.n = argument(argc, argv, 1, 1000000)};
	long *item = malloc((size_t)l.n * sizeof *item), total = 0;

	check(item ? 0 : -ENOMEM);
	for (long i = 0; i < l.n; i++)
		item[i] = i;
	l.item = item;
	check(weft_queue_new(&l.sums, NULL));

	weft_time start = weft_now();
	for (int i = 0; i < THREADS; i++)
		total += sum_of(&l);
	say("serial: %ld in %.6f seconds\n", total, seconds_since(start));
	start = weft_now();
	total = in_threads(&l);
	say("four threads: %ld in %.6f seconds\n", total, seconds_since(start));
	check(weft_queue_free(l.sums));
	free(item);
	return 0;
}
