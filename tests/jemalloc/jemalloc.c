/* SPDX-License-Identifier: MIT
 *
 * jemalloc.c -- a program linked with jemalloc: the memory of its tasks comes from mallocx. The program's own
 * definitions come before jemalloc's, count, and call those.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>
#include <weft/weft.h>

#include "harness.h"

void *mallocx(size_t size, int flags);
void dallocx(void *p, int flags);

static uint32_t taken, given_back;

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

void *mallocx(size_t size, int flags)
{
	void *(*real)(size_t, int);
	void *symbol = next("mallocx");

	memcpy(&real, &symbol, sizeof real);
	test_add(&taken, 1);
	return real(size, flags);
}

void dallocx(void *p, int flags)
{
	void (*real)(void *, int);
	void *symbol = next("dallocx");

	memcpy(&real, &symbol, sizeof real);
	test_add(&given_back, 1);
	real(p, flags);
}

static int scratch_fn(weft_call *call, const void *arg, void *result)
{
	char *p = weft_call_scratch(call, 1000);

	(void)arg;
	if (p)
		memset(p, 1, 1000);
	*(bool *)result = p != NULL;
	return 0;
}

TEST(is_there)
{
	CHECK(next("mallocx") != NULL);
}

TEST(tasks_use_it)
{
	enum { N = 100 };
	weft_executor *ex = NULL;
	weft_future *f[N];

	REQUIRE_EQ(weft_executor_open(&ex, "threads:2"), 0);
	for (uint64_t i = 0; i < N; i++)
		REQUIRE_EQ(weft_async(ex, test_square_fn, &i, sizeof i, sizeof i, &f[i]), 0);
	CHECK_EQ(test_get(&taken), N);
	for (uint64_t i = 0; i < N; i++) {
		test_wait(f[i]);
		CHECK_EQ(((uintptr_t)f[i] - (uintptr_t)f[0]) % 64,
			 0); /* each at the same place of a cache line */
		CHECK_EQ(*(const uint64_t *)weft_future_result(f[i], NULL), i * i);
		weft_future_unref(f[i]);
	}
	weft_executor_free(ex);
	CHECK_EQ(test_get(&given_back), N);
}

TEST(scratch_uses_it)
{
	weft_executor *ex = NULL;
	bool got = false;
	weft_task t = {.fn = scratch_fn, .result = &got, .result_size = sizeof got};

	REQUIRE_EQ(weft_executor_open(&ex, "threads:2"), 0);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	weft_executor_free(ex);
	CHECK(got);
	CHECK_EQ(test_get(&taken), 1);
	CHECK_EQ(test_get(&given_back), 1);
}

/* In workers, too: they are runs of the same program. */
static int count_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg;
	weft_call_scratch(call, 1);
	*(uint32_t *)result = test_get(&taken);
	return 0;
}

TEST(workers_use_it)
{
	weft_executor *ex = NULL;
	uint32_t count = 0;
	weft_task t = {.fn = count_fn, .result = &count, .result_size = sizeof count};

	REQUIRE_EQ(weft_executor_open(&ex, "processes:1"), 0);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	weft_executor_free(ex);
	CHECK_EQ(count, 1);
}
