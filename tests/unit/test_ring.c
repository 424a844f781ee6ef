/* SPDX-License-Identifier: MIT
 *
 * test_ring.c -- the queue in an array, against one that is an array and nothing else: whatever is pushed,
 * popped, taken out of the middle and closed up, both say the same; also where positions wrap.
 */
#include "harness.h"

#include <string.h>

#include "ring.h"

enum { TASKS = 40, CELLS_MOST = 16 };

struct model {
	struct weft__ring ring;
	weft_task *cell[CELLS_MOST];
	weft_task task[TASKS];
	/* What there should be, oldest first: which task at which position. */
	unsigned which[CELLS_MOST];
	uint32_t at[CELLS_MOST];
	unsigned n;
	bool in[TASKS];
	uint32_t seed;
};

static uint32_t draw(struct model *m, uint32_t n)
{
	m->seed = m->seed * 1664525 + 1013904223;
	return (m->seed >> 8) % n;
}

static void model_init(struct model *m, uint32_t cells, uint32_t start)
{
	*m = (struct model){.seed = cells + start};
	m->ring = (struct weft__ring){.cell = m->cell, .mask = cells - 1, .head = start, .tail = start};
}

static void check_same(const struct model *m)
{
	const struct weft__ring *r = &m->ring;
	unsigned seen = 0;

	REQUIRE_EQ(r->n, m->n);
	REQUIRE(r->tail - r->head <= r->mask + 1);
	if (!m->n)
		REQUIRE_EQ(r->head, r->tail);
	for (uint32_t at = r->head; at != r->tail; at++) {
		const weft_task *t = weft__ring_at(r, at);

		if (!t) {
			REQUIRE(at != r->head && at + 1 != r->tail); /* holes are inside only */
			continue;
		}
		REQUIRE(seen < m->n);
		REQUIRE(t == &m->task[m->which[seen]]);
		REQUIRE_EQ(at, m->at[seen]);
		seen++;
	}
	REQUIRE_EQ(seen, m->n);
	REQUIRE(!weft__ring_at(r, r->head - 1));
	REQUIRE(!weft__ring_at(r, r->tail));
	for (uint32_t i = r->tail; i - r->head <= r->mask; i++)
		REQUIRE(!*weft__ring_cell(r, i));
}

static void forget(struct model *m, unsigned i)
{
	m->in[m->which[i]] = false;
	m->n--;
	memmove(&m->which[i], &m->which[i + 1], (m->n - i) * sizeof m->which[0]);
	memmove(&m->at[i], &m->at[i + 1], (m->n - i) * sizeof m->at[0]);
}

static void push(struct model *m)
{
	uint32_t at = 0, span = m->n ? m->ring.tail - m->at[0] : 0;
	bool room = weft__ring_next(&m->ring, &at);
	unsigned t;

	CHECK_EQ(room, span <= m->ring.mask);
	if (!room)
		return;
	do
		t = draw(m, TASKS);
	while (m->in[t]);
	if (m->n)
		CHECK_EQ(at, m->at[m->n - 1] + 1);
	weft__ring_push(&m->ring, &m->task[t]);
	m->in[t] = true;
	m->which[m->n] = t;
	m->at[m->n++] = at;
}

static void pop(struct model *m)
{
	const weft_task *expected = m->n ? &m->task[m->which[0]] : NULL;

	REQUIRE(weft__ring_pop(&m->ring) == expected);
	if (expected)
		forget(m, 0);
}

static void remove_some(struct model *m)
{
	unsigned i;

	if (!m->n)
		return;
	i = draw(m, m->n);
	CHECK(weft__ring_has(&m->ring, m->at[i], &m->task[m->which[i]]));
	weft__ring_remove(&m->ring, m->at[i]);
	forget(m, i);
}

static void look(struct model *m)
{
	unsigned t = draw(m, TASKS);
	uint32_t at = 77, wrong = draw(m, UINT32_MAX);

	CHECK_EQ(weft__ring_find(&m->ring, &m->task[t], &at), m->in[t]);
	if (!m->in[t])
		CHECK_EQ(at, 77);
	for (unsigned i = 0; i < m->n; i++) {
		if (m->which[i] == t)
			CHECK_EQ(at, m->at[i]);
		CHECK_EQ(weft__ring_has(&m->ring, m->at[i], &m->task[t]), m->which[i] == t);
		if (m->at[i] != wrong)
			CHECK(!weft__ring_has(&m->ring, wrong, &m->task[m->which[i]]));
	}
}

