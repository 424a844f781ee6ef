/* SPDX-License-Identifier: MIT
 *
 * test_memory.c -- memory of tasks, in a program without jemalloc. With it: tests/jemalloc.
 */
#include "harness.h"

#include <stdint.h>
#include <string.h>

#include "memory.h"

TEST(memory_without_jemalloc)
{
	for (size_t n = 1; n < 100000; n = 3 * n + 1) {
		unsigned char *p = weft__memory_new(n, false);

		REQUIRE(p != NULL);
		CHECK_EQ((uintptr_t)p % 16, 0);
		memset(p, 1, n);
		weft__memory_free(p);
		p = weft__memory_new(n, true);
		REQUIRE(p != NULL);
		for (size_t i = 0; i < n; i++)
			if (p[i])
				CHECK_EQ(p[i], 0);
		weft__memory_free(p);
	}
	weft__memory_free(NULL);
}
