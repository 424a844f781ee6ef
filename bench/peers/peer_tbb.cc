// SPDX-License-Identifier: MIT
//
// peer_tbb.cc -- oneTBB. The thread that waits works along, so it counts as one of the workers.
//
// There and back: TBB lets nobody wait for one task on another thread, so it is enqueued into an arena without
// a place for the caller, and a counter is its end.
#include <oneapi/tbb.h>

#include <memory>

#include "awaited.h"

using namespace oneapi;

static std::unique_ptr<tbb::global_control> control;
static std::unique_ptr<tbb::task_arena> outside; // the arena that the caller does not enter
static std::unique_ptr<tbb::task_group> pending;

static void open(unsigned threads, size_t)
{
	// One thread more than the caller, or nobody would serve the other arena.
	control = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism,
							threads > 1 ? threads : 2);
	outside = std::make_unique<tbb::task_arena>(static_cast<int>(threads > 1 ? threads - 1 : 1), 0);
}

static void flood(unsigned, size_t n)
{
	tbb::task_group g;

	for (size_t i = 0; i < n; i++)
		g.run([] {});
	g.wait();
}

static void run(void (*fn)(void *ctx), void *ctx)
{
	// Not on this stack: the task may still be in count_down_on() when this thread goes on.
	static std::atomic<int> unfinished;

	unfinished.store(1);
	outside->enqueue([=] {
		fn(ctx);
		count_down_on(unfinished);
	});
	wait_for_zero(unfinished);
}

static void help(size_t n)
{
	tbb::task_group root;

	root.run_and_wait([n] {
		tbb::task_group g;
		for (size_t i = 0; i < n; i++) {
			g.run([] {});
			g.wait();
		}
	});
}

static int64_t fib_task(int n)
{
	tbb::task_group g;
	int64_t a, b;

	if (n < 2)
		return n;
	g.run([&a, n] { a = fib_task(n - 1); });
	b = fib_task(n - 2);
	g.wait();
	return a + b;
}

static int64_t fib(int n)
{
	return fib_task(n);
}

static int64_t skynet_task(int64_t n, int64_t base)
{
	tbb::task_group g;
	int64_t part[10], sum = 0;

	if (n == 1)
		return base;
	for (int i = 0; i < 10; i++)
		g.run([&part, n, base, i] { part[i] = skynet_task(n / 10, base + i * (n / 10)); });
	g.wait();
	for (int64_t p : part)
		sum += p;
	return sum;
}

static int64_t skynet(int64_t leaves)
{
	return skynet_task(leaves, 0);
}

static void nest(size_t depth)
{
	tbb::task_group g;

	if (depth == 0)
		return;
	g.run([depth] { nest(depth - 1); });
	g.wait();
}

static void loop(size_t n, bool, measure_range *body, void *ctx)
{
	tbb::parallel_for(tbb::blocked_range<size_t>(0, n),
			  [=](const tbb::blocked_range<size_t> &r) { body(r.begin(), r.end(), ctx); });
}

static void each(size_t n, int *ret)
{
	tbb::task_group g;

	for (size_t i = 0; i < n; i++)
		g.run([ret, i] { ret[i] = measure_is_prime(i); });
	g.wait();
}

static void pend(unsigned blockers, size_t n)
{
	if (!pending)
		pending = std::make_unique<tbb::task_group>();
	for (unsigned i = 0; i < blockers; i++)
		pending->run([] { measure_block(nullptr); });
	for (size_t i = 0; i < n; i++)
		pending->run([] {});
}

static void unpend()
{
	pending->wait();
}

static const struct peer onetbb = [] {
	struct peer p = {};
	p.name = "oneTBB";
	p.open = open;
	p.flood = flood;
	p.run = run;
	p.help = help;
	p.fib = fib;
	p.skynet = skynet;
	p.nest = nest;
	p.loop = loop;
	p.each = each;
	p.pend = pend;
	p.unpend = unpend;
	p.caller_works = true;
	return p;
}();

const struct peer *const measure_peers[] = {&onetbb, nullptr};
