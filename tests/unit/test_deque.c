/* SPDX-License-Identifier: MIT
 *
 * test_deque.c -- the split deque: who may take what, and that each child goes to exactly one.
 */
#include "deque.h"
#include "harness.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

enum { ITEMS = 64, THIEVES = 3 };

/* The deque never looks at a child, so any address will do. */
static uint64_t item[ITEMS];

static struct weft_child *child(size_t i)
{
	return (struct weft_child *)(void *)&item[i];
}

static void push(struct weft__deque *d, size_t first, size_t n)
{
	for (size_t i = first; i < first + n; i++) {
		uint32_t place = d->head;
		CHECK_EQ(weft__deque_push(d, child(i)), place);
		CHECK_EQ(d->head, place + 1);
	}
}

TEST(a_closed_one)
{
	struct weft__deque d;
	memset(&d, 0, sizeof d);
	CHECK(!weft__deque_calm(&d));
	CHECK(weft__deque_full(&d));
	CHECK(!weft__deque_stealable(&d));
	CHECK(!weft__deque_steal(&d));
	weft__deque_hungry(&d);
	weft__deque_share_all(&d);
	weft__deque_feed(&d);
	weft__deque_close(&d);
	CHECK(weft__deque_full(&d));
}

TEST(open_and_close)
{
	struct weft__deque d;
	memset(&d, 0, sizeof d);
	for (int i = 0; i < 3; i++) {
		REQUIRE_EQ(weft__deque_open(&d), 0);
		CHECK(weft__deque_calm(&d));
		push(&d, 0, 3);
		CHECK(weft__deque_newest(&d) == child(2));
		weft__deque_close(&d);
		CHECK(weft__deque_full(&d));
		CHECK(!weft__deque_steal(&d));
	}
}

TEST(the_last_place)
{
	struct weft__deque d;
	memset(&d, 0, sizeof d);
	REQUIRE_EQ(weft__deque_open(&d), 0);
	while (weft__deque_calm(&d))
		weft__deque_push(&d, child(d.head % ITEMS));
	CHECK(weft__deque_full(&d));
	CHECK_EQ(d.head, WEFT__DEQUE_PLACES);
	weft__deque_share_all(&d);
	for (uint32_t i = 0; i < WEFT__DEQUE_PLACES; i++) {
		if (weft__deque_steal(&d) != child(i % ITEMS))
			REQUIRE_EQ(i, -1);
	}
	CHECK(!weft__deque_steal(&d));
	CHECK(!weft__deque_pop(&d));
	while (d.head)
		weft__deque_pop_stolen(&d);
	CHECK(weft__deque_calm(&d));
	weft__deque_close(&d);
}

TEST(what_is_private_cannot_be_stolen)
{
	struct weft__deque d;
	struct weft_child *slots[ITEMS];
	memset(&d, 0, sizeof d);
	weft__deque_init(&d, slots, ITEMS);
	push(&d, 0, 4);
	CHECK(!weft__deque_stealable(&d));
	CHECK(!weft__deque_steal(&d));
	for (uint32_t i = 4; i-- > 0;) {
		CHECK(weft__deque_newest(&d) == child(i));
		CHECK(!weft__deque_pop_calmly(&d, i + 1));
		CHECK(!weft__deque_pop_calmly(&d, i - 1));
		CHECK(weft__deque_pop_calmly(&d, i));
	}
	CHECK_EQ(d.head, 0);
}

TEST(half_is_shared_the_oldest_first)
{
	struct weft__deque d;
	struct weft_child *slots[ITEMS];
	memset(&d, 0, sizeof d);
	weft__deque_init(&d, slots, ITEMS);
	CHECK(!weft__deque_share(&d));
	push(&d, 0, 5);
	CHECK(weft__deque_share(&d)); /* three, of an odd number the larger part */
	CHECK(weft__deque_stealable(&d));
	CHECK(weft__deque_steal(&d) == child(0));
	CHECK(weft__deque_steal(&d) == child(1));
	CHECK(weft__deque_pop(&d)); /* 4, private */
	CHECK(weft__deque_pop(&d)); /* 3, private */
	CHECK(!weft__deque_pop_calmly(&d, 2));
	CHECK(weft__deque_pop(&d)); /* 2, taken back */
	CHECK(!weft__deque_steal(&d));
	CHECK(!weft__deque_pop(&d)); /* 1 was stolen */
	weft__deque_pop_stolen(&d);
	push(&d, 10, 1);
	CHECK(weft__deque_share(&d)); /* one is enough */
	CHECK(weft__deque_steal(&d) == child(10));
	CHECK(!weft__deque_pop(&d));
	weft__deque_pop_stolen(&d);
	CHECK(!weft__deque_pop(&d));
	weft__deque_pop_stolen(&d);
	CHECK_EQ(d.head, 0);
}