/* Notes the new positions, in the order in which it hears of them. */
static unsigned heard;

static void moved(void *ctx, weft_task *t, uint32_t at)
{
	struct model *m = ctx;

	if (heard < m->n && t == &m->task[m->which[heard]])
		m->at[heard++] = at;
	else
		heard = UINT32_MAX / 2;
}

static void compact(struct model *m)
{
	uint32_t head = m->ring.head;

	heard = 0;
	weft__ring_compact(&m->ring, moved, m);
	REQUIRE_EQ(heard, m->n);
	for (unsigned i = 0; i < m->n; i++)
		CHECK_EQ(m->at[i], head + i);
	CHECK_EQ(m->ring.tail - m->ring.head, m->n);
}

static void walk(uint32_t cells, uint32_t start)
{
	static struct model m;

	model_init(&m, cells, start);
	for (uint32_t step = 0; step < 4000; step++) {
		uint32_t what = draw(&m, 16), tail = m.ring.tail;
		bool was_empty = !m.n;

		if (what < 7 - step / 500 % 3)
			push(&m);
		else if (what < 10)
			pop(&m);
		else if (what < 13)
			remove_some(&m);
		else if (what < 15)
			look(&m);
		else
			compact(&m);
		check_same(&m);
		if (!m.n && !was_empty) {
			/* It starts again at the first cell, a lap later or less, at a new position. */
			CHECK_EQ(m.ring.head & m.ring.mask, 0);
			CHECK(m.ring.head - tail <= m.ring.mask + 1);
		}
	}
}

TEST(random_walks)
{
	walk(1, 0);
	walk(2, 0);
	walk(4, 0);
	walk(16, 0);
}

/* A few laps before the positions wrap, so that they do. */
TEST(random_walks_where_positions_wrap)
{
	for (uint32_t before = 0; before < 40; before += 3) {
		walk(1, 0 - before);
		walk(8, 0 - before);
		walk(16, 0 - before * 3);
	}
}

TEST(a_ring_of_one)
{
	static struct model m;

	model_init(&m, 1, UINT32_MAX - 3);
	for (int i = 0; i < 10; i++) {
		push(&m);
		check_same(&m);
		push(&m); /* refused */
		check_same(&m);
		CHECK_EQ(m.n, 1);
		if (i % 2)
			pop(&m);
		else
			remove_some(&m);
		check_same(&m);
	}
}

TEST(full_of_holes)
{
	static struct model m;
	uint32_t at;

	model_init(&m, 8, UINT32_MAX - 4);
	for (int i = 0; i < 8; i++)
		push(&m);
	CHECK(!weft__ring_next(&m.ring, &at));
	for (int i = 1; i < 4; i++) { /* 0, 2, 4, 6, 7 stay */
		weft__ring_remove(&m.ring, m.at[i]);
		forget(&m, (unsigned)i);
		check_same(&m);
	}
	CHECK(!weft__ring_next(&m.ring, &at));
	compact(&m);
	check_same(&m);
	CHECK(weft__ring_next(&m.ring, &at));
	for (int i = 0; i < 3; i++)
		push(&m);
	CHECK_EQ(m.n, 8);
	weft__ring_compact(&m.ring, NULL, NULL); /* nothing to do, and nobody to tell */
	check_same(&m);
	while (m.n)
		pop(&m);
	check_same(&m);
}

/* A task that stands where another stood is not taken for it. */
TEST(positions_are_not_used_again_soon)
{
	static struct model m;
	uint32_t at = 0;

	model_init(&m, 8, UINT32_MAX - 30);
	for (int i = 0; i < 100; i++) {
		uint32_t before = at;

		push(&m);
		at = m.at[0];
		CHECK(i == 0 || at != before);
		CHECK_EQ(i == 0 || (at & m.ring.mask) == 0, 1);
		CHECK(!weft__ring_has(&m.ring, before, &m.task[m.which[0]]) || i == 0);
		pop(&m);
	}
}
