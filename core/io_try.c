/* SPDX-License-Identifier: MIT
 *
 * io_try.c -- the kernel calls of io_request.h, if they need not wait. O_NONBLOCK is never set: it belongs to the open
 * file, which others may use too, in other processes even. What each kind has instead:
 *
 *   sockets         MSG_DONTWAIT
 *   pipes and such  preadv2, pwritev2 with RWF_NOWAIT (pipes: from Linux 6.4); where the kernel cannot, a look whether
 *                   it is ready, and then the plain call, of no more than a pipe surely takes. If another
 *                   process takes away in between what was there, that call blocks, and no cancel ends it
 *   accept          likewise; within a process one at a time. An O_NONBLOCK socket has no such gap
 *   connect         a send timeout of one tick, for the time of the call: then it comes back, and goes on by itself
 *   files           nothing: they do not wait for a descriptor, and the call returns when the disk has answered
 */
#include "io_request.h"
#include "io_wait.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x8 /* musl before 1.2.5 has not got the name */
#endif

static int64_t result_of(int64_t n)
{
	return n < 0 ? -errno : n;
}

static int64_t would_wait(struct weft__io *io, int fd, short events)
{
	io->ready = (struct pollfd){.fd = fd, .events = events};
	return -EAGAIN;
}

static bool is_ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return fd < 0 || poll(&p, 1, 0) != 0; /* an error is for the call itself to find */
}

static bool has_o_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && flags & O_NONBLOCK;
}

/* ---- Reading and writing ---- */

static bool is_reading(const struct weft__io *io)
{
	return io->op == WEFT__IO_READ || io->op == WEFT__IO_READV;
}

static bool is_vectored(const struct weft__io *io)
{
	return io->op == WEFT__IO_READV || io->op == WEFT__IO_WRITEV;
}

/* The buffers as a vector; one is written to place. */
static const struct iovec *vector_of(const struct weft__io *io, struct iovec *place, int *ret_n)
{
	*ret_n = is_vectored(io) ? (int)io->size : 1;
	*place = (struct iovec){.iov_base = io->data, .iov_len = io->size};
	return is_vectored(io) ? io->iov : place;
}

static bool has_bytes(const struct iovec *iov, int n)
{
	for (int i = 0; i < n; i++)
		if (iov[i].iov_len)
			return true;
	return false;
}

static int64_t try_as_socket(struct weft__io *io, const struct iovec *iov, int n)
{
	struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n};

	return result_of(is_reading(io) ? recvmsg(io->fd, &m, MSG_DONTWAIT)
					: sendmsg(io->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* A pipe which says that it is ready surely takes so much without waiting for a reader. Of another write no part
 * would do: a device takes a message whole. */
static int64_t transfer_some(struct weft__io *io, const struct iovec *iov, int n, bool is_pipe)
{
	struct weft__io part = {.op = WEFT__IO_WRITEV, .fd = io->fd, .offset = -1};
	size_t room = PIPE_BUF;
	struct iovec some[8];

	if (is_reading(io) || !is_pipe)
		return weft__io_call(io);
	for (int i = 0; i < n && room && part.size < sizeof some / sizeof *some; i++) {
		if (!iov[i].iov_len)
			continue;
		some[part.size] = iov[i];
		if (iov[i].iov_len > room)
			some[part.size].iov_len = room;
		room -= some[part.size++].iov_len;
	}
	part.iov = some;
	return weft__io_call(&part);
}

/* The wrong end of a pipe is never ready, but the call says at once that it is that. */
static bool is_wrong_end(const struct weft__io *io)
{
	int flags = fcntl(io->fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) == (is_reading(io) ? O_WRONLY : O_RDONLY);
}

static int64_t try_without_waiting(struct weft__io *io, const struct iovec *iov, int n, bool is_pipe)
{
	struct weft__io nowait = {.op = is_reading(io) ? WEFT__IO_READV : WEFT__IO_WRITEV, .fd = io->fd};
	int64_t r;

	nowait.iov = iov;
	nowait.size = (size_t)n;
	nowait.offset = -1;
	nowait.mode = RWF_NOWAIT;
	r = weft__io_call(&nowait);
	if (r != -EOPNOTSUPP && r != -ENOSYS && r != -EPERM)
		return r;
	if (!is_ready(io->fd, weft__io_kinds[io->op].events) && !is_wrong_end(io))
		return -EAGAIN;
	return transfer_some(io, iov, n, is_pipe);
}

static int64_t try_transfer(struct weft__io *io)
{
	struct iovec place;
	struct stat st;
	int64_t r;
	int n;
	const struct iovec *iov = vector_of(io, &place, &n);

	if (io->offset >= 0 || !has_bytes(iov, n)) /* a file, or nothing to wait for */
		return -EOPNOTSUPP;
	/* No file: for the call to find. (A sandbox may not let us ask.) */
	if (fstat(io->fd, &st) || S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode))
		return -EOPNOTSUPP;
	r = S_ISSOCK(st.st_mode) ? try_as_socket(io, iov, n)
				 : try_without_waiting(io, iov, n, S_ISFIFO(st.st_mode));
	return r == -EAGAIN ? would_wait(io, io->fd, weft__io_kinds[io->op].events) : r;
}

static int64_t try_message(struct weft__io *io)
{
	struct weft__io once = *io;
	int64_t r;

	once.flags |= MSG_DONTWAIT;
	r = weft__io_call(&once);
	return r == -EAGAIN ? would_wait(io, io->fd, weft__io_kinds[io->op].events) : r;
}

static int64_t try_splice(struct weft__io *io)
{
	int64_t r;

	if (!is_ready(io->fd, POLLIN))
		return would_wait(io, io->fd, POLLIN);
	if (!is_ready(io->fd2, POLLOUT))
		return would_wait(io, io->fd2, POLLOUT);
	io->flags |= SPLICE_F_NONBLOCK;
	r = weft__io_call(io);
	return r == -EAGAIN ? would_wait(io, -1, 0) : r; /* both are ready, and it does not do: seldom */
}

/* ---- Connections ---- */

/* Of another nothing ever comes, but accept says at once that it is none. */
static bool is_listener(int fd)
{
	int is = 0;
	socklen_t size = sizeof is;

	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &size) && is;
}

