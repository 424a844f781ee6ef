// SPDX-License-Identifier: MIT
//
// word_count.cpp FILE... -- counts the words of files, a task for each, with weft/weft.hpp. A file that cannot be read is
// an exception of its task, and comes out of get().
#include <cerrno>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>
#include <weft/weft.hpp>

static std::size_t count_words(const std::string &path)
{
	std::ifstream file(path);
	std::size_t n = 0;

	if (!file)
		throw std::system_error(errno, std::generic_category(), path);
	for (std::string word; file >> word;)
		n++;
	return n;
}

int main(int argc, char **argv)
try {
	const std::vector<std::string> paths(argv + 1, argv + argc);
	weft::executor ex("threads");
	std::vector<weft::future<std::size_t>> counts;
	int status = 0;

	for (const auto &path : paths)
		counts.push_back(ex.submit([&path] { return count_words(path); }));
	for (auto &count : counts) {
		try {
			const std::size_t n = count.get();
			std::printf("%8zu %s\n", n,
				    paths[static_cast<std::size_t>(&count - counts.data())].c_str());
		} catch (const std::system_error &e) {
			std::fprintf(stderr, "%s\n", e.what());
			status = 1;
		}
	}
	return status;
} catch (const std::exception &e) {
	std::fprintf(stderr, "word_count: %s\n", e.what());
	return 1;
}
