/* SPDX-License-Identifier: MIT
 *
 * uring_ring.h -- what uring_ring.c and uring_ops.c have in common.
 */
#ifndef WEFT_EXECUTORS_URING_RING_H
#define WEFT_EXECUTORS_URING_RING_H

#include "uring_parts.h"

#include <liburing.h>

struct uring_ring {
	struct io_uring ring;
	uint32_t
		next; /* answer: those before it have been given out, the kernel is told of that at the next turn */
	uint32_t shown; /* answers that were counted for who looks on */
	bool bell_set;  /* a read of the lane's bell is under way */
	bool has_futex; /* IORING_OP_FUTEX_WAIT */
};

/* The name of what is nobody's request: a bell, a cancel. Fibers are aligned to more. */
enum { URING_NAME_BELL = 1, URING_NAME_CANCEL = 2, URING_NAME_BITS = 48 };

static inline struct uring_fiber *uring_ring_fiber(uint64_t name)
{
	return (struct uring_fiber *)(uintptr_t)(name & (((uint64_t)1 << URING_NAME_BITS) - 1));
}

/* The answer of that name has come. Always NULL. */
struct uring_fiber *uring_ring_answer(struct uring_lane *l, uint64_t name, int32_t result);

struct io_uring_sqe *uring_ring_make_room(struct uring_lane *l);

/* An empty request; if need be, others are handed over first. Some fiber's answer may come meanwhile. */
static inline struct io_uring_sqe *uring_ring_sqe(struct uring_lane *l)
{
	struct io_uring_sq *sq = &((struct uring_ring *)l->io)->ring.sq;

	/* As io_uring_get_sqe, which asks first what kind of ring it is. */
	if (sq->sqe_tail - IO_URING_READ_ONCE(*sq->khead) >= sq->ring_entries)
		return uring_ring_make_room(l);
	return &sq->sqes[sq->sqe_tail++ & sq->ring_mask];
}

/* sqe is f's request from now on. */
static inline void uring_ring_request(struct uring_fiber *f, struct io_uring_sqe *sqe)
{
	f->request = (uint64_t)++f->generation << URING_NAME_BITS | (uintptr_t)f;
	sqe->user_data = f->request;
}

/* Waits for the answer to f's request, which it returns. At deadline, or, if interruptible, when its task is told
 * to give up, cancels it; then -ETIMEDOUT or -ECANCELED, if the request was not carried out after all. */
int uring_ring_wait(struct uring_fiber *f, weft_time deadline, bool interruptible);

/* The same, when it has waited already, which ended with err. */
int uring_ring_result(struct uring_fiber *f, int err);

int64_t uring_ring_transfer(struct weft__fiber *base, enum weft__io_op op, int fd, const void *data,
			    size_t size, int64_t at);
int64_t uring_ring_io(struct weft__fiber *base, struct weft__io *io, weft_time deadline);

/* The same, where it was tried before, with that result: -EAGAIN, or -EINTR for nothing. */
int64_t uring_ring_io_again(struct weft__fiber *base, struct weft__io *io, weft_time deadline, int n);
void uring_ring_drop_sigpipe(void);

#endif
