/* SPDX-License-Identifier: MIT
 *
 * real_hooks.c -- atomic operations and plain accesses on this machine: they are done, and a table says for each cache
 * line which threads have it, so that it can be counted how often it goes from one to another. The table is not exact
 * where two threads are in it at once for the same line; and all takes longer than without it. It counts by thread, so
 * there should be a processor for each.
 */
#include "machine.h"

#include "real.h"

enum { TABLE = 1 << 20 };

/* Of the first line that comes by; two lines in one place drive each other out. */
static struct entry {
	uint64_t number;
	uint64_t holds; /* a bit for each thread; the highest: it may be written to */
} table[TABLE];

#define OWNED (UINT64_C(1) << 63)

static _Thread_local struct real_thread *self;
static struct real_thread threads[REAL_THREADS];
static uint32_t n_threads;

struct real_thread *real_thread(unsigned i)
{
	return i < __atomic_load_n(&n_threads, __ATOMIC_RELAXED) && i < REAL_THREADS ? &threads[i] : NULL;
}

static struct real_thread *me(void)
{
	if (!self) {
		uint32_t i = __atomic_fetch_add(&n_threads, 1, __ATOMIC_RELAXED);

		self = &threads[i % REAL_THREADS];
		self->bit = UINT64_C(1) << i % REAL_THREADS;
	}
	return self;
}

static void touch(uintptr_t number, bool writes, const void *site, bool plain)
{
	struct entry *e = &table[number * 0x9e3779b97f4a7c15U >> 44];
	struct real_thread *t = me();
	uint64_t holds = __atomic_load_n(&e->holds, __ATOMIC_RELAXED), mine = t->bit;
	bool known = __atomic_load_n(&e->number, __ATOMIC_RELAXED) == number;

	_Static_assert(TABLE == 1 << 20, "the shift above");
	t->accesses++;
	if (!known) {
		__atomic_store_n(&e->number, number, __ATOMIC_RELAXED);
		holds = mine;
	}
	if (writes ? (holds & ~OWNED) != mine : !(holds & mine)) {
		t->transfers++;
		site_moved(&t->sites, site, plain, 0);
	}
	mine |= writes ? OWNED : holds & mine ? holds : holds & ~OWNED;
	if (mine != holds || !known)
		__atomic_store_n(&e->holds, mine, __ATOMIC_RELAXED);
}

static void access_any(const void *p, size_t size, bool writes, const void *site, bool plain)
{
	uintptr_t from = (uintptr_t)p / LINE, to = ((uintptr_t)p + (size ? size - 1 : 0)) / LINE;

	for (uintptr_t at = from; at <= to; at++)
		touch(at, writes, site, plain);
}

static void access_plain(const void *p, size_t size, bool writes, const void *pc)
{
	access_any(p, size, writes, pc, true);
}

#include "plain_hooks.h"

/* ---- Atomic operations: done as strongly as can be. ---- */

#define BY_SIZE(do4, do8) (size == 8 ? (uint64_t)(do8) : (uint64_t)(do4))

uint64_t model_load(struct model_site *site, const void *word, size_t size)
{
	access_any(word, size, false, site, false);
	return BY_SIZE(__atomic_load_n((const uint32_t *)word, __ATOMIC_SEQ_CST),
		       __atomic_load_n((const uint64_t *)word, __ATOMIC_SEQ_CST));
}

void model_store(struct model_site *site, void *word, size_t size, uint64_t value)
{
	access_any(word, size, true, site, false);
	if (size == 8)
		__atomic_store_n((uint64_t *)word, value, __ATOMIC_RELEASE);
	else
		__atomic_store_n((uint32_t *)word, (uint32_t)value, __ATOMIC_RELEASE);
	if (site->order == MODEL_seq_cst)
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

uint64_t model_rmw(struct model_site *site, void *word, size_t size, uint64_t v)
{
	uint32_t *w4 = word, v4 = (uint32_t)v;
	uint64_t *w8 = word;

	access_any(word, size, true, site, false);
	switch (site->op) {
	case MODEL_ADD:
		return BY_SIZE(__atomic_fetch_add(w4, v4, __ATOMIC_SEQ_CST),
			       __atomic_fetch_add(w8, v, __ATOMIC_SEQ_CST));
	case MODEL_SUB:
		return BY_SIZE(__atomic_fetch_sub(w4, v4, __ATOMIC_SEQ_CST),
			       __atomic_fetch_sub(w8, v, __ATOMIC_SEQ_CST));
	case MODEL_OR:
		return BY_SIZE(__atomic_fetch_or(w4, v4, __ATOMIC_SEQ_CST),
			       __atomic_fetch_or(w8, v, __ATOMIC_SEQ_CST));
	default:
		return BY_SIZE(__atomic_exchange_n(w4, v4, __ATOMIC_SEQ_CST),
			       __atomic_exchange_n(w8, v, __ATOMIC_SEQ_CST));
	}
}

bool model_cas(struct model_site *site, void *word, size_t size, void *expected, uint64_t desired)
{
	access_any(word, size, true, site, false);
	if (size == 8)
		return __atomic_compare_exchange_n((uint64_t *)word, (uint64_t *)expected, desired, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return __atomic_compare_exchange_n((uint32_t *)word, (uint32_t *)expected, (uint32_t)desired, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Both fences of a pair are whole ones here. */
void model_fence(struct model_site *site)
{
	(void)site;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void model_pause(struct model_site *site)
{
	(void)site;
#ifdef __x86_64__
	__builtin_ia32_pause();
#endif
}
