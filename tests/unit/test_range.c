/* SPDX-License-Identifier: MIT
 *
 * test_range.c -- rows of units: how a loop is cut into them, at the edges of both; how they are taken; and
 * that each goes to one thread.
 */
#include "range.h"

#include <pthread.h>
#include <stdlib.h>

#include "harness.h"

static void check_units(size_t n, size_t grain)
{
	struct weft__units u = weft__units_of(n, grain);
	size_t last = weft__unit_at(&u, u.count - 1);

	CHECK_EQ(u.n, n);
	CHECK(u.count >= 1);
	CHECK_EQ(u.per_call, grain ? grain : SIZE_MAX);
	CHECK(u.per_unit >= 1 && u.per_unit <= n);
	CHECK(u.per_call >= n || u.per_unit % u.per_call == 0);
	CHECK(last < n && n - last <= u.per_unit); /* neither too few units nor too many */
	CHECK_EQ(weft__unit_at(&u, 0), 0);
	CHECK_EQ(weft__unit_at(&u, u.count), n);
	for (uint32_t i = 1; i < 4 && i < u.count; i++)
		CHECK_EQ(weft__unit_at(&u, i) - weft__unit_at(&u, i - 1), u.per_unit);
}

TEST(units_at_the_edges)
{
	static const size_t edges[] = {1, 2, 3, 100, UINT32_MAX, SIZE_MAX / 3, SIZE_MAX / 2, SIZE_MAX};

	for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
		for (size_t n = edges[i] - 1; n - edges[i] + 1 < 3; n++) {
			for (size_t k = 0; n && k < sizeof edges / sizeof *edges; k++) {
				check_units(n, edges[k]);
				check_units(n, edges[k] - 1);
				if (edges[k] != SIZE_MAX)
					check_units(n, edges[k] + 1);
			}
		}
	}
}

TEST(units_are_indices_while_there_are_enough)
{
	const size_t most = UINT32_MAX;
	struct weft__units u = weft__units_of(most, 0);

	CHECK_EQ(u.per_unit, 1);
	CHECK_EQ(u.count, most);
	u = weft__units_of(most, 1);
	CHECK_EQ(u.per_unit, 1);
	CHECK_EQ(u.count, most);
	u = weft__units_of(10, 100);
	CHECK_EQ(u.count, 1);
	CHECK_EQ(weft__unit_at(&u, 1), 10);
	if (sizeof(size_t) < 8)
		return;
	u = weft__units_of(most + 1, 0);
	CHECK_EQ(u.per_unit, 2);
	CHECK_EQ(u.count, UINT32_C(1) << 31);
	u = weft__units_of(7 * most, 7);
	CHECK_EQ(u.per_unit, 7);
	CHECK_EQ(u.count, most);
	u = weft__units_of(7 * most + 1, 7);
	CHECK_EQ(u.per_unit, 14);
}

/* From the front by the owner, small ones at the end; the back half by others. */
static void check_taking(uint32_t base)
{
	struct weft__range r;
	uint32_t at = 0;

	weft__range_set(&r, base, base + 100);
	CHECK_EQ(weft__range_look(&r, &at), 100);
	CHECK_EQ(at, base);
	CHECK_EQ(weft__range_take(&r, 0, &at), 0);
	CHECK_EQ(weft__range_take(&r, 7, &at), 7);
	CHECK_EQ(at, base);
	CHECK_EQ(weft__range_steal(&r, &at), 47);
	CHECK_EQ(at, base + 53);
	CHECK_EQ(weft__range_take(&r, UINT32_MAX, &at), 12);
	CHECK_EQ(at, base + 7);
	CHECK_EQ(weft__range_look(&r, &at), 34);
	for (uint32_t next = base + 19, n; (n = weft__range_take(&r, 100, &at)); next += n) {
		CHECK_EQ(at, next);
		CHECK(n <= (base + 53 - next + 3) / 4);
	}
	CHECK_EQ(weft__range_look(&r, &at), 0);
	CHECK_EQ(at, base + 53);
	CHECK_EQ(weft__range_steal(&r, &at), 0);
	weft__range_set(&r, base, base + 1);
	CHECK_EQ(weft__range_steal(&r, &at), 1);
	CHECK_EQ(at, base);
	CHECK_EQ(weft__range_take(&r, 1, &at), 0);
}

TEST(range_takes_and_steals)
{
	check_taking(0);
	check_taking(12345);
	check_taking((uint32_t)INT32_MAX - 50);
	check_taking(UINT32_MAX - 100);
}

TEST(range_of_all_numbers)
{
	struct weft__range r;
	uint32_t at = 0;

	weft__range_set(&r, 0, UINT32_MAX);
	CHECK_EQ(weft__range_look(&r, &at), UINT32_MAX);
	CHECK_EQ(weft__range_take(&r, UINT32_MAX, &at), UINT32_C(1) << 30);
	CHECK_EQ(at, 0);
	CHECK_EQ(weft__range_steal(&r, &at), UINT32_C(3) << 29);
	CHECK_EQ(at, UINT32_MAX - (UINT32_C(3) << 29));
	CHECK_EQ(weft__range_look(&r, &at), (UINT32_C(3) << 29) - 1);
	CHECK_EQ(at, UINT32_C(1) << 30);
}

