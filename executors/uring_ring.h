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
	bool bell_set;  /* a read of the lane's bell is under way */
	bool has_futex; /* IORING_OP_FUTEX_WAIT */
};

/* An empty request; if need be, others are handed over first. Some fiber's answer may come meanwhile. */
struct io_uring_sqe *uring_ring_sqe(struct uring_lane *l);

/* sqe is f's request from now on. */
void uring_ring_request(struct uring_fiber *f, struct io_uring_sqe *sqe);

/* Waits for the answer to f's request, which it returns. At deadline, or, if interruptible, when its task is told
 * to give up, cancels it; then -ETIMEDOUT or -ECANCELED, if the request was not carried out after all. */
int uring_ring_wait(struct uring_fiber *f, weft_time deadline, bool interruptible);

int64_t uring_ring_io(struct weft__fiber *base, struct weft__io *io, weft_time deadline);

#endif
