/* SPDX-License-Identifier: MIT
 *
 * awaited.h -- for C++ peers that offer no wait of their own: a counter, awaited by a short look and then a
 * sleep.
 */
#ifndef AWAITED_H
#define AWAITED_H

#include <future> /* for its atomics */

#include "measure.h"

static inline void count_down_on(std::atomic<int> &left)
{
	if (left.fetch_sub(1) == 1)
		left.notify_all();
}

/* About as long as a sleep and a wake cost. Then it is time to sleep. */
static inline void wait_for_zero(std::atomic<int> &left)
{
	int64_t end = measure_now() + 20000;

	while (int now = left.load())
		if (measure_now() >= end)
			left.wait(now);
}

#endif
