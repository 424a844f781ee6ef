/* SPDX-License-Identifier: MIT
 *
 * posted.h -- what can be made of a pool that lets one submit, and no more: floods, trees, batches. For C and
 * C++. Who includes this has defined
 *
 *   post(fn, ctx)         submits fn(ctx)
 *   wait_for_all()        returns when nothing is unfinished
 *   join_count            the type of a counter
 *   join_set(count, n)    sets it
 *   join_last(count)      counts it down, and says whether it is 0 now
 *
 * and puts POSTED among the fields of its struct peer.
 */
#include "joins.h"

static void flood(unsigned producer, size_t n)
{
	(void)producer;
	for (size_t i = 0; i < n; i++)
		post(measure_nothing, NULL);
	wait_for_all();
}

static void run(void (*fn)(void *ctx), void *ctx)
{
	post(fn, ctx);
	wait_for_all();
}

/* fn(i, ctx) as a task. */
struct item {
	void (*fn)(size_t i, void *ctx);
	void *ctx;
	size_t i;
};

static void call_item(void *ctx)
{
	const struct item *item = (const struct item *)ctx;

	item->fn(item->i, item->ctx);
}

static void batch(size_t n, void (*fn)(size_t i, void *ctx), void *ctx)
{
	struct item *item = (struct item *)measure_memory(n, sizeof *item);

	for (size_t i = 0; i < n; i++) {
		item[i].fn = fn;
		item[i].ctx = ctx;
		item[i].i = i;
		post(call_item, &item[i]);
	}
	wait_for_all();
	free(item);
}

/* Nothing is unfinished once the root is done. */
static int64_t join_all(int64_t n, int64_t base)
{
	struct join root;

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
		post(measure_block, NULL);
	for (size_t i = 0; i < n; i++)
		post(measure_nothing, NULL);
}

/* In the order of the fields, as C++ wants it. */
#define POSTED                                                                                               \
	.flood = flood, .run = run, .fib = fib, .skynet = skynet, .batch = batch, .pend = pend,              \
	.unpend = wait_for_all
