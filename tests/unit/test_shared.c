/* SPDX-License-Identifier: MIT
 *
 * test_shared.c -- weft_shared: values and arrays in a region.
 */
#include <errno.h>
#include <signal.h>
#include <weft/shared.h>

#include "sync_kit.h"

static int add(void *arg)
{
	double *sum = arg;

	for (int i = 0; i < 1000; i++) {
		if (weft_lock_acquire(weft_shared_lock(sum), WEFT_FOREVER))
			return 1;
		*sum += 0.5;
		weft_lock_release(weft_shared_lock(sum));
	}
	return 0;
}

static int die_holding(void *arg)
{
	return weft_lock_acquire(weft_shared_lock(arg), 0) ? 1 : raise(SIGKILL);
}

TEST(a_value_and_its_lock)
{
	weft_region *r;
	double *sum = NULL;

	REQUIRE_EQ(weft_region_new(&r, NULL), 0);
	REQUIRE_EQ(weft_shared_new(r, sizeof *sum, 1, (void **)&sum), 0);
	CHECK_EQ((uintptr_t)sum % 16, 0);
	CHECK_EQ(weft_shared_count(sum), 1);
	CHECK(*sum == 0);
	sync_run(add, sum, 2, 2);
	CHECK(*sum == 2000);
	CHECK_EQ(sync_reap(sync_fork(die_holding, sum)), -SIGKILL);
	CHECK_EQ(weft_lock_acquire(weft_shared_lock(sum), test_soon()), -EOWNERDEAD);
	CHECK_EQ(weft_lock_release(weft_shared_lock(sum)), 0);
	CHECK_EQ(weft_shared_free(sum), 0);
	CHECK_EQ(weft_region_free(r), 0);
}

TEST(an_array)
{
	weft_region *r;
	int *item = NULL;

	REQUIRE_EQ(weft_region_new(&r, NULL), 0);
	for (int round = 0; round < 3; round++) {
		REQUIRE_EQ(weft_shared_new(r, sizeof *item, 1000, (void **)&item), 0);
		CHECK_EQ(weft_shared_count(item), 1000);
		for (int i = 0; i < 1000; i++) {
			if (item[i])
				CHECK_EQ(i, -1);
			item[i] = ~i;
		}
		CHECK_EQ(weft_shared_free(item), 0);
	}
	CHECK_EQ(weft_region_free(r), 0);
}

TEST(wrong_arguments)
{
	weft_region *r;
	void *p = &r;

	REQUIRE_EQ(weft_region_new(&r, NULL), 0);
	CHECK_EQ(weft_shared_new(NULL, 1, 1, &p), -EINVAL);
	CHECK_EQ(weft_shared_new(r, 0, 1, &p), -EINVAL);
	CHECK_EQ(weft_shared_new(r, 1, 0, &p), -EINVAL);
	CHECK_EQ(weft_shared_new(r, 1, 1, NULL), -EINVAL);
	CHECK_EQ(weft_shared_new(r, SIZE_MAX / 2, 3, &p), -ENOMEM);
	CHECK_EQ(weft_shared_new(r, 1, SIZE_MAX, &p), -ENOMEM);
	CHECK(p == &r);
	CHECK_EQ(weft_shared_count(NULL), 0);
	CHECK(weft_shared_lock(NULL) == NULL);
	CHECK_EQ(weft_shared_free(NULL), 0);
	REQUIRE_EQ(weft_shared_new(r, 1, 1, &p), 0);
	CHECK_EQ(weft_shared_free(p), 0);
	CHECK_EQ(weft_shared_free(p), -EINVAL);
	CHECK_EQ(weft_region_free(r), 0);
}
