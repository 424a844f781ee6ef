/* SPDX-License-Identifier: MIT
 *
 * pipe_life.c -- whether a process lives, of which only its number is known: by /proc, which also says when it began,
 * so that another with the same number is not taken for it.
 */
#include "forked.h"
#include "pipe_parts.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct stat_line {
	char state;
	int threads;
	unsigned long long began; /* ticks since the machine did */
};

/* By way of its folder: by its path qemu-user opens a file of its own making, if it is about oneself. */
static int open_stat(pid_t pid)
{
	char path[32];
	int folder, fd;

	snprintf(path, sizeof path, "/proc/%d", (int)pid);
	folder = open(path, O_PATH | O_CLOEXEC);
	if (folder < 0)
		return -1;
	fd = openat(folder, "stat", O_RDONLY | O_CLOEXEC);
	close(folder);
	return fd;
}

/* 0 | -ENOENT: no such process | another errno: cannot tell. */
static int read_stat(pid_t pid, struct stat_line *ret)
{
	char text[1024], *after;
	ssize_t n;
	int fd = open_stat(pid), err;

	if (fd < 0) /* it may also be hidden from us, or all of /proc */
		return kill(pid, 0) && errno == ESRCH ? -ENOENT : -EIO;
	n = read(fd, text, sizeof text - 1);
	err = n < 0 && errno == ESRCH ? -ENOENT : n <= 0 ? -EIO : 0;
	close(fd);
	if (err)
		return err;
	text[n] = 0;
	after = strrchr(text, ')'); /* a name may have anything in it */
	if (!after ||
	    sscanf(after + 1,
		   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %llu",
		   &ret->state, &ret->threads, &ret->began) != 3)
		return -EIO;
	return 0;
}

static uint64_t life_of(pid_t pid, const struct stat_line *s)
{
	return (uint64_t)(uint32_t)pid << 32 | (uint32_t)s->began;
}

uint64_t weft__life_own(void)
{
	static _Thread_local struct {
		uint32_t generation;
		uint64_t life;
	} own WEFT__TLS;
	struct stat_line s;

	if (!own.generation || weft__forked(own.generation)) {
		own.generation = weft__generation();
		own.life = read_stat(getpid(), &s) ? 0 : life_of(getpid(), &s);
	}
	return own.life;
}

/* A process whose first thread has ended, and others not, looks like one that nobody has waited for. */
bool weft__life_is_over(uint64_t life)
{
	pid_t pid = (pid_t)(life >> 32);
	struct stat_line s;
	int err = read_stat(pid, &s);

	if (err)
		return err == -ENOENT;
	return life_of(pid, &s) != life || s.state == 'X' || (s.state == 'Z' && s.threads <= 1);
}
