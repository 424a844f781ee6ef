/* SPDX-License-Identifier: MIT
 *
 * test_lock_order.c -- what builds with WEFT_LOCK_CHECKS find out about the order in which locks are taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/cond.h>
#include <weft/rwlock.h>
#include <weft/weft.h>

#include "sync_kit.h"

static void needs_checks(void)
{
#ifndef WEFT_LOCK_CHECKS
	SKIP("a build without WEFT_LOCK_CHECKS");
#endif
}

static int saved_stderr;
static char said[16384];

/* From here to the end, what is written to the standard error is kept. */
static void listen_begin(void)
{
	char path[200];
	int fd;

	snprintf(path, sizeof path, "%s/said", test_dir());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0);
	saved_stderr = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static void listen_end(void)
{
	ssize_t n = pread(STDERR_FILENO, said, sizeof said - 1, 0);

	said[n > 0 ? n : 0] = 0;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
}

static unsigned count(const char *text)
{
	unsigned n = 0;

	for (const char *p = said; (p = strstr(p, text)); p++)
		n++;
	return n;
}

static int take(weft_lock *first, weft_lock *second)
{
	int err;

	if (weft_lock_acquire(first, 0))
		return -EIO;
	err = weft_lock_acquire(second, 0);
	if (!err)
		weft_lock_release(second);
	weft_lock_release(first);
	return err;
}

TEST(two_orders_are_one_too_many)
{
	static weft_lock a, b;

	needs_checks();
	listen_begin();
	CHECK_EQ(take(&a, &b), 0);
	CHECK_EQ(take(&a, &b), 0);
	CHECK_EQ(take(&b, &a), -EDEADLK);
	CHECK_EQ(take(&b, &a), -EDEADLK);
	CHECK_EQ(take(&a, &b), 0);
	listen_end();
	CHECK_EQ(count("weft: order of locks"), 1);
	CHECK_EQ(count("test_lock_order+0x"), 4); /* both places of either order */
}

TEST(a_circle_of_three)
{
	static weft_lock a, b;
	static weft_lock c;

	needs_checks();
	listen_begin();
	CHECK_EQ(take(&a, &b), 0);
	CHECK_EQ(take(&b, &c), 0);
	CHECK_EQ(take(&a, &c), 0);
	CHECK_EQ(take(&c, &a), -EDEADLK);
	listen_end();
	CHECK_EQ(count("weft: order of locks"), 1);
}

/* To try is no wait; but what was got so is held. */
TEST(tries_do_not_count)
{
	static weft_lock a, b;

	needs_checks();
	CHECK_EQ(take(&a, &b), 0);
	CHECK_EQ(weft_lock_acquire(&b, 0), 0);
	CHECK_EQ(weft_lock_try(&a), 0);
	CHECK_EQ(weft_lock_release(&a), 0);
	CHECK_EQ(weft_lock_release(&b), 0);
	listen_begin();
	CHECK_EQ(weft_lock_try(&b), 0);
	CHECK_EQ(weft_lock_acquire(&a, 0), -EDEADLK);
	CHECK_EQ(weft_lock_release(&b), 0);
	listen_end();
}

/* One that lies where another was is another. */
TEST(made_anew_it_is_another)
{
	static weft_lock a, b;

	needs_checks();
	CHECK_EQ(take(&a, &b), 0);
	CHECK_EQ(weft_lock_init(&a, 0), 0);
	CHECK_EQ(take(&b, &a), 0);
	memset(&b, 0, sizeof b);
	CHECK_EQ(take(&a, &b), 0);
}

TEST(an_rlock_has_an_order_too)
{
	static weft_rlock a;
	static weft_lock b;

	needs_checks();
	CHECK_EQ(weft_rlock_acquire(&a, 0), 0);
	CHECK_EQ(weft_lock_acquire(&b, 0), 0);
	CHECK_EQ(weft_rlock_acquire(&a, 0), 0); /* he has it */
	CHECK_EQ(weft_rlock_release(&a), 0);
	CHECK_EQ(weft_rlock_release(&a), 0);
	listen_begin();
	CHECK_EQ(weft_rlock_acquire(&a, 0), -EDEADLK);
	listen_end();
	CHECK_EQ(weft_lock_release(&b), 0);
}

static int end_with_lock(void *arg)
{
	return weft_lock_acquire(arg, 0);
}

static int end_without_lock(void *arg)
{
	return weft_lock_acquire(arg, 0) || weft_lock_release(arg);
}

TEST(a_thread_that_ends_with_a_lock_is_named)
{
	static weft_lock a, b;

	needs_checks();
	listen_begin();
	sync_run(end_without_lock, &a, 1, 0);
	sync_run(end_with_lock, &b, 1, 0);
	listen_end();
	CHECK_EQ(count("weft: a thread ends that holds the lock"), 1);
	CHECK_EQ(count("test_lock_order+0x"), 1);
}

/* What one fiber holds, another of the same thread does not. */
struct both {
	weft_lock a, b;
	uint32_t started;
};

static int hold_a(weft_call *call, const void *arg, void *result)
{
	struct both *s = *(struct both *const *)arg;

	(void)call, (void)result;
	if (weft_lock_acquire(&s->a, 0))
		return -EIO;
	while (test_get(&s->started) < 1)
		weft_yield();
	return weft_lock_release(&s->a);
}

static int take_b(weft_call *call, const void *arg, void *result)
{
	struct both *s = *(struct both *const *)arg;
	int err = weft_lock_acquire(&s->b, 0);

	(void)call, (void)result;
	test_add(&s->started, 1);
	return err ? err : weft_lock_release(&s->b);
}

