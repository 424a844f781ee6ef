/* SPDX-License-Identifier: MIT
 *
 * two_threads.c -- two threads, started and joined: together they take as long as the longer one.
 *
 *   two_threads [MILLISECONDS]    4 and 2 times so long: one second
 */
#include <time.h>

#include <weft/thread.h>

#include "lesson.h"

struct loop {
	int number;
	weft_time length;
};

static const char *clock_time(char text[static 16])
{
	time_t now = time(NULL);
	struct tm tm;

	strftime(text, 16, "%H:%M:%S", localtime_r(&now, &tm));
	return text;
}

static int loop(weft_call *call, const void *arg, void *result)
{
	const struct loop *l = arg;
	char text[16];

	(void)call, (void)result;
	say("loop %d begins at %s\n", l->number, clock_time(text));
	int err = weft_sleep(l->length);
	say("loop %d ends at %s\n", l->number, clock_time(text));
	return err;
}

int main(int argc, char **argv)
{
	long ms = argument(argc, argv, 1, 1000);
	weft_thread *t[2];
	weft_time start = weft_now();
	char text[16];

	say("starting at %s\n", clock_time(text));
	for (int i = 0; i < 2; i++) {
		struct loop l = {i, WEFT_MS(i == 0 ? 4 * ms : 2 * ms)};
		check(weft_thread_start(&t[i], loop, &l, sizeof l, NULL));
	}
	for (int i = 0; i < 2; i++) {
		check(weft_thread_join(t[i], WEFT_FOREVER));
		weft_thread_free(t[i]);
	}
	say("all done at %s, after %.2f seconds\n", clock_time(text), seconds_since(start));
	return 0;
}
