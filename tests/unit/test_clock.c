/* SPDX-License-Identifier: MIT
 *
 * test_clock.c -- deadlines: their sums and their form for system calls.
 */
#include "harness.h"

#include "clock.h"

static bool is(struct timespec ts, time_t sec, long nsec)
{
	return ts.tv_sec == sec && ts.tv_nsec == nsec;
}

TEST(now_is_clock_monotonic)
{
	struct timespec before, after;
	clock_gettime(CLOCK_MONOTONIC, &before);
	weft_time now = weft_now();
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK(now >= WEFT_SECONDS(before.tv_sec) + before.tv_nsec);
	CHECK(now <= WEFT_SECONDS(after.tv_sec) + after.tv_nsec);
}

TEST(now_never_goes_back)
{
	weft_time last = weft_now();
	for (int i = 0; i < 100000; i++) {
		weft_time now = weft_now();
		REQUIRE(now >= last);
		last = now;
	}
}

TEST(after_adds)
{
	weft_time before = weft_now();
	weft_time t = weft_after(WEFT_MS(100)), past = weft_after(-WEFT_MS(100));
	weft_time after = weft_now();
	CHECK(t >= before + WEFT_MS(100) && t <= after + WEFT_MS(100));
	CHECK(past >= before - WEFT_MS(100) && past <= after - WEFT_MS(100));
}

TEST(after_is_held_within_bounds)
{
	CHECK_EQ(weft_after(WEFT_FOREVER), WEFT_FOREVER);
	CHECK_EQ(weft_after(WEFT_FOREVER - 1), WEFT_FOREVER);
	CHECK(weft_after(INT64_MIN) < 0);
	CHECK(weft_after(-WEFT_FOREVER) < 0);
}

TEST(timespec_splits_and_clips)
{
	CHECK(is(weft__timespec(0), 0, 0));
	CHECK(is(weft__timespec(1), 0, 1));
	CHECK(is(weft__timespec(999999999), 0, 999999999));
	CHECK(is(weft__timespec(WEFT_SECONDS(1)), 1, 0));
	CHECK(is(weft__timespec(WEFT_SECONDS(7) + WEFT_MS(5)), 7, 5000000));
	CHECK(is(weft__timespec(WEFT_FOREVER), 9223372036, 854775807));
	CHECK(is(weft__timespec(-1), 0, 0));
	CHECK(is(weft__timespec(INT64_MIN), 0, 0));
}
