/* SPDX-License-Identifier: MIT
 *
 * joins.h -- the trees for a pool in which a task must not wait: each node counts its children, and the last
 * child that ends goes on for it. A pool that has a queue only is used like this. posted.h says what it takes.
 */
#include <stdlib.h>

#include "measure.h"

struct join {
	struct join *parent;
	join_count left;
	int64_t n, base, answer; /* base: < 0 for fib, which has no leaves to number */
	int n_children;
	struct join *children;
};

static void join_task(void *ctx);

/* Its answer is there: whoever is last goes on upwards. */
static void join_done(struct join *j)
{
	while (j->parent) {
		j = j->parent;
		if (!join_last(&j->left))
			return;
		j->answer = 0;
		for (int i = 0; i < j->n_children; i++)
			j->answer += j->children[i].answer;
		free(j->children);
	}
}

/* All children but the last one are tasks; it is called. */
static void join_fork(struct join *j, int n_children, bool call_last)
{
	struct join *below = (struct join *)calloc((size_t)n_children, sizeof *below);

	measure_must(below ? 0 : -1, "calloc");
	j->n_children = n_children;
	j->children = below;
	join_set(&j->left, n_children);
	for (int i = 0; i < n_children; i++) {
		below[i].parent = j;
		below[i].n = j->base < 0 ? j->n - 1 - i : j->n / n_children;
		below[i].base = j->base < 0 ? -1 : j->base + i * below[i].n;
	}
	/* j may be gone once all children are with the pool. */
	for (int i = 0; i < n_children - (call_last ? 1 : 0); i++)
		post(join_task, &below[i]);
	if (call_last)
		join_task(&below[n_children - 1]);
}

static void join_task(void *ctx)
{
	struct join *j = (struct join *)ctx;

	if (j->base < 0 && j->n >= 2) {
		join_fork(j, 2, true);
	} else if (j->base >= 0 && j->n > 1) {
		join_fork(j, 10, false);
	} else {
		j->answer = j->base < 0 ? j->n : j->base;
		join_done(j);
	}
}

/* The answer is there when no task is left. */
static void join_begin(struct join *root, int64_t n, int64_t base)
{
	root->parent = NULL;
	root->n = n;
	root->base = base;
	post(join_task, root);
}
