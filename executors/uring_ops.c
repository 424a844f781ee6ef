/* SPDX-License-Identifier: MIT
 *
 * uring_ops.c -- one call of io.h as a request of the ring.
 *
 * Most are what the kernel call is. What differs: a descriptor that is O_NONBLOCK is answered with -EAGAIN, and
 * then waited for by another request.
 */
#include "uring_parts.h"

#ifdef WEFT_HAVE_URING
#include "clock.h"
#include "io_request.h"
#include "uring_ring.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

/* The kernel takes no more at a time anyhow. */
#define SIZE_MOST 0x7ffff000u

static unsigned size_of(const struct weft__io *io)
{
	return io->size < SIZE_MOST ? (unsigned)io->size : SIZE_MOST;
}

static void prepare_transfer(struct io_uring_sqe *sqe, const struct weft__io *io)
{
	uint64_t offset = (uint64_t)io->offset;

	switch (io->op) {
	case WEFT__IO_READ:
		io_uring_prep_read(sqe, io->fd, io->data, size_of(io), offset);
		break;
	case WEFT__IO_WRITE:
		io_uring_prep_write(sqe, io->fd, io->out, size_of(io), offset);
		break;
	case WEFT__IO_READV:
		io_uring_prep_readv2(sqe, io->fd, io->iov, (unsigned)io->size, offset, (int)io->mode);
		break;
	case WEFT__IO_WRITEV:
		io_uring_prep_writev2(sqe, io->fd, io->iov, (unsigned)io->size, offset, (int)io->mode);
		break;
	case WEFT__IO_RECV:
		io_uring_prep_recv(sqe, io->fd, io->data, size_of(io), io->flags);
		break;
	case WEFT__IO_SEND:
		io_uring_prep_send(sqe, io->fd, io->out, size_of(io), io->flags);
		break;
	case WEFT__IO_RECVMSG:
		io_uring_prep_recvmsg(sqe, io->fd, io->msg, (unsigned)io->flags);
		break;
	case WEFT__IO_SENDMSG:
		io_uring_prep_sendmsg(sqe, io->fd, io->msg, (unsigned)io->flags);
		break;
	default:
		io_uring_prep_splice(sqe, io->fd, io->offset, io->fd2, io->offset2, size_of(io),
				     (unsigned)io->flags);
	}
}

static void prepare(struct io_uring_sqe *sqe, const struct weft__io *io)
{
	switch (io->op) {
	case WEFT__IO_ACCEPT:
		io_uring_prep_accept(sqe, io->fd, io->data, io->length, io->flags);
		break;
	case WEFT__IO_CONNECT:
		io_uring_prep_connect(sqe, io->fd, io->out, (socklen_t)io->size);
		break;
	case WEFT__IO_POLL:
		io_uring_prep_poll_add(sqe, io->fd, (unsigned)io->flags);
		break;
	case WEFT__IO_OPEN:
		io_uring_prep_openat(sqe, io->fd, io->path, io->flags, io->mode);
		break;
	case WEFT__IO_CLOSE:
		io_uring_prep_close(sqe, io->fd);
		break;
	case WEFT__IO_FSYNC:
		io_uring_prep_fsync(sqe, io->fd, io->flags ? IORING_FSYNC_DATASYNC : 0);
		break;
	case WEFT__IO_STATX:
		io_uring_prep_statx(sqe, io->fd, io->path, io->flags, io->mode, io->data);
		break;
	case WEFT__IO_RENAME:
		io_uring_prep_renameat(sqe, io->fd, io->path, io->fd2, io->path2, (unsigned)io->flags);
		break;
	case WEFT__IO_UNLINK:
		io_uring_prep_unlinkat(sqe, io->fd, io->path, io->flags);
		break;
	default:
		prepare_transfer(sqe, io);
	}
}

/* Carried out once, or not at all. */
static int request(struct uring_fiber *f, const struct weft__io *io, weft_time deadline, bool interruptible)
{
	struct io_uring_sqe *sqe;
	int n = interruptible ? uring_files_enter(f, io->fd) : 0;

	if (n)
		return n;
	sqe = uring_ring_sqe(f->lane);
	prepare(sqe, io);
	uring_ring_request(f, sqe);
	n = uring_ring_wait(f, deadline, interruptible);
	if (interruptible)
		uring_files_leave(f);
	return n;
}

/* With what waits for the descriptor itself; after a try that ended with n. */
static int request_again(struct uring_fiber *f, const struct weft__io *io, weft_time deadline,
			 bool interruptible, int n)
{
	short events = weft__io_kinds[io->op].events;
	struct weft__io ready = {.op = WEFT__IO_POLL, .fd = io->fd, .flags = events};

	while (n == -EINTR || (n == -EAGAIN && events)) {
		if (n == -EAGAIN) {
			n = request(f, &ready, deadline, interruptible);
			if (n < 0 && n != -EINTR)
				break;
		}
		n = request(f, io, deadline, interruptible);
	}
	return n;
}

/* The other end is gone, and the kernel has sent us SIGPIPE, which all threads of ours block: it is thrown away. */
void uring_ring_drop_sigpipe(void)
{
	const struct timespec at_once = {0};
	sigset_t pipe;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigtimedwait(&pipe, NULL, &at_once);
}

static bool is_positioned(const struct weft__io *io)
{
	return io->op <= WEFT__IO_WRITEV && io->offset >= 0;
}

int64_t uring_ring_io(struct weft__fiber *base, struct weft__io *io, weft_time deadline)
{
	return uring_ring_io_again(base, io, deadline, -EINTR);
}

int64_t uring_ring_io_again(struct weft__fiber *base, struct weft__io *io, weft_time deadline, int n)
{
	struct uring_fiber *f = list_entry(base, struct uring_fiber, base);
	weft_time own = weft_call_deadline(weft__current);
	bool interruptible = weft__io_interruptible(io);
	int err;

	weft__release_pending();
	if (is_positioned(io) && !uring_files_has_offsets(f->lane, io->fd))
		return -ESPIPE;
	err = interruptible ? weft__io_given_up(deadline) : 0;
	if (err)
		return err;
	n = request_again(f, io, interruptible ? weft__earlier(own, deadline) : WEFT_FOREVER, interruptible,
			  n);
	if (n == -EPIPE)
		uring_ring_drop_sigpipe();
	return n;
}

#endif
