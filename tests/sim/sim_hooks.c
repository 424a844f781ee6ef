/* SPDX-License-Identifier: MIT
 *
 * sim_hooks.c -- atomic operations and plain accesses on the simulated machine: each is done, and has its price. One
 * thread runs at a time, so they need not be atomic.
 */
#include "checker_fiber.h"
#include "sim.h"

#include <string.h>

static uint64_t get(const void *word, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, word, size); /* little endian, as all that weft runs on */
	return value;
}

static void put(void *word, size_t size, uint64_t value)
{
	memcpy(word, &value, size);
}

/* Others may run as the time passes: so first that, then what is done. */
static void atomic_access(struct model_site *site, const void *word, size_t size, enum access access)
{
	site->touched++;
	cache_access(word, size, access, site, false);
	if (access == UPDATE)
		sim_pass(sim_costs.rmw);
}

uint64_t model_load(struct model_site *site, const void *word, size_t size)
{
	atomic_access(site, word, size, READ);
	return get(word, size);
}

void model_store(struct model_site *site, void *word, size_t size, uint64_t value)
{
	atomic_access(site, word, size, site->order == MODEL_seq_cst ? UPDATE : WRITE);
	put(word, size, value);
}

uint64_t model_rmw(struct model_site *site, void *word, size_t size, uint64_t operand)
{
	uint64_t before, after;

	atomic_access(site, word, size, UPDATE);
	before = get(word, size);
	after = site->op == MODEL_ADD   ? before + operand
		: site->op == MODEL_SUB ? before - operand
		: site->op == MODEL_OR  ? before | operand
					: operand;
	put(word, size, after);
	return before;
}

bool model_cas(struct model_site *site, void *word, size_t size, void *expected, uint64_t desired)
{
	atomic_access(site, word, size, UPDATE);
	if (memcmp(word, expected, size)) {
		memcpy(expected, word, size);
		return false;
	}
	put(word, size, desired);
	return true;
}

void model_fence(struct model_site *site)
{
	site->touched++;
	if (site->op == MODEL_LIGHT)
		return;
	cache_drain();
	sim_pass(sim_costs.rmw);
	if (site->op != MODEL_HEAVY)
		return;
	sim_interrupt_others(sim_costs.interrupt);
	sim_pass(sim_costs.yield + sim_costs.interrupt);
}

void model_pause(struct model_site *site)
{
	site->touched++;
	sim_pass(sim_costs.pause);
}

static void access_plain(const void *p, size_t size, bool writes, const void *pc)
{
	if (!is_local((uintptr_t)p))
		cache_access(p, size, writes ? WRITE : READ, pc, true);
}

#include "plain_hooks.h"
