/* SPDX-License-Identifier: MIT
 *
 * test_semaphore.c -- weft_semaphore between threads and processes.
 */
#include <errno.h>
#include <signal.h>
#include <weft/semaphore.h>

#include "sync_kit.h"

enum { ROUNDS = 1000, UNITS = 2 };

struct scene {
	weft_semaphore s;
	uint32_t inside, most, bad, word[2];
};

static struct scene *scene_new(unsigned value, unsigned flags)
{
	struct scene *s = test_memory(sizeof *s);

	REQUIRE_EQ(weft_semaphore_init(&s->s, value, flags), 0);
	return s;
}

TEST(zeros_are_no_units)
{
	static weft_semaphore s;

	CHECK_EQ(weft_semaphore_value(&s), 0);
	CHECK_EQ(weft_semaphore_try(&s), -EBUSY);
	CHECK_EQ(weft_semaphore_acquire(&s, 0), -ETIMEDOUT);
	CHECK_EQ(weft_semaphore_acquire(&s, weft_after(WEFT_MS(5))), -ETIMEDOUT);
	CHECK_EQ(weft_semaphore_release(&s, 3), 0);
	CHECK_EQ(weft_semaphore_value(&s), 3);
	CHECK_EQ(weft_semaphore_acquire(&s, WEFT_FOREVER), 0);
	CHECK_EQ(weft_semaphore_try(&s), 0);
	CHECK_EQ(weft_semaphore_acquire(&s, 0), 0);
	CHECK_EQ(weft_semaphore_value(&s), 0);
}

TEST(limits)
{
	weft_semaphore s;

	CHECK_EQ(weft_semaphore_init(NULL, 0, 0), -EINVAL);
	CHECK_EQ(weft_semaphore_init(&s, 0, 4), -EINVAL);
	CHECK_EQ(weft_semaphore_init(&s, (unsigned)WEFT_SEMAPHORE_MAX + 1, 0), -EINVAL);
	CHECK_EQ(weft_semaphore_init(&s, WEFT_SEMAPHORE_MAX, 0), 0);
	CHECK_EQ(weft_semaphore_value(&s), WEFT_SEMAPHORE_MAX);
	CHECK_EQ(weft_semaphore_release(&s, 1), -EOVERFLOW);
	CHECK_EQ(weft_semaphore_release(&s, UINT32_MAX), -EOVERFLOW);
	CHECK_EQ(weft_semaphore_release(&s, 0), -EINVAL);
	CHECK_EQ(weft_semaphore_try(&s), 0);
	CHECK_EQ(weft_semaphore_release(&s, 2), -EOVERFLOW);
	CHECK_EQ(weft_semaphore_release(&s, 1), 0);
	CHECK_EQ(weft_semaphore_value(&s), WEFT_SEMAPHORE_MAX);
	CHECK_EQ(weft_semaphore_acquire(NULL, 0), -EINVAL);
	CHECK_EQ(weft_semaphore_try(NULL), -EINVAL);
	CHECK_EQ(weft_semaphore_release(NULL, 1), -EINVAL);
	CHECK_EQ(weft_semaphore_value(NULL), -EINVAL);
}

static int pass(void *arg)
{
	struct scene *s = arg;

	for (int i = 0; i < ROUNDS; i++) {
		if (weft_semaphore_acquire(&s->s, WEFT_FOREVER))
			return 1;
		if (test_add(&s->inside, 1) > UNITS)
			test_add(&s->bad, 1);
		test_add(&s->inside, (uint32_t)-1);
		if (weft_semaphore_release(&s->s, 1))
			return 1;
	}
	return 0;
}

static void let_few_in(unsigned flags, unsigned threads, unsigned processes)
{
	struct scene *s = scene_new(UNITS, flags);

	sync_run(pass, s, threads, processes);
	CHECK_EQ(s->bad, 0);
	CHECK_EQ(weft_semaphore_value(&s->s), UNITS);
}

TEST(lets_few_threads_in)
{
	let_few_in(0, 4, 0);
}

TEST(lets_few_processes_in)
{
	let_few_in(WEFT_SHARED, 2, 2);
}

static int take_one(void *arg)
{
	struct scene *s = arg;

	test_add(&s->word[0], 1);
	return weft_semaphore_acquire(&s->s, test_soon());
}

/* However they are given: to all at once, or one by one without a pause. */
static void all_get_theirs(unsigned flags, unsigned processes, unsigned at_once)
{
	struct scene *s = scene_new(0, flags);
	struct sync_crowd crowd;

	sync_start(&crowd, take_one, s, 8 - processes, processes);
	REQUIRE(test_await(&s->word[0], 8));
	test_sleep_ms(10);
	for (unsigned i = 0; i < 8; i += at_once)
		CHECK_EQ(weft_semaphore_release(&s->s, at_once), 0);
	sync_join(&crowd);
	CHECK_EQ(weft_semaphore_value(&s->s), 0);
}

TEST(all_sleepers_get_theirs)
{
	all_get_theirs(0, 0, 8);
	all_get_theirs(0, 0, 1);
	all_get_theirs(WEFT_SHARED, 4, 8);
	all_get_theirs(WEFT_SHARED, 4, 1);
}

static int take_for_ever(void *arg)
{
	struct scene *s = arg;
	int err;

	test_add(&s->word[1], 1);
	err = weft_semaphore_acquire(&s->s, WEFT_FOREVER);
	test_add(&s->bad, 1);
	return err;
}

/* One of two sleepers is woken, and killed at that moment. Unless it has the unit already, the other gets it. */
TEST(killed_sleepers_keep_nobody_waiting)
{
	struct scene *s = scene_new(0, WEFT_SHARED);
	struct sync_crowd other;

	for (uint32_t i = 0; i < 20; i++) {
		pid_t victim = sync_fork(take_for_ever, s);
		weft_time end = test_soon();

		REQUIRE(test_await(&s->word[1], i + 1));
		test_sleep_ms(2);
		sync_start(&other, take_one, s, 1, 0);
		REQUIRE(test_await(&s->word[0], i + 1));
		test_sleep_ms(1);
		CHECK_EQ(weft_semaphore_release(&s->s, 1), 0);
		kill(victim, SIGKILL);
		sync_reap(victim);
		/* Until it is taken: by the victim, at its last, or by the other one. */
		while (weft_semaphore_value(&s->s) && weft_now() < end)
			test_sleep_ms(1);
		CHECK_EQ(weft_semaphore_value(&s->s), 0);
		weft_semaphore_release(&s->s, 1); /* for the other one, if it was the victim */
		sync_join(&other);
		weft_semaphore_try(&s->s);
	}
}
