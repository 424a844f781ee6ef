/* SPDX-License-Identifier: MIT
 *
 * io_socket.c -- the calls of weft/socket.h. Where a flag says that it must not wait, the kernel is asked on
 * the spot, on every executor.
 */
#include "io_request.h"

#include <errno.h>
#include <limits.h>
#include <weft/socket.h>

#define NO_WAIT_TO_RECEIVE (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB)
#define NO_WAIT_TO_SEND    MSG_DONTWAIT

static ssize_t do_unless(struct weft__io *io, int never_waits)
{
	return (ssize_t)(io->flags & never_waits ? weft__io_call(io) : weft__io_do(io, WEFT_FOREVER));
}

int weft_socket(int domain, int type, int protocol)
{
	int fd = socket(domain, type, protocol);

	return fd < 0 ? -errno : fd;
}

int weft_connect(int fd, const struct sockaddr *address, socklen_t size)
{
	struct weft__io io = {.op = WEFT__IO_CONNECT, .fd = fd, .size = size};

	io.out = address;
	return (int)weft__io_do(&io, WEFT_FOREVER);
}

int weft_accept(int fd, struct sockaddr *ret_address, socklen_t *io_size)
{
	return weft_accept4(fd, ret_address, io_size, 0);
}

int weft_accept4(int fd, struct sockaddr *ret_address, socklen_t *io_size, int flags)
{
	struct weft__io io = {.op = WEFT__IO_ACCEPT, .fd = fd, .flags = flags};

	io.data = ret_address;
	io.length = io_size;
	return (int)weft__io_do(&io, WEFT_FOREVER);
}

int weft_shutdown(int fd, int how)
{
	return shutdown(fd, how) ? -errno : 0;
}

static bool is_stream(int fd)
{
	int type = 0;
	socklen_t size = sizeof type;

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_STREAM;
}

/* MSG_WAITALL: the kernel would wait for the rest, and no cancel could reach it there. */
static ssize_t recv_all(struct weft__io *io)
{
	size_t done;
	int err;

	io->flags &= ~MSG_WAITALL;
	err = weft__io_do_all(io, &done);
	return err && !done ? err : (ssize_t)done;
}

static __attribute__((noinline)) ssize_t recv_otherwise(int fd, void *buffer, size_t size, int flags)
{
	struct weft__io io = weft__io_transfer(WEFT__IO_RECV, fd, buffer, size, flags);

	if (flags & MSG_WAITALL && !(flags & (NO_WAIT_TO_RECEIVE | MSG_PEEK)) && size <= SSIZE_MAX &&
	    is_stream(fd))
		return recv_all(&io);
	return do_unless(&io, NO_WAIT_TO_RECEIVE);
}

/* This and weft_send by themselves: what is usual needs no frame, of which each fiber that waits has its own. */
ssize_t weft_recv(int fd, void *buffer, size_t size, int flags)
{
	if (flags & (MSG_WAITALL | NO_WAIT_TO_RECEIVE))
		return recv_otherwise(fd, buffer, size, flags);
	return (ssize_t)weft__io_do_transfer(WEFT__IO_RECV, fd, buffer, size, flags);
}

static __attribute__((noinline)) ssize_t send_at_once(int fd, const void *data, size_t size, int flags)
{
	struct weft__io io = weft__io_transfer(WEFT__IO_SEND, fd, data, size, flags);

	return (ssize_t)weft__io_call(&io);
}

ssize_t weft_send(int fd, const void *data, size_t size, int flags)
{
	flags |= MSG_NOSIGNAL;
	if (flags & NO_WAIT_TO_SEND)
		return send_at_once(fd, data, size, flags);
	return (ssize_t)weft__io_do_transfer(WEFT__IO_SEND, fd, data, size, flags);
}

ssize_t weft_recvmsg(int fd, struct msghdr *io_message, int flags)
{
	struct weft__io io = {.op = WEFT__IO_RECVMSG, .fd = fd, .flags = flags};

	io.msg = io_message;
	return do_unless(&io, NO_WAIT_TO_RECEIVE);
}

ssize_t weft_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct weft__io io = {.op = WEFT__IO_SENDMSG, .fd = fd, .flags = flags | MSG_NOSIGNAL};

	io.out = message;
	return do_unless(&io, NO_WAIT_TO_SEND);
}

ssize_t weft_recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *ret_address,
		      socklen_t *io_size)
{
	struct iovec iov = {.iov_base = buffer, .iov_len = size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_name = ret_address};
	ssize_t n;

	m.msg_namelen = ret_address && io_size ? *io_size : 0;
	n = weft_recvmsg(fd, &m, flags);
	if (n >= 0 && ret_address && io_size)
		*io_size = m.msg_namelen;
	return n;
}

ssize_t weft_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *address,
		    socklen_t address_size)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_namelen = address_size};

	m.msg_name = (void *)(uintptr_t)address;
	return weft_sendmsg(fd, &m, flags);
}
