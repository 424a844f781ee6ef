/* SPDX-License-Identifier: MIT
 *
 * print_lock.c -- ten processes write to one standard output: first as they come, so that their lines are torn, then
 * with a lock that all of them share.
 *
 * The lock lies in a region: its address means the same in every process. If its holder is killed, the next one gets it
 * all the same, and is told so (-EOWNERDEAD).
 */
#include <weft/lock.h>
#include <weft/process.h>

#include "lesson.h"

enum { PROCESSES = 10 };

struct line {
	int number;
	weft_lock *lock; /* NULL: without */
};

static int print(weft_call *call, const void *arg, void *result)
{
	const struct line *line = arg;

	(void)call, (void)result;
	if (line->lock)
		check(weft_lock_acquire(line->lock, WEFT_FOREVER));
	say("hello ");
	weft_sleep(WEFT_MS(1)); /* time for others to get in between */
	say("world %d\n", line->number);
	if (line->lock)
		check(weft_lock_release(line->lock));
	return 0;
}

static void print_all(weft_lock *lock)
{
	weft_process *p[PROCESSES];

	for (int i = 0; i < PROCESSES; i++)
		check(weft_process_start(&p[i], print, &(struct line){i, lock}, sizeof(struct line), NULL));
	for (int i = 0; i < PROCESSES; i++) {
		check(weft_process_join(p[i], WEFT_FOREVER));
		weft_process_free(p[i]);
	}
}

int main(void)
{
	weft_region *region;
	weft_lock *lock;

	check(weft_region_new(&region, NULL));
	check(weft_region_alloc(region, sizeof *lock, (void **)&lock));
	check(weft_lock_init(lock, WEFT_SHARED));
	say("without a lock:\n");
	print_all(NULL);
	say("with a lock:\n");
	print_all(lock);
	weft_region_free(region);
	return 0;
}
