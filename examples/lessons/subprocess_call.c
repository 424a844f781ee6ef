/* SPDX-License-Identifier: MIT
 *
 * subprocess_call.c -- subprocess.call: runs another program, whose output goes where ours goes, and gives its exit
 * code. A program that is not there is an error of the call, not an exit code.
 */
#include <weft/subprocess.h>

#include "lesson.h"

/* The exit code, or -N if signal N has killed it. */
static int run(const char *const argv[], const struct weft_subprocess_opts *opts)
{
	weft_subprocess *p;
	int code, err = weft_subprocess_start(&p, argv, opts);

	if (err) {
		say("%s: %s\n", argv[0], weft_strerror(err));
		return 127;
	}
	check(weft_subprocess_wait(p, &code, WEFT_FOREVER));
	weft_subprocess_free(p);
	return code;
}

int main(void)
{
	struct weft_subprocess_opts quiet = {.err = {.kind = WEFT_STDIO_NULL}};

	say("$ ls /proc/self/comm\n");
	say("exit code %d\n", run((const char *[]){"ls", "/proc/self/comm", NULL}, NULL));
	say("ls /nowhere: exit code %d\n", run((const char *[]){"ls", "/nowhere", NULL}, &quiet));
	run((const char *[]){"no-such-program", NULL}, NULL);
	return 0;
}
