/* SPDX-License-Identifier: MIT
 *
 * test_base.c -- versions and error texts.
 */
#include "harness.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <weft/base.h>

static const struct {
	int err;
	const char *text;
} own[] = {
	{0, "success"},
	{E2BIG, "larger than can be handed over"},
	{EAGAIN, "not now: full, empty or at a limit"},
	{EADDRINUSE, "address is taken"},
	{EBADMSG, "worker sent garbage, or a queue is damaged"},
	{EBUSY, "in use: queued, running or held"},
	{ECANCELED, "cancelled"},
	{ECHILD, "another process's, or waited for elsewhere"},
	{EDEADLK, "would wait for itself"},
	{EINPROGRESS, "not done"},
	{ENODATA, "no worker died"},
	{ENOEXEC, "function not in the worker's program, or no program"},
	{ENOLCK, "thread holds too many shared locks"},
	{ENOMSG, "next is of the other kind"},
	{ENOSPC, "no room left"},
	{ENOSYS, "not in this build, or not on this system"},
	{EOVERFLOW, "more than can be addressed or counted"},
	{EOWNERDEAD, "worker died"},
	{EPIPE, "closed or broken"},
	{ERANGE, "number outside its limits"},
	{ESHUTDOWN, "executor is stopped"},
	{ESTALE, "stale: of another version, machine or namespace"},
	{ETIMEDOUT, "deadline passed"},
	{EXDEV, "other address space"},
};

static bool says(int err, const char *text)
{
	return !strcmp(weft_strerror(err), text);
}

TEST(version_is_that_of_the_headers)
{
	CHECK_EQ(weft_version(), WEFT_VERSION);
	CHECK_EQ(weft_version() >> 16, WEFT_VERSION_MAJOR);
}

TEST(own_meanings_with_either_sign)
{
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		CHECK(says(-own[i].err, own[i].text));
		CHECK(says(own[i].err, own[i].text));
	}
}

TEST(other_errors_as_the_c_library_has_them)
{
	CHECK(says(-ENOMEM, strerror(ENOMEM)));
	CHECK(says(-EINVAL, strerror(EINVAL)));
	CHECK(says(EMFILE, strerror(EMFILE)));
	CHECK(!says(-ENOMEM, "unknown error"));
}

TEST(what_is_no_error)
{
	static const int strange[] = {INT_MIN, INT_MIN + 1, INT_MAX, 5000, -5000, 1 << 16};
	for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
		CHECK(says(strange[i], "unknown error"));
}

TEST(no_number_gives_null)
{
	for (int err = -5000; err <= 5000; err++)
		REQUIRE(weft_strerror(err) && weft_strerror(err)[0] != '\0');
}
