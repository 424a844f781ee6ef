/* SPDX-License-Identifier: MIT
 *
 * test_list.c -- the ring of nodes: ends, middles, the only one; and a long random walk beside an array
 * that does the same slowly.
 */
#include "harness.h"

#include <string.h>

#include "list.h"

enum { NODES = 24, STEPS = 100000 };

struct item {
	int before;
	struct list_node node;
	int after;
};

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Is the list exactly want[0..n), forwards and backwards? */
static bool is(struct list_node *head, struct list_node *const want[], size_t n)
{
	struct list_node *node = head;
	for (size_t i = 0; i < n; i++) {
		if (node != want[i] || !list_linked(node))
			return false;
		if (node->prev != want[(i + n - 1) % n] || node->next != want[(i + 1) % n])
			return false;
		node = list_after(head, node);
	}
	return !node;
}

TEST(empty)
{
	struct list_node *head = NULL;
	CHECK(!list_pop(&head));
	CHECK(!head);
}

TEST(entry_is_the_structure)
{
	struct item item = {1, {NULL, NULL}, 2};
	CHECK(list_entry(&item.node, struct item, node) == &item);
}

TEST(one)
{
	struct list_node *head = NULL, a = {0};
	CHECK(!list_linked(&a));
	list_append(&head, &a);
	CHECK(is(head, (struct list_node *[]){&a}, 1));
	list_remove(&head, &a);
	CHECK(!head && !list_linked(&a));
	list_append(&head, &a);
	CHECK(list_pop(&head) == &a);
	CHECK(!head && !list_linked(&a));
}

TEST(pops_in_order)
{
	struct list_node *head = NULL, a, b, c;
	list_append(&head, &a);
	list_append(&head, &b);
	list_append(&head, &c);
	CHECK(is(head, (struct list_node *[]){&a, &b, &c}, 3));
	CHECK(list_pop(&head) == &a);
	list_append(&head, &a);
	CHECK(is(head, (struct list_node *[]){&b, &c, &a}, 3));
	CHECK(list_pop(&head) == &b && list_pop(&head) == &c && list_pop(&head) == &a && !head);
}

TEST(removes_first_middle_last)
{
	struct list_node *head = NULL, n[5];
	for (int i = 0; i < 5; i++)
		list_append(&head, &n[i]);
	list_remove(&head, &n[2]);
	CHECK(is(head, (struct list_node *[]){&n[0], &n[1], &n[3], &n[4]}, 4));
	list_remove(&head, &n[0]);
	CHECK(is(head, (struct list_node *[]){&n[1], &n[3], &n[4]}, 3));
	list_remove(&head, &n[4]);
	CHECK(is(head, (struct list_node *[]){&n[1], &n[3]}, 2));
	CHECK(!list_linked(&n[0]) && !list_linked(&n[2]) && !list_linked(&n[4]));
}

TEST(random_walk)
{
	struct list_node *head = NULL, node[NODES] = {{0}}, *model[NODES];
	size_t n = 0;
	uint32_t random = 1;
	for (int step = 0; step < STEPS; step++) {
		struct list_node *pick = &node[next_random(&random) % NODES];
		size_t at = 0;
		while (at < n && model[at] != pick)
			at++;
		if (!list_linked(pick)) {
			REQUIRE_EQ(at, n);
			list_append(&head, pick);
			model[n++] = pick;
			continue;
		}
		REQUIRE(at < n);
		if (next_random(&random) % 4 == 0) {
			at = 0;
			REQUIRE(list_pop(&head) == model[0]);
		} else {
			list_remove(&head, pick);
		}
		memmove(&model[at], &model[at + 1], (--n - at) * sizeof *model);
		REQUIRE(is(head, model, n));
	}
}
