/* SPDX-License-Identifier: MIT
 *
 * taskq.c -- a ladder of lists: one level per priority that is present, each a ring of tasks in order of
 * arrival. The first task of a level carries the level's links to the next higher and lower one; when it
 * leaves, its successor inherits them.
 *
 * Push costs one step per level above the task's own, pop and remove are O(1).
 */
#include "taskq.h"

#include <errno.h>

static struct weft__live *live(weft_task *t)
{
	return &weft__future(t)->live;
}

static weft_task *task_of(struct list_node *n)
{
	return weft__task(list_entry(n, weft_future, live.queue));
}

/* Puts t where old stood on the ladder; either may be NULL: a new level between up and down, or none. */
static void set_level(struct weft__taskq *q, weft_task *up, weft_task *t, weft_task *down)
{
	weft_task *below_up = t ? t : down, *above_down = t ? t : up;

	if (up)
		live(up)->level_down = below_up;
	else
		q->top = below_up;
	if (down)
		live(down)->level_up = above_down;
	if (t) {
		live(t)->level_up = up;
		live(t)->level_down = down;
	}
}

/* Finds t's level; if there is none yet, makes t one. */
static weft_task *find_level(struct weft__taskq *q, weft_task *t)
{
	weft_task *up = NULL, *level = q->top;

	while (level && level->priority > t->priority) {
		up = level;
		level = live(level)->level_down;
	}
	if (level && level->priority == t->priority)
		return level;
	set_level(q, up, t, level);
	return NULL;
}

void weft__taskq_push(struct weft__taskq *q, weft_task *t)
{
	weft_task *level;
	struct list_node *ring;

	live(t)->level_up = live(t)->level_down = NULL;
	level = find_level(q, t);
	ring = level ? &live(level)->queue : NULL;
	list_append(&ring, &live(t)->queue);
	q->n++;
}

void weft__taskq_push_front(struct weft__taskq *q, weft_task *t)
{
	weft_task *level;
	struct list_node *ring;

	live(t)->level_up = live(t)->level_down = NULL;
	level = find_level(q, t);
	ring = level ? &live(level)->queue : NULL;
	/* In a ring, before the first is behind the last; only who is called first differs. */
	list_append(&ring, &live(t)->queue);
	q->n++;
	if (!level)
		return;
	set_level(q, live(level)->level_up, t, live(level)->level_down);
	live(level)->level_up = live(level)->level_down = NULL;
}

void weft__taskq_remove(struct weft__taskq *q, weft_task *t)
{
	struct list_node *ring = &live(t)->queue;
	weft_task *up = live(t)->level_up, *down = live(t)->level_down;
	bool first = up || down || q->top == t;

	list_remove(&ring, &live(t)->queue);
	if (first)
		set_level(q, up, ring ? task_of(ring) : NULL, down);
	live(t)->level_up = live(t)->level_down = NULL;
	q->n--;
}

/* The task behind t, which stands in the level that begins with first. */
static weft_task *after(weft_task *first, weft_task *t)
{
	struct list_node *n = list_after(&live(first)->queue, &live(t)->queue);

	return n ? task_of(n) : live(first)->level_down;
}

weft_task *weft__taskq_start(struct weft__taskq *q)
{
	weft_task *first = q->top, *t = first;

	while (t && !weft_impl_start(t)) {
		t = after(first, t);
		if (t && t->priority != first->priority)
			first = t;
	}
	if (t)
		weft__taskq_remove(q, t);
	return t;
}

struct list_node *weft__taskq_drop(struct weft__taskq *q)
{
	struct list_node *dropped = NULL;
	weft_task *first = q->top, *t = first, *next;

	for (; t; t = next) {
		next = after(first, t);
		if (weft_impl_drop(t)) {
			weft_task *heir = next && next->priority == t->priority ? next : NULL;

			if (first == t && heir)
				first = heir;
			weft__taskq_remove(q, t);
			list_append(&dropped, &live(t)->queue);
		}
		if (next && next->priority != first->priority)
			first = next;
	}
	return dropped;
}

void weft__taskq_finish_dropped(struct list_node *dropped)
{
	for (struct list_node *n; (n = list_pop(&dropped));)
		weft_impl_finish(task_of(n), -ECANCELED, NULL);
}
