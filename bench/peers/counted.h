/* SPDX-License-Identifier: MIT
 *
 * counted.h -- C++ pools without a wait for what was submitted: a counter, and a short look at it before the
 * sleep. Who includes this has defined a function post(fn, ctx), which submits fn(ctx), and calls
 * count_down() after it.
 */
#include <vector>

#include "awaited.h"

static void post(void (*fn)(void *ctx), void *ctx);
static void count_down();

using join_count = std::atomic<int>;
#define join_post post

static bool join_last(join_count *left)
{
	return left->fetch_sub(1) == 1;
}

static void join_set(join_count *left, int n)
{
	left->store(n);
}

/* Nothing is unfinished once the root is done. */
static void join_end()
{
}

#include "joins.h"

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

static void flood(unsigned, size_t n)
{
	for (size_t i = 0; i < n; i++)
		post(measure_nothing, nullptr);
	wait_for_all();
}

static void run(void (*fn)(void *ctx), void *ctx)
{
	post(fn, ctx);
	wait_for_all();
}

struct item {
	void (*fn)(size_t i, void *ctx);
	void *ctx;
	size_t i;
};

static void call_item(void *ctx)
{
	auto *i = static_cast<struct item *>(ctx);

	i->fn(i->i, i->ctx);
}

static void batch(size_t n, void (*fn)(size_t i, void *ctx), void *ctx)
{
	std::vector<struct item> item(n);

	for (size_t i = 0; i < n; i++) {
		item[i] = {fn, ctx, i};
		post(call_item, &item[i]);
	}
	wait_for_all();
}

static int64_t join_all(int64_t n, int64_t base)
{
	struct join root = {};

	join_begin(&root, n, base);
	wait_for_all();
	return root.answer;
}

static int64_t fib(int n)
{
	return join_all(n, -1);
}

static int64_t skynet(int64_t leaves)
{
	return join_all(leaves, 0);
}

static void pend(unsigned blockers, size_t n)
{
	for (unsigned i = 0; i < blockers; i++)
		post(measure_block, nullptr);
	for (size_t i = 0; i < n; i++)
		post(measure_nothing, nullptr);
}

static struct peer counted(const char *name)
{
	struct peer p = {};

	p.name = name;
	p.reopens = true;
	p.flood = flood;
	p.run = run;
	p.fib = fib;
	p.skynet = skynet;
	p.batch = batch;
	p.pend = pend;
	p.unpend = wait_for_all;
	return p;
}
