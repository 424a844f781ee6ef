/* SPDX-License-Identifier: MIT
 *
 * Tasks on "uring" that keep their lane to themselves: they are noticed, counted and named; and the ways to have a
 * pool of threads do what takes long instead, which hold up nobody.
 */
#include "uring_kit.h"
#include "uring_parts.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

/* ---- Noticed ---- */

struct told {
	uint32_t n;
	struct weft_long_turn turn; /* the last one */
	char task[64];
};

static void tell(void *ctx, const struct weft_long_turn *turn)
{
	struct told *told = ctx;

	told->turn = *turn;
	snprintf(told->task, sizeof told->task, "%s", turn->task);
	test_add(&told->n, 1);
}

static weft_executor *open_told(int engine, struct told *told, uint32_t long_turn)
{
	struct weft_uring_opts o = {.size = sizeof o,
				    .lanes = 2,
				    .engine = engine ? WEFT_URING_EPOLL : WEFT_URING_RING,
				    .long_turn = long_turn,
				    .on_long_turn = tell,
				    .ctx = told};
	weft_executor *ex = NULL;

	REQUIRE_EQ(weft_uring_new(&ex, &o), 0);
	return ex;
}

/* Never waits, until somebody has been told of it: so a turn that does not end is noticed, too. */
static int stubborn_fn(weft_call *call, const void *arg, void *result)
{
	struct told *told = *(struct told *const *)arg;
	uint32_t before = test_get(&told->n);

	(void)call, (void)result;
	if (!test_await(&told->n, before + 1))
		return -ETIME;
	test_sleep_ms(5); /* is it told again? */
	return 0;
}

static struct weft_stats stats_of(const weft_executor *ex)
{
	struct weft_stats s = {0};

	CHECK_EQ(weft_executor_stats(ex, &s), 0);
	return s;
}

static void check_told(weft_executor *ex, struct told *told, const char *name, const char *expected)
{
	weft_task t = {.fn = stubborn_fn, .arg = &told, .arg_size = sizeof told, .name = name};
	uint64_t before = stats_of(ex).long_turns;
	uint32_t n = told->n;

	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	CHECK_EQ(told->n, n + 1);
	CHECK(!strcmp(told->task, expected));
	CHECK(told->turn.fn == stubborn_fn);
	CHECK(told->turn.lasted >= WEFT_MS(1));
	CHECK(told->turn.lane < 2);
	CHECK(told->turn.thread > 0);
	CHECK_EQ(stats_of(ex).long_turns, before + 1);
	CHECK(stats_of(ex).longest_turn >= told->turn.lasted);
}

TEST(a_long_turn_is_counted_and_named)
{
	for (int e = first_engine(); e < 2; e++) {
		struct told told = {.n = 0};
		weft_executor *ex = open_told(e, &told, 1000);

		check_told(ex, &told, "cruncher", "cruncher");
		check_told(ex, &told, NULL, "");
		check_told(ex, &told, "a name that is too long to be kept", "a name that is too long");
		weft_executor_free(ex);
	}
}

/* A fiber is named while it is another one's turn, and has its name still when it goes on. */
static int wait_and_be_stubborn_fn(weft_call *call, const void *arg, void *result)
{
	int err = weft_sleep(WEFT_MS(3));

	return err ? err : stubborn_fn(call, arg, result);
}

TEST(a_task_that_has_waited_keeps_its_name)
{
	struct told told = {.n = 0}, *p = &told;
	weft_executor *ex = open_told(first_engine(), &told, 1000);
	weft_task other = {.fn = nothing_fn, .name = "other"};
	weft_task t = {.fn = wait_and_be_stubborn_fn, .arg = &p, .arg_size = sizeof p, .name = "sleeper"};

	REQUIRE_EQ(weft_submit(ex, &t), 0);
	for (int i = 0; i < 100; i++) {
		REQUIRE_EQ(weft_submit(ex, &other), 0);
		test_wait(weft_task_future(&other));
	}
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	CHECK(!strcmp(told.task, "sleeper"));
	weft_executor_free(ex);
}

