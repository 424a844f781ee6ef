/* SPDX-License-Identifier: MIT
 *
 * test_queue_crowd.c -- queues among threads and forks, some of which die.
 */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/queue.h>

#include "queue_kit.h"
#include "queue_parts.h"
#include "robust.h"

/* ---- Threads ---- */

static void *get_one_thread(void *q)
{
	uint64_t x = 0;
	ssize_t n = weft_queue_get(q, &x, sizeof x, test_soon());

	return (void *)(uintptr_t)(n == sizeof x ? x : (uint64_t)n);
}

static void *put_one_thread(void *q)
{
	return (void *)(intptr_t)weft_queue_put(q, &(uint64_t){9}, 8, test_soon());
}

/* Until that many have gone to sleep at least. */
static void await_sleeps(const weft_queue *q, int side, uint64_t n)
{
	for (int i = 0; i < 5000; i++) {
		struct weft_queue_usage s = stats(q);

		if ((side == PUT ? s.put_sleeps : s.get_sleeps) >= n)
			return;
		test_sleep_ms(1);
	}
	CHECK(false && "somebody sleeps");
}

static intptr_t joined(pthread_t t)
{
	void *ret;

	REQUIRE_EQ(pthread_join(t, &ret), 0);
	return (intptr_t)ret;
}

TEST(close_wakes_all_getters)
{
	weft_queue *q = queue(4, 8, 0);
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		REQUIRE_EQ(pthread_create(&t[i], NULL, get_one_thread, q), 0);
	await_sleeps(q, GET, 3);
	CHECK_EQ(weft_queue_close(q), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(joined(t[i]), -EPIPE);
	CHECK_EQ(weft_queue_free(q), 0);
}

TEST(close_wakes_all_putters)
{
	weft_queue *q = queue(1, 8, 0);
	pthread_t t[3];

	CHECK_EQ(put(q, 1), 0);
	for (int i = 0; i < 3; i++)
		REQUIRE_EQ(pthread_create(&t[i], NULL, put_one_thread, q), 0);
	await_sleeps(q, PUT, 3);
	CHECK_EQ(weft_queue_close(q), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(joined(t[i]), -EPIPE);
	CHECK_EQ(get(q), 1);
	CHECK_EQ(get(q), -EPIPE);
	CHECK_EQ(weft_queue_free(q), 0);
}

/* Two sleep, and two messages come at once: the first to be woken wakes the other. */
TEST(woken_wake_others)
{
	weft_queue *q = queue(4, 8, 0);
	uint64_t two[] = {5, 6};
	pthread_t t[2];

	for (int round = 0; round < 20; round++) {
		uint64_t before = stats(q).get_sleeps;
		weft_time begun;

		for (int i = 0; i < 2; i++)
			REQUIRE_EQ(pthread_create(&t[i], NULL, get_one_thread, q), 0);
		await_sleeps(q, GET, before + 2);
		begun = weft_now();
		CHECK_EQ(weft_queue_put_many(q, two, 8, 2, 0), 2);
		CHECK_EQ(joined(t[0]) + joined(t[1]), 11);
		CHECK(weft_now() - begun < WEFT_SECONDS(10));
	}
	CHECK_EQ(weft_queue_free(q), 0);
}

enum { MIXED_PUTTERS = 2, MIXED_GETTERS = 2, MIXED_EACH = TEST_SLOW_BUILD ? 5000 : 50000 };

struct mixed {
	weft_queue *q;
	unsigned number;
	uint64_t sum, bad;
};

static void *mixed_put(void *ctx)
{
	struct mixed *m = ctx;
	uint64_t x[2] = {m->number, 0};

	for (uint64_t i = 1; i <= MIXED_EACH; i++) {
		x[1] = i;
		m->bad += weft_queue_put(m->q, x, 8 + i % 9, test_soon()) != 0;
		m->sum += i % 9 == 8 ? i : 0;
	}
	return NULL;
}

/* Those of one putter come in their order. */
static void *mixed_get(void *ctx)
{
	struct mixed *m = ctx;
	uint64_t last[MIXED_PUTTERS] = {0}, x[2];
	ssize_t n;

	while ((n = weft_queue_get(m->q, x, sizeof x, test_soon())) >= 0) {
		if (n != 16)
			continue;
		m->bad += x[0] >= MIXED_PUTTERS || x[1] <= last[x[0]];
		last[x[0] % MIXED_PUTTERS] = x[1];
		m->sum += x[1];
	}
	m->bad += n != -EPIPE;
	return NULL;
}

TEST(threads_put_and_get)
{
	weft_queue *q = queue(7, 16, 0);
	struct mixed m[MIXED_PUTTERS + MIXED_GETTERS];
	pthread_t t[MIXED_PUTTERS + MIXED_GETTERS];
	uint64_t sums[2] = {0};

	for (unsigned i = 0; i < MIXED_PUTTERS + MIXED_GETTERS; i++) {
		m[i] = (struct mixed){.q = q, .number = i};
		REQUIRE_EQ(pthread_create(&t[i], NULL, i < MIXED_PUTTERS ? mixed_put : mixed_get, &m[i]), 0);
	}
	for (unsigned i = 0; i < MIXED_PUTTERS + MIXED_GETTERS; i++) {
		if (i == MIXED_PUTTERS)
			CHECK_EQ(weft_queue_close(q), 0);
		pthread_join(t[i], NULL);
		CHECK_EQ(m[i].bad, 0);
		sums[i >= MIXED_PUTTERS] += m[i].sum;
	}
	CHECK_EQ(sums[0], sums[1]);
	CHECK_EQ(stats(q).puts, MIXED_PUTTERS * MIXED_EACH);
	CHECK_EQ(stats(q).gets, MIXED_PUTTERS * MIXED_EACH);
	CHECK_EQ(weft_queue_free(q), 0);
}

/* ---- Forks ---- */

TEST(forks_put_and_get)
{
	weft_queue *q = queue(16, 8, 0);
	uint64_t x, sum = 0;
	int status;
	pid_t pid[2];

	for (int i = 0; i < 2; i++) {
		pid[i] = fork(); /* -1 fails below */
		for (x = 1; !pid[i] && x <= 1000; x++)
			if (weft_queue_put(q, &x, sizeof x, WEFT_FOREVER))
				_exit(1);
		if (!pid[i])
			_exit(0);
	}
	for (int i = 0; i < 2000; i++) {
		REQUIRE_EQ(weft_queue_get(q, &x, sizeof x, test_soon()), 8);
		sum += x;
	}
	CHECK_EQ(sum, 1001000);
	for (int i = 0; i < 2; i++) {
		REQUIRE_EQ(waitpid(pid[i], &status, 0), pid[i]);
		CHECK_EQ(status, 0);
	}
	CHECK_EQ(weft_queue_free(q), 0);
}

TEST(forks_may_not_free)
{
	weft_queue *q = queue(4, 8, 0);
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(weft_queue_free(q) == -ECHILD && weft_queue_new(&q, NULL) == -ENOTSUP ? 0 : 1);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(weft_queue_free(q), 0);
}

TEST(in_a_region_of_the_caller)
{
	struct weft_queue_opts o = {.size = sizeof o};
	struct weft_region_usage before, after;
	weft_queue *q[3];

	REQUIRE_EQ(weft_region_new(&o.region, NULL), 0);
	weft_region_stats(o.region, &before);
	for (int i = 0; i < 3; i++) {
		REQUIRE_EQ(weft_queue_new(&q[i], &o), 0);
		CHECK_EQ(put(q[i], 7), 0);
	}
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(get(q[i]), 7);
		CHECK_EQ(weft_queue_free(q[i]), 0);
		CHECK_EQ(weft_queue_free(q[i]), -EINVAL);
	}
	weft_region_stats(o.region, &after);
	CHECK_EQ(before.blocks, after.blocks);
	/* The memory was another's before. */
	REQUIRE_EQ(weft_queue_new(&q[0], &o), 0);
	CHECK_EQ(get(q[0]), -EAGAIN);
	CHECK_EQ(weft_queue_free(q[0]), 0);
	CHECK_EQ(weft_region_free(o.region), 0);
}

/* ---- Deaths, by hand; at each instruction: crash_queue.c ---- */

/* A process dies that has the lock of that side, and has done what fn does under it. */
static void die_with_lock(weft_queue *q, int side, void (*fn)(weft_queue *q))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct weft__holder *me = weft__holder_listed();
		bool died;

		weft__robust_watch(me, &q->map.ring->side[side].lock);
		if (weft__robust_try(me, &q->map.ring->side[side].lock, &died)) {
			fn(q);
			raise(SIGKILL);
		}
		_exit(1);
	}
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
}

