/* SPDX-License-Identifier: MIT
 *
 * queue_parts.h -- what a handle of a queue is.
 *
 *   queue_ring.c   the messages: the memory that all share
 *   queue.c        putting, getting, closing; who waits how
 *   queue_make.c   making, freeing, statistics
 *   queue_file.c   queues with a name: their file, and what of it is believed
 */
#ifndef WEFT_IPC_QUEUE_PARTS_H
#define WEFT_IPC_QUEUE_PARTS_H

#include "queue_ring.h"

#include <errno.h>
#include <weft/queue.h>

#define QUEUE_MAGIC UINT64_C(0x7765667471756575) /* of a handle that is in use */

/* In a region, in front of the ring: all who have the region have the handle. Of a named one: private memory. Nobody
 * changes it, but for magic. */
struct weft_queue {
	uint64_t magic;
	struct queue_map map;
	weft_region *region; /* NULL: it is a mapped file */
	bool own_region;
	void *file; /* its mapping */
	size_t file_size;
};

static inline int weft__queue_check(const weft_queue *q)
{
	return q && q->magic == QUEUE_MAGIC ? 0 : -EINVAL;
}

static inline struct queue_side *weft__queue_side(const weft_queue *q, int side)
{
	return &q->map.ring->side[side];
}

static inline bool weft__queue_closed(const weft_queue *q)
{
	/* R3 acquire: pairs with the store in weft_queue_close. */
	return atom_load(&q->map.ring->closed, acquire);
}

/* What options ask for, checked. */
struct queue_shape {
	uint32_t units, capacity;
	size_t message_size;
};

int weft__queue_shape(const struct weft_queue_opts *opts, struct queue_shape *ret); /* 0 | -ERANGE */
/* The bytes of a ring. */
static inline size_t weft__queue_size(const struct queue_shape *s)
{
	return sizeof(struct queue_ring) + (size_t)s->units * RING_UNIT;
}

void weft__queue_init(weft_queue *q, const struct queue_shape *s, struct queue_ring *ring);

#endif
