/* SPDX-License-Identifier: MIT
 *
 * top_memfd.c -- finding memory that a process shares, by its descriptors.
 */
#include "top_memfd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is entry of dir, of the form of /proc/PID/fd, a memfd of that name? */
static bool is_named(int dir, const char *entry, const char *name)
{
	char want[64], link[64];
	ssize_t n = readlinkat(dir, entry, link, sizeof link);

	snprintf(want, sizeof want, "/memfd:%s (deleted)", name);
	return n == (ssize_t)strlen(want) && !memcmp(link, want, (size_t)n);
}

/* No file but a memfd has seals. Should it have become a pipe meanwhile, opening it does not wait. */
static int open_sealed(int dir, const char *entry)
{
	int fd = openat(dir, entry, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);

	if (fd >= 0 && (seals < 0 || !(seals & F_SEAL_SHRINK))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int top_memfd_open(pid_t pid, const char *name)
{
	char path[32];
	struct dirent *e;
	int fd = -1, left = TOP_FILES_MOST;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (fd < 0 && left-- && (e = readdir(dir)))
		if (is_named(dirfd(dir), e->d_name, name))
			fd = open_sealed(dirfd(dir), e->d_name);
	closedir(dir);
	return fd < 0 ? -ENOENT : fd;
}

const void *top_memfd_map(int fd, size_t size)
{
	struct stat s;
	void *at;

	if (fstat(fd, &s) || s.st_size < 0 || (size_t)s.st_size < size)
		return NULL;
	at = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}
