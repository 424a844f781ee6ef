/* SPDX-License-Identifier: MIT
 *
 * test_lane_store.c -- the book about the blocks of a lane: none overlap, none is lost.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "lane.h"

enum { SIZE = 8 * 256, BLOCKS = 64 };

TEST(store_fills_and_empties)
{
	struct lane_store s = {.size = SIZE};
	size_t at = 99, end[8];
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 8; i++) {
			REQUIRE(lane_store_find(&s, 200, &at));
			lane_store_take(&s, at, 200);
			end[i] = s.next;
		}
		CHECK(!lane_store_find(&s, 1, &at));
		for (size_t i = 0; i < 8; i++)
			lane_store_give(&s, end[i]);
		CHECK_EQ(s.n, 0);
	}
	CHECK(lane_store_find(&s, SIZE, &at));
	CHECK_EQ(at, 0);
	CHECK(!lane_store_find(&s, SIZE + 1, &at));
}

/* At random, against a map of what is used. */
TEST(store_blocks_never_overlap)
{
	struct lane_store s = {.size = SIZE};
	struct {
		size_t at, size, end;
	} block[BLOCKS];
	static char used[SIZE];
	unsigned seed = 7, head = 0, tail = 0, taken = 0;
	size_t at;
	for (int step = 0; step < 200000; step++) {
		size_t size = 1 + (size_t)rand_r(&seed) % (SIZE / 3);
		bool found = head - tail < BLOCKS && rand_r(&seed) % 2 && lane_store_find(&s, size, &at);
		if (found) {
			REQUIRE(at % LANE_ALIGN == 0 && at + lane_rounded(size) <= SIZE);
			for (size_t i = at; i < at + size; i++)
				REQUIRE(!used[i]);
			memset(used + at, 1, size);
			lane_store_take(&s, at, size);
			block[head % BLOCKS].at = at;
			block[head % BLOCKS].size = size;
			block[head++ % BLOCKS].end = s.next;
			taken++;
		} else if (head != tail) {
			memset(used + block[tail % BLOCKS].at, 0, block[tail % BLOCKS].size);
			lane_store_give(&s, block[tail++ % BLOCKS].end);
		}
	}
	CHECK(taken > 50000);
	/* Empty, it has room for the largest. */
	for (; head != tail; tail++)
		lane_store_give(&s, block[tail % BLOCKS].end);
	CHECK(lane_store_find(&s, SIZE, &at));
}