TEST(fibers_hold_for_themselves)
{
	static struct both s;
	struct both *p = &s;
	weft_executor *ex;
	weft_task first = {.fn = hold_a, .arg = &p, .arg_size = sizeof p, .flags = WEFT_TASK_LOCAL};
	weft_task second = {.fn = take_b, .arg = &p, .arg_size = sizeof p, .flags = WEFT_TASK_LOCAL};

	needs_checks();
	CHECK_EQ(take(&s.b, &s.a), 0);
	REQUIRE_EQ(weft_executor_open(&ex, "uring:1"), 0);
	REQUIRE_EQ(weft_submit(ex, &first), 0);
	REQUIRE_EQ(weft_submit(ex, &second), 0);
	test_wait(weft_task_future(&first));
	test_wait(weft_task_future(&second));
	CHECK_EQ(weft_future_status(weft_task_future(&first)), 0);
	CHECK_EQ(weft_future_status(weft_task_future(&second)), 0);
	weft_executor_free(ex);
}

/* ---- Locks for readers and writers ---- */

enum way { LOCK, READ, WRITE, WAYS };

union any {
	weft_lock lock;
	weft_rwlock rw;
};

static int acquire(union any *l, enum way way)
{
	return way == LOCK   ? weft_lock_acquire(&l->lock, 0)
	       : way == READ ? weft_rwlock_read(&l->rw, 0)
			     : weft_rwlock_write(&l->rw, 0);
}

static void release(union any *l, enum way way)
{
	CHECK_EQ(way == LOCK ? weft_lock_release(&l->lock) : weft_rwlock_release(&l->rw), 0);
}

static int take_any(union any *first, enum way first_way, union any *second, enum way second_way)
{
	int err;

	CHECK_EQ(acquire(first, first_way), 0);
	err = acquire(second, second_way);
	if (!err)
		release(second, second_way);
	release(first, first_way);
	return err;
}

static enum way other_way(enum way way, bool other)
{
	return !other ? way : way == READ ? WRITE : READ;
}

/* In whichever way either is taken, at first and the other way round: who reads waits for a writer that waits. */
TEST(readers_and_writers_have_one_order)
{
	static union any l[WAYS * WAYS * 4][2];
	unsigned n = 0;

	needs_checks();
	listen_begin();
	for (enum way a = LOCK; a < WAYS; a++)
		for (enum way b = a == LOCK ? READ : LOCK; b < WAYS; b++)
			for (int again = 0; again < (a == LOCK || b == LOCK ? 1 : 4); again++, n++) {
				enum way a2 = other_way(a, again & 1), b2 = other_way(b, again & 2);

				CHECK_EQ(take_any(&l[n][0], a, &l[n][1], b), 0);
				CHECK_EQ(take_any(&l[n][0], a2, &l[n][1], b2), 0);
				CHECK_EQ(take_any(&l[n][1], b2, &l[n][0], a2), -EDEADLK);
				CHECK_EQ(take_any(&l[n][0], a2, &l[n][1], b2), 0);
			}
	listen_end();
	CHECK_EQ(n, 20);
	CHECK_EQ(count("weft: order of locks"), n);
	CHECK_EQ(count("test_lock_order+0x"), 4 * n);
}

TEST(a_circle_by_way_of_a_reader)
{
	static union any a, b, c;

	needs_checks();
	listen_begin();
	CHECK_EQ(take_any(&a, LOCK, &b, READ), 0);
	CHECK_EQ(take_any(&b, READ, &c, WRITE), 0);
	CHECK_EQ(take_any(&c, READ, &a, LOCK), -EDEADLK);
	listen_end();
	CHECK_EQ(count("another, which leads to the first"), 1);
}

/* Who reads and asks again may wait for a writer that waits for him. Not if he only tries. */
TEST(one_is_not_taken_twice)
{
	static weft_rwlock rw;

	needs_checks();
	listen_begin();
	CHECK_EQ(weft_rwlock_read(&rw, 0), 0);
	CHECK_EQ(weft_rwlock_try_read(&rw), 0);
	CHECK_EQ(weft_rwlock_release(&rw), 0);
	CHECK_EQ(weft_rwlock_read(&rw, 0), -EDEADLK);
	CHECK_EQ(weft_rwlock_write(&rw, 0), -EDEADLK);
	CHECK_EQ(weft_rwlock_release(&rw), 0);
	CHECK_EQ(weft_rwlock_read(&rw, 0), 0);
	CHECK_EQ(weft_rwlock_release(&rw), 0);
	listen_end();
	CHECK_EQ(count("by who holds it already"), 1);
}

TEST(tries_of_readers_and_writers_do_not_count)
{
	static union any a, b;

	needs_checks();
	CHECK_EQ(take_any(&a, READ, &b, WRITE), 0);
	CHECK_EQ(acquire(&b, READ), 0);
	CHECK_EQ(weft_rwlock_try_write(&a.rw), 0);
	release(&a, WRITE);
	CHECK_EQ(weft_rwlock_try_read(&a.rw), 0);
	release(&a, READ);
	release(&b, READ);
	listen_begin();
	CHECK_EQ(weft_rwlock_try_read(&b.rw), 0); /* but what was got so is held */
	CHECK_EQ(acquire(&a, READ), -EDEADLK);
	release(&b, READ);
	listen_end();
}

static int end_reading(void *arg)
{
	return weft_rwlock_read(arg, 0);
}

TEST(a_thread_that_ends_reading_is_named)
{
	static weft_rwlock rw;

	needs_checks();
	listen_begin();
	sync_run(end_reading, &rw, 1, 0);
	listen_end();
	CHECK_EQ(count("weft: a thread ends that holds the lock"), 1);
}
