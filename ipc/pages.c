/* SPDX-License-Identifier: MIT
 *
 * pages.c -- runs of pages in a region. region_map.h says how the parts of a region work together.
 *
 * A run is taken word by word, from its first page on. Who meets a page that is taken gives back what he has
 * and searches on. Of several that want overlapping runs, the one whose run begins last meets nobody before
 * him, so one of them succeeds.
 *
 * Pages are given memory before they are taken, because that takes long, and a death there then costs nothing.
 * Giving memory twice, or for somebody else, does no harm. But what has memory may be trimmed before it is
 * taken: so trims are counted, and who finds that there was one looks again, at pages that are his by then.
 */
#include "region_map.h"
#include "space.h"

#include <errno.h>

enum { TRIM_PAGES = 16 }; /* at a time: what a death in the middle would cost */

enum which { TAKEN, BACKED };

static atom_u64 *word(const struct weft__map *m, enum which which, size_t page)
{
	struct chunk *c = &m->chunk[page / CHUNK_PAGES];

	return &(which == TAKEN ? c->taken : c->backed)[page / 64 % CHUNK_WORDS];
}

/* The bits of up to *n pages from page on that lie in one word; *n becomes how many. */
static uint64_t part(size_t page, size_t *n)
{
	size_t most = 64 - page % 64;

	*n = *n < most ? *n : most;
	return (*n == 64 ? UINT64_MAX : ((uint64_t)1 << *n) - 1) << page % 64;
}

/* The first page of from..to whose bit is (or is not) set; to: there is none. */
static size_t next(const struct weft__map *m, enum which which, bool set, size_t from, size_t to)
{
	while (from < to) {
		/* Relaxed: who wants it, takes it by a CAS. */
		uint64_t w = atom_load(word(m, which, from), relaxed);

		w = (set ? w : ~w) >> from % 64;
		if (w) {
			from += (size_t)__builtin_ctzll(w);
			return from < to ? from : to;
		}
		from += 64 - from % 64;
	}
	return to;
}

size_t weft__pages_next_taken(const struct weft__map *m, size_t from, size_t to)
{
	return next(m, TAKEN, true, from, to);
}

size_t weft__pages_next_free(const struct weft__map *m, size_t from, size_t to)
{
	return next(m, TAKEN, false, from, to);
}

size_t weft__pages_count_backed(const struct weft__map *m)
{
	size_t n = 0, end = weft__pages_grown(m);

	for (size_t p = 0; p < end; p += 64)
		n += (size_t)__builtin_popcountll(atom_load(word(m, BACKED, p), relaxed));
	return n;
}

static void clear(atom_u64 *w, uint64_t mask)
{
	uint64_t old = atom_load(w, relaxed);

	/* R5 release: pairs with the CAS in claim; what we did to the pages comes before. */
	while (!atom_cas(w, &old, old & ~mask, release, relaxed)) {}
}

static void release_run(const struct weft__map *m, size_t page, size_t n)
{
	size_t k;

	for (; n; page += k, n -= k) {
		uint64_t mask;

		k = n;
		mask = part(page, &k);
		clear(word(m, TAKEN, page), mask);
	}
}

static bool claim(const struct weft__map *m, size_t page, size_t n)
{
	size_t k;

	for (size_t p = page, left = n; left; p += k, left -= k) {
		atom_u64 *w = word(m, TAKEN, p);
		uint64_t old = atom_load(w, relaxed), mask;

		k = left;
		mask = part(p, &k);
		do {
			if (old & mask) {
				release_run(m, page, p - page);
				return false;
			}
			/* R5 acquire: pairs with the CAS in clear. */
		} while (!atom_cas(w, &old, old | mask, acquire, relaxed));
	}
	return true;
}

static size_t find(const struct weft__map *m, size_t from, size_t to, size_t n, size_t align)
{
	for (;;) {
		size_t end;

		from = round_up(next(m, TAKEN, false, from, to), align);
		if (from > to || n > to - from)
			return NO_PAGE;
		end = next(m, TAKEN, true, from, from + n);
		if (end == from + n)
			return from;
		from = end;
	}
}

static size_t search(const struct weft__map *m, size_t n, size_t align)
{
	size_t end = weft__pages_grown(m), page;
	/* Relaxed: a hint. */
	uint64_t rover = atom_load(&m->head->rover, relaxed);

	if (rover >= end)
		rover = 0;
	page = find(m, (size_t)rover, end, n, align);
	return page == NO_PAGE && rover ? find(m, 0, end, n, align) : page;
}

