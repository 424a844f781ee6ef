/* SPDX-License-Identifier: MIT
 *
 * model_pool_queues.c -- the queues of the pool of threads (executors/thread_queues.c, take, remove, tokens):
 * however workers, thieves, cancellers and waiters meet, a task goes to one of them, every token finds back,
 * and a task that was cancelled is its owner's as soon as he knows.
 */
#include "kit_pool.h"

#include <errno.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static int target; /* the task that is cancelled, or run in place */
static enum weft_cancel answer;
static int err;
static bool claimed; /* it was run in place */

static void start(unsigned size, uint32_t limit)
{
	kit_pool_start(size, size, limit);
	kit_pool_ready();
	target = 0;
	answer = WEFT_CANCEL_LATE;
	err = 0;
	claimed = false;
}

static void run(weft_task *t)
{
	if (t)
		weft_impl_run(t);
}

/* What is queued, in the body, when the threads have returned. */
static void run_the_rest(void)
{
	struct thread_worker *w = kit_worker(0);
	weft_task *t;

	while ((t = thread_take(w)) || (t = thread_steal(w)) || (t = thread_steal(w)))
		run(t);
}

static void check(int tasks)
{
	kit_pool_check(kit_queued());
	model_assert(!kit_is_queued(target) || (answer != WEFT_CANCEL_DROPPED && !claimed));
	run_the_rest();
	kit_pool_check(0);
	for (int i = 0; i < tasks; i++) {
		bool dropped = i == target && answer == WEFT_CANCEL_DROPPED;

		model_assert(kit_result[i] == (dropped ? 0 : i + 1));
	}
}

THREAD(take)
{
	run(thread_take(kit_worker(0)));
}

/* The first look only remembers what was there. */
THREAD(steal)
{
	struct thread_worker *w = kit_worker(1);

	run(thread_steal(w));
	run(thread_steal(w));
}

THREAD(submit)
{
	kit_submit(*(int *)arg, NULL);
}

THREAD(cancel_only)
{
	answer = weft_future_cancel(kit_future(target));
}

/* Nobody touches the task any more, so its storage may be used for something else, or go. */
static void reuse(weft_task *t)
{
	for (unsigned i = 0; i < sizeof t->opaque_ / sizeof t->opaque_[0]; i++)
		t->opaque_[i] = i;
	model_gone(t, sizeof *t);
}

/* T1: once the canceller knows. */
THREAD(cancel)
{
	cancel_only(NULL);
	if (answer == WEFT_CANCEL_DROPPED)
		reuse(&kit_task[target]);
}

/* ---- T1: who takes a task out that is another's, and who has claimed one that is somewhere. ---- */

MODEL(pool_cancel_or_take)
{
	start(1, 4);
	kit_submit(0, NULL);
	model_thread("worker", take, NULL);
	model_thread("canceller", cancel, NULL);
	model_run();
	check(1);
}

/* Between the shard and the worker's own queue a task is nowhere. */
MODEL(pool_cancel_on_its_way)
{
	start(1, 4);
	target = 1;
	for (int i = 0; i < 4; i++)
		kit_submit(i, NULL);
	model_thread("worker", take, NULL);
	model_thread("canceller", cancel, NULL);
	model_run();
	check(4);
}

MODEL(pool_cancel_or_steal)
{
	start(2, 4);
	kit_pool_put(0, 0);
	model_thread("thief", steal, NULL);
	model_thread("canceller", cancel, NULL);
	model_run();
	check(1);
}

/* A position is no longer the right one, because holes were closed. */
MODEL(pool_cancel_while_holes_are_closed)
{
	static int one = 1;

	start(1, 4);
	for (int i = 0; i < 4; i++)
		kit_submit(i, NULL);
	model_assert(weft_future_cancel(kit_future(1)) == WEFT_CANCEL_DROPPED);
	target = 2;
	model_thread("submitter", submit, &one);
	model_thread("canceller", cancel, NULL);
	model_run();
	check(4);
}

