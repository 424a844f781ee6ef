/* SPDX-License-Identifier: MIT
 *
 * queue_writer_reader.c -- one process writes into a queue, another reads from it for ever. When the writer has ended
 * and all is read, the reader is terminated.
 *
 * How do we know that all is read? The reader counts in a semaphore, as task_done() of Python's JoinableQueue does. A
 * process that is killed in the middle of a get harms neither the queue nor who else uses it.
 */
#include <weft/process.h>
#include <weft/queue.h>
#include <weft/semaphore.h>

#include "lesson.h"

struct shared {
	weft_queue *queue;
	weft_semaphore done; /* how many were read */
};

static int write_all(weft_call *call, const void *arg, void *result)
{
	struct shared *s = *(struct shared *const *)arg;

	(void)call, (void)result;
	say("process to write: %d\n", getpid());
	for (char c = 'A'; c <= 'C'; c++) {
		say("put %c\n", c);
		check(weft_queue_put(s->queue, &c, 1, WEFT_FOREVER));
	}
	return 0;
}

static int read_for_ever(weft_call *call, const void *arg, void *result)
{
	struct shared *s = *(struct shared *const *)arg;
	char c;

	(void)call, (void)result;
	say("process to read: %d\n", getpid());
	while (check(weft_queue_get(s->queue, &c, 1, WEFT_FOREVER))) {
		say("get %c\n", c);
		check(weft_semaphore_release(&s->done, 1));
	}
	return 0;
}

int main(void)
{
	weft_region *region;
	weft_process *writer, *reader;
	struct shared *s;
	int code;

	check(weft_region_new(&region, NULL));
	check(weft_region_alloc(region, sizeof *s, (void **)&s));
	check(weft_semaphore_init(&s->done, 0, WEFT_SHARED));
	check(weft_queue_new(&s->queue, &(struct weft_queue_opts){.region = region}));
	check(weft_process_start(&writer, write_all, &s, sizeof s, NULL));
	check(weft_process_start(&reader, read_for_ever, &s, sizeof s, NULL));
	check(weft_process_join(writer, WEFT_FOREVER));
	for (int i = 0; i < 3; i++)
		check(weft_semaphore_acquire(&s->done, WEFT_FOREVER));
	check(weft_process_terminate(reader));
	check(weft_process_join(reader, WEFT_FOREVER));
	check(weft_process_exit(reader, &code));
	say("the reader was ended by signal %d, SIGTERM\n", -code);
	weft_process_free(writer);
	weft_process_free(reader);
	weft_region_free(region);
	return 0;
}
