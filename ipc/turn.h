/* SPDX-License-Identifier: MIT
 *
 * turn.h -- one at a time, for as long as it takes: a lock that is held while its holder waits for a descriptor. So
 * who waits for it can be called off, and a fiber that does parks. weft__lock is for moments.
 *
 * Whoever comes by takes it if it is free, also before those who wait: else each release would cost a wake.
 */
#ifndef WEFT_IPC_TURN_H
#define WEFT_IPC_TURN_H

#include "wait.h"

#include <stdbool.h>

/* Zeroed memory is a free one. */
struct weft__turn {
	struct weft__lock lock; /* of the rest */
	bool taken;
	struct list_node *waiting;
};

/* 0: it is the caller's; -ETIMEDOUT; -ECANCELED. One that is free is taken also after the deadline. */
int weft__turn_take(struct weft__turn *t, weft_time deadline);
void weft__turn_give(struct weft__turn *t);

#endif
