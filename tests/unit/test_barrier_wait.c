/* SPDX-License-Identifier: MIT
 *
 * test_barrier_wait.c -- weft_barrier between threads and processes.
 */
#include <errno.h>
#include <weft/barrier.h>

#include "sync_kit.h"

enum { PARTIES = 4, ROUNDS = 300 };

struct scene {
	weft_barrier b;
	uint32_t arrived[ROUNDS], firsts[ROUNDS], waiting, bad, piped, timed_out;
};

static struct scene *scene_new(unsigned parties, unsigned flags)
{
	struct scene *s = test_memory(sizeof *s);

	REQUIRE_EQ(weft_barrier_init(&s->b, parties, flags), 0);
	return s;
}

TEST(limits)
{
	static weft_barrier zeros;
	weft_barrier b;

	CHECK_EQ(weft_barrier_init(NULL, 1, 0), -EINVAL);
	CHECK_EQ(weft_barrier_init(&b, 0, 0), -EINVAL);
	CHECK_EQ(weft_barrier_init(&b, WEFT_BARRIER_PARTIES_MAX + 1, 0), -EINVAL);
	CHECK_EQ(weft_barrier_init(&b, 1, 2), -EINVAL);
	CHECK_EQ(weft_barrier_wait(NULL, 0), -EINVAL);
	CHECK_EQ(weft_barrier_wait(&zeros, 0), -EINVAL);
	CHECK_EQ(weft_barrier_abort(&zeros), -EINVAL);
	CHECK_EQ(weft_barrier_reset(&zeros), -EINVAL);
	CHECK_EQ(weft_barrier_waiting(&zeros), -EINVAL);
	CHECK_EQ(weft_barrier_init(&b, WEFT_BARRIER_PARTIES_MAX, 0), 0);
	CHECK_EQ(weft_barrier_waiting(&b), 0);
}

TEST(one_party_passes)
{
	weft_barrier b;

	CHECK_EQ(weft_barrier_init(&b, 1, 0), 0);
	for (int i = 0; i < 5000; i++) /* the count of passes goes round */
		if (weft_barrier_wait(&b, 0))
			CHECK_EQ(i, -1);
}

static int lockstep(void *arg)
{
	struct scene *s = arg;

	for (int i = 0; i < ROUNDS; i++) {
		int index;

		test_add(&s->arrived[i], 1);
		index = weft_barrier_wait(&s->b, test_soon());
		if (index < 0 || index >= PARTIES)
			return 1;
		test_add(&s->firsts[i], index == 0);
		if (test_get(&s->arrived[i]) != PARTIES)
			test_add(&s->bad, 1);
	}
	return 0;
}

static void go_in_lockstep(unsigned flags, unsigned threads, unsigned processes)
{
	struct scene *s = scene_new(PARTIES, flags);

	sync_run(lockstep, s, threads, processes);
	CHECK_EQ(s->bad, 0);
	for (int i = 0; i < ROUNDS; i++)
		if (s->firsts[i] != 1)
			CHECK_EQ(i, -1);
}

TEST(threads_go_in_lockstep)
{
	go_in_lockstep(0, PARTIES, 0);
}

TEST(processes_go_in_lockstep)
{
	go_in_lockstep(WEFT_SHARED, 2, 2);
}

static int wait_once(void *arg)
{
	struct scene *s = arg;
	int index;

	test_add(&s->waiting, 1);
	index = weft_barrier_wait(&s->b, test_soon());
	test_add(&s->piped, index == -EPIPE);
	return index >= 0 || index == -EPIPE ? 0 : index;
}

static void await_waiting(struct scene *s, int n)
{
	weft_time end = test_soon();

	while (weft_barrier_waiting(&s->b) < n && weft_now() < end)
		test_sleep_ms(1);
	CHECK_EQ(weft_barrier_waiting(&s->b), n);
}

static void break_it(unsigned flags, unsigned threads, unsigned processes)
{
	struct scene *s = scene_new(PARTIES, flags);
	struct sync_crowd crowd;

	/* By who gives up. */
	sync_start(&crowd, wait_once, s, threads, processes);
	await_waiting(s, PARTIES - 2);
	CHECK_EQ(weft_barrier_wait(&s->b, weft_after(WEFT_MS(5))), -ETIMEDOUT);
	sync_join(&crowd);
	CHECK_EQ(s->piped, PARTIES - 2);
	CHECK_EQ(weft_barrier_waiting(&s->b), -EPIPE);
	CHECK_EQ(weft_barrier_wait(&s->b, WEFT_FOREVER), -EPIPE);
	/* By a word of somebody. */
	CHECK_EQ(weft_barrier_reset(&s->b), 0);
	CHECK_EQ(weft_barrier_waiting(&s->b), 0);
	sync_start(&crowd, wait_once, s, threads, processes);
	await_waiting(s, PARTIES - 2);
	CHECK_EQ(weft_barrier_abort(&s->b), 0);
	sync_join(&crowd);
	CHECK_EQ(s->piped, 2 * (PARTIES - 2));
	CHECK_EQ(weft_barrier_wait(&s->b, WEFT_FOREVER), -EPIPE);
	/* A reset sends those away who wait, and it is whole. */
	CHECK_EQ(weft_barrier_reset(&s->b), 0);
	sync_start(&crowd, wait_once, s, threads, processes);
	await_waiting(s, PARTIES - 2);
	CHECK_EQ(weft_barrier_reset(&s->b), 0);
	sync_join(&crowd);
	CHECK_EQ(s->piped, 3 * (PARTIES - 2));
	sync_run(wait_once, s, threads * 2, processes * 2);
	CHECK_EQ(s->piped, 3 * (PARTIES - 2));
}

TEST(a_broken_one_lets_nobody_wait)
{
	break_it(0, PARTIES - 2, 0);
	break_it(WEFT_SHARED, 1, PARTIES - 3);
}
