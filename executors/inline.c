/* SPDX-License-Identifier: MIT
 *
 * inline.c -- the executor that is a function call. Submitting runs the task, in the caller, at once; so
 * nothing is ever queued, and a wait never sleeps.
 */
#include "state.h"

static int run_offer(void *self, struct weft_offer *offer)
{
	(void)self;
	for (size_t i = 0; i < offer->n; i++) {
		int err = weft_impl_accept(offer, i);

		if (err)
			return i ? (int)i : err;
		if (weft_impl_start(&offer->tasks[i]))
			weft_impl_run(&offer->tasks[i]);
		if (i == INT32_MAX - 1)
			return INT32_MAX; /* the library offers the rest again */
	}
	return (int)offer->n;
}

/* generation 0: it belongs to every process, forks included. */
static struct weft_executor executor = {
	.ops = {.size = sizeof executor.ops, .caps = WEFT_CAP_LOCAL, .workers = 1, .submit = run_offer},
	.name = "inline",
	.shared.n = &executor.shared.own,
};

weft_executor *weft_inline(void)
{
	return &executor;
}
