/* SPDX-License-Identifier: MIT
 *
 * What weft-top says of executors at work (tools/top_figures.c over the page of core/stats.c). The watched program is
 * the test itself.
 */
#include "stats.h"
#include "top_figures.h"

#include "harness.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <weft/weft.h>

struct watched {
	struct top_page *page;
	struct top_watch *watch;
	const struct top_picture *picture;
};

static struct watched watch(void)
{
	struct watched w = {0};
	char why[256];

	REQUIRE_EQ(top_page_open(&w.page, getpid(), why, sizeof why), 0);
	w.watch = top_watch_new(getpid());
	REQUIRE(w.watch);
	return w;
}

static const struct top_pool *look(struct watched *w)
{
	w->picture = top_watch_look(w->watch, w->page);
	REQUIRE(w->picture);
	REQUIRE_EQ(w->picture->n, 1);
	return &w->picture->pool[0];
}

static void unwatch(struct watched *w)
{
	top_watch_free(w->watch);
	top_page_close(w->page);
}

/* Looks until so many workers are in that state. */
static const struct top_pool *await(struct watched *w, enum top_state state, unsigned n)
{
	weft_time until = test_soon();
	const struct top_pool *p;
	unsigned found;

	do {
		test_sleep_ms(1);
		p = look(w);
		found = 0;
		for (unsigned i = 0; i < p->n; i++)
			found += p->worker[i].state == state;
	} while (found < n && weft_now() < until);
	REQUIRE(found >= n);
	return p;
}

static const struct top_worker *find(const struct top_pool *p, const char *task)
{
	for (unsigned i = 0; i < p->n; i++)
		if (!strcmp(p->worker[i].task, task))
			return &p->worker[i];
	return NULL;
}

/* ---- threads ---- */

TEST(threads_show_what_they_run)
{
	weft_executor *ex;
	struct test_hold hold;
	weft_task queued[3];
	struct watched w;
	const struct top_pool *p;
	int64_t age;

	REQUIRE_EQ(weft_executor_open(&ex, "threads:2"), 0);
	w = watch();
	test_hold_begin(&hold, ex, 2);
	for (int i = 0; i < 3; i++) {
		queued[i] = (weft_task){.fn = test_gate_fn, .arg = &hold.ref, .arg_size = sizeof hold.ref};
		REQUIRE_EQ(weft_submit(ex, &queued[i]), 0);
	}
	p = await(&w, TOP_RUNS, 2);
	CHECK(!strcmp(p->executor->name, "threads:2"));
	CHECK_EQ(p->executor->kind, TOP_KIND_THREADS);
	CHECK_EQ(p->running, 2);
	CHECK_EQ(p->queued, 3);
	CHECK_EQ(p->counts.submitted, 5);
	CHECK_EQ(p->up, 2);
	for (int i = 0; i < 2; i++) {
		CHECK(!strcmp(p->worker[i].task, "test_gate_fn"));
		CHECK_EQ(p->worker[i].known, TOP_AGE_EXACT);
	}
	age = p->worker[0].age;
	test_sleep_ms(20);
	p = look(&w);
	CHECK(p->worker[0].age >= age + 20000000);
	test_hold_end(&hold);
	for (int i = 0; i < 3; i++)
		test_wait(weft_task_future(&queued[i]));
	p = await(&w, TOP_IDLE, 2);
	CHECK_EQ(p->running + p->queued, 0);
	CHECK_EQ(p->counts.completed, 5);
	CHECK_EQ(p->worker[0].tasks + p->worker[1].tasks, 5);
	unwatch(&w);
	weft_executor_free(ex);
}

/* A name from memory that is not in a file. */
TEST(names_are_shown_where_they_can_be_read)
{
	char name[] = "made up \x01\xff here";
	weft_executor *ex;
	test_ref ref;
	uint32_t *board = test_board(&ref);
	weft_task t = {.fn = test_gate_fn, .arg = &ref, .arg_size = sizeof ref, .name = "a literal"};
	struct watched w;

	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	w = watch();
	for (int i = 0; i < 2; i++) {
		test_set(&board[TEST_GATE_OPEN], 0);
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		CHECK(find(await(&w, TOP_RUNS, 1), i ? "made up ?? here" : "a literal"));
		test_set(&board[TEST_GATE_OPEN], 1);
		test_wait(weft_task_future(&t));
		await(&w, TOP_IDLE, 1);
		t.name = name;
	}
	unwatch(&w);
	weft_executor_free(ex);
}

