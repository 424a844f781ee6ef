/* SPDX-License-Identifier: MIT
 *
 * contract_error.c -- a failed task says what it returned and why, from wherever it ran; results have the
 * size the body gave them; scratch memory lasts as long as the call.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

/* What the body is to do: the text of so many bytes, and that status. */
struct errand {
	uint32_t text;
	int32_t status;
};

static int errand_fn(weft_call *call, const void *arg, void *result)
{
	const struct errand *e = arg;
	char text[1024];
	(void)result;
	for (uint32_t i = 0; i < e->text; i++)
		text[i] = (char)('a' + i % 26);
	text[e->text] = '\0';
	if (e->text > 0)
		weft_call_fail(call, -EIO, "%s", text);
	return e->status;
}

static int formatted_fn(weft_call *call, const void *arg, void *result)
{
	(void)result;
	weft_call_fail(call, -EIO, "first");
	return weft_call_fail(call, -EBADMSG, "line %d: %s, %zu%%", *(const int *)arg, "no brace", (size_t)7);
}

static int bad_code_fn(weft_call *call, const void *arg, void *result)
{
	(void)result;
	return weft_call_fail(call, *(const int *)arg, "odd code");
}

static int reply_fn(weft_call *call, const void *arg, void *result)
{
	size_t n = *(const size_t *)arg;
	memset(result, 'r', n < 64 ? n : 64);
	weft_call_reply(call, n);
	return 0;
}

static int scratch_fn(weft_call *call, const void *arg, void *result)
{
	static const size_t sizes[] = {0, 1, 16, 17, 1000, 70000, 3 << 20};
	char *memory[7];
	(void)result;
	for (int i = 0; i < 7; i++) {
		memory[i] = weft_call_scratch(call, sizes[i]);
		if (!memory[i] || (uintptr_t)memory[i] % 16 != 0)
			return -EFAULT;
		memset(memory[i], i, sizes[i]);
	}
	for (int i = 1; i < 7; i++)
		if (memory[i][0] != i || memory[i][sizes[i] - 1] != i)
			return -EILSEQ;
	if (weft_call_scratch(call, SIZE_MAX) || weft_call_scratch(call, SIZE_MAX - 15))
		return -EOVERFLOW;
	return *(const int *)arg;
}

static int run(weft_executor *ex, weft_task *t)
{
	REQUIRE_EQ(weft_submit(ex, t), 0);
	test_wait(weft_task_future(t));
	return weft_future_status(weft_task_future(t));
}

TEST(error_status_and_text)
{
	weft_executor *ex = test_executor();
	int line = 17;
	uint64_t result = 5;
	size_t size = 99;
	weft_task t = {.fn = formatted_fn, .arg = &line, .arg_size = sizeof line};
	t.result = &result;
	t.result_size = sizeof result;
	CHECK_EQ(run(ex, &t), -EBADMSG);
	CHECK_EQ(strcmp(weft_future_error(weft_task_future(&t)), "line 17: no brace, 7%"), 0);
	CHECK(weft_future_result(weft_task_future(&t), &size) == NULL);
	CHECK_EQ(size, 99);
	struct weft_death death;
	CHECK_EQ(weft_future_death(weft_task_future(&t), &death), -ENODATA);
	weft_executor_free(ex);
}

TEST(error_text_is_cut)
{
	static const uint32_t lengths[] = {1, 15, 16, 110, 111, 112, 113, 128, 300, 1000};
	weft_executor *ex = test_executor();
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct errand e = {.text = lengths[i], .status = -EIO};
		weft_task t = {.fn = errand_fn, .arg = &e, .arg_size = sizeof e};
		CHECK_EQ(run(ex, &t), -EIO);
		const char *text = weft_future_error(weft_task_future(&t));
		size_t want = lengths[i] < WEFT_ERROR_TEXT_MAX ? lengths[i] : WEFT_ERROR_TEXT_MAX;
		REQUIRE_EQ(strlen(text), want);
		for (size_t k = 0; k < want; k++)
			CHECK_EQ(text[k], 'a' + k % 26);
	}
	weft_executor_free(ex);
}

TEST(error_without_text)
{
	weft_executor *ex = test_executor();
	struct errand e = {.status = -EDOM};
	weft_task t = {.fn = errand_fn, .arg = &e, .arg_size = sizeof e};
	CHECK_EQ(run(ex, &t), -EDOM);
	CHECK_EQ(strlen(weft_future_error(weft_task_future(&t))), 0);
	CHECK_EQ(strlen(weft_future_error(NULL)), 0);
	weft_executor_free(ex);
}

TEST(error_text_is_dropped_on_success)
{
	weft_executor *ex = test_executor();
	struct errand e = {.text = 20, .status = 4};
	weft_task t = {.fn = errand_fn, .arg = &e, .arg_size = sizeof e};
	CHECK_EQ(run(ex, &t), 4);
	CHECK_EQ(strlen(weft_future_error(weft_task_future(&t))), 0);
	weft_executor_free(ex);
}

