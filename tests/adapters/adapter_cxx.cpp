// SPDX-License-Identifier: MIT
//
// adapter_cxx.cpp -- weft/weft.hpp on several executors.
#include "harness.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <stop_token>
#include <vector>
#include <weft/io.h>
#include <weft/parallel_for.h>
#include <weft/weft.hpp>

// The adapters in C are C++ too.
#if __has_include(<uv.h>)
#include <weft/uv.h>
#endif
#if __has_include(<jxl/parallel_runner.h>)
#include <weft/jxl.h>
#endif

using namespace std::chrono_literals;

static bool is_shared(const weft::executor &ex)
{
	return weft_executor_caps(ex.get()) & WEFT_CAP_LOCAL;
}

// An exception that only its own type tells apart.
struct mishap : std::runtime_error {
	int number;
	explicit mishap(int n) : runtime_error("mishap number " + std::to_string(n)), number(n)
	{
	}
};

// Counts those that exist: what leaks does not come back to 0.
struct counted {
	static inline std::atomic<int> alive{0};
	int value;
	explicit counted(int v) : value(v)
	{
		alive++;
	}
	counted(const counted &from) : value(from.value)
	{
		alive++;
	}
	~counted()
	{
		alive--;
	}
};

TEST(functions_with_arguments_give_results)
{
	weft::executor ex(test_executor_spec());
	std::vector<weft::future<std::uint64_t>> squares;

	for (std::uint64_t i = 0; i < 100; i++)
		squares.push_back(ex.submit([](std::uint64_t n) { return n * n; }, i));
	for (std::uint64_t i = 0; i < 100; i++)
		CHECK_EQ(squares[i].get(), i * i);
	auto nothing = ex.submit([] {});
	nothing.get();
	CHECK(!nothing.valid());
	CHECK_EQ(ex.submit([](weft::call c, int n) { return c.cancelled() ? 0 : n; }, 3).get(), 3);
}

TEST(portable_captures_travel)
{
	weft::executor ex(test_executor_spec());
	const std::array<int, 3> numbers = {1, 2, 3};
	int add = 10;

	auto sum = ex.submit(
		weft::portable([=](int n) { return numbers[0] + numbers[1] + numbers[2] + add + n; }), 5);
	CHECK_EQ(sum.get(), 21);
}