/* From the ladder of priorities. */
MODEL(pool_cancel_or_take_urgent)
{
	start(1, 4);
	kit_task[0].priority = 1;
	kit_submit(0, NULL);
	model_thread("worker", take, NULL);
	model_thread("canceller", cancel, NULL);
	model_run();
	check(1);
}

/* A canceller who knows the task before its submitter does what he does. */
MODEL(pool_cancel_or_submit)
{
	static int zero = 0;

	start(1, 4);
	model_thread("submitter", submit, &zero);
	model_thread("canceller", cancel_only, NULL);
	model_run();
	check(1);
}

/* A submitter who knows by the refusals alone that the task is done. */
THREAD(submit_again_and_take)
{
	struct thread_worker *w = kit_worker(1);

	while (weft_submit(&kit_executor, &kit_task[0]))
		atom_pause();
	run(thread_take(w));
}

MODEL(pool_submit_when_done)
{
	start(2, 4);
	kit_submit(0, NULL);
	model_thread("worker", take, NULL);
	model_thread("submitter", submit_again_and_take, NULL);
	model_run();
	model_assert(kit_result[0] == 2);
	kit_pool_check(0);
}

/* Who is refused gives his token back. */
THREAD(submit_or_busy)
{
	int e = weft_submit(&kit_executor, &kit_task[0]);

	model_assert(e == 0 || e == -EBUSY);
	*(int *)arg = e;
}

MODEL(pool_submit_twice)
{
	static int e[2];

	start(1, 4);
	model_thread("submitter 1", submit_or_busy, &e[0]);
	model_thread("submitter 2", submit_or_busy, &e[1]);
	model_run();
	model_assert(!e[0] != !e[1]);
	check(1);
}

/* ---- Owner and thief. ---- */

MODEL(pool_take_or_steal)
{
	start(2, 4);
	kit_pool_put(0, 0);
	kit_pool_put(0, 1);
	model_thread("owner", take, NULL);
	model_thread("thief", steal, NULL);
	model_run();
	check(2);
}

THREAD(submit_and_take)
{
	struct thread_worker *w = kit_worker(0);

	kit_submit(1, NULL);
	run(thread_take(w));
}

MODEL(pool_submit_or_steal)
{
	start(2, 4);
	kit_pool_put(0, 0);
	model_thread("owner", submit_and_take, NULL);
	model_thread("thief", steal, NULL);
	model_run();
	check(2);
}

/* A wait inside a task runs the awaited one in place, wherever it is. */
THREAD(run_in_place)
{
	claimed = thread_queues_claim(kit_worker(0), &kit_task[target]);
	if (claimed) {
		weft_impl_run(&kit_task[target]);
		reuse(&kit_task[target]);
	}
}

MODEL(pool_run_in_place_or_steal)
{
	start(2, 4);
	kit_pool_put(0, 0);
	kit_pool_put(0, 1);
	target = 1;
	model_thread("owner", run_in_place, NULL);
	model_thread("thief", steal, NULL);
	model_run();
	check(2);
}

THREAD(take_at_1)
{
	run(thread_take(kit_worker(1)));
}

MODEL(pool_run_in_place_from_a_shard)
{
	start(2, 4);
	kit_submit(0, NULL);
	model_thread("waiter", run_in_place, NULL);
	model_thread("worker", take_at_1, NULL);
	model_run();
	check(1);
}

/* Tasks from outside get their turn though there is something in the own queue. */
THREAD(take_fairly)
{
	struct thread_worker *w = kit_worker(0);

	w->turn = UINT32_MAX; /* the next is the one, and it wraps */
	run(thread_take(w));
}

MODEL(pool_outside_first)
{
	static int one = 1;

	start(2, 4);
	kit_pool_put(0, 0);
	model_thread("worker", take_fairly, NULL);
	model_thread("submitter", submit, &one);
	model_run();
	check(2);
}

/* ---- T4: tokens. ---- */

/* As soon as a task has left the queue there is room for another one, wherever its token lies. */
THREAD(submit_when_done)
{
	model_assert(weft_future_wait(kit_future(0), WEFT_FOREVER) == 0);
	model_assert(kit_result[0] == 1);
	kit_submit(1, NULL);
}

