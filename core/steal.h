/* SPDX-License-Identifier: MIT
 *
 * steal.h -- what a pool of threads has to do for weft/spawn.h: give each of its threads a deque, let idle
 * ones steal.
 *
 * A thread of a pool opens a deque, sets fed and fed_ctx, and points weft__deque_own at it. One that is idle
 * goes through the deques of the others:
 *
 *         struct weft_child *c = weft__deque_steal(d);
 *         if (c)
 *                 weft__spawn_run_stolen(c, weft__deque_own);
 *         else
 *                 weft__deque_hungry(d);
 *
 * Before it sleeps it makes itself known as a sleeper by a seq_cst operation, calls all hungry, and looks at
 * weft__deque_stealable of all once more. fed runs in the owner after it has shared something because of
 * hungry; it passes a seq_cst fence and wakes a sleeper, if nobody is on his way already. So either the
 * sleeper sees what is shared or fed sees the sleeper. A call that nobody answers delays only: a child that
 * nobody steals is run by its own sync.
 */
#ifndef WEFT_CORE_STEAL_H
#define WEFT_CORE_STEAL_H

#include "deque.h"
#include <weft/spawn_inline.h>

/* The calling thread's deque, a struct weft__deque *; &weft__deque_none outside of pools. */
#define weft__deque_own (weft_spawn_thread_1.deque)

/* Runs a stolen child and completes it. mine: the calling thread's deque, or NULL, in which nothing may be
 * left to steal. An idle thread may run any; one inside a task must not. */
void weft__spawn_run_stolen(struct weft_child *c, struct weft__deque *mine);

/* The function of a stolen child, for people. */
uintptr_t weft__spawn_function(struct weft_child *c);

/* Gives a stolen child back instead: the sync of its owner runs it. */
void weft__spawn_decline(struct weft_child *c);

#endif