TEST(range_lies_alone)
{
	struct weft__range r[2];

	CHECK_EQ(sizeof r[0], 128);
	CHECK_EQ((uintptr_t)&r[1] % 128, 0);
}

/* ---- Pace ---- */

TEST(pace_grows_while_pieces_are_short)
{
	struct weft__pace p = WEFT__PACE_START;

	for (uint32_t units = 1; units < 100; units *= 2) {
		CHECK_EQ(p.units, units);
		CHECK_EQ(p.pieces, 1);
		weft__pace_adapt(&p, 100, 100);
	}
	CHECK_EQ(p.units, 100);
	for (int i = 0; i < 10; i++)
		weft__pace_adapt(&p, 100, 100);
	CHECK_EQ(p.units, 100);
	CHECK_EQ(p.pieces, 8);
	weft__pace_adapt(&p, 50000, 100);
	CHECK_EQ(p.units, 100);
	CHECK_EQ(p.pieces, 8);
	p = (struct weft__pace){UINT32_MAX - 1, 1};
	weft__pace_adapt(&p, 0, UINT32_MAX);
	CHECK_EQ(p.units, UINT32_MAX);
}

TEST(pace_falls_at_once)
{
	struct weft__pace p = {1000, 8};

	weft__pace_adapt(&p, 8 * 1000 * 1000, 1000); /* 1 us each */
	CHECK_EQ(p.units, 50);
	CHECK_EQ(p.pieces, 1);
	weft__pace_adapt(&p, INT64_MAX, 1000);
	CHECK_EQ(p.units, 1);
	weft__pace_adapt(&p, 200 * 1000, 1000);
	CHECK_EQ(p.units, 1);
	p = (struct weft__pace){16, 8}; /* many that were short, together long: fewer, but no shorter */
	weft__pace_adapt(&p, 110 * 1000, 16);
	CHECK_EQ(p.units, 16);
	CHECK_EQ(p.pieces, 1);
	p = (struct weft__pace){UINT32_MAX, 8};
	weft__pace_adapt(&p, 101 * 1000, UINT32_MAX);
	CHECK_EQ(p.units, UINT32_MAX);
}

TEST(pace_of_rows)
{
	uint32_t last = 1;

	CHECK_EQ(weft__pace_most(1), 1);
	CHECK_EQ(weft__pace_most(1u << 30), 1u << 22);
	for (uint32_t row = 1; row < 1u << 30; row += row / 3 + 1) {
		uint32_t most = weft__pace_most(row);

		CHECK(most >= last);
		CHECK(most == 1 || row / most >= 32);
		CHECK(most <= 16 || row / most >= 256);
		last = most;
	}
}

/* ---- Threads ---- */

enum { UNITS = 3000000, THREADS = 4, ROUNDS = 3 };

struct crew {
	struct weft__range row[THREADS];
	uint32_t base, started, taken;
	uint8_t *count;
};

struct member {
	struct crew *c;
	uint32_t stolen, took;
	unsigned seed;
};

static uint32_t steal(struct member *m, uint32_t me)
{
	struct weft__range *from = &m->c->row[(unsigned)rand_r(&m->seed) % THREADS];
	uint32_t at, n = from == &m->c->row[me] ? 0 : weft__range_steal(from, &at);

	if (n) {
		weft__range_set(&m->c->row[me], at, at + n);
		m->stolen++;
	}
	return n;
}

static void *work(void *arg)
{
	struct member *m = arg;
	struct crew *c = m->c;
	uint32_t me = test_add(&c->started, 1) - 1, at, n;

	while (test_get(&c->taken) < UNITS) {
		while ((n = weft__range_take(&c->row[me], 1 + (unsigned)rand_r(&m->seed) % 16, &at))) {
			for (uint32_t i = at; i < at + n; i++)
				c->count[i - c->base]++; /* a race, if it is another's too */
			m->took += n;
			test_add(&c->taken, n);
		}
		steal(m, me);
	}
	return NULL;
}

/* As many as there are, from the first number on, and up to the last. */
static void check_crew(uint32_t base, unsigned round)
{
	static struct crew c;
	struct member m[THREADS] = {{0}};
	pthread_t thread[THREADS];
	uint32_t took = 0, wrong = 0;

	c.base = base;
	c.started = c.taken = 0;
	c.count = calloc(UNITS, 1);
	REQUIRE(c.count);
	for (int i = 0; i < THREADS; i++)
		weft__range_set(&c.row[i], base, i ? base : base + UNITS);
	for (unsigned i = 0; i < THREADS; i++) {
		m[i].c = &c;
		m[i].seed = round * THREADS + i;
		REQUIRE_EQ(pthread_create(&thread[i], NULL, work, &m[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		took += m[i].took;
	}
	for (uint32_t i = 0; i < UNITS; i++)
		wrong += c.count[i] != 1;
	CHECK_EQ(took, UNITS);
	CHECK_EQ(wrong, 0);
	free(c.count);
}

TEST(range_each_unit_goes_to_one)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		check_crew(0, i);
}

TEST(range_each_unit_goes_to_one_at_the_end_of_numbers)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		check_crew(UINT32_MAX - UNITS, i);
}
