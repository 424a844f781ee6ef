/* SPDX-License-Identifier: MIT
 *
 * region_map.h -- what lies where in a region, and who hands it out.
 *
 *   head | summary | a struct chunk for each MiB of data | data
 *
 *   pages.c   runs of pages of 4 KiB: slabs, and blocks of more than 16 KiB
 *   slab.c    slabs: blocks of one size, up to 16 KiB
 *   region.c  the public functions
 *
 * Any process may take and give back at any time, and may be killed at any instruction of it. So there is no
 * lock that a dead one could hold, and no list that it could leave half linked. Whatever is handed out has a
 * bit, and is taken by setting the bit and given back by clearing it: one atomic step before which it is
 * free, and behind which it is not. There is nothing to repair and nobody has to notice the death.
 *
 *   kind       truth                                              hints: wrong at worst, never harmful
 *   a page     chunk.taken: its bit                               rover, where to search first
 *   a block    slab.used: its bit; slab.gate counts them          partial and summary: where blocks are free;
 *                                                                 hint: the slab used last
 *   a run      chunk.entry of its first page: its length
 *   a slab     slab.gate: open, class, blocks in use
 *
 * What a death costs: the piece that was on its way. Taken and not yet returned to the caller, or no longer
 * the caller's and not yet free: that is a block; or, where a slab was being made or dissolved, its pages, 64
 * KiB at most. It stays lost until the region is freed, and weft_region_stats counts it.
 *
 * What another process can write is trusted only as far as it can be checked: each number read from a region
 * is held against the region's bounds, which the program keeps in private memory, before it indexes.
 *
 *   tag  word             from -> to               order                        carries
 *   R1   slab.used        give back -> take        CAS rel -> CAS acq           the block's bytes
 *   R2   slab.gate        open -> take             store seq_cst -> CAS acq     the words of used
 *                         give back -> dissolve    sub seq_cst -> CAS acq       the slab's pages are unused
 *   R3   slab.gate and    give back, open <->      RMW, load seq_cst <->        nothing: the one sees that the
 *        chunk.partial    unmark                   RMW, load seq_cst            mark is gone, or the other
 *                                                                               that there is a free block
 *   R4   chunk.partial    mark <-> find            the same, one level up       nothing
 *        and summary
 *   R5   chunk.taken      give back -> take        CAS rel -> CAS acq           the pages, what entry and
 *                                                                               backed say of them
 *   R6   head.grown       grow -> take             CAS rel -> load acq          the chunk has memory
 *   R7   head.trims       trim -> take             add rel, R5 -> load acq      nothing: the pages may have lost
 *                                                                               their memory meanwhile
 *
 * Progress: who fails at a CAS, fails because somebody else got on. ABA: gate and used hold all that counts,
 * so a word that is as it was is as good as if it had never changed. Who has counted himself into a gate keeps
 * the slab from being dissolved.
 */
#ifndef WEFT_IPC_REGION_MAP_H
#define WEFT_IPC_REGION_MAP_H

#include "atomic.h"
#include <weft/region.h>

enum {
	REGION_PAGE = 4096,
	CHUNK_PAGES = 256,
	CHUNK_SIZE = CHUNK_PAGES * REGION_PAGE,
	CHUNK_WORDS = CHUNK_PAGES / 64,
	GRANULE_PAGES = 4, /* slabs begin at multiples of it */
	CHUNK_GRANULES = CHUNK_PAGES / GRANULE_PAGES,
	SLAB_PAGES = 16, /* the largest */
	SLAB_WORDS = 16,
	SLAB_BLOCKS = 64 * SLAB_WORDS, /* the most */
	SLAB_LARGEST = 16384,          /* bytes: larger blocks are runs of pages */
	CLASSES = 36,
	REGION_ALIGN = 64
};

/* chunk.entry: 0, or the length of a run, or which slab the page belongs to. */
#define ENTRY_RUN  (1u << 31) /* with the number of pages */
#define ENTRY_SLAB (1u << 30) /* with the class, and how far back the slab begins, times 64 */

/* slab.gate: 0, or open, with its class and how many blocks are in use. */
#define GATE_OPEN        (1u << 31)
#define GATE_CLASS(c)    ((uint32_t)(c) << 16)
#define GATE_COUNT(g)    ((g)&0xffffu)
#define GATE_IS_OF(g, c) (((g) & ~0xffffu) == (GATE_OPEN | GATE_CLASS(c)))

#define NO_PAGE SIZE_MAX

struct slab {
	atom_u32 gate;
	uint32_t unused;
	atom_u64 used[SLAB_WORDS]; /* a bit for each block; those that do not exist are set */
};

