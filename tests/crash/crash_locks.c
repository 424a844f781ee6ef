/* SPDX-License-Identifier: MIT
 *
 * crash_locks.c -- a process is killed after each single instruction of weft's while it takes and gives up a lock, a
 * rlock, a rwlock, a unit of a semaphore; while nobody else wants it, and while another sleeps for it. Nobody waits
 * for ever; who comes next is told once if the dead one may have held it, and else not.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/weft.h>

#include "crash_kit.h"
#include "crash_tracer.h"

#if defined(__SANITIZE_ADDRESS__) || TEST_UNDER_TSAN
enum { STRIDE = 17 };
#else
enum { STRIDE = 1 };
#endif

struct shared {
	weft_lock lock;
	weft_rlock rlock;
	weft_semaphore semaphore;
	weft_rwlock rw;
	uint32_t began; /* the one that is killed */
};

/* What the process that is killed does, and how the next fares. */
struct scene {
	int (*acquire)(struct shared *s);
	int (*release)(struct shared *s);
	/* By another, with a deadline. */
	int (*next)(struct shared *s, weft_time deadline);
	int (*next_release)(struct shared *s);
	bool exact; /* who cannot get it without waiting, is told if the other one dies then; else he is not */
	bool tells;  /* -EOWNERDEAD if it died between the two calls */
	bool held;   /* when it begins, the test holds it, and gives it up as soon as it sleeps */
	bool waited; /* another sleeps for it meanwhile */
};

static struct shared *s;

static int take_lock(struct shared *b)
{
	return weft_lock_acquire(&b->lock, WEFT_FOREVER);
}

static int next_lock(struct shared *b, weft_time deadline)
{
	return weft_lock_acquire(&b->lock, deadline);
}

static int give_lock(struct shared *b)
{
	return weft_lock_release(&b->lock);
}

static int take_rlock(struct shared *b)
{
	return weft_rlock_acquire(&b->rlock, WEFT_FOREVER) || weft_rlock_acquire(&b->rlock, WEFT_FOREVER);
}

static int next_rlock(struct shared *b, weft_time deadline)
{
	return weft_rlock_acquire(&b->rlock, deadline);
}

static int give_rlock(struct shared *b)
{
	return weft_rlock_release(&b->rlock) || weft_rlock_release(&b->rlock);
}

static int give_rlock_once(struct shared *b)
{
	return weft_rlock_release(&b->rlock);
}

static int take_to_read(struct shared *b)
{
	return weft_rwlock_read(&b->rw, WEFT_FOREVER);
}

static int take_to_write(struct shared *b)
{
	return weft_rwlock_write(&b->rw, WEFT_FOREVER);
}

static int next_writer(struct shared *b, weft_time deadline)
{
	return weft_rwlock_write(&b->rw, deadline);
}

static int give_rw(struct shared *b)
{
	return weft_rwlock_release(&b->rw);
}

static int take_unit(struct shared *b)
{
	return weft_semaphore_acquire(&b->semaphore, WEFT_FOREVER);
}

static int next_unit(struct shared *b, weft_time deadline)
{
	return weft_semaphore_acquire(&b->semaphore, deadline);
}

static int give_unit(struct shared *b)
{
	return weft_semaphore_release(&b->semaphore, 1);
}

static void set_up(void)
{
	memset(s, 0, sizeof *s);
	REQUIRE_EQ(weft_lock_init(&s->lock, WEFT_SHARED), 0);
	REQUIRE_EQ(weft_rlock_init(&s->rlock, WEFT_SHARED), 0);
	REQUIRE_EQ(weft_semaphore_init(&s->semaphore, 1, WEFT_SHARED), 0);
	REQUIRE_EQ(weft_rwlock_init(&s->rw, WEFT_SHARED), 0);
}

/* The process that is killed. */
static void live(const void *arg)
{
	const struct scene *scene = arg;

	test_set(&s->began, 1);
	_exit(scene->acquire(s) || scene->release(s));
}

struct rival {
	const struct scene *scene;
	pthread_t thread;
	int err, release_err;
};

static void *compete(void *arg)
{
	struct rival *r = arg;

	r->err = r->scene->next(s, test_soon());
	if (!r->err || r->err == -EOWNERDEAD)
		r->release_err = r->scene->next_release(s);
	return NULL;
}

