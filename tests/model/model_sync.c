/* SPDX-License-Identifier: MIT
 *
 * model_sync.c -- ipc/semaphore.c, event.c, cond.c and barrier_wait.c: what threads wait for. As in model_locks.c a
 * lost wake-up is a deadlock.
 */
#include "kit_locks.h"
#include "spin.h"

#include <string.h>
#include <weft/barrier.h>
#include <weft/cond.h>
#include <weft/event.h>
#include <weft/semaphore.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static weft_semaphore semaphore;
static weft_event event;
static weft_barrier barrier;
static weft_cond cond;
static weft_lock lock;
static int data, items, results[4];
static atom_u32 passed;

static void start(unsigned flags)
{
	kit_locks_start();
	weft__spin_know(true);
	weft__lot_reset();
	model_assert(!weft_semaphore_init(&semaphore, 0, flags));
	model_assert(!weft_event_init(&event, flags));
	model_assert(!weft_barrier_init(&barrier, 2, flags));
	model_assert(!weft_cond_init(&cond, flags));
	model_assert(!weft_lock_init(&lock, flags));
	model_name(&semaphore, "semaphore");
	model_name(&event, "event");
	model_name(&barrier, "barrier");
	model_name(&cond, "cond");
	model_name(&lock, "lock");
	data = items = 0;
	passed = 0;
	memset(results, 0, sizeof results);
}

/* ---- Semaphores ---- */

THREAD(take)
{
	model_assert(!weft_semaphore_acquire(&semaphore, WEFT_FOREVER));
	model_assert(data == 1);
}

THREAD(give_one_by_one)
{
	data = 1;
	model_assert(!weft_semaphore_release(&semaphore, 1));
	model_assert(!weft_semaphore_release(&semaphore, 1));
}

THREAD(give_both)
{
	data = 1;
	model_assert(!weft_semaphore_release(&semaphore, 2));
}

static void give_and_take(unsigned flags, void (*give)(void *arg))
{
	model_preemptions(-1);
	start(flags);
	model_thread("A", take, NULL);
	model_thread("B", take, NULL);
	model_thread("giver", give, NULL);
	model_run();
	model_assert(weft_semaphore_value(&semaphore) == 0);
}

MODEL(semaphore_one_by_one)
{
	give_and_take(WEFT_SHARED, give_one_by_one);
}

MODEL(semaphore_both)
{
	give_and_take(WEFT_SHARED, give_both);
}

MODEL(semaphore_one_by_one_private)
{
	give_and_take(0, give_one_by_one);
}

/* The unit of who gives up is there for the other. */
THREAD(take_or_give_up)
{
	if (weft_semaphore_acquire(&semaphore, WEFT_SECONDS(1000)))
		atom_store(&passed, 1, relaxed);
	else
		model_assert(!weft_semaphore_release(&semaphore, 1));
}

THREAD(give_one)
{
	data = 1;
	model_assert(!weft_semaphore_release(&semaphore, 1));
}

MODEL(semaphore_given_up)
{
	model_preemptions(-1);
	start(0);
	model_timeouts(1);
	model_thread("hasty", take_or_give_up, NULL);
	model_thread("patient", take, NULL);
	model_thread("giver", give_one, NULL);
	model_run();
	model_assert(weft_semaphore_value(&semaphore) == 0);
}

/* The value goes through a chain of who took and gave. */
THREAD(use)
{
	model_assert(!weft_semaphore_acquire(&semaphore, WEFT_FOREVER));
	data++;
	model_assert(!weft_semaphore_release(&semaphore, 1));
}

MODEL(semaphore_as_a_lock)
{
	start(WEFT_SHARED);
	model_assert(!weft_semaphore_release(&semaphore, 1));
	model_thread("A", use, NULL);
	model_thread("B", use, NULL);
	model_run();
	model_assert(data == 2);
}

/* ---- Events ---- */

THREAD(wait_for_event)
{
	model_assert(!weft_event_wait(&event, WEFT_FOREVER));
	model_assert(data == 1);
}

THREAD(set)
{
	data = 1;
	model_assert(!weft_event_set(&event));
}

MODEL(event_releases_all)
{
	start(WEFT_SHARED);
	model_thread("A", wait_for_event, NULL);
	model_thread("B", wait_for_event, NULL);
	model_thread("setter", set, NULL);
	model_run();
	model_assert(weft_event_is_set(&event) == 1);
}

MODEL(event_releases_private)
{
	start(0);
	model_thread("A", wait_for_event, NULL);
	model_thread("setter", set, NULL);
	model_run();
}

THREAD(see_it_set)
{
	if (weft_event_is_set(&event))
		model_assert(data == 1);
	atom_store(&passed, 1, relaxed);
}

