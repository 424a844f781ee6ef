// SPDX-License-Identifier: MIT
//
// weft/job.hpp -- between a C++ function and a task of the library. Part of weft/weft.hpp, which says what is promised.
//
// Where memory is shared a task gets the address of its job: the function, its result and what it throws stay there.
// Elsewhere the bytes of the function travel, and those of the result come back; an exception becomes a text.
#ifndef WEFT_JOB_HPP
#define WEFT_JOB_HPP

#include <cerrno>
#include <cstddef>
#include <cxxabi.h>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

#include <weft/call.h>
#include <weft/error.hpp>
#include <weft/executor.h>
#include <weft/group.h>
#include <weft/task.h>

namespace weft
{

// ---- What runs ----

// A task seen from inside: a function may take it as its first parameter.
class call
{
	weft_call *call_;

      public:
	explicit call(weft_call *c) : call_(c)
	{
	}

	bool cancelled() const
	{
		return weft_call_cancelled(call_);
	}
	weft_call *get() const
	{
		return call_;
	}
};

// Bytes that may go to another process. Asked: by portable(); else its arguments and its lack of captures show it.
template <class F, bool Asked> struct portable_function {
	F f;

	template <class... A>
	requires std::is_invocable_v<F &, A...>
	decltype(auto) operator()(A &&...a)
	{
		return f(std::forward<A>(a)...);
	}
};

// Your word that the captures of f hold no pointers and no references.
template <class F> portable_function<F, true> portable(F f)
{
	static_assert(std::is_trivially_copyable_v<F>,
		      "weft: what travels to another process must be trivially copyable, captures included");
	return {f};
}

// Of a task. Name those that you want: {.deadline = 100ms, .name = "parse"}.
struct options {
	weft::deadline deadline = {};
	const char *name = nullptr; // borrowed until done
	int priority = 0;
	bool idempotent = false;
};

namespace detail
{

template <class F> inline constexpr bool is_portable = false;
template <class F, bool Asked> inline constexpr bool is_portable<portable_function<F, Asked>> = true;
template <class F> inline constexpr bool is_asked = false;
template <class F> inline constexpr bool is_asked<portable_function<F, true>> = true;

// May its bytes go to another process?
template <class F>
inline constexpr bool travels = is_portable<F> || (std::is_empty_v<F> && std::is_trivially_copyable_v<F>);
template <class T>
inline constexpr bool is_plain = std::is_void_v<T> ||
				 (std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> &&
				  !std::is_member_pointer_v<T> && alignof(T) <= 16);
template <> inline constexpr bool is_plain<void> = true;

template <class F> decltype(auto) invoke(F &f, weft_call *c)
{
	if constexpr (std::is_invocable_v<F &, call>)
		return f(call(c));
	else
		return f();
}

template <class F> using result_of = decltype(invoke(std::declval<F &>(), nullptr));

// f and its arguments as one function.
template <class F, class... A> auto bind(F &&f, A &&...a)
{
	using D = std::decay_t<F>;

	if constexpr (sizeof...(A) == 0) {
		return D(std::forward<F>(f));
	} else {
		auto bound = [f = D(std::forward<F>(f)),
			      ... a = std::decay_t<A>(std::forward<A>(a))](call c) mutable -> decltype(auto) {
			if constexpr (std::is_invocable_v<D &, call, std::decay_t<A>...>)
				return f(c, std::move(a)...);
			else
				return f(std::move(a)...);
		};
		constexpr bool plain = (is_plain<std::decay_t<A>> && ...);
		static_assert(plain || !is_asked<D>,
			      "weft: an argument that travels to another process must be "
			      "trivially copyable, and no pointer");
		if constexpr (travels<D> && plain)
			return portable_function<decltype(bound), is_asked<D>>{bound};
		else
			return bound;
	}
}

// The errno as which the library sees an exception.
inline int status_of(const std::error_code &code)
{
	const bool is_errno = code.category() == std::generic_category() ||
			      code.category() == std::system_category() || code.category() == category();

	return is_errno && code.value() > 0 ? -code.value() : -ENOTRECOVERABLE;
}

// Between the library and f: nothing that f throws gets further.
template <class F> int guard(weft_call *c, std::exception_ptr *ret_thrown, F &&f)
{
	auto failed = [&](int err, const char *text) {
		if (ret_thrown)
			*ret_thrown = std::current_exception();
		return weft_call_fail(c, err, "%s", text);
	};

	try {
		f();
		return 0;
	} catch (abi::__forced_unwind &) { // no exception: the thread ends, by pthread_exit
		throw;
	} catch (const std::system_error &e) {
		return failed(status_of(e.code()), e.what());
	} catch (const std::bad_alloc &e) {
		return failed(-ENOMEM, e.what());
	} catch (const std::exception &e) {
		return failed(-ENOTRECOVERABLE, e.what());
	} catch (...) {
		return failed(-ENOTRECOVERABLE, "an exception that is no std::exception");
	}
}

// Room for a result.
template <class R> struct slot {
	static_assert(std::is_object_v<R>, "weft: a task returns a value, or nothing");
	static constexpr std::size_t size = sizeof(R);
	alignas(R) unsigned char bytes[sizeof(R)];
	bool holds = false; // one that was made here, and must be destroyed here

	R &value()
	{
		return *std::launder(reinterpret_cast<R *>(bytes));
	}
	~slot()
	{
		if (holds)
			std::destroy_at(&value());
	}
};
template <> struct slot<void> {
	static constexpr std::size_t size = 0;
	unsigned char *bytes = nullptr;
};

// A task, with all that it needs until it is done.
struct job_base {
	weft_task task = {};
	weft_group own = {}; // of a task that is in no other one
	std::exception_ptr thrown;

