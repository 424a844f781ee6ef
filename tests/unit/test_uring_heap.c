/* SPDX-License-Identifier: MIT
 *
 * The deadlines of a lane by themselves: uring_heap.c.
 */
#include "harness.h"
#include "uring_parts.h"

enum { FIBERS = 32, MANY = 10000 };

static struct uring_fiber fiber[FIBERS];
static struct uring_heap heap;

static void open_heap(void)
{
	REQUIRE_EQ(uring_heap_grow(&heap, FIBERS), 0);
}

/* Whoever comes out, as a lane does it; the forgotten do not count. */
static unsigned take(weft_time now, struct uring_alarm ret[FIBERS])
{
	struct uring_alarm due[3];
	unsigned n = 0;

	for (uint32_t k; (k = uring_heap_take(&heap, now, due, 3));)
		for (uint32_t i = 0; i < k; i++)
			if (!uring_alarm_is_forgotten(&due[i])) {
				due[i].fiber->alarm = 0;
				ret[n++] = due[i];
			}
	return n;
}

TEST(deadlines_come_in_their_order)
{
	struct uring_alarm out[FIBERS];
	unsigned n;

	open_heap();
	for (unsigned i = 0; i < FIBERS; i++)
		uring_heap_add(&heap, 1 + i * 7919 % 101, &fiber[i]);
	for (unsigned i = 0; i < FIBERS; i += 3)
		fiber[i].alarm = 0;
	n = take(50, out);
	n += take(WEFT_FOREVER, out + n);
	CHECK_EQ(n, FIBERS - (FIBERS + 2) / 3);
	for (unsigned i = 1; i < n; i++)
		CHECK(out[i - 1].at <= out[i].at);
	CHECK_EQ(uring_heap_next(&heap), WEFT_FOREVER);
	uring_heap_free(&heap);
}

/* The same time again and again, or two in turns, while all others wait for theirs, to which they came the same way. */
TEST(the_forgotten_do_not_fill_the_heap)
{
	struct uring_alarm out[FIBERS];

	open_heap();
	for (unsigned i = 0; i < FIBERS; i++)
		for (int k = 0; k < MANY; k++) {
			fiber[i].alarm = 0;
			uring_heap_add(&heap, 1000 + (weft_time)i + k % 2, &fiber[i]);
			REQUIRE(heap.n <= heap.room);
		}
	CHECK_EQ(uring_heap_next(&heap), 1001);
	CHECK_EQ(take(WEFT_FOREVER, out), FIBERS);
	uring_heap_free(&heap);
}
