/* SPDX-License-Identifier: MIT
 *
 * queue_values.c -- a Queue() that a process puts values into: structs here, in the order in which they were put. What
 * Python pickles, C copies.
 */
#include <weft/process.h>
#include <weft/queue.h>

#include "lesson.h"

struct value {
	int number;
	char text[16];
};

static int put_all(weft_call *call, const void *arg, void *result)
{
	static const struct value values[] = {{42, "answer"}, {7, "hello"}, {-1, "end"}};
	weft_queue *queue = *(weft_queue *const *)arg;

	(void)call, (void)result;
	for (size_t i = 0; i < 3; i++)
		check(weft_queue_put(queue, &values[i], sizeof values[i], WEFT_FOREVER));
	return weft_queue_close(queue);
}

int main(void)
{
	weft_queue *queue;
	weft_process *p;
	struct value v;
	ssize_t n;

	check(weft_queue_new(&queue, NULL));
	check(weft_process_start(&p, put_all, &queue, sizeof queue, NULL));
	while ((n = weft_queue_get(queue, &v, sizeof v, WEFT_FOREVER)) >= 0)
		say("got %d %s\n", v.number, v.text);
	check(n == -EPIPE ? 0 : n); /* closed, and nothing is left in it */
	check(weft_process_join(p, WEFT_FOREVER));
	weft_process_free(p);
	check(weft_queue_free(queue));
	return 0;
}
