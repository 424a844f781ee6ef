/* SPDX-License-Identifier: MIT
 *
 * region.c -- regions: the public functions, and which of them there are.
 *
 * The process that made the regions has a private table of them, and its forks have copies. A worker has not:
 * there a region's head, which lies in shared memory, says how large it is, and is held against the bounds of
 * the space. The id says where the region begins, so that a worker can find it, and which of those that lay
 * there in turn it is.
 */
#include "region_map.h"
#include "space.h"
#include "spec.h"
#include "wait.h"

#include <errno.h>
#include <string.h>

#define LIMIT_DEFAULT ((uint64_t)1 << 30)

/* Of an id: where it begins, in MiB from the start of the space. */
#define START_BITS 24
#define START_MASK (((uint64_t)1 << START_BITS) - 1)

struct place {
	uint64_t id; /* 0: none */
	char *start;
	size_t limit, total; /* bytes: of data, of all */
};

/* Under weft__space_lock, but for the one look of map_of. */
static struct place table[WEFT_REGIONS_MAX];
static unsigned n_table;  /* those behind have never been used */
static size_t next_start; /* bytes from the start of the space: addresses come round again late */
static uint64_t generation;

static int check_limit(uint64_t *limit)
{
	if (!*limit)
		*limit = LIMIT_DEFAULT;
	if (*limit < WEFT_REGION_LIMIT_MIN || *limit > WEFT_REGION_LIMIT_MAX)
		return -ERANGE;
	*limit = round_up(*limit, CHUNK_SIZE);
	return 0;
}

/* The end of a region that overlaps the bytes at..at + n of the space; 0: there is none. */
static size_t overlapped(uintptr_t base, size_t at, size_t n)
{
	for (unsigned i = 0; i < n_table; i++) {
		size_t from = (uintptr_t)table[i].start - base;

		if (table[i].id && from < at + n && at < from + table[i].total)
			return from + table[i].total;
	}
	return 0;
}

/* Room for n bytes, from next_start on; then from the beginning. */
static int find_room(const struct weft__space *s, size_t n, size_t *ret)
{
	for (int round = 0; round < 2; round++) {
		size_t at = round ? 0 : next_start, end;

		while (at <= s->size && n <= s->size - at) {
			end = overlapped((uintptr_t)s->base, at, n);
			if (!end) {
				*ret = at;
				return 0;
			}
			at = end;
		}
	}
	return -ENOSPC;
}

static unsigned free_slot(void)
{
	unsigned i = 0;

	while (i < n_table && table[i].id)
		i++;
	return i;
}

/* Writes the head, and gives memory to all that comes before the first struct chunk. */
static int furnish(const struct place *p, unsigned slot)
{
	struct weft__map m = weft__map_at(p->start, p->limit);
	int err = weft__space_open(p->start, p->total);

	if (err)
		return err;
	/* Somebody may have written here while there was no region. */
	weft__space_drop(p->start, p->total);
	err = weft__space_back(p->start, (size_t)((char *)m.chunk - p->start));
	if (err) {
		weft__space_close(p->start, p->total);
		return err;
	}
	m.head->limit = p->limit;
	m.head->slot = slot;
	m.head->id = p->id;
	return 0;
}

/* Under the lock. */
static int make(size_t limit, weft_region **ret)
{
	/* Its size does not depend on where it is. */
	size_t total = weft__map_size(limit) + limit, at;
	struct weft__space s;
	unsigned slot = free_slot();
	int err = slot < WEFT_REGIONS_MAX ? 0 : -ENOSPC;

	weft__space_where(&s);
	if (!err)
		err = find_room(&s, total, &at);
	if (err)
		return err;
	table[slot] = (struct place){.id = ++generation << START_BITS | at / CHUNK_SIZE,
				     .start = (char *)(uintptr_t)s.base + at,
				     .limit = limit,
				     .total = total};
	err = furnish(&table[slot], slot);
	if (err) {
		table[slot].id = 0;
		return err;
	}
	if (slot == n_table)
		n_table++;
	next_start = at + total;
	*ret = (weft_region *)(void *)table[slot].start;
	return 0;
}

