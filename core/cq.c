/* SPDX-License-Identifier: MIT
 *
 * cq.c -- completion queue. An item is watched, then ready, then taken. It moves from watched to ready
 * when its link fires, which happens under the stripe lock of its future and takes the queue's lock: so
 * the queue never takes a stripe lock while it holds its own.
 *
 * The firing side lets go of the queue's lock as its last act on the queue; who takes an item takes that
 * lock after it, and may then free item and queue.
 */
#include "cqueue.h"
#include "forked.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How many watched futures a waiting task tries to run before it sleeps. */
enum { TAKE_TRIES = 64 };

int weft_cq_new(weft_cq **ret)
{
	weft_cq *q;

	if (!ret)
		return -EINVAL;
	q = calloc(1, sizeof *q);
	if (!q)
		return -ENOMEM;
	q->generation = weft__generation();
	q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->fd < 0) {
		free(q);
		return -errno;
	}
	*ret = q;
	return 0;
}

int weft_cq_fd(const weft_cq *q)
{
	return q ? q->fd : -EINVAL;
}

static void signal_fd(const weft_cq *q)
{
	uint64_t one = 1;
	ssize_t n = q->fd < 0 ? 0 : write(q->fd, &one, sizeof one);

	(void)n; /* the counter goes to 1 and no further: it cannot overflow */
}

static void clear_fd(const weft_cq *q)
{
	uint64_t old;
	ssize_t n = q->fd < 0 ? 0 : read(q->fd, &old, sizeof old);

	(void)n;
}

static void make_ready(struct weft__cq_item *item)
{
	weft_cq *q = item->q;

	weft__lock(&q->lock);
	list_remove(&q->watched, &item->node);
	if (!q->ready)
		signal_fd(q);
	list_append(&q->ready, &item->node);
	weft__waitq_wake(&q->waiters, 1);
	weft__unlock(&q->lock);
}

static bool fire_item(struct weft__link *link)
{
	make_ready(list_entry(link, struct weft__cq_item, link));
	return true;
}

void weft__cq_watch(weft_cq *q, struct weft__cq_item *item, weft_future *f, void *tag)
{
	item->link.fire = fire_item;
	item->link.node.next = NULL;
	item->q = q;
	item->f = weft_future_ref(f);
	item->tag = tag;
	weft__lock(&q->lock);
	list_append(&q->watched, &item->node);
	weft__unlock(&q->lock);
	if (item->heap ? weft__link_add(f, &item->link, NULL) : weft__link_add_lazily(f, &item->link))
		make_ready(item);
}

int weft_cq_watch(weft_cq *q, weft_future *f, void *tag)
{
	struct weft__cq_item *item;
	uint32_t phase = f ? weft__phase(f) : PHASE_IDLE;

	if (!q || phase == PHASE_IDLE)
		return -EINVAL;
	if (weft__forked(q->generation) || (phase != PHASE_DONE && weft__forked(f->generation)))
		return -ECHILD;
	item = calloc(1, sizeof *item);
	if (!item)
		return -ENOMEM;
	item->heap = true;
	weft__cq_watch(q, item, f, tag);
	return 0;
}

static struct weft__cq_item *pop_ready(weft_cq *q)
{
	struct list_node *n;

	weft__lock(&q->lock);
	n = list_pop(&q->ready);
	if (n && !q->ready)
		clear_fd(q);
	weft__unlock(&q->lock);
	return n ? list_entry(n, struct weft__cq_item, node) : NULL;
}

bool weft__cq_is_ready(weft_cq *q)
{
	bool ready;

	weft__lock(&q->lock);
	ready = q->ready;
	weft__unlock(&q->lock);
	return ready;
}

/* A watched future that the calling task may run here, started. It is valid, since it has not been taken
 * from the queue. */
static weft_future *take_watched(weft_cq *q)
{
	weft_future *taken = NULL;
	int tries = 0;

	if (!weft__current)
		return NULL;
	weft__lock(&q->lock);
	for (struct list_node *n = q->watched; n && !taken && tries < TAKE_TRIES; tries++) {
		weft_future *f = list_entry(n, struct weft__cq_item, node)->f;

		if (weft__take(f))
			taken = f;
		n = list_after(q->watched, n);
	}
	weft__unlock(&q->lock);
	return taken;
}

int weft__cq_next(weft_cq *q, weft_time deadline, bool interruptible, struct weft__cq_item **ret)
{
	struct weft__parker parker = {0};
	struct weft__waiter waiter = {.parker = &parker};
	weft_future *f;
	int err = 0;

	weft__release_pending();
	while (!(*ret = pop_ready(q)) && !err) {
		if (interruptible && weft_call_cancelled(weft__current)) {
			err = -ECANCELED;
		} else if (deadline != WEFT_FOREVER && weft_now() >= deadline) {
			err = -ETIMEDOUT;
		} else if ((f = take_watched(q))) {
			weft_impl_run(weft__task(f));
		} else {
			weft__waitq_enter(&q->waiters, &waiter);
			*ret = pop_ready(q);
			if (!*ret)
				err = weft__sleep(&parker, deadline, interruptible);
			if (weft__waitq_leave(&q->waiters, &waiter) && *ret)
				weft__waitq_wake(&q->waiters, 1); /* woken for an item that is another's */
			if (*ret)
				return 0;
		}
	}
	if (!*ret)
		*ret = pop_ready(q); /* what came with the deadline is not left behind */
	return *ret ? 0 : err;
}

int weft_cq_next(weft_cq *q, weft_future **ret, void **ret_tag, weft_time deadline)
{
	struct weft__cq_item *item;
	int err;

	if (!q)
		return -EINVAL;
	if (weft__forked(q->generation))
		return -ECHILD;
	err = weft__cq_next(q, deadline, true, &item);
	if (err)
		return err;
	weft__probe_got(weft__task(item->f));
	if (ret)
		*ret = item->f;
	if (ret_tag)
		*ret_tag = item->tag;
	weft_future_unref(item->f);
	free(item);
	return 0;
}

static void free_items(struct list_node **list)
{
	for (struct list_node *n; (n = list_pop(list));) {
		weft_future_unref(list_entry(n, struct weft__cq_item, node)->f);
		free(list_entry(n, struct weft__cq_item, node));
	}
}

void weft_cq_free(weft_cq *q)
{
	bool forked;

	if (!q)
		return;
	forked = weft__forked(q->generation);
	/* In a fork the locks may be held for ever, and the futures' links are the parent's: only forget. */
	while (!forked) {
		struct weft__cq_item *item;

		weft__lock(&q->lock);
		item = q->watched ? list_entry(q->watched, struct weft__cq_item, node) : NULL;
		weft__unlock(&q->lock);
		if (!item)
			break;
		/* Either we take the link out, or it fires first and moves the item to ready. */
		if (weft__link_remove(item->f, &item->link))
			make_ready(item);
	}
	if (!forked)
		free_items(&q->ready);
	close(q->fd);
	free(q);
}
