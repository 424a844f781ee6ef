/* SPDX-License-Identifier: MIT
 *
 * weft/spawn_inline.h -- weft_spawn and weft_sync without the call into the library, for children that do
 * next to nothing. Not part of weft/weft.h. Needs gcc or clang.
 *
 *   weft_spawn_inline(c, fn, ctx)      as weft_spawn
 *   weft_sync_inline(c)                as weft_sync
 *   weft_sync_direct(c, fn, ctx)       as weft_sync, where fn and ctx are those of the weft_spawn: a child
 *                                      that nobody took is called without a pointer, and may be inlined.
 *                                      Declare a fn that spawns itself inline: the compiler then unrolls
 *                                      some levels of it, as of any function that calls itself
 *
 * They mix freely with the functions of the library, on the same child too. With WEFT_SPAWN_INLINE defined
 * before this header, weft_spawn and weft_sync are macros for the first two.
 *
 * This is the exception to the rule that public headers hold no code: what the library keeps for each
 * thread, as far as it is named here, is a part of the ABI, and the 1 in the names is its version. A library
 * that keeps it differently has no weft_spawn_thread_1: such a program does not link, or does not start.
 */
#ifndef WEFT_SPAWN_INLINE_H
#define WEFT_SPAWN_INLINE_H

#include <weft/call.h>
#include <weft/spawn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The deque of a thread. From lowest up to head its places are the owner's alone. */
struct __attribute__((may_alias)) weft_spawn_deque_1 {
	__attribute__((aligned(64))) uint32_t head;  /* the owner's */
	__attribute__((aligned(64))) uint32_t limit; /* other threads may set it to 0, */
	uint32_t lowest;                             /* and this to its greatest value */
	void **slots;
};

/* What lies in weft_child.opaque_. */
struct __attribute__((may_alias)) weft_spawn_child_1 {
	void (*fn)(void *ctx);
	void *ctx;
	uint32_t place; /* in the deque; or a state, more than any place */
	weft_call *call;
};

struct weft_spawn_thread_1 {
	void *deque;     /* outside of pools one that is always full */
	weft_call *call; /* weft_current() */
};

/** The library's variables of the calling thread. Only for the functions below.
 *
 * @owns   The library.
 * @from   The functions below.
 * @waits  Never.
 * @orders Nothing. */
WEFT_API extern __thread struct weft_spawn_thread_1 weft_spawn_thread_1
	__attribute__((tls_model("initial-exec")));

/* The long ways. Cold, so that the short ones keep registers and layout to themselves. */
static __attribute__((noinline, cold, unused)) void weft_spawn_slowly_1(struct weft_child *c,
									void (*fn)(void *ctx), void *ctx)
{
	weft_spawn(c, fn, ctx);
}

static __attribute__((noinline, cold, unused)) void weft_sync_slowly_1(struct weft_child *c)
{
	weft_sync(c);
}

/* As weft_spawn. */
static inline void weft_spawn_inline(struct weft_child *c, void (*fn)(void *ctx), void *ctx)
{
	struct weft_spawn_deque_1 *d = (struct weft_spawn_deque_1 *)weft_spawn_thread_1.deque;
	struct weft_spawn_child_1 *k = (struct weft_spawn_child_1 *)(void *)c;
	uint32_t place;

	/* Relaxed, both: the library orders them when it shares the child. */
	if (__builtin_expect(d->head >= __atomic_load_n(&d->limit, __ATOMIC_RELAXED), 0)) {
		weft_spawn_slowly_1(c, fn, ctx);
		return;
	}
	place = d->head;
	k->fn = fn;
	k->ctx = ctx;
	k->call = weft_spawn_thread_1.call;
	__atomic_store_n(&k->place, place, __ATOMIC_RELAXED);
	d->slots[place] = c;
	d->head = place + 1;
}

/* Takes c out of the deque if that is simple; then it has yet to be called. */
static inline bool weft_spawn_pop_1(struct weft_child *c)
{
	struct weft_spawn_deque_1 *d = (struct weft_spawn_deque_1 *)weft_spawn_thread_1.deque;
	/* Relaxed, both: as above. */
	uint32_t place = __atomic_load_n(&((struct weft_spawn_child_1 *)(void *)c)->place, __ATOMIC_RELAXED);

	if (__builtin_expect(place + 1 != d->head || place < __atomic_load_n(&d->lowest, __ATOMIC_RELAXED),
			     0))
		return false;
	d->head = place;
	return true;
}

/* As weft_sync. */
static inline void weft_sync_inline(struct weft_child *c)
{
	struct weft_spawn_child_1 *k = (struct weft_spawn_child_1 *)(void *)c;

	if (weft_spawn_pop_1(c))
		k->fn(k->ctx);
	else
		weft_sync_slowly_1(c);
}

/* As weft_sync, for a child that was spawned with this fn and this ctx. */
static inline void weft_sync_direct(struct weft_child *c, void (*fn)(void *ctx), void *ctx)
{
	if (weft_spawn_pop_1(c))
		fn(ctx);
	else
		weft_sync_slowly_1(c);
}

#ifdef WEFT_SPAWN_INLINE
#define weft_spawn(c, fn, ctx) weft_spawn_inline(c, fn, ctx)
#define weft_sync(c)           weft_sync_inline(c)
#endif

#ifdef __cplusplus
}
#endif
#endif
