/* SPDX-License-Identifier: MIT
 *
 * test_thread_seats.c -- who sleeps and who is woken: one thread for one task, none without; a permit that comes
 * too late; a stop while a thread looks for work.
 *
 * thread_seats.c is compiled into this program, in place of the library's, so that threads can be held at the
 * moment when they have waited in reserve for long enough.
 */
#include "harness.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "thread_parts.h"

static int park(struct weft__parker *p, weft_time deadline);
#define weft__park park
#include "thread_seats.c"
#undef weft__park

static uint32_t asleep;            /* threads that sleep until somebody wakes them */
static uint32_t timed_out, let_go; /* in reserve: how many have, and may go on */

static bool await_word(const uint32_t *word, uint32_t value)
{
	for (weft_time end = test_soon(); test_get(word) != value; sched_yield())
		if (weft_now() >= end)
			return false;
	return true;
}

static int park(struct weft__parker *p, weft_time deadline)
{
	int err;

	if (deadline == WEFT_FOREVER)
		test_add(&asleep, 1);
	err = weft__park(p, deadline);
	if (deadline == WEFT_FOREVER)
		test_add(&asleep, (uint32_t)-1);
	if (err) {
		test_add(&timed_out, 1);
		await_word(&let_go, 1);
	}
	return err;
}

static struct thread_pool *pool_open(weft_executor **ret, const char *spec)
{
	REQUIRE_EQ(weft_executor_open(ret, spec), 0);
	return (*ret)->self;
}

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

static void run_one(weft_executor *ex)
{
	weft_task t = {.fn = nothing_fn};

	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
}

/* ---- One thread for one task ---- */

static uint64_t sleeps(weft_executor *ex, unsigned n)
{
	struct weft_worker_stats w[8];
	uint64_t sum = 0;

	REQUIRE_EQ(weft_thread_pool_workers(ex, w, 8), n);
	for (unsigned i = 0; i < n; i++)
		sum += w[i].sleeps;
	return sum;
}

TEST(one_task_wakes_one_thread)
{
	enum { TASKS = 200 };
	weft_executor *ex;
	uint64_t before;

	pool_open(&ex, "threads:8,spin=0");
	REQUIRE(await_word(&asleep, 8));
	before = sleeps(ex, 8);
	for (int i = 0; i < TASKS; i++) {
		run_one(ex);
		REQUIRE(await_word(&asleep, 8));
	}
	CHECK_EQ(sleeps(ex, 8) - before, TASKS);
	weft_executor_free(ex);
}

/* ---- None without ---- */

/* How often the pool's threads have given up a processor, or lost it. */
static uint64_t switches(void)
{
	char path[300], line[128];
	uint64_t sum = 0;
	DIR *dir = opendir("/proc/self/task");

	REQUIRE(dir != NULL);
	for (struct dirent *e; (e = readdir(dir));) {
		unsigned long long n;
		bool ours = false;
		FILE *status;
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
		status = fopen(path, "r");
		while (status && fgets(line, sizeof line, status)) {
			const char *at = strstr(line, "ctxt_switches:");
			ours = ours || strncmp(line, "Name:\tbee-", 10) == 0;
			if (ours && at && sscanf(at, "ctxt_switches: %llu", &n) == 1)
				sum += n;
		}
		if (status)
			fclose(status);
	}
	closedir(dir);
	return sum;
}

/* Neither does a thread look now and then, nor has one gone on looking. */
TEST(without_work_nobody_wakes)
{
	weft_executor *ex;
	uint64_t before;

	pool_open(&ex, "threads:8,name=bee");
	for (int i = 0; i < 100; i++)
		run_one(ex);
	REQUIRE(await_word(&asleep, 8));
	test_sleep_ms(100); /* from the word to the sleep */
	before = switches();
	CHECK(before >= 8);
	test_sleep_ms(500);
	CHECK_EQ(switches(), before);
	weft_executor_free(ex);
}

