/* SPDX-License-Identifier: MIT
 *
 * named_threads.c -- threading.current_thread().name: threads have names, and know their own. Debuggers, top -H and
 * /proc show the first 15 bytes of them.
 */
#include <weft/thread.h>

#include "lesson.h"

static int loop(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	say("thread %s is running\n", weft_current_name());
	for (int i = 1; i <= 5; i++)
		say("thread %s >>> %d\n", weft_current_name(), i);
	say("thread %s has ended\n", weft_current_name());
	return 0;
}

int main(void)
{
	struct weft_thread_opts named = {.name = "LoopThread"};
	weft_thread *t;

	say("thread %s is running\n", weft_current_name());
	check(weft_thread_start(&t, loop, NULL, 0, &named));
	check(weft_thread_join(t, WEFT_FOREVER));
	weft_thread_free(t);
	say("thread %s has ended\n", weft_current_name());
	return 0;
}
