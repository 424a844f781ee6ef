/* SPDX-License-Identifier: MIT
 *
 * test_spin.c -- looking before sleeping: it ends, it is held back while it is in vain, and comes back in
 * full when it would have paid.
 */
#include <pthread.h>
#include <sched.h>

#include "harness.h"

#include "spin.h"

#define LONG_AGO WEFT_SECONDS(100)

static void need_two_processors(void)
{
	if (weft_cpu_count() < 2)
		SKIP("with one processor nobody looks");
}

/* One look, in vain. Returns how many turns it had. */
static unsigned look_in_vain(struct weft__spinner *s)
{
	struct weft__spin spin = {0};
	weft_time most = s->most ? s->most : WEFT__SPIN_MAX, begun = weft_now();
	unsigned turns = 0;
	int64_t before = s->held_back;

	while (weft__spin(s, &spin) && weft_now() - begun < WEFT_SECONDS(10))
		turns++;
	CHECK(weft_now() - begun < WEFT_SECONDS(1));
	if (turns) {
		CHECK(spin.shared || weft_now() - begun >= most - before); /* not before its time */
		CHECK(s->held_back > before);
	} else {
		CHECK_EQ(s->held_back, before);
		CHECK_EQ(spin.until, 0);
	}
	return turns;
}

static void hold_back(struct weft__spinner *s)
{
	int looks = 0;

	while (looks < 30 && look_in_vain(s))
		looks++;
	CHECK(looks > 0);
	CHECK(looks < 30);
	CHECK_EQ(look_in_vain(s), 0);
	CHECK_EQ(look_in_vain(s), 0);
}

TEST(vain_looks_are_held_back)
{
	struct weft__spinner s = {0};

	need_two_processors();
	hold_back(&s);
	CHECK(s.held_back > 0);
	CHECK(s.held_back <= WEFT__SPIN_MAX);
}

TEST(a_win_gives_it_back)
{
	struct weft__spinner s = {0};
	struct weft__spin spin = {0};

	need_two_processors();
	look_in_vain(&s);
	CHECK(s.held_back > 0);
	/* Without having looked it has not won by looking. */
	CHECK(weft__spin_won(&s, &spin));
	CHECK(s.held_back > 0);
	CHECK(weft__spin(&s, &spin));
	CHECK(weft__spin_won(&s, &spin));
	CHECK_EQ(s.held_back, 0);
	CHECK(look_in_vain(&s) > 0);
}

TEST(a_short_sleep_gives_it_back)
{
	struct weft__spinner s = {.most = WEFT_MS(900)};
	weft_time since = weft__spin_asleep(&s);

	CHECK(since > 0);
	s.held_back = s.most;
	weft__spin_awake(&s, since - LONG_AGO);
	CHECK_EQ(s.held_back, s.most);
	weft__spin_awake(&s, since);
	if (weft_now() - since < s.most)
		CHECK_EQ(s.held_back, 0);
	s = (struct weft__spinner){.held_back = 7}; /* the same with the usual time */
	weft__spin_awake(&s, weft_now() - LONG_AGO);
	CHECK_EQ(s.held_back, 7);
	weft__spin_awake(&s, weft_now() + 1);
	CHECK_EQ(s.held_back, 0);
}

TEST(never_is_never)
{
	struct weft__spinner s = {.most = -1};
	struct weft__spin spin = {0};

	weft__spin_full(&s, &spin);
	CHECK_EQ(spin.until, 0);
	for (int i = 0; i < 10; i++)
		CHECK(!weft__spin(&s, &spin));
	CHECK_EQ(spin.turns, 0);
	CHECK_EQ(weft__spin_asleep(&s), 0);
	weft__spin_awake(&s, 0);
	CHECK(weft__spin_won(&s, &spin));
	CHECK_EQ(s.held_back, 0);
	CHECK(!weft__spin(&s, &spin));
}

TEST(in_full_whatever_it_paid)
{
	struct weft__spinner s = {0};
	struct weft__spin spin = {0};
	weft_time begun;

	need_two_processors();
	hold_back(&s);
	begun = weft_now();
	weft__spin_full(&s, &spin);
	CHECK(spin.until >= begun + WEFT__SPIN_MAX);
	CHECK(weft__spin(&s, &spin));
	while (weft__spin(&s, &spin) && weft_now() - begun < WEFT_SECONDS(10))
		;
	CHECK(spin.shared || weft_now() - begun >= WEFT__SPIN_MAX);
	CHECK(weft_now() - begun < WEFT_SECONDS(1));
	CHECK_EQ(look_in_vain(&s), 0); /* it has not won anything */
}

TEST(its_own_time)
{
	struct weft__spinner s = {.most = WEFT_MS(20)};

	need_two_processors();
	CHECK(look_in_vain(&s) > 0);
	CHECK_EQ(s.held_back, WEFT_MS(10));
	CHECK(look_in_vain(&s) > 0);
	CHECK_EQ(s.held_back, WEFT_MS(15));
	hold_back(&s);
	s = (struct weft__spinner){.most = 1000};
	hold_back(&s);
}

static void *keep_busy(void *stop)
{
	while (!test_get(stop))
		sched_yield();
	return NULL;
}

/* Two that look from one processor would only hand it to one another. */
TEST(a_shared_processor_is_left)
{
	struct weft__spinner s = {.most = WEFT_SECONDS(100)};
	struct weft__spin spin = {0};
	uint32_t stop = 0;
	pthread_t other;
	cpu_set_t one;

	need_two_processors();
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	REQUIRE(weft__spin(&s, &spin)); /* it asks how many processors there are */
	REQUIRE_EQ(pthread_setaffinity_np(pthread_self(), sizeof one, &one), 0);
	REQUIRE_EQ(pthread_create(&other, NULL, keep_busy, &stop), 0);
	while (weft__spin(&s, &spin)) {}
	CHECK(spin.shared);
	weft__spin_won(&s, &spin);
	spin = (struct weft__spin){0};
	CHECK(!weft__spin(&s, &spin)); /* the next time it sleeps at once */
	weft__spin_awake(&s, weft__spin_asleep(&s));
	CHECK(weft__spin(&s, &spin));
	test_set(&stop, 1);
	pthread_join(other, NULL);
}