static void do_nothing(weft_queue *q)
{
	(void)q;
}

static void put_three(weft_queue *q)
{
	uint64_t old = atom_load(&q->map.ring->side[PUT].end, relaxed), x[] = {1, 2, 3};

	weft__ring_put(&q->map, (char *)x, 8, 3);
	atom_store(&q->map.ring->side[PUT].end, old, relaxed); /* as if he had not come to it */
	atom_store(&q->map.ring->side[PUT].total, 0, relaxed);
}

TEST(dead_holders_are_followed)
{
	weft_queue *q = queue(8, 8, 0);

	for (int side = PUT; side <= GET; side++)
		die_with_lock(q, side, do_nothing);
	CHECK_EQ(put(q, 7), 0);
	CHECK_EQ(get(q), 7);
	CHECK_EQ(get(q), -EAGAIN);
	CHECK_EQ(stats(q).deaths, 2);
	CHECK_EQ(weft_queue_free(q), 0);
}

TEST(what_the_dead_has_put_is_there)
{
	weft_queue *q = queue(8, 8, 0);

	die_with_lock(q, PUT, put_three);
	CHECK_EQ(get(q), 1); /* before anybody repairs: the end lies in front of it */
	CHECK_EQ(weft_queue_count(q), 0);
	CHECK_EQ(put(q, 4), 0);
	CHECK_EQ(weft_queue_count(q), 3);
	for (uint64_t i = 2; i <= 4; i++)
		CHECK_EQ(get(q), i);
	CHECK_EQ(get(q), -EAGAIN);
	CHECK_EQ(stats(q).puts, 4);
	CHECK_EQ(stats(q).gets, 4);
	CHECK_EQ(weft_queue_free(q), 0);
}
