/* SPDX-License-Identifier: MIT
 *
 * test_taskq.c -- the queue of tasks: high priorities first, first come first served among equals, and
 * what a canceller has claimed stays for him. A long random walk beside a sorted array proves the rest.
 */
#include "harness.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "taskq.h"

enum { TASKS = 40, STEPS = 100000 };

/* The queue, and an array in the order in which it has to be. */
struct bench {
	struct weft__taskq q;
	weft_task task[TASKS];
	weft_task *model[TASKS];
	size_t n;
};

static int no_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

/* As an executor accepts a task. */
static void queue(weft_task *t, int32_t priority)
{
	struct weft_offer offer = {.tasks = t, .n = 1, .opaque_ = {weft_inline()}};
	t->fn = no_fn;
	t->priority = priority;
	REQUIRE_EQ(weft__load_enter(weft_inline(), 1), 0);
	REQUIRE_EQ(weft__accept(&offer, 0, PHASE_QUEUED), 0);
}

static void claim(weft_task *t)
{
	REQUIRE(weft__claim(weft__future(t), PHASE_QUEUED, PHASE_CLAIMED));
}

static bool is_claimed(const weft_task *t)
{
	return weft__phase((const weft_future *)(const void *)t->opaque_) == PHASE_CLAIMED;
}

static void model_insert(struct bench *b, size_t at, weft_task *t)
{
	memmove(&b->model[at + 1], &b->model[at], (b->n++ - at) * sizeof *b->model);
	b->model[at] = t;
}

static void model_remove(struct bench *b, const weft_task *t)
{
	size_t at = 0;
	while (b->model[at] != t)
		REQUIRE(++at < b->n);
	memmove(&b->model[at], &b->model[at + 1], (--b->n - at) * sizeof *b->model);
}

static void push(struct bench *b, unsigned i, int32_t priority)
{
	size_t at = 0;
	queue(&b->task[i], priority);
	weft__taskq_push(&b->q, &b->task[i]);
	while (at < b->n && b->model[at]->priority >= priority)
		at++;
	model_insert(b, at, &b->task[i]);
}

static void push_front(struct bench *b, unsigned i, int32_t priority)
{
	size_t at = 0;
	queue(&b->task[i], priority);
	weft__taskq_push_front(&b->q, &b->task[i]);
	while (at < b->n && b->model[at]->priority > priority)
		at++;
	model_insert(b, at, &b->task[i]);
}

/* As a canceller does. */
static void cancel(struct bench *b, weft_task *t)
{
	if (!is_claimed(t))
		claim(t);
	weft__taskq_remove(&b->q, t);
	model_remove(b, t);
	weft_impl_finish(t, -ECANCELED, NULL);
}

/* Starts one, and sees that it is the right one. False: there is none. */
static bool start(struct bench *b)
{
	weft_task *want = NULL, *t = weft__taskq_start(&b->q);
	for (size_t i = 0; i < b->n && !want; i++)
		want = is_claimed(b->model[i]) ? NULL : b->model[i];
	REQUIRE(t == want);
	REQUIRE_EQ(b->q.n, b->n - (t != NULL));
	if (!t)
		return false;
	REQUIRE_EQ(weft__phase(weft__future(t)), PHASE_RUNNING);
	model_remove(b, t);
	weft_impl_finish(t, 0, NULL);
	return true;
}

/* Drops all, in order, but for those that are claimed. */
static void drop(struct bench *b)
{
	struct list_node *dropped = weft__taskq_drop(&b->q), *node = dropped;
	weft_task *gone[TASKS];
	size_t n = 0;
	for (size_t i = 0; i < b->n;) {
		weft_task *t = b->model[i];
		bool mine = node && list_entry(node, weft_future, live.queue) == weft__future(t);
		if (!mine) {
			REQUIRE(is_claimed(t));
			i++;
			continue;
		}
		node = list_after(dropped, node);
		gone[n++] = t;
		model_remove(b, t);
	}
	REQUIRE(!node);
	REQUIRE_EQ(b->q.n, b->n);
	weft__taskq_finish_dropped(dropped);
	for (size_t i = 0; i < n; i++)
		REQUIRE_EQ(weft_future_status(weft__future(gone[i])), -ECANCELED);
}

static void finish_all(struct bench *b)
{
	while (start(b))
		;
	while (b->n)
		cancel(b, b->model[0]);
	CHECK(!b->q.top);
	CHECK_EQ(b->q.n, 0);
}

TEST(empty)
{
	struct weft__taskq q = {0};
	CHECK(!weft__taskq_start(&q));
	CHECK(!weft__taskq_drop(&q));
	weft__taskq_finish_dropped(NULL);
}

