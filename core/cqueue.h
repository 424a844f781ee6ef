/* SPDX-License-Identifier: MIT
 *
 * cqueue.h -- the completion queue, for the parts of the library that bring their own items.
 */
#ifndef WEFT_CORE_CQUEUE_H
#define WEFT_CORE_CQUEUE_H

#include "state.h"
#include <weft/cq.h>

struct weft__cq_item {
	struct weft__link link;
	struct list_node node; /* in watched or ready */
	weft_cq *q;
	weft_future *f;
	void *tag;
	bool heap; /* made by weft_cq_watch; of any other the owner attends to f: state.h */
};

struct weft_cq {
	struct weft__lock lock;
	uint32_t generation;
	int fd; /* eventfd, readable while ready is not empty; -1: none */
	struct list_node *watched, *ready;
	struct weft__waitq waiters;
};

void weft__cq_watch(weft_cq *q, struct weft__cq_item *item, weft_future *f, void *tag);
bool weft__cq_is_ready(weft_cq *q); /* a hint */
int weft__cq_next(weft_cq *q, weft_time deadline, bool interruptible, struct weft__cq_item **ret);

#endif
