/* SPDX-License-Identifier: MIT
 *
 * test_spawn.c -- fork-join: trees of children, in every order, as many and as deep as can be.
 */
#include "steal_kit.h"
#include <weft/spawn_inline.h>

struct fib {
	weft_child child;
	int n;
	long result;
};

static void fib(void *ctx)
{
	struct fib *f = ctx, a = {.n = f->n - 1}, b = {.n = f->n - 2};

	if (f->n < 2) {
		f->result = f->n;
		return;
	}
	weft_spawn(&a.child, fib, &a);
	fib(&b);
	weft_sync(&a.child);
	f->result = a.result + b.result;
}

static void fib_inline(void *ctx)
{
	struct fib *f = ctx, a = {.n = f->n - 1}, b = {.n = f->n - 2};

	if (f->n < 2) {
		f->result = f->n;
		return;
	}
	weft_spawn_inline(&a.child, f->n % 3 ? fib_inline : fib, &a);
	fib_inline(&b);
	if (f->n % 3 == 0)
		weft_sync_direct(&a.child, fib, &a);
	else if (f->n % 3 == 1)
		weft_sync_inline(&a.child);
	else
		weft_sync(&a.child);
	f->result = a.result + b.result;
}

static long run_fib(int n, void (*fn)(void *ctx))
{
	struct fib f = {.n = n};

	fn(&f);
	return f.result;
}

struct sky {
	weft_child child;
	long first, size, sum;
};

static void sky(void *ctx)
{
	struct sky *s = ctx, part[10];

	s->sum = s->first;
	if (s->size == 1)
		return;
	s->sum = 0;
	for (int i = 0; i < 10; i++) {
		part[i].size = s->size / 10;
		part[i].first = s->first + i * part[i].size;
		weft_spawn(&part[i].child, sky, &part[i]);
	}
	for (int i = 9; i >= 0; i--) {
		weft_sync(&part[i].child);
		s->sum += part[i].sum;
	}
}

TEST(outside_of_a_pool)
{
	CHECK_EQ(run_fib(20, fib), 6765);
	CHECK_EQ(run_fib(20, fib_inline), 6765);
}

TEST(trees_on_pools)
{
	static const unsigned sizes[] = {1, 2, 8};
	struct sky s = {.size = TEST_UNDER_TSAN ? 10000 : 100000};

	for (int i = 0; i < 3; i++) {
		pool_begin(sizes[i]);
		CHECK_EQ(run_fib(22, fib), 17711);
		CHECK_EQ(run_fib(22, fib_inline), 17711);
		sky(&s);
		CHECK_EQ(s.sum, s.size * (s.size - 1) / 2);
		pool_end();
	}
}

static atom_u32 turns;
static uint32_t order[8];

static void note(void *ctx)
{
	order[atom_add(&turns, 1, relaxed) % 8] = *(uint32_t *)ctx;
}

TEST(an_older_sync_settles_the_newer)
{
	weft_child c[4];
	uint32_t number[4] = {0, 1, 2, 3};

	pool_begin(1);
	for (int i = 0; i < 4; i++)
		weft_spawn(&c[i], note, &number[i]);
	weft_sync(&c[1]);
	CHECK_EQ(atom_load(&turns, relaxed), 3);
	CHECK_EQ(order[0], 3);
	CHECK_EQ(order[1], 2);
	CHECK_EQ(order[2], 1);
	for (int i = 3; i > 1; i--)
		weft_sync(&c[i]); /* has been settled */
	CHECK_EQ(atom_load(&turns, relaxed), 3);
	weft_sync(&c[0]);
	CHECK_EQ(atom_load(&turns, relaxed), 4);
	pool_end();
}

