/* SPDX-License-Identifier: MIT
 *
 * test_thread_pool.c -- the pool of threads from inside: a task can be had back wherever it lies, places of
 * threads and processors, what each place says of itself, who takes what from whom.
 */
#include "harness.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "thread_parts.h"

static weft_executor *pool_open(const char *spec)
{
	weft_executor *ex = NULL;

	REQUIRE_EQ(weft_executor_open(&ex, spec), 0);
	return ex;
}

static struct thread_pool *inside(weft_executor *ex)
{
	return ex->self;
}

/* Holds the worker that runs it. */
struct gate {
	weft_task task;
	uint32_t started, open;
};

static int gate_fn(weft_call *call, const void *arg, void *result)
{
	struct gate *g = *(struct gate *const *)arg;

	(void)call, (void)result;
	test_add(&g->started, 1);
	for (weft_time end = test_soon(); !test_get(&g->open) && weft_now() < end;)
		test_sleep_ms(1); /* also when it is cancelled */
	return test_get(&g->open) ? 0 : -ETIME;
}

/* g is static: its address is its own argument. */
static void gate_submit(weft_executor *ex, struct gate *g, const struct gate *const *self)
{
	*g = (struct gate){.task = {.fn = gate_fn, .arg = self, .arg_size = sizeof *self}};
	REQUIRE_EQ(weft_submit(ex, &g->task), 0);
}

static void gate_close(struct gate *g)
{
	test_set(&g->open, 1);
	test_wait(weft_task_future(&g->task));
	CHECK_EQ(weft_future_status(weft_task_future(&g->task)), 0);
}

static struct gate gate[4];
static const struct gate *gate_at[4] = {&gate[0], &gate[1], &gate[2], &gate[3]};

/* ---- Cancelled tasks, whose memory goes at once ---- */

enum { PAGES = 300 };

static weft_task *page[PAGES]; /* each task on a page of its own */
static uint32_t ran;

static int run_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	test_add(&ran, 1);
	return 0;
}

static void pages_map(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	char *all = mmap(NULL, PAGES * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(all != MAP_FAILED);
	for (size_t i = 0; i < PAGES; i++)
		page[i] = (void *)(all + i * size);
}

/* With the task at its end, so that it lies across no other border. */
static void page_lock(unsigned i, bool locked)
{
	REQUIRE_EQ(
		mprotect(page[i], (size_t)sysconf(_SC_PAGESIZE), locked ? PROT_NONE : PROT_READ | PROT_WRITE),
		0);
}

static void page_submit(weft_executor *ex, unsigned i, int32_t priority)
{
	*page[i] = (weft_task){.fn = run_fn, .priority = priority};
	REQUIRE_EQ(weft_submit(ex, page[i]), 0);
}

/* In an order that is neither that of submission nor its reverse. */
static void cancel_all(unsigned n)
{
	for (unsigned k = 0; k < n; k++) {
		unsigned i = (k * 7 + 3) % n;

		CHECK_EQ(weft_future_cancel(weft_task_future(page[i])), WEFT_CANCEL_DROPPED);
		memset(page[i], 0xff, sizeof *page[i]);
		page_lock(i, true);
	}
}

/* The pool goes on as if nothing had been, and nothing of it runs. */
static void check_nothing_ran(weft_executor *ex, unsigned n)
{
	CHECK_EQ(thread_queued(inside(ex)), 0);
	CHECK_EQ(test_get(&ran), 0);
	for (unsigned i = 0; i < n; i++) {
		page_lock(i, false);
		page_submit(ex, i, i % 5 ? 0 : (int32_t)i % 3 - 1);
	}
	for (unsigned i = 0; i < n; i++)
		test_wait(weft_task_future(page[i]));
	CHECK_EQ(test_get(&ran), n);
	test_set(&ran, 0);
}

static void hold(weft_executor *ex, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++)
		gate_submit(ex, &gate[i], &gate_at[i]);
	for (unsigned i = from; i < from + n; i++)
		REQUIRE(test_await(&gate[i].started, 1));
}

static uint32_t in_shards(weft_executor *ex)
{
	struct thread_pool *p = inside(ex);
	uint32_t n = 0;

	for (unsigned i = 0; i < p->shards; i++)
		n += thread_seen(atom_load(&p->shard[i].seen, relaxed));
	return n;
}

