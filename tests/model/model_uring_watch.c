/* SPDX-License-Identifier: MIT
 *
 * model_uring_watch.c -- executors/uring_watch.c: the watcher and a lane. Which turn is told of, and by which name;
 * and that the watcher does not sleep on when a lane is awake, which is a deadlock to the checker.
 */
#include "model.h"
#include "own_thread.h"
#include "stats.h"
#include "uring_parts.h"

#include <errno.h>
#include <string.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static _Alignas(struct uring_pool) char memory[sizeof(struct uring_pool) + sizeof(struct uring_lane)];
static struct uring_pool *pool;
static struct uring_lane *lane;
static struct uring_fiber fiber;
static void *(*watch)(void *pool);
static atom_u32 bell;
static struct stats_row row;
static struct stats_executor shown;
static weft_executor executor;

/* ---- What the system does ---- */

int weft__thread_start(pthread_t *ret, void *(*fn)(void *), void *arg)
{
	(void)ret;
	model_assert(arg == pool);
	watch = fn;
	return 0;
}

int pthread_join(pthread_t thread, void **ret)
{
	(void)thread;
	(void)ret;
	return 0;
}

/* ---- Two tasks, which a fiber runs one after the other ---- */

static int first_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 1;
}

static int second_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 2;
}

static const weft_task first = {.fn = first_fn, .name = "first"};
static const weft_task second = {.fn = second_fn, .name = "second"};

enum { FIRST_TURN = UINT16_MAX, SECOND_TURN = 1 }; /* counts, of which the second is past the wrap */

static void tell(void *ctx, const struct weft_long_turn *turn)
{
	uint64_t count = lane->seen.turn & UINT16_MAX;
	const weft_task *t = count == FIRST_TURN ? &first : &second;

	(void)ctx;
	model_assert(count == FIRST_TURN || count == SECOND_TURN);
	model_assert(turn->fn == t->fn);
	model_assert(!strcmp(turn->task, t->name));
}

static void start(void)
{
	memset(memory, 0, sizeof memory);
	pool = (struct uring_pool *)(void *)memory;
	lane = &pool->lane[0];
	pool->n = 1;
	pool->opts.long_turn = 1;
	pool->opts.on_long_turn = tell;
	lane->pool = pool;
	lane->turn = FIRST_TURN - 1;
	lane->row = &row;
	pool->ex = &executor;
	executor.shown = &shown;
	row = (struct stats_row){0};
	fiber = (struct uring_fiber){.lane = lane};
	bell = 0;
	model_assert(uring_watch_start(pool) == 0);
	model_name(&pool->watch, "watch");
	model_name(&lane->turn, "turn");
	model_name(&lane->asleep, "asleep");
	model_name(&fiber.body, "body");
	model_name(&fiber.text, "text");
	model_name(&fiber.name[0], "name");
}

/* The page does not mix the two either. Words of different turns are told apart by their tags. */
static void check_page(void)
{
	uint64_t fn = row.ring.fn, name = row.ring.name, count = fn & UINT16_MAX;
	const weft_task *t = count == FIRST_TURN ? &first : &second;

	if (!(fn >> STATS_TAG_BITS) || (name & UINT16_MAX) != count)
		return;
	model_assert(fn >> STATS_TAG_BITS == (uintptr_t)t->fn);
	model_assert(name >> STATS_TAG_BITS == (uintptr_t)t->name);
}

THREAD(watcher)
{
	watch(pool);
	check_page();
}

static void run_turn(const weft_task *t)
{
	uring_watch_name(&fiber, t);
	uring_watch_turn(lane, &fiber);
}

THREAD(two_turns)
{
	run_turn(&first);
	uring_watch_turn(lane, NULL);
	run_turn(&second);
	uring_watch_end(pool);
}

/* One look, and one more: who is told of is the one that both have seen. */
MODEL(the_turn_that_was_long_is_named)
{
	start();
	model_timeouts(1);
	model_thread("watcher", watcher, NULL);
	model_thread("lane", two_turns, NULL);
	model_run();
}

/* A lane that has woken, and does no more for the watcher. */
THREAD(lane_wakes)
{
	atom_store(&lane->asleep, 0, relaxed);
	uring_watch_call(pool);
}

/* Who rings has said that it is awake. */
THREAD(lane_is_woken)
{
	while (!atom_load(&bell, acquire))
		weft__wait_thread(&bell, 0, WEFT_FOREVER, WEFT__PRIVATE);
	uring_watch_call(pool);
}

THREAD(ringer)
{
	atom_store(&lane->asleep, 0, relaxed);
	atom_store(&bell, 1, release);
	weft__wake(&bell, 1, WEFT__PRIVATE);
}

/* It must not go on for ever. */
THREAD(sleeper)
{
	uring_watch_sleep(pool);
}

MODEL(a_lane_that_wakes_ends_the_watchers_sleep)
{
	start();
	lane->asleep = 1;
	model_thread("watcher", sleeper, NULL);
	model_thread("lane", lane_wakes, NULL);
	model_run();
}

MODEL(a_lane_that_is_woken_ends_the_watchers_sleep)
{
	start();
	lane->asleep = 1;
	model_thread("watcher", sleeper, NULL);
	model_thread("lane", lane_is_woken, NULL);
	model_thread("ringer", ringer, NULL);
	model_run();
}

THREAD(end)
{
	uring_watch_end(pool);
}

MODEL(the_end_ends_the_watchers_sleep)
{
	start();
	model_timeouts(2);
	lane->asleep = 1;
	model_thread("watcher", watcher, NULL);
	model_thread("end", end, NULL);
	model_thread("lane", lane_wakes, NULL);
	model_run();
}
