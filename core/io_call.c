/* SPDX-License-Identifier: MIT
 *
 * io_call.c -- the kernel calls themselves, as they are, on the calling thread. Two things are done to them: a
 * signal handler that ran in between does not end them, and none of them raises SIGPIPE.
 */
#include "io_request.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

const struct weft__io_kind weft__io_kinds[WEFT__IO_OPS] = {
	[WEFT__IO_READ] = {"read", POLLIN, true},
	[WEFT__IO_WRITE] = {"write", POLLOUT, true},
	[WEFT__IO_READV] = {"readv", POLLIN, true},
	[WEFT__IO_WRITEV] = {"writev", POLLOUT, true},
	[WEFT__IO_RECV] = {"recv", POLLIN, true},
	[WEFT__IO_SEND] = {"send", POLLOUT, true},
	[WEFT__IO_RECVMSG] = {"recvmsg", POLLIN, true},
	[WEFT__IO_SENDMSG] = {"sendmsg", POLLOUT, true},
	[WEFT__IO_SPLICE] = {"splice", POLLIN, true},
	[WEFT__IO_ACCEPT] = {"accept", POLLIN, true},
	[WEFT__IO_CONNECT] = {"connect", POLLOUT, true},
	[WEFT__IO_POLL] = {"poll", 0, true},
	[WEFT__IO_OPEN] = {"open", 0, false},
	[WEFT__IO_CLOSE] = {"close", 0, false},
	[WEFT__IO_FSYNC] = {"fsync", 0, false},
	[WEFT__IO_STATX] = {"statx", 0, false},
	[WEFT__IO_RENAME] = {"rename", 0, false},
	[WEFT__IO_UNLINK] = {"unlink", 0, false},
};

/* These by their numbers: musl has got the functions only in versions 1.2.5 and later. */
static ssize_t vector_with_flags(long number, const struct weft__io *io)
{
	/* The kernel takes an offset as two longs, of which 64-bit systems read the first. */
	return syscall(number, io->fd, io->iov, io->size, (long)io->offset, (long)(io->offset >> 31 >> 1),
		       io->mode);
}

static ssize_t read_from(const struct weft__io *io)
{
	return io->offset < 0 ? read(io->fd, io->data, io->size)
			      : pread(io->fd, io->data, io->size, io->offset);
}

static ssize_t readv_from(const struct weft__io *io)
{
	if (io->mode)
		return vector_with_flags(SYS_preadv2, io);
	return io->offset < 0 ? readv(io->fd, io->iov, (int)io->size)
			      : preadv(io->fd, io->iov, (int)io->size, io->offset);
}

static ssize_t write_to(const struct weft__io *io)
{
	return io->offset < 0 ? write(io->fd, io->out, io->size)
			      : pwrite(io->fd, io->out, io->size, io->offset);
}

static ssize_t writev_to(const struct weft__io *io)
{
	if (io->mode)
		return vector_with_flags(SYS_pwritev2, io);
	return io->offset < 0 ? writev(io->fd, io->iov, (int)io->size)
			      : pwritev(io->fd, io->iov, (int)io->size, io->offset);
}

static ssize_t splice_on(struct weft__io *io)
{
	return splice(io->fd, io->offset < 0 ? NULL : &io->offset, io->fd2,
		      io->offset2 < 0 ? NULL : &io->offset2, io->size, (unsigned)io->flags);
}

/* A close that was interrupted has closed all the same. */
static int close_once(int fd)
{
	return close(fd) && errno != EINTR ? -1 : 0;
}

static int poll_one(const struct weft__io *io)
{
	struct pollfd fd = {.fd = io->fd, .events = (short)io->flags};
	int n = poll(&fd, 1, -1);

	return n > 0 ? fd.revents : n;
}

static ssize_t transfer(struct weft__io *io)
{
	switch (io->op) {
	case WEFT__IO_READ:
		return read_from(io);
	case WEFT__IO_READV:
		return readv_from(io);
	case WEFT__IO_WRITE:
		return write_to(io);
	case WEFT__IO_WRITEV:
		return writev_to(io);
	case WEFT__IO_RECV:
		return recv(io->fd, io->data, io->size, io->flags);
	case WEFT__IO_SEND:
		return send(io->fd, io->out, io->size, io->flags);
	case WEFT__IO_RECVMSG:
		return recvmsg(io->fd, io->msg, io->flags);
	case WEFT__IO_SENDMSG:
		return sendmsg(io->fd, io->msg, io->flags);
	default:
		return splice_on(io);
	}
}

static int manage(struct weft__io *io)
{
	switch (io->op) {
	case WEFT__IO_ACCEPT:
		return accept4(io->fd, io->data, io->length, io->flags);
	case WEFT__IO_CONNECT:
		return connect(io->fd, io->out, (socklen_t)io->size);
	case WEFT__IO_POLL:
		return poll_one(io);
	case WEFT__IO_OPEN:
		return openat(io->fd, io->path, io->flags, io->mode);
	case WEFT__IO_CLOSE:
		return close_once(io->fd);
	case WEFT__IO_FSYNC:
		return io->flags ? fdatasync(io->fd) : fsync(io->fd);
	case WEFT__IO_STATX:
		return (int)syscall(SYS_statx, io->fd, io->path, io->flags, io->mode, io->data);
	case WEFT__IO_RENAME:
		return (int)syscall(SYS_renameat2, io->fd, io->path, io->fd2, io->path2, (unsigned)io->flags);
	default:
		return unlinkat(io->fd, io->path, io->flags);
	}
}

/* Where the other end of fd is gone, the kernel sends SIGPIPE to the thread as well, unless it is told not to,
 * which only send and sendmsg can be. So it is held up, and thrown away. */
static ssize_t transfer_without_signal(struct weft__io *io)
{
	const struct timespec at_once = {0};
	sigset_t pipe, old;
	ssize_t n;
	int err;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &old);
	n = transfer(io);
	err = errno;
	if (n < 0 && err == EPIPE)
		sigtimedwait(&pipe, NULL, &at_once);
	if (!sigismember(&old, SIGPIPE))
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = err;
	return n;
}

static bool can_raise_sigpipe(const struct weft__io *io)
{
	return io->op == WEFT__IO_SPLICE ||
	       ((io->op == WEFT__IO_WRITE || io->op == WEFT__IO_WRITEV) && io->offset < 0);
}

int64_t weft__io_call(struct weft__io *io)
{
	int64_t n;

	do {
		if (can_raise_sigpipe(io))
			n = transfer_without_signal(io);
		else
			n = io->op <= WEFT__IO_SPLICE ? transfer(io) : manage(io);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}
