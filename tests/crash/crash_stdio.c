/* SPDX-License-Identifier: MIT
 *
 * crash_stdio.c -- pools of processes in programs that are not as one expects: with standard descriptors
 * closed, and inside what is about to become a nursery.
 */
#include "harness.h"
#include <weft/weft.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { N = 200 };

/* Writes to descriptors 0 and 1, which must not be the library's, and squares. */
static int scribble_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t n = *(const uint64_t *)arg, garbage[8] = {0};
	(void)call;
	for (int fd = 0; fd < 2; fd++)
		if (write(fd, garbage, sizeof garbage) < 0 && errno != EBADF)
			return -errno;
	*(uint64_t *)result = n * n;
	return 0;
}

TEST(stdio_closed)
{
	weft_executor *ex = NULL;
	uint64_t in[N], out[N] = {0};
	size_t wrong = 0;
	close(0);
	close(1);
	REQUIRE_EQ(weft_executor_open(&ex, "processes:2"), 0);
	for (uint64_t i = 0; i < N; i++)
		in[i] = i;
	CHECK_EQ(weft_map(ex, scribble_fn, in, 8, out, 8, N, NULL), 0);
	for (uint64_t i = 0; i < N; i++)
		wrong += out[i] != i * i;
	CHECK_EQ(wrong, 0);
	weft_executor_free(ex);
}

/* A constructor of the program that makes a pool would start nurseries without end. */
TEST(stdio_no_nursery_in_a_nursery)
{
	weft_executor *ex = NULL;
	setenv("WEFT__NURSERY", "1", 1);
	CHECK_EQ(weft_executor_open(&ex, "processes:1"), -ENOEXEC);
	CHECK(ex == NULL);
	unsetenv("WEFT__NURSERY");
	REQUIRE_EQ(weft_executor_open(&ex, "processes:1"), 0);
	weft_executor_free(ex);
}
