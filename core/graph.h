/* SPDX-License-Identifier: MIT
 *
 * graph.h -- which task waits for which, so that a circle is refused instead of hanging.
 */
#ifndef WEFT_CORE_GRAPH_H
#define WEFT_CORE_GRAPH_H

#include "state.h"

/* The calling task is about to wait for f. -EDEADLK: f waits for it, perhaps through others. */
int weft__graph_enter(weft_future *f);
void weft__graph_leave(void);
void weft__graph_uncover(weft_call *call); /* what ran on top of it has returned */
void weft__graph_set(weft_future *f, weft_future *awaits);
void weft__graph_reset(void);

#endif