/* ---- A permit that comes too late ---- */

struct steps {
	uint32_t started, go_on, in_section, leave;
	bool section_first;
};

/* Waits for go_on and for leave; between the two, or from the beginning on, it is in a section. */
static int steps_fn(weft_call *call, const void *arg, void *result)
{
	struct steps *s = *(struct steps *const *)arg;

	(void)call, (void)result;
	if (s->section_first)
		weft_blocking_begin();
	test_add(&s->started, 1);
	test_await(&s->go_on, 1);
	if (!s->section_first)
		weft_blocking_begin();
	test_add(&s->in_section, 1);
	test_await(&s->leave, 1);
	return 0;
}

/* A thread has waited in reserve for as long as it may, and before it can leave it is called up. Its permit must
 * not stay, or it finds itself awake while the pool has it among the sleepers. */
TEST(a_late_permit_does_not_stay)
{
	static struct steps first = {.section_first = true}, second;
	struct steps *at[2] = {&first, &second};
	weft_executor *ex;
	struct thread_pool *p = pool_open(&ex, "threads:1,spin=0");
	weft_task a = {.fn = steps_fn, .arg = &at[0], .arg_size = sizeof at[0]};
	weft_task b = {.fn = steps_fn, .arg = &at[1], .arg_size = sizeof at[1]};
	weft_task c = {.fn = nothing_fn};

	REQUIRE_EQ(weft_submit(ex, &a), 0);
	REQUIRE(test_await(&first.started, 1));
	REQUIRE_EQ(weft_submit(ex, &b), 0); /* another thread takes the place of a's */
	REQUIRE(test_await(&second.started, 1));
	test_set(&first.go_on, 1);
	test_set(&first.leave, 1); /* a's goes into reserve */
	REQUIRE(await_word(&timed_out, 1));
	test_set(&second.go_on, 1);
	REQUIRE(test_await(&second.in_section, 1));
	REQUIRE_EQ(weft_submit(ex, &c), 0); /* and is called up */
	CHECK_EQ(weft_future_status(weft_task_future(&c)), -EINPROGRESS);
	test_set(&let_go, 1);
	test_wait(weft_task_future(&c));
	for (int i = 0; i < 3; i++) {
		REQUIRE(await_word(&asleep, 1));
		run_one(ex);
	}
	REQUIRE(await_word(&asleep, 1));
	weft__lock(&p->lock);
	CHECK_EQ(p->asleep, 1);
	CHECK(p->sleeping && list_after(p->sleeping, p->sleeping) == NULL);
	weft__unlock(&p->lock);
	test_set(&second.leave, 1);
	test_wait(weft_task_future(&b));
	weft_executor_free(ex);
}

/* ---- A stop while a thread looks for work ---- */

static bool searched(struct thread_pool *p)
{
	return atom_load(&p->idlers, relaxed) >= IDLERS_SEARCHING;
}

/* An hour of it. The test's own time limit is what would end it. */
static void stop_while_searching(const char *spec, unsigned n)
{
	weft_executor *ex;
	struct thread_pool *p = pool_open(&ex, spec);

	REQUIRE(await_word(&asleep, n));
	weft__lock(&p->lock);
	for (unsigned i = 0; i < n; i++)
		p->worker[i].spinner.most = 3600 * WEFT_SECONDS(1);
	weft__unlock(&p->lock);
	run_one(ex);
	/* Where there is one processor, nobody looks. */
	for (weft_time end = test_soon(); weft_cpu_count() > 1 && !searched(p) && weft_now() < end;)
		sched_yield();
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, WEFT_FOREVER), 0);
	weft_executor_free(ex);
	CHECK_EQ(test_get(&asleep), 0);
}

TEST(a_stop_does_not_wait_for_a_search)
{
	stop_while_searching("threads:1,spin=1", 1);
	stop_while_searching("threads:2,spin=1", 2);
	stop_while_searching("threads:8,spin=1", 8);
}
