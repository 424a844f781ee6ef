/* SPDX-License-Identifier: MIT
 *
 * model_chaselev.c -- a specimen: the work-stealing deque as published by Le, Pop, Cohen and Zappa Nardelli
 * ("Correct and efficient work-stealing for weak memory models", PPoPP 2013), and its two known bugs, which
 * the checker must find. weft's own deque is another one: model_deque.c.
 *
 *   size_t indices     take() of an empty deque makes bottom -1, which is then more than top
 *   relaxed publish    the array that resize() makes is published without release: a thief may read a slot of
 *                      it that he does not see filled yet
 */
#include "atomic.h"
#include "model.h"

#include <string.h>

enum { FIRST_SIZE = 2, ITEMS = 3, EMPTY = 0, ABORT = -1, ARRAYS = 3 };

struct array {
	atom_u64 size;
	atom_u64 slot[4 * FIRST_SIZE];
};

static struct {
	atom_u64 top, bottom;
	atom_ptr array;
} q;
static struct array arrays[ARRAYS];
static unsigned n_arrays;
static bool unsigned_indices, relaxed_publish;
static unsigned taken[ITEMS + 1]; /* by the owner */
static unsigned stolen[2][ITEMS + 1];

static bool less(uint64_t a, uint64_t b)
{
	return unsigned_indices ? a < b : (int64_t)(a - b) < 0;
}

static struct array *new_array(uint64_t size)
{
	struct array *a = &arrays[n_arrays++];

	model_assert(n_arrays <= ARRAYS);
	memset(a, 0xa5, sizeof *a);
	atom_store(&a->size, size, relaxed);
	return a;
}

static atom_u64 *slot(struct array *a, uint64_t i)
{
	return &a->slot[i % atom_load(&a->size, relaxed)];
}

static void resize(struct array *old, uint64_t top, uint64_t bottom)
{
	struct array *a = new_array(2 * atom_load(&old->size, relaxed));

	for (uint64_t i = top; i != bottom; i++)
		atom_store(slot(a, i), atom_load(slot(old, i), relaxed), relaxed);
	if (relaxed_publish)
		atom_store(&q.array, a, relaxed);
	else
		atom_store(&q.array, a, release);
}

static void push(uint64_t x)
{
	uint64_t b = atom_load(&q.bottom, relaxed), t = atom_load(&q.top, acquire);
	struct array *a = atom_load(&q.array, relaxed);

	if (b - t > atom_load(&a->size, relaxed) - 1) {
		resize(a, t, b);
		a = atom_load(&q.array, relaxed);
	}
	atom_store(slot(a, b), x, relaxed);
	atom_fence(release);
	atom_store(&q.bottom, b + 1, relaxed);
}

static int64_t take(void)
{
	uint64_t b = atom_load(&q.bottom, relaxed) - 1, t;
	struct array *a = atom_load(&q.array, relaxed);
	int64_t x = EMPTY;

	atom_store(&q.bottom, b, relaxed);
	atom_fence(seq_cst);
	t = atom_load(&q.top, relaxed);
	if (!less(b, t)) {
		x = (int64_t)atom_load(slot(a, b), relaxed);
		if (t != b)
			return x;
		if (!atom_cas(&q.top, &t, t + 1, seq_cst, relaxed))
			x = EMPTY;
	}
	atom_store(&q.bottom, b + 1, relaxed);
	return x;
}

static int64_t steal(void)
{
	uint64_t t = atom_load(&q.top, acquire), b;
	struct array *a;
	int64_t x;

	atom_fence(seq_cst);
	b = atom_load(&q.bottom, acquire);
	if (!less(t, b))
		return EMPTY;
	a = atom_load(&q.array, acquire); /* consume, in the paper */
	x = (int64_t)atom_load(slot(a, t), relaxed);
	return atom_cas(&q.top, &t, t + 1, seq_cst, relaxed) ? x : ABORT;
}

static void got(unsigned count[], int64_t x)
{
	if (x == EMPTY || x == ABORT)
		return;
	model_assert(x >= 1 && x <= ITEMS);
	count[x]++;
}

static void owner(void *arg)
{
	unsigned pushes = *(unsigned *)arg;

	got(taken, take());
	for (unsigned i = 1; i <= pushes; i++)
		push(i);
	got(taken, take());
	got(taken, take());
}

static void thief(void *arg)
{
	got(arg, steal());
}

/* Each item goes to one of them at most, and none is made up. */
static void deque(uint64_t start, unsigned pushes, unsigned thieves)
{
	static unsigned n;

	n = pushes;
	q.top = q.bottom = start;
	n_arrays = 0;
	q.array = new_array(FIRST_SIZE);
	for (unsigned i = 0; i <= ITEMS; i++)
		taken[i] = stolen[0][i] = stolen[1][i] = 0;
	model_name(&q.top, "top");
	model_name(&q.bottom, "bottom");
	model_name(&q.array, "array");
	model_thread("owner", owner, &n);
	for (unsigned i = 0; i < thieves; i++)
		model_thread(i ? "thief 2" : "thief", thief, stolen[i]);
	model_run();
	for (unsigned i = 1; i <= ITEMS; i++)
		model_assert(taken[i] + stolen[0][i] + stolen[1][i] <= 1);
}

MODEL(chaselev_repaired)
{
	unsigned_indices = relaxed_publish = false;
	deque(0, 2, 2);
}

/* The indices pass the largest number that is not negative. */
MODEL(chaselev_wrap)
{
	unsigned_indices = relaxed_publish = false;
	deque(INT64_MAX - 1, 2, 1);
}

/* Two places, three items: the array grows while a thief looks at it. */
MODEL(chaselev_grows)
{
	unsigned_indices = relaxed_publish = false;
	deque(0, 3, 1);
}

MODEL_FAILS(chaselev_size_t, MODEL_ASSERTION)
{
	unsigned_indices = true;
	relaxed_publish = false;
	deque(0, 2, 1);
}

MODEL_FAILS(chaselev_array_without_release, MODEL_ASSERTION)
{
	unsigned_indices = false;
	relaxed_publish = true;
	deque(0, 3, 1);
}
