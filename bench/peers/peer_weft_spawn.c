/* SPDX-License-Identifier: MIT
 *
 * peer_weft_spawn.c -- trees of tasks by weft_spawn and weft_sync.
 */
#define SPAWN(c, fn, ctx) weft_spawn(c, fn, ctx)
#define SYNC(c, fn, ctx)  weft_sync(c)
#define TREE(name)        bench_spawn_##name

#include "fork_trees.h"

struct depth {
	struct weft_child child;
	size_t n;
};

static void nest(void *ctx)
{
	struct depth *d = ctx, below;

	below.n = d->n - 1;
	if (below.n > 0) {
		weft_spawn(&below.child, nest, &below);
		weft_sync(&below.child);
	}
}

void bench_spawn_nest(size_t depth)
{
	struct depth d = {.n = depth};

	bench_enter(nest, &d);
}
