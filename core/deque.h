/* SPDX-License-Identifier: MIT
 *
 * deque.h -- the split deque of one thread: the children that it has spawned and not yet synced, oldest
 * first. It knows nothing of what they are.
 *
 *   0 .. tail       stolen; each keeps its place until its thief is done and the owner has popped it
 *   tail .. split   shared: thieves take the oldest
 *   split .. head   the owner's: no other thread looks at them
 *
 * The owner pushes and pops at head as if it were alone. When a thread has called it hungry, which it sees
 * at its next push or pop, it shares some more.
 */
#ifndef WEFT_CORE_DEQUE_H
#define WEFT_CORE_DEQUE_H

#include "atomic.h"

#include <stdbool.h>
#include <stddef.h>

struct weft_child;

/* Places of a deque that weft__deque_open made. The memory of a place is used from its first use on. */
#define WEFT__DEQUE_PLACES (1u << 20)
#define WEFT__DEQUE_HUNGRY UINT32_MAX

/* Zeroed memory is a closed one: nothing can be pushed, nothing stolen. The first two lines are part of
 * the ABI: weft/spawn_inline.h. */
struct weft__deque {
	/* The owner's. */
	_Alignas(64) uint32_t head;
	uint32_t split; /* as in bounds */
	uint32_t places;
	bool (*fed)(void *ctx);
	void *fed_ctx;
	/* Also its thieves'. The owner pushes below limit, and pops from lowest on, by the short way. Who is
	 * hungry takes both ways from it. */
	_Alignas(64) atom_u32 limit; /* places, or 0: hungry */
	atom_u32 lowest;             /* split, or WEFT__DEQUE_HUNGRY */
	struct weft_child **slots;
	atom_u64 bounds; /* split << 32 | tail */
};

int weft__deque_open(struct weft__deque *d); /* 0 or -ENOMEM: it stays closed */
void weft__deque_close(struct weft__deque *d);
/* As open, with places that belong to the caller. */
void weft__deque_init(struct weft__deque *d, struct weft_child **slots, uint32_t places);

extern struct weft__deque weft__deque_none; /* closed for ever: of threads without one */

/* The owner's. */

/* True if the short way will do: there is room, and nobody hungry. */
static inline bool weft__deque_calm(const struct weft__deque *d)
{
	/* D4 relaxed: a hint. */
	return d->head < atom_load(&((struct weft__deque *)(uintptr_t)d)->limit, relaxed);
}

static inline bool weft__deque_full(const struct weft__deque *d)
{
	return d->head >= d->places;
}

/* Not where it is full. Returns its place. */
static inline uint32_t weft__deque_push(struct weft__deque *d, struct weft_child *c)
{
	uint32_t place = d->head;

	plain_write(d->slots[place], c);
	d->head = place + 1;
	return place;
}

/* The newest; not where it is empty. */
static inline struct weft_child *weft__deque_newest(const struct weft__deque *d)
{
	return plain_read(d->slots[d->head - 1]);
}

/* The short way of pop, for what is, or is not, the newest: true only if place is that of the newest, and
 * private, and nobody is hungry. The head is set, not counted down: so it depends on what the child remembers
 * and not on the last change of head, which saves the time between a store and a load of the same word. */
static inline bool weft__deque_pop_calmly(struct weft__deque *d, uint32_t place)
{
	/* D4 relaxed: a hint. */
	if (place + 1 != d->head || place < atom_load(&d->lowest, relaxed))
		return false;
	d->head = place;
	return true;
}

bool weft__deque_pop(struct weft__deque *d); /* takes out the newest; false: it was stolen */
void weft__deque_pop_stolen(
	struct weft__deque *d);                /* the newest, which was stolen, and whose thief is done */
bool weft__deque_share(struct weft__deque *d); /* the older half of what is private; false: that is nothing */
void weft__deque_share_all(struct weft__deque *d);
/* Where somebody is hungry, and there is something to share: shares, then calls d->fed(d->fed_ctx), whose
 * true says that somebody still is. */
void weft__deque_feed(struct weft__deque *d);

/* Any thread's, for as long as the struct exists. */

struct weft_child *weft__deque_steal(struct weft__deque *d); /* the oldest shared one, or NULL */
void weft__deque_hungry(struct weft__deque *d);              /* asks the owner to share */

/* Is there something to steal? A hint; but of a thread that shares, passes a seq_cst fence, and looks for
 * sleepers, and one that becomes a sleeper by a seq_cst operation, and looks here, one sees the other. */
static inline bool weft__deque_stealable(struct weft__deque *d)
{
	/* D3 seq_cst: pairs with the addition in share. */
	uint64_t bounds = atom_load(&d->bounds, seq_cst);

	return (uint32_t)bounds < bounds >> 32;
}

#endif
