/* SPDX-License-Identifier: MIT
 *
 * crash_region.c -- a process is killed after each single instruction of weft's while it takes or gives back a
 * block of a region, grows it, or trims it; and at random, while four of them do. Nobody blocks, no block is
 * there twice, and what is lost is at most what was on its way.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash_kit.h"
#include "crash_tracer.h"

enum {
	KIB = 1 << 10,
	MIB = 1 << 20,
	SLAB = 64 * KIB,
	RUN = 20 * KIB,
	PAGE = 4 * KIB,
	HELD = 64,
	HEAD = 64 /* bytes of a block that are looked at, and its last one */
};

#if defined(__SANITIZE_ADDRESS__) || TEST_UNDER_TSAN
enum { STRIDE = 17 };
#else
enum { STRIDE = 1 };
#endif

/* In a block of the region itself. */
struct shared {
	void *taken; /* by the process that is killed, once it knows of it */
	bool given;
};

static weft_region *r;
static struct shared *shared;
static struct {
	unsigned char *p;
	size_t n;
} held[HELD];
static size_t n_held;

static void fill(unsigned char *p, size_t n, unsigned char with)
{
	memset(p, with, n < HEAD ? n : HEAD);
	p[n - 1] = with;
}

static bool is_full_of(const unsigned char *p, size_t n, unsigned char with)
{
	for (size_t i = 0; i < (n < HEAD ? n : HEAD); i++)
		if (p[i] != with)
			return false;
	return p[n - 1] == with;
}

static void hold(size_t n)
{
	void *p = NULL;

	REQUIRE(n_held < HELD);
	REQUIRE_EQ(weft_region_alloc(r, n, &p), 0);
	held[n_held].p = p;
	held[n_held].n = n;
	fill(p, n, (unsigned char)n_held++);
}

static void let_go(size_t i)
{
	CHECK_EQ(weft_region_dealloc(r, held[i].p), 0);
	held[i] = held[--n_held];
	fill(held[i].p, held[i].n, (unsigned char)i);
}

/* ---- Scenes ---- */

struct scene {
	size_t take; /* bytes that it takes; 0: it gives back what is held first, or trims */
	size_t hold; /* a block of that size is held first */
	unsigned holds, then_gone;
	bool trims;
};

static void set_up(const struct scene *s)
{
	struct weft_region_opts o = {.size = sizeof o, .limit = 4 * MIB};

	n_held = 0;
	REQUIRE_EQ(weft_region_new(&r, &o), 0);
	REQUIRE_EQ(weft_region_alloc(r, sizeof *shared, (void **)&shared), 0);
	*shared = (struct shared){NULL, false};
	while (n_held < s->holds)
		hold(s->hold);
	for (unsigned i = 0; i < s->then_gone; i++)
		let_go(n_held - 1);
}

/* In the process that is killed. */
static void act(const void *arg)
{
	const struct scene *s = arg;
	void *p = NULL;

	if (s->take) {
		if (weft_region_alloc(r, s->take, &p))
			_exit(1);
		fill(p, s->take, 0xaa);
		shared->taken = p;
	} else if (s->trims) {
		if (weft_region_trim(r))
			_exit(1);
	} else {
		shared->given = true;
		if (weft_region_dealloc(r, held[0].p))
			_exit(1);
	}
}

/* How many bytes can be had now, in large blocks; they are given back, and none of them is another's. */
static size_t drain(void)
{
	static void *p[4 * MIB / RUN];
	size_t n = 0;

	while (n < sizeof p / sizeof *p && !weft_region_alloc(r, RUN, &p[n]))
		fill(p[n++], RUN, 0xbb);
	for (size_t i = 0; i < n_held; i++)
		CHECK(is_full_of(held[i].p, held[i].n, (unsigned char)i));
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(weft_region_dealloc(r, p[i]), 0);
	return n * RUN;
}

