/* SPDX-License-Identifier: MIT
 *
 * model_region.c -- ipc/slab.c and ipc/pages.c: no block is anybody's twice, not when slabs are dissolved under
 * those who take, nor when somebody dies anywhere; free blocks are found; pages have memory when they are had.
 */
#include "model.h"
#include "region_map.h"
#include "space.h"

#include <errno.h>
#include <string.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

/* Four blocks of 16 KiB to a slab of 16 pages. */
enum { CLASS = CLASSES - 1, BLOCKS = 4, PAGES = SLAB_PAGES, SPAN = 2 };

static struct {
	struct weft_region head;
	atom_u64 summary[CLASSES];
	struct chunk chunk, second;
} memory;
static char data[2 * CHUNK_SIZE];
static struct weft__map map;
static atom_u32 has_memory[CHUNK_PAGES]; /* as the kernel sees it */
static void *got[MODEL_THREADS];

int weft__space_back(const void *p, size_t n)
{
	size_t page = (size_t)((const char *)p - data) / REGION_PAGE;

	for (size_t i = 0; (const char *)p >= data && i < n / REGION_PAGE && page + i < CHUNK_PAGES; i++)
		if (page + i < SPAN)
			atom_store(&has_memory[page + i], 1, seq_cst);
	return 0;
}

void weft__space_drop(const void *p, size_t n)
{
	size_t page = (size_t)((const char *)p - data) / REGION_PAGE;

	for (size_t i = 0; i < n / REGION_PAGE; i++)
		if (page + i < SPAN)
			atom_store(&has_memory[page + i], 0, seq_cst);
}

static void start(void)
{
	memset(&memory, 0, sizeof memory);
	memset(has_memory, 0, sizeof has_memory);
	memset(got, 0, sizeof got);
	map = (struct weft__map){.head = &memory.head,
				 .chunks = 1,
				 .words = 1,
				 .summary = memory.summary,
				 .chunk = &memory.chunk,
				 .data = data};
	memory.head.grown = 1;
	model_name(&memory.chunk.slab[0].gate, "gate");
	model_name(&memory.chunk.slab[0].used[0], "used");
	model_name(&memory.chunk.partial[CLASS], "partial");
	model_name(&memory.summary[CLASS], "summary");
	model_name(&memory.chunk.taken[0], "taken");
	model_name(&memory.chunk.backed[0], "backed");
	model_name(&memory.head.trims, "trims");
}

/* A slab with that many blocks in use; the rest of the region is taken. */
static void start_slab(unsigned in_use)
{
	void *p;

	start();
	for (unsigned i = 0; i < in_use; i++)
		weft__slab_take(&map, CLASS, &p);
	for (unsigned i = 0; i < CHUNK_WORDS; i++)
		memory.chunk.taken[i] = UINT64_MAX;
}

static struct weft__block block(unsigned index)
{
	return (struct weft__block){0, CLASS, index};
}

static unsigned bits(void)
{
	return (unsigned)__builtin_popcountll(memory.chunk.slab[0].used[0] & (((uint64_t)1 << BLOCKS) - 1));
}

/* ---- Blocks ---- */

/* A block is plain memory: who has it together with somebody else, races. */
static void take(int who)
{
	void *p = NULL;

	if (weft__slab_take(&map, CLASS, &p))
		return;
	model_assert((char *)p >= data && ((char *)p - data) % SLAB_LARGEST == 0);
	*(int *)p = who;
	got[who] = p;
}

static void give_back(unsigned index, int status)
{
	struct weft__block b = block(index);

	*(int *)(void *)(data + index * (size_t)SLAB_LARGEST) = -1;
	model_assert(weft__slab_give_back(&map, &b) == status);
}

THREAD(take_a)
{
	take(1);
}

THREAD(take_b)
{
	take(2);
}

THREAD(give_first)
{
	give_back(0, 0);
}

MODEL(region_two_take)
{
	start_slab(2);
	model_thread("A", take_a, NULL);
	model_thread("B", take_b, NULL);
	model_run();
	model_assert(got[1] && got[2] && got[1] != got[2] && bits() == 4);
	model_assert(GATE_COUNT(memory.chunk.slab[0].gate) == 4);
}

MODEL(region_two_take_the_last)
{
	start_slab(3);
	model_thread("A", take_a, NULL);
	model_thread("B", take_b, NULL);
	model_run();
	model_assert(!got[1] != !got[2] && bits() == 4 && GATE_COUNT(memory.chunk.slab[0].gate) == 4);
}

