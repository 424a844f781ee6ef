/* SPDX-License-Identifier: MIT
 *
 * test_rwlock.c -- weft_rwlock between threads and processes, and when readers and writers die.
 */
#include <errno.h>
#include <signal.h>
#include <weft/event.h>
#include <weft/rwlock.h>

#include "sync_kit.h"

enum { ROUNDS = 1000 };

/* Who waits for himself is told so where the order of locks is checked: test_lock_order.c. */
#ifdef WEFT_LOCK_CHECKS
enum { CHECKED = 1 };
#else
enum { CHECKED = 0 };
#endif

struct scene {
	weft_rwlock rw;
	weft_event go;
	uint64_t a, b; /* plain, and equal but while somebody writes */
	uint32_t inside, bad, word[2];
};

static struct scene *scene_new(unsigned flags)
{
	struct scene *s = test_memory(sizeof *s);

	REQUIRE_EQ(weft_rwlock_init(&s->rw, flags), 0);
	REQUIRE_EQ(weft_event_init(&s->go, flags), 0);
	return s;
}

TEST(zeros_are_a_free_lock)
{
	static weft_rwlock rw;

	CHECK_EQ(weft_rwlock_release(&rw), -EPERM);
	CHECK_EQ(weft_rwlock_read(&rw, WEFT_FOREVER), 0);
	CHECK_EQ(weft_rwlock_try_read(&rw), 0);
	CHECK_EQ(weft_rwlock_try_write(&rw), -EBUSY);
	CHECK_EQ(weft_rwlock_write(&rw, weft_after(WEFT_MS(5))), CHECKED ? -EDEADLK : -ETIMEDOUT);
	CHECK_EQ(weft_rwlock_release(&rw), 0);
	CHECK_EQ(weft_rwlock_try_write(&rw), -EBUSY);
	CHECK_EQ(weft_rwlock_release(&rw), 0);
	CHECK_EQ(weft_rwlock_release(&rw), -EPERM);
	CHECK_EQ(weft_rwlock_write(&rw, WEFT_FOREVER), 0);
	CHECK_EQ(weft_rwlock_write(&rw, WEFT_FOREVER), -EDEADLK);
	CHECK_EQ(weft_rwlock_read(&rw, WEFT_FOREVER), -EDEADLK);
	CHECK_EQ(weft_rwlock_try_read(&rw), -EBUSY);
	CHECK_EQ(weft_rwlock_release(&rw), 0);
	CHECK_EQ(weft_rwlock_release(&rw), -EPERM);
}

TEST(a_shared_one_knows_its_readers)
{
	struct scene *s = scene_new(WEFT_SHARED);

	CHECK_EQ(weft_rwlock_release(&s->rw), -EPERM);
	CHECK_EQ(weft_rwlock_read(&s->rw, WEFT_FOREVER), 0);
	CHECK_EQ(weft_rwlock_try_read(&s->rw), 0);
	CHECK_EQ(weft_rwlock_write(&s->rw, WEFT_FOREVER), -EDEADLK);
	CHECK_EQ(weft_rwlock_release(&s->rw), 0);
	CHECK_EQ(weft_rwlock_try_write(&s->rw), -EBUSY);
	CHECK_EQ(weft_rwlock_release(&s->rw), 0);
	CHECK_EQ(weft_rwlock_release(&s->rw), -EPERM);
	CHECK_EQ(weft_rwlock_try_write(&s->rw), 0);
	CHECK_EQ(weft_rwlock_release(&s->rw), 0);
}

TEST(wrong_arguments)
{
	weft_rwlock rw;

	CHECK_EQ(weft_rwlock_init(NULL, 0), -EINVAL);
	CHECK_EQ(weft_rwlock_init(&rw, 2), -EINVAL);
	CHECK_EQ(weft_rwlock_read(NULL, 0), -EINVAL);
	CHECK_EQ(weft_rwlock_write(NULL, 0), -EINVAL);
	CHECK_EQ(weft_rwlock_try_read(NULL), -EINVAL);
	CHECK_EQ(weft_rwlock_try_write(NULL), -EINVAL);
	CHECK_EQ(weft_rwlock_release(NULL), -EINVAL);
}

static int read_and_write(void *arg)
{
	struct scene *s = arg;

	for (int i = 0; i < ROUNDS; i++) {
		bool writes = i % 4 == 0;
		int err = writes ? weft_rwlock_write(&s->rw, test_soon())
				 : weft_rwlock_read(&s->rw, test_soon());

		if (err)
			return 1;
		if (s->a != s->b)
			test_add(&s->bad, 1);
		if (writes) {
			s->a++;
			s->b++;
		}
		if (weft_rwlock_release(&s->rw))
			return 2;
	}
	return 0;
}