MODEL(event_carries)
{
	start(0);
	model_thread("A", see_it_set, NULL);
	model_thread("setter", set, NULL);
	model_run();
}

/* Who looked when it was not set, and then slept, is released though it is cleared at once; who came later is by the
 * second. */
THREAD(pulse_twice)
{
	data = 1;
	model_assert(!weft_event_set(&event));
	model_assert(!weft_event_clear(&event));
	model_assert(!weft_event_set(&event));
}

MODEL(event_pulse)
{
	start(WEFT_SHARED);
	model_spurious(1);
	model_thread("A", wait_for_event, NULL);
	model_thread("setter", pulse_twice, NULL);
	model_run();
}

/* ---- Conditions ---- */

static void take_item(int thread)
{
	kit_locks_thread((uint32_t)thread);
	model_assert(!weft_lock_acquire(&lock, WEFT_FOREVER));
	while (!items)
		model_assert(!weft_cond_wait(&cond, &lock, WEFT_FOREVER));
	items--;
	model_assert(!weft_lock_release(&lock));
}

THREAD(take_item_1)
{
	take_item(1);
}

THREAD(take_item_2)
{
	take_item(2);
}

static void put_item(void)
{
	model_assert(!weft_lock_acquire(&lock, WEFT_FOREVER));
	items++;
	model_assert(!weft_lock_release(&lock));
	model_assert(!weft_cond_notify(&cond, 1));
}

THREAD(put_item_3)
{
	kit_locks_thread(3);
	put_item();
}

THREAD(put_items_3)
{
	kit_locks_thread(3);
	put_item();
	put_item();
}

MODEL(cond_private)
{
	start(0);
	model_thread("taker", take_item_1, NULL);
	model_thread("nobody", see_it_set, NULL);
	model_thread("putter", put_item_3, NULL);
	model_run();
}

MODEL(cond_shared)
{
	start(WEFT_SHARED);
	model_thread("taker", take_item_1, NULL);
	model_thread("nobody", see_it_set, NULL);
	model_thread("putter", put_item_3, NULL);
	model_run();
}

MODEL(cond_two_takers)
{
	model_preemptions(-2);
	start(WEFT_SHARED);
	model_thread("A", take_item_1, NULL);
	model_thread("B", take_item_2, NULL);
	model_thread("putter", put_items_3, NULL);
	model_run();
	model_assert(!items);
}

/* ---- Barriers ---- */

static void meet(int who)
{
	results[who] = who + 1;
	int index = weft_barrier_wait(&barrier, WEFT_FOREVER);

	model_assert(index == 0 || index == 1);
	model_assert(results[!who] == !who + 1);
	index = weft_barrier_wait(&barrier, WEFT_FOREVER);
	model_assert(index == 0 || index == 1);
}

THREAD(meet_0)
{
	meet(0);
}

THREAD(meet_1)
{
	meet(1);
}

MODEL(barrier_twice)
{
	start(WEFT_SHARED);
	model_thread("A", meet_0, NULL);
	model_thread("B", meet_1, NULL);
	model_run();
	model_assert(weft_barrier_waiting(&barrier) == 0);
}

MODEL(barrier_private)
{
	start(0);
	model_thread("A", meet_0, NULL);
	model_thread("B", meet_1, NULL);
	model_run();
}

THREAD(meet_or_leave)
{
	results[0] = weft_barrier_wait(&barrier, WEFT_SECONDS(1000));
}

THREAD(come_to_meet)
{
	results[1] = weft_barrier_wait(&barrier, WEFT_FOREVER);
}

/* Either both pass, or one has broken it and the other knows. */
MODEL(barrier_left)
{
	start(0);
	model_timeouts(1);
	model_thread("hasty", meet_or_leave, NULL);
	model_thread("patient", come_to_meet, NULL);
	model_run();
	if (results[0] >= 0)
		model_assert(results[0] + results[1] == 1);
	else
		model_assert(results[0] == -ETIMEDOUT && results[1] == -EPIPE &&
			     weft_barrier_waiting(&barrier) == -EPIPE);
}

THREAD(reset)
{
	model_assert(!weft_barrier_reset(&barrier));
}

THREAD(wait_alone)
{
	results[0] = weft_barrier_wait(&barrier, WEFT_FOREVER);
	model_assert(results[0] == -EPIPE);
}

/* It has come when the body has seen it wait, so the reset sends it away. */
THREAD(reset_when_it_waits)
{
	while (weft_barrier_waiting(&barrier) != 1)
		atom_pause();
	reset(NULL);
}

MODEL(barrier_reset)
{
	start(WEFT_SHARED);
	model_thread("waiter", wait_alone, NULL);
	model_thread("resetter", reset_when_it_waits, NULL);
	model_run();
	model_assert(weft_barrier_waiting(&barrier) == 0);
}
