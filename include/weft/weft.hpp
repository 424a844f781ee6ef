// SPDX-License-Identifier: MIT
//
// weft/weft.hpp -- weft for C++20: executors, futures and groups that end with their scope, lambdas, exceptions.
//
//   weft::executor ex("threads:8");
//   weft::future<double> area = ex.submit([&] { return integrate(f, 0, 1); });
//   weft::future<int> lines = ex.submit([](int n) { return n * n; }, 12);      // also on "processes"
//   ex.map(numbers, squares, [](const auto &n) { return n * n; });
//   std::printf("%g %d\n", area.get(), lines.get());
//
// Errors are exceptions. What a task throws is kept, and thrown again by get() or wait(): where memory is shared the
// very same object; from another process a weft::error with its what(). Errors of the library are a weft::error, which
// is a std::system_error of an errno: e.code() == std::errc::timed_out. No exception ever passes through the library.
//
// A future or a group that goes out of scope, also because an exception flies, cancels its tasks and waits for those
// that run: what their lambdas refer to may lie in that scope. Keep a future for as long as its task should go on.
//
// What may run where memory is not shared ("processes")? Functions without captures, with arguments and a result that
// are trivially copyable and no pointers; and what weft::portable() vouches for. Anything else is refused: -EXDEV.
// Nobody can see whether a struct holds pointers, or a lambda captures by reference: hence portable(), your word that
// it does not. In a worker process static objects need not have been built: weft/process_pool.h.
//
// To cancel by a std::stop_token: std::stop_callback stop(token, [&] { future.cancel(); });
//
// This header holds code, which is compiled into your program; of libweft it uses the C functions only. All that is not
// said here is as with the C function that a member is named after.
#ifndef WEFT_WEFT_HPP
#define WEFT_WEFT_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/error.hpp>
#include <weft/job.hpp>

namespace weft
{

// ---- The outcome of one task ----

template <class R> class future
{
	std::unique_ptr<detail::job_of<R>> job_;

	friend class executor;
	explicit future(std::unique_ptr<detail::job_of<R>> job) : job_(std::move(job))
	{
	}

	detail::job_of<R> &job() const
	{
		if (!job_)
			throw error(-EINVAL, "weft::future: there is no task, or its result was taken");
		return *job_;
	}

	void end() noexcept
	{
		if (!job_)
			return;
		weft_group_cancel(&job_->own);
		weft_group_wait(&job_->own);
		/* In a fork nobody will finish it, and its own task cannot wait for itself: then it is left alone. */
		if (!job_->is_done())
			static_cast<void>(job_.release());
		job_.reset();
	}

      public:
	future() = default;
	future(future &&) = default;
	future &operator=(future &&from) noexcept
	{
		future old(std::move(*this));

		job_ = std::move(from.job_);
		return *this;
	}
	~future()
	{
		end();
	}

	bool valid() const
	{
		return job_ != nullptr;
	}

	// false: the deadline came first. Throws where the calling task is cancelled (ECANCELED) or would wait for itself
	// (EDEADLK).
	bool wait(deadline d = {}) const
	{
		const int err = weft_future_wait(job().future(), d.time());

		if (err && err != -ETIMEDOUT)
			throw error(err);
		return !err;
	}

	bool is_done() const
	{
		return job().is_done();
	}

	weft_cancel cancel() const
	{
		return weft_future_cancel(job().future());
	}

	// Waits, and gives the result away, or throws what the task threw; after either there is nothing here any more.
	R get()
	{
		wait();

		future mine(std::move(*this));
		detail::job_of<R> &j = mine.job();
		const int status = weft_future_status(j.future());

		if (status < 0)
			j.fail(status);
		if constexpr (!std::is_void_v<R>)
			return std::move(j.result.value());
	}

	// For the C functions; borrowed.
	weft_future *handle() const
	{
		return job().future();
	}
};

// ---- Where tasks run ----

class executor
{
	weft_executor *ex_ = nullptr;

      public:
	// As weft_executor_open: nullptr is $WEFT_EXECUTOR, else "threads".
	explicit executor(const char *spec = nullptr)
	{
		if (const int err = weft_executor_open(&ex_, spec))
			throw error(err, spec ? spec : "");
	}
	explicit executor(const std::string &spec) : executor(spec.c_str())
	{
	}
	// Takes one that was made by a C function.
	explicit executor(weft_executor *ex) : ex_(ex)
	{
	}
	executor(executor &&from) noexcept : ex_(std::exchange(from.ex_, nullptr))
	{
	}
	executor &operator=(executor &&from) noexcept
	{
		executor old(std::move(*this));

		ex_ = std::exchange(from.ex_, nullptr);
		return *this;
	}
	// Drains it.
	~executor()
	{
		weft_executor_free(ex_);
	}

	// Runs f(a...), or f(weft::call, a...). f and a are moved or copied into the task.
	template <class F, class... A>
	requires(!std::same_as<std::decay_t<F>, options>) auto submit(F &&f, A &&...a)
	{
		return submit(options{}, std::forward<F>(f), std::forward<A>(a)...);
	}

