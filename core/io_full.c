/* SPDX-License-Identifier: MIT
 *
 * io_full.c -- transfers of all that was asked for, over calls that may do a part.
 */
#include "io_request.h"

#include <errno.h>
#include <limits.h>
#include <weft/io.h>
#include <weft/socket.h>

static bool is_writing(const struct weft__io *io)
{
	return io->op == WEFT__IO_WRITE || io->op == WEFT__IO_SEND;
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
			return n || !is_writing(io) ? (int)n
						    : -EIO; /* a device that takes nothing, and says so */
		left -= (size_t)n;
		*ret_done += (size_t)n;
		if (io->offset >= 0)
			io->offset += n;
	}
	return 0;
}

static ssize_t all_or_error(enum weft__io_op op, int fd, const void *data, size_t size, int64_t offset,
			    int flags)
{
	struct weft__io io = {.op = op, .fd = fd, .offset = offset, .flags = flags};
	size_t done;
	int err;

	if (size > SSIZE_MAX)
		return -EINVAL;
	io.out = data;
	io.size = size;
	err = weft__io_do_all(&io, &done);
	return err ? err : (ssize_t)done;
}

ssize_t weft_read_full(int fd, void *buffer, size_t size)
{
	return all_or_error(WEFT__IO_READ, fd, buffer, size, -1, 0);
}

ssize_t weft_write_full(int fd, const void *data, size_t size)
{
	return all_or_error(WEFT__IO_WRITE, fd, data, size, -1, 0);
}

ssize_t weft_pread_full(int fd, void *buffer, size_t size, int64_t offset)
{
	return offset < 0 ? -EINVAL : all_or_error(WEFT__IO_READ, fd, buffer, size, offset, 0);
}

ssize_t weft_pwrite_full(int fd, const void *data, size_t size, int64_t offset)
{
	return offset < 0 ? -EINVAL : all_or_error(WEFT__IO_WRITE, fd, data, size, offset, 0);
}

ssize_t weft_recv_full(int fd, void *buffer, size_t size, int flags)
{
	return all_or_error(WEFT__IO_RECV, fd, buffer, size, -1, flags & ~(MSG_DONTWAIT | MSG_WAITALL));
}

ssize_t weft_send_full(int fd, const void *data, size_t size, int flags)
{
	flags = (flags & ~MSG_DONTWAIT) | MSG_NOSIGNAL;
	return all_or_error(WEFT__IO_SEND, fd, data, size, -1, flags);
}
