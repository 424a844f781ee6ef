/* SPDX-License-Identifier: MIT
 *
 * slab.c -- blocks of up to 16 KiB: slabs of equal blocks. region_map.h says how the parts of a region work
 * together, and has the table of orders.
 *
 * Who wants a block counts himself into the gate of a slab first, which keeps the slab alive and promises him
 * a bit; then he looks for one. Who gives a block back clears its bit first, and counts himself out last. So
 * the count is never less than the bits that are set: a death between the two steps makes it one too many for
 * ever, which costs the slab one block, and its dissolution.
 *
 * Sizes: 16, 32 .. 128, then four to each doubling up to 16,384.
 */
#include "region_map.h"

#include <errno.h>

enum {
	SMALL_STEP = 16,
	SMALL_CLASSES = 8, /* in steps of 16 bytes */
	SMALL_BITS = 7,    /* the largest of them is 2^7 */
	LOOKS = 100        /* at all words of a slab that should have a free block, before it is given up */
};

unsigned weft__class_of(size_t n)
{
	unsigned bits;

	if (n <= SMALL_STEP * SMALL_CLASSES)
		return (unsigned)(n - 1) / SMALL_STEP;
	n--;
	bits = 63 -
	       (unsigned)__builtin_clzll(n); /* n is 2^bits and a bit; the next two bits are the quarter */
	return SMALL_CLASSES + (bits - SMALL_BITS) * 4 + (unsigned)(n >> (bits - 2) & 3);
}

size_t weft__class_size(unsigned class)
{
	unsigned k = class - SMALL_CLASSES;

	if (class < SMALL_CLASSES)
		return SMALL_STEP * (class + 1);
	return (size_t)(5 + k % 4) << (SMALL_BITS - 2 + k / 4);
}

unsigned weft__slab_pages(unsigned class)
{
	size_t full = SLAB_BLOCKS * weft__class_size(class) / REGION_PAGE;

	return full < SLAB_PAGES ? (unsigned)full : SLAB_PAGES;
}

unsigned weft__slab_blocks(unsigned class)
{
	return (unsigned)(weft__slab_pages(class) * REGION_PAGE / weft__class_size(class));
}

/* Has the slab a block of that class to give? */
static bool gives(uint32_t gate, unsigned class)
{
	return GATE_IS_OF(gate, class) && GATE_COUNT(gate) < weft__slab_blocks(class);
}

static atom_u64 *partial_of(const struct weft__map *m, unsigned class, size_t granule)
{
	return &m->chunk[granule / CHUNK_GRANULES].partial[class];
}

static atom_u64 *summary_of(const struct weft__map *m, unsigned class, size_t chunk)
{
	return &m->summary[class * m->words + chunk / 64];
}

static uint64_t bit(size_t i)
{
	return (uint64_t)1 << i % 64;
}

static void clear_mark(atom_u64 *w, uint64_t mask)
{
	uint64_t old = atom_load(w, relaxed);

	/* R3, R4 seq_cst: before the caller's second look; pairs with the loads in mark. */
	while ((old & mask) && !atom_cas(w, &old, old & ~mask, seq_cst, relaxed)) {}
}

/* Says that the slab has free blocks: for who has just made it so. */
static void mark(const struct weft__map *m, unsigned class, size_t granule)
{
	atom_u64 *low = partial_of(m, class, granule), *high = summary_of(m, class, granule / CHUNK_GRANULES);

	/* R3 seq_cst: behind the caller's change of the gate; pairs with clear_mark in unmark. */
	if (!(atom_load(low, seq_cst) & bit(granule)))
		/* R4 seq_cst: pairs with the second look in forget_chunk. */
		atom_or(low, bit(granule), seq_cst);
	/* R4 seq_cst: behind the change of low; pairs with clear_mark in forget_chunk. */
	if (!(atom_load(high, seq_cst) & bit(granule / CHUNK_GRANULES)))
		atom_or(high, bit(granule / CHUNK_GRANULES), relaxed); /* a hint */
}

static void unmark(const struct weft__map *m, unsigned class, size_t granule)
{
	clear_mark(partial_of(m, class, granule), bit(granule));
	/* R3 seq_cst: pairs with the change of the gate by who gives back, or opens. */
	if (gives(atom_load(&weft__slab_of(m, granule)->gate, seq_cst), class))
		mark(m, class, granule);
}

/* A chunk in which summary has promised something, and partial has nothing. */
static void forget_chunk(const struct weft__map *m, unsigned class, size_t chunk)
{
	atom_u64 *high = summary_of(m, class, chunk);

	clear_mark(high, bit(chunk));
	/* R4 seq_cst: pairs with the change of partial in mark. */
	if (atom_load(&m->chunk[chunk].partial[class], seq_cst))
		atom_or(high, bit(chunk), relaxed); /* a hint */
}

/* A granule where a slab of the class may have free blocks. */
static bool find_partial(const struct weft__map *m, unsigned class, size_t *ret_granule)
{
	size_t chunks = weft__pages_grown(m) / CHUNK_PAGES;

	for (size_t c = 0; c < chunks; c++) {
		/* Relaxed: hints; the gate decides. */
		uint64_t w = atom_load(summary_of(m, class, c), relaxed) >> c % 64, p;

		if (!w) {
			c |= 63;
			continue;
		}
		c += (size_t)__builtin_ctzll(w);
		if (c >= chunks)
			break;
		p = atom_load(&m->chunk[c].partial[class], relaxed);
		if (p) {
			*ret_granule = c * CHUNK_GRANULES + (size_t)__builtin_ctzll(p);
			return true;
		}
		forget_chunk(m, class, c);
	}
	return false;
}

