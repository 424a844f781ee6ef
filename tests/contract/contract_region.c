/* SPDX-License-Identifier: MIT
 *
 * contract_region.c -- regions: a pointer means the same in every task on every executor of this machine, with
 * nothing copied; whoever has taken a block, anybody may give it back.
 */
#include <errno.h>
#include <string.h>
#include <weft/weft.h>

#include "harness.h"

enum { MIB = 1 << 20, NODES = 1000, PARTS = 64 };

static weft_region *region(uint64_t limit)
{
	struct weft_region_opts o = {.size = sizeof o, .limit = limit};
	weft_region *r = NULL;

	REQUIRE_EQ(weft_region_new(&r, &o), 0);
	return r;
}

static struct weft_region_usage usage(const weft_region *r)
{
	struct weft_region_usage u;

	REQUIRE_EQ(weft_region_stats(r, &u), 0);
	return u;
}

static void run(weft_executor *ex, weft_task *t, int status)
{
	REQUIRE_EQ(weft_submit(ex, t), 0);
	test_wait(weft_task_future(t));
	CHECK_EQ(weft_future_status(weft_task_future(t)), status);
}

/* ---- A list that the program builds and a task changes ---- */

struct node {
	struct node *next;
	uint64_t value;
};

struct list {
	weft_region *r;
	struct node *head;
};

static int push(struct list *l, uint64_t value)
{
	struct node *n;
	int err = weft_region_alloc(l->r, sizeof *n, (void **)&n);

	if (err)
		return err;
	*n = (struct node){l->head, value};
	l->head = n;
	return 0;
}

/* Doubles what is even, takes out what is odd, and puts one in. The argument is a pointer to the list. */
static int change_fn(weft_call *call, const void *arg, void *result)
{
	struct list *l;
	int err = 0;

	(void)call, (void)result;
	memcpy(&l, arg, sizeof l);
	for (struct node **at = &l->head; *at && !err;) {
		struct node *n = *at;

		if (n->value % 2 == 0) {
			n->value *= 2;
			at = &n->next;
			continue;
		}
		*at = n->next;
		err = weft_region_dealloc(l->r, n);
	}
	return err ? err : push(l, 7);
}

/* Regions made before the executor's workers have started, and after. */
TEST(region_list_across_tasks)
{
	weft_region *before = region(4 * MIB), *after;
	struct list *l[2] = {NULL};
	weft_executor *ex = test_executor();

	test_sleep_ms(20);
	after = region(4 * MIB);
	for (int i = 0; i < 2; i++) {
		weft_region *r = i ? after : before;
		uint64_t sum = 0, n = 0;

		REQUIRE_EQ(weft_region_alloc(r, sizeof **l, (void **)&l[i]), 0);
		*l[i] = (struct list){.r = r};
		for (uint64_t v = 0; v < NODES; v++)
			REQUIRE_EQ(push(l[i], v), 0);
		run(ex, &(weft_task){.fn = change_fn, .arg = &l[i], .arg_size = sizeof l[i]}, 0);
		for (struct node *at = l[i]->head; at; at = at->next) {
			sum += at->value;
			n++;
		}
		CHECK_EQ(n, NODES / 2 + 1);
		CHECK_EQ(sum, 2 * (NODES / 2 - 1) * (NODES / 2) + 7);
		CHECK_EQ(usage(r).blocks, NODES / 2 + 2);
		CHECK_EQ(usage(r).lost, 0);
		while (l[i]->head) {
			struct node *at = l[i]->head;

			l[i]->head = at->next;
			CHECK_EQ(weft_region_dealloc(r, at), 0);
		}
	}
	test_stop(ex, WEFT_STOP_DRAIN);
	weft_executor_free(ex);
	CHECK_EQ(weft_region_free(before), 0);
	CHECK_EQ(weft_region_free(after), 0);
}

/* ---- A region that is made while the task runs that uses it ---- */

