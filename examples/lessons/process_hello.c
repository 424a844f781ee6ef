/* SPDX-License-Identifier: MIT
 *
 * process_hello.c -- Process(target=hello, args=("bob",)), start, join: a function in a process of its own.
 *
 * The argument is copied, "bob" with its NUL. The process is no copy of this one but a fresh run that stopped before
 * main(), so it does not matter what threads and locks there are here.
 */
#include <weft/process.h>

#include "lesson.h"

static int hello(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	say("hello %s, from process %d\n", (const char *)arg, getpid());
	return 0;
}

int main(void)
{
	weft_process *p;
	int code;

	say("the parent is process %d\n", getpid());
	check(weft_process_start(&p, hello, "bob", sizeof "bob", NULL));
	check(weft_process_join(p, WEFT_FOREVER));
	check(weft_process_exit(p, &code));
	say("process %d has ended with %d\n", weft_process_pid(p), code);
	weft_process_free(p);
	return 0;
}
