/* SPDX-License-Identifier: MIT
 *
 * counted.h -- C++ pools without a wait for what was submitted: a counter, and a short look at it before the
 * sleep. Who includes this has defined a function post(fn, ctx), which calls count_up(), submits fn(ctx), and
 * has count_down() called after it.
 */
#include "awaited.h"

static void post(void (*fn)(void *ctx), void *ctx);

static std::atomic<int> unfinished;

static void count_up()
{
	unfinished.fetch_add(1, std::memory_order_relaxed);
}

static void count_down()
{
	count_down_on(unfinished);
}

static void wait_for_all()
{
	wait_for_zero(unfinished);
}

using join_count = std::atomic<int>;

static bool join_last(join_count *left)
{
	return left->fetch_sub(1) == 1;
}

static void join_set(join_count *left, int n)
{
	left->store(n);
}

#include "posted.h"
