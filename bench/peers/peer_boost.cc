/* SPDX-License-Identifier: MIT
 *
 * peer_boost.cc -- Boost.Context: its switch in assembly, under the type that it offers.
 */
#include <boost/context/continuation.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <new>
#include <vector>

#include "measure_io.h"

namespace ctx = boost::context;

namespace
{

constexpr size_t stack_size = 64 * 1024;

ctx::pooled_fixedsize_stack &pool()
{
	static ctx::pooled_fixedsize_stack p(stack_size);
	return p;
}

void switches(size_t n)
{
	bool done = false;
	ctx::continuation there = ctx::callcc(std::allocator_arg, pool(), [&](ctx::continuation &&here) {
		while (!done)
			here = here.resume();
		return std::move(here);
	});

	for (size_t i = 0; i < n / 2; i++)
		there = there.resume();
	done = true;
	there = there.resume();
}

void fibers(size_t n)
{
	size_t run = 0;

	for (size_t i = 0; i < n; i++)
		ctx::callcc(std::allocator_arg, pool(), [&](ctx::continuation &&here) {
			run++;
			return std::move(here);
		});
	measure_must(run == n ? 0 : -1, "fibers are wrong");
}

/* They are not woken any more: the process ends. */
size_t crowd(size_t n)
{
	auto *all = new std::vector<ctx::continuation>;
	size_t asleep = 0;

	all->reserve(n);
	try {
		while (asleep < n)
			all->push_back(ctx::callcc(std::allocator_arg,
						   ctx::protected_fixedsize_stack(stack_size + 4096),
						   [&](ctx::continuation &&here) {
							   asleep++;
							   return here.resume();
						   }));
	} catch (const std::bad_alloc &) {
	}
	return asleep;
}

const io_peer io = {.switches = switches, .fibers = fibers, .crowd = crowd};
const peer boost_peer = {.name = "Boost.Context", .io = &io};

} // namespace

const peer *const measure_peers[] = {&boost_peer, nullptr};
