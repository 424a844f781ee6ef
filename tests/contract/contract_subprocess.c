/* SPDX-License-Identifier: MIT
 *
 * contract_subprocess.c -- a task may run other programs, wherever it runs itself.
 */
#include <errno.h>
#include <string.h>
#include <weft/weft.h>

#include "harness.h"

static int upper_fn(weft_call *call, const void *arg, void *result)
{
	const char *const argv[] = {"tr", "a-z", "A-Z", NULL};
	struct weft_output o;
	int code = -1, err;

	(void)call;
	err = weft_subprocess_run(argv, NULL, arg, strlen(arg), &o, WEFT_FOREVER);
	if (!err && (o.code || o.out_size >= 16))
		err = -EBADMSG;
	if (!err)
		memcpy(result, o.out, o.out_size + 1);
	weft_output_free(&o);
	if (!err)
		err = weft_shell("exit 7", &code, WEFT_FOREVER);
	return err ? err : code;
}

TEST(subprocess_in_a_task)
{
	weft_executor *ex = test_executor();
	char result[16] = "";
	weft_task task = {.fn = upper_fn, .arg = "a program", .arg_size = 10, .result = result};

	task.result_size = sizeof result;
	REQUIRE_EQ(weft_submit(ex, &task), 0);
	test_wait(weft_task_future(&task));
	CHECK_EQ(weft_future_status(weft_task_future(&task)), 7);
	CHECK(!strcmp(result, "A PROGRAM"));
	weft_executor_free(ex);
}
