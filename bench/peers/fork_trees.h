/* SPDX-License-Identifier: MIT
 *
 * fork_trees.h -- the trees of weft/spawn.h, for the library's functions and for the inline ones: who
 * includes this has defined SPAWN(c, fn, ctx), SYNC(c, fn, ctx) and TREE(name), which makes names.
 */
#include "measure.h"
#include "peer_weft.h"

struct fib {
	struct weft_child child;
	int n;
	int64_t answer;
};

static inline void fib(void *ctx)
{
	struct fib *f = ctx, a, b;

	if (f->n < 2) {
		f->answer = f->n;
		return;
	}
	a.n = f->n - 1;
	b.n = f->n - 2;
	SPAWN(&a.child, fib, &a);
	fib(&b);
	SYNC(&a.child, fib, &a);
	f->answer = a.answer + b.answer;
}

int64_t TREE(fib)(int n)
{
	struct fib f = {.n = n};

	bench_enter(fib, &f);
	return f.answer;
}

struct node {
	struct weft_child child;
	int64_t n, base, sum;
};

static inline void skynet(void *ctx)
{
	struct node *node = ctx, below[10];

	if (node->n == 1) {
		node->sum = node->base;
		return;
	}
	for (int i = 0; i < 10; i++) {
		below[i].n = node->n / 10;
		below[i].base = node->base + i * below[i].n;
		SPAWN(&below[i].child, skynet, &below[i]);
	}
	node->sum = 0;
	for (int i = 9; i >= 0; i--) {
		SYNC(&below[i].child, skynet, &below[i]);
		node->sum += below[i].sum;
	}
}

int64_t TREE(skynet)(int64_t leaves)
{
	struct node node = {.n = leaves};

	bench_enter(skynet, &node);
	return node.sum;
}

static void help_in(void *ctx)
{
	struct weft_child c;

	for (size_t n = *(size_t *)ctx; n > 0; n--) {
		SPAWN(&c, measure_nothing, NULL);
		SYNC(&c, measure_nothing, NULL);
	}
}

void TREE(help)(size_t n)
{
	bench_enter(help_in, &n);
}