int weft_region_new(weft_region **ret, const struct weft_region_opts *opts)
{
	struct weft_region_opts o;
	int err = ret ? weft__opts_copy(&o, sizeof o, opts) : -EINVAL;

	if (!err)
		err = check_limit(&o.limit);
	if (!err)
		err = weft__space_ref();
	if (err)
		return err;
	if (!weft__space_is_ours()) {
		weft__space_unref();
		return -ENOTSUP;
	}
	weft__lock(&weft__space_lock);
	err = make((size_t)o.limit, ret);
	weft__unlock(&weft__space_lock);
	if (err)
		weft__space_unref();
	return err;
}

/* The region that begins at r, in private memory; NULL: there is none. Of those whose table this is. */
static struct place *place_of(const weft_region *r)
{
	for (unsigned i = 0; i < n_table; i++)
		if (table[i].id && table[i].start == (const char *)r)
			return &table[i];
	return NULL;
}

int weft_region_free(weft_region *r)
{
	struct place *p;
	int err = 0;

	if (!r)
		return 0;
	if (!weft__space_is_ours())
		return weft__space_has(r, 1) ? -ECHILD : -EINVAL;
	weft__lock(&weft__space_lock);
	p = place_of(r);
	if (p) {
		weft__space_drop(p->start, p->total);
		weft__space_close(p->start, p->total);
		p->id = 0;
	} else {
		err = -EINVAL;
	}
	weft__unlock(&weft__space_lock);
	if (!err)
		weft__space_unref();
	return err;
}

/* What a worker can say of the region that begins at r: what its head claims, if that is possible. */
static int claimed(const weft_region *r, struct place *ret)
{
	struct place p;

	if (!weft__space_has(r, sizeof *r) || (uintptr_t)r % CHUNK_SIZE)
		return -EINVAL;
	p = (struct place){.id = r->id, .start = (char *)(uintptr_t)r, .limit = (size_t)r->limit};
	if (!p.id || p.limit < WEFT_REGION_LIMIT_MIN || p.limit > WEFT_REGION_LIMIT_MAX ||
	    p.limit % CHUNK_SIZE)
		return -EINVAL;
	p.total = weft__map_size(p.limit) + p.limit;
	if (!weft__space_has(r, p.total))
		return -EINVAL;
	*ret = p;
	return 0;
}

/* The common way to a region: in the program by its slot, which is checked. */
static int map_of(const weft_region *r, struct weft__map *ret)
{
	struct place p;
	uint32_t slot;
	int err;

	if (!weft__space_has(r, sizeof *r))
		return -EINVAL;
	if (weft__space_is_whole()) {
		err = claimed(r, &p);
		if (err)
			return err;
	} else {
		slot = r->slot;
		if (slot >= WEFT_REGIONS_MAX || table[slot].start != (const char *)r || !table[slot].id)
			return -EINVAL;
		p = table[slot];
	}
	*ret = weft__map_at(p.start, p.limit);
	return 0;
}

int weft_region_alloc(weft_region *r, size_t size, void **ret)
{
	struct weft__map m;
	size_t pages, page;
	int err = ret && size ? map_of(r, &m) : -EINVAL;

	if (err)
		return err;
	if (size <= SLAB_LARGEST)
		return weft__slab_take(&m, weft__class_of(size), ret);
	if (size > WEFT_REGION_LIMIT_MAX)
		return -ENOMEM;
	pages = (size + REGION_PAGE - 1) / REGION_PAGE;
	err = weft__pages_take(&m, pages, 1, &page);
	if (err)
		return err;
	/* Relaxed: whoever gets to know of the block gets to know of this by the same way. */
	atom_store(weft__entry_of(&m, page), ENTRY_RUN | (uint32_t)pages, relaxed);
	*ret = weft__page_at(&m, page);
	return 0;
}

