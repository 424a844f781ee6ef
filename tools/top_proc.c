/* SPDX-License-Identifier: MIT
 *
 * top_proc.c -- see top_proc.h.
 */
#include "top_proc.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static size_t read_file(const char *path, char *ret, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, ret, size - 1);

	if (fd >= 0)
		close(fd);
	ret[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

bool top_proc_read(pid_t pid, pid_t tid, struct top_proc *ret)
{
	uint64_t user, system, began, tick = 1000000000U / (uint64_t)sysconf(_SC_CLK_TCK);
	char path[64], text[1024], *rest;

	if (tid)
		snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, (int)tid);
	else
		snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	read_file(path, text, sizeof text);
	rest = strrchr(text, ')'); /* its name may have anything in it */
	if (!rest || sscanf(rest,
			    ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
			    " %*d %*d %*d %*d %*d %*d %" SCNu64,
			    &ret->state, &user, &system, &began) != 4)
		return false;
	ret->cpu = (user + system) * tick;
	ret->began = began * tick;
	return true;
}

void top_proc_command(pid_t pid, char *ret, size_t size)
{
	char path[64];
	size_t n;

	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	n = read_file(path, ret, size);
	if (!n) {
		snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
		n = read_file(path, ret, size);
	}
	while (n && (unsigned char)ret[n - 1] <= ' ')
		ret[--n] = '\0';
	for (size_t i = 0; i < n; i++)
		ret[i] = !ret[i]                                                       ? ' '
			 : (unsigned char)ret[i] < ' ' || (unsigned char)ret[i] >= 127 ? '?'
										       : ret[i];
}
