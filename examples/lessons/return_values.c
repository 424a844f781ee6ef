/* SPDX-License-Identifier: MIT
 *
 * return_values.c -- Python's threads return nothing, so their results go through a queue: each of four threads squares
 * a list and puts it there.
 *
 * The results come as they are ready, so each says whose it is. Where this is all that is wanted, a task's own result
 * is less to write: counters.c, pool_map.c.
 */
#include <weft/queue.h>
#include <weft/thread.h>

#include "lesson.h"

enum { LISTS = 4, LENGTH = 3 };

struct list {
	int index, item[LENGTH];
};

struct job {
	struct list list;
	weft_queue *results;
};

static int square_list(weft_call *call, const void *arg, void *result)
{
	const struct job *job = arg;
	struct list squares = {.index = job->list.index};

	(void)call, (void)result;
	for (int i = 0; i < LENGTH; i++)
		squares.item[i] = job->list.item[i] * job->list.item[i];
	return weft_queue_put(job->results, &squares, sizeof squares, WEFT_FOREVER);
}

int main(void)
{
	static const struct list lists[LISTS] = {
		{0, {1, 2, 3}}, {1, {3, 4, 5}}, {2, {4, 4, 4}}, {3, {5, 5, 5}}};
	struct list squares[LISTS], one;
	weft_thread *t[LISTS];
	weft_queue *results;

	check(weft_queue_new(&results, NULL));
	for (int i = 0; i < LISTS; i++) {
		struct job job = {lists[i], results};
		check(weft_thread_start(&t[i], square_list, &job, sizeof job, NULL));
	}
	for (int i = 0; i < LISTS; i++) {
		check(weft_queue_get(results, &one, sizeof one, WEFT_FOREVER));
		squares[one.index] = one;
	}
	for (int i = 0; i < LISTS; i++) {
		check(weft_thread_join(t[i], WEFT_FOREVER));
		weft_thread_free(t[i]);
		say("[%d, %d, %d]\n", squares[i].item[0], squares[i].item[1], squares[i].item[2]);
	}
	check(weft_queue_free(results));
	return 0;
}
