/* SPDX-License-Identifier: MIT
 *
 * shared_values.c -- Value("d") and Array("i", range(10)): plain C objects in shared memory, with a lock of their own.
 * A process changes them, and we see it.
 */
#include <weft/process.h>
#include <weft/shared.h>

#include "lesson.h"

struct shared {
	double *number;
	int *array;
};

static int change(weft_call *call, const void *arg, void *result)
{
	const struct shared *s = arg;

	(void)call, (void)result;
	check(weft_lock_acquire(weft_shared_lock(s->number), WEFT_FOREVER));
	*s->number = 3.1415927;
	check(weft_lock_release(weft_shared_lock(s->number)));
	for (size_t i = 0; i < weft_shared_count(s->array); i++)
		s->array[i] = -s->array[i]; /* nobody else is at it: no lock needed */
	return 0;
}

int main(void)
{
	weft_region *region;
	struct shared s;
	weft_process *p;

	check(weft_region_new(&region, NULL));
	check(weft_shared_new(region, sizeof *s.number, 1, (void **)&s.number));
	check(weft_shared_new(region, sizeof *s.array, 10, (void **)&s.array));
	for (int i = 0; i < 10; i++)
		s.array[i] = i;
	check(weft_process_start(&p, change, &s, sizeof s, NULL));
	check(weft_process_join(p, WEFT_FOREVER));
	weft_process_free(p);
	say("%.7f\n", *s.number);
	for (int i = 0; i < 10; i++)
		say("%s%d%s", i ? ", " : "[", s.array[i], i < 9 ? "" : "]\n");
	weft_region_free(region);
	return 0;
}