TEST(the_owner_takes_half_back)
{
	struct weft__deque d;
	struct weft_child *slots[ITEMS];
	memset(&d, 0, sizeof d);
	weft__deque_init(&d, slots, ITEMS);
	push(&d, 0, 8);
	weft__deque_share_all(&d);
	CHECK(weft__deque_steal(&d) == child(0));
	CHECK(weft__deque_pop(&d)); /* 7; of 1 to 7 the newer four are private now */
	CHECK_EQ(d.split, 4);
	for (size_t i = 1; i < 4; i++)
		CHECK(weft__deque_steal(&d) == child(i));
	CHECK(!weft__deque_steal(&d));
	for (int i = 0; i < 3; i++)
		CHECK(weft__deque_pop(&d));
	CHECK(!weft__deque_pop(&d));
}

static uint32_t meals;

static bool fed(void *ctx)
{
	meals++;
	return *(bool *)ctx;
}

TEST(hunger_is_seen_and_stilled)
{
	struct weft__deque d;
	struct weft_child *slots[ITEMS];
	bool still = false;
	memset(&d, 0, sizeof d);
	weft__deque_init(&d, slots, ITEMS);
	d.fed = fed;
	d.fed_ctx = &still;
	weft__deque_feed(&d);
	CHECK_EQ(meals, 0);
	weft__deque_hungry(&d);
	CHECK(!weft__deque_calm(&d));
	CHECK(!weft__deque_full(&d));
	weft__deque_feed(&d); /* nothing to share: stays hungry */
	CHECK_EQ(meals, 0);
	CHECK(!weft__deque_calm(&d));
	push(&d, 0, 2);
	CHECK(!weft__deque_pop_calmly(&d, 1));
	weft__deque_feed(&d);
	CHECK_EQ(meals, 1);
	CHECK(weft__deque_calm(&d));
	CHECK(weft__deque_steal(&d) == child(0));
	still = true;
	weft__deque_hungry(&d);
	weft__deque_feed(&d);
	CHECK_EQ(meals, 2);
	CHECK(!weft__deque_calm(&d));
}

/* An owner that does as spawn.c does, without the children, and thieves: each item is taken once. */
struct crowd {
	struct weft__deque deque;
	struct weft_child *slots[ITEMS];
	struct {
		atom_u32 turn; /* the last one that was stolen and is done */
		uint32_t mine; /* the present one: written by the owner, read by a thief */
	} place[ITEMS];
	atom_u32 stop, wrong, stolen;
};

static void *steal_all(void *arg)
{
	struct crowd *c = arg;
	while (!atom_load(&c->stop, acquire)) {
		struct weft_child *got = weft__deque_steal(&c->deque);
		size_t i = (size_t)((uint64_t *)(void *)got - item);
		if (!got) {
			weft__deque_hungry(&c->deque);
			sched_yield();
			continue;
		}
		/* Plain: the steal orders it. The store lets the owner go on. */
		if (atom_load(&c->place[i].turn, relaxed) == c->place[i].mine)
			atom_add(&c->wrong, 1, relaxed);
		atom_add(&c->stolen, 1, relaxed);
		atom_store(&c->place[i].turn, c->place[i].mine, release);
	}
	return NULL;
}

static void pop_one(struct crowd *c)
{
	size_t i = (size_t)((uint64_t *)(void *)weft__deque_newest(&c->deque) - item);
	if (weft__deque_pop(&c->deque)) {
		weft__deque_feed(&c->deque);
		/* Nobody else may have had it. */
		if (atom_load(&c->place[i].turn, acquire) == c->place[i].mine)
			atom_add(&c->wrong, 1, relaxed);
		return;
	}
	while (atom_load(&c->place[i].turn, acquire) != c->place[i].mine)
		sched_yield();
	weft__deque_pop_stolen(&c->deque);
}

TEST(each_goes_to_one)
{
	static struct crowd c;
	pthread_t thief[THIEVES];
	unsigned rounds = TEST_UNDER_TSAN ? 30000 : 300000, seed = 1;
	uint32_t turn = 0;
	weft__deque_init(&c.deque, c.slots, ITEMS);
	for (int i = 0; i < THIEVES; i++)
		REQUIRE_EQ(pthread_create(&thief[i], NULL, steal_all, &c), 0);
	for (unsigned i = 0; i < rounds || atom_load(&c.stolen, relaxed) < rounds / 100; i++) {
		if (i % 1024 == 0)
			sched_yield();
		seed = seed * 1103515245 + 12345;
		if ((seed >> 16) % 8 < (i & 1024 ? 5U : 3U) && !weft__deque_full(&c.deque)) {
			c.place[c.deque.head].mine = ++turn;
			weft__deque_push(&c.deque, child(c.deque.head));
			weft__deque_feed(&c.deque);
		} else if (c.deque.head) {
			pop_one(&c);
		}
	}
	while (c.deque.head)
		pop_one(&c);
	atom_store(&c.stop, 1, release);
	for (int i = 0; i < THIEVES; i++)
		pthread_join(thief[i], NULL);
	CHECK_EQ(atom_load(&c.wrong, relaxed), 0);
	CHECK(!weft__deque_stealable(&c.deque));
}