/* More chunks, enough for n pages. 0: there are more, by us or by somebody else. */
static int grow(const struct weft__map *m, size_t n)
{
	uint64_t grown = weft__pages_grown(m) / CHUNK_PAGES;
	size_t more = (n + CHUNK_PAGES - 1) / CHUNK_PAGES, left = m->chunks - (size_t)grown;

	if (more > left)
		more = left;
	if (!more || weft__space_back(&m->chunk[grown], more * sizeof *m->chunk))
		return -ENOMEM;
	/* R6 release: pairs with the load in weft__pages_grown. */
	atom_cas(&m->head->grown, &grown, grown + more, release, relaxed);
	return 0;
}

/* Memory for those pages that are not known to have it. */
static int back(const struct weft__map *m, size_t page, size_t n)
{
	size_t end = page + n, stop;

	for (; (page = next(m, BACKED, false, page, end)) < end; page = stop) {
		stop = next(m, BACKED, true, page, end);
		if (weft__space_back(weft__page_at(m, page), (stop - page) * REGION_PAGE))
			return -ENOMEM;
	}
	return 0;
}

/* For pages that are ours. */
static void note_backed(const struct weft__map *m, size_t page, size_t n)
{
	size_t k;

	for (; n; page += k, n -= k) {
		uint64_t mask;

		k = n;
		mask = part(page, &k);
		/* Relaxed: the bits belong to whom the pages belong to; R5 hands them on. */
		if ((atom_load(word(m, BACKED, page), relaxed) & mask) != mask)
			atom_or(word(m, BACKED, page), mask, relaxed);
	}
}

/* Gives pages memory, and then takes them. 0 | -ENOMEM | -EAGAIN: somebody was first */
static int back_and_claim(const struct weft__map *m, size_t page, size_t n)
{
	/* R7 acquire: before the look at what has memory; pairs with the add in trim_run. */
	uint64_t trims = atom_load(&m->head->trims, acquire);
	int err = back(m, page, n);

	if (err)
		return err;
	if (!claim(m, page, n))
		return -EAGAIN;
	/* Relaxed: if it was these pages that were trimmed, R5 has brought it. */
	if (atom_load(&m->head->trims, relaxed) != trims)
		err = back(m, page, n);
	if (err)
		release_run(m, page, n);
	else
		note_backed(m, page, n);
	return err;
}

int weft__pages_take(const struct weft__map *m, size_t n, size_t align, size_t *ret_page)
{
	bool reclaimed = false;
	int err = n > m->chunks * CHUNK_PAGES ? -ENOMEM : -EAGAIN;

	while (err == -EAGAIN) {
		size_t page = search(m, n, align);

		if (page != NO_PAGE) {
			err = back_and_claim(m, page, n);
			if (!err)
				*ret_page = page;
		} else if (grow(m, n)) {
			if (reclaimed || !weft__slabs_reclaim(m))
				return -ENOMEM;
			reclaimed = true;
		}
	}
	if (!err)
		/* Relaxed: a hint. */
		atom_store(&m->head->rover, *ret_page + n, relaxed);
	return err;
}

void weft__pages_give_back(const struct weft__map *m, size_t page, size_t n)
{
	release_run(m, page, n);
	/* Relaxed: a hint. What has memory is used again first. */
	if (atom_load(&m->head->rover, relaxed) > page)
		atom_store(&m->head->rover, page, relaxed);
}

/* Free pages, as far as they lie in one word. */
static void trim_run(const struct weft__map *m, size_t page, size_t n)
{
	if (next(m, BACKED, true, page, page + n) == page + n || !claim(m, page, n))
		return;
	clear(word(m, BACKED, page), part(page, &n));
	weft__space_drop(weft__page_at(m, page), n * REGION_PAGE);
	/* R7 release: behind the drop; pairs with the load in back_and_claim. R5 brings it to the next owner. */
	atom_add(&m->head->trims, 1, release);
	release_run(m, page, n);
}

void weft__pages_trim(const struct weft__map *m)
{
	size_t end = weft__pages_grown(m), stop, most;

	for (size_t page = 0; (page = next(m, TAKEN, false, page, end)) < end; page = stop) {
		most = round_up(page + 1, TRIM_PAGES);
		stop = next(m, TAKEN, true, page, most < end ? most : end);
		trim_run(m, page, stop - page);
	}
}
