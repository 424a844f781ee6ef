/* SPDX-License-Identifier: MIT
 *
 * test_bias.c -- the lock that is cheap for its owner: nobody is inside together with another, whoever they
 * are; the bias goes when a stranger comes, and comes back.
 */
#include "harness.h"

#include <sched.h>

#include "bias.h"

enum { CALM_MOST = 1 << 16 }; /* entries after which the owner may expect to be alone again */

/* Counted in plain words, both inside the lock: a reader that finds them different has company. */
struct shop {
	struct weft__bias bias;
	uint64_t first, last;
	atom_u32 entries; /* of the owner, for strangers to time their visits by */
	atom_u32 stop, torn;
};

static void visit(struct shop *s)
{
	uint64_t before = s->first++;

	for (unsigned i = 0; i < before % 8; i++)
		atom_pause();
	if (s->last++ != before)
		atom_add(&s->torn, 1, relaxed);
}

/* True: as somebody who is alone. */
static bool visit_as_owner(struct shop *s)
{
	bool biased = weft__bias_enter(&s->bias);

	visit(s);
	weft__bias_leave(&s->bias, biased);
	atom_add(&s->entries, 1, relaxed);
	return biased;
}

struct stranger {
	struct shop *shop;
	pthread_t thread;
	uint32_t seed;
	uint64_t visits;
};

/* Comes, mostly after the owner has had the time to get the bias back; now and then several times. */
static void *be_stranger(void *arg)
{
	struct stranger *s = arg;

	while (!atom_load(&s->shop->stop, relaxed)) {
		uint32_t seen = atom_load(&s->shop->entries, relaxed);

		s->seed = s->seed * 1664525 + 1013904223;
		while (s->seed >> 31 && atom_load(&s->shop->entries, relaxed) - seen < s->seed >> 20 &&
		       !atom_load(&s->shop->stop, relaxed))
			sched_yield();
		if (s->seed >> 30 & 1)
			weft__bias_lock(&s->shop->bias);
		else if (!weft__bias_trylock(&s->shop->bias))
			continue;
		visit(s->shop);
		weft__bias_unlock(&s->shop->bias);
		s->visits++;
	}
	return NULL;
}

static void check_exclusion(unsigned strangers)
{
	static struct shop s;
	struct stranger who[3];
	uint64_t entries = TEST_UNDER_TSAN ? 200000 : 2000000, alone = 0, sum = entries;

	s = (struct shop){.first = 0};
	for (unsigned i = 0; i < strangers; i++) {
		who[i] = (struct stranger){.shop = &s, .seed = i + 1};
		REQUIRE_EQ(pthread_create(&who[i].thread, NULL, be_stranger, &who[i]), 0);
	}
	for (uint64_t i = 0; i < entries; i++)
		alone += visit_as_owner(&s);
	atom_store(&s.stop, 1, relaxed);
	for (unsigned i = 0; i < strangers; i++) {
		pthread_join(who[i].thread, NULL);
		CHECK(who[i].visits > 0);
		sum += who[i].visits;
	}
	CHECK_EQ(atom_load(&s.torn, relaxed), 0);
	CHECK_EQ(s.first, sum);
	CHECK_EQ(s.last, sum);
	CHECK(alone > 0);
	CHECK(alone < entries);
}

TEST(exclusion_of_one_stranger)
{
	check_exclusion(1);
}

TEST(exclusion_of_two_strangers)
{
	check_exclusion(2);
}

TEST(exclusion_of_three_strangers)
{
	check_exclusion(3);
}

/* How often the owner has to take the lock before he is alone again. */
static uint32_t entries_until_alone(struct shop *s)
{
	uint32_t n = 0;

	while (!visit_as_owner(s) && n < CALM_MOST)
		n++;
	return n;
}

static void come_by(struct shop *s)
{
	weft__bias_lock(&s->bias);
	visit(s);
	weft__bias_unlock(&s->bias);
}

TEST(bias_goes_and_comes_back)
{
	struct shop s = {.first = 0};

	for (int i = 0; i < 100; i++)
		CHECK(visit_as_owner(&s));
	for (int round = 0; round < 3; round++) {
		uint32_t calm;

		come_by(&s);
		calm = entries_until_alone(&s);
		CHECK(calm > 0);
		CHECK(calm < CALM_MOST);
		for (int i = 0; i < 100; i++)
			CHECK(visit_as_owner(&s));
		/* A stranger in between: the owner has to be patient from the start. */
		come_by(&s);
		for (uint32_t i = 0; i < calm / 2; i++)
			CHECK(!visit_as_owner(&s));
		come_by(&s);
		CHECK_EQ(entries_until_alone(&s), calm);
	}
	CHECK_EQ(atom_load(&s.torn, relaxed), 0);
	CHECK_EQ(s.first, s.last);
}

/* ---- Ownership that goes round ---- */

