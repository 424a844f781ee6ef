/* SPDX-License-Identifier: MIT
 *
 * trace_part.c -- what other ranks have traced, put into the trace of rank 0. There it is as if they had mapped the same
 * file, but for its origin, which each chunk has with it.
 *
 * A rank's clock differs from ours by what two measurements say, one from the beginning and the last one; between
 * and around them it is taken to run evenly. Nothing of a part is trusted, since the reader trusts nothing either
 * (trace_link.c); here, only numbers that lead somewhere are checked. T1 is that of trace.c.
 */
#include "trace_json.h"
#include "tracing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct adopter {
	struct trace_head *dst;
	struct trace_head *src;
	uint32_t n_chunks, host;
	uint32_t name[TRACE_NAMES + 1]; /* the numbers in dst of those in src; 0: not asked for yet */
};

/* Of numbers that may be anything. */
static int64_t minus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t our_time(const struct trace_head *src, int64_t time)
{
	const struct trace_clock *a = &src->clock[0], *b = &src->clock[1];
	double even =
		b->time > a->time ? (double)minus(b->ahead, a->ahead) / (double)minus(b->time, a->time) : 0;

	if (!(fabs(even) < 0.01)) /* no clock is that wrong */
		even = 0;
	return minus(minus(time, a->ahead), (int64_t)(even * (double)minus(time, a->time)));
}

static int64_t full_at(struct trace_head *src)
{
	return (int64_t)atom_load(&src->full_at, relaxed); /* relaxed: the part is ours alone */
}

static uint32_t our_name(struct adopter *a, uint32_t theirs)
{
	char text[TRACE_NAME_MAX + 1];

	if (!theirs || theirs > TRACE_NAMES)
		return 0;
	if (!a->name[theirs]) {
		memcpy(text, a->src->name[theirs - 1].text, sizeof text);
		text[TRACE_NAME_MAX] = 0;
		a->name[theirs] = weft__trace_number(a->dst->name, text);
	}
	return a->name[theirs];
}

static struct trace_event our_event(struct adopter *a, struct trace_event e)
{
	bool named =
		e.kind == WEFT__TRACE_SUBMIT || e.kind == WEFT__TRACE_START || e.kind == WEFT__TRACE_MARK;

	e.time = our_time(a->src, e.time);
	if (named)
		e.a = our_name(a, e.a);
	return e;
}

static void count_dropped(struct adopter *a, uint64_t n, int64_t from)
{
	uint64_t never = 0;

	/* Relaxed, both: figures for people. */
	atom_add(&a->dst->dropped, n, relaxed);
	if (n)
		atom_cas(&a->dst->full_at, &never, (uint64_t)from, relaxed, relaxed);
}

static struct trace_chunk *room(struct adopter *a)
{
	uint32_t i;

	/* Relaxed: chunks are zero when they are given out. */
	if (atom_load(&a->dst->next, relaxed) >= a->n_chunks)
		return NULL;
	i = atom_add(&a->dst->next, 1, relaxed);
	return i < a->n_chunks ? &a->dst->chunk[i] : NULL;
}

static void adopt_chunk(struct adopter *a, const struct trace_chunk *from)
{
	/* Relaxed, both: the part is ours alone. */
	uint32_t n = atom_load((atom_u32 *)(uintptr_t)&from->n, relaxed);
	uint32_t dropped = atom_load((atom_u32 *)(uintptr_t)&from->dropped, relaxed);
	struct trace_chunk *to;

	n = n < TRACE_EVENTS ? n : TRACE_EVENTS;
	if (dropped)
		count_dropped(a, dropped, our_time(a->src, full_at(a->src)));
	if (!n)
		return;
	to = room(a);
	if (!to) {
		count_dropped(a, n, our_time(a->src, from->event[0].time));
		return;
	}
	memcpy(&to->pid, &from->pid, offsetof(struct trace_chunk, rank) - offsetof(struct trace_chunk, pid));
	to->rank = a->src->rank;
	to->host = a->host;
	for (uint32_t i = 0; i < n; i++)
		to->event[i] = our_event(a, from->event[i]);
	/* T1 release: the events. */
	atom_store(&to->n, n, release);
}

void weft__trace_adopt(struct trace_head *dst, uint32_t n_chunks, struct trace_head *src,
		       const struct trace_chunk *chunk, size_t n)
{
	struct adopter a = {.dst = dst, .src = src, .n_chunks = n_chunks};
	char host[TRACE_HOST];

	memcpy(host, src->host, sizeof host);
	host[TRACE_HOST - 1] = 0;
	a.host = weft__trace_number(dst->name, host);
	/* Relaxed: the part is ours alone. */
	count_dropped(&a, atom_swap(&src->dropped, 0, relaxed), our_time(src, full_at(src)));
	for (size_t i = 0; i < n; i++)
		adopt_chunk(&a, &chunk[i]);
}

void weft__trace_part_take(struct trace_head *src, const struct trace_chunk *chunk, size_t n)
{
	atom_u32 *in = weft__trace_enter();

	if (!in)
		return;
	weft__trace_adopt(weft__trace.head, weft__trace.n_chunks, src, chunk, n);
	weft__trace_leave(in);
}
