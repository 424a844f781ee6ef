// SPDX-License-Identifier: MIT
//
// weft/error.hpp -- errnos as exceptions, and deadlines of std::chrono. Part of weft/weft.hpp.
#ifndef WEFT_ERROR_HPP
#define WEFT_ERROR_HPP

#if __cplusplus < 202002L
#error "weft/weft.hpp needs C++20; the C headers, as weft/weft.h, are C++11 too"
#endif

#include <chrono>
#include <cstdint>
#include <ratio>
#include <stdexcept>
#include <string>
#include <system_error>

#include <weft/base.h>

namespace weft
{

// ---- Errors ----

// Of errnos, with the texts of weft_strerror; equal to std::errc.
inline const std::error_category &category() noexcept
{
	static const struct : std::error_category {
		const char *name() const noexcept override
		{
			return "weft";
		}
		std::string message(int e) const override
		{
			return weft_strerror(-e);
		}
		std::error_condition default_error_condition(int e) const noexcept override
		{
			return {e, std::generic_category()};
		}
	} it;
	return it;
}

// what() is the text that came with the error, if one did; else what the error means.
class error : public std::system_error
{
	std::runtime_error text_; // copies of it do not throw

      public:
	explicit error(int err, const char *text = "") : system_error(-err, category()), text_(text)
	{
	}

	const char *what() const noexcept override
	{
		return *text_.what() ? text_.what() : system_error::what();
	}
};

// ---- Time ----

// A point in time, on the clock of std::chrono::steady_clock; or so long from now; by default never.
class deadline
{
	weft_time at_ = WEFT_FOREVER;

	template <class R, class P> static weft_time held(std::chrono::duration<R, P> d)
	{
		const double ns = std::chrono::duration<double, std::nano>(d).count();

		if (ns >= 9.2e18)
			return WEFT_FOREVER;
		if (ns <= -9.2e18)
			return INT64_MIN;
		return std::chrono::duration_cast<std::chrono::nanoseconds>(d).count();
	}

      public:
	deadline() = default;
	deadline(std::chrono::steady_clock::time_point at) : at_(held(at.time_since_epoch()))
	{
	}
	template <class R, class P> deadline(std::chrono::duration<R, P> ahead) : at_(weft_after(held(ahead)))
	{
	}

	weft_time time() const
	{
		return at_;
	}
};

} // namespace weft

#endif
