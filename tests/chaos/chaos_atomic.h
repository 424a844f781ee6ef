/* SPDX-License-Identifier: MIT
 *
 * chaos_atomic.h -- an atomics header that takes its time, in place of the body of core/atomic.h: C11 atomics
 * with a delay before and after each operation. Mostly none; now and then some pauses, an offer of the
 * processor to others, or a short sleep. So whole pools run through interleavings that are rare otherwise.
 * What the processor itself reorders it does not change: that is the model checker's part (tests/model).
 *
 * Configure with -DWEFT_CHAOS=ON, or the preset chaos. The delays come from a generator in each thread, seeded
 * by WEFT_CHAOS_SEED and the order in which threads appear; without it a seed is drawn. Either is printed
 * when a process does its first operation. The seed makes a run alike, not the same: the system's own
 * scheduling is not in its hand.
 */
#ifndef TESTS_CHAOS_ATOMIC_H
#define TESTS_CHAOS_ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint32_t atom_u32;
typedef _Atomic uint64_t atom_u64;
typedef _Atomic(void *) atom_ptr;

void weft__chaos(void); /* chaos.c: perhaps a delay */

/* An operation with a value, or without one, between two delays. Operations nest, so each value has a name of
 * its own. */
#define CHAOS_VALUE_(type, operation)       CHAOS_NUMBERED_(type, operation, __COUNTER__)
#define CHAOS_NUMBERED_(type, operation, n) CHAOS_NAMED_(type, operation, n)
#define CHAOS_NAMED_(type, operation, n)                                                                     \
	__extension__({                                                                                      \
		weft__chaos();                                                                               \
		type chaos_value_##n = (operation);                                                          \
		weft__chaos();                                                                               \
		chaos_value_##n;                                                                             \
	})
#define CHAOS_VOID_(operation) (weft__chaos(), (operation), weft__chaos())
/* The type of what is loaded, which is not atomic. */
#define CHAOS_TYPE_(p) __typeof__(atomic_load_explicit(p, memory_order_relaxed))

#define atom_load(p, order)     CHAOS_VALUE_(CHAOS_TYPE_(p), atomic_load_explicit(p, memory_order_##order))
#define atom_store(p, v, order) CHAOS_VOID_(atomic_store_explicit(p, v, memory_order_##order))
#define atom_swap(p, v, order)                                                                               \
	CHAOS_VALUE_(CHAOS_TYPE_(p), atomic_exchange_explicit(p, v, memory_order_##order))
#define atom_add(p, v, order)                                                                                \
	CHAOS_VALUE_(CHAOS_TYPE_(p), atomic_fetch_add_explicit(p, v, memory_order_##order))
#define atom_sub(p, v, order)                                                                                \
	CHAOS_VALUE_(CHAOS_TYPE_(p), atomic_fetch_sub_explicit(p, v, memory_order_##order))
#define atom_or(p, v, order)                                                                                 \
	CHAOS_VALUE_(CHAOS_TYPE_(p), atomic_fetch_or_explicit(p, v, memory_order_##order))
#define atom_cas(p, e, d, s, f)                                                                              \
	CHAOS_VALUE_(_Bool,                                                                                  \
		     atomic_compare_exchange_strong_explicit(p, e, d, memory_order_##s, memory_order_##f))
#define atom_fence(order)  CHAOS_VOID_(atomic_thread_fence(memory_order_##order))
#define atom_fetch_line(p) ((void)(p))
#define plain_read(x)      (x)
#define plain_write(x, v)  ((x) = (v))
#define atom_fence_heavy() CHAOS_VOID_(weft__barrier_heavy())
#define atom_fence_light()                                                                                   \
	CHAOS_VOID_(atomic_load_explicit(&weft__barrier_ready, memory_order_relaxed)                         \
			    ? atomic_signal_fence(memory_order_seq_cst)                                      \
			    : atomic_thread_fence(memory_order_seq_cst))
#define atom_pause() weft__chaos()

/* barrier.c */
extern atom_u32 weft__barrier_ready;
void weft__barrier_init(void);
void weft__barrier_heavy(void);
void weft__barrier_forked(void);

#endif