static uint32_t in_seats(weft_executor *ex)
{
	struct thread_pool *p = inside(ex);
	uint32_t n = 0;

	for (unsigned i = 0; i < p->size; i++)
		n += thread_seen(atom_load(&p->seat[i].queue.seen, relaxed));
	return n;
}

static void check_cancel_in_shard(const char *spec, unsigned workers)
{
	weft_executor *ex = pool_open(spec);

	pages_map();
	hold(ex, 0, workers);
	for (unsigned i = 0; i < 100; i++)
		page_submit(ex, i, 0);
	CHECK_EQ(in_shards(ex), 100);
	cancel_all(100);
	for (unsigned i = 0; i < workers; i++)
		gate_close(&gate[i]);
	check_nothing_ran(ex, 100);
	weft_executor_free(ex);
}

TEST(cancel_in_a_shard)
{
	check_cancel_in_shard("threads:1", 1);
}

TEST(cancel_in_several_shards)
{
	check_cancel_in_shard("threads:3", 3);
}

TEST(cancel_in_the_ladder)
{
	static const int32_t priority[4] = {INT32_MIN, 2, -1, INT32_MAX};
	weft_executor *ex = pool_open("threads:2");

	pages_map();
	hold(ex, 0, 2);
	for (unsigned i = 0; i < 100; i++)
		page_submit(ex, i, priority[i % 4]);
	CHECK_EQ(atom_load(&inside(ex)->ladder.n, relaxed), 100);
	CHECK_EQ(atom_load(&inside(ex)->ladder.urgent, relaxed), 50);
	cancel_all(100);
	CHECK_EQ(atom_load(&inside(ex)->ladder.urgent, relaxed), 0);
	gate_close(&gate[0]);
	gate_close(&gate[1]);
	check_nothing_ran(ex, 100);
	weft_executor_free(ex);
}

/* A worker takes over a batch, of which it runs the first, a gate: the rest lies in its seat's queue. */
TEST(cancel_in_a_batch)
{
	weft_executor *ex = pool_open("threads:1");
	uint32_t batch;

	pages_map();
	hold(ex, 0, 1);
	gate_submit(ex, &gate[1], &gate_at[1]);
	for (unsigned i = 0; i < 100; i++)
		page_submit(ex, i, 0);
	gate_close(&gate[0]);
	REQUIRE(test_await(&gate[1].started, 1));
	batch = in_seats(ex);
	CHECK(batch > 10);
	CHECK_EQ(batch + in_shards(ex), 100);
	cancel_all(100);
	CHECK_EQ(in_seats(ex), 0);
	gate_close(&gate[1]);
	check_nothing_ran(ex, 100);
	weft_executor_free(ex);
}

/* Submits what lies on the pages from within, then holds its worker. */
static int push_fn(weft_call *call, const void *arg, void *result)
{
	weft_executor *ex = *(weft_executor *const *)arg;
	int err = 0;

	(void)call, (void)result;
	for (unsigned i = 0; i < PAGES && !err; i++) {
		*page[i] = (weft_task){.fn = run_fn};
		err = weft_submit(ex, page[i]);
	}
	test_add(&gate[3].started, 1);
	return !err && test_await(&gate[3].open, 1) ? 0 : -ETIME;
}

/* More than its own queue has cells for. */
TEST(cancel_of_what_a_task_has_submitted)
{
	weft_executor *ex = pool_open("threads:2");
	weft_task t = {.fn = push_fn, .arg = &ex, .arg_size = sizeof ex};

	pages_map();
	gate[3] = (struct gate){.started = 0};
	hold(ex, 0, 1);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	REQUIRE(test_await(&gate[3].started, 1));
	CHECK_EQ(in_seats(ex), THREAD_SEAT_RING);
	CHECK_EQ(in_seats(ex) + in_shards(ex), PAGES);
	cancel_all(PAGES);
	CHECK_EQ(in_seats(ex), 0);
	test_set(&gate[3].open, 1);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	gate_close(&gate[0]);
	check_nothing_ran(ex, PAGES);
	weft_executor_free(ex);
}