/* One block of each size, all at the same time. */
static void walk_sizes(void)
{
	unsigned char *p[48];
	size_t n = 0, size = 16;

	for (; size <= 40 * KIB; size += size < 128 ? 16 : (size_t)1 << (61 - __builtin_clzll(size)), n++) {
		REQUIRE(n < sizeof p / sizeof *p);
		REQUIRE_EQ(weft_region_alloc(r, size, (void **)&p[n]), 0);
		fill(p[n], size, (unsigned char)(n + 100));
	}
	for (size_t i = 0, at = 16; i < n;
	     i++, at += at < 128 ? 16 : (size_t)1 << (61 - __builtin_clzll(at))) {
		CHECK(is_full_of(p[i], at, (unsigned char)(i + 100)));
		CHECK_EQ(weft_region_dealloc(r, p[i]), 0);
	}
}

/* The region is whole but for what was on its way. Takes it down. */
static void check_whole(const struct scene *s)
{
	struct weft_region_usage use;
	size_t flight = s->take ? s->take : s->hold, real = 0, lost;

	if (shared->taken) {
		CHECK(is_full_of(shared->taken, s->take, 0xaa));
		CHECK_EQ(weft_region_block_size(r, shared->taken, &real), 0);
	}
	if (shared->given) { /* or about to be: either way it is in use or free, never both */
		if (!weft_region_block_size(r, held[0].p, &real))
			CHECK(is_full_of(held[0].p, held[0].n, 0));
		held[0] = held[--n_held];
		if (n_held)
			fill(held[0].p, held[0].n, 0);
	}
	drain();
	if (shared->taken)
		CHECK(is_full_of(shared->taken, s->take, 0xaa));
	while (n_held)
		let_go(n_held - 1);
	if (shared->taken)
		CHECK_EQ(weft_region_dealloc(r, shared->taken), 0);
	CHECK_EQ(weft_region_dealloc(r, shared), 0);
	REQUIRE_EQ(weft_region_stats(r, &use), 0);
	lost = (size_t)(use.lost + use.used);
	if (lost < MIB)
		walk_sizes();
	CHECK(use.blocks <= 1 && lost <= (flight > SLAB ? flight + PAGE : SLAB));
	/* A slab that a lost block keeps, and a gap of less than a block on each side of what is lost. */
	CHECK(drain() + lost + SLAB + (size_t)3 * RUN >= 4 * MIB);
	CHECK_EQ(weft_region_free(r), 0);
}

/* False: it has run to its end. */
static bool play(struct tracer *t, const void *arg, enum traced (*how)(struct tracer *t))
{
	const struct scene *s = arg;
	enum traced state;

	set_up(s);
	tracer_fork(t, act, s);
	tracer_go(t);
	do
		state = how(t);
	while (state == TRACED_ASLEEP);
	if (state == TRACED_STOPPED)
		tracer_kill(t);
	check_whole(s);
	return state == TRACED_STOPPED;
}

static void play_all(const struct scene *s)
{
	CHECK(tracer_play_all(play, s, STRIDE) >= 60 / STRIDE);
}

TEST(region_killed_taking_from_a_slab)
{
	play_all(&(struct scene){.take = 48, .hold = 48, .holds = 1});
}

TEST(region_killed_taking_the_first)
{
	play_all(&(struct scene){.take = 5000, .hold = 48, .holds = 1});
}

TEST(region_killed_taking_from_a_new_slab)
{
	play_all(&(struct scene){.take = 16 * KIB, .hold = 16 * KIB, .holds = 4});
}

/* The region grows for it. */
TEST(region_killed_taking_pages)
{
	play_all(&(struct scene){.take = 7 * MIB / 2, .hold = 100 * KIB, .holds = 1});
}

/* Slabs without blocks are dissolved for it. */
TEST(region_killed_taking_what_slabs_have)
{
	play_all(&(struct scene){.take = 7 * MIB / 2, .hold = 16 * KIB, .holds = 60, .then_gone = 59});
}

TEST(region_killed_giving_back)
{
	play_all(&(struct scene){.hold = 48, .holds = 2});
}

TEST(region_killed_giving_back_to_a_full_slab)
{
	play_all(&(struct scene){.hold = 16 * KIB, .holds = 4});
}