static int doze_fn(weft_call *call, const void *arg, void *result)
{
	int err = 0;

	(void)call, (void)arg, (void)result;
	for (int i = 0; i < 10 && !err; i++)
		err = weft_sleep(WEFT_MS(5));
	return err;
}

TEST(a_task_that_waits_has_no_long_turn)
{
	for (int e = first_engine(); e < 2; e++) {
		struct told told = {.n = 0};
		weft_executor *ex = open_told(e, &told, 4000);
		weft_task *t = new_tasks(4, doze_fn, NULL, 0);

		submit_all(ex, t, 4);
		check_all(t, 4, 0);
		CHECK_EQ(stats_of(ex).long_turns, 0);
		CHECK_EQ(stats_of(ex).longest_turn, 0);
		CHECK_EQ(told.n, 0);
		weft_executor_free(ex);
		free(t);
	}
}

static unsigned watchers(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/task");

	for (struct dirent *e; d && (e = readdir(d));) {
		char path[300], name[32] = "";
		FILE *f;

		snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
		f = fopen(path, "re");
		n += f && fgets(name, sizeof name, f) && !strcmp(name, "weft-watcher\n");
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return n;
}

TEST(where_nobody_looks_there_is_no_watcher)
{
	weft_executor *ex = open_with("1", "epoll", ",long_turn=0");
	weft_executor *other = open_with("1", "epoll", ",long_turn=1000");

	while (!watchers())
		test_sleep_ms(1);
	CHECK_EQ(watchers(), 1);
	weft_executor_free(other);
	weft_executor_free(ex);
}

/* Until all lanes and the watcher sleep for good. */
static bool await_quiet(weft_executor *ex)
{
	struct uring_pool *p = ex->self;

	for (weft_time end = test_soon(); weft_now() < end; test_sleep_ms(1))
		if (atom_load(&p->watch, relaxed) == 1)
			return true;
	return false;
}

TEST(the_watcher_sleeps_while_the_lanes_do)
{
	struct told told = {.n = 0};
	weft_executor *ex = open_told(first_engine(), &told, 1000);

	for (int i = 0; i < 20; i++) {
		REQUIRE(await_quiet(ex));
		check_told(ex, &told, "again", "again");
	}
	REQUIRE(await_quiet(ex));
	weft_executor_free(ex);
}

TEST(a_long_turn_has_limits)
{
	struct weft_uring_opts o = {.size = sizeof o, .long_turn = 60000001};
	weft_executor *ex = NULL;

	CHECK_EQ(weft_uring_new(&ex, &o), -ERANGE);
	CHECK_EQ(weft_executor_open(&ex, "uring:1,long_turn=60000001"), -ERANGE);
	CHECK(!ex);
}

/* ---- Handed on ---- */

/* Another task of the same lane runs while the work waits for a thread, and one more before it ends: so the lane is
 * held up by neither. */
struct work {
	weft_executor *threads;
	uint32_t begun, seen;
	uint32_t cancelled; /* the work was told to give up */
};

static int see_fn(weft_call *call, const void *arg, void *result)
{
	struct work *w = *(struct work *const *)arg;

	(void)call, (void)result;
	test_add(&w->seen, 1);
	return 0;
}

static int compute(struct work *w)
{
	test_set(&w->begun, 1);
	return test_await(&w->seen, 2) ? 42 : -ETIME;
}

static int compute_fn(weft_call *call, const void *arg, void *result)
{
	struct work *w = *(struct work *const *)arg;

	(void)call;
	*(int *)result = compute(w);
	return 0;
}

static int compute_range(weft_call *call, size_t begin, size_t end, void *ctx)
{
	(void)call, (void)begin, (void)end;
	return compute(ctx) == 42 ? 0 : -ETIME;
}

static int by_map_fn(weft_call *call, const void *arg, void *result)
{
	struct work *w = *(struct work *const *)arg;
	int got = 0;
	int err = weft_map(w->threads, compute_fn, &w, sizeof w, &got, sizeof got, 1, NULL);

	(void)call, (void)result;
	return err ? err : got;
}

static int by_for_fn(weft_call *call, const void *arg, void *result)
{
	struct work *w = *(struct work *const *)arg;
	int err = weft_for(w->threads, compute_range, 0, 2, 1, w);

	(void)call, (void)result;
	return err ? err : 42;
}

static int by_group_fn(weft_call *call, const void *arg, void *result)
{
	struct work *w = *(struct work *const *)arg;
	weft_group g = {.ex = w->threads};
	int got = 0;
	weft_task t = {
		.fn = compute_fn, .arg = &w, .arg_size = sizeof w, .result = &got, .result_size = sizeof got};
	int err = weft_group_submit(&g, &t);

	(void)call, (void)result;
	if (!err)
		err = weft_group_wait(&g);
	return err ? err : got;
}

static int by_async_fn(weft_call *call, const void *arg, void *result)
{
	struct work *w = *(struct work *const *)arg;
	weft_future *f = NULL;
	int err = weft_async(w->threads, compute_fn, &w, sizeof w, sizeof(int), &f);

	(void)call, (void)result;
	if (!err)
		err = weft_future_wait(f, WEFT_FOREVER);
	if (!err)
		err = *(const int *)weft_future_result(f, NULL);
	weft_future_unref(f);
	return err;
}

TEST(work_handed_to_threads_does_not_hold_up_the_lane)
{
	weft_fn *const ways[] = {by_map_fn, by_for_fn, by_group_fn, by_async_fn};

	for (unsigned i = 0; i < 2 * sizeof ways / sizeof *ways; i++) {
		weft_executor *ex = open_with("1", i % 2 ? "epoll" : "any", ""), *threads = NULL;
		struct work work = {.begun = 0}, *w = &work;
		weft_task t = {.fn = ways[i / 2], .arg = &w, .arg_size = sizeof w};
		weft_task see = {.fn = see_fn, .arg = &w, .arg_size = sizeof w};
		struct test_hold hold;

		REQUIRE_EQ(weft_executor_open(&threads, "threads:1"), 0);
		work.threads = threads;
		test_hold_begin(&hold, threads, 1);
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		REQUIRE_EQ(weft_submit(ex, &see), 0);
		test_wait(weft_task_future(&see));
		CHECK_EQ(test_get(&work.begun), 0);
		test_hold_end(&hold);
		REQUIRE(test_await(&work.begun, 1));
		REQUIRE_EQ(weft_submit(ex, &see), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), 42);
		test_wait(weft_task_future(&see));
		weft_executor_free(ex);
		weft_executor_free(threads);
	}
}

