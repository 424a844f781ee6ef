/* SPDX-License-Identifier: MIT
 *
 * atomic.h -- the only door to shared words. Every atomic operation of the library goes through these
 * macros, with its order spelled out, so that the same sources can be compiled against another version
 * of this header: one that makes each operation a scheduling point of a model checker, or one that
 * delays at random.
 *
 *   atom_load(p, order)                     atom_add(p, v, order)   value before
 *   atom_store(p, v, order)                 atom_sub(p, v, order)   value before
 *   atom_swap(p, v, order)   value before   atom_or(p, v, order)    value before
 *   atom_cas(p, &expected, desired, success, failure)   true if it took place; strong
 *   atom_fence(seq_cst)                     atom_pause()            inside a loop that spins
 *   atom_fence_light()                      atom_fence_heavy()      a pair: together they are as two
 *                                           seq_cst fences, but the light one costs nothing: barrier.c
 *   plain_read(x), plain_write(x, v)        data that an atomic elsewhere protects
 *
 * Orders: relaxed, acquire, release, acq_rel, seq_cst. There are no stand-alone acquire or release
 * fences: the thread sanitizer cannot see them. Each use names its partner by a tag, in a comment on
 * the line above, and each file that has tags explains them in a table on top.
 */
#ifndef WEFT_CORE_ATOMIC_H
#define WEFT_CORE_ATOMIC_H

#ifdef WEFT_ATOMIC_HEADER /* the other version */
#include WEFT_ATOMIC_HEADER
#else

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint32_t atom_u32;
typedef _Atomic uint64_t atom_u64;
typedef _Atomic(void *) atom_ptr;

#define atom_load(p, order)     atomic_load_explicit(p, memory_order_##order)
#define atom_store(p, v, order) atomic_store_explicit(p, v, memory_order_##order)
#define atom_swap(p, v, order)  atomic_exchange_explicit(p, v, memory_order_##order)
#define atom_add(p, v, order)   atomic_fetch_add_explicit(p, v, memory_order_##order)
#define atom_sub(p, v, order)   atomic_fetch_sub_explicit(p, v, memory_order_##order)
#define atom_or(p, v, order)    atomic_fetch_or_explicit(p, v, memory_order_##order)
#define atom_fence(order)       atomic_thread_fence(memory_order_##order)
#define atom_cas(p, e, d, s, f)                                                                              \
	atomic_compare_exchange_strong_explicit(p, e, d, memory_order_##s, memory_order_##f)
#define atom_fence_light()                                                                                   \
	(atom_load(&weft__barrier_ready, relaxed) ? atomic_signal_fence(memory_order_seq_cst)                \
						  : atomic_thread_fence(memory_order_seq_cst))
#define atom_fence_heavy() weft__barrier_heavy()
#define plain_read(x)      (x)
#define plain_write(x, v)  ((x) = (v))

#if defined(__x86_64__) || defined(__i386__)
#define atom_pause() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define atom_pause() __asm__ __volatile__("isb" ::: "memory")
#else
#define atom_pause() ((void)0)
#endif

/* Brings the line of p here, to be written to: an exchange on it will not have to wait. */
#if defined(__x86_64__)
#define atom_fetch_line(p) __asm__("prefetchw %0" ::"m"(*(const char *)(p)))
#else
#define atom_fetch_line(p) __builtin_prefetch(p, 1)
#endif

/* barrier.c */
extern atom_u32 weft__barrier_ready; /* 0: both fences are plain ones */
void weft__barrier_init(void);       /* from then on the light one is free, where the kernel can */
void weft__barrier_heavy(void);
void weft__barrier_forked(void); /* in the child */

#endif
#endif
