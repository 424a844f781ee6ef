/* SPDX-License-Identifier: MIT
 *
 * subprocess_communicate.c -- Popen(...).communicate(): talks to an interpreter, the shell, by its standard input and
 * output. However much goes in and comes out, neither side waits for the other for ever.
 */
#include <weft/subprocess.h>

#include "lesson.h"

int main(void)
{
	static const char program[] = "echo $((6 * 7))\n"
				      "echo done\n"
				      "echo but this is no good >&2\n"
				      "exit 5\n";
	const char *const argv[] = {"sh", NULL};
	struct weft_subprocess_opts pipes = {.in = {.kind = WEFT_STDIO_PIPE},
					     .out = {.kind = WEFT_STDIO_PIPE},
					     .err = {.kind = WEFT_STDIO_PIPE}};
	weft_subprocess *shell;
	struct weft_output output = {0};

	check(weft_subprocess_start(&shell, argv, &pipes));
	check(weft_subprocess_communicate(shell, program, strlen(program), &output, WEFT_FOREVER));
	say("output: %.*s", (int)output.out_size, (const char *)output.out);
	say("errors: %.*s", (int)output.err_size, (const char *)output.err);
	say("exit code %d\n", output.code);
	weft_output_free(&output);
	weft_subprocess_free(shell);
	return 0;
}
