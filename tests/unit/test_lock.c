/* SPDX-License-Identifier: MIT
 *
 * test_lock.c -- weft_lock and weft_rlock: between threads, between processes, and when holders die.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/lock.h>

#include "sync_kit.h"

enum { ROUNDS = 2000 };

struct scene {
	weft_lock lock;
	weft_rlock rlock;
	uint64_t sum; /* plain: the lock protects it */
	uint32_t word[4];
};

static struct scene *scene_new(unsigned flags)
{
	struct scene *s = test_memory(sizeof *s);

	REQUIRE_EQ(weft_lock_init(&s->lock, flags), 0);
	REQUIRE_EQ(weft_rlock_init(&s->rlock, flags), 0);
	return s;
}

static int add_many(void *arg)
{
	struct scene *s = arg;

	for (int i = 0; i < ROUNDS; i++) {
		if (weft_lock_acquire(&s->lock, WEFT_FOREVER))
			return 1;
		s->sum++;
		if (weft_lock_release(&s->lock))
			return 1;
	}
	return 0;
}

static int add_many_deeply(void *arg)
{
	struct scene *s = arg;

	for (int i = 0; i < ROUNDS; i++) {
		if (weft_rlock_acquire(&s->rlock, WEFT_FOREVER) || weft_rlock_acquire(&s->rlock, 0))
			return 1;
		s->sum++;
		if (weft_rlock_release(&s->rlock) || weft_rlock_release(&s->rlock))
			return 1;
	}
	return 0;
}

TEST(zeros_are_a_free_lock)
{
	static weft_lock l;

	CHECK_EQ(weft_lock_release(&l), -EPERM);
	CHECK_EQ(weft_lock_acquire(&l, WEFT_FOREVER), 0);
	CHECK_EQ(weft_lock_try(&l), -EBUSY);
	CHECK_EQ(weft_lock_acquire(&l, WEFT_FOREVER), -EDEADLK);
	CHECK_EQ(weft_lock_release(&l), 0);
	CHECK_EQ(weft_lock_release(&l), -EPERM);
	CHECK_EQ(weft_lock_try(&l), 0);
	CHECK_EQ(weft_lock_release(&l), 0);
}

TEST(wrong_arguments)
{
	_Alignas(8) char memory[sizeof(weft_lock) + 8];

	CHECK_EQ(weft_lock_init(NULL, 0), -EINVAL);
	CHECK_EQ(weft_lock_init((weft_lock *)(void *)(memory + 4), 0), -EINVAL);
	CHECK_EQ(weft_lock_init((weft_lock *)(void *)memory, 2), -EINVAL);
	CHECK_EQ(weft_lock_acquire(NULL, 0), -EINVAL);
	CHECK_EQ(weft_lock_try(NULL), -EINVAL);
	CHECK_EQ(weft_lock_release(NULL), -EINVAL);
	CHECK_EQ(weft_rlock_init(NULL, 0), -EINVAL);
	CHECK_EQ(weft_rlock_acquire(NULL, 0), -EINVAL);
	CHECK_EQ(weft_rlock_try(NULL), -EINVAL);
	CHECK_EQ(weft_rlock_release(NULL), -EINVAL);
}

static void exclude(unsigned flags, int (*fn)(void *), unsigned threads, unsigned processes)
{
	struct scene *s = scene_new(flags);

	sync_run(fn, s, threads, processes);
	CHECK_EQ(s->sum, (threads + processes) * ROUNDS);
	CHECK_EQ(weft_lock_try(&s->lock), 0);
	CHECK_EQ(weft_lock_release(&s->lock), 0);
}

TEST(threads_exclude_each_other)
{
	exclude(0, add_many, 4, 0);
}

TEST(processes_exclude_each_other)
{
	exclude(WEFT_SHARED, add_many, 0, 4);
}

TEST(threads_and_processes_exclude_each_other)
{
	exclude(WEFT_SHARED, add_many, 2, 2);
}

TEST(rlock_threads_exclude_each_other)
{
	exclude(0, add_many_deeply, 4, 0);
}

TEST(rlock_processes_exclude_each_other)
{
	exclude(WEFT_SHARED, add_many_deeply, 1, 3);
}

static int try_from_elsewhere(void *arg)
{
	struct scene *s = arg;

	if (weft_lock_try(&s->lock) != -EBUSY || weft_rlock_try(&s->rlock) != -EBUSY)
		return 1;
	if (weft_lock_acquire(&s->lock, 0) != -ETIMEDOUT || weft_rlock_acquire(&s->rlock, 0) != -ETIMEDOUT)
		return 2;
	if (weft_lock_acquire(&s->lock, weft_after(WEFT_MS(20))) != -ETIMEDOUT)
		return 3;
	if (weft_lock_release(&s->lock) != -EPERM || weft_rlock_release(&s->rlock) != -EPERM)
		return 4;
	return 0;
}

