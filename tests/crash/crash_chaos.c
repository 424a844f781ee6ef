/* SPDX-License-Identifier: MIT
 *
 * crash_chaos.c -- workers that write anything they like into the memory they share with the pool, while it
 * runs. The program goes on, every task has one outcome, and who is in another worker's lane notices nothing.
 *
 * What lies in the lane of such a worker can be harmed: its argument, its result, its outcome. From outside one
 * cannot tell which tasks these are, only that there are not many more than a lane has slots.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crash_kit.h"

enum { SQUARES = 600, ROUNDS = 48, LANE_SLOTS = 128, HEADS = 8192 };

enum chaos { ANYTHING, ANYTHING_IN_FRONT, SMALL_NUMBERS, BIG_NUMBERS, CHAOS_KINDS };

struct chaos_order {
	uint32_t kind, seed;
	uint32_t dies; /* afterwards */
};

/* The lane of this worker, as the kernel lists it. */
static bool find_lane(char **ret, size_t *ret_size)
{
	char line[512];
	unsigned long begin = 0, end = 0;
	FILE *f = fopen("/proc/self/maps", "re");
	while (f && fgets(line, sizeof line, f))
		if (strstr(line, "memfd:weft-lane") && sscanf(line, "%lx-%lx", &begin, &end) == 2)
			break;
	if (f)
		fclose(f);
	*ret = (char *)begin; /* NOLINT(performance-no-int-to-ptr) */
	*ret_size = end - begin;
	return begin != 0;
}

/* Words of the lane, here and there, for a fifth of a millisecond. */
static int chaos_fn(weft_call *call, const void *arg, void *result)
{
	struct chaos_order o = *(const struct chaos_order *)arg;
	weft_time end = weft_now() + WEFT_MS(1) / 5;
	char *lane;
	size_t size;
	(void)call, (void)result;
	if (!find_lane(&lane, &size))
		return -ENOENT;
	size_t reach = o.kind == ANYTHING || size < HEADS ? size : HEADS;
	do {
		uint32_t word = (uint32_t)rand_r(&o.seed);
		size_t at = (size_t)rand_r(&o.seed) % reach;
		if (o.kind == SMALL_NUMBERS)
			word %= 6; /* perhaps a state */
		else if (o.kind == BIG_NUMBERS)
			word |= 0xffff0000;
		if (o.kind >= SMALL_NUMBERS)
			at &= ~(size_t)3;
		memcpy(lane + at, &word, at + sizeof word <= size ? sizeof word : 1);
	} while (weft_now() < end);
	if (o.dies)
		kill(getpid(), SIGKILL);
	return 0;
}

static int slow_square_fn(weft_call *call, const void *arg, void *result)
{
	weft_time end = weft_now() + WEFT_MS(1) / 50;
	while (weft_now() < end)
		;
	return test_square_fn(call, arg, result);
}

static uint64_t in[SQUARES], out[SQUARES];
static weft_task square[SQUARES];

/* Some squares, and one chaos among them. Returns how many were harmed. */
static unsigned run_round(weft_executor *ex, const struct chaos_order *o)
{
	unsigned harmed = 0;
	weft_task chaos = {.fn = chaos_fn, .arg = o, .arg_size = sizeof *o};
	chaos.deadline = weft_after(WEFT_SECONDS(2));
	for (uint64_t i = 0; i < SQUARES; i++) {
		in[i] = i + 1;
		out[i] = 0;
		square[i] = (weft_task){.fn = slow_square_fn, .arg = &in[i], .arg_size = 8};
		square[i].result = &out[i];
		square[i].result_size = 8;
		square[i].deadline = chaos.deadline; /* a worker may well be stuck now */
		REQUIRE_EQ(weft_submit(ex, &square[i]), 0);
		if (i == SQUARES / 4)
			REQUIRE_EQ(weft_submit(ex, &chaos), 0);
	}
	test_wait(weft_task_future(&chaos));
	CHECK(weft_future_status(weft_task_future(&chaos)) != -ENOENT);
	for (uint64_t i = 0; i < SQUARES; i++) {
		weft_future *f = weft_task_future(&square[i]);
		test_wait(f);
		CHECK(weft_future_error(f) != NULL);
		harmed += weft_future_status(f) != 0 || out[i] != (i + 1) * (i + 1);
	}
	return harmed;
}

TEST(chaos_in_one_lane)
{
	size_t fds = crash_count_fds();
	weft_executor *ex = crash_open("processes:3,slot=1024");
	unsigned harmed = 0;
	crash_check_works(ex, 10);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct chaos_order o = {i % CHAOS_KINDS, 7 * i + 1, i / CHAOS_KINDS % 2};
		unsigned n = run_round(ex, &o);
		CHECK(n <= 2 * LANE_SLOTS);
		harmed += n;
	}
	struct weft_stats s = crash_stats(ex);
	CHECK_EQ(s.submitted, 10 + ROUNDS * (SQUARES + 1));
	CHECK_EQ(s.completed, s.submitted);
	printf("%u of %u tasks beside a worker gone mad were harmed; %u workers died\n", harmed,
	       ROUNDS * SQUARES, s.deaths);
	weft_executor_free(ex);
	CHECK_EQ(crash_count_fds(), fds);
}
