/* SPDX-License-Identifier: MIT
 *
 * fork_wait.c -- os.fork() and os.wait(): the system's own calls, which weft builds on and does not hide.
 *
 * A fork has one thread, a copy of the one that called fork. Executors, threads and unfinished futures of the parent
 * are not there: weft answers -ECHILD. What makes fork hard is taken care of by weft_process: process_hello.c.
 */
#include <sys/wait.h>

#include "lesson.h"

int main(void)
{
	int status;

	say("process %d starts\n", getpid());
	pid_t pid = fork();
	check(pid < 0 ? -errno : 0);
	if (pid == 0) {
		say("I am the child %d, my parent is %d\n", getpid(), getppid());
		_exit(3);
	}
	check(waitpid(pid, &status, 0) < 0 ? -errno : 0);
	say("I am the parent %d, my child %d has ended with %d\n", getpid(), pid, WEXITSTATUS(status));
	return 0;
}
