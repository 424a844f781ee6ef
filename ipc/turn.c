/* SPDX-License-Identifier: MIT
 *
 * turn.c -- a lock that is held for long: all of it is guarded by one that is held for a moment.
 */
#include "turn.h"
#include "state.h"

#include <errno.h>

/* Under the lock. Who is woken, and does not take it, hands on. */
static void wake_next(struct weft__turn *t)
{
	struct list_node *node = list_pop(&t->waiting);

	if (node)
		weft__unpark(list_entry(node, struct weft__waiter, node)->parker);
}

int weft__turn_take(struct weft__turn *t, weft_time deadline)
{
	struct weft__parker parker = {0};
	struct weft__waiter me = {.parker = &parker};
	int err = 0;

	weft__lock(&t->lock);
	while (t->taken && !err) {
		list_append(&t->waiting, &me.node);
		weft__unlock(&t->lock);
		err = weft__sleep(&parker, deadline, true);
		weft__lock(&t->lock);
		if (list_linked(&me.node))
			list_remove(&t->waiting, &me.node);
		else if (err && !t->taken)
			wake_next(t);
	}
	if (!err)
		t->taken = true;
	weft__unlock(&t->lock);
	return err == -ECANCELED && !weft__asked(weft__current) ? -ETIMEDOUT : err;
}

void weft__turn_give(struct weft__turn *t)
{
	weft__lock(&t->lock);
	t->taken = false;
	wake_next(t);
	weft__unlock(&t->lock);
}
