/* SPDX-License-Identifier: MIT
 *
 * shell.c -- os.system(): a command line for the shell, its output where ours goes, and its exit code.
 *
 * What the shell is given, it obeys: never build such a line from what others have typed. subprocess_call.c needs no
 * shell.
 */
#include <weft/subprocess.h>

#include "lesson.h"

int main(void)
{
	int code;

	check(weft_shell("echo hello from the shell | tr a-z A-Z", &code, WEFT_FOREVER));
	say("exit code %d\n", code);
	check(weft_shell("exit 3", &code, WEFT_FOREVER));
	say("exit code %d\n", code);
	return 0;
}
