/* SPDX-License-Identifier: MIT
 *
 * model_pool_sleep.c -- who works and who sleeps in the pool of threads (executors/thread_seats.c, worker,
 * and the announcements of thread_queues.c): however work comes while a worker goes to sleep, it is done. There
 * is nothing to assert: a lost wake-up is a deadlock.
 */
#include "kit_pool.h"

#include <errno.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static int first = 0, second = 1;

static void start(unsigned size, unsigned workers)
{
	kit_pool_start(size, workers, 4);
	kit_pool_ready();
}

/* From outside, by way of the shard. */
THREAD(submit)
{
	kit_submit(*(int *)arg, NULL);
}

/* Runs one task. */
THREAD(worker_0)
{
	kit_serve(kit_worker(0), 1);
}

THREAD(worker_1)
{
	kit_serve(kit_worker(1), 1);
}

/* Only the last step of one that has found nothing: it comes back when there is something. */
THREAD(sleep_at_0)
{
	thread_seats_sleep(kit_worker(0));
}

THREAD(sleep_at_1)
{
	thread_seats_sleep(kit_worker(1));
}

/* ---- T2: a submitter outside and a worker that goes to sleep. ---- */

MODEL(pool_sleep_or_submit)
{
	start(1, 1);
	model_thread("submitter", submit, &first);
	model_thread("worker", worker_0, NULL);
	model_run();
	model_assert(kit_result[0] == 1);
	kit_pool_check(0);
}

MODEL(pool_sleep_or_submit_urgent)
{
	start(1, 1);
	kit_task[0].priority = 1;
	model_thread("submitter", submit, &first);
	model_thread("sleeper", sleep_at_0, NULL);
	model_run();
}

/* ---- T3, T5: the owner of a seat puts something into its own queue, and does not come back to it. ---- */

THREAD(owner_submits)
{
	kit_worker(0);
	kit_submit(0, NULL);
}

MODEL(pool_sleep_or_push)
{
	start(2, 2);
	model_thread("owner", owner_submits, NULL);
	model_thread("thief", worker_1, NULL);
	model_run();
	model_assert(kit_result[0] == 1);
	kit_pool_check(0);
}

/* It has put in some before: the sleeper has to pay for both. */
MODEL(pool_sleep_or_push_again)
{
	start(2, 2);
	kit_pool->worker[0].own->pushing = 1;
	model_thread("owner", owner_submits, NULL);
	model_thread("sleeper", sleep_at_1, NULL);
	model_run();
}

/* It has searched in between. */
THREAD(owner_searches_and_submits)
{
	struct thread_worker *w = kit_worker(0);

	thread_seats_search(w);
	thread_seats_found(w);
	kit_submit(0, NULL);
}

MODEL(pool_sleep_or_push_after_a_search)
{
	start(2, 2);
	kit_pool->worker[0].own->pushing = 1;
	model_thread("owner", owner_searches_and_submits, NULL);
	model_thread("sleeper", sleep_at_1, NULL);
	model_run();
}

/* It has put in one, and taken it out again: what it announced then must still count. */
THREAD(owner_submits_twice)
{
	struct thread_worker *w = kit_worker(0);
	weft_task *t;

	kit_submit(1, NULL);
	t = thread_take(w);
	if (t)
		weft_impl_run(t);
	kit_submit(0, NULL);
}

MODEL(pool_sleep_or_push_twice)
{
	start(2, 2);
	model_thread("owner", owner_submits_twice, NULL);
	model_thread("sleeper", sleep_at_1, NULL);
	model_run();
}

/* The long way into the own queue. */
THREAD(owner_submits_two)
{
	size_t accepted;

	kit_worker(0);
	model_assert(weft_submit_many(&kit_executor, kit_task, 2, &accepted) == 0 && accepted == 2);
}

MODEL(pool_sleep_or_push_two)
{
	start(2, 2);
	model_thread("owner", owner_submits_two, NULL);
	model_thread("sleeper", sleep_at_1, NULL);
	model_run();
}

/* ---- D3: the same of children, which its owner shares when somebody is hungry, or before he blocks. ---- */

static struct weft_child child, *places[2];

static void leaf(void *arg)
{
	(void)arg;
}

static void open_deque_0(void)
{
	weft__deque_init(&kit_pool->worker[0].deque, places, 2);
	child = (struct weft_child){0};
}

THREAD(owner_spawns)
{
	thread_worker_own_deque(kit_worker(0));
	weft_spawn(&child, leaf, NULL);
}

MODEL(pool_sleep_or_feed)
{
	start(2, 2);
	open_deque_0();
	weft__deque_hungry(&kit_pool->worker[0].deque);
	model_thread("owner", owner_spawns, NULL);
	model_thread("sleeper", sleep_at_1, NULL);
	model_run();
}

THREAD(owner_spawns_and_blocks)
{
	owner_spawns(NULL);
	thread_seats_block(kit_pool, true);
}

MODEL(pool_sleep_or_block)
{
	start(2, 2);
	open_deque_0();
	model_thread("owner", owner_spawns_and_blocks, NULL);
	model_thread("sleeper", sleep_at_1, NULL);
	model_run();
}