	job_base() = default;
	job_base(const job_base &) = delete;
	virtual ~job_base() = default;

	weft_future *future()
	{
		return weft_task_future(&task);
	}
	bool is_done()
	{
		return weft_future_status(future()) != -EINPROGRESS;
	}
	[[noreturn]] void fail(int err)
	{
		if (thrown)
			std::rethrow_exception(thrown);
		throw error(err, weft_future_error(future()));
	}
};

template <class R> struct job_of : job_base {
	slot<R> result;
};

template <class F> struct job final : job_of<result_of<F>> {
	using R = result_of<F>;
	F f;
	job *self = this;

	explicit job(F &&from) : f(std::move(from))
	{
	}

	static int run_here(weft_call *c, const void *arg, void *)
	{
		job *j = *static_cast<job *const *>(arg);

		return guard(c, &j->thrown, [&] {
			if constexpr (std::is_void_v<R>) {
				invoke(j->f, c);
			} else {
				::new (static_cast<void *>(j->result.bytes)) R(invoke(j->f, c));
				j->result.holds = true;
			}
		});
	}

	static int run_there(weft_call *c, const void *arg, void *result)
	{
		return guard(c, nullptr, [&] {
			F copy = *static_cast<const F *>(arg);

			if constexpr (std::is_void_v<R>)
				invoke(copy, c);
			else
				::new (result) R(invoke(copy, c));
		});
	}

	int submit(weft_group &g, const options &o)
	{
		weft_task &t = this->task;

		t.deadline = o.deadline.time() == WEFT_FOREVER ? 0 : o.deadline.time();
		t.name = o.name;
		t.priority = o.priority;
		if (weft_executor_caps(g.ex) & WEFT_CAP_LOCAL) {
			t.fn = run_here;
			t.arg = &self;
			t.arg_size = sizeof self;
			t.flags = WEFT_TASK_LOCAL;
		} else if constexpr (travels<F> && is_plain<R> && alignof(F) <= 16) {
			t.fn = run_there;
			t.arg = &f;
			t.arg_size = sizeof f;
			t.result = this->result.bytes;
			t.result_size = this->result.size;
			t.flags = o.idempotent ? WEFT_TASK_IDEMPOTENT : 0;
		} else {
			static_assert(!is_asked<F> || is_plain<R>,
				      "weft: a result that travels from another process must be trivially "
				      "copyable, and no pointer");
			return -EXDEV;
		}
		return weft_group_submit(&g, &t);
	}
};

template <class F> auto make_job(F &&f)
{
	return std::make_unique<job<F>>(std::move(f));
}

// A parallel loop, and what its first failed range threw.
template <class F> struct loop {
	F &f;
	std::mutex lock = {};
	std::size_t at = SIZE_MAX;
	std::exception_ptr thrown = {};

	static int run(weft_call *c, std::size_t begin, std::size_t end, void *ctx)
	{
		loop *l = static_cast<loop *>(ctx);
		std::exception_ptr thrown;
		const int err = guard(c, &thrown, [&] {
			if constexpr (std::is_invocable_v<F &, std::size_t, std::size_t>)
				l->f(begin, end);
			else
				for (std::size_t i = begin; i < end; i++)
					l->f(i);
		});

		if (err < 0) {
			std::lock_guard hold(l->lock);
			if (begin <= l->at) {
				l->at = begin;
				l->thrown = thrown;
			}
		}
		return err;
	}
};

} // namespace detail

} // namespace weft

#endif