// Where memory is not shared they are refused, and nothing runs.
TEST(other_captures_need_shared_memory)
{
	weft::executor ex(test_executor_spec());
	int count = 0, err = 0, number = 5;
	std::string text = "a text that is too long to lie in the string itself";
	auto touch = [&] {
		count++;
		return text.size();
	};

	if (is_shared(ex)) {
		CHECK_EQ(ex.submit(touch).get(), text.size());
		CHECK_EQ(count, 1);
		CHECK(ex.submit([](std::string s) { return s + "!"; }, text).get() == text + "!");
		CHECK_EQ(*ex.submit([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(7)).get(),
			 7);
		return;
	}
	test_caught<std::system_error>([&] { ex.submit(touch); }, &err);
	CHECK_EQ(err, EXDEV);
	err = 0;
	test_caught<std::system_error>([&] { ex.submit([](const int *p) { return *p; }, &number); }, &err);
	CHECK_EQ(err, EXDEV);
	err = 0;
	test_caught<std::system_error>([&] { ex.submit([](int n) { return std::to_string(n); }, 1); }, &err);
	CHECK_EQ(err, EXDEV);
	CHECK_EQ(count, 0);
}

TEST(what_a_task_throws_is_thrown_by_get)
{
	weft::executor ex(test_executor_spec());
	auto f = ex.submit([](int n) -> int { throw mishap(n); }, 7);

	if (is_shared(ex)) {
		CHECK(test_caught<mishap>([&] { f.get(); }) == "mishap number 7");
	} else {
		int err = 0;
		CHECK(test_caught<weft::error>([&] { f.get(); }, &err) == "mishap number 7");
		CHECK_EQ(err, ENOTRECOVERABLE);
	}
	CHECK(!f.valid());
	auto odd = ex.submit([] { throw 5; });
	bool caught = false;
	try {
		odd.get();
	} catch (int n) {
		caught = is_shared(ex) && n == 5;
	} catch (const weft::error &) {
		caught = !is_shared(ex);
	}
	CHECK(caught);
}

TEST(errnos_are_system_errors)
{
	weft::executor ex(test_executor_spec());
	int err = 0;
	auto busy = [] { throw std::system_error(EBUSY, std::generic_category(), "the lathe"); };

	CHECK(test_caught<std::system_error>([&] { ex.submit(busy).get(); }, &err).starts_with("the lathe"));
	CHECK_EQ(err, EBUSY);
	CHECK(weft::error(-ETIMEDOUT).code() == std::errc::timed_out);
	CHECK(std::string(weft::error(-EOWNERDEAD).what()) == weft_strerror(-EOWNERDEAD));
	test_caught<std::system_error>([] { weft::executor none("nothing:2"); }, &err);
	CHECK_EQ(err, EINVAL);
	weft::future<int> empty;
	test_caught<std::system_error>([&] { empty.get(); }, &err);
	CHECK_EQ(err, EINVAL);
}

TEST(a_dead_worker_is_an_error_with_its_story)
{
	weft::executor ex(test_executor_spec());
	int err = 0;

	if (is_shared(ex))
		return;
	auto f = ex.submit([] { std::raise(SIGKILL); });
	CHECK(test_caught<weft::error>([&] { f.get(); }, &err).find("9") != std::string::npos);
	CHECK_EQ(err, EOWNERDEAD);
}

TEST(deadlines_are_those_of_chrono)
{
	weft::executor ex(test_executor_spec());
	int err = 0;
	auto late = ex.submit({.deadline = -1s}, [] { return 1; });

	test_caught<weft::error>([&] { late.get(); }, &err);
	CHECK_EQ(err, ETIMEDOUT);
	const weft_time before = weft_now();
	const weft_time now = weft::deadline(std::chrono::steady_clock::now()).time();
	CHECK(before <= now && now <= weft_now());
	CHECK_EQ(weft::deadline().time(), WEFT_FOREVER);
	CHECK_EQ(weft::deadline(std::chrono::hours::max()).time(), WEFT_FOREVER);
	CHECK_EQ(weft::deadline(std::chrono::steady_clock::time_point::max()).time(), WEFT_FOREVER);
	CHECK(weft::deadline(std::chrono::hours::min()).time() < 0);
	if (test_is_inline())
		return;
	auto slow = ex.submit([] { weft_sleep(WEFT_SECONDS(20)); });
	CHECK(!slow.wait(1ms));
	CHECK(!slow.is_done());
	// Its end does not wait for 20 s: the cancel ends the sleep; a worker process sleeps on.
	slow.cancel();
	if (is_shared(ex))
		CHECK(slow.wait(20s));
	else
		ex.stop(WEFT_STOP_KILL);
}

// The variables that the lambdas refer to end with the scope; ASan and TSan would see a task that lives longer.
TEST(an_exception_that_flies_leaves_nothing_running)
{
	weft::executor ex(test_executor_spec());
	std::string said;

	if (!is_shared(ex))
		return;
	try {
		std::atomic<int> started = 0;
		std::vector<weft::future<int>> futures;
		const counted c(3);
		for (int i = 0; i < 20; i++)
			futures.push_back(ex.submit([&started, c](weft::call call) {
				started++;
				while (!test_is_inline() && !call.cancelled())
					weft_sleep(WEFT_US(100));
				started--;
				return c.value;
			}));
		throw mishap(1);
	} catch (const mishap &e) {
		said = e.what();
	}
	CHECK(said == "mishap number 1");
	CHECK_EQ(counted::alive, 0);
}

TEST(results_and_captures_are_destroyed_once)
{
	weft::executor ex(test_executor_spec());

	if (!is_shared(ex))
		return;
	{
		const counted c(1);
		auto kept = ex.submit([c] { return c; });
		auto thrown = ex.submit([c]() -> counted { throw mishap(c.value); });
		auto taken = ex.submit([c] { return c; });
		CHECK_EQ(taken.get().value, 1);
		kept.wait();
		thrown.wait();
		kept = ex.submit([c] { return c; });
		weft::future<counted> moved = std::move(kept);
		CHECK_EQ(moved.get().value, 1);
	}
	CHECK_EQ(counted::alive, 0);
}

TEST(a_stop_token_cancels)
{
	weft::executor ex(test_executor_spec());
	std::stop_source source;
	int err = 0;

	if (test_is_inline() || !is_shared(ex))
		return;
	auto f = ex.submit([](weft::call c) {
		while (!c.cancelled())
			weft_sleep(WEFT_US(100));
		throw weft::error(-ECANCELED);
	});
	std::stop_callback stop(source.get_token(), [&] { f.cancel(); });
	source.request_stop();
	test_caught<weft::error>([&] { f.get(); }, &err);
	CHECK_EQ(err, ECANCELED);
}

TEST(map_fills_the_outputs_in_order)
{
	weft::executor ex(test_executor_spec());
	std::vector<std::uint32_t> in(1000);
	std::array<std::uint64_t, 1000> out = {};
	int err = 0;

	std::iota(in.begin(), in.end(), 0U);
	ex.map(in, out, [](const std::uint32_t &n) { return std::uint64_t{n} * n; });
	for (std::size_t i = 0; i < out.size(); i++)
		CHECK_EQ(out[i], i * i);
	ex.map(std::span<const std::uint32_t>(in).first(3), std::span(out).first(3),
	       [](auto n) { return std::uint64_t{n} + 5; });
	CHECK_EQ(out[0] + out[1] + out[2] + out[3], 5 + 6 + 7 + 9);
	test_caught<weft::error>([&] { ex.map(in, std::span(out).first(3), [](auto n) { return n; }); },
				 &err);
	CHECK_EQ(err, EINVAL);
	// The first in the order of the elements.
	std::string said = test_caught<std::exception>([&] {
		ex.map(in, out, [](auto n) {
			if (n % 100 == 99)
				throw mishap(static_cast<int>(n));
			return std::uint64_t{n};
		});
	});
	CHECK(said == (is_shared(ex) ? "mishap number 99" : weft_strerror(-ENOTRECOVERABLE)));
	CHECK_EQ(out[98], 98);
}

TEST(parallel_for_takes_indices_or_ranges)
{
	weft::executor ex(test_executor_spec());
	std::vector<int> seen(10000);
	std::atomic<std::size_t> total = 0;
	int err = 0;

	if (!is_shared(ex)) {
		test_caught<weft::error>([&] { ex.parallel_for(0, 10, [&](std::size_t i) { seen[i]++; }); },
					 &err);
		CHECK_EQ(err, EXDEV);
		return;
	}
	ex.parallel_for(0, seen.size(), [&](std::size_t i) { seen[i]++; });
	ex.parallel_for(
		0, seen.size(),
		[&](std::size_t begin, std::size_t end) {
			total += end - begin;
			for (std::size_t i = begin; i < end; i++)
				seen[i]++;
		},
		64);
	CHECK_EQ(total, seen.size());
	CHECK_EQ(std::accumulate(seen.begin(), seen.end(), 0), 20000);
	CHECK(test_caught<mishap>([&] {
		      ex.parallel_for(0, 100, [](std::size_t i) {
			      if (i >= 50)
				      throw mishap(static_cast<int>(i));
		      });
	      }) == "mishap number 50");
}

TEST(loops_as_openmp_has_them_are_cxx_too)
{
	weft::executor ex(test_executor_spec());
	std::size_t n = 0;
	weft_clauses c = {};
	auto count = [](weft_call *, std::size_t begin, std::size_t end, void *, void *part) {
		*static_cast<std::size_t *>(part) += end - begin;
		return 0;
	};

	c.reduction = &weft_sum_size;
	c.value = &n;
	CHECK_EQ(weft_parallel_for(ex.get(), count, 0, 1000, nullptr, &c), is_shared(ex) ? 0 : -EXDEV);
	CHECK_EQ(n, is_shared(ex) ? 1000 : 0);
}

TEST(a_group_waits_for_all_of_its_tasks)
{
	weft::executor ex(test_executor_spec());
	weft::group g(ex);
	std::atomic<int> sum = 0;

	for (int i = 1; i <= 100; i++) {
		if (is_shared(ex))
			CHECK(g.run(
				[&sum, &g](int n) { sum += n % 2 ? n : g.run([&sum, n] { sum += n; }) * 0; },
				i));
		else
			CHECK(g.run([](int n) { return n; }, i));
	}
	g.wait();
	CHECK_EQ(sum, is_shared(ex) ? 5050 : 0);
	CHECK(g.run([] {})); /* it can be used again */
	g.wait();
}

TEST(the_first_failure_of_a_group_cancels_the_others)
{
	weft::executor ex(test_executor_spec());
	weft::group g(ex);
	bool refused = false;

	// Where a cancel reaches them they would sleep for long without it.
	const weft_time nap = is_shared(ex) ? WEFT_SECONDS(20) : WEFT_MS(10);
	auto sleep = [](weft_time ns) {
		if (!weft_sleep(ns) && ns > WEFT_SECONDS(1))
			std::terminate();
	};
	for (int i = 0; i < 3 && !test_is_inline(); i++)
		g.run(sleep, nap);
	g.run([](int n) { throw mishap(n); }, 12);
	CHECK(test_caught<std::exception>([&] { g.wait(); }) == "mishap number 12");
	g.run([](int n) { throw mishap(n); }, 13);
	for (int i = 0; i < 20000 && !refused; i++) {
		refused = !g.run([] {});
		if (!refused)
			test_sleep_ms(1);
	}
	CHECK(refused);
	CHECK(test_caught<std::exception>([&] { g.wait(); }) == "mishap number 13");
	g.cancel();
	int err = 0;
	test_caught<weft::error>([&] { g.wait(); }, &err);
	CHECK(err == ECANCELED || err == 0);
}

// Two tasks that wait inside handlers, in turns: on one ring both are fibers of one thread, and each must find its own
// exception when it goes on.
TEST(exceptions_that_are_handled_stay_with_their_task)
{
	weft::executor ex(test_executor_spec());
	std::atomic<int> turn = 0;
	auto task = [&turn](int me) {
		std::string seen;
		for (int round = 0; round < 3; round++) {
			try {
				throw mishap(me * 10 + round);
			} catch (const mishap &e) {
				turn++;
				for (int i = 0; i < 2000 && turn < 2 * round + 2; i++)
					weft_sleep(WEFT_US(100 * (me + 1)));
				try {
					throw;
				} catch (const mishap &again) {
					seen += again.number == me * 10 + round ? "+" : "-";
				}
			}
			seen += std::uncaught_exceptions() ? "!" : "";
		}
		return seen;
	};

	if (test_is_inline() || !is_shared(ex))
		return;
	auto a = ex.submit(task, 1), b = ex.submit(task, 2), c = ex.submit(task, 3), d = ex.submit(task, 4);
	CHECK(a.get() == "+++");
	CHECK(b.get() == "+++");
	CHECK(c.get() == "+++");
	CHECK(d.get() == "+++");
}