/* In a region that was there before. */
struct late {
	uint32_t started, open;
	uint64_t *post;
};

static int late_fn(weft_call *call, const void *arg, void *result)
{
	struct late *l;

	(void)call;
	memcpy(&l, arg, sizeof l);
	test_add(&l->started, 1);
	if (!test_await(&l->open, 1))
		return -ETIME;
	*(uint64_t *)result = ++*l->post;
	return 0;
}

TEST(region_made_while_the_task_runs)
{
	weft_region *r = region(MIB), *later;
	struct late *l = NULL;
	uint64_t result = 0;
	weft_task t = {.fn = late_fn,
		       .arg = &l,
		       .arg_size = sizeof l,
		       .result = &result,
		       .result_size = sizeof result};
	weft_executor *ex;

	if (test_is_inline())
		SKIP("a task on inline is done when its submission returns");
	ex = test_executor();
	REQUIRE_EQ(weft_region_alloc(r, sizeof *l, (void **)&l), 0);
	*l = (struct late){0};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	REQUIRE(test_await(&l->started, 1));
	later = region(MIB);
	REQUIRE_EQ(weft_region_alloc(later, sizeof *l->post, (void **)&l->post), 0);
	*l->post = 41;
	test_set(&l->open, 1);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	CHECK_EQ(result, 42);
	CHECK_EQ(*l->post, 42);
	weft_executor_free(ex);
	CHECK_EQ(weft_region_free(r), 0);
	CHECK_EQ(weft_region_free(later), 0);
}

/* ---- An array that all workers change where it is ---- */

struct part {
	uint64_t *from;
	size_t n;
};

static int add_fn(weft_call *call, const void *arg, void *result)
{
	const struct part *p = arg;

	(void)call;
	for (size_t i = 0; i < p->n; i++) {
		p->from[i]++;
		*(uint64_t *)result += p->from[i];
	}
	return 0;
}

TEST(region_array_in_place)
{
	size_t n = 256 * (size_t)MIB / sizeof(uint64_t);
	weft_region *r = region(n * sizeof(uint64_t));
	static struct part part[PARTS];
	static uint64_t sum[PARTS];
	uint64_t *array = NULL, all = 0;
	weft_executor *ex = test_executor();

	REQUIRE_EQ(weft_region_alloc(r, n * sizeof *array, (void **)&array), 0);
	for (size_t i = 0; i < n; i++)
		array[i] = i;
	for (size_t i = 0; i < PARTS; i++)
		part[i] = (struct part){array + i * (n / PARTS), n / PARTS};
	REQUIRE_EQ(weft_map(ex, add_fn, part, sizeof *part, sum, sizeof *sum, PARTS, NULL), 0);
	for (size_t i = 0; i < PARTS; i++)
		all += sum[i];
	CHECK_EQ(all, n * (n + 1) / 2);
	for (size_t i = 0; i < n; i++)
		if (array[i] != i + 1)
			REQUIRE(array[i] == i + 1);
	CHECK_EQ(usage(r).used, n * sizeof *array);
	weft_executor_free(ex);
	CHECK_EQ(weft_region_free(r), 0);
}

/* ---- Blocks that one process takes and another gives back ---- */

struct wish {
	weft_region *r;
	size_t size;
};

/* The result is a block that holds its own size. */
static int take_fn(weft_call *call, const void *arg, void *result)
{
	const struct wish *w = arg;
	size_t *p = NULL;
	int err = weft_region_alloc(w->r, w->size, (void **)&p);

	(void)call;
	if (err)
		return err;
	*p = w->size;
	memcpy(result, &p, sizeof p);
	return 0;
}

struct block {
	weft_region *r;
	void *p;
};

static int give_fn(weft_call *call, const void *arg, void *result)
{
	const struct block *b = arg;

	(void)call, (void)result;
	return weft_region_dealloc(b->r, b->p);
}

