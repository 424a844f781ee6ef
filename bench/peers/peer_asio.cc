// SPDX-License-Identifier: MIT
//
// peer_asio.cc -- Boost.Asio's thread_pool and post().
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <memory>

#include "counted.h"

static std::unique_ptr<boost::asio::thread_pool> pool;

static void post(void (*fn)(void *ctx), void *ctx)
{
	count_up();
	boost::asio::post(*pool, [fn, ctx] {
		fn(ctx);
		count_down();
	});
}

static void open(unsigned threads, size_t)
{
	pool = std::make_unique<boost::asio::thread_pool>(threads);
}

static void close()
{
	pool->join();
	pool.reset();
}

static const struct peer asio = {.name = "Asio", .open = open, .close = close, .reopens = true, POSTED};

const struct peer *const measure_peers[] = {&asio, nullptr};
