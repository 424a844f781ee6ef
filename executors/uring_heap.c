/* SPDX-License-Identifier: MIT
 *
 * uring_heap.c -- the deadlines of a lane's fibers. A heap whose nodes have four children, which lie in one line
 * of the cache; each fiber knows its place, so it can leave early.
 */
#include "uring_parts.h"

#include <errno.h>
#include <stdlib.h>

enum { CHILDREN = 4 };

static void put(struct uring_heap *h, uint32_t at, struct uring_alarm a)
{
	h->alarm[at] = a;
	a.fiber->alarm = at + 1;
}

static void up(struct uring_heap *h, uint32_t at, struct uring_alarm a)
{
	while (at > 0) {
		uint32_t parent = (at - 1) / CHILDREN;

		if (h->alarm[parent].at <= a.at)
			break;
		put(h, at, h->alarm[parent]);
		at = parent;
	}
	put(h, at, a);
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
		put(h, at, h->alarm[least]);
		at = least;
	}
	put(h, at, a);
}

int uring_heap_grow(struct uring_heap *h, size_t n)
{
	size_t room = h->room ? h->room : 64;
	struct uring_alarm *a;

	while (room < n)
		room *= 2;
	if (room == h->room)
		return 0;
	a = room > UINT32_MAX / 8 ? NULL : realloc(h->alarm, room * sizeof *a);
	if (!a)
		return -ENOMEM;
	h->alarm = a;
	h->room = (uint32_t)room;
	return 0;
}

void uring_heap_add(struct uring_heap *h, weft_time at, struct uring_fiber *f)
{
	h->n++;
	up(h, h->n - 1, (struct uring_alarm){at, f});
}

void uring_heap_remove(struct uring_heap *h, struct uring_fiber *f)
{
	uint32_t at = f->alarm - 1;
	struct uring_alarm last;

	if (!f->alarm)
		return;
	f->alarm = 0;
	last = h->alarm[--h->n];
	if (at == h->n)
		return;
	if (at > 0 && last.at < h->alarm[(at - 1) / CHILDREN].at)
		up(h, at, last);
	else
		down(h, at, last);
}

void uring_heap_free(struct uring_heap *h)
{
	free(h->alarm);
	*h = (struct uring_heap){0};
}