static int64_t try_accept(struct weft__io *io)
{
	bool alone = !has_o_nonblock(io->fd);
	int64_t r = -EAGAIN;

	if (alone && !weft__io_accept_begin(io->fd)) {
		sched_yield();
		return would_wait(io, io->fd, POLLIN);
	}
	if (!alone || is_ready(io->fd, POLLIN) || !is_listener(io->fd))
		r = weft__io_call(io);
	if (alone)
		weft__io_accept_end(io->fd);
	return r == -EAGAIN ? would_wait(io, io->fd, POLLIN) : r;
}

static int64_t connect_briefly(struct weft__io *io)
{
	const struct timeval tick = {.tv_usec = 1};
	struct timeval own;
	socklen_t size = sizeof own;
	int64_t r;

	if (getsockopt(io->fd, SOL_SOCKET, SO_SNDTIMEO, &own, &size))
		return -errno;
	setsockopt(io->fd, SOL_SOCKET, SO_SNDTIMEO, &tick, sizeof tick);
	r = weft__io_call(io);
	setsockopt(io->fd, SOL_SOCKET, SO_SNDTIMEO, &own, sizeof own);
	return r;
}

/* Called again it says what has become of it. */
static int64_t try_connect(struct weft__io *io)
{
	int64_t r = has_o_nonblock(io->fd) ? weft__io_call(io) : connect_briefly(io);

	if (r == -EINPROGRESS || (r == -EALREADY && io->begun)) {
		io->begun = true;
		return would_wait(io, io->fd, POLLOUT);
	}
	if (r == -EAGAIN) /* a socket of the file system whose listener has no room */
		return would_wait(io, -1, 0);
	return r == -EISCONN && io->begun ? 0 : r;
}

static int64_t try_poll(struct weft__io *io)
{
	struct pollfd p = {.fd = io->fd, .events = (short)io->flags};
	int n = poll(&p, 1, 0);

	if (n < 0)
		return -errno;
	return n ? p.revents : would_wait(io, io->fd, (short)io->flags);
}

int64_t weft__io_try(struct weft__io *io)
{
	switch (io->op) {
	case WEFT__IO_READ:
	case WEFT__IO_WRITE:
	case WEFT__IO_READV:
	case WEFT__IO_WRITEV:
		return try_transfer(io);
	case WEFT__IO_RECV:
	case WEFT__IO_SEND:
	case WEFT__IO_RECVMSG:
	case WEFT__IO_SENDMSG:
		return try_message(io);
	case WEFT__IO_SPLICE:
		return try_splice(io);
	case WEFT__IO_ACCEPT:
		return try_accept(io);
	case WEFT__IO_CONNECT:
		return try_connect(io);
	case WEFT__IO_POLL:
		return try_poll(io);
	default:
		return -EOPNOTSUPP;
	}
}
