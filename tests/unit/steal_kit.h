/* SPDX-License-Identifier: MIT
 *
 * steal_kit.h -- a pool of threads that does nothing but steal, for test_spawn.c and test_steal.c.
 */
#ifndef TESTS_STEAL_KIT_H
#define TESTS_STEAL_KIT_H

#include "harness.h"
#include "steal.h"
#include "wait.h"

#include <sched.h>
#include <string.h>

enum { WORKERS_MAX = 8 };

/* Worker 0 is the main thread of the test. */
static struct {
	struct weft__deque deque[WORKERS_MAX];
	pthread_t thread[WORKERS_MAX];
	unsigned n;
	atom_u32 stop, stolen, wrong;
} pool;

static _Thread_local unsigned me;

static bool steal_from(unsigned victim)
{
	struct weft_child *c = weft__deque_steal(&pool.deque[victim]);

	if (!c) {
		weft__deque_hungry(&pool.deque[victim]);
		return false;
	}
	atom_add(&pool.stolen, 1, relaxed);
	weft__spawn_run_stolen(c, weft__deque_own);
	if (weft_current()) /* that of the child is no longer there */
		atom_add(&pool.wrong, 1, relaxed);
	return true;
}

static void *worker_main(void *arg)
{
	me = (unsigned)(uintptr_t)arg;
	weft__deque_own = &pool.deque[me];
	for (unsigned i = me; !atom_load(&pool.stop, acquire); i++) {
		if (i % pool.n == me || !steal_from(i % pool.n))
			sched_yield();
	}
	return NULL;
}

static void pool_begin(unsigned n)
{
	memset(&pool, 0, sizeof pool);
	pool.n = n;
	for (unsigned i = 0; i < n; i++)
		REQUIRE_EQ(weft__deque_open(&pool.deque[i]), 0);
	weft__deque_own = &pool.deque[0];
	for (uintptr_t i = 1; i < n; i++)
		REQUIRE_EQ(pthread_create(&pool.thread[i], NULL, worker_main, (void *)i), 0);
}

static void pool_end(void)
{
	atom_store(&pool.stop, 1, release);
	for (unsigned i = 1; i < pool.n; i++)
		pthread_join(pool.thread[i], NULL);
	CHECK_EQ(atom_load(&pool.wrong, relaxed), 0);
	for (unsigned i = 0; i < pool.n; i++) {
		CHECK_EQ(pool.deque[i].head, 0);
		CHECK(!weft__deque_stealable(&pool.deque[i]));
		weft__deque_close(&pool.deque[i]);
	}
	weft__deque_own = &weft__deque_none;
}

/* 20 s at most, as everything here. */
static inline bool await(atom_u32 *word, uint32_t value)
{
	weft_time soon = test_soon();

	while (atom_load(word, acquire) < value && weft_now() < soon)
		sched_yield();
	return atom_load(word, acquire) >= value;
}

/* A child that takes part in a play: it says that it has begun, and ends when it is told. */
struct actor {
	weft_child child;
	atom_u32 begun, end, runs;
	unsigned on; /* which worker */
	bool ok;
};

static inline void act(void *ctx)
{
	struct actor *a = ctx;

	a->on = me;
	atom_add(&a->runs, 1, relaxed);
	atom_store(&a->begun, 1, release);
	a->ok = await(&a->end, 1);
}

/* Spawns it, shares all, and waits until somebody has it. */
static inline bool have_stolen(struct actor *a, void (*fn)(void *ctx))
{
	weft_spawn(&a->child, fn, a);
	weft__deque_share_all(weft__deque_own);
	return await(&a->begun, 1);
}

#endif
