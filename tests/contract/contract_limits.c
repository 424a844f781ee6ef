/* SPDX-License-Identifier: MIT
 *
 * contract_limits.c -- what does not cross to another address space is refused at once (pointers, too many
 * bytes, functions that cannot be found), and large arguments arrive whole where they may.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <weft/weft.h>

#include "harness.h"

enum { SLOT = 65536 };

static int add_bytes_fn(weft_call *call, const void *arg, void *result)
{
	const unsigned char *bytes = arg;
	uint64_t sum = 0;
	for (size_t i = 0; i < weft_call_arg_size(call); i++)
		sum += bytes[i];
	memcpy(result, &sum, sizeof sum);
	return 0;
}

/* Repeats the first byte of the argument over the whole result, whose size follows it. */
static int fill_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t size;
	(void)call;
	memcpy(&size, (const char *)arg + 8, sizeof size);
	memset(result, *(const char *)arg, size);
	return 0;
}

static int deref_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	return **(const int *const *)arg;
}

static bool is_local(const weft_executor *ex)
{
	return (weft_executor_caps(ex) & WEFT_CAP_LOCAL) != 0;
}

static int try_sizes(weft_executor *ex, size_t arg_size, size_t result_size)
{
	unsigned char *arg = malloc(arg_size), *result = malloc(result_size);
	REQUIRE(arg && result);
	memset(arg, 3, arg_size);
	weft_task t = {.fn = add_bytes_fn, .arg = arg, .arg_size = arg_size};
	t.result = result;
	t.result_size = result_size;
	int err = weft_submit(ex, &t);
	if (err == 0) {
		uint64_t sum = 0;
		test_wait(weft_task_future(&t));
		memcpy(&sum, result, sizeof sum);
		CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
		CHECK_EQ(sum, 3 * arg_size);
	} else {
		CHECK_EQ(weft_future_status(weft_task_future(&t)), -EINVAL);
	}
	free(arg);
	free(result);
	return err;
}

TEST(limits_of_the_default_slot)
{
	weft_executor *ex = test_executor();
	CHECK_EQ(try_sizes(ex, SLOT - 64, 64), 0);
	CHECK_EQ(try_sizes(ex, 64, SLOT - 64), 0);
	CHECK_EQ(try_sizes(ex, SLOT / 2, SLOT / 2), 0);
	CHECK_EQ(try_sizes(ex, SLOT, 8), 0);
	CHECK_EQ(try_sizes(ex, SLOT - 63, 64), 0);
	CHECK_EQ(try_sizes(ex, 8, SLOT), 0);
	CHECK_EQ(try_sizes(ex, 8, 1 << 20), 0);
	CHECK_EQ(try_sizes(ex, 100, 100), 0);
	weft_executor_free(ex);
}

TEST(limits_of_a_small_slot)
{
	weft_executor *ex = test_executor();
	bool local = is_local(ex);
	weft_executor_free(ex);
	if (local)
		SKIP("no slots here");
	ex = test_executor_with("slot=128");
	CHECK_EQ(try_sizes(ex, 64, 64), 0);
	CHECK_EQ(try_sizes(ex, 1, 8), 0);
	CHECK_EQ(try_sizes(ex, 65, 64), 0);
	CHECK_EQ(try_sizes(ex, 64, 65), 0);
	CHECK_EQ(try_sizes(ex, 128, 128), 0);
	weft_executor_free(ex);
}

TEST(limits_of_a_large_slot)
{
	weft_executor *ex = test_executor();
	bool local = is_local(ex);
	weft_executor_free(ex);
	ex = local ? test_executor() : test_executor_with("slot=4194304,queue=8");
	CHECK_EQ(try_sizes(ex, 4000000, 64), 0);
	CHECK_EQ(try_sizes(ex, 64, 4000000), 0);
	weft_executor_free(ex);
}