MODEL(pool_has_room_for_one)
{
	start(2, 1);
	kit_pool_put(0, 0);
	model_thread("submitter", submit_when_done, NULL);
	model_thread("thief", steal, NULL);
	model_run();
	run_the_rest();
	kit_pool_check(0);
}

/* Two tokens and two submitters: neither is refused. */
MODEL(pool_has_room_for_two)
{
	static int number[] = {0, 1};

	start(2, 2);
	model_thread("submitter 0", submit, &number[0]);
	model_thread("submitter 1", submit, &number[1]);
	model_run();
	check(2);
}

/* What must be taken is taken, and goes into debt. */
THREAD(submit_by_force)
{
	struct weft_offer as = {.force = true};
	size_t accepted;

	model_assert(weft__enter_and_submit(&kit_executor, &kit_task[1], 1, &as, &accepted) == 0);
}

MODEL(pool_debt)
{
	start(1, 1);
	kit_submit(0, NULL);
	model_thread("worker", take, NULL);
	model_thread("submitter", submit_by_force, NULL);
	model_run();
	check(2);
}

/* A submitter that waits for room is woken when there is some: whoever takes the task out that was in the way. */
THREAD(take_one)
{
	struct thread_worker *w = kit_worker(0);
	weft_task *t;

	while (!(t = thread_take(w))) /* there is one, but the lock of the queue may be taken */
		atom_pause();
	run(t);
}

/* weft_submit_wait in little: it tries once, and sleeps once. */
THREAD(wait_for_room)
{
	struct weft__parker parker = {0};
	struct weft__waiter waiter = {.parker = &parker};

	weft__waitq_enter_heavy(&kit_executor.room, &waiter);
	err = weft_submit(&kit_executor, &kit_task[1]);
	if (err)
		weft__park(&parker, WEFT_FOREVER);
	weft__waitq_leave(&kit_executor.room, &waiter);
}

static void check_room(void)
{
	if (err)
		kit_submit(1, NULL);
	check(2);
}

MODEL(pool_room_by_a_worker)
{
	start(1, 1);
	model_preemptions(-1);
	kit_submit(0, NULL);
	model_thread("worker", take_one, NULL);
	model_thread("submitter", wait_for_room, NULL);
	model_run();
	check_room();
}

MODEL(pool_room_by_a_canceller)
{
	start(1, 1);
	model_preemptions(-1);
	kit_submit(0, NULL);
	model_thread("canceller", cancel_only, NULL);
	model_thread("submitter", wait_for_room, NULL);
	model_run();
	check_room();
}

/* All of it. */
THREAD(submit_and_wait)
{
	model_assert(weft_submit_wait(&kit_executor, &kit_task[1], WEFT_FOREVER) == 0);
}

/* It is woken before the place is free; but that gets free under a lock which its next look has to take. */
MODEL(pool_room_by_a_worker_urgently)
{
	start(1, 1);
	model_preemptions(-1);
	kit_task[0].priority = 1;
	kit_submit(0, NULL);
	model_thread("worker", take, NULL);
	model_thread("submitter", submit_and_wait, NULL);
	model_run();
	check(2);
}

MODEL(pool_room_by_running_in_place)
{
	start(2, 1);
	model_preemptions(-1);
	kit_pool_put(0, 0);
	model_thread("owner", run_in_place, NULL);
	model_thread("submitter", submit_and_wait, NULL);
	model_run();
	check(2);
}

/* Full, or not: whoever is refused has done nothing. */
THREAD(submit_or_not)
{
	err = weft_submit(&kit_executor, &kit_task[1]);
	model_assert(err == 0 || err == -EAGAIN);
}

MODEL(pool_full_or_not)
{
	start(1, 1);
	kit_submit(0, NULL);
	model_thread("worker", take, NULL);
	model_thread("submitter", submit_or_not, NULL);
	model_run();
	run_the_rest();
	kit_pool_check(0);
	model_assert(kit_result[1] == (err ? 0 : 2));
}
