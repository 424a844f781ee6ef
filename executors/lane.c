/* SPDX-License-Identifier: MIT
 *
 * lane.c -- the pool's side of a lane: see lane.h for the protocol and its table.
 */
#include "lane.h"
#include "memfd.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int lane_create(struct lane **ret, size_t slot_size, uint32_t max_tasks)
{
	size_t size = lane_size(slot_size);
	int fd = weft__memfd(STATS_LANE_NAME, size);
	struct lane *lane;

	if (fd < 0)
		return fd;
	lane = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (lane == MAP_FAILED) {
		close(fd);
		return -ENOMEM;
	}
	lane->shown = (struct stats_lane){
		.magic = STATS_LANE_MAGIC, .version = STATS_VERSION, .size = sizeof lane->shown};
	lane->slot_size = (uint32_t)slot_size;
	lane->max_tasks = max_tasks;
	*ret = lane;
	return fd;
}

/* Whoever clears asleep wakes: the worker may have slept, run and slept again since we changed what it
 * looks at, so the word it sleeps on must be the one that says that it does. */
void lane_wake(struct lane *lane)
{
	/* B1 seq_cst: after our change; pairs with the fence in worker.c. */
	atom_fence(seq_cst);
	if (atom_load(&lane->asleep, relaxed) && atom_swap(&lane->asleep, 0, relaxed))
		weft__wake(&lane->asleep, 1, WEFT__SHARED);
}

void lane_publish(struct lane *lane, unsigned i, uint32_t tell)
{
	/* S1 release: pairs with the worker's CAS; the request goes with it. */
	atom_store(&lane->slot[i].state, SLOT_QUEUED | tell, release);
}

void lane_end(struct lane *lane)
{
	atom_store(&lane->ending, 1, relaxed);
	lane_wake(lane);
}

bool lane_take_back(struct lane_slot *slot)
{
	uint32_t s = atom_load(&slot->state, relaxed);

	while ((s & SLOT_MASK) == SLOT_QUEUED)
		/* S3 relaxed: only who gets it; the pool knows the task from its own memory. */
		if (atom_cas(&slot->state, &s, SLOT_SKIP, relaxed, relaxed))
			return true;
	return false;
}

uint32_t lane_tell(struct lane_slot *slot, uint32_t how)
{
	uint32_t s = atom_load(&slot->state, relaxed);

	while ((s & SLOT_MASK) == SLOT_QUEUED || (s & SLOT_MASK) == SLOT_RUNNING)
		/* S4 relaxed: the request of a QUEUED one is handed on, as any read-modify-write does. */
		if ((s & how) == how || atom_cas(&slot->state, &s, s | how, relaxed, relaxed))
			return s | how;
	return 0;
}

bool lane_listen(struct lane *lane)
{
	bool was = atom_load(&lane->listening, relaxed);

	atom_store(&lane->listening, 1, relaxed);
	/* B2 seq_cst: before the pool's last look at the slots; pairs with the fence in worker.c. */
	atom_fence(seq_cst);
	return !was;
}

void lane_hunger(struct lane *lane)
{
	atom_store(&lane->hungry, 1, relaxed);
	/* B3 seq_cst: before the pool's look at the last slot; pairs with the fence in worker.c. */
	atom_fence(seq_cst);
}