TEST(region_blocks_change_hands)
{
	enum { N = 500 };
	weft_region *r = region(64 * MIB);
	static struct wish wish[N];
	static size_t *block[N];
	static struct block give[N];
	weft_executor *ex = test_executor();

	for (int i = 0; i < N; i++)
		wish[i] = (struct wish){r, (size_t)(8 + i * i % 70000)};
	REQUIRE_EQ(weft_map(ex, take_fn, wish, sizeof *wish, block, sizeof *block, N, NULL), 0);
	CHECK_EQ(usage(r).blocks, N);
	for (int i = 0; i < N; i++) {
		size_t real = 0;

		CHECK_EQ(weft_region_block_size(r, block[i], &real), 0);
		CHECK(real >= *block[i]);
		if (i % 2)
			CHECK_EQ(weft_region_dealloc(r, block[i]), 0);
		give[i / 2] = (struct block){r, block[i / 2 * 2]};
	}
	REQUIRE_EQ(weft_map(ex, give_fn, give, sizeof *give, NULL, 0, N / 2, NULL), 0);
	CHECK_EQ(usage(r).blocks, 0);
	CHECK_EQ(usage(r).lost, 0);
	run(ex, &(weft_task){.fn = give_fn, .arg = give, .arg_size = sizeof *give}, -EINVAL);
	weft_executor_free(ex);
	CHECK_EQ(weft_region_free(r), 0);
}

/* ---- References, and a region that is full, inside a task ---- */

struct question {
	weft_region *r;
	weft_ref ref;
	void *p;
};

/* The status says which answer is wrong. */
static int ask_fn(weft_call *call, const void *arg, void *result)
{
	const struct question *q = arg;
	weft_ref ref;
	void *p = NULL;
	size_t n = 0;

	(void)call, (void)result;
	if (weft_ref_find(&q->ref, 8, &p) || p != q->p)
		return 1;
	if (weft_ref_make(q->r, q->p, &ref) || memcmp(&ref, &q->ref, sizeof ref) != 0)
		return 2;
	ref.region += (uint64_t)1 << 24; /* one that will lie there later */
	if (weft_ref_find(&ref, 8, &p) != -EINVAL)
		return 3;
	while (!weft_region_alloc(q->r, 20000, &p)) {
		memset(p, 1, 20000);
		n++;
	}
	if (n != MIB / 20480)
		return 4;
	return weft_region_alloc(q->r, 20000, &p) == -ENOMEM ? 0 : 5;
}

TEST(region_answers_in_tasks)
{
	struct question q = {.r = region(MIB)};
	weft_executor *ex = test_executor();

	REQUIRE_EQ(weft_region_alloc(q.r, 20000, &q.p), 0);
	REQUIRE_EQ(weft_ref_make(q.r, q.p, &q.ref), 0);
	REQUIRE_EQ(weft_region_dealloc(q.r, q.p), 0);
	run(ex, &(weft_task){.fn = ask_fn, .arg = &q, .arg_size = sizeof q}, 0);
	CHECK_EQ(usage(q.r).blocks, MIB / 20480);
	weft_executor_free(ex);
	CHECK_EQ(weft_region_free(q.r), 0);
}

/* Whose worker is another process, it makes no regions. */
static int make_fn(weft_call *call, const void *arg, void *result)
{
	weft_region *r = NULL;
	int err = weft_region_new(&r, NULL);

	(void)call, (void)result;
	weft_region_free(r);
	memcpy(&r, arg, sizeof r);
	return err ? err : weft_region_free(r) ? 1 : 0;
}

TEST(region_is_made_by_the_program)
{
	weft_region *r = region(MIB);
	weft_executor *ex = test_executor();
	bool remote = !(weft_executor_caps(ex) & WEFT_CAP_LOCAL);

	run(ex, &(weft_task){.fn = make_fn, .arg = &r, .arg_size = sizeof r}, remote ? -ENOTSUP : 0);
	weft_executor_free(ex);
	CHECK_EQ(weft_region_free(r), remote ? 0 : -EINVAL);
}
