/* SPDX-License-Identifier: MIT
 *
 * test_event.c -- weft_event between threads and processes.
 */
#include <errno.h>
#include <weft/event.h>

#include "sync_kit.h"

struct scene {
	weft_event e;
	uint32_t waiting;
};

TEST(zeros_are_not_set)
{
	static weft_event e;

	CHECK_EQ(weft_event_is_set(&e), 0);
	CHECK_EQ(weft_event_wait(&e, 0), -ETIMEDOUT);
	CHECK_EQ(weft_event_wait(&e, weft_after(WEFT_MS(5))), -ETIMEDOUT);
	CHECK_EQ(weft_event_set(&e), 0);
	CHECK_EQ(weft_event_is_set(&e), 1);
	CHECK_EQ(weft_event_set(&e), 0);
	CHECK_EQ(weft_event_wait(&e, WEFT_FOREVER), 0);
	CHECK_EQ(weft_event_wait(&e, 0), 0);
	CHECK_EQ(weft_event_clear(&e), 0);
	CHECK_EQ(weft_event_clear(&e), 0);
	CHECK_EQ(weft_event_is_set(&e), 0);
	CHECK_EQ(weft_event_wait(&e, 0), -ETIMEDOUT);
}

TEST(wrong_arguments)
{
	weft_event e;

	CHECK_EQ(weft_event_init(NULL, 0), -EINVAL);
	CHECK_EQ(weft_event_init(&e, 8), -EINVAL);
	CHECK_EQ(weft_event_set(NULL), -EINVAL);
	CHECK_EQ(weft_event_clear(NULL), -EINVAL);
	CHECK_EQ(weft_event_is_set(NULL), -EINVAL);
	CHECK_EQ(weft_event_wait(NULL, 0), -EINVAL);
}

static int wait_once(void *arg)
{
	struct scene *s = arg;

	test_add(&s->waiting, 1);
	return weft_event_wait(&s->e, test_soon());
}

/* Cleared at once, but whoever slept is released. */
static void pulse(unsigned flags, unsigned threads, unsigned processes)
{
	struct scene *s = test_memory(sizeof *s);
	struct sync_crowd crowd;

	REQUIRE_EQ(weft_event_init(&s->e, flags), 0);
	for (int i = 0; i < 5; i++) {
		s->waiting = 0;
		sync_start(&crowd, wait_once, s, threads, processes);
		REQUIRE(test_await(&s->waiting, threads + processes));
		test_sleep_ms(20);
		CHECK_EQ(weft_event_set(&s->e), 0);
		CHECK_EQ(weft_event_clear(&s->e), 0);
		sync_join(&crowd);
		CHECK_EQ(weft_event_is_set(&s->e), 0);
	}
}

TEST(a_pulse_releases_all_threads)
{
	pulse(0, 4, 0);
}

TEST(a_pulse_releases_all_processes)
{
	pulse(WEFT_SHARED, 2, 3);
}