/* Holes in a full ring are closed up, which moves tasks: who cancels one finds its new place. */
TEST(cancel_of_what_has_been_moved)
{
	weft_executor *ex = pool_open("threads:1,queue=64");

	pages_map();
	hold(ex, 0, 1);
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 64; i++)
			page_submit(ex, i, 0);
		for (unsigned i = 1; i < 60; i += 2) {
			CHECK_EQ(weft_future_cancel(weft_task_future(page[i])), WEFT_CANCEL_DROPPED);
			memset(page[i], 0xff, sizeof *page[i]);
			page_submit(ex, i, 0);
		}
		CHECK_EQ(in_shards(ex), 64); /* and none elsewhere */
		cancel_all(64);
		for (unsigned i = 0; i < 64; i++)
			page_lock(i, false);
	}
	gate_close(&gate[0]);
	check_nothing_ran(ex, 64);
	weft_executor_free(ex);
}

/* What lies in a batch is dropped at the stop, not when its worker comes to it. */
TEST(stop_drops_a_batch)
{
	weft_executor *ex = pool_open("threads:1");

	pages_map();
	hold(ex, 0, 1);
	gate_submit(ex, &gate[1], &gate_at[1]);
	for (unsigned i = 0; i < 100; i++)
		page_submit(ex, i, 0);
	gate_close(&gate[0]);
	REQUIRE(test_await(&gate[1].started, 1));
	CHECK(in_seats(ex) > 10);
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_CANCEL, 0), -ETIMEDOUT);
	for (unsigned i = 0; i < 100; i++)
		CHECK_EQ(weft_future_status(weft_task_future(page[i])), -ECANCELED);
	gate_close(&gate[1]);
	weft_executor_free(ex);
	CHECK_EQ(test_get(&ran), 0);
}

/* ---- Who takes what from whom ---- */

struct parent {
	weft_executor *ex;
	weft_task task;
	uint32_t *parents; /* how many have begun; none submits its child before all have a place */
	uint32_t *children;
	uint32_t n, child;
	bool helped;
};

static int child_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	test_add(*(uint32_t *const *)arg, 1);
	return 0;
}

/* Submits a child, and keeps its worker busy until somebody else has run it. */
static int parent_fn(weft_call *call, const void *arg, void *result)
{
	struct parent *p = *(struct parent *const *)arg;
	uint32_t *child = &p->child;
	weft_task t = {.fn = child_fn, .arg = &child, .arg_size = sizeof child};
	int err;

	(void)call, (void)result;
	test_add(p->parents, 1);
	if (!test_await(p->parents, p->n))
		return -ETIME;
	err = weft_submit(p->ex, &t);
	test_add(p->children, 1);
	for (weft_time end = weft_after(WEFT_SECONDS(5)); !err && !test_get(child) && weft_now() < end;)
		sched_yield();
	p->helped = test_get(child) == 1;
	return err ? err : weft_future_wait(weft_task_future(&t), test_soon());
}

/* Pools of n + 1. Held: who is to help comes when all children lie there. */
static void check_help(const char *spec, uint32_t n, int rounds, bool held)
{
	weft_executor *ex = pool_open(spec);
	struct parent parent[8], *self[8];

	for (int round = 0; round < rounds; round++) {
		uint32_t parents = 0, children = 0, helped = 0;

		if (held)
			hold(ex, 0, 1);
		for (uint32_t i = 0; i < n; i++) {
			parent[i] =
				(struct parent){.ex = ex, .parents = &parents, .children = &children, .n = n};
			self[i] = &parent[i];
			parent[i].task =
				(weft_task){.fn = parent_fn, .arg = &self[i], .arg_size = sizeof self[i]};
			REQUIRE_EQ(weft_submit(ex, &parent[i].task), 0);
		}
		REQUIRE(test_await(&children, n));
		if (held)
			gate_close(&gate[0]);
		for (uint32_t i = 0; i < n; i++) {
			test_wait(weft_task_future(&parent[i].task));
			CHECK_EQ(weft_future_status(weft_task_future(&parent[i].task)), 0);
			helped += parent[i].helped;
		}
		REQUIRE_EQ(helped, n);
	}
	weft_executor_free(ex);
}

TEST(help_for_one)
{
	for (int held = 0; held < 2; held++) {
		check_help("threads:2", 1, 100, held);
		check_help("threads:2,spin=0", 1, 100, held);
	}
}

