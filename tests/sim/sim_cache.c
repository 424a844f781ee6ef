/* SPDX-License-Identifier: MIT
 *
 * sim_cache.c -- a directory of cache lines, as of MESI: of each line who holds it, alone or with others, and
 * until when it is under way. Caches never run full: what a core had and nobody took it still has.
 *
 * A transfer takes its time from when the line is free, so those who want one line queue up for it. A plain write,
 * or a store, does not stop the core: it goes on while the line comes, up to its next atomic step (TSO).
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = MACHINE_CORES / 64, TABLE = 1 << 22, NOBODY = -1, STREAMS = 8, AHEAD = 4 };

struct line {
	uintptr_t number; /* 0: none */
	int owner;        /* may write to it; NOBODY: those below share it */
	uint64_t holds[WORDS];
	int64_t free_at;
};

static struct line *table;
static size_t n_lines;
static struct machine_count count;
static struct sites sites;
static struct {
	int64_t drained;         /* when its last write arrives */
	uintptr_t came[STREAMS]; /* lines */
	unsigned last;
} core[MACHINE_CORES];

static struct line *find(uintptr_t number)
{
	size_t i = number * 0x9e3779b97f4a7c15U >> 42;

	_Static_assert(TABLE == 1 << 22, "the shift above");
	if (!table)
		table = calloc(TABLE, sizeof *table);
	if (!table || n_lines == TABLE / 2)
		sim_fail("too many cache lines");
	for (; table[i].number; i = (i + 1) % TABLE)
		if (table[i].number == number)
			return &table[i];
	n_lines++;
	table[i].number = number;
	table[i].owner = NOBODY;
	return &table[i];
}

static bool holds(const struct line *l, unsigned who)
{
	return l->holds[who / 64] >> who % 64 & 1;
}

static void hold_alone(struct line *l, unsigned who)
{
	memset(l->holds, 0, sizeof l->holds);
	l->holds[who / 64] = UINT64_C(1) << who % 64;
}

/* The nearest who has it, or who is farthest of all that have to give it up; -1: nobody has it. */
static int64_t distance(const struct line *l, unsigned me, bool writes)
{
	int64_t cost = -1;

	for (unsigned i = 0; i < MACHINE_CORES; i++) {
		int64_t one = i / sim_costs.group == me / sim_costs.group ? sim_costs.near : sim_costs.far;

		if (!l->holds[i / 64]) {
			i |= 63;
			continue;
		}
		if (i != me && holds(l, i) && (cost < 0 || (writes ? one > cost : one < cost)))
			cost = one;
	}
	return cost;
}

/* Does it come next to one that came not long ago? Then the prefetcher has brought it, if nobody keeps it. */
static bool is_ahead(uintptr_t number, unsigned me)
{
	bool found = false;

	for (unsigned i = 0; i < STREAMS && !found; i++) {
		found = number - core[me].came[i] + AHEAD <= 2 * AHEAD;
		if (found)
			core[me].came[i] = number;
	}
	if (!found)
		core[me].came[core[me].last++ % STREAMS] = number;
	return found;
}

/* Ps until the core has l as it wants it, from now. */
static int64_t move(struct line *l, unsigned me, bool writes, const void *site, bool plain)
{
	int64_t cost = distance(l, me, writes), now = sim_now(), start = l->free_at > now ? l->free_at : now;
	bool shared = l->owner == NOBODY;

	if (cost < 0) /* it comes from memory */
		return holds(l, me) ? 0 : sim_costs.first;
	count.transfers++;
	count.contended += start > now;
	count.waited += (double)(start - now) / PS;
	site_moved(&sites, site, plain, (double)(start - now) / PS);
	if (start == now && is_ahead(l->number, me))
		return sim_costs.stream;
	/* A copy for one more reader keeps the line for less long than its going from one to the other. */
	l->free_at = start + (writes || !shared ? cost : cost / 4);
	return start - now + cost;
}

static void access_line(struct line *l, enum access access, const void *site, bool plain)
{
	unsigned me = sim_me;
	bool writes = access != READ;
	int64_t wait = 0;

	if (writes ? l->owner != (int)me : !holds(l, me))
		wait = move(l, me, writes, site, plain);
	if (writes) {
		l->owner = (int)me;
		hold_alone(l, me);
	} else if (!holds(l, me)) {
		l->owner = NOBODY;
		l->holds[me / 64] |= UINT64_C(1) << me % 64;
	}
	if (access == WRITE && wait) { /* it is under way */
		core[me].drained = core[me].drained > sim_now() + wait ? core[me].drained : sim_now() + wait;
		wait = 0;
	}
	sim_pass(sim_costs.access + wait);
}

void cache_access(const void *p, size_t size, enum access access, const void *site, bool plain)
{
	uintptr_t from = (uintptr_t)p / LINE, to = ((uintptr_t)p + (size ? size - 1 : 0)) / LINE;

	if (access == UPDATE)
		cache_drain();
	for (uintptr_t at = from; at <= to; at++) {
		count.accesses++;
		access_line(find(at), access, site, plain);
	}
}

void cache_drain(void)
{
	sim_reach(core[sim_me].drained);
}

void cache_count(struct machine_count *ret)
{
	*ret = count;
}

void cache_reset_count(void)
{
	count = (struct machine_count){0};
}

struct sites *machine_sites(void)
{
	return &sites;
}
