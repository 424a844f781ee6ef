/* SPDX-License-Identifier: MIT
 *
 * io_wait.c -- a task on a thread waits for a descriptor. It sleeps on a parker that also knows the descriptor
 * (ready.c), where a canceller and a stop find it as in any other wait (call.c). And it is in a table, by
 * descriptor, where weft_close finds it: poll(2) does not notice that its descriptor is closed.
 *
 * The locks of the table are leaves, but for the bell that is rung under one.
 */
#include "io_wait.h"
#include "fiber.h"
#include "ready.h"
#include "state.h"

#include <errno.h>
#include <string.h>

enum { BUCKETS = 64 };

/* On the stack of who waits. */
struct waiting {
	struct list_node node;
	struct weft__parker *parker;
	int fd;
	bool closed;
};

static struct bucket {
	_Alignas(64) struct weft__lock lock;
	struct list_node *waiting;
	struct weft__lock accepting;
} buckets[BUCKETS];

static struct {
	struct weft__lock lock;
	struct list_node *list;
	atom_u32 n;
} closers;

static struct bucket *bucket_of(int fd)
{
	return &buckets[(unsigned)fd % BUCKETS];
}

static void enter(struct waiting *w)
{
	struct bucket *b = bucket_of(w->fd);

	weft__lock(&b->lock);
	list_append(&b->waiting, &w->node);
	weft__unlock(&b->lock);
}

static bool leave(struct waiting *w)
{
	struct bucket *b = bucket_of(w->fd);

	weft__lock(&b->lock);
	if (!w->closed)
		list_remove(&b->waiting, &w->node);
	weft__unlock(&b->lock);
	return w->closed;
}

void weft__closer_add(struct weft__closer *c)
{
	weft__lock(&closers.lock);
	list_append(&closers.list, &c->node);
	/* Relaxed: nobody waits there yet. */
	atom_add(&closers.n, 1, relaxed);
	weft__unlock(&closers.lock);
}

void weft__closer_remove(struct weft__closer *c)
{
	weft__lock(&closers.lock);
	list_remove(&closers.list, &c->node);
	atom_sub(&closers.n, 1, relaxed);
	weft__unlock(&closers.lock);
}

static void tell_closers(int fd)
{
	/* Relaxed: who waits, and is known to the caller, was added before. */
	if (!atom_load(&closers.n, relaxed))
		return;
	weft__lock(&closers.lock);
	for (struct list_node *n = closers.list; n; n = list_after(closers.list, n)) {
		struct weft__closer *c = list_entry(n, struct weft__closer, node);

		c->closing(c, fd);
	}
	weft__unlock(&closers.lock);
}

void weft__io_closing(int fd)
{
	struct bucket *b = bucket_of(fd);

	weft__lock(&b->lock);
	for (struct list_node *n = b->waiting, *next; n; n = next) {
		struct waiting *w = list_entry(n, struct waiting, node);

		next = list_after(b->waiting, n);
		if (w->fd != fd)
			continue;
		list_remove(&b->waiting, n);
		w->closed = true;
		weft__unpark(w->parker);
	}
	weft__unlock(&b->lock);
	tell_closers(fd);
}

int weft__io_await(struct pollfd ready, weft_time deadline)
{
	struct weft__parker parker;
	struct weft__ready r;
	struct waiting w = {.parker = &parker, .fd = ready.fd};
	const weft_call *call = weft__current;
	int err;

	weft__release_pending();
	weft__ready_init(&r, &parker, ready.fd, ready.events, !call || call->remote_cancel);
	enter(&w);
	err = weft__sleep(&parker, deadline, true);
	if (leave(&w))
		err = -EBADF;
	weft__ready_fini(&r);
	return err == -ECANCELED && !weft__asked(call) ? -ETIMEDOUT : err;
}

bool weft__io_accept_begin(int fd)
{
	return weft__trylock(&bucket_of(fd)->accepting);
}

void weft__io_accept_end(int fd)
{
	weft__unlock(&bucket_of(fd)->accepting);
}

void weft__io_waits_reset(void)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		buckets[i] = (struct bucket){.waiting = NULL};
	memset(&closers, 0, sizeof closers);
}
