/* SPDX-License-Identifier: MIT
 *
 * io_full.c -- transfers of all that was asked for, over calls that may do a part.
 */
#include "io_request.h"

#include <errno.h>
#include <limits.h>
#include <weft/io.h>
#include <weft/socket.h>

/* What n <= 0 of a call means: the error, or the end, or a device that takes nothing, and says so. */
static int64_t end_or_error(enum weft__io_op op, int64_t n)
{
	return n == 0 && (op == WEFT__IO_WRITE || op == WEFT__IO_SEND) ? -EIO : n;
}

int weft__io_do_all(struct weft__io *io, size_t *ret_done)
{
	size_t left = io->size;
	char *at = io->data;

	*ret_done = 0;
	while (left) {
		int64_t n;

		n = weft__io_do_transfer(io->op, io->fd, at + *ret_done, left,
					 io->op <= WEFT__IO_WRITEV ? io->offset : io->flags);
		if (n <= 0)
			return (int)end_or_error(io->op, n);
		left -= (size_t)n;
		*ret_done += (size_t)n;
		if (io->offset >= 0)
			io->offset += n;
	}
	return 0;
}

/* By itself, so that a fiber that waits in the first call has no frame for what seldom follows. */
static __attribute__((noinline)) ssize_t rest_or_error(enum weft__io_op op, int fd, const void *data,
						       size_t size, int64_t at, size_t done)
{
	struct weft__io io = weft__io_transfer(op, fd, (const char *)data + done, size - done, at);
	size_t more;
	int err;

	if (io.offset >= 0)
		io.offset += (int64_t)done;
	err = weft__io_do_all(&io, &more);
	return err ? err : (ssize_t)(done + more);
}

/* at: the offset, or, on a socket, the flags. Mostly one call does it all. */
static ssize_t all_or_error(enum weft__io_op op, int fd, const void *data, size_t size, int64_t at)
{
	int64_t n;

	if (size > SSIZE_MAX)
		return -EINVAL;
	if (!size)
		return 0;
	n = weft__io_do_transfer(op, fd, data, size, at);
	return n <= 0 || (size_t)n == size ? end_or_error(op, n)
					   : rest_or_error(op, fd, data, size, at, (size_t)n);
}

ssize_t weft_read_full(int fd, void *buffer, size_t size)
{
	return all_or_error(WEFT__IO_READ, fd, buffer, size, -1);
}

ssize_t weft_write_full(int fd, const void *data, size_t size)
{
	return all_or_error(WEFT__IO_WRITE, fd, data, size, -1);
}

ssize_t weft_pread_full(int fd, void *buffer, size_t size, int64_t offset)
{
	return offset < 0 ? -EINVAL : all_or_error(WEFT__IO_READ, fd, buffer, size, offset);
}

ssize_t weft_pwrite_full(int fd, const void *data, size_t size, int64_t offset)
{
	return offset < 0 ? -EINVAL : all_or_error(WEFT__IO_WRITE, fd, data, size, offset);
}

ssize_t weft_recv_full(int fd, void *buffer, size_t size, int flags)
{
	return all_or_error(WEFT__IO_RECV, fd, buffer, size, flags & ~(MSG_DONTWAIT | MSG_WAITALL));
}

ssize_t weft_send_full(int fd, const void *data, size_t size, int flags)
{
	flags = (flags & ~MSG_DONTWAIT) | MSG_NOSIGNAL;
	return all_or_error(WEFT__IO_SEND, fd, data, size, flags);
}
