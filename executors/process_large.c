/* SPDX-License-Identifier: MIT
 *
 * process_large.c -- arguments and results that do not go through lanes.
 *
 *   in a region     by reference: the worker gets the address, and nothing is copied
 *   by value, and larger than a slot carries: in a block of a region of the pool's own, copied in by the
 *                   submitter and out by whoever finishes the task, both without the pool's lock
 *
 * What is by value and small beside something by reference lies in the slot. The block of a task that is queued
 * is in its place word, that of one in a lane in lane_end.large; blocks are used again while they are warm.
 */
#include "process_parts.h"

#include <errno.h>
#include <string.h>

/* What has to be copied: the argument, behind it the result. */
struct carried {
	size_t arg, result, size;
	bool far; /* something is by reference */
};

static struct carried carried_of(const struct process_pool *p, const weft_task *t)
{
	bool arg = process_by_reference(p, t->arg, t->arg_size),
	     result = process_by_reference(p, t->result, t->result_size);
	struct carried c = {.arg = arg ? 0 : t->arg_size, .result = result ? 0 : t->result_size};

	c.far = arg || result;
	c.size = lane_payload_size(c.arg, c.result);
	return c;
}

bool process_carries(void *self, const weft_task *t)
{
	const struct process_pool *p = self;
	size_t arg = process_by_reference(p, t->arg, t->arg_size) ? 0 : t->arg_size;
	size_t result = process_by_reference(p, t->result, t->result_size) ? 0 : t->result_size;

	/* Each by itself first, or their sum might overflow. */
	return p->home.has_space && arg <= p->opts.large_limit && result <= p->opts.large_limit &&
	       lane_payload_size(arg, result) <= p->opts.large_limit;
}

static bool needs_block(const struct process_pool *p, const struct carried *c)
{
	return c->size > (c->far ? LANE_INLINE - sizeof(struct lane_far) : p->opts.slot_size);
}

bool process_is_small(const struct process_pool *p, const weft_task *t)
{
	struct carried c = carried_of(p, t);

	return !needs_block(p, &c);
}

static int region_of(struct process_pool *p, weft_region **ret)
{
	struct weft_region_opts o = {.size = sizeof o, .limit = p->opts.large_limit};
	int err = 0;

	weft__lock(&p->large_lock);
	if (!p->large)
		err = weft_region_new(&p->large, &o);
	*ret = p->large;
	weft__unlock(&p->large_lock);
	return err;
}

/* -EAGAIN: there will be room when others are done. */
static int take_block(struct process_pool *p, size_t size, void **ret)
{
	weft_region *r;
	int err = region_of(p, &r);

	/* The second time with what has ended out of the way. */
	for (int round = 0; !err && round < 2; round++) {
		if (!weft_region_alloc(r, size, ret))
			return 0;
		process_reap(p);
	}
	if (err)
		return err;
	weft__lock(&p->lock);
	/* Relaxed: under the lock it only falls, and who lets it fall wakes who waits for room. */
	err = atom_load(&p->n_large, relaxed) ? -EAGAIN : -ENOMEM;
	lanes_tell_next(p);
	weft__unlock(&p->lock);
	return err;
}

int process_stage(struct process_pool *p, const weft_task *t, uint64_t *ret_block)
{
	struct carried c = carried_of(p, t);
	void *block = NULL;
	int err;

	*ret_block = 0;
	if (!needs_block(p, &c))
		return 0;
	err = take_block(p, c.size, &block);
	if (err)
		return err;
	if (c.arg)
		memcpy(block, t->arg, c.arg);
	atom_add(&p->n_large, 1, relaxed);
	*ret_block = (uintptr_t)block;
	return 0;
}

void process_unstage(struct process_pool *p, uint64_t block)
{
	if (!block)
		return;
	weft_region_dealloc(p->large, (void *)(uintptr_t)block);
	atom_sub(&p->n_large, 1, relaxed);
}

void process_unstage_task(struct process_pool *p, weft_task *t)
{
	/* Relaxed: the task is out of the queue, or under the lock. */
	process_unstage(p, atom_swap(&weft__future(t)->place, 0, relaxed));
}

void process_unstage_all(struct process_pool *p, struct list_node *dropped)
{
	for (struct list_node *n = dropped; n; n = list_after(dropped, n))
		process_unstage_task(p, weft__task(list_entry(n, weft_future, live.queue)));
}

void process_write_far(const struct process_pool *p, struct lane_end *e, unsigned i, const weft_task *t)
{
	struct carried c = carried_of(p, t);
	char *slot = e->shared->slot[i].payload + sizeof(struct lane_far);
	/* In the slot it is named by its offset: the worker has the lane elsewhere. */
	uint64_t at = e->large[i] ? e->large[i] : (uint64_t)(slot - (char *)e->shared);
	struct lane_far far = {.arg = at, .result = at + lane_result_at(c.arg)};

	if (!c.arg && t->arg_size)
		far.arg = (uintptr_t)t->arg;
	far.keep = !c.result && t->result_size;
	if (far.keep)
		far.result = (uintptr_t)t->result;

	if (!e->large[i] && c.arg)
		memcpy(slot, t->arg, c.arg);
	memcpy(e->shared->slot[i].payload, &far, sizeof far);
}

const char *process_far_result(const struct process_pool *p, const struct lane_end *e, unsigned i,
			       const weft_task *t)
{
	struct carried c = carried_of(p, t);
	const char *at = e->shared->slot[i].payload + sizeof(struct lane_far);

	if (!c.result)
		return NULL;
	return (e->large[i] ? (const char *)(uintptr_t)e->large[i] : at) + lane_result_at(c.arg);
}

void process_copy_large(const struct process_pool *p, uint64_t block, weft_task *t)
{
	struct carried c = carried_of(p, t);

	if (c.result)
		memcpy(t->result, (const char *)(uintptr_t)block + lane_result_at(c.arg), c.result);
}
