/* SPDX-License-Identifier: MIT
 *
 * uring_switch.h -- from one fiber to the next, as long as that takes no look outside: what is inlined where fibers
 * wait most. Nothing lies between an answer of the kernel's and the fiber that it is for: who waits takes the next
 * answer, and goes there.
 *
 * Of thousands of fibers each has its own lines of the cache, its own struct and its own end of a stack, so those
 * that come next are fetched while others run. Always inlined, since gcc takes a function that only prefetches for
 * one that does nothing.
 */
#ifndef WEFT_EXECUTORS_URING_SWITCH_H
#define WEFT_EXECUTORS_URING_SWITCH_H

#include "uring_parts.h"
#ifdef WEFT_HAVE_URING
#include "uring_ring.h"
#endif

enum { URING_BEGIN = 32 }; /* tasks that may begin in one turn */

/* The next fiber, with all looks that it takes. */
struct uring_fiber *uring_lane_find(struct uring_lane *l);

#define URING_INLINE static inline __attribute__((always_inline))

URING_INLINE void uring_switch_fetch_fiber(const struct uring_fiber *f)
{
	__builtin_prefetch(f);
	__builtin_prefetch((const char *)f + 64);
}

/* Its struct is here. */
URING_INLINE void uring_switch_fetch_stack(const struct uring_fiber *f)
{
	__builtin_prefetch(f->context.sp);
	__builtin_prefetch((const char *)f->context.sp + 64);
	__builtin_prefetch((const char *)f->context.sp + 128);
}

static inline uint32_t uring_switch_n_ready(const struct uring_lane *l)
{
	return l->ready.end - l->ready.first;
}

/* There is one. */
URING_INLINE struct uring_fiber *uring_switch_pop(struct uring_lane *l)
{
	struct uring_ready *r = &l->ready;
	struct uring_fiber *f = r->at[r->first++ & r->mask];

	if (uring_switch_n_ready(l) > 3) {
		const struct uring_fiber *soon = r->at[(r->first + 1) & r->mask];
		const struct uring_fiber *later = r->at[(r->first + 3) & r->mask];

		uring_switch_fetch_fiber(later);
		__builtin_prefetch((const char *)later + 128);
		uring_switch_fetch_stack(soon);
		__builtin_prefetch((const char *)soon->context.sp + 192);
		__builtin_prefetch((const char *)soon->context.sp + 256);
		__builtin_prefetch((const char *)soon->context.sp + 320);
		__builtin_prefetch(&weft__future(soon->task)->state);
	}
	return f;
}

#ifdef WEFT_HAVE_URING
URING_INLINE uint64_t uring_switch_name(const struct uring_ring *r, uint32_t i)
{
	return r->ring.cq.cqes[i & r->ring.cq.ring_mask].user_data;
}

/* Takes one of the answers: the fiber that waited for nothing else, and is to run now; NULL: whoever it was has been
 * told. */
URING_INLINE struct uring_fiber *uring_switch_take(struct uring_lane *l)
{
	struct uring_ring *r = l->io;
	uint32_t at = r->next++;
	const struct io_uring_cqe *answer = &r->ring.cq.cqes[at & r->ring.cq.ring_mask];
	uint64_t name = answer->user_data;
	struct uring_fiber *f = uring_ring_fiber(name);

	if (l->answers-- > 3) {
		if (uring_switch_name(r, at + 1) > URING_NAME_CANCEL) {
			const struct uring_fiber *soon = uring_ring_fiber(uring_switch_name(r, at + 1));

			uring_switch_fetch_stack(soon);
			__builtin_prefetch(soon->base.call);
		}
		uring_switch_fetch_fiber(uring_ring_fiber(uring_switch_name(r, at + 3)));
	}
	if (name > URING_NAME_CANCEL && f->request == name && f->phase == URING_WAITING && !f->has_parker) {
		f->alarm = 0;
		f->request = 0;
		f->done = answer->res;
		f->result = 0;
		return f;
	}
	return uring_ring_answer(l, name, answer->res);
}
#else
URING_INLINE struct uring_fiber *uring_switch_take(struct uring_lane *l)
{
	l->answers = 0;
	return NULL;
}
#endif

URING_INLINE void uring_switch_to(struct uring_fiber *from, struct uring_fiber *to)
{
	weft__fiber_pass(&from->base, &to->base);
	weft__context_switch(&from->context, &to->context);
}

URING_INLINE struct uring_fiber *uring_switch_next(struct uring_lane *l)
{
	struct uring_fiber *f = NULL;

	if (l->answers)
		f = uring_switch_take(l);
	else if (l->budget > URING_BEGIN && uring_switch_n_ready(l)) {
		l->budget--;
		return uring_switch_pop(l);
	}
	return f ? f : uring_lane_find(l);
}

/* uring_lane_suspend. */
URING_INLINE void uring_switch_suspend(struct uring_fiber *f)
{
	int *err = f->lane->err, saved = *err;
	struct uring_fiber *next = uring_switch_next(f->lane);

	uring_watch_turn(f->lane, next == &f->lane->self ? NULL : next);
	weft__probe_switch(next);
	if (next != f)
		uring_switch_to(f, next);
	f->phase = URING_RUNNING;
	*err = saved;
}

#endif