struct pair {
	weft_executor *ex;
	test_ref ref;
};

/* Waits for another, which its own thread runs. */
static int on_top_fn(weft_call *call, const void *arg, void *result)
{
	const struct pair *p = arg;
	weft_task t = {.fn = test_gate_fn, .arg = &p->ref, .arg_size = sizeof p->ref};

	(void)call, (void)result;
	return weft_submit(p->ex, &t) || weft_future_wait(weft_task_future(&t), WEFT_FOREVER);
}

TEST(a_task_on_top_of_another_is_counted)
{
	struct pair pair;
	uint32_t *board = test_board(&pair.ref);
	weft_task t = {.fn = on_top_fn, .arg = &pair, .arg_size = sizeof pair};
	struct watched w;
	const struct top_pool *p;

	REQUIRE_EQ(weft_executor_open(&pair.ex, "threads:1"), 0);
	w = watch();
	REQUIRE_EQ(weft_submit(pair.ex, &t), 0);
	REQUIRE(test_await(&board[TEST_GATE_STARTED], 1));
	p = look(&w);
	CHECK(find(p, "on_top_fn"));
	CHECK_EQ(p->worker[0].on_top, 1);
	CHECK_EQ(p->running, 2);
	test_set(&board[TEST_GATE_OPEN], 1);
	test_wait(weft_task_future(&t));
	unwatch(&w);
	weft_executor_free(pair.ex);
}

/* Runs after all that were before it. */
static int wait_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	return weft_future_wait(*(weft_future *const *)arg, WEFT_FOREVER);
}

TEST(a_task_that_waits_is_shown_as_waiting)
{
	weft_executor *ex, *other;
	struct test_hold hold;
	weft_future *f;
	weft_task t = {.fn = wait_fn, .arg = &f, .arg_size = sizeof f};
	struct watched w;

	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	w = watch();
	REQUIRE_EQ(weft_executor_open(&other, "processes:1"), 0);
	test_hold_begin(&hold, other, 1);
	f = weft_task_future(&hold.task[0]);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	for (weft_time until = test_soon(); weft_now() < until; test_sleep_ms(1)) {
		w.picture = top_watch_look(w.watch, w.page);
		if (w.picture->pool[0].worker[0].state == TOP_WAITS)
			break;
	}
	CHECK_EQ(w.picture->pool[0].worker[0].state, TOP_WAITS);
	CHECK_EQ(w.picture->n, 2);
	test_hold_end(&hold);
	test_wait(weft_task_future(&t));
	unwatch(&w);
	weft_executor_free(other);
	weft_executor_free(ex);
}

/* ---- processes ---- */

TEST(workers_show_what_they_run_and_that_they_died)
{
	weft_executor *ex;
	struct test_hold hold;
	weft_task t = {.fn = test_gate_fn, .name = "victim"};
	struct watched w;
	const struct top_pool *p;
	pid_t pid;

	REQUIRE_EQ(weft_executor_open(&ex, "processes:2"), 0);
	w = watch();
	test_hold_begin(&hold, ex, 1);
	t.arg = &hold.ref;
	t.arg_size = sizeof hold.ref;
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	p = await(&w, TOP_RUNS, 2);
	CHECK_EQ(p->running, 2);
	CHECK_EQ(p->queued, 0);
	CHECK(find(p, "test_gate_fn"));
	REQUIRE(find(p, "victim"));
	CHECK_EQ(find(p, "victim")->known, TOP_AGE_EXACT);
	pid = (pid_t)find(p, "victim")->id;
	REQUIRE_EQ(kill(pid, SIGKILL), 0);
	test_wait(weft_task_future(&t));
	p = await(&w, TOP_IDLE, 1);
	CHECK_EQ(p->executor->deaths, 1);
	CHECK_EQ(p->counts.died, 1);
	CHECK_EQ(p->running, 1);
	for (unsigned i = 0; i < p->n; i++)
		CHECK(p->worker[i].id && p->worker[i].id != (uint32_t)pid);
	test_hold_end(&hold);
	unwatch(&w);
	weft_executor_free(ex);
}