/* A block, found by its address. */
struct found {
	size_t page, pages; /* of a run */
	uint32_t entry;
	bool in_slab;
	struct weft__block block;
	size_t size; /* bytes */
};

static int find_in_slab(const struct weft__map *m, size_t offset, struct found *ret)
{
	size_t page = offset / REGION_PAGE, back = ret->entry >> 6 & 0xf, first = page - back, size, at;
	unsigned class = ret->entry & 0x3f;

	if (class >= CLASSES || back > page || first % GRANULE_PAGES)
		return -EINVAL;
	size = weft__class_size(class);
	at = offset - first * REGION_PAGE;
	ret->in_slab = true;
	ret->size = size;
	ret->block =
		(struct weft__block){first / GRANULE_PAGES, class, (unsigned)((uint32_t)at / (uint32_t)size)};
	if ((uint32_t)at % (uint32_t)size || ret->block.index >= weft__slab_blocks(class))
		return -EINVAL;
	return weft__slab_has(m, &ret->block) ? 0 : -EINVAL;
}

static int find_block(const struct weft__map *m, const void *block, struct found *ret)
{
	size_t offset = (uintptr_t)block - (uintptr_t)m->data, page = offset / REGION_PAGE;
	size_t end = weft__pages_grown(m);

	if ((uintptr_t)block < (uintptr_t)m->data || page >= end)
		return -EINVAL;
	*ret = (struct found){.page = page};
	/* Relaxed: the caller's block is a live one, and the caller knows of it in some way that orders. */
	ret->entry = atom_load(weft__entry_of(m, page), relaxed);
	if (ret->entry & ENTRY_SLAB)
		return find_in_slab(m, offset, ret);
	ret->pages = ret->entry & ~ENTRY_RUN;
	ret->size = ret->pages * REGION_PAGE;
	return !(ret->entry & ENTRY_RUN) || offset % REGION_PAGE || ret->pages > end - page ? -EINVAL : 0;
}

int weft_region_dealloc(weft_region *r, void *block)
{
	struct weft__map m;
	struct found f;
	int err = map_of(r, &m);

	if (err || !block)
		return err;
	err = find_block(&m, block, &f);
	if (err)
		return err;
	if (f.in_slab)
		return weft__slab_give_back(&m, &f.block);
	/* Relaxed: only one of several that give it back gets on; R5 orders the rest. */
	if (!atom_cas(weft__entry_of(&m, f.page), &f.entry, 0, relaxed, relaxed))
		return -EINVAL;
	weft__pages_give_back(&m, f.page, f.pages);
	return 0;
}

int weft_region_block_size(const weft_region *r, const void *block, size_t *ret)
{
	struct weft__map m;
	struct found f;
	int err = block && ret ? map_of(r, &m) : -EINVAL;

	if (!err)
		err = find_block(&m, block, &f);
	if (!err)
		*ret = f.size;
	return err;
}

static size_t rounded(size_t size)
{
	return size <= SLAB_LARGEST ? weft__class_size(weft__class_of(size)) : round_up(size, REGION_PAGE);
}

int weft_region_realloc(weft_region *r, void **io_block, size_t size)
{
	size_t old;
	void *fresh;
	int err = io_block && size && size <= WEFT_REGION_LIMIT_MAX ? 0 : -EINVAL;

	if (err)
		return err;
	if (!*io_block)
		return weft_region_alloc(r, size, io_block);
	err = weft_region_block_size(r, *io_block, &old);
	if (err || rounded(size) == old)
		return err;
	err = weft_region_alloc(r, size, &fresh);
	if (err)
		return err;
	memcpy(fresh, *io_block, size < old ? size : old);
	err = weft_region_dealloc(r, *io_block);
	*io_block = fresh;
	return err;
}

int weft_region_trim(weft_region *r)
{
	struct weft__map m;
	int err = map_of(r, &m);

	if (err)
		return err;
	weft__slabs_reclaim(&m);
	weft__pages_trim(&m);
	return 0;
}