static void held_elsewhere(unsigned flags, unsigned threads, unsigned processes)
{
	struct scene *s = scene_new(flags);

	CHECK_EQ(weft_lock_acquire(&s->lock, WEFT_FOREVER), 0);
	CHECK_EQ(weft_rlock_acquire(&s->rlock, WEFT_FOREVER), 0);
	CHECK_EQ(weft_rlock_acquire(&s->rlock, WEFT_FOREVER), 0);
	CHECK_EQ(weft_rlock_try(&s->rlock), 0);
	CHECK_EQ(weft_rlock_release(&s->rlock), 0);
	sync_run(try_from_elsewhere, s, threads, processes);
	CHECK_EQ(weft_rlock_release(&s->rlock), 0);
	sync_run(try_from_elsewhere, s, threads, processes);
	CHECK_EQ(weft_rlock_release(&s->rlock), 0);
	CHECK_EQ(weft_rlock_release(&s->rlock), -EPERM);
	CHECK_EQ(weft_lock_release(&s->lock), 0);
}

TEST(a_held_private_lock_is_nobody_elses)
{
	held_elsewhere(0, 1, 0);
}

/* Forks, too: they inherit what the thread knows of itself. */
TEST(a_held_shared_lock_is_nobody_elses)
{
	held_elsewhere(WEFT_SHARED, 1, 1);
}

/* ---- Holders that die ---- */

static int hold_for_ever(void *arg)
{
	struct scene *s = arg;

	if (weft_lock_acquire(&s->lock, WEFT_FOREVER) || weft_rlock_acquire(&s->rlock, WEFT_FOREVER))
		return 1;
	test_add(&s->word[0], 1);
	for (;;)
		pause();
}

static int end_holding(void *arg)
{
	struct scene *s = arg;

	return weft_lock_acquire(&s->lock, WEFT_FOREVER) || weft_rlock_acquire(&s->rlock, WEFT_FOREVER);
}

static void told_once(struct scene *s)
{
	CHECK_EQ(weft_lock_acquire(&s->lock, test_soon()), -EOWNERDEAD);
	CHECK_EQ(weft_lock_acquire(&s->lock, test_soon()), -EDEADLK);
	CHECK_EQ(weft_lock_release(&s->lock), 0);
	CHECK_EQ(weft_lock_acquire(&s->lock, test_soon()), 0);
	CHECK_EQ(weft_lock_release(&s->lock), 0);
	CHECK_EQ(weft_rlock_try(&s->rlock), -EOWNERDEAD);
	CHECK_EQ(weft_rlock_try(&s->rlock), 0);
	CHECK_EQ(weft_rlock_release(&s->rlock), 0);
	CHECK_EQ(weft_rlock_release(&s->rlock), 0);
	CHECK_EQ(weft_rlock_release(&s->rlock), -EPERM);
	CHECK_EQ(weft_rlock_try(&s->rlock), 0);
	CHECK_EQ(weft_rlock_release(&s->rlock), 0);
}

TEST(who_comes_after_a_killed_process_is_told)
{
	struct scene *s = scene_new(WEFT_SHARED);
	pid_t pid = sync_fork(hold_for_ever, s);

	REQUIRE(test_await(&s->word[0], 1));
	CHECK_EQ(weft_lock_try(&s->lock), -EBUSY);
	kill(pid, SIGKILL);
	CHECK_EQ(sync_reap(pid), -SIGKILL);
	told_once(s);
}

TEST(who_comes_after_a_thread_that_ended_is_told)
{
	struct scene *s = scene_new(WEFT_SHARED);

	sync_run(end_holding, s, 1, 0);
	told_once(s);
}

TEST(who_comes_after_a_process_that_ended_is_told)
{
	struct scene *s = scene_new(WEFT_SHARED);

	sync_run(end_holding, s, 0, 1);
	told_once(s);
}

static int wait_and_count(void *arg)
{
	struct scene *s = arg;
	int err;

	test_add(&s->word[1], 1);
	err = weft_lock_acquire(&s->lock, WEFT_FOREVER);
	if (err && err != -EOWNERDEAD)
		return 1;
	test_add(&s->word[2], err == -EOWNERDEAD);
	s->sum++;
	return weft_lock_release(&s->lock);
}

/* All of the waiters get it, and one of them is told. */
TEST(waiters_are_woken_by_a_death)
{
	struct scene *s = scene_new(WEFT_SHARED);
	pid_t holder = sync_fork(hold_for_ever, s);
	struct sync_crowd crowd;

	REQUIRE(test_await(&s->word[0], 1));
	sync_start(&crowd, wait_and_count, s, 2, 2);
	REQUIRE(test_await(&s->word[1], 4));
	test_sleep_ms(20);
	kill(holder, SIGKILL);
	sync_join(&crowd);
	CHECK_EQ(s->sum, 4);
	CHECK_EQ(s->word[2], 1);
	sync_reap(holder);
}

static int wait_for_ever(void *arg)
{
	struct scene *s = arg;

	test_add(&s->word[1], 1);
	return weft_lock_acquire(&s->lock, WEFT_FOREVER);
}

