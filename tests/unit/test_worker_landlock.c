/* SPDX-License-Identifier: MIT
 *
 * test_worker_landlock.c -- the second line of a sandbox by itself, without the filter of calls before it.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker_filter.h"

enum { NO_LANDLOCK = 77 };

static int try_files(const char *dir)
{
	if (open("/dev/null", O_RDONLY) >= 0 || errno != EACCES)
		return 3;
	if (open("/proc/self/exe", O_RDONLY) >= 0 || errno != EACCES)
		return 4;
	if (mkdirat(AT_FDCWD, "/tmp/landlock", 0700) == 0 || errno != EACCES)
		return 5;
	if (unlink(dir) == 0 || errno != EACCES)
		return 6;
	return truncate("/dev/null", 0) == 0 ? 7 : 0;
}

static int try_others(long version)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (version >= 4 &&
	    (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno != EACCES))
		return 8;
	if (version >= 6 && (kill(getppid(), 0) == 0 || errno != EPERM))
		return 9;
	return kill(getpid(), 0) ? 10 : 0;
}

static int restricted(const char *dir)
{
	long version = syscall(444, NULL, 0, 1);
	if (version < 1)
		return NO_LANDLOCK;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || worker_landlock_enter())
		return 2;
	int wrong = try_files(dir);
	return wrong ? wrong : try_others(version);
}

TEST(nothing_can_be_opened)
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(restricted(test_dir()));
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	REQUIRE(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_LANDLOCK)
		SKIP("no Landlock here");
	CHECK_EQ(WEXITSTATUS(status), 0);
}