TEST(region_killed_giving_back_pages)
{
	play_all(&(struct scene){.hold = 300 * KIB, .holds = 2});
}

TEST(region_killed_trimming)
{
	play_all(&(struct scene){.hold = 16 * KIB, .holds = 9, .then_gone = 8, .trims = true});
}

/* ---- At random ---- */

enum { PROCESSES = 4, SLOTS = 500, STORM_MS = 3000 };

/* The head and the end of each block say whose it is. */
struct stamp {
	uint64_t size, number;
};

struct table {
	struct stamp *slot[SLOTS];
	uint64_t number, bad, done;
};

static struct table *table;

static uint64_t *end_of(struct stamp *b)
{
	return (uint64_t *)(void *)((char *)b + b->size - sizeof(uint64_t));
}

static void put_away(struct stamp *b)
{
	if (b && (*end_of(b) != b->number || weft_region_dealloc(r, b)))
		__atomic_fetch_add(&table->bad, 1, __ATOMIC_RELAXED);
}

static _Noreturn void take_and_give(uint64_t x)
{
	for (;;) {
		struct stamp *b = NULL;
		size_t size;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		size = (24 + (x >> 40) % ((size_t)1 << (6 + (x >> 32) % 12))) & ~(size_t)7;
		if (!weft_region_alloc(r, size, (void **)&b)) {
			b->size = size;
			b->number = __atomic_add_fetch(&table->number, 1, __ATOMIC_RELAXED);
			*end_of(b) = b->number;
		}
		put_away(__atomic_exchange_n(&table->slot[x % SLOTS], b, __ATOMIC_ACQ_REL));
		if (x % 50000 == 0)
			weft_region_trim(r);
		__atomic_fetch_add(&table->done, 1, __ATOMIC_RELAXED);
	}
}

static pid_t start_one(uint64_t seed)
{
	pid_t pid = fork();

	if (!pid)
		take_and_give(seed * 0x9e3779b97f4a7c15u);
	REQUIRE(pid > 0);
	return pid;
}

TEST(region_storm)
{
	struct weft_region_opts o = {.size = sizeof o, .limit = 256 * MIB};
	struct weft_region_usage use;
	pid_t pid[PROCESSES];
	uint64_t kills = 0;
	weft_time end = weft_after(WEFT_MS(STORM_MS));

	REQUIRE_EQ(weft_region_new(&r, &o), 0);
	REQUIRE_EQ(weft_region_alloc(r, sizeof *table, (void **)&table), 0);
	memset(table, 0, sizeof *table);
	for (unsigned i = 0; i < PROCESSES; i++)
		pid[i] = start_one(i + 1);
	while (weft_now() < end) {
		unsigned i = (unsigned)kills % PROCESSES;

		test_sleep_ms(1 + (unsigned)kills % 4);
		kill(pid[i], SIGKILL);
		REQUIRE_EQ(waitpid(pid[i], NULL, 0), pid[i]);
		pid[i] = start_one(++kills + PROCESSES);
	}
	for (unsigned i = 0; i < PROCESSES; i++) {
		kill(pid[i], SIGKILL);
		REQUIRE_EQ(waitpid(pid[i], NULL, 0), pid[i]);
	}
	for (unsigned i = 0; i < SLOTS; i++)
		put_away(table->slot[i]);
	CHECK_EQ(table->bad, 0);
	REQUIRE_EQ(weft_region_stats(r, &use), 0);
	printf("%llu calls, %llu kills; %zu blocks and %llu KiB lost\n", (unsigned long long)table->done * 2,
	       (unsigned long long)kills + PROCESSES, use.blocks - 1, (unsigned long long)use.lost / KIB);
	/* Each that was killed had two blocks in hand at most: one to put in, one to give back. */
	CHECK(use.blocks - 1 <= 2 * (kills + PROCESSES));
	CHECK(use.lost <= (kills + PROCESSES) * 2 * SLAB);
	CHECK(table->done > 10000);
	CHECK_EQ(weft_region_free(r), 0);
}