TEST(error_is_replaced_by_the_next_run)
{
	weft_executor *ex = test_executor();
	struct errand e = {.text = 20, .status = -EIO};
	weft_task t = {.fn = errand_fn, .arg = &e, .arg_size = sizeof e};
	CHECK_EQ(run(ex, &t), -EIO);
	CHECK_EQ(strlen(weft_future_error(weft_task_future(&t))), 20);
	e = (struct errand){.status = -EDOM};
	CHECK_EQ(run(ex, &t), -EDOM);
	CHECK_EQ(strlen(weft_future_error(weft_task_future(&t))), 0);
	e = (struct errand){.text = 3, .status = -EIO};
	CHECK_EQ(run(ex, &t), -EIO);
	CHECK_EQ(strcmp(weft_future_error(weft_task_future(&t)), "abc"), 0);
	e = (struct errand){.text = 3, .status = 0};
	CHECK_EQ(run(ex, &t), 0);
	CHECK_EQ(strlen(weft_future_error(weft_task_future(&t))), 0);
	weft_executor_free(ex);
}

TEST(error_code_must_be_one)
{
	static const int codes[] = {0, 1, 5000};
	weft_executor *ex = test_executor();
	for (int i = 0; i < 3; i++) {
		weft_task t = {.fn = bad_code_fn, .arg = &codes[i], .arg_size = sizeof codes[i]};
		CHECK_EQ(run(ex, &t), -EINVAL);
		CHECK_EQ(strcmp(weft_future_error(weft_task_future(&t)), "odd code"), 0);
	}
	weft_executor_free(ex);
}

TEST(error_of_async)
{
	weft_executor *ex = test_executor();
	int line = 3;
	weft_future *f;
	REQUIRE_EQ(weft_async(ex, formatted_fn, &line, sizeof line, 40, &f), 0);
	test_wait(f);
	CHECK_EQ(weft_future_status(f), -EBADMSG);
	CHECK(weft_future_result(f, NULL) == NULL);
	CHECK_EQ(strcmp(weft_future_error(f), "line 3: no brace, 7%"), 0);
	weft_executor_free(ex);
	CHECK_EQ(strcmp(weft_future_error(f), "line 3: no brace, 7%"), 0);
	weft_future_unref(f);
}

TEST(error_of_an_unfinished_task)
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	struct weft_death death;
	size_t size = 4;
	test_hold_begin(&hold, ex, 1);
	weft_future *f = weft_task_future(&hold.task[0]);
	CHECK_EQ(weft_future_status(f), -EINPROGRESS);
	CHECK_EQ(strlen(weft_future_error(f)), 0);
	CHECK(weft_future_result(f, &size) == NULL);
	CHECK_EQ(size, 4);
	CHECK_EQ(weft_future_death(f, &death), -EINPROGRESS);
	test_hold_end(&hold);
	weft_executor_free(ex);
}

TEST(error_many_at_once)
{
	enum { N = 300 };
	weft_executor *ex = test_executor();
	static int line[N];
	static weft_task t[N];
	for (int i = 0; i < N; i++) {
		line[i] = i;
		t[i] = (weft_task){.fn = formatted_fn, .arg = &line[i], .arg_size = sizeof line[i]};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (int i = 0; i < N; i++) {
		char want[64];
		snprintf(want, sizeof want, "line %d: no brace, 7%%", i);
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), -EBADMSG);
		CHECK_EQ(strcmp(weft_future_error(weft_task_future(&t[i])), want), 0);
	}
	weft_executor_free(ex);
}

TEST(reply_sizes)
{
	static const size_t replies[][2] = {{0, 0}, {1, 1}, {63, 63}, {64, 64}, {65, 64}, {SIZE_MAX, 64}};
	weft_executor *ex = test_executor();
	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
		char result[64] = {0};
		size_t size = 999;
		weft_task t = {.fn = reply_fn, .arg = &replies[i][0], .arg_size = sizeof(size_t)};
		t.result = result;
		t.result_size = sizeof result;
		CHECK_EQ(run(ex, &t), 0);
		const char *bytes = weft_future_result(weft_task_future(&t), &size);
		REQUIRE(bytes != NULL);
		REQUIRE_EQ(size, replies[i][1]);
		for (size_t k = 0; k < size; k++)
			CHECK_EQ(bytes[k], 'r');
	}
	weft_executor_free(ex);
}

TEST(reply_of_async)
{
	weft_executor *ex = test_executor();
	size_t n = 5, size = 999;
	weft_future *f;
	REQUIRE_EQ(weft_async(ex, reply_fn, &n, sizeof n, 64, &f), 0);
	test_wait(f);
	const char *bytes = weft_future_result(f, &size);
	REQUIRE(bytes != NULL);
	CHECK_EQ(size, 5);
	CHECK_EQ(memcmp(bytes, "rrrrr", 5), 0);
	weft_future_unref(f);
	weft_executor_free(ex);
}

TEST(scratch_memory)
{
	static const int statuses[] = {0, 3, -EIO};
	weft_executor *ex = test_executor();
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 3; i++) {
			weft_task t = {.fn = scratch_fn, .arg = &statuses[i], .arg_size = sizeof(int)};
			CHECK_EQ(run(ex, &t), statuses[i]);
		}
	}
	weft_executor_free(ex);
}