TEST(too_many_are_called_by_their_sync)
{
	struct weft_child *slots[4];
	weft_child c[8];
	uint32_t number[8] = {0, 1, 2, 3, 4, 5, 6, 7};

	pool_begin(1);
	weft__deque_close(&pool.deque[0]);
	weft__deque_init(&pool.deque[0], slots, 4);
	for (int i = 0; i < 8; i++)
		weft_spawn(&c[i], note, &number[i]);
	CHECK_EQ(pool.deque[0].head, 4);
	for (int i = 7; i >= 0; i--) {
		weft_sync(&c[i]);
		CHECK_EQ(order[7 - i], (uint32_t)i);
	}
	for (int i = 0; i < 8; i++)
		weft_spawn(&c[i], note, &number[i]);
	weft_sync(&c[0]); /* settles those that are in the deque */
	CHECK_EQ(atom_load(&turns, relaxed), 12);
	for (int i = 1; i < 8; i++)
		weft_sync(&c[i]);
	CHECK_EQ(atom_load(&turns, relaxed), 16);
	weft__deque_init(&pool.deque[0], NULL, 0);
	pool_end();
}

struct chain {
	weft_child child;
	uint32_t depth, end;
};

static void descend(void *ctx)
{
	struct chain *c = ctx, next = {.depth = c->depth - 1};

	if (c->depth == 0) {
		c->end = 1;
		return;
	}
	weft_spawn(&next.child, descend, &next);
	weft_sync(&next.child);
	c->end = next.end + 1;
}

/* Children that are spawned one below the other and only then synced: all are in the deque at once. */
static void pile_up(void *ctx)
{
	struct chain *c = ctx, own = {.depth = 0}, next = {.depth = c->depth - 1};

	if (c->depth == 0) {
		c->end = 1;
		return;
	}
	weft_spawn(&own.child, descend, &own);
	pile_up(&next);
	weft_sync(&own.child);
	c->end = next.end + own.end;
}

static void *run_deep(void *arg)
{
	struct chain *c = arg;

	weft__deque_own = &pool.deque[0];
	descend(&c[0]);
	pile_up(&c[1]);
	weft__deque_own = &weft__deque_none;
	return NULL;
}

/* As deep as the stack, and no less: 1 GiB here. The thread sanitizer has a stack of its own, of 65,536. */
TEST(depth_is_that_of_the_stack)
{
	uint32_t depth = TEST_UNDER_TSAN ? 10000 : 100000;
	struct chain c[2] = {{.depth = depth}, {.depth = depth}};
	pthread_attr_t attr;
	pthread_t thread;

	pool_begin(1);
	pthread_attr_init(&attr);
	REQUIRE_EQ(pthread_attr_setstacksize(&attr, (size_t)1 << 30), 0);
	REQUIRE_EQ(pthread_create(&thread, &attr, run_deep, c), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	CHECK_EQ(c[0].end, depth + 1);
	CHECK_EQ(c[1].end, depth + 1);
	pool_end();
}

/* Uneven trees, synced in both orders, by many thieves at once. */
struct bush {
	weft_child child;
	uint32_t seed, depth;
	atom_u32 *leaves;
};

static void grow(void *ctx)
{
	struct bush *b = ctx, part[5];
	uint32_t seed = b->seed * 2654435761u + 12345, n = b->depth ? 1 + (seed >> 20) % 5 : 0;

	if (!n)
		atom_add(b->leaves, 1, relaxed);
	for (uint32_t i = 0; i < n; i++) {
		part[i] = (struct bush){.seed = seed + i, .depth = b->depth - 1, .leaves = b->leaves};
		weft_spawn(&part[i].child, grow, &part[i]);
		if (seed >> 28 == i)
			weft__deque_share_all(weft__deque_own);
	}
	for (uint32_t i = 0; i < n; i++)
		weft_sync(&part[seed & 1 << 17 ? i : n - 1 - i].child);
}

TEST(bushes)
{
	atom_u32 alone = 0, together = 0;
	struct bush b = {.depth = 6, .leaves = &alone};
	uint32_t rounds = TEST_UNDER_TSAN ? 40 : 400;

	pool_begin(1);
	for (b.seed = 0; b.seed < rounds; b.seed++)
		grow(&b);
	pool_end();
	b.leaves = &together;
	for (unsigned n = 2; n <= WORKERS_MAX; n *= 2) {
		atom_store(&together, 0, relaxed);
		pool_begin(n);
		for (b.seed = 0; b.seed < rounds; b.seed++)
			grow(&b);
		CHECK_EQ(atom_load(&together, relaxed), atom_load(&alone, relaxed));
		for (b.seed = 0; atom_load(&pool.stolen, relaxed) < rounds; b.seed++)
			grow(&b);
		pool_end();
	}
}
