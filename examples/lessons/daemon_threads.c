/* SPDX-License-Identifier: MIT
 *
 * daemon_threads.c -- Thread(daemon=True): the end of the program waits for its threads, but not for daemons, which may
 * work for ever.
 */
#include <weft/event.h>
#include <weft/thread.h>

#include "lesson.h"

static weft_event begun;

static int for_ever(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	say("the daemon works for ever\n");
	check(weft_event_set(&begun));
	return weft_sleep(WEFT_FOREVER);
}

static int brief(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	int err = weft_sleep(WEFT_MS(*(const int *)arg));
	say("the other thread is done\n");
	return err;
}

int main(void)
{
	struct weft_thread_opts daemon = {.flags = WEFT_DAEMON};
	weft_thread *t, *other;

	check(weft_thread_start(&t, for_ever, NULL, 0, &daemon));
	check(weft_event_wait(&begun, WEFT_FOREVER));
	check(weft_thread_start(&other, brief, &(int){50}, sizeof(int), NULL));
	weft_thread_free(t); /* nobody will join them */
	weft_thread_free(other);
	say("the main thread is done\n");
	return 0;
}
