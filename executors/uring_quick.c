/* SPDX-License-Identifier: MIT
 *
 * uring_quick.c -- reading and writing, sending and receiving by a short way: where nothing but the answer, or being told
 * to give up, ends the wait. The request is made of the arguments as they are, and the fiber waits here. Whatever
 * turns out otherwise goes the way of all calls (uring_ops.c).
 */
#include "uring_parts.h"

#ifdef WEFT_HAVE_URING
#include "io_request.h"
#include "uring_switch.h"

#include <errno.h>
#include <string.h>

static const uint8_t opcodes[] = {[WEFT__IO_READ] = IORING_OP_READ,
				  [WEFT__IO_WRITE] = IORING_OP_WRITE,
				  [WEFT__IO_RECV] = IORING_OP_RECV,
				  [WEFT__IO_SEND] = IORING_OP_SEND};

/* As io_uring_prep_read and the others. */
static void prepare_quickly(struct io_uring_sqe *sqe, enum weft__io_op op, int fd, const void *data,
			    size_t size, int64_t at)
{
	bool is_file = op <= WEFT__IO_WRITEV;

	memset(sqe, 0, sizeof *sqe);
	sqe->opcode = opcodes[op];
	sqe->fd = fd;
	sqe->off = is_file ? (uint64_t)at : 0;
	sqe->addr = (uintptr_t)data;
	sqe->len = (unsigned)size;
	sqe->msg_flags = is_file ? 0 : (unsigned)at;
}

/* Nothing speaks against waiting, and nothing but the request itself, or being told to give up, will end it. */
static bool may_just_wait(const struct uring_fiber *f)
{
	const weft_call *call = weft__current;

	return call && weft__fiber_owns(&f->base, call) && !weft__asked(call) &&
	       weft__future(call->task)->deadline == WEFT_FOREVER;
}

static bool has_offsets(struct uring_lane *l, int fd)
{
	struct uring_row *row = uring_files_row(l, fd);

	return row && row->has_offsets;
}

static int64_t take_the_long_way(struct weft__fiber *base, enum weft__io_op op, int fd, const void *data,
				 size_t size, int64_t at, int n)
{
	struct weft__io io = weft__io_transfer(op, fd, data, size, at);

	return uring_ring_io_again(base, &io, WEFT_FOREVER, n);
}

int64_t uring_ring_transfer(struct weft__fiber *base, enum weft__io_op op, int fd, const void *data,
			    size_t size, int64_t at)
{
	struct uring_fiber *f = list_entry(base, struct uring_fiber, base);
	bool interruptible = op > WEFT__IO_WRITEV || at < 0;
	struct io_uring_sqe *sqe;
	int n;

	if (weft__pending ||
	    (interruptible ? !may_just_wait(f) || uring_files_enter(f, fd) : !has_offsets(f->lane, fd)))
		return take_the_long_way(base, op, fd, data, size, at, -EINTR);
	sqe = uring_ring_sqe(f->lane);
	prepare_quickly(sqe, op, fd, data, size, at);
	uring_ring_request(f, sqe);
	if (interruptible) {
		f->base.call = weft__current;
		f->interruptible = true;
	}
	f->phase = URING_WAITING;
	uring_switch_suspend(f);
	n = f->request || f->done < 0 ? uring_ring_result(f, f->result) : f->done;
	if (interruptible) {
		f->interruptible = false;
		uring_files_leave(f);
	}
	if (n == -EINTR || n == -EAGAIN)
		return take_the_long_way(base, op, fd, data, size, at, n);
	if (n == -EPIPE)
		uring_ring_drop_sigpipe();
	return n;
}

#endif
