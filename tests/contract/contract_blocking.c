/* SPDX-License-Identifier: MIT
 *
 * contract_blocking.c -- the threads of a pool: what they look like; who takes the place of one that blocks,
 * in a section or in a wait, and gives it back.
 */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

static weft_executor *pool_with(const char *options)
{
	if (test_is_inline())
		SKIP("it has no threads");
	if (test_is_uring())
		SKIP("nobody stands in for a lane");
	weft_executor *ex = test_executor();
	bool local = weft_executor_caps(ex) & WEFT_CAP_LOCAL;
	weft_executor_free(ex);
	if (!local)
		SKIP("a task has no pointer to what it shares with the test");
	return test_executor_with(options);
}

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

static void wait_all(weft_task *task, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		test_wait(weft_task_future(&task[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&task[i])), 0);
	}
}

/* ---- Sections ---- */

/* What a task does in a section, and what the pool says of itself afterwards. */
struct section {
	weft_executor *ex;
	unsigned begins, ends, extra; /* how often; extra: ends without a begin, first */
	uint32_t *started, *word, n;  /* waits for *word >= n, in the innermost section */
	weft_future *f;               /* and for that */
};

static int section_fn(weft_call *call, const void *arg, void *result)
{
	struct section *s = *(struct section *const *)arg;
	(void)call, (void)result;
	for (unsigned i = 0; i < s->extra; i++)
		weft_blocking_end();
	for (unsigned i = 0; i < s->begins; i++)
		weft_blocking_begin();
	test_add(s->started, 1);
	if (s->word && !test_await(s->word, s->n))
		return -ETIME;
	int err = s->f ? weft_future_wait(s->f, test_soon()) : 0;
	for (unsigned i = 0; i < s->ends; i++)
		weft_blocking_end();
	return err;
}

static int add_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	test_add(*(uint32_t *const *)arg, 1);
	return 0;
}

/* Do so many threads of ex work, as it says, soon? */
static void check_workers(weft_executor *ex, unsigned n)
{
	struct weft_stats s = {.workers = UINT32_MAX};
	for (weft_time end = weft_after(WEFT_SECONDS(5)); s.workers != n && weft_now() < end;
	     test_sleep_ms(1))
		REQUIRE_EQ(weft_executor_stats(ex, &s), 0);
	REQUIRE_EQ(s.workers, n);
}

enum { SECTIONS = 40 }; /* with all else fewer than 48 threads: scripts/ports/nproc.sh */

/* More tasks than workers block until a task behind them has run; then the pool is what it was. */
static void check_sections(struct section form, unsigned n, bool wait)
{
	weft_executor *ex = pool_with("");
	uint32_t started = 0, word = 0, *at = &word;
	static weft_task t[SECTIONS];
	static struct section s[SECTIONS], *self[SECTIONS];
	weft_task opener = {.fn = add_fn, .arg = &at, .arg_size = sizeof at};
	struct test_hold hold;
	weft_executor *other = NULL;
	REQUIRE_EQ(weft_executor_open(&other, "threads:1"), 0);
	test_hold_begin(&hold, other, 1);
	for (int round = 0; round < 3; round++) {
		test_set(&started, 0);
		test_set(&word, 0);
		for (unsigned i = 0; i < n; i++) {
			s[i] = form;
			s[i].ex = ex, s[i].started = &started, s[i].word = &word, s[i].n = 1;
			s[i].f = wait ? weft_task_future(&hold.task[0]) : NULL;
			self[i] = &s[i];
			t[i] = (weft_task){.fn = section_fn, .arg = &self[i], .arg_size = sizeof self[i]};
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		}
		REQUIRE_EQ(weft_submit(ex, &opener), 0);
		test_wait(weft_task_future(&opener));
		REQUIRE(test_await(&started, n));
		if (wait && round == 0)
			test_hold_end(&hold);
		wait_all(t, n);
		check_workers(ex, test_workers());
	}
	if (!wait)
		test_hold_end(&hold);
	weft_executor_free(ex);
	weft_executor_free(other);
}

TEST(blocking_sections_let_others_work)
{
	check_sections((struct section){.begins = 1, .ends = 1}, test_workers(), false);
}

TEST(blocking_sections_of_many)
{
	check_sections((struct section){.begins = 1, .ends = 1}, SECTIONS, false);
}

TEST(blocking_sections_nested)
{
	check_sections((struct section){.begins = 3, .ends = 3}, SECTIONS, false);
}