/* ---- N1: a submitter leaves it to who searches; who finds something looks whether there is more. ---- */

/* What is left in a queue, somebody comes for. */
static void check_called(unsigned sleeper)
{
	model_assert(!kit_queued() || kit_pool->worker[sleeper].parker.word);
}

MODEL(pool_found_or_submit)
{
	start(2, 2);
	kit_submit(0, NULL);
	kit_pool_searches(0);
	kit_pool_sleeps(1);
	model_thread("searcher", worker_0, NULL);
	model_thread("submitter", submit, &second);
	model_run();
	check_called(1);
}

/* He has found a batch, and there is more in the shard. */
MODEL(pool_found_some)
{
	start(2, 2);
	kit_submit(0, NULL);
	kit_submit(1, NULL);
	kit_pool_searches(0);
	kit_pool_sleeps(1);
	model_thread("searcher", worker_0, NULL);
	model_run();
	check_called(1);
}

/* The same with the owner of a seat as the one who submits. */
MODEL(pool_found_or_push)
{
	start(3, 3);
	kit_submit(1, NULL);
	kit_pool->worker[0].own->pushing = 1;
	kit_pool_searches(1);
	kit_pool_sleeps(2);
	model_thread("searcher", worker_1, NULL);
	model_thread("owner", owner_submits, NULL);
	model_run();
	check_called(2);
}

/* ---- N2: the end. ---- */

THREAD(end)
{
	thread_seats_end(kit_pool);
}

THREAD(worker_to_the_end)
{
	struct thread_worker *w = kit_worker(0);

	while (thread_worker_turn(w)) {}
}

MODEL(pool_sleep_or_end)
{
	start(1, 1);
	model_thread("ender", end, NULL);
	model_thread("worker", worker_to_the_end, NULL);
	model_run();
}

/* Without a seat: it waits in reserve. */
THREAD(spare_to_the_end)
{
	struct thread_worker *w = kit_worker(1);

	while (thread_seats_take(w) && thread_worker_turn(w)) {}
}

MODEL(pool_reserve_or_end)
{
	start(1, 2);
	model_thread("ender", end, NULL);
	model_thread("spare", spare_to_the_end, NULL);
	model_run();
	model_assert(kit_pool->in_reserve == 0 && !kit_pool->reserve);
}

/* ---- A body that blocks gives its seat up to a spare thread, which does what it waits for. ---- */

THREAD(block_for_the_first)
{
	kit_worker(0);
	thread_seats_block(kit_pool, true);
	while (weft_future_status(kit_future(0)) == -EINVAL) /* it has yet to be submitted */
		atom_pause();
	model_assert(weft_future_wait(kit_future(0), WEFT_FOREVER) == 0);
	thread_seats_block(kit_pool, false);
}

THREAD(spare)
{
	struct thread_worker *w = kit_worker(1);

	model_assert(thread_seats_take(w));
	kit_serve(w, 1);
}

MODEL(pool_blocks_with_work)
{
	start(1, 2);
	kit_submit(0, NULL);
	model_thread("blocker", block_for_the_first, NULL);
	model_thread("spare", spare, NULL);
	model_run();
	model_assert(kit_result[0] == 1 && kit_pool->blocked == 0);
}

/* The work comes with the seat free already, or right before. */
THREAD(block)
{
	kit_worker(0);
	thread_seats_block(kit_pool, true);
}

static void check_replaced(void)
{
	struct thread_worker *spare = &kit_pool->worker[1];

	model_assert(kit_pool->worker[0].seat || !kit_queued() || (spare->seat && spare->parker.word));
	model_assert(kit_pool->in_reserve == !spare->seat && !(kit_pool->worker[0].seat && spare->seat));
}

MODEL(pool_blocks_or_submit)
{
	start(1, 2);
	kit_pool_waits(1);
	model_thread("blocker", block, NULL);
	model_thread("submitter", submit, &first);
	model_run();
	check_replaced();
}

THREAD(block_and_go_on)
{
	kit_worker(0);
	thread_seats_block(kit_pool, true);
	thread_seats_block(kit_pool, false);
}

/* A seat is free for a moment only: then its owner has it back, and sees to the work. */
MODEL(pool_blocks_and_goes_on)
{
	start(1, 2);
	kit_pool_waits(1);
	model_thread("blocker", block_and_go_on, NULL);
	model_thread("submitter", submit, &first);
	model_run();
	check_replaced();
}

/* Who waits in reserve does so for a while only; he may be called in that moment. */
THREAD(spare_for_a_while)
{
	struct thread_worker *w = kit_worker(1);

	if (thread_seats_take(w))
		kit_serve(w, 1);
	model_assert(!list_linked(&w->node) && !w->parker.word);
}

MODEL(pool_reserve_runs_out)
{
	start(1, 2);
	model_timeouts(1);
	kit_submit(0, NULL);
	model_thread("blocker", block, NULL);
	model_thread("spare", spare_for_a_while, NULL);
	model_run();
	model_assert(kit_pool->in_reserve == 0 && kit_queued() == (kit_pool->worker[1].seat == NULL));
}
