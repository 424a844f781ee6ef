/* SPDX-License-Identifier: MIT */
#include "context.h"
#include "harness.h"
#include "stack.h"

#include <fenv.h>
#include <string.h>
#ifdef __GLIBC__
#include <execinfo.h>
#endif

static struct weft__context outside, inside, other;
static char trace[64];
static struct weft__stacks stacks;

void weft__context_entry(void);

static void note(char c)
{
	trace[strlen(trace)] = c;
}

static void open_context(struct weft__context *c, void (*entry)(void *arg), void *arg)
{
	struct weft__stack stack;

	if (!stacks.size)
		weft__stacks_init(&stacks, WEFT__STACK_SIZE_DEFAULT);
	REQUIRE_EQ(weft__stack_new(&stacks, &stack), 0);
	weft__context_adopt(&outside);
	weft__context_init(c, stack.low, stack.size, entry, arg);
}

static void close_context(struct weft__context *c)
{
	weft__context_fini(c);
}

static void say_three_times(void *arg)
{
	for (int i = 0; i < 3; i++) {
		note(*(char *)arg);
		weft__context_switch(&inside, &outside);
	}
	weft__context_leave(&inside, &outside);
}

TEST(a_switch_comes_back_where_it_left)
{
	char letter = 'b';

	open_context(&inside, say_three_times, &letter);
	for (int i = 0; i < 3; i++) {
		note('a');
		weft__context_switch(&outside, &inside);
	}
	weft__context_switch(&outside, &inside);
	CHECK(!strcmp(trace, "ababab"));
	close_context(&inside);
	weft__stacks_fini(&stacks);
}

static void to_other(void *arg)
{
	note(*(char *)arg);
	weft__context_switch(&inside, &other);
	note(*(char *)arg);
	weft__context_leave(&inside, &outside);
}

static void from_other(void *arg)
{
	note(*(char *)arg);
	weft__context_leave(&other, &inside);
}

TEST(a_context_may_switch_to_any_other)
{
	char one = '1', two = '2';

	open_context(&inside, to_other, &one);
	open_context(&other, from_other, &two);
	weft__context_switch(&outside, &inside);
	CHECK(!strcmp(trace, "121"));
	close_context(&inside);
	close_context(&other);
	weft__stacks_fini(&stacks);
}

/* More values at once than there are registers that a call keeps, so those are all in use. */
static void juggle(struct weft__context *me, struct weft__context *you, uint64_t seed, uint64_t *ret)
{
	uint64_t v[12];
	double d = (double)seed;

	for (size_t i = 0; i < 12; i++)
		v[i] = seed * (i + 1);
	for (int round = 0; round < 1000; round++) {
		uint64_t a = v[0], b = v[1], c = v[2], e = v[3], f = v[4], g = v[5], h = v[6];

		d += 0.5;
		weft__context_switch(me, you);
		v[0] = b + 1, v[1] = c ^ a, v[2] = e + b, v[3] = f ^ c, v[4] = g + e, v[5] = h ^ f,
		v[6] = a + g;
	}
	*ret = v[0] ^ v[1] ^ v[2] ^ v[3] ^ v[4] ^ v[5] ^ v[6] ^ (uint64_t)d;
}

static uint64_t inner;

static void juggle_inside(void *arg)
{
	juggle(&inside, &outside, *(uint64_t *)arg, &inner);
	weft__context_leave(&inside, &outside);
}

/* The same calculation without anybody in between. */
static void idle_inside(void *arg)
{
	(void)arg;
	for (;;)
		weft__context_switch(&inside, &outside);
}

TEST(a_switch_keeps_registers)
{
	uint64_t seed = 0x9e3779b97f4a7c15u, mixed, alone;

	open_context(&inside, juggle_inside, &seed);
	juggle(&outside, &inside, 77, &mixed);
	weft__context_switch(&outside, &inside);
	close_context(&inside);
	open_context(&inside, idle_inside, NULL);
	juggle(&outside, &inside, seed, &alone);
	CHECK_EQ(inner, alone);
	juggle(&outside, &inside, 77, &alone);
	CHECK_EQ(mixed, alone);
	close_context(&inside);
	weft__stacks_fini(&stacks);
}

static int rounding[3];

static void round_up(void *arg)
{
	(void)arg;
	rounding[0] = fegetround();
	fesetround(FE_UPWARD);
	weft__context_switch(&inside, &outside);
	rounding[1] = fegetround();
	weft__context_leave(&inside, &outside);
}

TEST(each_context_has_its_own_rounding)
{
	fesetround(FE_DOWNWARD);
	open_context(&inside, round_up, NULL);
	fesetround(FE_TOWARDZERO);
	weft__context_switch(&outside, &inside);
	CHECK_EQ(fegetround(), FE_TOWARDZERO);
	weft__context_switch(&outside, &inside);
	CHECK_EQ(fegetround(), FE_TOWARDZERO);
	CHECK_EQ(rounding[0], FE_DOWNWARD); /* of who made it */
	CHECK_EQ(rounding[1], FE_UPWARD);
	close_context(&inside);
	weft__stacks_fini(&stacks);
}

#ifndef __GLIBC__ /* nobody else has it */
static int backtrace(void **ret, int n)
{
	(void)ret, (void)n;
	return 0;
}
#endif

static void *frames[32];
static int n_frames;

static __attribute__((noinline)) void look_up(int depth)
{
	if (depth)
		look_up(depth - 1);
	else
		n_frames = backtrace(frames, 32);
	note('.');
}

static void look_up_inside(void *arg)
{
	(void)arg;
	look_up(3);
	weft__context_leave(&inside, &outside);
}

TEST(a_backtrace_ends_at_the_entry)
{
	uintptr_t end = (uintptr_t)weft__context_entry, last;

	if (TEST_UNDER_TSAN)
		SKIP("its backtrace is another");
	if (!backtrace(frames, 1)) /* loads what it needs, on a large stack */
		SKIP("no backtrace in this C library");
	open_context(&inside, look_up_inside, NULL);
	weft__context_switch(&outside, &inside);
	REQUIRE(n_frames >= 5 && n_frames < 32);
	last = (uintptr_t)frames[n_frames - 1];
	CHECK(last > end && last < end + 32);
	close_context(&inside);
	weft__stacks_fini(&stacks);
}
