/* SPDX-License-Identifier: MIT
 *
 * spawn.c -- fork-join: children on the stacks of tasks, deques to steal them from.
 *
 *   tag  word     from -> to                  order                  carries
 *   S1   c.state  thief (STOLEN) -> owner     CAS rel -> load acq    c.thief
 *   S2   c.state  thief (DONE, DECLINED)      swap rel -> load acq   what the child did; *c is the owner's again
 *                 -> owner
 *   S3   c.state  owner (ASLEEP) -> thief     CAS -> swap of S2      nothing: one word, so the thief sees the mark
 *                                                                    or the owner sees the end
 *
 * A child is offered to its thread's deque, and there runs through
 *
 *   its place ---steal---> STOLEN -----> DONE          the thief's swap; then only the address of *c counts
 *       |                    |  |
 *       |                    |  +------> DECLINED      the owner has to run it after all
 *       +------> ASLEEP <----+                         the owner sleeps; then as from STOLEN
 *
 * or is not in the deque: ALONE never was, SETTLED was popped by the sync of an older one. What its owner pops
 * unstolen keeps its place as state; nobody looks at it any more.
 *
 * Leapfrogging. An owner that finds c stolen helps with c's descendants only, by stealing from c's thief. Why
 * those are descendants: when the thief got c, its own deque held nothing that can be stolen: either it was
 * idle, or it was itself waiting in the sync of its newest child, which was stolen, and so was all below, which
 * is older. Hence whatever it shares until it is done with c was pushed on top by c, by what c calls, by the
 * tasks that c waits for, and runs in place, or by descendants of c that it leapfrogged to. All that the
 * owner waits for. The thief may finish c between the owner's look at c and its steal, and go on to something
 * unrelated; so the owner looks again afterwards. If c is not done then, it was not at the steal either: an end
 * of c comes before what the thief shares later, and stealing that brings it along (D1). If c is done, the
 * owner gives back what it took (DECLINED).
 *
 * Leapfrogging goes downwards in the tree of children, so a stack holds at most one path of it, and no more
 * than the deepest path would need without thieves.
 *
 * Progress: spawn never waits. sync waits for the thief of its child, which runs: an owner that sleeps is
 * replaced by its pool, and nobody sleeps in sync but for a child that somebody runs. ABA: none, the state
 * moves forward until the next spawn. A futex wake may come after *c has gone: wait.h allows it.
 */
#include "spin.h"
#include "state.h"
#include "steal.h"

#include <stdio.h>
#include <stdlib.h>

/* What weft_child.opaque_ holds. */
struct __attribute__((may_alias)) child {
	void (*fn)(void *ctx);
	void *ctx;
	atom_u32 state;            /* its place in the deque, or one of those below */
	weft_call *call;           /* of the spawner */
	struct weft__deque *thief; /* where state is STOLEN */
};

#define STATE_STOLEN   0xfffffff0u
#define STATE_ASLEEP   0xfffffff1u
#define STATE_DONE     0xfffffff2u
#define STATE_DECLINED 0xfffffff3u
#define STATE_SETTLED  0xfffffff4u
#define STATE_ALONE    0xfffffff5u

_Static_assert(sizeof(struct child) <= sizeof(struct weft_child), "a child has outgrown its words");
_Static_assert(sizeof(struct weft_child) == 64, "the size of a child is part of the ABI");

/* What weft/spawn_inline.h knows of both is this. */
#define SAME(inner, field, outer, name)                                                                      \
	_Static_assert(offsetof(struct inner, field) == offsetof(struct outer, name) &&                      \
			       sizeof(((struct inner *)0)->field) == sizeof(((struct outer *)0)->name),      \
		       "the ABI of weft/spawn_inline.h has changed: it needs another version")
SAME(child, fn, weft_spawn_child_1, fn);
SAME(child, ctx, weft_spawn_child_1, ctx);
SAME(child, state, weft_spawn_child_1, place);
SAME(child, call, weft_spawn_child_1, call);
SAME(weft__deque, head, weft_spawn_deque_1, head);
SAME(weft__deque, limit, weft_spawn_deque_1, limit);
SAME(weft__deque, lowest, weft_spawn_deque_1, lowest);
SAME(weft__deque, slots, weft_spawn_deque_1, slots);

_Thread_local struct weft_spawn_thread_1 weft_spawn_thread_1 WEFT__TLS = {.deque = &weft__deque_none};
static _Thread_local struct weft__spinner spinner WEFT__TLS; /* whether it pays to look on */

static struct child *inside(struct weft_child *c)
{
	return (struct child *)(void *)c;
}

/* ---- spawn ---- */

static __attribute__((noinline)) void spawn_slowly(struct weft_child *c, struct weft__deque *d)
{
	if (weft__deque_full(d)) {
		/* Relaxed: no other thread knows it. */
		atom_store(&inside(c)->state, STATE_ALONE, relaxed);
		return;
	}
	/* Relaxed: D1 carries it. */
	atom_store(&inside(c)->state, weft__deque_push(d, c), relaxed);
	weft__deque_feed(d);
}

void weft_spawn(struct weft_child *c, void (*fn)(void *ctx), void *ctx)
{
	struct weft__deque *d = weft__deque_own;
	struct child *k = inside(c);

	k->fn = fn;
	k->ctx = ctx;
	k->call = weft__current;
	if (weft__deque_calm(d))
		/* Relaxed: D1 carries it. */
		atom_store(&k->state, weft__deque_push(d, c), relaxed);
	else
		spawn_slowly(c, d);
}

/* ---- stolen ---- */

/* Takes the state from a place or STOLEN to another; the owner may have gone to sleep before. */
static void settle(struct child *k, uint32_t state)
{
	/* S2 release: pairs with the acquires of the owner. From here on *k may be gone. */
	if (atom_swap(&k->state, state, release) == STATE_ASLEEP)
		weft__wake(&k->state, 1, WEFT__PRIVATE);
}