static int until_cancelled_fn(weft_call *call, const void *arg, void *result)
{
	struct work *w = *(struct work *const *)arg;

	(void)result;
	test_set(&w->begun, 1);
	for (weft_time end = test_soon(); !weft_call_cancelled(call) && weft_now() < end;)
		test_sleep_ms(1);
	test_sleep_ms(3); /* who does not wait for us, is earlier */
	test_set(&w->cancelled, weft_call_cancelled(call));
	return 0;
}

static int cancelled_map_fn(weft_call *call, const void *arg, void *result)
{
	struct work *w = *(struct work *const *)arg;
	int err = weft_map(w->threads, until_cancelled_fn, &w, sizeof w, NULL, 0, 1, NULL);

	(void)call, (void)result;
	return test_get(&w->cancelled) ? err : -EILSEQ;
}

/* A cancel goes through to the work, and is waited for, since what the work works on may be the fiber's. */
TEST(a_cancel_reaches_work_handed_to_threads)
{
	for (int e = first_engine(); e < 2; e++) {
		weft_executor *ex = open_with("1", engines[e], ""), *threads = NULL;
		struct work work = {.begun = 0}, *w = &work;
		weft_task t = {.fn = cancelled_map_fn, .arg = &w, .arg_size = sizeof w};

		REQUIRE_EQ(weft_executor_open(&threads, "threads:1"), 0);
		work.threads = threads;
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		REQUIRE(test_await(&work.begun, 1));
		CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_ASKED);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), -ECANCELED);
		weft_executor_free(ex);
		weft_executor_free(threads);
	}
}
