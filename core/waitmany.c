/* SPDX-License-Identifier: MIT
 *
 * waitmany.c -- waiting for all or any of several futures.
 *
 * All: one after the other, which costs nothing but the last one's wait. Any: a link on each of them, all
 * to one parker. The links lie on the stack for up to 16 futures, else on the heap.
 */
#include "forked.h"
#include "state.h"

#include <errno.h>
#include <stdlib.h>

enum { ON_STACK = 16 };

struct any_link {
	struct weft__link link;
	struct weft__parker *parker;
};

int weft_wait_all(weft_future *const f[], size_t n, weft_time deadline)
{
	int err = f || !n ? 0 : -EINVAL;

	for (size_t i = 0; i < n && !err; i++)
		err = weft_future_wait(f[i], deadline);
	return err;
}

static bool fire_any(struct weft__link *link)
{
	weft__unpark(list_entry(link, struct any_link, link)->parker);
	return true;
}

static ssize_t first_done(weft_future *const f[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (weft__phase(f[i]) == PHASE_DONE)
			return (ssize_t)i;
	return -ETIMEDOUT;
}

/* The earliest deadline of f[] and the caller; drops what has passed its own. */
static weft_time drop_overdue(weft_future *const f[], size_t n, weft_time deadline)
{
	weft_time now = weft_now(), limit = deadline;

	for (size_t i = 0; i < n; i++) {
		uint32_t phase = weft__phase(f[i]);

		if (phase != PHASE_QUEUED && phase != PHASE_PROMISED)
			continue;
		if (f[i]->deadline <= now)
			weft__drop(f[i], -ETIMEDOUT);
		else if (f[i]->deadline < limit)
			limit = f[i]->deadline;
	}
	return limit;
}

static ssize_t wait_links(weft_future *const f[], size_t n, struct any_link links[], weft_time deadline)
{
	struct weft__parker parker = {0};
	ssize_t found = -ETIMEDOUT;
	size_t linked = 0;
	int err = 0;

	for (; linked < n; linked++) {
		links[linked] = (struct any_link){.link.fire = fire_any, .parker = &parker};
		if (weft__link_add(f[linked], &links[linked].link, NULL))
			break; /* done: no need to look at the rest */
	}
	while ((found = first_done(f, n)) < 0 && !err) {
		weft_time limit = drop_overdue(f, n, deadline);

		err = weft__sleep(&parker, limit, true);
		if (err == -ETIMEDOUT && weft_now() < deadline)
			err = 0;
	}
	for (size_t i = 0; i < linked; i++)
		weft__link_remove(f[i], &links[i].link);
	return found >= 0 ? found : err;
}

static int check_all(weft_future *const f[], size_t n)
{
	if (!f || !n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (!f[i] || weft__phase(f[i]) == PHASE_IDLE)
			return -EINVAL;
		if (weft__phase(f[i]) != PHASE_DONE && weft__forked(f[i]->generation))
			return -ECHILD;
	}
	return 0;
}

ssize_t weft_wait_any(weft_future *const f[], size_t n, weft_time deadline)
{
	struct any_link few[ON_STACK], *links = few;
	ssize_t found = check_all(f, n);

	if (found < 0)
		return found;
	weft__release_pending();
	found = first_done(f, n);
	if (found >= 0)
		return found;
	if (weft_now() >= deadline) {
		for (size_t i = 0; i < n; i++)
			weft__reap(f[i]);
		return first_done(f, n);
	}
	if (weft_call_cancelled(weft__current))
		return -ECANCELED;
	for (size_t i = 0; weft__current && i < n; i++)
		if (weft__take(f[i])) {
			weft_impl_run(weft__task(f[i]));
			return first_done(f, n);
		}
	if (n > ON_STACK)
		links = calloc(n, sizeof *links);
	if (!links)
		return -ENOMEM;
	found = wait_links(f, n, links, deadline);
	if (links != few)
		free(links);
	return found;
}