static void exclude(unsigned flags, unsigned threads, unsigned processes)
{
	struct scene *s = scene_new(flags);

	sync_run(read_and_write, s, threads, processes);
	CHECK_EQ(s->bad, 0);
	CHECK_EQ(s->a, (threads + processes) * ROUNDS / 4);
}

TEST(threads_read_what_is_whole)
{
	exclude(0, 4, 0);
}

TEST(processes_read_what_is_whole)
{
	exclude(WEFT_SHARED, 2, 2);
}

static int read_until_told(void *arg)
{
	struct scene *s = arg;

	if (weft_rwlock_read(&s->rw, test_soon()))
		return 1;
	test_add(&s->inside, 1);
	if (weft_event_wait(&s->go, test_soon()))
		return 2;
	return weft_rwlock_release(&s->rw);
}

/* As many as there may be read at the same time; one more waits, and gets in when one has left. */
static void read_together(unsigned flags, unsigned readers)
{
	struct scene *s = scene_new(flags);
	struct sync_crowd crowd;

	sync_start(&crowd, read_until_told, s, readers / 2, readers - readers / 2);
	REQUIRE(test_await(&s->inside, readers));
	CHECK_EQ(weft_rwlock_try_write(&s->rw), -EBUSY);
	if (flags && readers == WEFT_RWLOCK_READERS_MAX)
		CHECK_EQ(weft_rwlock_read(&s->rw, weft_after(WEFT_MS(5))), -ETIMEDOUT);
	weft_event_set(&s->go);
	CHECK_EQ(weft_rwlock_read(&s->rw, test_soon()), 0);
	CHECK_EQ(weft_rwlock_release(&s->rw), 0);
	sync_join(&crowd);
	CHECK_EQ(weft_rwlock_try_write(&s->rw), 0);
	CHECK_EQ(weft_rwlock_release(&s->rw), 0);
}

TEST(readers_read_together)
{
	read_together(WEFT_SHARED, 5);
	read_together(WEFT_SHARED, WEFT_RWLOCK_READERS_MAX);
}

static int write_for_ever(void *arg)
{
	struct scene *s = arg;

	if (weft_rwlock_write(&s->rw, test_soon()))
		return 1;
	s->a++;
	test_add(&s->inside, 1);
	for (;;)
		pause();
}

TEST(a_dead_reader_is_forgotten)
{
	struct scene *s = scene_new(WEFT_SHARED);
	pid_t pid = sync_fork(read_until_told, s);

	REQUIRE(test_await(&s->inside, 1));
	CHECK_EQ(weft_rwlock_try_write(&s->rw), -EBUSY);
	kill(pid, SIGKILL);
	CHECK_EQ(weft_rwlock_write(&s->rw, test_soon()), 0);
	CHECK_EQ(weft_rwlock_release(&s->rw), 0);
	sync_reap(pid);
}

TEST(a_dead_writer_is_told_of_until_mended)
{
	struct scene *s = scene_new(WEFT_SHARED);
	pid_t pid = sync_fork(write_for_ever, s);

	REQUIRE(test_await(&s->inside, 1));
	kill(pid, SIGKILL);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(weft_rwlock_read(&s->rw, test_soon()), -EOWNERDEAD);
		CHECK_EQ(weft_rwlock_release(&s->rw), 0);
	}
	CHECK_EQ(weft_rwlock_write(&s->rw, test_soon()), -EOWNERDEAD);
	CHECK_EQ(weft_rwlock_release(&s->rw), 0);
	CHECK_EQ(weft_rwlock_read(&s->rw, test_soon()), 0);
	CHECK_EQ(weft_rwlock_release(&s->rw), 0);
	CHECK_EQ(weft_rwlock_write(&s->rw, test_soon()), 0);
	CHECK_EQ(weft_rwlock_release(&s->rw), 0);
	sync_reap(pid);
}

static int wait_to_write(void *arg)
{
	struct scene *s = arg;

	test_add(&s->word[0], 1);
	return weft_rwlock_write(&s->rw, test_soon());
}

/* The one that waited kept readers out; dead, it does no more. */
TEST(a_dead_waiter_keeps_nobody_out)
{
	struct scene *s = scene_new(WEFT_SHARED);
	struct sync_crowd reader;
	pid_t pid;

	sync_start(&reader, read_until_told, s, 1, 0);
	REQUIRE(test_await(&s->inside, 1));
	pid = sync_fork(wait_to_write, s);
	REQUIRE(test_await(&s->word[0], 1));
	test_sleep_ms(5);
	kill(pid, SIGKILL);
	CHECK_EQ(sync_reap(pid), -SIGKILL);
	CHECK_EQ(weft_rwlock_read(&s->rw, test_soon()), 0);
	CHECK_EQ(weft_rwlock_release(&s->rw), 0);
	weft_event_set(&s->go);
	sync_join(&reader);
	CHECK_EQ(weft_rwlock_write(&s->rw, test_soon()), 0);
	CHECK_EQ(weft_rwlock_release(&s->rw), 0);
}
