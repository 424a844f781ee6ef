/* SPDX-License-Identifier: MIT
 *
 * io_file.c -- the calls of weft/io.h for names and open files as such. They wait for disks at most, and no cancel
 * ends them; so a cancelled task can still clean up.
 */
#include "io_request.h"
#include "io_wait.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <weft/io.h>

static int open_at(int dir, const char *path, int flags, va_list mode)
{
	struct weft__io io = {.op = WEFT__IO_OPEN, .fd = dir, .flags = flags};

	io.path = path;
	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		io.mode = va_arg(mode, mode_t);
	return (int)weft__io_do(&io, WEFT_FOREVER);
}

int weft_open(const char *path, int flags, ...)
{
	va_list mode;
	int fd;

	va_start(mode, flags);
	fd = open_at(AT_FDCWD, path, flags, mode);
	va_end(mode);
	return fd;
}

int weft_openat(int dir, const char *path, int flags, ...)
{
	va_list mode;
	int fd;

	va_start(mode, flags);
	fd = open_at(dir, path, flags, mode);
	va_end(mode);
	return fd;
}

int weft_close(int fd)
{
	struct weft__io io = {.op = WEFT__IO_CLOSE, .fd = fd};

	weft__io_closing(fd);
	return (int)weft__io_do(&io, WEFT_FOREVER);
}

static int sync_file(int fd, int data_only)
{
	struct weft__io io = {.op = WEFT__IO_FSYNC, .fd = fd, .flags = data_only};

	return (int)weft__io_do(&io, WEFT_FOREVER);
}

int weft_fsync(int fd)
{
	return sync_file(fd, 0);
}

int weft_fdatasync(int fd)
{
	return sync_file(fd, 1);
}

int weft_statx(int dir, const char *path, int flags, unsigned mask, struct statx *ret)
{
	struct weft__io io = {.op = WEFT__IO_STATX, .fd = dir, .flags = flags, .mode = mask};

	io.path = path;
	io.data = ret;
	return (int)weft__io_do(&io, WEFT_FOREVER);
}

int weft_rename(const char *from, const char *to)
{
	struct weft__io io = {.op = WEFT__IO_RENAME, .fd = AT_FDCWD, .fd2 = AT_FDCWD};

	io.path = from;
	io.path2 = to;
	return (int)weft__io_do(&io, WEFT_FOREVER);
}

int weft_unlink(const char *path)
{
	struct weft__io io = {.op = WEFT__IO_UNLINK, .fd = AT_FDCWD};

	io.path = path;
	return (int)weft__io_do(&io, WEFT_FOREVER);
}
