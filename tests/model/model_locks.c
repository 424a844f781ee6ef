/* SPDX-License-Identifier: MIT
 *
 * model_locks.c -- ipc/mutex.c and ipc/lot.c: locks in private and in shared memory, threads that die with one or
 * waiting for one. A sleep that nobody ends is a deadlock to the checker, so no wake-up is lost, and none has to be
 * made up for by looking again (the checker lets no sleep end by its deadline unless it is told to).
 */
#include "kit_locks.h"
#include "spin.h"

#include <string.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static struct weft__mutex lock;
static struct weft__place place;
static int data, told;

static void start(unsigned flags)
{
	kit_locks_start();
	memset(&lock, 0, sizeof lock);
	memset(&place, 0, sizeof place);
	lock.place.flags = place.flags = flags;
	weft__lot_reset();
	data = told = 0;
	model_name(&lock.place.word, "lock");
	model_name(&place.word, "place");
	/* The first time it remembers how many processors there are; that must not be part of an execution. */
	weft__spin_know(true);
}

static void add(void)
{
	int err = weft__mutex_acquire(&lock, WEFT_FOREVER, true);

	model_assert(!err || err == -EOWNERDEAD);
	told += err == -EOWNERDEAD;
	model_assert(err || data % 2 == 0);
	data += data % 2;
	data++;
	data++;
	weft__mutex_release(&lock);
}

THREAD(add_1)
{
	kit_locks_thread(1);
	add();
	kit_locks_end();
}

THREAD(add_2)
{
	kit_locks_thread(2);
	add();
}

THREAD(add_3)
{
	kit_locks_thread(3);
	add();
}

static void exclude(unsigned flags)
{
	start(flags);
	model_thread("A", add_1, NULL);
	model_thread("B", add_2, NULL);
	model_thread("C", add_3, NULL);
	model_run();
	model_assert(data == 6 && !told);
	model_assert(!(lock.place.word & ~HOLDER_WAITERS));
}

MODEL(mutex_excludes)
{
	model_preemptions(-1);
	exclude(0);
}

MODEL(mutex_excludes_shared)
{
	model_preemptions(-1);
	exclude(WEFT_SHARED);
}

/* ---- Deaths ---- */

/* What is held by who dies is half changed at most, and the next is told. */
MODEL(mutex_holder_dies)
{
	int a;

	start(WEFT_SHARED);
	a = model_thread("A", add_1, NULL);
	model_thread("B", add_2, NULL);
	model_thread("kernel", kit_locks_kernel, NULL);
	model_mortal(a);
	model_run();
	model_assert(told <= 1);
	model_assert(model_died(a) || (!told && data == 4));
	model_assert(data >= 2 && data <= 4);
	model_assert(!(lock.place.word & HOLDER_TID));
}

THREAD(hold_and_release_2)
{
	kit_locks_thread(2);
	add();
	add();
}

/* Two that come after it: one of them is told. */
MODEL(mutex_holder_dies_before_two)
{
	int a;

	start(WEFT_SHARED);
	model_preemptions(-2);
	a = model_thread("A", add_1, NULL);
	model_thread("B", add_2, NULL);
	model_thread("C", add_3, NULL);
	model_thread("kernel", kit_locks_kernel, NULL);
	model_mortal(a);
	model_run();
	model_assert(told <= 1);
	model_assert(data >= 4 && data <= 6);
}

MODEL(mutex_holder_dies_told_once)
{
	int a;

	start(WEFT_SHARED);
	model_preemptions(-1);
	a = model_thread("A", add_1, NULL);
	model_thread("B", hold_and_release_2, NULL);
	model_thread("kernel", kit_locks_kernel, NULL);
	model_mortal(a);
	model_run();
	model_assert(told <= 1);
}

/* ---- Waiting in the lot ---- */

THREAD(change_and_wake)
{
	atom_store(&place.word, 1, release);
	weft__place_wake(&place, weft__place_is_shared(&place), 1);
}

THREAD(wait_for_change)
{
	while (!atom_load(&place.word, acquire))
		weft__place_wait(&place, 0, WEFT_FOREVER, true);
}

MODEL(lot_wakes)
{
	start(0);
	model_thread("sleeper", wait_for_change, NULL);
	model_thread("waker", change_and_wake, NULL);
	model_run();
}

static atom_u32 gave_up;

/* Who gives up has not been woken: the one wake-up is there for the other. */
THREAD(wait_or_give_up)
{
	int err = 0;

	while (!err && !atom_load(&place.word, acquire))
		err = weft__place_wait(&place, 0, 1000, true);
	if (err)
		atom_store(&gave_up, 1, relaxed);
	else
		weft__place_wake(&place, weft__place_is_shared(&place), 1);
}

MODEL(lot_loses_no_wake)
{
	model_preemptions(-1);
	start(0);
	gave_up = 0;
	model_timeouts(1);
	model_thread("hasty", wait_or_give_up, NULL);
	model_thread("patient", wait_for_change, NULL);
	model_thread("waker", change_and_wake, NULL);
	model_run();
}