TEST(first_come_first_served)
{
	struct bench b = {.n = 0};
	for (unsigned i = 0; i < 8; i++)
		push(&b, i, 0);
	for (unsigned i = 0; i < 8; i++) {
		CHECK(b.q.top == &b.task[i]);
		CHECK(start(&b));
	}
	CHECK(!start(&b));
}

TEST(high_priorities_first)
{
	static const int32_t priority[] = {0, INT32_MIN, 7, INT32_MAX, -1, 7, 0, INT32_MAX, INT32_MIN, 1};
	static const unsigned order[] = {3, 7, 2, 5, 9, 0, 6, 4, 1, 8};
	struct bench b = {.n = 0};
	for (unsigned i = 0; i < 10; i++)
		push(&b, i, priority[i]);
	for (unsigned i = 0; i < 10; i++) {
		weft_task *t = weft__taskq_start(&b.q);
		CHECK(t == &b.task[order[i]]);
		weft_impl_finish(t, 0, NULL);
	}
	CHECK(!b.q.top);
}

TEST(push_front_goes_before_equals)
{
	struct bench b = {.n = 0};
	push(&b, 0, 1);
	push(&b, 1, 0);
	push(&b, 2, 0);
	push(&b, 3, -1);
	push_front(&b, 4, 0);
	push_front(&b, 5, 0);
	push_front(&b, 6, 9); /* a level of its own, on top */
	push_front(&b, 7, -9);
	static const unsigned order[] = {6, 0, 5, 4, 1, 2, 3, 7};
	for (unsigned i = 0; i < 8; i++)
		CHECK(b.model[i] == &b.task[order[i]]);
	finish_all(&b);
}

/* Three levels of three; each of the nine is removed from a queue of its own. */
TEST(removal_anywhere)
{
	for (unsigned gone = 0; gone < 9; gone++) {
		struct bench b = {.n = 0};
		for (unsigned i = 0; i < 9; i++)
			push(&b, i, (int32_t)(i / 3));
		cancel(&b, &b.task[gone]);
		push(&b, 9, 1);
		push_front(&b, 10, (int32_t)(gone / 3));
		finish_all(&b);
	}
}

/* Levels that consist of one. */
TEST(removal_of_whole_levels)
{
	for (unsigned gone = 0; gone < 3; gone++) {
		struct bench b = {.n = 0};
		for (unsigned i = 0; i < 3; i++)
			push(&b, i, (int32_t)i);
		cancel(&b, &b.task[gone]);
		push(&b, 3, 1);
		finish_all(&b);
	}
}

TEST(start_skips_claimed)
{
	struct bench b = {.n = 0};
	for (unsigned i = 0; i < 6; i++)
		push(&b, i, (int32_t)(2 - i / 2));
	claim(&b.task[0]);
	CHECK(start(&b)); /* 1 */
	claim(&b.task[2]);
	claim(&b.task[3]); /* a whole level */
	CHECK(start(&b));  /* 4 */
	claim(&b.task[5]);
	CHECK(!start(&b));
	CHECK_EQ(b.n, 4);
	finish_all(&b);
}

TEST(drop_leaves_claimed)
{
	for (unsigned claims = 0; claims < 64; claims++) {
		struct bench b = {.n = 0};
		for (unsigned i = 0; i < 6; i++)
			push(&b, i, (int32_t)(2 - i / 2));
		for (unsigned i = 0; i < 6; i++)
			if (claims >> i & 1)
				claim(&b.task[i]);
		drop(&b);
		for (unsigned i = 0; i < 6; i++)
			CHECK_EQ(is_claimed(&b.task[i]), claims >> i & 1);
		push(&b, 6, 1); /* what is left is a whole queue */
		finish_all(&b);
	}
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void random_step(struct bench *b, uint32_t *random)
{
	unsigned i = next_random(random) % TASKS;
	int32_t priority = (int32_t)(next_random(random) % 5) - 2;
	weft_task *t = &b->task[i];
	bool queued = weft__phase(weft__future(t)) == PHASE_QUEUED;
	switch (next_random(random) % 8) {
	case 0:
		start(b);
		break;
	case 1:
		if (queued)
			claim(t);
		break;
	case 2:
		if (queued || is_claimed(t))
			cancel(b, t);
		break;
	case 3:
		if (next_random(random) % 64 == 0)
			drop(b);
		break;
	case 4:
		if (!queued && !is_claimed(t))
			push_front(b, i, priority);
		break;
	default:
		if (!queued && !is_claimed(t))
			push(b, i, priority);
	}
}

TEST(random_walk)
{
	struct bench b = {.n = 0};
	uint32_t random = 20240229;
	for (int step = 0; step < STEPS; step++) {
		random_step(&b, &random);
		REQUIRE_EQ(b.q.n, b.n);
		REQUIRE(b.q.top == (b.n ? b.model[0] : NULL));
	}
	finish_all(&b);
}