/* What is given back goes to the next with all that was done to it; and where nobody takes it, it is found. */
MODEL(region_given_back_and_taken)
{
	start_slab(4);
	*(int *)(void *)data = 0;
	model_thread("A", give_first, NULL);
	model_thread("B", take_b, NULL);
	model_run();
	model_assert(!got[2] || (got[2] == data && *(int *)(void *)data == 2));
	if (!got[2]) {
		model_assert(memory.chunk.partial[CLASS] == 1 && memory.summary[CLASS] == 1);
		model_assert(GATE_COUNT(memory.chunk.slab[0].gate) == 3 && bits() == 3);
	}
}

/* The taker was let in by another free block, and finds this one. */
MODEL(region_given_back_early)
{
	start_slab(3);
	*(int *)(void *)data = 0;
	model_thread("A", give_first, NULL);
	model_thread("B", take_b, NULL);
	model_run();
	model_assert(got[2] && bits() == 3 && GATE_COUNT(memory.chunk.slab[0].gate) == 3);
}

/* The taker finds the slab full, and makes another: in the same chunk, or in the next, where summary has
 * promised what partial did not hold. The block that has come back meanwhile has its mark. */
static void given_back_and_passed_by(bool next_chunk)
{
	start_slab(4);
	if (next_chunk) {
		map.chunks = memory.head.grown = 2;
		memory.chunk.partial[CLASS] = 0;
		for (unsigned i = 1; i < CHUNK_WORDS; i++)
			memory.second.taken[i] = UINT64_MAX;
	} else {
		memory.chunk.taken[0] = (uint64_t)0xffff;
	}
	*(int *)(void *)data = 0;
	model_thread("A", give_first, NULL);
	model_thread("B", take_b, NULL);
	model_run();
	model_assert(got[2] != NULL);
	if (got[2] != data)
		model_assert((memory.chunk.partial[CLASS] & 1) && (memory.summary[CLASS] & 1));
}

MODEL(region_given_back_and_passed_by)
{
	given_back_and_passed_by(false);
}

MODEL(region_given_back_in_another_chunk)
{
	given_back_and_passed_by(true);
}

/* Pages that somebody has used become a slab, and its blocks somebody else's. */
THREAD(use_and_open)
{
	*(int *)(void *)(data + SLAB_LARGEST) = 1;
	weft__pages_give_back(&map, 0, PAGES);
	take(1);
}

THREAD(take_what_is_open)
{
	if (atom_load(&memory.head.hint[CLASS], relaxed))
		take(2);
}

MODEL(region_slab_opened)
{
	start();
	for (unsigned i = 0; i < CHUNK_WORDS; i++)
		memory.chunk.taken[i] = UINT64_MAX;
	model_thread("A", use_and_open, NULL);
	model_thread("B", take_what_is_open, NULL);
	model_preemptions(-1);
	model_run();
	model_assert((got[1] || got[2]) &&
		     got[1] != got[2]); /* B may have dissolved A's slab while it was empty */
}

/* Two that give the same block back: one of them is told. */
static unsigned given[3];

static void give_same(void *arg)
{
	struct weft__block b = block(1);

	given[*(int *)arg] = !weft__slab_give_back(&map, &b);
}

MODEL(region_given_back_twice)
{
	static int a = 1, b = 2;

	start_slab(3);
	model_thread("A", give_same, &a);
	model_thread("B", give_same, &b);
	model_run();
	model_assert(given[1] + given[2] == 1 && GATE_COUNT(memory.chunk.slab[0].gate) == 2 && bits() == 2);
}

/* ---- Slabs ---- */

/* Takes all pages of the slab, if they are given back. */
THREAD(dissolve)
{
	size_t page = NO_PAGE;

	weft__slabs_reclaim(&map);
	if (!weft__pages_take(&map, PAGES, 1, &page)) {
		got[3] = weft__page_at(&map, page);
		*(int *)got[3] = 3;
	}
}

/* The last block comes back; then its pages are somebody else's, or nobody's, or there is a block again. */
MODEL(region_dissolved_under_a_taker)
{
	start_slab(1);
	*(int *)(void *)data = 0;
	weft__slab_give_back(&map, &(struct weft__block){0, CLASS, 0});
	model_thread("A", take_a, NULL);
	model_thread("D", dissolve, NULL);
	model_preemptions(-1);
	model_run();
	model_assert(!got[1] || !got[3]);
	if (got[1])
		model_assert(memory.chunk.slab[0].gate == (GATE_OPEN | GATE_CLASS(CLASS) | 1));
}