struct chunk {
	atom_u64 taken[CHUNK_WORDS];  /* pages in use */
	atom_u64 backed[CHUNK_WORDS]; /* pages that have memory */
	atom_u64 partial[CLASSES];    /* by class: granules at which a slab with free blocks begins */
	atom_u32 entry[CHUNK_PAGES];
	struct slab slab[CHUNK_GRANULES]; /* the one that begins there */
};

struct weft_region {
	uint64_t id;    /* 0: none; see region.c */
	uint64_t limit; /* bytes of data */
	uint32_t slot;  /* in the program's private table */
	uint32_t unused;
	atom_u64 grown;         /* chunks that have memory for their struct chunk */
	atom_u64 rover;         /* a page */
	atom_u64 trims;         /* how often pages have lost their memory */
	atom_u32 hint[CLASSES]; /* 1 + granule; 0: none */
};

/* The same, as addresses, from numbers that were checked. */
struct weft__map {
	struct weft_region *head;
	size_t chunks;
	size_t words;      /* of summary, for each class */
	atom_u64 *summary; /* by class: chunks of which partial is not 0 */
	struct chunk *chunk;
	char *data;
};

static inline size_t round_up(size_t x, size_t to)
{
	return (x + to - 1) / to * to;
}

/* How many bytes of a region lie before its data. */
static inline size_t weft__map_size(size_t limit)
{
	size_t chunks = limit / CHUNK_SIZE;
	size_t at = round_up(sizeof(struct weft_region), REGION_ALIGN);

	at = round_up(at + CLASSES * ((chunks + 63) / 64) * sizeof(atom_u64), REGION_ALIGN);
	return round_up(at + chunks * sizeof(struct chunk), CHUNK_SIZE);
}

static inline struct weft__map weft__map_at(void *start, size_t limit)
{
	struct weft__map m = {.head = start, .chunks = limit / CHUNK_SIZE};
	size_t at = round_up(sizeof *m.head, REGION_ALIGN);

	m.words = (m.chunks + 63) / 64;
	m.summary = (atom_u64 *)(void *)((char *)start + at);
	at = round_up(at + CLASSES * m.words * sizeof *m.summary, REGION_ALIGN);
	m.chunk = (struct chunk *)(void *)((char *)start + at);
	m.data = (char *)start + weft__map_size(limit);
	return m;
}

static inline char *weft__page_at(const struct weft__map *m, size_t page)
{
	return m->data + page * REGION_PAGE;
}

static inline atom_u32 *weft__entry_of(const struct weft__map *m, size_t page)
{
	return &m->chunk[page / CHUNK_PAGES].entry[page % CHUNK_PAGES];
}

static inline struct slab *weft__slab_of(const struct weft__map *m, size_t granule)
{
	return &m->chunk[granule / CHUNK_GRANULES].slab[granule % CHUNK_GRANULES];
}

/* Pages that there are so far. */
static inline size_t weft__pages_grown(const struct weft__map *m)
{
	/* R6 acquire: pairs with the CAS in grow. */
	uint64_t grown = atom_load(&m->head->grown, acquire);

	return (grown < m->chunks ? (size_t)grown : m->chunks) * CHUNK_PAGES;
}

/* pages.c */

/* n pages in a row, at a multiple of align, with memory. 0 | -ENOMEM */
int weft__pages_take(const struct weft__map *m, size_t n, size_t align, size_t *ret_page);
void weft__pages_give_back(const struct weft__map *m, size_t page, size_t n);
/* Takes the memory away from pages that are free. */
void weft__pages_trim(const struct weft__map *m);
/* The first page of from..to that is in use, or has memory; to: there is none. */
size_t weft__pages_next_taken(const struct weft__map *m, size_t from, size_t to);
size_t weft__pages_next_free(const struct weft__map *m, size_t from, size_t to);
size_t weft__pages_count_backed(const struct weft__map *m);

/* slab.c */

/* A block's place in a slab. */
struct weft__block {
	size_t granule; /* at which the slab begins */
	unsigned class, index;
};

unsigned weft__class_of(size_t n); /* for 1..SLAB_LARGEST bytes */
size_t weft__class_size(unsigned class);
int weft__slab_take(const struct weft__map *m, unsigned class, void **ret); /* 0 | -ENOMEM */
/* 0 | -EINVAL: it is not in use */
int weft__slab_give_back(const struct weft__map *m, const struct weft__block *b);
bool weft__slab_has(const struct weft__map *m, const struct weft__block *b); /* is it in use? */
/* Dissolves slabs without blocks, and finds free blocks again that a death has hidden. True: it helped. */
bool weft__slabs_reclaim(const struct weft__map *m);
unsigned weft__slab_pages(unsigned class);
unsigned weft__slab_blocks(unsigned class);

#endif
