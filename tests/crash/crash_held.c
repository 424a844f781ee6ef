/* SPDX-License-Identifier: MIT
 *
 * crash_held.c -- a process that holds a shared lock is killed after each single instruction of weft's while it takes
 * the lock, puts into a queue, and gives it up: the kernel tells of both, of the lock by the thread's list, of the
 * queue by what is pending beside it. Alone: crash_locks.c, crash_queue.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/lock.h>
#include <weft/queue.h>

#include "crash_tracer.h"
#include "harness.h"

#if TEST_SLOW_BUILD
enum { STRIDE = 17 };
#else
enum { STRIDE = 1 };
#endif

/* In the queue's region. */
struct shared {
	weft_lock outer, inner;
	uint32_t holds; /* outer, from before the put until after it */
};

static weft_region *region;
static weft_queue *q;
static struct shared *shared;

static void set_up(void)
{
	struct weft_queue_opts o = {.size = sizeof o, .capacity = 4, .message_size = sizeof(uint64_t)};

	REQUIRE_EQ(weft_region_new(&region, NULL), 0);
	REQUIRE_EQ(weft_region_alloc(region, sizeof *shared, (void **)&shared), 0);
	memset(shared, 0, sizeof *shared);
	REQUIRE_EQ(weft_lock_init(&shared->outer, WEFT_SHARED), 0);
	REQUIRE_EQ(weft_lock_init(&shared->inner, WEFT_SHARED), 0);
	o.region = region;
	REQUIRE_EQ(weft_queue_new(&q, &o), 0);
}

static void take_down(void)
{
	CHECK_EQ(weft_queue_free(q), 0);
	CHECK_EQ(weft_region_free(region), 0);
}

static void put_while_holding(const void *arg)
{
	(void)arg;
	if (weft_lock_acquire(&shared->outer, WEFT_FOREVER))
		_exit(1);
	test_set(&shared->holds, 1);
	if (weft_queue_put(q, &(uint64_t){1}, sizeof(uint64_t), WEFT_FOREVER) ||
	    weft_lock_acquire(&shared->inner, WEFT_FOREVER) ||
	    weft_queue_put(q, &(uint64_t){2}, sizeof(uint64_t), WEFT_FOREVER) ||
	    weft_lock_release(&shared->inner))
		_exit(1);
	test_set(&shared->holds, 0);
	_exit(weft_lock_release(&shared->outer) != 0);
}

/* Was its holder's death told? */
static bool next_is_told(weft_lock *l)
{
	int err = weft_lock_acquire(l, test_soon());

	CHECK(!err || err == -EOWNERDEAD);
	CHECK_EQ(weft_lock_release(l), 0);
	return err == -EOWNERDEAD;
}

/* Both are there for the next one. Returns whether both words were marked. */
static bool check(bool killed)
{
	bool outer = next_is_told(&shared->outer), inner = next_is_told(&shared->inner);
	struct weft_queue_usage now;
	uint64_t got, last = 0;

	CHECK(killed || (!outer && !inner));
	CHECK(outer || !test_get(&shared->holds));
	CHECK(outer || !inner);
	CHECK_EQ(weft_queue_put(q, &(uint64_t){3}, sizeof got, test_soon()), 0);
	while (weft_queue_try_get(q, &got, sizeof got) == sizeof got) {
		CHECK(got > last);
		last = got;
	}
	CHECK_EQ(last, 3);
	REQUIRE_EQ(weft_queue_stats(q, &now), 0);
	CHECK(now.deaths <= (outer ? 1 : 0));
	return outer && now.deaths;
}

static size_t both; /* deaths with either marked */

/* False: it has run to its end. */
static bool play(struct tracer *t, const void *scene, enum traced (*how)(struct tracer *t))
{
	enum traced state;

	(void)scene; /* there is one */
	set_up();
	tracer_fork(t, put_while_holding, NULL);
	tracer_go(t);
	do
		state = how(t);
	while (state == TRACED_ASLEEP);
	if (state == TRACED_STOPPED)
		tracer_kill(t);
	both += check(state == TRACED_STOPPED);
	take_down();
	return state == TRACED_STOPPED;
}

TEST(held_while_killed_putting)
{
	CHECK(tracer_play_all(play, NULL, STRIDE) >= 200 / STRIDE);
	printf("with both at %zu\n", both);
	CHECK(both >= 30 / STRIDE);
}

/* ---- In a program's own sandbox ---- */

static void die_in_a_sandbox(bool lock_first)
{
	uint64_t msg = 1;
	int err = 0;

	if (!test_deny(SYS_get_robust_list, EPERM))
		_exit(77);
	if (lock_first)
		err = weft_lock_acquire(&shared->outer, WEFT_FOREVER);
	err = err ? err : weft_queue_put(q, &msg, sizeof msg, WEFT_FOREVER);
	if (!lock_first)
		err = err ? err : weft_lock_acquire(&shared->outer, WEFT_FOREVER);
	_exit(err ? 1 : 0);
}

TEST(held_where_the_list_may_not_be_asked_for)
{
	for (int lock_first = 0; lock_first < 2; lock_first++) {
		int status;
		pid_t pid;

		set_up();
		pid = fork();
		if (!pid)
			die_in_a_sandbox(lock_first);
		REQUIRE_EQ(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			SKIP("no seccomp filters here");
		CHECK_EQ(status, 0);
		CHECK_EQ(weft_lock_acquire(&shared->outer, test_soon()), -EOWNERDEAD);
		CHECK_EQ(weft_lock_release(&shared->outer), 0);
		take_down();
	}
}