	template <class F, class... A> auto submit(const options &o, F &&f, A &&...a)
	{
		auto job = detail::make_job(detail::bind(std::forward<F>(f), std::forward<A>(a)...));
		using R = typename decltype(job)::element_type::R;

		job->own.ex = ex_;
		if (const int err = job->submit(job->own, o))
			throw error(err);
		return future<R>(std::move(job));
	}

	// Runs f(i) for each index, or f(begin, end) for ranges of at most grain of them (0: what pays), as weft_for.
	// What the first failed range threw is thrown again.
	template <class F> void parallel_for(std::size_t begin, std::size_t end, F &&f, std::size_t grain = 0)
	{
		detail::loop<std::remove_reference_t<F>> l{f};
		const int err = weft_for(ex_, l.run, begin, end, grain, &l);

		if (err && l.thrown)
			std::rethrow_exception(l.thrown);
		if (err)
			throw error(err);
	}

	// out[i] = f(in[i]), for vectors, arrays, spans. On "processes", as weft_map, f must have no captures, and what f
	// throws comes as a weft::error without its text.
	template <std::ranges::contiguous_range In, std::ranges::contiguous_range Out, class F>
	void map(const In &in, Out &&out, F f)
	{
		std::span from(in);
		std::span to(out);
		using I = typename decltype(from)::value_type;
		using O = typename decltype(to)::value_type;

		if (from.size() != to.size())
			throw error(-EINVAL, "weft: map needs as many outputs as inputs");
		if (weft_executor_caps(ex_) & WEFT_CAP_LOCAL)
			parallel_for(0, from.size(), [&](std::size_t i) { to[i] = f(from[i]); });
		else if constexpr (std::is_empty_v<F> && std::is_default_constructible_v<F> &&
				   detail::is_plain<I> && detail::is_plain<O>)
			map_there<I, O, F>(from, to);
		else
			throw error(-EXDEV);
	}

	void stop(weft_stop how, deadline d = {})
	{
		if (const int err = weft_executor_stop(ex_, how, d.time()))
			throw error(err);
	}

	weft_executor *get() const
	{
		return ex_;
	}

      private:
	template <class I, class O, class F> void map_there(std::span<const I> in, std::span<O> out)
	{
		auto one = [](weft_call *c, const void *arg, void *result) {
			return detail::guard(c, nullptr, [&] {
				*static_cast<O *>(result) = F{}(*static_cast<const I *>(arg));
			});
		};

		if (const int err = weft_map(ex_, one, in.data(), sizeof(I), out.data(), sizeof(O), in.size(),
					     nullptr))
			throw error(err);
	}
};

// ---- Tasks that start together, end together, and fail together ----

class group
{
	weft_group group_ = {};
	std::mutex lock_;
	std::vector<std::unique_ptr<detail::job_base>> jobs_;

	bool all_done() const
	{
		return std::ranges::all_of(jobs_, [](const auto &j) { return j->is_done(); });
	}

	void forget(const detail::job_base *job)
	{
		std::lock_guard hold(lock_);

		std::erase_if(jobs_, [=](const auto &j) { return j.get() == job; });
	}

      public:
	// deadline: of tasks that have none of their own.
	explicit group(executor &ex, deadline d = {})
	{
		group_.ex = ex.get();
		group_.deadline = d.time() == WEFT_FOREVER ? 0 : d.time();
	}
	group(const group &) = delete;
	~group()
	{
		weft_group_cancel(&group_);
		weft_group_wait(&group_);
		if (!all_done()) /* see future::end */
			for (auto &j : jobs_)
				static_cast<void>(j.release());
	}

	// As submit, from any thread, also in tasks of the group; what the function returns is dropped.
	// false: it is not run, since the group has been cancelled, by a failure or by cancel().
	template <class F, class... A>
	requires(!std::same_as<std::decay_t<F>, options>) bool run(F &&f, A &&...a)
	{
		return run(options{}, std::forward<F>(f), std::forward<A>(a)...);
	}

	template <class F, class... A> bool run(const options &o, F &&f, A &&...a)
	{
		auto job = detail::make_job(detail::bind(std::forward<F>(f), std::forward<A>(a)...));
		auto *j = job.get();

		{
			std::lock_guard hold(lock_);
			jobs_.push_back(std::move(job));
		}
		const int err = j->submit(group_, o);
		if (!err)
			return true;
		forget(j);
		if (err == -ECANCELED)
			return false;
		throw error(err);
	}

	void cancel() noexcept
	{
		weft_group_cancel(&group_);
	}

	// Waits for all, and throws what the first that failed threw, or another with the same errno. The group is empty
	// then.
	void wait()
	{
		const int err = weft_group_wait(&group_);

		if (err && !all_done())
			throw error(err); /* it did not wait */
		const auto jobs = std::exchange(jobs_, {});
		for (const auto &j : jobs)
			if (err && weft_future_status(j->future()) == err)
				j->fail(err);
		if (err)
			throw error(err);
	}
};

} // namespace weft

#endif
