/* SPDX-License-Identifier: MIT
 *
 * test_slab.c -- the sizes of blocks, and what a slab does at its edges. Whole regions: test_region.c.
 */
#include "harness.h"

#include <errno.h>
#include <string.h>

#include "region_map.h"

TEST(classes_fit)
{
	for (size_t n = 1; n <= SLAB_LARGEST; n++) {
		unsigned c = weft__class_of(n);

		REQUIRE(c < CLASSES);
		REQUIRE(weft__class_size(c) >= n);
		REQUIRE(c == 0 || weft__class_size(c - 1) < n);
	}
	CHECK_EQ(weft__class_of(SLAB_LARGEST), CLASSES - 1);
}

TEST(classes_waste_a_fifth_at_most)
{
	for (size_t n = 129; n <= SLAB_LARGEST; n++)
		REQUIRE(5 * (weft__class_size(weft__class_of(n)) - n) < weft__class_size(weft__class_of(n)));
}

TEST(classes_are_aligned)
{
	for (unsigned c = 0; c < CLASSES; c++)
		CHECK_EQ(weft__class_size(c) % 16, 0);
}

TEST(slabs_fit_their_pages)
{
	for (unsigned c = 0; c < CLASSES; c++) {
		size_t bytes = weft__slab_pages(c) * (size_t)REGION_PAGE;

		CHECK(weft__slab_blocks(c) >= 4 && weft__slab_blocks(c) <= SLAB_BLOCKS);
		CHECK(weft__slab_blocks(c) * weft__class_size(c) <= bytes);
		CHECK(weft__slab_pages(c) % GRANULE_PAGES == 0 && weft__slab_pages(c) <= SLAB_PAGES);
	}
}

/* A region of the smallest size, as its parts see it. */
struct bench {
	weft_region *r;
	struct weft__map m;
};

static void bench_init(struct bench *b)
{
	REQUIRE_EQ(weft_region_new(&b->r, &(struct weft_region_opts){.limit = WEFT_REGION_LIMIT_MIN}), 0);
	b->m = weft__map_at(b->r, WEFT_REGION_LIMIT_MIN);
}

/* A full slab gives nothing; one block back, and it gives that one. */
TEST(slab_full_and_not)
{
	enum { CLASS = 20 };
	struct bench b;
	struct weft__block first = {0, CLASS, 0}, last = {0, CLASS, weft__slab_blocks(CLASS) - 1};
	void *p = NULL, *again = NULL;

	bench_init(&b);
	for (unsigned i = 0; i < weft__slab_blocks(CLASS); i++)
		REQUIRE_EQ(weft__slab_take(&b.m, CLASS, &p), 0);
	CHECK_EQ(GATE_COUNT(b.m.chunk[0].slab[0].gate), weft__slab_blocks(CLASS));
	CHECK_EQ((char *)p - b.m.data, last.index * weft__class_size(CLASS));
	CHECK(weft__slab_has(&b.m, &first) && weft__slab_has(&b.m, &last));
	CHECK_EQ(weft__slab_give_back(&b.m, &last), 0);
	CHECK_EQ(weft__slab_give_back(&b.m, &last), -EINVAL);
	CHECK_EQ(weft__slab_take(&b.m, CLASS, &again), 0);
	CHECK(again == p);
	CHECK_EQ(weft__slab_take(&b.m, CLASS, &again), 0);
	CHECK(again == b.m.data + weft__slab_pages(CLASS) * REGION_PAGE);
	CHECK_EQ(weft_region_free(b.r), 0);
}

/* What a death in the middle of taking leaves: counted in, and no bit. The slab gives one block less. */
TEST(slab_counted_in_and_dead)
{
	enum { CLASS = 35 };
	struct bench b;
	struct weft_region_usage use;
	void *p = NULL, *q = NULL;

	bench_init(&b);
	REQUIRE_EQ(weft__slab_take(&b.m, CLASS, &p), 0);
	b.m.chunk[0].slab[0].gate++;
	for (unsigned i = 2; i < weft__slab_blocks(CLASS); i++)
		REQUIRE_EQ(weft__slab_take(&b.m, CLASS, &q), 0);
	CHECK((char *)q < b.m.data + SLAB_PAGES * REGION_PAGE);
	REQUIRE_EQ(weft__slab_take(&b.m, CLASS, &q), 0);
	CHECK((char *)q >= b.m.data + SLAB_PAGES * REGION_PAGE);
	REQUIRE_EQ(weft_region_stats(b.r, &use), 0);
	CHECK_EQ(use.lost, weft__class_size(CLASS));
	CHECK_EQ(use.blocks, weft__slab_blocks(CLASS));
	CHECK_EQ(weft_region_free(b.r), 0);
}

/* Hints that a death has lost are found again before anybody is told that there is nothing. */
TEST(slab_hidden_and_found)
{
	enum { CLASS = 35 };
	struct bench b;
	size_t most = WEFT_REGION_LIMIT_MIN / (SLAB_PAGES * REGION_PAGE) * weft__slab_blocks(CLASS);
	void *p = NULL, *last = NULL;

	bench_init(&b);
	for (size_t i = 0; i < most; i++)
		REQUIRE_EQ(weft__slab_take(&b.m, CLASS, &last), 0);
	REQUIRE_EQ(weft__slab_take(&b.m, CLASS, &p), -ENOMEM);
	REQUIRE_EQ(weft_region_dealloc(b.r, last), 0);
	b.m.chunk[0].partial[CLASS] = 0;
	b.m.summary[CLASS * b.m.words] = 0;
	b.m.head->hint[CLASS] = 0;
	CHECK_EQ(weft__slab_take(&b.m, CLASS, &p), 0);
	CHECK(p == last);
	CHECK_EQ(weft_region_free(b.r), 0);
}

/* Whatever a worker that runs wild writes there: no call touches anything outside, and each one ends. */
TEST(region_of_garbage)
{
	struct bench b;
	struct weft_region_usage use;
	uint64_t seed = 1;
	void *p = NULL;

	bench_init(&b);
	REQUIRE_EQ(weft_region_alloc(b.r, 100, &p), 0);
	for (int round = 0; round < 200; round++) {
		for (char *at = (char *)b.r; at < (char *)&b.m.chunk[1]; at += sizeof seed) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			/* The slot is private's affair: a wrong one is another error, and ends the test early. */
			if (at < (char *)&b.r->grown)
				continue;
			memcpy(at, &seed, sizeof seed);
		}
		for (size_t n = 1; n < WEFT_REGION_LIMIT_MIN; n *= 3)
			if (!weft_region_alloc(b.r, n, &p)) {
				CHECK((char *)p >= b.m.data &&
				      (char *)p + n <= b.m.data + WEFT_REGION_LIMIT_MIN);
				weft_region_dealloc(b.r, p);
			}
		CHECK_EQ(weft_region_stats(b.r, &use), 0);
		CHECK_EQ(weft_region_trim(b.r), 0);
	}
	CHECK_EQ(weft_region_free(b.r), 0);
}