/* What no slot carries goes through a region of the pool's, up to its limit. */
TEST(limits_of_what_is_large)
{
	enum { LARGE = 1 << 20 };
	weft_executor *ex = test_executor();
	bool local = is_local(ex);
	weft_executor_free(ex);
	ex = local ? test_executor() : test_executor_with("slot=128,large=1048576");
	CHECK_EQ(try_sizes(ex, LARGE - 16, 8), 0);
	CHECK_EQ(try_sizes(ex, 16, LARGE - 16), 0);
	CHECK_EQ(try_sizes(ex, LARGE - 15, 8), local ? 0 : -E2BIG);
	CHECK_EQ(try_sizes(ex, 16, LARGE - 15), local ? 0 : -E2BIG);
	CHECK_EQ(try_sizes(ex, LARGE, LARGE), local ? 0 : -E2BIG);
	weft_executor_free(ex);
}

TEST(limits_refuse_async_too)
{
	weft_executor *ex = test_executor();
	bool local = is_local(ex);
	weft_executor_free(ex);
	ex = local ? test_executor() : test_executor_with("large=1048576");
	weft_future *f = NULL;
	int err = weft_async(ex, add_bytes_fn, "x", 1, 1 << 20, &f);
	CHECK_EQ(err, local ? 0 : -E2BIG);
	CHECK((err == 0) == (f != NULL));
	if (err == 0)
		test_wait(f);
	weft_future_unref(f);
	weft_executor_free(ex);
}

TEST(limits_whole_results_arrive)
{
	enum { N = 40, SIZE = 30000 };
	weft_executor *ex = test_executor();
	static char results[N][SIZE];
	static struct {
		uint64_t value, size;
	} args[N];
	static weft_task t[N];
	for (int i = 0; i < N; i++) {
		args[i].value = (uint64_t)i + 1;
		args[i].size = SIZE;
		t[i] = (weft_task){.fn = fill_fn, .arg = &args[i], .arg_size = sizeof args[i]};
		t[i].result = results[i];
		t[i].result_size = SIZE;
		REQUIRE_EQ(weft_submit_wait(ex, &t[i], test_soon()), 0);
	}
	for (int i = 0; i < N; i++) {
		size_t wrong = 0;
		test_wait(weft_task_future(&t[i]));
		for (int k = 0; k < SIZE; k++)
			wrong += results[i][k] != i + 1;
		CHECK_EQ(wrong, 0);
	}
	weft_executor_free(ex);
}

TEST(limits_local_task)
{
	weft_executor *ex = test_executor();
	int value = 42, *pointer = &value;
	weft_task t = {.fn = deref_fn, .arg = &pointer, .arg_size = sizeof pointer, .flags = WEFT_TASK_LOCAL};
	int want = is_local(ex) ? 0 : -EXDEV;
	CHECK_EQ(weft_submit_many(ex, &t, 1, NULL), want);
	if (want == 0) {
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), 42);
	}
	CHECK_EQ(weft_submit(ex, &t), want);
	if (want == 0)
		test_wait(weft_task_future(&t));
	CHECK_EQ(weft_submit_wait(ex, &t, test_soon()), want);
	if (want == 0)
		test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), want == 0 ? 42 : -EINVAL);
	weft_executor_free(ex);
}

TEST(limits_idempotent_runs_once_when_nothing_dies)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct test_mark mark = {.ref = ref, .word = 3, .status = -EIO};
	weft_task t = {.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
	t.flags = WEFT_TASK_IDEMPOTENT;
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -EIO);
	CHECK_EQ(test_get(&board[3]), 1);
	weft_executor_free(ex);
}

TEST(limits_function_in_no_file)
{
	weft_executor *ex = test_executor();
	if (is_local(ex)) {
		weft_executor_free(ex);
		SKIP("any function of this process will do");
	}
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(page != MAP_FAILED);
	weft_task t = {.fn = (weft_fn *)(uintptr_t)page};
	weft_future *f = NULL;
	CHECK_EQ(weft_submit(ex, &t), -ENOEXEC);
	CHECK_EQ(weft_async(ex, t.fn, NULL, 0, 0, &f), -ENOEXEC);
	CHECK(f == NULL);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -EINVAL);
	CHECK_EQ(try_sizes(ex, 8, 8), 0);
	munmap(page, 4096);
	weft_executor_free(ex);
}
