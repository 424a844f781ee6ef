/* SPDX-License-Identifier: MIT
 *
 * peer_weft_inline.c -- trees of tasks by the inline form of weft_spawn and weft_sync.
 */
#include <weft/spawn_inline.h>

#define SPAWN(c, fn, ctx) weft_spawn_inline(c, fn, ctx)
#define SYNC(c, fn, ctx)  weft_sync_direct(c, fn, ctx)
#define TREE(name)        bench_inline_##name

#include "fork_trees.h"
