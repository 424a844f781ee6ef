/* SPDX-License-Identifier: MIT
 *
 * model_atomic.h -- the atomics header of the model checker, in place of the body of core/atomic.h. Each
 * operation is a call of the checker, with its order as a value and the place where it is written.
 *
 * Atomic words are plain integers here, so that the sources may set them up, and copy them, as they like.
 * The integer holds the latest value; older ones, which a thread may still read, are in the checker's tables.
 *
 * Plain data needs no macro: the sources are compiled with the hooks of the thread sanitizer, which the
 * checker answers itself (checker_race.c).
 */
#ifndef TESTS_MODEL_ATOMIC_H
#define TESTS_MODEL_ATOMIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t atom_u32;
typedef uint64_t atom_u64;
typedef void *atom_ptr;

enum model_order {
	MODEL_relaxed,
	MODEL_acquire,
	MODEL_release,
	MODEL_acq_rel,
	MODEL_seq_cst,
	MODEL_none /* of a fence: it has been taken out */
};

enum model_op {
	MODEL_LOAD,
	MODEL_STORE,
	MODEL_SWAP,
	MODEL_ADD,
	MODEL_SUB,
	MODEL_OR,
	MODEL_CAS,
	MODEL_FENCE,
	MODEL_LIGHT,
	MODEL_HEAVY,
	MODEL_PAUSE
};

/* One place in the sources. The linker lists them all, so what no model has touched is known too. */
struct model_site {
	const char *file, *func, *what; /* what: the words between the brackets */
	int line;
	enum model_op op;
	enum model_order order, failure; /* failure: of a CAS that does not take place */
	uint64_t touched;
};

#define MODEL_SITE_(op, what, order, failure)                                                                \
	__extension__({                                                                                      \
		static struct model_site site_ = {                                                           \
			__FILE__, __func__, what, __LINE__, op, order, failure, 0};                          \
		static struct model_site *const listed_ __attribute__((section("model_sites"), used)) =      \
			&site_;                                                                              \
		(void)listed_;                                                                               \
		&site_;                                                                                      \
	})

uint64_t model_load(struct model_site *site, const void *word, size_t size);
void model_store(struct model_site *site, void *word, size_t size, uint64_t value);
uint64_t model_rmw(struct model_site *site, void *word, size_t size, uint64_t operand); /* value before */
bool model_cas(struct model_site *site, void *word, size_t size, void *expected, uint64_t desired);
void model_fence(struct model_site *site);
void model_pause(struct model_site *site);

#define MODEL_VALUE_(p, v) ((uint64_t)(__typeof__(*(p)))(v))
#define MODEL_RMW_(op, p, v, order)                                                                          \
	__extension__({ /* so that no compiler minds if the value is not used */                             \
			(__typeof__(*(p)))model_rmw(MODEL_SITE_(op, #p, MODEL_##order, MODEL_relaxed), p,    \
						    sizeof *(p), MODEL_VALUE_(p, v));                        \
	})

#define atom_load(p, order)                                                                                  \
	((__typeof__(*(p)))model_load(MODEL_SITE_(MODEL_LOAD, #p, MODEL_##order, MODEL_relaxed), p,          \
				      sizeof *(p)))
#define atom_store(p, v, order)                                                                              \
	model_store(MODEL_SITE_(MODEL_STORE, #p, MODEL_##order, MODEL_relaxed), p, sizeof *(p),              \
		    MODEL_VALUE_(p, v))
#define atom_swap(p, v, order) MODEL_RMW_(MODEL_SWAP, p, v, order)
#define atom_add(p, v, order)  MODEL_RMW_(MODEL_ADD, p, v, order)
#define atom_sub(p, v, order)  MODEL_RMW_(MODEL_SUB, p, v, order)
#define atom_or(p, v, order)   MODEL_RMW_(MODEL_OR, p, v, order)
#define atom_cas(p, e, d, s, f)                                                                              \
	model_cas(MODEL_SITE_(MODEL_CAS, #p, MODEL_##s, MODEL_##f), p, sizeof *(p), e, MODEL_VALUE_(p, d))
#define atom_fence(order)  model_fence(MODEL_SITE_(MODEL_FENCE, "", MODEL_##order, MODEL_relaxed))
#define atom_fence_light() model_fence(MODEL_SITE_(MODEL_LIGHT, "", MODEL_seq_cst, MODEL_relaxed))
#define atom_fence_heavy() model_fence(MODEL_SITE_(MODEL_HEAVY, "", MODEL_seq_cst, MODEL_relaxed))
#define atom_pause()       model_pause(MODEL_SITE_(MODEL_PAUSE, "", MODEL_relaxed, MODEL_relaxed))
#define atom_fetch_line(p) ((void)(p))
#define plain_read(x)      (x)
#define plain_write(x, v)  ((x) = (v))

/* As in core/atomic.h; barrier.c itself is not modelled. */
extern atom_u32 weft__barrier_ready;
void weft__barrier_init(void);
void weft__barrier_heavy(void);
void weft__barrier_forked(void);

#endif
