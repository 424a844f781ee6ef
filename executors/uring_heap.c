/* SPDX-License-Identifier: MIT
 *
 * uring_heap.c -- the deadlines of a lane's fibers: a heap whose nodes have four children, which lie in one line of the
 * cache. A heap that moves what it holds touches nothing else: a fiber does not know its place. So it does not take its
 * deadline out when it is woken before; it forgets it, and the heap finds out when that one is due, or when it is full.
 * There is room for twice as many as there are fibers, each of which has one deadline at most: so of what a full heap
 * holds half can be thrown away at least, and looking through it costs little for each that came in since.
 */
#include "uring_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CHILDREN = 4, LINE = 64, LEAST = 64 };

/* So many before the first one: then its children, and all others, begin a line. */
enum { BEFORE = LINE / sizeof(struct uring_alarm) - 1 };

static void up(struct uring_heap *h, uint32_t at, struct uring_alarm a)
{
	while (at > 0) {
		uint32_t parent = (at - 1) / CHILDREN;

		if (h->alarm[parent].at <= a.at)
			break;
		h->alarm[at] = h->alarm[parent];
		at = parent;
	}
	h->alarm[at] = a;
}

static void down(struct uring_heap *h, uint32_t at, struct uring_alarm a)
{
	for (;;) {
		uint32_t first = at * CHILDREN + 1, least = first;

		if (first >= h->n)
			break;
		for (uint32_t i = first + 1; i < h->n && i < first + CHILDREN; i++)
			if (h->alarm[i].at < h->alarm[least].at)
				least = i;
		if (h->alarm[least].at >= a.at)
			break;
		h->alarm[at] = h->alarm[least];
		at = least;
	}
	h->alarm[at] = a;
}

/* What is left is one for each fiber at most: it may have been here at the same time before, and been woken. */
static void clean_up(struct uring_heap *h)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->n; i++) {
		struct uring_alarm a = h->alarm[i];

		if (uring_alarm_is_forgotten(&a) || a.fiber->is_kept)
			continue;
		a.fiber->is_kept = true;
		h->alarm[n++] = a;
	}
	h->n = n;
	for (uint32_t i = 0; i < n; i++)
		h->alarm[i].fiber->is_kept = false;
	for (uint32_t i = n / CHILDREN + 1; i-- > 0;)
		if (i < n)
			down(h, i, h->alarm[i]);
}

int uring_heap_grow(struct uring_heap *h, size_t fibers)
{
	size_t room = h->room ? h->room : LEAST;
	struct uring_alarm *a;

	while (room < 2 * fibers)
		room *= 2;
	if (room == h->room)
		return 0;
	a = room > UINT32_MAX / 8 ? NULL : aligned_alloc(LINE, (BEFORE + 1 + room) * sizeof *a);
	if (!a)
		return -ENOMEM;
	a += BEFORE;
	if (h->n)
		memcpy(a, h->alarm, h->n * sizeof *a);
	if (h->alarm)
		free(h->alarm - BEFORE);
	h->alarm = a;
	h->room = (uint32_t)room;
	return 0;
}

void uring_heap_add(struct uring_heap *h, weft_time at, struct uring_fiber *f)
{
	if (h->n == h->room)
		clean_up(h);
	f->alarm = at > 0 ? at : 1;
	h->n++;
	up(h, h->n - 1, (struct uring_alarm){f->alarm, f});
}

static void take_first(struct uring_heap *h)
{
	h->n--;
	if (h->n)
		down(h, 0, h->alarm[h->n]);
}

weft_time uring_heap_next(struct uring_heap *h)
{
	while (h->n && uring_alarm_is_forgotten(&h->alarm[0]))
		take_first(h);
	return h->n ? h->alarm[0].at : WEFT_FOREVER;
}

/* Those that come out are brought into the cache together, which they are not in. */
uint32_t uring_heap_take(struct uring_heap *h, weft_time now, struct uring_alarm ret[], uint32_t n)
{
	uint32_t i = 0;

	for (; i < n && h->n && h->alarm[0].at <= now; i++) {
		ret[i] = h->alarm[0];
		__builtin_prefetch(ret[i].fiber);
		take_first(h);
	}
	return i;
}

void uring_heap_free(struct uring_heap *h)
{
	if (h->alarm)
		free(h->alarm - BEFORE);
	*h = (struct uring_heap){0};
}
