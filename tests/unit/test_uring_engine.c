/* SPDX-License-Identifier: MIT
 *
 * Which engine an executor "uring" has, and what it is told.
 */
#include "uring_kit.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

TEST(the_name_says_which_engine)
{
	weft_executor *ex;

	need_io_uring();
	ex = open_with("1", "io_uring", "");

	CHECK(!strcmp(weft_executor_name(ex), "uring:1 (io_uring)"));
	weft_executor_free(ex);
	ex = open_with("2", "epoll", "");
	CHECK(!strcmp(weft_executor_name(ex), "uring:2 (epoll)"));
	weft_executor_free(ex);
	ex = open_with("1", "epoll", ",name=mine");
	CHECK(!strcmp(weft_executor_name(ex), "mine"));
	weft_executor_free(ex);
}

TEST(the_environment_switches_io_uring_off)
{
	weft_executor *ex = NULL;

	need_io_uring();
	setenv("WEFT_URING", "off", 1);
	REQUIRE_EQ(weft_executor_open(&ex, "uring:1"), 0);
	CHECK(ends_with(weft_executor_name(ex), "(epoll)"));
	weft_executor_free(ex);
	ex = NULL;
	CHECK_EQ(weft_executor_open(&ex, "uring:1,engine=io_uring"), -ENOSYS);
	CHECK(!ex);
	setenv("WEFT_URING", "on", 1);
	REQUIRE_EQ(weft_executor_open(&ex, "uring:1"), 0);
	CHECK(ends_with(weft_executor_name(ex), "(io_uring)"));
	weft_executor_free(ex);
}

static void check_refusal(int err)
{
	weft_executor *ex = NULL;
	uint64_t n = 7, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};

	REQUIRE(test_deny(SYS_io_uring_setup, err)); /* as a container's profile does it */
	CHECK_EQ(weft_executor_open(&ex, "uring:2,engine=io_uring"), -err);
	REQUIRE_EQ(weft_executor_open(&ex, "uring:2"), 0);
	CHECK(!strcmp(weft_executor_name(ex), "uring:2 (epoll)"));
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(square, 49);
	weft_executor_free(ex);
}

TEST(where_the_kernel_forbids_io_uring_there_is_epoll)
{
	check_refusal(EPERM);
}

TEST(where_the_kernel_lacks_io_uring_there_is_epoll)
{
	check_refusal(ENOSYS);
}

TEST(options_are_checked)
{
	struct weft_uring_opts o = {.size = sizeof o, .lanes = WEFT_WORKERS_MAX + 1};
	weft_executor *ex = NULL;

	CHECK_EQ(weft_uring_new(NULL, NULL), -EINVAL);
	CHECK_EQ(weft_uring_new(&ex, &o), -ERANGE);
	o = (struct weft_uring_opts){.size = sizeof o, .stack_size = 1};
	CHECK_EQ(weft_uring_new(&ex, &o), -ERANGE);
	o = (struct weft_uring_opts){.size = sizeof o, .slack = 1000001};
	CHECK_EQ(weft_uring_new(&ex, &o), -ERANGE);
	o = (struct weft_uring_opts){.size = sizeof o, .engine = (enum weft_uring_engine)3};
	CHECK_EQ(weft_uring_new(&ex, &o), -EINVAL);
	CHECK(!ex);
}
