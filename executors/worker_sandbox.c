/* SPDX-License-Identifier: MIT
 *
 * worker_sandbox.c -- a worker gives up, for good, what its tasks do not need. What that promises, and what
 * not, is in SECURITY.md.
 *
 *   standard input      is /dev/null
 *   no_new_privs        no program that it could execute gains rights
 *   capabilities        none are left, even if the program is root's
 *   not dumpable        no core dump with the secrets of the program; nobody but root looks into it
 *   Landlock            no file can be opened, whatever the filter should miss; no TCP, no signals to others.
 *                       As far as the kernel has it: a second line, whose absence is no error
 *   seccomp             worker_filter.c
 */
#include "worker_filter.h"
#include "worker_start.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool entered;

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return syscall(SYS_capset, &head, none) ? -errno : 0;
}

static int close_standard_input(void)
{
	int err = 0, fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (dup2(fd, STDIN_FILENO) < 0)
		err = -errno;
	if (fd != STDIN_FILENO)
		close(fd);
	return err;
}

int worker_sandbox_enter(int bell, weft_call *call)
{
	const char *what = "standard input";
	int err = close_standard_input();

	if (!err)
		what = "no_new_privs", err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
	if (!err)
		what = "capabilities", err = drop_capabilities();
	if (!err)
		what = "dumpable", err = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? -errno : 0;
	if (!err)
		what = "Landlock", err = worker_landlock_enter();
	if (!err)
		what = "seccomp", err = worker_filter_install(bell);
	entered = !err;
	return err ? weft_call_fail(call, err, "sandbox: %s: %s", what, weft_strerror(err)) : 0;
}

bool worker_is_in_sandbox(void)
{
	return entered;
}