/* A call is for one thread, so the child gets its own, of the same task. Its base says whose thread this is:
 * an idle thread belongs to the pool of the spawner, whose calls wait until we are done. */
static void run_as_guest(struct child *k)
{
	weft_call *outer = weft__current;
	weft_call guest = {
		.task = k->call->task,
		.outer = outer,
		.base = outer ? outer->base : k->call->base,
		.reply_size = k->call->reply_size,
		.guest = true,
	};

	weft__current = &guest;
	k->fn(k->ctx);
	while (guest.blocking) /* sections that it has left open */
		weft_blocking_end();
	weft__current = outer;
	for (struct weft__scratch *s = guest.scratch, *next; s; s = next) {
		next = s->next;
		free(s);
	}
}

void weft__spawn_run_stolen(struct weft_child *c, struct weft__deque *mine)
{
	struct child *k = inside(c);
	/* Relaxed: D1 has brought all but a later ASLEEP, which is left alone. */
	uint32_t place = atom_load(&k->state, relaxed);

	k->thief = mine;
	/* S1 release: pairs with the owner's look for the thief. */
	if (place != STATE_ASLEEP)
		atom_cas(&k->state, &place, STATE_STOLEN, release, relaxed);
	if (k->call)
		run_as_guest(k);
	else
		k->fn(k->ctx);
	settle(k, STATE_DONE);
}

uintptr_t weft__spawn_function(struct weft_child *c)
{
	return (uintptr_t)inside(c)->fn;
}

void weft__spawn_decline(struct weft_child *c)
{
	settle(inside(c), STATE_DECLINED);
}

/* ---- sync ---- */

static bool is_over(struct child *k, uint32_t *ret_state)
{
	/* S1 and S2 acquire: pair with the thief's writes. */
	*ret_state = atom_load(&k->state, acquire);
	return *ret_state == STATE_DONE || *ret_state == STATE_DECLINED;
}

/* Runs a descendant of k, if its thief has one. */
static bool leapfrog(struct child *k, struct weft__deque *mine)
{
	struct weft__deque *thief = k->thief;
	struct weft_child *c;
	uint32_t state;

	if (!thief)
		return false;
	c = weft__deque_steal(thief);
	if (!c) {
		weft__deque_hungry(thief);
		return false;
	}
	if (is_over(k, &state))
		weft__spawn_decline(c);
	else
		weft__spawn_run_stolen(c, mine);
	return true;
}

/* Helps and looks on. False: it took too long. */
static bool look_on(struct child *k, struct weft__deque *mine)
{
	struct weft__spin spin = {0};
	uint32_t state;

	while (!is_over(k, &state)) {
		if (state == STATE_STOLEN && leapfrog(k, mine))
			spin = (struct weft__spin){0};
		else if (!weft__spin(&spinner, &spin))
			return false;
	}
	return weft__spin_won(&spinner, &spin);
}

/* Its place in the pool is given up meanwhile. */
static void sleep_on(struct child *k)
{
	weft_call *call = weft__current;
	uint32_t state;

	weft__release_pending(); /* the child may wait for one of them */
	if (call)
		weft__tell_blocking(call, true);
	while (!is_over(k, &state)) {
		/* S3 relaxed: the thief's swap is on the same word. */
		if (state == STATE_ASLEEP || atom_cas(&k->state, &state, STATE_ASLEEP, relaxed, relaxed))
			weft__wait(&k->state, STATE_ASLEEP, WEFT_FOREVER, WEFT__PRIVATE);
	}
	if (call)
		weft__tell_blocking(call, false);
}

static void await(struct child *k, struct weft__deque *mine)
{
	weft_time since;

	if (look_on(k, mine))
		return;
	since = weft__spin_asleep(&spinner);
	sleep_on(k);
	weft__spin_awake(&spinner, since);
}

/* Takes the newest out of the deque. True: it has yet to be run. */
static bool take_out(struct child *k, struct weft__deque *d)
{
	uint32_t state;

	if (weft__deque_pop(d)) {
		weft__deque_feed(d);
		return true;
	}
	if (!is_over(k, &state))
		await(k, d);
	weft__deque_pop_stolen(d);
	/* Relaxed: seen to be over by an acquire. */
	return atom_load(&k->state, relaxed) == STATE_DECLINED;
}

static void settle_newer(struct weft__deque *d, struct weft_child *c)
{
	while (d->head > 0 && weft__deque_newest(d) != c) {
		struct child *newest = inside(weft__deque_newest(d));

		if (take_out(newest, d))
			newest->fn(newest->ctx);
		/* Relaxed: the owner's again. */
		atom_store(&newest->state, STATE_SETTLED, relaxed);
	}
	if (d->head == 0) {
		fprintf(stderr,
			"weft: weft_sync of a child that this thread has not spawned, or synced before\n");
		abort();
	}
}

static __attribute__((noinline)) void sync_slowly(struct child *k, struct weft_child *c, uint32_t state)
{
	struct weft__deque *d = weft__deque_own;

	if (state == STATE_SETTLED)
		return;
	if (state != STATE_ALONE) {
		settle_newer(d, c);
		if (!take_out(k, d))
			return;
	}
	k->fn(k->ctx);
}

void weft_sync(struct weft_child *c)
{
	struct weft__deque *d = weft__deque_own;
	struct child *k = inside(c);
	/* Relaxed: where another thread may have written it, the long way looks again. */
	uint32_t state = atom_load(&k->state, relaxed);

	if (weft__deque_pop_calmly(d, state))
		k->fn(k->ctx);
	else
		sync_slowly(k, c, state);
}
