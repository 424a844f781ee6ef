/* SPDX-License-Identifier: MIT
 *
 * io.c -- the calls of weft/io.h that are one kernel call each, and who carries it out: the engine of the fiber;
 * else the calling thread. A thread in a task tries, waits for the descriptor (io_wait.c), and tries again, for the
 * kernel would not let go of it when the task is cancelled. Outside of tasks it makes the plain call.
 */
#include "clock.h"
#include "fiber.h"
#include "io_request.h"
#include "io_wait.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <weft/io.h>

#define RETRY_AFTER WEFT_MS(5)           /* what nobody tells when it would do */
#define SIZE_MOST   ((size_t)0x7ffff000) /* that the kernel moves in one call */

int weft__io_given_up(weft_time deadline)
{
	const weft_call *call = weft__current;

	if (call && weft__asked(call))
		return -ECANCELED;
	deadline = weft__earlier(deadline, weft_call_deadline(call));
	return deadline != WEFT_FOREVER && weft_now() >= deadline ? -ETIMEDOUT : 0;
}

static int await_ready(const struct weft__io *io, weft_time deadline)
{
	int err;

	if (io->ready.fd >= 0)
		return weft__io_await(io->ready, deadline);
	err = weft__io_await(io->ready, weft__earlier(deadline, weft_after(RETRY_AFTER)));
	return err == -ETIMEDOUT ? 0 : err; /* if it was the deadline, that is found anew */
}

static int64_t try_until(struct weft__io *io, weft_time deadline)
{
	int64_t n;
	int err;

	for (;;) {
		err = weft__io_given_up(deadline);
		if (err)
			return err;
		n = weft__io_try(io);
		if (n == -EOPNOTSUPP) {
			n = weft__io_call(io);
			io->ready = (struct pollfd){.fd = io->fd, .events = weft__io_kinds[io->op].events};
		}
		if (n != -EAGAIN)
			return n;
		err = await_ready(io, deadline);
		if (err)
			return err;
	}
}

/* It takes as long as it takes. */
static int64_t call_to_the_end(struct weft__io *io)
{
	int64_t n;

	if (io->op != WEFT__IO_FSYNC)
		return weft__io_call(io);
	weft_blocking_begin();
	n = weft__io_call(io);
	weft_blocking_end();
	return n;
}

int64_t weft__io_do(struct weft__io *io, weft_time deadline)
{
	int64_t n;

	if (weft__fiber)
		return weft__fiber->engine->io(weft__fiber, io, deadline);
	if (!weft__io_interruptible(io))
		return call_to_the_end(io);
	if (weft__current || deadline != WEFT_FOREVER)
		return try_until(io, deadline);
	n = weft__io_call(io);
	if (n != -EAGAIN && n != -EINPROGRESS)
		return n;
	io->begun = n == -EINPROGRESS; /* an O_NONBLOCK descriptor: we wait all the same */
	return try_until(io, deadline);
}

/* By itself, so that the way of a fiber, which is left by a jump, needs no frame. */
static __attribute__((noinline)) int64_t transfer_on_thread(enum weft__io_op op, int fd, const void *data,
							    size_t size, int64_t at)
{
	struct weft__io io = weft__io_transfer(op, fd, data, size, at);

	return weft__io_do(&io, WEFT_FOREVER);
}

int64_t weft__io_do_transfer(enum weft__io_op op, int fd, const void *data, size_t size, int64_t at)
{
	struct weft__fiber *f = weft__fiber;

	size = size < SIZE_MOST ? size : SIZE_MOST;
	return f ? f->engine->transfer(f, op, fd, data, size, at)
		 : transfer_on_thread(op, fd, data, size, at);
}

/* ---- Reading and writing ---- */

ssize_t weft_read(int fd, void *buffer, size_t size)
{
	return (ssize_t)weft__io_do_transfer(WEFT__IO_READ, fd, buffer, size, -1);
}

ssize_t weft_write(int fd, const void *data, size_t size)
{
	return (ssize_t)weft__io_do_transfer(WEFT__IO_WRITE, fd, data, size, -1);
}

ssize_t weft_pread(int fd, void *buffer, size_t size, int64_t offset)
{
	return offset < 0 ? -EINVAL : (ssize_t)weft__io_do_transfer(WEFT__IO_READ, fd, buffer, size, offset);
}

ssize_t weft_pwrite(int fd, const void *data, size_t size, int64_t offset)
{
	return offset < 0 ? -EINVAL : (ssize_t)weft__io_do_transfer(WEFT__IO_WRITE, fd, data, size, offset);
}

static ssize_t transfer_vector(enum weft__io_op op, int fd, const struct iovec *iov, int n, int64_t offset)
{
	struct weft__io io = {.op = op, .fd = fd, .offset = offset};

	if (n < 0 || n > IOV_MAX)
		return -EINVAL;
	io.iov = iov;
	io.size = (size_t)n;
	return (ssize_t)weft__io_do(&io, WEFT_FOREVER);
}

ssize_t weft_readv(int fd, const struct iovec *iov, int n)
{
	return transfer_vector(WEFT__IO_READV, fd, iov, n, -1);
}

ssize_t weft_writev(int fd, const struct iovec *iov, int n)
{
	return transfer_vector(WEFT__IO_WRITEV, fd, iov, n, -1);
}

ssize_t weft_preadv(int fd, const struct iovec *iov, int n, int64_t offset)
{
	return offset < 0 ? -EINVAL : transfer_vector(WEFT__IO_READV, fd, iov, n, offset);
}

ssize_t weft_pwritev(int fd, const struct iovec *iov, int n, int64_t offset)
{
	return offset < 0 ? -EINVAL : transfer_vector(WEFT__IO_WRITEV, fd, iov, n, offset);
}

/* The ring takes offsets as numbers, so here too they go in and come back by hand. */
ssize_t weft_splice(int fd_in, int64_t *off_in, int fd_out, int64_t *off_out, size_t size, unsigned flags)
{
	struct weft__io io = {.op = WEFT__IO_SPLICE, .fd = fd_in, .fd2 = fd_out, .flags = (int)flags};
	ssize_t n;

	if ((off_in && *off_in < 0) || (off_out && *off_out < 0))
		return -EINVAL;
	io.size = size < SIZE_MOST ? size : SIZE_MOST;
	io.offset = off_in ? *off_in : -1;
	io.offset2 = off_out ? *off_out : -1;
	n = (ssize_t)(flags & SPLICE_F_NONBLOCK ? weft__io_call(&io) : weft__io_do(&io, WEFT_FOREVER));
	if (n > 0 && off_in)
		*off_in += n;
	if (n > 0 && off_out)
		*off_out += n;
	return n;
}