/* ---- uring ---- */

enum { PARKED = 50 };

static int park_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	test_add(*(uint32_t *const *)arg, 1);
	return weft_sleep(WEFT_SECONDS(60));
}

static void check_uring(const char *spec)
{
	static weft_task t[PARKED];
	uint32_t begun = 0, *where = &begun, *board;
	weft_executor *ex;
	test_ref ref;
	weft_task busy = {.fn = test_gate_fn, .arg = &ref, .arg_size = sizeof ref, .name = "busy"};
	struct watched w;
	const struct top_pool *p;

	board = test_board(&ref);
	REQUIRE_EQ(weft_executor_open(&ex, spec), 0);
	w = watch();
	for (int i = 0; i < PARKED; i++) {
		t[i] = (weft_task){.fn = park_fn, .arg = &where, .arg_size = sizeof where};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	REQUIRE(test_await(&begun, PARKED));
	p = await(&w, TOP_IDLE, 1);
	/* It says so as it goes to sleep, one figure after the other. */
	for (weft_time until = test_soon();
	     (p->worker[0].parked < PARKED || !p->worker[0].n_enters) && weft_now() < until; p = look(&w))
		test_sleep_ms(1);
	CHECK_EQ(p->worker[0].parked, PARKED);
	CHECK(p->worker[0].fibers >= PARKED);
	CHECK_EQ(p->running, PARKED);
	CHECK(p->worker[0].n_enters >= 1);
	REQUIRE_EQ(weft_submit(ex, &busy), 0); /* it holds the thread up */
	REQUIRE(test_await(&board[TEST_GATE_STARTED], 1));
	p = await(&w, TOP_RUNS, 1);
	CHECK(find(p, "busy"));
	CHECK_EQ(p->worker[0].parked, PARKED);
	for (weft_time until = test_soon(); !p->executor->long_turns && weft_now() < until; p = look(&w))
		test_sleep_ms(1);
	CHECK_EQ(p->executor->long_turns, 1);
	test_set(&board[TEST_GATE_OPEN], 1);
	test_wait(weft_task_future(&busy));
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_CANCEL, test_soon()), 0);
	p = look(&w);
	CHECK_EQ(p->counts.cancelled, PARKED);
	CHECK(p->worker[0].n_answers >= 1);
	unwatch(&w);
	weft_executor_free(ex);
}

TEST(fibers_are_shown_parked_and_at_work)
{
	check_uring("uring:1,engine=epoll");
}

TEST(fibers_of_a_ring_are_shown)
{
	check_uring("uring:1");
}

/* ---- More than there is room for ---- */

TEST(executors_without_room_work_unseen)
{
	weft_executor *ex[STATS_EXECUTORS + 1];
	uint64_t three = 3, square;
	weft_task t = {
		.fn = test_square_fn, .arg = &three, .arg_size = 8, .result = &square, .result_size = 8};
	struct weft_stats s;
	struct watched w;

	for (int i = 0; i <= STATS_EXECUTORS; i++)
		REQUIRE_EQ(weft_executor_open(&ex[i], "threads:1"), 0);
	w = watch();
	w.picture = top_watch_look(w.watch, w.page);
	CHECK_EQ(w.picture->n, STATS_EXECUTORS);
	REQUIRE_EQ(weft_submit(ex[STATS_EXECUTORS], &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(square, 9);
	REQUIRE_EQ(weft_executor_stats(ex[STATS_EXECUTORS], &s), 0);
	CHECK_EQ(s.completed, 1);
	for (int i = 0; i <= STATS_EXECUTORS; i++)
		weft_executor_free(ex[i]);
	unwatch(&w);
}