/* Who comes next, in a thread or here: waits in vain never; is told once, and only if the dead one may have had it. */
static void check(const struct scene *scene, bool killed, bool has, struct rival *rival)
{
	int told = 0, err;

	if (scene->waited) {
		pthread_join(rival->thread, NULL);
		CHECK(!rival->err || rival->err == -EOWNERDEAD);
		CHECK_EQ(rival->release_err, 0);
		told += rival->err == -EOWNERDEAD;
	}
	if (scene->next == next_unit) { /* it may have died with the unit, and there was one */
		if (!weft_semaphore_value(&s->semaphore))
			CHECK_EQ(weft_semaphore_release(&s->semaphore, 1), 0);
		CHECK(killed || !told);
	}
	err = scene->next(s, test_soon());
	CHECK(!err || err == -EOWNERDEAD);
	told += err == -EOWNERDEAD;
	CHECK_EQ(scene->next_release(s), 0);
	CHECK(told <= 1);
	if (scene->exact && killed)
		CHECK_EQ(told, has);
	if (!scene->tells || !killed)
		CHECK_EQ(told, 0);
	CHECK_EQ(scene->next(s, test_soon()), 0);
	CHECK_EQ(scene->next_release(s), 0);
}

/* False: it has run to its end. */
static bool play(struct tracer *t, const void *arg, enum traced (*how)(struct tracer *t))
{
	const struct scene *scene = arg;
	struct rival rival = {.scene = scene};
	bool holds = scene->held, has;
	enum traced state;

	set_up();
	if (holds)
		REQUIRE_EQ(scene->next(s, 0), 0);
	tracer_fork(t, live, scene);
	tracer_go(t);
	do {
		state = how(t);
		if (state == TRACED_ASLEEP && holds && s->began) {
			test_sleep_ms(1);
			CHECK_EQ(scene->next_release(s), 0);
			holds = false;
		}
	} while (state == TRACED_ASLEEP);
	if (holds)
		CHECK_EQ(scene->next_release(s), 0);
	has = scene->next(s, 0) == -ETIMEDOUT;
	if (!has)
		CHECK_EQ(scene->next_release(s), 0);
	if (scene->waited) {
		REQUIRE_EQ(pthread_create(&rival.thread, NULL, compete, &rival), 0);
		test_sleep_ms(1);
	}
	if (state == TRACED_STOPPED)
		tracer_kill(t);
	check(scene, state == TRACED_STOPPED, has, &rival);
	return state == TRACED_STOPPED;
}

static void play_all(const struct scene *scene)
{
	/* Who has to wait passes by so many instructions that a third of them is looked at in each run. */
	size_t stride = STRIDE * (scene->held ? 3 : 1);

	s = test_memory(sizeof *s);
	CHECK(tracer_play_all(play, scene, stride) >= 30 / STRIDE);
}

TEST(locks_killed_with_a_lock)
{
	play_all(&(struct scene){take_lock, give_lock, next_lock, give_lock, .exact = true, .tells = true});
}

TEST(locks_killed_with_a_lock_that_is_waited_for)
{
	play_all(&(struct scene){take_lock, give_lock, next_lock, give_lock, .exact = true, .tells = true,
				 .waited = true});
}

TEST(locks_killed_waiting_for_a_lock)
{
	play_all(&(struct scene){take_lock, give_lock, next_lock, give_lock, .exact = true, .tells = true,
				 .held = true});
}

TEST(locks_killed_waiting_for_a_lock_like_another)
{
	play_all(&(struct scene){take_lock, give_lock, next_lock, give_lock, .exact = true, .tells = true,
				 .held = true, .waited = true});
}

TEST(locks_killed_with_a_rlock)
{
	play_all(&(struct scene){take_rlock, give_rlock, next_rlock, give_rlock_once, .exact = true,
				 .tells = true, .waited = true});
}

TEST(locks_killed_reading)
{
	play_all(&(struct scene){take_to_read, give_rw, next_writer, give_rw, .waited = true});
}

TEST(locks_killed_waiting_to_read)
{
	play_all(&(struct scene){take_to_read, give_rw, next_writer, give_rw, .held = true});
}

TEST(locks_killed_writing)
{
	play_all(
		&(struct scene){take_to_write, give_rw, next_writer, give_rw, .tells = true, .waited = true});
}

TEST(locks_killed_waiting_to_write)
{
	play_all(&(struct scene){take_to_write, give_rw, next_writer, give_rw, .tells = true, .held = true});
}

TEST(locks_killed_with_a_unit)
{
	play_all(&(struct scene){take_unit, give_unit, next_unit, give_unit, .held = false});
}

TEST(locks_killed_waiting_for_a_unit)
{
	play_all(&(struct scene){take_unit, give_unit, next_unit, give_unit, .held = true});
}
