/* SPDX-License-Identifier: MIT
 *
 * lot.c -- sleeping at an address.
 *
 *   tag  word         from -> to        order                   carries
 *   K1   bucket.n     enter <-> wake    add, fence <-> fence,   nothing: a sleeper's look at the word, or a waker's
 *                                       load relaxed            look at n, sees the other
 *
 * What is waited for is ordered by its own word. Who is woken is who came first at that address.
 *
 * In shared memory the one that a wake-up chose may be killed before it has done anything. So nobody there sleeps
 * for longer than LOOK, and who finds that the word has changed does not go on to sleep.
 *
 * Progress: a wake-up blocks for the short lock of a bucket only. ABA: a sleeper that misses a wake-up because the
 * word has come back to what it was in between has also missed nothing. Death: a bucket is of one process.
 */
#include "lot.h"
#include "clock.h"
#include "fiber.h"

#include <errno.h>

/* How long one may sleep who might have to do what a dead one was woken for; and in a task, which may be cancelled
 * by somebody who cannot reach it there. */
#define LOOK        WEFT_MS(100)
#define LOOK_CANCEL WEFT_MS(5)

enum { BUCKETS = 64 };

static struct bucket {
	_Alignas(64) struct weft__lock lock;
	atom_u32 n;
	struct list_node *head;
} table[BUCKETS];

static struct bucket *bucket_of(const void *address)
{
	/* The top bits of a product are those that all bits below have a share in. */
	return &table[((uintptr_t)address >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 58];
}

void weft__lot_enter(struct weft__lodger *l, const void *address)
{
	struct bucket *b = bucket_of(address);

	l->address = address;
	weft__lock(&b->lock);
	list_append(&b->head, &l->node);
	/* Relaxed: the fence below orders it. */
	atom_add(&b->n, 1, relaxed);
	weft__unlock(&b->lock);
	/* K1 seq_cst: before the caller's look at the word; pairs with the fence in wake. */
	atom_fence(seq_cst);
}

static void take_out(struct bucket *b, struct list_node *node)
{
	list_remove(&b->head, node);
	/* Relaxed: who still counts it finds that it is not there. */
	atom_sub(&b->n, 1, relaxed);
}

bool weft__lot_leave(struct weft__lodger *l)
{
	struct bucket *b = bucket_of(l->address);
	bool woken;

	weft__lock(&b->lock);
	woken = !list_linked(&l->node);
	if (!woken)
		take_out(b, &l->node);
	weft__unlock(&b->lock);
	return woken;
}

static void wake_some(struct bucket *b, const void *address, unsigned n)
{
	struct list_node *node, *after;

	weft__lock(&b->lock);
	for (node = b->head; node && n > 0; node = after) {
		struct weft__lodger *l = list_entry(node, struct weft__lodger, node);

		after = list_after(b->head, node);
		if (l->address != address)
			continue;
		take_out(b, node);
		/* Under the lock, because leave() takes it before the sleeper's stack frame goes. */
		weft__unpark(&l->parker);
		n--;
	}
	weft__unlock(&b->lock);
}

void weft__lot_wake(const void *address, unsigned n)
{
	struct bucket *b = bucket_of(address);

	/* K1 seq_cst: after the caller's change of the word; pairs with the fence in enter. */
	atom_fence(seq_cst);
	if (atom_load(&b->n, relaxed))
		wake_some(b, address, n);
}

void weft__lot_reset(void)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		table[i].lock = (struct weft__lock){0};
		table[i].n = 0;
		table[i].head = NULL;
	}
}

static int wait_private(struct weft__place *p, uint32_t expected, weft_time deadline, bool interruptible)
{
	struct weft__lodger l = {.address = NULL};
	int err = 0;

	weft__lot_enter(&l, p);
	/* Relaxed: K1 orders it, and the caller looks again with the order he needs. */
	if (atom_load(&p->word, relaxed) == expected)
		err = weft__sleep(&l.parker, deadline, interruptible);
	return weft__lot_leave(&l) ? 0 : err;
}

static int wait_shared(struct weft__place *p, uint32_t expected, weft_time deadline, bool interruptible)
{
	weft_call *call = weft__current;
	bool in_fiber = call && weft__fiber && weft__fiber_owns(weft__fiber, call);
	int err = 0;

	if (interruptible && weft__cancelled(call))
		return -ECANCELED;
	if (call && !in_fiber)
		weft__tell_blocking(call, true);
	/* Relaxed: the caller looks again with the order he needs. Who was woken, and finds the word the same again,
	 * sleeps on: who made it so sees to the sleepers. Else he has to use the wake-up, whatever the time. */
	while (!err && atom_load(&p->word, relaxed) == expected) {
		weft_time soon = weft_after(call && interruptible ? LOOK_CANCEL : LOOK);

		weft__wait(&p->word, expected, weft__earlier(soon, deadline), WEFT__SHARED);
		if (deadline != WEFT_FOREVER && weft_now() >= deadline)
			err = -ETIMEDOUT;
		else if (interruptible && weft__cancelled(call))
			err = -ECANCELED;
	}
	if (call && !in_fiber)
		weft__tell_blocking(call, false);
	return atom_load(&p->word, relaxed) == expected ? err : 0;
}

int weft__place_wait(struct weft__place *p, uint32_t expected, weft_time deadline, bool interruptible)
{
	if (deadline != WEFT_FOREVER && weft_now() >= deadline)
		return -ETIMEDOUT;
	return weft__place_is_shared(p) ? wait_shared(p, expected, deadline, interruptible)
					: wait_private(p, expected, deadline, interruptible);
}

void weft__place_wake(const void *p, bool is_shared, unsigned n)
{
	if (is_shared)
		weft__wake((atom_u32 *)(uintptr_t)p, n < INT32_MAX ? (int)n : INT32_MAX, WEFT__SHARED);
	else
		weft__lot_wake(p, n);
}
