/* SPDX-License-Identifier: MIT
 *
 * list.h -- doubly linked lists whose nodes lie inside other structures.
 *
 * A list is a pointer to its first node; the nodes form a ring, so the last one is head->prev. A node in
 * no list has next == NULL, which makes list_linked() a question one may ask, under the list's lock.
 */
#ifndef WEFT_CORE_LIST_H
#define WEFT_CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
	struct list_node *next, *prev;
};

#define list_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline bool list_linked(const struct list_node *n)
{
	return n->next != NULL;
}

static inline void list_append(struct list_node **head, struct list_node *n)
{
	if (!*head) {
		*head = n->next = n->prev = n;
		return;
	}
	n->next = *head;
	n->prev = (*head)->prev;
	n->prev->next = n->next->prev = n;
}

static inline void list_remove(struct list_node **head, struct list_node *n)
{
	if (n->next == n)
		*head = NULL;
	else if (*head == n)
		*head = n->next;
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->next = n->prev = NULL;
}

static inline struct list_node *list_pop(struct list_node **head)
{
	struct list_node *n = *head;

	if (n)
		list_remove(head, n);
	return n;
}

/* The node behind n, or NULL at the end of the ring. */
static inline struct list_node *list_after(struct list_node *head, struct list_node *n)
{
	return n->next == head ? NULL : n->next;
}

#endif
