// SPDX-License-Identifier: MIT
//
// consumer.cpp -- a small program of a user in C++17: the headers, the macros, and the same function on
// each executor.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>
#include <weft/executor_impl.h>
#include <weft/weft.h>

static int square(weft_call *, const void *arg, void *result)
{
	auto n = *static_cast<const std::uint64_t *>(arg);
	*static_cast<std::uint64_t *>(result) = n * n;
	return 0;
}

struct executor_free {
	void operator()(weft_executor *ex) const
	{
		weft_executor_free(ex);
	}
};

static int try_on(const std::string &spec)
{
	std::vector<std::uint64_t> numbers(100), squares(numbers.size());
	for (std::size_t i = 0; i < numbers.size(); i++)
		numbers[i] = i;

	weft_executor *opened = nullptr;
	int err = weft_executor_open(&opened, spec.c_str());
	std::unique_ptr<weft_executor, executor_free> ex(opened);
	if (!err) {
		weft_map_opts opts{};
		opts.size = sizeof opts;
		opts.deadline = weft_after(WEFT_SECONDS(60));
		err = weft_map(ex.get(), square, numbers.data(), sizeof numbers[0], squares.data(),
			       sizeof squares[0], numbers.size(), &opts);
	}
	if (err) {
		std::fprintf(stderr, "%s: %s\n", spec.c_str(), weft_strerror(err));
		return 1;
	}

	weft_task task{};
	std::uint64_t twelve = 12, answer = 0;
	task.fn = square;
	task.arg = &twelve;
	task.arg_size = sizeof twelve;
	task.result = &answer;
	task.result_size = sizeof answer;
	err = weft_submit(ex.get(), &task);
	if (!err)
		err = weft_future_wait(weft_task_future(&task), WEFT_FOREVER);
	if (err || answer != 144)
		return 1;

	for (std::size_t i = 0; i < squares.size(); i++) {
		if (squares[i] != i * i)
			return 1;
	}
	std::printf("%s: all right\n", spec.c_str());
	return 0;
}

int main()
{
	return try_on("inline") + try_on("threads:2") + try_on("processes:2");
}
