/* SPDX-License-Identifier: MIT
 *
 * model_wait.c -- core/wait.c: words, locks and parkers. A sleep that nobody ends is a deadlock to the checker,
 * so what a model proves of each is that no wake-up is lost, besides what it asserts.
 */
#include "model.h"
#include "wait.h"

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static struct weft__lock lock;
static struct weft__parker parker;
static atom_u32 word;
static int data, inside;

static void start(void)
{
	lock = (struct weft__lock){0};
	parker = (struct weft__parker){0};
	word = 0;
	data = inside = 0;
	model_name(&lock.word, "lock");
	model_name(&parker.word, "parker");
	model_name(&word, "word");
}

/* ---- weft__wait and weft__wake, as they are meant to be used. ---- */

THREAD(wait_for_word)
{
	while (!atom_load(&word, acquire))
		weft__wait(&word, 0, WEFT_FOREVER, WEFT__PRIVATE);
	model_assert(data == 1);
}

THREAD(set_word)
{
	data = 1;
	atom_store(&word, 1, release);
	weft__wake(&word, 2, WEFT__PRIVATE);
}

MODEL(word_wakes_all)
{
	start();
	model_spurious(1);
	model_thread("sleeper 1", wait_for_word, NULL);
	model_thread("sleeper 2", wait_for_word, NULL);
	model_thread("waker", set_word, NULL);
	model_run();
}

/* ---- The lock. ---- */

THREAD(locked_add)
{
	weft__lock(&lock);
	data++;
	weft__unlock(&lock);
}

MODEL(lock_excludes)
{
	start();
	model_impatient();
	model_thread("A", locked_add, NULL);
	model_thread("B", locked_add, NULL);
	model_thread("C", locked_add, NULL);
	model_run();
	model_assert(data == 3);
	model_assert(lock.word == 0);
}

THREAD(locked_add_twice)
{
	locked_add(NULL);
	locked_add(NULL);
}

MODEL(lock_again)
{
	start();
	model_impatient();
	model_spurious(1);
	model_thread("A", locked_add_twice, NULL);
	model_thread("B", locked_add_twice, NULL);
	model_run();
	model_assert(data == 4);
}

THREAD(try_add)
{
	if (weft__trylock(&lock)) {
		data++;
		weft__unlock(&lock);
	}
}

MODEL(trylock_excludes)
{
	start();
	model_impatient();
	model_thread("A", try_add, NULL);
	model_thread("B", locked_add, NULL);
	model_thread("C", try_add, NULL);
	model_run();
	model_assert(data >= 1 && data <= 3);
}

/* Who gets the lock last frees it: unlock may not touch it after its store, but for the address. */
static struct {
	struct weft__lock lock;
	int refs;
} counted;

THREAD(drop)
{
	bool last;

	weft__lock(&counted.lock);
	last = --counted.refs == 0;
	weft__unlock(&counted.lock);
	if (last)
		model_gone(&counted, sizeof counted);
}

MODEL(lock_goes_with_its_object)
{
	start();
	model_impatient();
	counted.lock = (struct weft__lock){0};
	counted.refs = 2;
	model_thread("A", drop, NULL);
	model_thread("B", drop, NULL);
	model_run();
}

/* ---- The parker. ---- */

THREAD(park_once)
{
	model_assert(weft__park(&parker, WEFT_FOREVER) == 0);
	model_assert(data == 1);
}

THREAD(unpark_once)
{
	data = 1;
	weft__unpark(&parker);
}

MODEL(parker_keeps_a_permit)
{
	start();
	model_spurious(2);
	model_thread("sleeper", park_once, NULL);
	model_thread("waker", unpark_once, NULL);
	model_run();
	model_assert(parker.word == 0);
}

/* Two permits at once are one; whoever gave the first, or the second, has been heard. */
THREAD(park_twice)
{
	model_assert(weft__park(&parker, WEFT_FOREVER) == 0);
	atom_store(&word, 1, relaxed);
	weft__park(&parker, 1);
}

THREAD(unpark_twice)
{
	weft__unpark(&parker);
	weft__unpark(&parker);
}

MODEL(parker_permits_do_not_add_up)
{
	start();
	model_timeouts(1);
	model_thread("sleeper", park_twice, NULL);
	model_thread("waker", unpark_twice, NULL);
	model_run();
	model_assert(parker.word <= 1);
}

/* A permit that comes with the deadline is taken, or is there afterwards: it is never lost. */
static int parked;

THREAD(park_with_deadline)
{
	parked = weft__park(&parker, 1);
	if (parked == 0)
		model_assert(data == 1);
}

MODEL(parker_deadline)
{
	start();
	model_timeouts(1);
	model_thread("sleeper", park_with_deadline, NULL);
	model_thread("waker", unpark_once, NULL);
	model_run();
	model_assert(parker.word == (parked ? 1 : 0));
}
