/* SPDX-License-Identifier: MIT
 *
 * test_cond.c -- weft_cond between threads and processes.
 */
#include <errno.h>
#include <signal.h>
#include <weft/cond.h>

#include "sync_kit.h"

struct scene {
	weft_lock lock;
	weft_cond cond;
	uint32_t waiting, woken, items, taken;
};

static struct scene *scene_new(unsigned flags)
{
	struct scene *s = test_memory(sizeof *s);

	REQUIRE_EQ(weft_lock_init(&s->lock, flags), 0);
	REQUIRE_EQ(weft_cond_init(&s->cond, flags), 0);
	return s;
}

TEST(errors_change_nothing)
{
	static weft_cond c;
	static weft_lock l;

	CHECK_EQ(weft_cond_init(NULL, 0), -EINVAL);
	CHECK_EQ(weft_cond_init(&c, 2), -EINVAL);
	CHECK_EQ(weft_cond_wait(NULL, &l, 0), -EINVAL);
	CHECK_EQ(weft_cond_wait(&c, NULL, 0), -EINVAL);
	CHECK_EQ(weft_cond_notify(NULL, 1), -EINVAL);
	CHECK_EQ(weft_cond_notify_all(NULL), -EINVAL);
	CHECK_EQ(weft_cond_wait(&c, &l, 0), -EPERM);
	CHECK_EQ(weft_cond_notify(&c, 1), 0);
	CHECK_EQ(weft_lock_try(&l), 0);
	CHECK_EQ(weft_cond_wait(&c, &l, 0), -ETIMEDOUT);
	CHECK_EQ(weft_cond_wait(&c, &l, weft_after(WEFT_MS(5))), -ETIMEDOUT);
	CHECK_EQ(weft_lock_try(&l), -EBUSY);
	CHECK_EQ(weft_lock_release(&l), 0);
}

TEST(a_shared_one_times_out_with_the_lock)
{
	struct scene *s = scene_new(WEFT_SHARED);

	CHECK_EQ(weft_lock_acquire(&s->lock, 0), 0);
	CHECK_EQ(weft_cond_wait(&s->cond, &s->lock, weft_after(WEFT_MS(5))), -ETIMEDOUT);
	CHECK_EQ(weft_lock_release(&s->lock), 0);
}

static int wait_without_a_loop(void *arg)
{
	struct scene *s = arg;
	int err;

	if (weft_lock_acquire(&s->lock, WEFT_FOREVER))
		return 1;
	s->waiting++;
	err = weft_cond_wait(&s->cond, &s->lock, test_soon());
	s->woken++;
	return err ? err : weft_lock_release(&s->lock);
}

static uint32_t look(struct scene *s, const uint32_t *word)
{
	uint32_t value;

	REQUIRE_EQ(weft_lock_acquire(&s->lock, test_soon()), 0);
	value = *word;
	REQUIRE_EQ(weft_lock_release(&s->lock), 0);
	return value;
}

static void await(struct scene *s, const uint32_t *word, uint32_t value)
{
	weft_time end = test_soon();

	while (look(s, word) < value && weft_now() < end)
		test_sleep_ms(1);
	CHECK_EQ(look(s, word), value);
}

/* Exactly so many are woken, however many there are. */
TEST(a_private_one_wakes_so_many)
{
	struct scene *s = scene_new(0);
	struct sync_crowd crowd;

	sync_start(&crowd, wait_without_a_loop, s, 8, 0);
	await(s, &s->waiting, 8);
	CHECK_EQ(weft_cond_notify(&s->cond, 1), 0);
	await(s, &s->woken, 1);
	CHECK_EQ(weft_cond_notify(&s->cond, 3), 0);
	await(s, &s->woken, 4);
	test_sleep_ms(20);
	CHECK_EQ(look(s, &s->woken), 4);
	CHECK_EQ(weft_cond_notify(&s->cond, 0), 0);
	CHECK_EQ(weft_cond_notify_all(&s->cond), 0);
	sync_join(&crowd);
	CHECK_EQ(s->woken, 8);
}