enum { OWNERS = 3, TERMS = 3000 };

struct term {
	struct shop *shop;
	atom_u32 *turn;
	uint32_t me;
	pthread_t thread;
	uint64_t visits;
};

/* Owns the lock whenever it is his turn, for a while that ends biased, shared, or right after a stranger. */
static void *own_in_turn(void *arg)
{
	struct term *t = arg;

	for (uint32_t term = t->me; term < TERMS; term += OWNERS) {
		while (atom_load(t->turn, acquire) != term)
			sched_yield();
		for (uint32_t i = 0; i < 1 + term * 37 % 1200; i++, t->visits++)
			visit_as_owner(t->shop);
		atom_store(t->turn, term + 1, release);
	}
	return NULL;
}

TEST(ownership_changes_hands)
{
	static struct shop s;
	static atom_u32 turn;
	struct term t[OWNERS];
	struct stranger who = {.shop = &s, .seed = 5};
	uint64_t sum = 0;

	for (uint32_t i = 0; i < OWNERS; i++) {
		t[i] = (struct term){.shop = &s, .turn = &turn, .me = i};
		REQUIRE_EQ(pthread_create(&t[i].thread, NULL, own_in_turn, &t[i]), 0);
	}
	REQUIRE_EQ(pthread_create(&who.thread, NULL, be_stranger, &who), 0);
	for (uint32_t i = 0; i < OWNERS; i++) {
		pthread_join(t[i].thread, NULL);
		sum += t[i].visits;
	}
	atom_store(&s.stop, 1, relaxed);
	pthread_join(who.thread, NULL);
	CHECK_EQ(atom_load(&s.torn, relaxed), 0);
	CHECK_EQ(s.first, sum + who.visits);
	CHECK_EQ(s.last, sum + who.visits);
}

/* ---- trylock ---- */

/* Another thread, which enters as the owner and tells that it is through. */
struct knock {
	struct shop *shop;
	atom_u32 through;
	bool biased;
};

static void *knock(void *arg)
{
	struct knock *k = arg;

	k->biased = visit_as_owner(k->shop);
	atom_store(&k->through, 1, release);
	return NULL;
}

static void *try_as_stranger(void *arg)
{
	struct shop *s = arg;
	bool in = weft__bias_trylock(&s->bias);

	if (in)
		weft__bias_unlock(&s->bias);
	return in ? arg : NULL;
}

static bool a_stranger_gets_in(struct shop *s)
{
	pthread_t thread;
	void *in;

	REQUIRE_EQ(pthread_create(&thread, NULL, try_as_stranger, s), 0);
	pthread_join(thread, &in);
	return in;
}

TEST(trylock)
{
	struct shop s = {.first = 0};
	struct knock k = {.shop = &s};
	pthread_t thread;
	bool biased;

	CHECK(visit_as_owner(&s));
	REQUIRE(weft__bias_trylock(&s.bias));
	CHECK(!a_stranger_gets_in(&s));
	REQUIRE_EQ(pthread_create(&thread, NULL, knock, &k), 0);
	for (int i = 0; i < 20; i++) {
		test_sleep_ms(1);
		CHECK_EQ(atom_load(&k.through, acquire), 0); /* nor does the owner */
	}
	weft__bias_unlock(&s.bias);
	pthread_join(thread, NULL);
	CHECK_EQ(k.through, 1);
	CHECK(!k.biased);
	CHECK(a_stranger_gets_in(&s));
	biased = weft__bias_enter(&s.bias); /* with the lock, since a stranger was here */
	CHECK(!biased);
	CHECK(!a_stranger_gets_in(&s));
	weft__bias_leave(&s.bias, biased);
	CHECK(a_stranger_gets_in(&s));
}

/* A stranger that comes while the owner is inside without the lock waits for him to leave. */
static void *lock_as_stranger(void *arg)
{
	struct knock *k = arg;

	weft__bias_lock(&k->shop->bias);
	visit(k->shop);
	atom_store(&k->through, 1, release);
	weft__bias_unlock(&k->shop->bias);
	return NULL;
}

TEST(a_stranger_waits_for_the_owner)
{
	struct shop s = {.first = 0};

	for (int round = 0; round < 20; round++) {
		struct knock k = {.shop = &s};
		pthread_t thread;
		bool biased;

		entries_until_alone(&s);
		biased = weft__bias_enter(&s.bias);
		CHECK(biased);
		REQUIRE_EQ(pthread_create(&thread, NULL, lock_as_stranger, &k), 0);
		test_sleep_ms(2);
		CHECK_EQ(atom_load(&k.through, acquire), 0);
		visit(&s);
		weft__bias_leave(&s.bias, biased);
		pthread_join(thread, NULL);
		CHECK_EQ(k.through, 1);
	}
	CHECK_EQ(atom_load(&s.torn, relaxed), 0);
}
