/* SPDX-License-Identifier: MIT
 *
 * queue_make.c -- queues: making and freeing them; what they are and have done.
 */
#include "queue_parts.h"
#include "spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CAPACITY_DEFAULT = 1024, MESSAGE_SIZE_DEFAULT = 64, BLOCK_LEAST = 20480 };

/* ---- What there is ---- */

ssize_t weft_queue_count(const weft_queue *q)
{
	return weft__queue_check(q) ? -EINVAL : (ssize_t)weft__ring_count(&q->map);
}

int weft_queue_stats(const weft_queue *q, struct weft_queue_usage *ret)
{
	struct queue_side *put, *get;

	if (weft__queue_check(q) || !ret)
		return -EINVAL;
	put = weft__queue_side(q, PUT);
	get = weft__queue_side(q, GET);
	/* Relaxed, all: for people. */
	*ret = (struct weft_queue_usage){.capacity = q->map.capacity,
					 .count = weft__ring_count(&q->map),
					 .message_size = q->map.message_size,
					 .memory = (uint64_t)q->map.units * RING_UNIT,
					 .puts = atom_load(&put->total, relaxed),
					 .gets = atom_load(&get->total, relaxed),
					 .put_sleeps = atom_load(&put->sleeps, relaxed),
					 .get_sleeps = atom_load(&get->sleeps, relaxed),
					 .deaths = atom_load(&put->deaths, relaxed) +
						   atom_load(&get->deaths, relaxed),
					 .closed = weft__queue_closed(q)};
	return 0;
}

/* ---- Making and freeing ---- */

int weft__queue_shape(const struct weft_queue_opts *opts, struct queue_shape *ret)
{
	uint64_t capacity = opts->capacity ? opts->capacity : CAPACITY_DEFAULT;
	uint64_t message = opts->message_size ? opts->message_size : MESSAGE_SIZE_DEFAULT, units, least;

	if (capacity > WEFT_QUEUE_CAPACITY_MAX || message > WEFT_QUEUE_MESSAGE_MAX ||
	    opts->memory > WEFT_QUEUE_MEMORY_MAX)
		return -ERANGE;
	least = weft__ring_units((size_t)message) + 1; /* and the 0 behind it */
	units = opts->memory ? (opts->memory + RING_UNIT - 1) / RING_UNIT
			     : weft__ring_units((size_t)message) * capacity + 1;
	if (units < least || units > WEFT_QUEUE_MEMORY_MAX / RING_UNIT)
		return -ERANGE;
	for (ret->units = 16; ret->units < units;)
		ret->units *= 2;
	ret->capacity = (uint32_t)capacity;
	ret->message_size = (size_t)message;
	return 0;
}

void weft__queue_init(weft_queue *q, const struct queue_shape *s, struct queue_ring *ring)
{
	*q = (weft_queue){.magic = QUEUE_MAGIC,
			  .map = {.ring = ring,
				  .data = (atom_u64 *)(void *)(ring + 1),
				  .units = s->units,
				  .capacity = s->capacity,
				  .message_size = s->message_size}};
}

/* The ring begins at a line of its own: a block of more than 16 KiB begins at a page. */
static size_t handle_size(void)
{
	return (sizeof(weft_queue) + RING_LINE - 1) / RING_LINE * RING_LINE;
}

static int make_in(weft_region *region, const struct queue_shape *s, bool own, weft_queue **ret)
{
	struct queue_ring *ring;
	weft_queue *q;
	size_t size = handle_size() + weft__queue_size(s);
	int err = weft_region_alloc(region, size > BLOCK_LEAST ? size : BLOCK_LEAST, (void **)&q);

	if (err)
		return err;
	ring = (struct queue_ring *)(void *)((char *)q + handle_size());
	memset(ring, 0, sizeof *ring);
	weft__queue_init(q, s, ring);
	/* Relaxed: nobody knows of it yet. */
	atom_store(&q->map.data[0], 0, relaxed);
	q->region = region;
	q->own_region = own;
	*ret = q;
	return 0;
}

int weft_queue_new(weft_queue **ret, const struct weft_queue_opts *opts)
{
	struct weft_region_opts r = {.size = sizeof r};
	struct weft_queue_opts o;
	struct queue_shape s;
	int err = ret ? weft__opts_copy(&o, sizeof o, opts) : -EINVAL;

	if (!err)
		err = weft__queue_shape(&o, &s);
	if (err)
		return err;
	if (o.region)
		return make_in(o.region, &s, false, ret);
	r.limit = weft__queue_size(&s) + WEFT_REGION_LIMIT_MIN;
	err = weft_region_new(&o.region, &r);
	if (err)
		return err;
	err = make_in(o.region, &s, true, ret);
	if (err)
		weft_region_free(o.region);
	return err;
}

int weft_queue_free(weft_queue *q)
{
	struct weft_queue was;
	int err = q ? weft__queue_check(q) : 0;

	if (err || !q)
		return err;
	was = *q;
	if (was.file) {
		q->magic = 0;
		munmap(was.file, was.file_size);
		free(q);
		return 0;
	}
	if (was.own_region)
		return weft_region_free(was.region);
	q->magic = 0;
	return weft_region_dealloc(was.region, q);
}