TEST(blocking_sections_left_open)
{
	check_sections((struct section){.begins = 1, .ends = 0}, test_workers(), false);
	check_sections((struct section){.begins = 3, .ends = 1}, SECTIONS, false);
}

TEST(blocking_sections_ended_too_often)
{
	check_sections((struct section){.extra = 2, .begins = 1, .ends = 4}, SECTIONS, false);
}

TEST(blocking_sections_around_a_wait)
{
	check_sections((struct section){.begins = 1, .ends = 1}, SECTIONS, true);
	check_sections((struct section){.begins = 2, .ends = 0}, SECTIONS, true);
}

TEST(blocking_outside_of_tasks)
{
	weft_executor *ex = test_executor();
	weft_blocking_end();
	weft_blocking_begin();
	weft_blocking_begin();
	uint64_t n = 3, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(square, 9);
	weft_blocking_end();
	weft_blocking_end();
	weft_blocking_end();
	check_workers(ex, test_is_inline() ? 0 : test_workers());
	weft_executor_free(ex);
}

static unsigned threads_of_the_process(void)
{
	unsigned n = 0;
	DIR *dir = opendir("/proc/self/task");
	for (struct dirent *e; dir && (e = readdir(dir));)
		n += e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

TEST(blocking_spares_end)
{
	weft_executor *ex = pool_with("");
	uint32_t started = 0, word = 0, *at = &word;
	struct section s = {.ex = ex, .begins = 1, .started = &started, .word = &word, .n = 1}, *self = &s;
	static weft_task t[SECTIONS];
	weft_task opener = {.fn = add_fn, .arg = &at, .arg_size = sizeof at};
	unsigned before = threads_of_the_process(), after;
	for (int i = 0; i < SECTIONS; i++) {
		t[i] = (weft_task){.fn = section_fn, .arg = &self, .arg_size = sizeof self};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	REQUIRE(test_await(&started, SECTIONS));
	CHECK(threads_of_the_process() >= before - test_workers() + SECTIONS);
	REQUIRE_EQ(weft_submit(ex, &opener), 0);
	wait_all(t, SECTIONS);
	for (weft_time end = test_soon(); (after = threads_of_the_process()) > before && weft_now() < end;)
		test_sleep_ms(10);
	CHECK_EQ(after, before);
	test_wait(weft_task_future(&opener));
	weft_executor_free(ex);
}

/* A child that somebody has stolen, and that leaves a section open. */
static uint32_t stolen;

static void leave_open(void *ctx)
{
	weft_blocking_begin();
	test_add(ctx, 1);
}

static void yield(void *ctx)
{
	(void)ctx;
	sched_yield();
}

static int steal_fn(weft_call *call, const void *arg, void *result)
{
	weft_child c;
	(void)call, (void)arg, (void)result;
	weft_spawn(&c, leave_open, &stolen);
	/* Spawning is when one shares with who is hungry. On a pool of one nobody is. */
	for (weft_time end = weft_after(WEFT_MS(200)); !test_get(&stolen) && weft_now() < end;) {
		weft_child idle;
		weft_spawn(&idle, yield, NULL);
		weft_sync(&idle);
	}
	weft_sync(&c);
	return 0;
}

TEST(blocking_sections_left_open_by_a_child)
{
	weft_executor *ex = pool_with("");
	for (int i = 0; i < 5; i++) {
		weft_task t = {.fn = steal_fn};
		test_set(&stolen, 0);
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(test_get(&stolen), 1);
		check_workers(ex, test_workers());
	}
	weft_executor_free(ex);
}

/* ---- Names, processors, options ---- */

struct portrait {
	char name[16];
	int processors;
	uint32_t *here, n;
};

/* All of them together, so that each is on a thread of its own. */
static int sit_fn(weft_call *call, const void *arg, void *result)
{
	struct portrait *p = *(struct portrait *const *)arg;
	cpu_set_t set;
	(void)call, (void)result;
	pthread_getname_np(pthread_self(), p->name, sizeof p->name);
	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof set, &set);
	p->processors = CPU_COUNT(&set);
	test_add(p->here, 1);
	return test_await(p->here, p->n) ? 0 : -ETIME;
}

static void sit(const char *options, struct portrait p[8], unsigned n)
{
	weft_executor *ex = pool_with(options);
	struct portrait *self[8];
	weft_task t[8];
	uint32_t here = 0;
	for (unsigned i = 0; i < n; i++) {
		p[i] = (struct portrait){.here = &here, .n = n};
		self[i] = &p[i];
		t[i] = (weft_task){.fn = sit_fn, .arg = &self[i], .arg_size = sizeof self[i]};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	wait_all(t, n);
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 0);
	weft_executor_free(ex);
}

TEST(threads_have_names)
{
	struct portrait p[8];
	unsigned n = test_workers();
	sit("name=a-long-name-indeed", p, n);
	for (unsigned i = 0; i < n; i++) {
		CHECK_EQ(strncmp(p[i].name, "a-long-name-", 12), 0);
		for (unsigned k = 0; k < i; k++)
			CHECK(strcmp(p[i].name, p[k].name) != 0);
	}
	sit("", p, n);
	CHECK_EQ(strncmp(p[0].name, "weft-", 5), 0);
}

TEST(threads_are_pinned)
{
	struct portrait p[8];
	cpu_set_t set;
	unsigned n = test_workers();
	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof set, &set);
	sit("pin=1", p, n);
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(p[i].processors, 1);
	sit("pin=0", p, n);
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(p[i].processors, CPU_COUNT(&set));
}

