// SPDX-License-Identifier: MIT
//
// peer_moodycamel.cc -- the lock-free queue moodycamel::BlockingConcurrentQueue, with threads that do nothing
// but take from it: the least pool that can be made of the quickest queue of C++.
#include <concurrentqueue/blockingconcurrentqueue.h>

#include <memory>
#include <thread>
#include <vector>

#include "counted.h"

struct entry {
	void (*fn)(void *ctx);
	void *ctx;
};

static std::unique_ptr<moodycamel::BlockingConcurrentQueue<entry>> queue;
static std::vector<std::thread> threads;

static void post(void (*fn)(void *ctx), void *ctx)
{
	count_up();
	measure_must(queue->enqueue({fn, ctx}) ? 0 : -1, "enqueue");
}

static void serve()
{
	entry e;

	for (;;) {
		queue->wait_dequeue(e);
		if (!e.fn)
			return;
		e.fn(e.ctx);
		count_down();
	}
}

static void open(unsigned n, size_t)
{
	queue = std::make_unique<moodycamel::BlockingConcurrentQueue<entry>>();
	for (unsigned i = 0; i < n; i++)
		threads.emplace_back(serve);
}

static void close()
{
	for (size_t i = 0; i < threads.size(); i++)
		queue->enqueue({nullptr, nullptr});
	for (auto &t : threads)
		t.join();
	threads.clear();
}

static const struct peer moodycamel_ = {
	.name = "moodycamel", .open = open, .close = close, .reopens = true, POSTED};

const struct peer *const measure_peers[] = {&moodycamel_, nullptr};
