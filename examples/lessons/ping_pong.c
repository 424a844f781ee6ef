/* SPDX-License-Identifier: MIT
 *
 * ping_pong.c -- one process prints Ping, the other Pong, and both stop when together they have printed 50.
 *
 * A global counter would not do: each process would have its own, and print 50 (own_copy.c). This one is shared, and a
 * look at it and the step that follows belong under one lock.
 */
#include <weft/process.h>
#include <weft/shared.h>

#include "lesson.h"

enum { TOGETHER = 50 };

struct player {
	char word[8];
	int *counter;
};

static int play(weft_call *call, const void *arg, void *result)
{
	const struct player *me = arg;
	weft_lock *lock = weft_shared_lock(me->counter);

	(void)call, (void)result;
	for (bool goes_on = true; goes_on;) {
		check(weft_lock_acquire(lock, WEFT_FOREVER));
		goes_on = *me->counter < TOGETHER;
		if (goes_on)
			say("%s %d\n", me->word, ++*me->counter);
		check(weft_lock_release(lock));
		weft_sleep(WEFT_MS(1));
	}
	return 0;
}

int main(void)
{
	struct player players[2] = {{.word = "Ping"}, {.word = "Pong"}};
	weft_region *region;
	weft_process *p[2];
	int *counter;

	check(weft_region_new(&region, NULL));
	check(weft_shared_new(region, sizeof *counter, 1, (void **)&counter));
	for (int i = 0; i < 2; i++) {
		players[i].counter = counter;
		check(weft_process_start(&p[i], play, &players[i], sizeof players[i], NULL));
	}
	for (int i = 0; i < 2; i++) {
		check(weft_process_join(p[i], WEFT_FOREVER));
		weft_process_free(p[i]);
	}
	say("together: %d\n", *counter);
	weft_region_free(region);
	return 0;
}
