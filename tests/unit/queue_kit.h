/* SPDX-License-Identifier: MIT
 *
 * queue_kit.h -- a queue of numbers.
 */
#ifndef TESTS_QUEUE_KIT_H
#define TESTS_QUEUE_KIT_H

#include "harness.h"

#include <weft/queue.h>

static inline weft_queue *queue(uint32_t capacity, size_t message_size, uint64_t memory)
{
	struct weft_queue_opts o = {
		.size = sizeof o, .capacity = capacity, .message_size = message_size, .memory = memory};
	weft_queue *q = NULL;

	REQUIRE_EQ(weft_queue_new(&q, &o), 0);
	return q;
}

static inline struct weft_queue_usage stats(const weft_queue *q)
{
	struct weft_queue_usage s;

	REQUIRE_EQ(weft_queue_stats(q, &s), 0);
	return s;
}

static inline int put(weft_queue *q, uint64_t x)
{
	return weft_queue_try_put(q, &x, sizeof x);
}

/* The next message, or an error as a huge number. */
static inline uint64_t get(weft_queue *q)
{
	uint64_t x = 0;
	ssize_t n = weft_queue_try_get(q, &x, sizeof x);

	return n == sizeof x ? x : (uint64_t)n;
}

#endif
