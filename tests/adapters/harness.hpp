// SPDX-License-Identifier: MIT
//
// harness.hpp -- harness.h for tests in C++: an exception that leaves a test fails it.
//
// Only CHECK and CHECK_EQ: REQUIRE and SKIP leave by longjmp, which runs no destructors.
#ifndef TESTS_HARNESS_HPP
#define TESTS_HARNESS_HPP

#include "harness.h"

#include <cstdio>
#include <exception>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#undef REQUIRE
#undef REQUIRE_EQ
#undef SKIP
#undef TEST
#define TEST(id)                                                                                             \
	static void test_body_##id();                                                                        \
	static void test_fn_##id()                                                                           \
	{                                                                                                    \
		test_run(test_body_##id);                                                                    \
	}                                                                                                    \
	__attribute__((constructor)) static void test_register_##id()                                        \
	{                                                                                                    \
		static struct test_case t = {#id, test_fn_##id, nullptr};                                    \
		test_register(&t);                                                                           \
	}                                                                                                    \
	static void test_body_##id()

inline void test_run(void (*body)())
{
	bool threw = true;

	try {
		body();
		threw = false;
	} catch (const std::exception &e) {
		std::fprintf(stderr, "thrown: %s\n", e.what());
	} catch (...) {
	}
	CHECK(!threw);
}

// What f throws, caught as E; none: a failure.
template <class E, class F> std::string test_caught(F &&f, int *ret_errno = nullptr)
{
	try {
		std::forward<F>(f)();
	} catch (const std::exception &e) {
		const auto *code = dynamic_cast<const std::system_error *>(&e);
		if (ret_errno && code)
			*ret_errno = code->code().value();
		if constexpr (!std::is_same_v<E, std::exception>)
			if (!dynamic_cast<const E *>(&e))
				return std::string("another: ") + e.what();
		return e.what();
	}
	return "nothing was thrown";
}

#endif