TEST(a_shared_one_wakes_all)
{
	struct scene *s = scene_new(WEFT_SHARED);
	struct sync_crowd crowd;

	sync_start(&crowd, wait_without_a_loop, s, 3, 3);
	await(s, &s->waiting, 6);
	CHECK_EQ(weft_cond_notify_all(&s->cond), 0);
	sync_join(&crowd);
	CHECK_EQ(s->woken, 6);
}

enum { ITEMS = 400 };

static int take_items(void *arg)
{
	struct scene *s = arg;
	int err = weft_lock_acquire(&s->lock, WEFT_FOREVER);

	while (!err && s->taken < ITEMS) {
		while (!err && !s->items && s->taken < ITEMS)
			err = weft_cond_wait(&s->cond, &s->lock, test_soon());
		if (!err && s->items) {
			s->items--;
			if (++s->taken == ITEMS)
				weft_cond_notify_all(&s->cond);
		}
	}
	return err ? err : weft_lock_release(&s->lock);
}

static void hand_over(unsigned flags, unsigned threads, unsigned processes)
{
	struct scene *s = scene_new(flags);
	struct sync_crowd crowd;

	sync_start(&crowd, take_items, s, threads, processes);
	for (int i = 0; i < ITEMS; i++) {
		CHECK_EQ(weft_lock_acquire(&s->lock, WEFT_FOREVER), 0);
		s->items++;
		CHECK_EQ(weft_cond_notify(&s->cond, 1), 0);
		CHECK_EQ(weft_lock_release(&s->lock), 0);
	}
	sync_join(&crowd);
	CHECK_EQ(s->taken, ITEMS);
}

TEST(no_item_is_left_by_threads)
{
	hand_over(0, 4, 0);
}

TEST(no_item_is_left_by_processes)
{
	hand_over(WEFT_SHARED, 2, 2);
}

static int take_one_item(void *arg)
{
	struct scene *s = arg;
	int err = weft_lock_acquire(&s->lock, WEFT_FOREVER);

	s->waiting++;
	while ((!err || err == -EOWNERDEAD) && !s->items)
		err = weft_cond_wait(&s->cond, &s->lock, test_soon());
	if (err && err != -EOWNERDEAD)
		return 1;
	s->items--;
	test_add(&s->taken, 1);
	return weft_lock_release(&s->lock);
}

/* Of two waiters one is woken, and killed at that moment: the other gets the item. */
TEST(a_killed_waiter_keeps_nobody_waiting)
{
	struct scene *s = scene_new(WEFT_SHARED);
	struct sync_crowd crowd;
	int err;

	for (uint32_t i = 0; i < 10; i++) {
		pid_t victim = sync_fork(take_one_item, s);
		uint32_t taken;

		await(s, &s->waiting, 2 * i + 1);
		sync_start(&crowd, take_one_item, s, 1, 0);
		await(s, &s->waiting, 2 * i + 2);
		CHECK_EQ(weft_lock_acquire(&s->lock, test_soon()), 0);
		s->items++;
		taken = test_get(&s->taken);
		weft_cond_notify(&s->cond, 1);
		CHECK_EQ(weft_lock_release(&s->lock), 0);
		kill(victim, SIGKILL);
		if (sync_reap(victim) != -SIGKILL ||
		    test_get(&s->taken) != taken) { /* it was quick: one more for the other */
			err = weft_lock_acquire(&s->lock, test_soon());
			CHECK(!err || err == -EOWNERDEAD);
			s->items++;
			weft_cond_notify(&s->cond, 1);
			CHECK_EQ(weft_lock_release(&s->lock), 0);
		}
		sync_join(&crowd);
		err = weft_lock_acquire(&s->lock, test_soon());
		CHECK(!err || err == -EOWNERDEAD);
		s->items = 0;
		CHECK_EQ(weft_lock_release(&s->lock), 0);
	}
}