/* Also those that stand in, the first as the next, when those before have ended. */
TEST(threads_that_stand_in_are_pinned)
{
	weft_executor *ex = pool_with("pin=1");
	uint32_t started = 0, word = 0, here = 0;
	struct section s = {.ex = ex, .begins = 1, .started = &started, .word = &word}, *self = &s;
	for (uint32_t round = 1; round <= 3; round++) {
		struct portrait p = {.here = &here}, *at = &p;
		weft_task t[8], probe = {.fn = sit_fn, .arg = &at, .arg_size = sizeof at};
		s.n = round;
		for (unsigned i = 0; i < test_workers(); i++) {
			t[i] = (weft_task){.fn = section_fn, .arg = &self, .arg_size = sizeof self};
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		}
		REQUIRE(test_await(&started, round * test_workers()));
		REQUIRE_EQ(weft_submit(ex, &probe), 0);
		wait_all(&probe, 1);
		CHECK_EQ(p.processors, 1);
		test_set(&word, round);
		wait_all(t, test_workers());
		test_sleep_ms(700); /* in reserve they stay for half a second */
	}
	weft_executor_free(ex);
}

TEST(threads_spin_as_told)
{
	static const char *const spin[] = {"spin=0", "spin=1", "spin=50", "spin=1000000"};
	for (int i = 0; i < 4; i++) {
		weft_executor *ex = pool_with(spin[i]);
		for (int k = 0; k < 100; k++) {
			weft_task t = {.fn = nothing_fn};
			REQUIRE_EQ(weft_submit(ex, &t), 0);
			test_wait(weft_task_future(&t));
			if (k % 10 == 0)
				test_sleep_ms(1);
		}
		weft_executor_free(ex);
	}
}

TEST(threads_refuse_bad_options)
{
	static const struct {
		const char *options;
		int err;
	} bad[] = {
		{"pin=2", -ERANGE},    {"pin=", -EINVAL},         {"pin=yes", -EINVAL},
		{"pin", -EINVAL},      {"spin=1000001", -ERANGE}, {"spin=-1", -EINVAL},
		{"spin=1ms", -EINVAL}, {"queue=0", -ERANGE},      {"queue=1073741825", -ERANGE},
		{"spins=1", -EINVAL},  {"pin=1,pin=1", -EINVAL},
	};
	weft_executor *ex = pool_with(""), *none = NULL;
	weft_executor_free(ex);
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		char spec[80];
		snprintf(spec, sizeof spec, "%s,%s", test_executor_spec(), bad[i].options);
		CHECK_EQ(weft_executor_open(&none, spec), bad[i].err);
		CHECK(!none);
	}
	struct weft_thread_pool_opts o = {.size = sizeof o, .threads = 1, .flags = 2};
	CHECK_EQ(weft_thread_pool_new(&none, &o), -EINVAL);
	o = (struct weft_thread_pool_opts){.size = sizeof o, .threads = 1, .spin = 1000001};
	CHECK_EQ(weft_thread_pool_new(&none, &o), -ERANGE);
	o.spin = WEFT_SPIN_NEVER - 1;
	CHECK_EQ(weft_thread_pool_new(&none, &o), -ERANGE);
	o = (struct weft_thread_pool_opts){.size = sizeof o, .threads = WEFT_WORKERS_MAX + 1};
	CHECK_EQ(weft_thread_pool_new(&none, &o), -ERANGE);
	CHECK(!none);
}