/* The bits of a slab that are set for a block. */
static unsigned blocks_in(struct slab *s, unsigned class)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SLAB_WORDS; i++)
		n += (unsigned)__builtin_popcountll(atom_load(&s->used[i], relaxed));
	n -= SLAB_BLOCKS - weft__slab_blocks(class);
	return n <= weft__slab_blocks(class) ? n : 0;
}

/* Counts what begins at that page; returns how many pages it has, 0: it is lost. */
static size_t count_at(const struct weft__map *m, size_t page, size_t end, struct weft_region_usage *s)
{
	uint32_t entry = atom_load(weft__entry_of(m, page), relaxed), gate;
	unsigned class = entry & 0x3f, blocks;
	struct slab *slab;

	if (entry & ENTRY_RUN && (entry & ~ENTRY_RUN) <= end - page) {
		s->used += (uint64_t)(entry & ~ENTRY_RUN) * REGION_PAGE;
		s->blocks++;
		return entry & ~ENTRY_RUN;
	}
	slab = weft__slab_of(m, page / GRANULE_PAGES);
	gate = atom_load(&slab->gate, relaxed);
	if (!(entry & ENTRY_SLAB) || class >= CLASSES || page % GRANULE_PAGES || !GATE_IS_OF(gate, class))
		return 0;
	blocks = blocks_in(slab, class);
	s->blocks += blocks;
	s->used += (uint64_t)blocks * weft__class_size(class);
	if (GATE_COUNT(gate) > blocks)
		s->lost += (uint64_t)(GATE_COUNT(gate) - blocks) * weft__class_size(class);
	return weft__slab_pages(class);
}

int weft_region_stats(const weft_region *r, struct weft_region_usage *ret)
{
	struct weft__map m;
	struct weft_region_usage s = {0};
	size_t end, n;
	int err = ret ? map_of(r, &m) : -EINVAL;

	if (err)
		return err;
	end = weft__pages_grown(&m);
	for (size_t p = 0; (p = weft__pages_next_taken(&m, p, end)) < end; p += n ? n : 1) {
		n = count_at(&m, p, end, &s);
		if (!n)
			s.lost += REGION_PAGE;
	}
	s.limit = m.chunks * (uint64_t)CHUNK_SIZE;
	s.memory = weft__pages_count_backed(&m) * REGION_PAGE;
	*ret = s;
	return 0;
}

int weft_ref_make(const weft_region *r, const void *p, weft_ref *ret)
{
	struct weft__map m;
	int err = ret ? map_of(r, &m) : -EINVAL;

	if (err)
		return err;
	if ((uintptr_t)p - (uintptr_t)m.data >= m.chunks * (uintptr_t)CHUNK_SIZE)
		return -EINVAL;
	*ret = (weft_ref){r->id, (uintptr_t)p - (uintptr_t)r};
	return 0;
}

/* The region of that id. Asked for by who made it, it is in the table; in a worker all can be looked at. */
static int place_of_id(uint64_t id, struct place *ret)
{
	struct weft__space s;
	int err = -EINVAL;

	weft__lock(&weft__space_lock);
	weft__space_where(&s);
	if (s.base && weft__space_is_whole())
		err = claimed((const weft_region *)(uintptr_t)(s.base + (id & START_MASK) * CHUNK_SIZE), ret);
	for (unsigned i = 0; i < n_table && err; i++)
		if (table[i].id == id) {
			*ret = table[i];
			err = 0;
		}
	weft__unlock(&weft__space_lock);
	return err || ret->id != id ? -EINVAL : 0;
}

int weft_ref_find(const weft_ref *ref, size_t size, void **ret)
{
	struct place p;
	size_t records;

	if (!ref || !ret || !ref->region || place_of_id(ref->region, &p))
		return -EINVAL;
	records = p.total - p.limit;
	if (ref->offset < records || ref->offset > p.total || size > p.total - ref->offset)
		return -EINVAL;
	*ret = p.start + ref->offset;
	return 0;
}
