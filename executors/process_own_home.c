/* SPDX-License-Identifier: MIT
 *
 * process_own_home.c -- nurseries for weft_process, and starting a process in one.
 */
#include "process_own.h"

#include <errno.h>
#include <stdlib.h>

void own_close(struct own_home *h)
{
	process_home_quit(&h->base);
	h->base.bell.fd = -1; /* everybody's */
	process_home_fini(&h->base);
	free(h);
}

static int furnish(struct own_home *h)
{
	const struct weft_process_pool_opts o = {.size = sizeof o, .start = h->base.start};
	int fd = plan_create(&h->base.plan, &o);

	if (fd < 0)
		return fd;
	h->base.plan->own = true;
	process_file_set(&h->base.plan_fd, fd);
	/* Where they cannot be had, it is weft_region_new that says so. */
	h->base.has_space = !weft__space_ref();
	return process_home_open(&h->base);
}

/* Under the lock. */
static void enter(struct own_home *h, weft_process *p)
{
	p->home = h;
	p->epoch = ++own.epochs;
	list_append(&h->processes, &p->node);
}

static int open_bell(struct own_home *h)
{
	int err;

	weft__lock(&own.lock);
	err = own_watch();
	own.makers += !err;
	h->base.bell = own.bell;
	weft__unlock(&own.lock);
	return err;
}

static int make(enum weft_start start, weft_process *p)
{
	struct own_home *h = calloc(1, sizeof *h);
	int err;

	if (!h)
		return -ENOMEM;
	process_home_init(&h->base, start);
	err = open_bell(h);
	if (err) {
		free(h);
		return err;
	}
	err = furnish(h);
	weft__lock(&own.lock);
	if (!err) {
		enter(h, p);
		list_append(&own.homes, &h->node);
	}
	own.makers--;
	own_ring();
	weft__unlock(&own.lock);
	if (err)
		own_close(h);
	return err;
}

/* Who has entered is at once as good as out again, with an answer, if the nursery dies: so what says that it has
 * been in is not p->home. */
static bool find(enum weft_start start, weft_process *p)
{
	bool found = false;

	weft__lock(&own.lock);
	for (struct list_node *n = own.homes; n && !found; n = list_after(own.homes, n)) {
		struct own_home *h = list_entry(n, struct own_home, node);

		found = h->base.start == start && !process_files_lost(&h->base);
		if (found)
			enter(h, p);
	}
	weft__unlock(&own.lock);
	return found;
}

int own_home_enter(weft_process *p, enum weft_start start)
{
	int err = 0;

	if (start == WEFT_START_FORK)
		return make(start, p);
	if (find(start, p))
		return 0;
	weft__lock(&own.making);
	if (!find(start, p))
		err = make(start, p);
	weft__unlock(&own.making);
	return err;
}

void own_home_leave(weft_process *p)
{
	weft__lock(&own.lock);
	if (p->home)
		own_take_out(p);
	own_ring();
	weft__unlock(&own.lock);
}

int own_spawn(weft_process *p, int memfd)
{
	struct nursery_msg m = {.kind = NURSERY_SPAWN, .epoch = p->epoch};
	int sock;

	weft__lock(&own.lock);
	sock = p->home ? process_file_get(&p->home->base.sock) : -1;
	if (sock >= 0)
		nursery_send(sock, &m, &memfd, 1); /* if it fails, the watcher finds the end, too */
	weft__unlock(&own.lock);
	/* P1 acquire: pairs with the watcher's store. */
	while (atom_load(&p->started, acquire) == NOT_STARTED)
		weft__wait(&p->started, NOT_STARTED, WEFT_FOREVER, WEFT__PRIVATE);
	return p->error;
}
