/* SPDX-License-Identifier: MIT
 *
 * process_list.c -- a list of processes: start all, then join all, so that they run at the same time.
 */
#include <weft/process.h>

#include "lesson.h"

enum { PROCESSES = 5 };

static int work(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	int err = weft_sleep(WEFT_MS(20));
	say("worker %d in process %d\n", *(const int *)arg, getpid());
	return err;
}

int main(void)
{
	weft_process *p[PROCESSES];

	for (int i = 0; i < PROCESSES; i++)
		check(weft_process_start(&p[i], work, &i, sizeof i, NULL));
	for (int i = 0; i < PROCESSES; i++) {
		check(weft_process_join(p[i], WEFT_FOREVER));
		weft_process_free(p[i]);
	}
	say("all %d have ended\n", PROCESSES);
	return 0;
}