/* One idle thread has several queues to steal from, each with a task that waits. */
TEST(help_for_two)
{
	check_help("threads:3", 2, 50, false);
	check_help("threads:3", 2, 50, true);
}

TEST(help_for_two_by_a_thread_that_does_not_look)
{
	check_help("threads:3,spin=0", 2, 50, false);
	check_help("threads:3,spin=0", 2, 50, true);
}

TEST(help_for_seven)
{
	check_help("threads:8", 7, 10, false);
	check_help("threads:8", 7, 10, true);
}

/* ---- Each place of a pool ---- */

static uint64_t sum_of_tasks(weft_executor *ex, unsigned n)
{
	struct weft_worker_stats w[8];
	uint64_t sum = 0;

	memset(w, 0xff, sizeof w);
	CHECK_EQ(weft_thread_pool_workers(ex, w, 8), n);
	for (unsigned i = 0; i < n; i++)
		sum += w[i].tasks;
	for (unsigned i = n; i < 8; i++)
		CHECK_EQ(w[i].tasks, UINT64_MAX); /* left alone */
	return sum;
}

static void check_sum(const char *spec, unsigned n)
{
	enum { TASKS = 2000 };
	static weft_task t[TASKS];
	weft_executor *ex = pool_open(spec);
	uint64_t dropped = 0;

	for (int i = 0; i < TASKS; i++) {
		t[i] = (weft_task){.fn = run_fn, .priority = i % 7 ? 0 : i % 5 - 2};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		dropped += i % 3 == 0 && weft_future_cancel(weft_task_future(&t[i])) == WEFT_CANCEL_DROPPED;
	}
	for (int i = 0; i < TASKS; i++)
		test_wait(weft_task_future(&t[i]));
	CHECK_EQ(sum_of_tasks(ex, n), TASKS - dropped);
	weft_executor_free(ex);
}

TEST(places_count_what_they_run)
{
	check_sum("threads:1", 1);
	check_sum("threads:2", 2);
	check_sum("threads:5", 5);
}

TEST(places_sleep_and_steal)
{
	weft_executor *ex = pool_open("threads:2");
	struct weft_worker_stats w[2];
	weft_time soon = test_soon();

	do
		REQUIRE_EQ(weft_thread_pool_workers(ex, w, 2), 2);
	while (!(w[0].sleeps && w[1].sleeps) && weft_now() < soon);
	CHECK(w[0].sleeps && w[1].sleeps);
	CHECK_EQ(w[0].stolen + w[1].stolen, 0);
	weft_executor_free(ex);
	ex = pool_open("threads:2");
	struct parent p = {.ex = ex, .n = 1}, *self = &p;
	p.parents = p.children = &gate[2].started;
	p.task = (weft_task){.fn = parent_fn, .arg = &self, .arg_size = sizeof self};
	REQUIRE_EQ(weft_submit(ex, &p.task), 0);
	test_wait(weft_task_future(&p.task));
	CHECK(p.helped);
	REQUIRE_EQ(weft_thread_pool_workers(ex, w, 2), 2);
	CHECK_EQ(w[0].stolen + w[1].stolen, 1);
	weft_executor_free(ex);
}

static int workers_in_a_fork(weft_executor *ex)
{
	int status = 0;
	pid_t child = fork();

	if (!child) {
		struct weft_worker_stats w[1];
		_exit(weft_thread_pool_workers(ex, w, 1) == -ECHILD ? 0 : 1);
	}
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	return status;
}

TEST(places_errors)
{
	weft_executor *ex = pool_open("threads:2");
	struct weft_worker_stats w[1];

	CHECK_EQ(weft_thread_pool_workers(NULL, w, 1), -EINVAL);
	CHECK_EQ(weft_thread_pool_workers(weft_inline(), w, 1), -EINVAL);
	CHECK_EQ(weft_thread_pool_workers(ex, NULL, 1), -EINVAL);
	CHECK_EQ(weft_thread_pool_workers(ex, NULL, 0), 2);
	CHECK_EQ(weft_thread_pool_workers(ex, w, 1), 2);
	CHECK_EQ(workers_in_a_fork(ex), 0);
	weft_executor_free(ex);
}
