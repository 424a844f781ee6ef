/* SPDX-License-Identifier: MIT
 *
 * checker_race.c -- plain data. Each thread has a clock that counts its atomic operations, and a view of the
 * others' clocks that travels with release and acquire. Two accesses to the same bytes, one of them a write,
 * by two threads of which the later one does not know of the earlier one: a data race, in whichever order
 * they were run. Atomic words are checked against plain accesses to them in the same way.
 *
 * The compiler reports plain accesses: models and sources are compiled with -fsanitize=thread, but linked
 * without its run time; the functions that it calls are here. Functions of the C library are not seen.
 *
 * For each four bytes, and each thread, only the latest access is kept, with a mask of the bytes. So a race
 * with an earlier access to other bytes of the same four can be missed.
 */
#include "checker.h"

#include <string.h>

enum { CELLS = 2048, HASH = 8192, GONE = 16, GRANULE = 4 };

struct cell {
	uintptr_t address;
	int loc;
	/* The clock of the thread's last access of that kind, 0: none. */
	uint16_t read[MODEL_THREADS], write[MODEL_THREADS], atom_read[MODEL_THREADS],
		atom_write[MODEL_THREADS];
	uint8_t read_mask[MODEL_THREADS], write_mask[MODEL_THREADS];
	const void *read_pc[MODEL_THREADS], *write_pc[MODEL_THREADS];
};

static struct cell cells[CELLS];
static unsigned n_cells;
static struct {
	uint32_t execution;
	uint32_t cell;
} hash[HASH];
static uint32_t execution;
static struct {
	uintptr_t from, to;
} gone[GONE];
static unsigned n_gone;

void race_reset(void)
{
	if (!++execution) {
		memset(hash, 0, sizeof hash);
		execution = 1;
	}
	n_cells = n_gone = 0;
}

static struct cell *find_cell(uintptr_t address)
{
	size_t i = (address / GRANULE * 0x9e3779b97f4a7c15U) >> 51;

	_Static_assert(HASH == 1 << 13, "the shift above");
	for (; hash[i].execution == execution; i = (i + 1) % HASH)
		if (cells[hash[i].cell].address == address)
			return &cells[hash[i].cell];
	if (n_cells == CELLS)
		too_large("plain data");
	hash[i].execution = execution;
	hash[i].cell = n_cells;
	cells[n_cells] = (struct cell){.address = address, .loc = -1};
	return &cells[n_cells++];
}

int *cell_loc(const void *word)
{
	return &find_cell((uintptr_t)word)->loc;
}

void model_gone(const void *p, size_t size)
{
	if (n_gone == GONE)
		too_large("gone ranges");
	gone[n_gone].from = (uintptr_t)p;
	gone[n_gone++].to = (uintptr_t)p + size;
}

static void check_gone(uintptr_t address, const void *pc)
{
	char place[128] = "";

	for (unsigned i = 0; i < n_gone; i++) {
		if (address < gone[i].from || address >= gone[i].to)
			continue;
		if (pc)
			trace_where(place, sizeof place, pc);
		fail(MODEL_GONE, "%s touches memory that is gone%s%s", run.thread[run.current].name,
		     pc ? ", in " : "", place);
	}
}

static _Noreturn void fail_race(const struct cell *c, unsigned other, const void *other_pc, const char *did,
				const void *pc, const char *does)
{
	char place[128] = "an atomic operation", other_place[128] = "an atomic operation",
	     name[64] = "plain data";

	if (pc)
		trace_where(place, sizeof place, pc);
	if (other_pc)
		trace_where(other_place, sizeof other_place, other_pc);
	if (c->loc >= 0)
		loc_name(&run.loc[c->loc], name);
	fail(MODEL_RACE, "data race on %s: %s %s in %s, %s %s in %s, and nothing orders them", name,
	     run.thread[run.current].name, does, place, run.thread[other].name, did, other_place);
}

/* An atomic access to word. Reads race with plain writes, writes with plain reads, too. */
void race_atomic(const void *word, bool writes)
{
	unsigned me = run.current;
	const uint16_t *clock = run.thread[me].cur.clock;
	struct cell *c;

	if (!run.running)
		return;
	if (n_gone)
		check_gone((uintptr_t)word, NULL);
	c = find_cell((uintptr_t)word);
	for (unsigned i = 1; i < run.n_threads; i++) {
		if (c->write[i] > clock[i])
			fail_race(c, i, c->write_pc[i], "wrote", NULL, "was");
		if (writes && c->read[i] > clock[i])
			fail_race(c, i, c->read_pc[i], "read", NULL, "was");
	}
	*(writes ? &c->atom_write[me] : &c->atom_read[me]) = clock[me];
}

static void check_cell(struct cell *c, uint8_t mask, bool writes, const void *pc)
{
	unsigned me = run.current;
	const uint16_t *clock = run.thread[me].cur.clock;
	const char *does = writes ? "writes" : "reads";

	for (unsigned i = 1; i < run.n_threads; i++) {
		if (i == me)
			continue;
		if (c->write[i] > clock[i] && (c->write_mask[i] & mask))
			fail_race(c, i, c->write_pc[i], "wrote", pc, does);
		if (writes && c->read[i] > clock[i] && (c->read_mask[i] & mask))
			fail_race(c, i, c->read_pc[i], "read", pc, does);
		if (c->atom_write[i] > clock[i] || (writes && c->atom_read[i] > clock[i]))
			fail_race(c, i, NULL, "was", pc, does);
	}
	if (writes) {
		c->write_mask[me] = c->write[me] == clock[me] ? c->write_mask[me] | mask : mask;
		c->write[me] = clock[me];
		c->write_pc[me] = pc;
	} else {
		c->read_mask[me] = c->read[me] == clock[me] ? c->read_mask[me] | mask : mask;
		c->read[me] = clock[me];
		c->read_pc[me] = pc;
	}
	/* A word set up anew: nobody may read what it was before. */
	if (writes && c->loc >= 0)
		run.loc[c->loc].floor = run.loc[c->loc].latest->at;
}

static void access_plain(const void *p, size_t size, bool writes, const void *pc)
{
	uintptr_t from = (uintptr_t)p, to = from + size;

	if (!run.running || is_local(from))
		return;
	for (uintptr_t g = from & ~(uintptr_t)(GRANULE - 1); g < to; g += GRANULE) {
		uint8_t mask = 0;

		for (unsigned i = 0; i < GRANULE; i++)
			if (g + i >= from && g + i < to)
				mask |= (uint8_t)(1U << i);
		if (n_gone)
			check_gone(g, pc);
		check_cell(find_cell(g), mask, writes, pc);
	}
}

#include "plain_hooks.h"