/* Counts the caller in. */
static bool enter(struct slab *s, unsigned class)
{
	uint32_t gate = atom_load(&s->gate, relaxed);

	do {
		if (!gives(gate, class))
			return false;
		/* R2 acquire: pairs with the store in open_slab. */
	} while (!atom_cas(&s->gate, &gate, gate + 1, acquire, relaxed));
	return true;
}

/* Takes a free block of a slab whose gate has let us in; SLAB_BLOCKS: there is none, against all promises. */
static unsigned take_bit(struct slab *s)
{
	for (unsigned look = 0; look < LOOKS * SLAB_WORDS; look++) {
		unsigned i = look % SLAB_WORDS;
		uint64_t w = atom_load(&s->used[i], relaxed);

		while (~w) {
			uint64_t lowest = ~w & (w + 1);

			/* R1 acquire: pairs with the CAS in weft__slab_give_back. */
			if (atom_cas(&s->used[i], &w, w | lowest, acquire, relaxed))
				return i * 64 + (unsigned)__builtin_ctzll(lowest);
		}
	}
	return SLAB_BLOCKS;
}

static bool take_from(const struct weft__map *m, unsigned class, size_t granule, void **ret)
{
	struct slab *s = weft__slab_of(m, granule);
	unsigned index;

	if (!enter(s, class)) {
		unmark(m, class, granule);
		return false;
	}
	index = take_bit(s);
	if (index >= weft__slab_blocks(class))
		return false; /* its words are garbage; it is one block nearer to being full */
	*ret = weft__page_at(m, granule * GRANULE_PAGES) + index * weft__class_size(class);
	return true;
}

/* Makes fresh pages a slab. */
static void open_slab(const struct weft__map *m, unsigned class, size_t page)
{
	struct slab *s = weft__slab_of(m, page / GRANULE_PAGES);
	unsigned blocks = weft__slab_blocks(class);

	for (unsigned i = 0; i < SLAB_WORDS; i++) {
		unsigned n = blocks > i * 64 ? blocks - i * 64 : 0;

		/* Relaxed, these and the entries: the gate publishes them. */
		atom_store(&s->used[i], n >= 64 ? 0 : UINT64_MAX << n, relaxed);
	}
	for (unsigned i = 0; i < weft__slab_pages(class); i++)
		atom_store(weft__entry_of(m, page + i), ENTRY_SLAB | class | i << 6, relaxed);
	/* R2, R3 seq_cst: pairs with enter; and before mark, with unmark's second look. */
	atom_store(&s->gate, GATE_OPEN | GATE_CLASS(class), seq_cst);
	mark(m, class, page / GRANULE_PAGES);
}

int weft__slab_take(const struct weft__map *m, unsigned class, void **ret)
{
	/* Relaxed: a hint. */
	size_t granule = atom_load(&m->head->hint[class], relaxed), page;
	size_t granules = weft__pages_grown(m) / GRANULE_PAGES;
	int err;

	if (granule && granule <= granules && take_from(m, class, granule - 1, ret))
		return 0;
	for (;;) {
		while (find_partial(m, class, &granule)) {
			atom_store(&m->head->hint[class], (uint32_t)granule + 1, relaxed);
			if (take_from(m, class, granule, ret))
				return 0;
		}
		err = weft__pages_take(m, weft__slab_pages(class), GRANULE_PAGES, &page);
		if (!err)
			open_slab(m, class, page);
		else if (!find_partial(m, class, &granule)) /* reclaim may have found some */
			return err;
	}
}

bool weft__slab_has(const struct weft__map *m, const struct weft__block *b)
{
	return atom_load(&weft__slab_of(m, b->granule)->used[b->index / 64], relaxed) & bit(b->index);
}

int weft__slab_give_back(const struct weft__map *m, const struct weft__block *b)
{
	struct slab *s = weft__slab_of(m, b->granule);
	uint64_t old = atom_load(&s->used[b->index / 64], relaxed);

	do {
		if (!(old & bit(b->index)))
			return -EINVAL;
		/* R1 release: pairs with the CAS in take_bit. */
	} while (!atom_cas(&s->used[b->index / 64], &old, old & ~bit(b->index), release, relaxed));
	/* R2, R3 seq_cst: pairs with the CAS in dissolve; and before mark, with unmark's second look. */
	atom_sub(&s->gate, 1, seq_cst);
	mark(m, b->class, b->granule);
	return 0;
}

/* Gives the pages of a slab without blocks back. */
static bool dissolve(const struct weft__map *m, unsigned class, size_t granule)
{
	uint32_t gate = GATE_OPEN | GATE_CLASS(class);

	/* R2 acquire: pairs with the atom_sub of each who has given a block back. */
	if (!atom_cas(&weft__slab_of(m, granule)->gate, &gate, 0, acquire, relaxed))
		return false;
	unmark(m, class, granule);
	for (unsigned i = 0; i < weft__slab_pages(class); i++)
		/* Relaxed: handed on with the pages, R5. */
		atom_store(weft__entry_of(m, granule * GRANULE_PAGES + i), 0, relaxed);
	weft__pages_give_back(m, granule * GRANULE_PAGES, weft__slab_pages(class));
	return true;
}

bool weft__slabs_reclaim(const struct weft__map *m)
{
	size_t granules = weft__pages_grown(m) / GRANULE_PAGES;
	bool helped = false;

	for (size_t g = 0; g < granules; g++) {
		uint32_t gate = atom_load(&weft__slab_of(m, g)->gate, relaxed);
		unsigned class = gate >> 16 & 0x3f;

		if (!(gate & GATE_OPEN) || class >= CLASSES)
			continue;
		if (!GATE_COUNT(gate))
			helped |= dissolve(m, class, g);
		else if (gives(gate, class))
			mark(m, class, g);
	}
	return helped;
}
