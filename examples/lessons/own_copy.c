/* SPDX-License-Identifier: MIT
 *
 * own_copy.c -- a global list in three processes is three lists: what a process appends to its own, nobody else sees.
 * To share, see shared_values.c.
 */
#include <weft/process.h>

#include "lesson.h"

static int list[8], n;

static void append_and_show(const char *who, int first)
{
	for (int i = first; i < first + 3; i++)
		list[n++] = i;
	say("%s: %d items, from %d to %d\n", who, n, list[0], list[n - 1]);
}

static int work(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	append_and_show("child", *(const int *)arg);
	return 0;
}

int main(void)
{
	weft_process *p;

	append_and_show("parent", 1);
	for (int first = 10; first <= 20; first += 10) {
		check(weft_process_start(&p, work, &first, sizeof first, NULL));
		check(weft_process_join(p, WEFT_FOREVER));
		weft_process_free(p);
	}
	say("parent: still %d items\n", n);
	return 0;
}