/* Waiters that are killed, perhaps just when they have been woken, keep nobody else from being woken. */
TEST(killed_waiters_keep_nobody_waiting)
{
	struct scene *s = scene_new(WEFT_SHARED);

	for (int i = 0; i < 20; i++) {
		uint32_t n = test_get(&s->word[1]);
		pid_t victim;
		int err;

		err = weft_lock_acquire(&s->lock, test_soon());
		CHECK(!err || err == -EOWNERDEAD);
		victim = sync_fork(wait_for_ever, s);
		REQUIRE(test_await(&s->word[1], n + 1));
		test_sleep_ms(2);
		CHECK_EQ(weft_lock_release(&s->lock), 0);
		kill(victim, SIGKILL);
		sync_run(wait_and_count, s, 1, 0);
		sync_reap(victim);
	}
	CHECK_EQ(s->sum, 20);
}

/* A fork does not hold what its parent holds, and its end gives nothing up. */
static int just_end(void *arg)
{
	struct scene *s = arg;

	return weft_lock_release(&s->lock) == -EPERM ? 0 : 1;
}

TEST(forks_do_not_hold)
{
	struct scene *s = scene_new(WEFT_SHARED);
	weft_lock other;

	weft_lock_init(&other, WEFT_SHARED);
	CHECK_EQ(weft_lock_acquire(&s->lock, WEFT_FOREVER), 0);
	CHECK_EQ(weft_lock_acquire(&other, WEFT_FOREVER), 0);
	sync_run(just_end, s, 0, 2);
	CHECK_EQ(weft_lock_release(&s->lock), 0);
	CHECK_EQ(weft_lock_try(&s->lock), 0);
	CHECK_EQ(weft_lock_release(&s->lock), 0);
	CHECK_EQ(weft_lock_release(&other), 0);
}

/* ---- Many at a time ---- */

static int hold_all(void *arg)
{
	weft_lock *l = arg;

	for (int i = 0; i < WEFT_LOCKS_HELD_MAX; i++)
		if (weft_lock_try(&l[i]))
			return 1;
	/* In any order: by tries, to which the order of locks is nothing. */
	for (int i = 0; i < WEFT_LOCKS_HELD_MAX; i += 3)
		if (weft_lock_release(&l[i]) || weft_lock_try(&l[i]))
			return 2;
	if (weft_lock_try(&l[WEFT_LOCKS_HELD_MAX]) != -ENOLCK)
		return 3;
	if (weft_lock_acquire(&l[WEFT_LOCKS_HELD_MAX], WEFT_FOREVER) != -ENOLCK)
		return 4;
	return 0;
}

TEST(all_that_a_dead_thread_held_are_free)
{
	size_t n = WEFT_LOCKS_HELD_MAX + 1;
	weft_lock *l = test_memory(n * sizeof *l);

	for (size_t i = 0; i < n; i++)
		REQUIRE_EQ(weft_lock_init(&l[i], WEFT_SHARED), 0);
	sync_run(hold_all, l, 0, 1);
	for (size_t i = 0; i + 1 < n; i++) {
		if (weft_lock_try(&l[i]) != -EOWNERDEAD) {
			CHECK_EQ(i, n);
			break;
		}
		CHECK_EQ(weft_lock_release(&l[i]), 0);
	}
	CHECK_EQ(weft_lock_try(&l[n - 1]), 0);
	CHECK_EQ(weft_lock_release(&l[n - 1]), 0);
}

/* The C library's robust mutexes share the list with ours, in whatever order either come and go. */
struct mixed {
	weft_lock lock[4];
	pthread_mutex_t mutex[4];
};

static int take_kth(struct mixed *all, unsigned k)
{
	return k < 4 ? weft_lock_try(&all->lock[k]) : pthread_mutex_trylock(&all->mutex[k - 4]);
}

static int give_kth(struct mixed *all, unsigned k)
{
	return k < 4 ? weft_lock_release(&all->lock[k]) : pthread_mutex_unlock(&all->mutex[k - 4]);
}

static int mix(void *arg)
{
	struct mixed *all = arg;
	bool has[8] = {false};
	uint32_t x = 1;

	for (int i = 0; i < 2000; i++) {
		unsigned k = (x = x * 1664525 + 1013904223) >> 29;

		if (has[k] ? give_kth(all, k) : take_kth(all, k))
			return 1;
		has[k] = !has[k];
	}
	for (unsigned k = 0; k < 8; k++)
		if (!has[k] && take_kth(all, k))
			return 2;
	return 0;
}

TEST(the_list_is_shared_with_the_c_library)
{
	struct mixed *all = test_memory(sizeof *all);
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	for (int i = 0; i < 4; i++) {
		REQUIRE_EQ(pthread_mutex_init(&all->mutex[i], &attr), 0);
		REQUIRE_EQ(weft_lock_init(&all->lock[i], WEFT_SHARED), 0);
	}
	sync_run(mix, all, 0, 1);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(weft_lock_try(&all->lock[i]), -EOWNERDEAD);
		CHECK_EQ(pthread_mutex_trylock(&all->mutex[i]), EOWNERDEAD);
	}
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(pthread_mutex_consistent(&all->mutex[i]), 0);
		CHECK_EQ(pthread_mutex_unlock(&all->mutex[i]), 0);
		CHECK_EQ(weft_lock_release(&all->lock[i]), 0);
	}
}
