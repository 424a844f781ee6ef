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

/* p becomes one of h, and h is asked for it, in one step under the lock: who finds p in a home will have an answer for
 * it. 0 | -EPIPE: the nursery has gone | -ENOEXEC, -EAGAIN. Unless 0, p is as it was. */
static int enter(struct own_home *h, const struct own_start *s)
{
	weft_process *p = s->p;
	struct nursery_msg m = {.kind = NURSERY_SPAWN, .epoch = ++own.epochs};
	int err = plan_token(h->base.plan, s->fn, &p->task->fn), sock = process_file_get(&h->base.sock);

	if (err)
		return err;
	err = sock < 0 ? -EPIPE : nursery_send(sock, &m, &s->memfd, 1);
	if (err)
		return err == -EPIPE ? -EPIPE : -EAGAIN;
	p->epoch = m.epoch;
	list_append(&h->processes, &p->node);
	return 0;
}

static int open_bell(struct own_home *h)
{
	int err;

	weft__lock(&own.lock);
	err = own_watch();
	if (!err)
		list_append(&own.makings, &h->node);
	h->base.bell = own.bell;
	weft__unlock(&own.lock);
	return err;
}

static int make(const struct own_start *s)
{
	struct own_home *h = calloc(1, sizeof *h);
	int err;

	if (!h)
		return -ENOMEM;
	process_home_init(&h->base, s->start);
	err = open_bell(h);
	if (err) {
		free(h);
		return err;
	}
	err = furnish(h);
	weft__lock(&own.lock);
	list_remove(&own.makings, &h->node);
	if (!err)
		err = enter(h, s);
	if (!err)
		list_append(&own.homes, &h->node);
	own_ring();
	weft__unlock(&own.lock);
	if (err)
		own_close(h);
	return err;
}

/* As enter; -EPIPE: there is none. */
static int find(const struct own_start *s)
{
	int err = -EPIPE;

	weft__lock(&own.lock);
	for (struct list_node *n = own.homes; n && err == -EPIPE; n = list_after(own.homes, n)) {
		struct own_home *h = list_entry(n, struct own_home, node);

		if (h->base.start == s->start && !process_files_lost(&h->base))
			err = enter(h, s);
	}
	weft__unlock(&own.lock);
	return err;
}

static int find_or_make(const struct own_start *s)
{
	int err = find(s);

	if (err != -EPIPE)
		return err;
	weft__lock(&own.making);
	err = find(s);
	if (err == -EPIPE)
		err = make(s);
	weft__unlock(&own.making);
	return err;
}

int own_start(const struct own_start *s)
{
	weft_process *p = s->p;
	int err = s->start == WEFT_START_FORK ? make(s) : find_or_make(s);

	if (err)
		return err == -EPIPE ? -EIO : err;
	/* P1 acquire: pairs with the watcher's store. */
	while (atom_load(&p->started, acquire) == NOT_STARTED)
		weft__wait(&p->started, NOT_STARTED, WEFT_FOREVER, WEFT__PRIVATE);
	return p->error;
}