MODEL(region_dissolved_behind_a_giver)
{
	start_slab(1);
	*(int *)(void *)data = 0;
	model_thread("A", give_first, NULL);
	model_thread("D", dissolve, NULL);
	model_run();
	if (!got[3])
		model_assert(memory.chunk.partial[CLASS] == 1);
}

/* ---- Deaths: anywhere ---- */

MODEL(region_taker_dies)
{
	int a;

	start_slab(2);
	a = model_thread("A", take_a, NULL);
	model_thread("B", take_b, NULL);
	model_mortal(a);
	model_run();
	model_assert(got[2] && got[1] != got[2]);
	/* Counted without a bit, or with a bit that nobody knows of: one block. */
	model_assert(GATE_COUNT(memory.chunk.slab[0].gate) >= bits());
	model_assert(GATE_COUNT(memory.chunk.slab[0].gate) <= 4 && bits() >= 3);
}

MODEL(region_giver_dies)
{
	bool free;
	int a;

	start_slab(4);
	*(int *)(void *)data = 0;
	a = model_thread("A", give_first, NULL);
	model_thread("B", take_b, NULL);
	model_mortal(a);
	model_run();
	model_assert(!got[2] || got[2] == data);
	model_assert(GATE_COUNT(memory.chunk.slab[0].gate) >= bits());
	if (got[2])
		return;
	/* Hints that it could not give any more are made up for before anybody is told that there is nothing. */
	free = GATE_COUNT(memory.chunk.slab[0].gate) < BLOCKS;
	take(2);
	model_assert((got[2] == data) == free);
}

/* ---- Pages ---- */

static size_t run_page[3];

static void take_pages(int who)
{
	size_t page = NO_PAGE;

	if (weft__pages_take(&map, SPAN, 1, &page))
		return;
	run_page[who] = page;
	*(int *)(void *)weft__page_at(&map, page) = who;
	for (size_t i = page; i < page + SPAN && i < SPAN; i++)
		model_assert(atom_load(&has_memory[i], seq_cst));
}

THREAD(pages_a)
{
	take_pages(1);
}

THREAD(pages_b)
{
	take_pages(2);
}

THREAD(trim)
{
	weft__pages_trim(&map);
}

THREAD(give_pages)
{
	*(int *)(void *)data = -1;
	weft__pages_give_back(&map, 0, SPAN);
}

/* Of the pages only the first few are free. */
static void start_pages(unsigned n)
{
	start();
	run_page[1] = run_page[2] = NO_PAGE;
	for (unsigned i = 1; i < CHUNK_WORDS; i++)
		memory.chunk.taken[i] = UINT64_MAX;
	memory.chunk.taken[0] = UINT64_MAX << n;
}

MODEL(region_runs_do_not_overlap)
{
	start_pages(3);
	model_thread("A", pages_a, NULL);
	model_thread("B", pages_b, NULL);
	model_run();
	model_assert((run_page[1] == NO_PAGE) != (run_page[2] == NO_PAGE));
}

MODEL(region_run_given_back)
{
	start_pages(0);
	model_thread("A", give_pages, NULL);
	model_thread("B", pages_b, NULL);
	model_run();
	model_assert(run_page[2] == 0 || run_page[2] == NO_PAGE);
}

/* Trimmed before they are taken, or not: they have memory then. */
MODEL(region_trimmed_under_a_taker)
{
	start_pages(SPAN);
	memory.chunk.backed[0] = 3;
	has_memory[0] = has_memory[1] = 1;
	model_thread("A", pages_a, NULL);
	model_thread("T", trim, NULL);
	model_run();
	model_assert(run_page[1] == 0 || run_page[1] == NO_PAGE);
}

MODEL(region_trimmer_dies)
{
	int t;

	start_pages(SPAN);
	memory.chunk.backed[0] = 3;
	has_memory[0] = has_memory[1] = 1;
	t = model_thread("T", trim, NULL);
	model_thread("A", pages_a, NULL);
	model_mortal(t);
	model_run();
	model_assert(run_page[1] == 0 || run_page[1] == NO_PAGE);
}
