/* SPDX-License-Identifier: MIT
 *
 * contract_env.c -- opening executors by a text, good and bad, or by the environment; their names, what they
 * can do, and statistics that add up.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

static void check_use(weft_executor *ex)
{
	uint64_t n = 5, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(square, 25);
}

static void check_name(const char *spec, const char *name)
{
	weft_executor *ex = NULL;
	int err = weft_executor_open(&ex, spec);
	if (err != 0)
		fprintf(stderr, "spec \"%s\": %s\n", spec, weft_strerror(err));
	REQUIRE_EQ(err, 0);
	if (strcmp(weft_executor_name(ex), name) != 0)
		fprintf(stderr, "name is \"%s\", not \"%s\"\n", weft_executor_name(ex), name);
	CHECK_EQ(strcmp(weft_executor_name(ex), name), 0);
	check_use(ex);
	weft_executor_free(ex);
}

TEST(env_good_specs)
{
	char threads[32], processes[32];
	snprintf(threads, sizeof threads, "threads:%u", weft_cpu_count());
	snprintf(processes, sizeof processes, "processes:%u", weft_cpu_count());
	check_name("inline", "inline");
	check_name("threads", threads);
	check_name("threads:1", "threads:1");
	check_name("threads,queue=1", threads);
	check_name("threads:2,queue=1073741824", "threads:2");
	check_name("threads:2,name=mine", "mine");
	check_name("threads:2,queue=7,name=more-than-fifteen-bytes", "more-than-fifteen-bytes");
	check_name("threads:2,name=mine,queue=7", "mine");
	check_name("uring:2,name=mine,queue=7", "mine");
	check_name("uring:1,name=mine,stack=16384,slack=0,entries=1,engine=epoll", "mine");
	check_name("processes", processes);
	check_name("processes:1", "processes:1");
	check_name("processes:1,start=nursery", "processes:1");
	check_name("processes:1,start=spawn", "processes:1");
	check_name("processes:1,max_rss=1048576,max_cpu=1000000,max_files=1048576,nice=19", "processes:1");
	check_name("processes:1,max_files=16,nice=0,pin=0,sandbox=0", "processes:1");
#if !defined(__SANITIZE_ADDRESS__) && !TEST_UNDER_TSAN /* which need more */
	check_name("processes:1,max_memory=1048576", "processes:1");
#endif
	check_name("processes:1,pin=1,max_cpu=1", "processes:1");
	check_name("processes:2,name=workers", "workers");
	check_name("processes:1,queue=9,max_tasks=3,slot=128,name=x", "x");
	if (!TEST_UNDER_TSAN)
		check_name("processes:2,start=fork,queue=9", "processes:2");
}

/* One that is not a number is -EINVAL, a number outside the limits -ERANGE. */
struct bad_spec {
	const char *spec;
	int err;
};

static void check_bad_specs(const struct bad_spec *bad, size_t n)
{
	weft_executor *const untouched = weft_inline(), *ex = untouched;
	for (size_t i = 0; i < n; i++) {
		int err = weft_executor_open(&ex, bad[i].spec);
		if (err != bad[i].err)
			fprintf(stderr, "spec \"%s\":\n", bad[i].spec);
		CHECK_EQ(err, bad[i].err);
		CHECK(ex == untouched);
	}
}

TEST(env_bad_specs)
{
	static const struct bad_spec bad[] = {
		{"", -EINVAL},
		{"thread", -EINVAL},
		{"threadss", -EINVAL},
		{"Threads", -EINVAL},
		{" threads", -EINVAL},
		{"threads ", -EINVAL},
		{"threads:", -EINVAL},
		{"threads:x", -EINVAL},
		{"threads:8x", -EINVAL},
		{"threads: 8", -EINVAL},
		{"threads:-1", -EINVAL},
		{"threads:+1", -EINVAL},
		{"threads:0x10", -EINVAL},
		{"threads:1.5", -EINVAL},
		{"threads:8,", -EINVAL},
		{"threads,", -EINVAL},
		{"threads:8,,queue=3", -EINVAL},
		{"threads:8,queue", -EINVAL},
		{"threads:8,queue=", -EINVAL},
		{"threads:8,queue=x", -EINVAL},
		{"threads:8,bogus=1", -EINVAL},
		{"threads:8,start=fork", -EINVAL},
		{"threads:8,max_tasks=1", -EINVAL},
		{"threads:8:8", -EINVAL},
		{"threads;queue=3", -EINVAL},
		{"inline:2", -EINVAL},
		{"inline,queue=2", -EINVAL},
		{"processes:2,start=", -EINVAL},
		{"processes:2,start=spawned", -EINVAL},
		{"processes:2,slot=big", -EINVAL},
		{"threads:0", -ERANGE},
		{"threads:1025", -ERANGE},
		{"threads:4294967297", -ERANGE},
		{"threads:99999999999999999999999", -ERANGE},
		{"threads:8,queue=0", -ERANGE},
		{"threads:8,queue=1073741825", -ERANGE},
		{"processes:0", -ERANGE},
		{"processes:1025", -ERANGE},
		{"processes:1,queue=0", -ERANGE},
		{"processes:1,slot=63", -ERANGE},
		{"processes:1,slot=268435457", -ERANGE},
		{"processes:1,max_tasks=4294967296", -ERANGE},
		{"processes:1,max_rss=0", -ERANGE},
		{"processes:1,max_rss=1048577", -ERANGE},
		{"processes:1,max_cpu=0", -ERANGE},
		{"processes:1,max_cpu=1000001", -ERANGE},
		{"processes:1,max_files=7", -ERANGE},
		{"processes:1,max_files=1048577", -ERANGE},
		{"processes:1,max_memory=0", -ERANGE},
		{"processes:1,max_memory=1048577", -ERANGE},
		{"processes:1,nice=20", -ERANGE},
		{"processes:1,pin=2", -ERANGE},
		{"processes:1,sandbox=2", -ERANGE},
		{"processes:1,nice=-1", -EINVAL},
		{"processes:1,sandbox=yes", -EINVAL},
		{"processes:1,sandbox=1,start=fork", -EINVAL},
		{"threads:1,sandbox=1", -EINVAL},
		{"threads:1,max_rss=1", -EINVAL},
		{"mpi:0", -ERANGE},
		{"mpi:2,slot=64", -EINVAL},
		{"mpi,patience=99", -ERANGE},
		{"mpi,root=2", -ERANGE},
		{"mpi,queue=0", -ERANGE},
	};
	check_bad_specs(bad, sizeof bad / sizeof *bad);
	CHECK_EQ(weft_executor_open(NULL, "inline"), -EINVAL);
}

TEST(env_bad_specs_of_uring)
{
	static const struct bad_spec bad[] = {
		{"uring:0", -ERANGE},
		{"uring:1025", -ERANGE},
		{"uring:1,queue=0", -ERANGE},
		{"uring:1,stack=16383", -ERANGE},
		{"uring:1,stack=67108865", -ERANGE},
		{"uring:1,slack=1000001", -ERANGE},
		{"uring:1,entries=0", -ERANGE},
		{"uring:1,entries=32769", -ERANGE},
		{"uring:1,engine=kqueue", -EINVAL},
		{"uring:1,threads=2", -EINVAL},
	};
	check_bad_specs(bad, sizeof bad / sizeof *bad);
}

/* By the kind and the number; "uring" adds its engine, which may have been asked for or not. */
static bool is_named_as_asked(weft_executor *ex)
{
	const char *spec = test_executor_spec();
	size_t n = strcspn(spec, ",");

	if (test_is_mpi()) /* of how many ranks, it says itself */
		return !strncmp(weft_executor_name(ex), "mpi:", 4);
	if (!test_is_uring())
		return !strcmp(weft_executor_name(ex), spec);
	return !strncmp(weft_executor_name(ex), spec, n) && !strncmp(weft_executor_name(ex) + n, " (", 2);
}

TEST(env_variable)
{
	weft_executor *ex = NULL, *const untouched = weft_inline();
	char threads[32];
	snprintf(threads, sizeof threads, "threads:%u", weft_cpu_count());
	REQUIRE_EQ(unsetenv("WEFT_EXECUTOR"), 0);
	REQUIRE_EQ(weft_executor_open(&ex, NULL), 0);
	CHECK_EQ(strcmp(weft_executor_name(ex), threads), 0);
	weft_executor_free(ex);
	REQUIRE_EQ(setenv("WEFT_EXECUTOR", "", 1), 0);
	REQUIRE_EQ(weft_executor_open(&ex, NULL), 0);
	CHECK_EQ(strcmp(weft_executor_name(ex), threads), 0);
	weft_executor_free(ex);
	REQUIRE_EQ(setenv("WEFT_EXECUTOR", test_executor_spec(), 1), 0);
	REQUIRE_EQ(weft_executor_open(&ex, NULL), 0);
	CHECK(is_named_as_asked(ex));
	check_use(ex);
	weft_executor_free(ex);
	REQUIRE_EQ(weft_executor_open(&ex, "inline"), 0);
	CHECK_EQ(strcmp(weft_executor_name(ex), "inline"), 0);
	weft_executor_free(ex);
	ex = untouched;
	REQUIRE_EQ(setenv("WEFT_EXECUTOR", "theads", 1), 0);
	CHECK_EQ(weft_executor_open(&ex, NULL), -EINVAL);
	CHECK(ex == untouched);
}

TEST(env_name_and_caps)
{
	weft_executor *ex = test_executor();
	unsigned caps = weft_executor_caps(ex);
	bool processes = strncmp(test_executor_spec(), "processes", 9) == 0;
	CHECK(is_named_as_asked(ex));
	if (test_is_mpi())
		caps &= ~(unsigned)WEFT_CAP_REMOTE; /* if there are other ranks */
	CHECK_EQ(caps, processes || test_is_mpi() ? WEFT_CAP_KILL
		       : test_is_uring()          ? WEFT_CAP_LOCAL | WEFT_CAP_FIBERS
						  : WEFT_CAP_LOCAL);
	CHECK_EQ(weft_executor_caps(NULL), 0);
	CHECK_EQ(strlen(weft_executor_name(NULL)), 0);
	CHECK_EQ(weft_executor_caps(weft_inline()), WEFT_CAP_LOCAL);
	CHECK_EQ(strcmp(weft_executor_name(weft_inline()), "inline"), 0);
	weft_executor_free(ex);
}

static void run_some(weft_executor *ex, const test_ref *ref, int32_t status, weft_time deadline, int n)
{
	struct test_mark mark = {.ref = *ref, .word = 5, .status = status};
	for (int i = 0; i < n; i++) {
		weft_task t = {.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		t.deadline = deadline;
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
	}
}

TEST(env_stats_add_up)
{
	weft_executor *ex = test_executor();
	struct weft_stats s;
	test_ref ref;
	test_board(&ref);
	memset(&s, 0xff, sizeof s);
	REQUIRE_EQ(weft_executor_stats(ex, &s), 0);
	CHECK_EQ(s.submitted, 0);
	CHECK_EQ(s.completed, 0);
	CHECK_EQ(s.queued, 0);
	CHECK_EQ(s.running, 0);
	CHECK_EQ(s.deaths, 0);
	run_some(ex, &ref, 0, 0, 10);
	run_some(ex, &ref, 7, WEFT_FOREVER, 2);
	run_some(ex, &ref, -EIO, 0, 3);
	run_some(ex, &ref, 0, 1, 4);
	REQUIRE_EQ(weft_executor_stats(ex, &s), 0);
	CHECK_EQ(s.submitted, 19);
	CHECK_EQ(s.completed, 19);
	CHECK_EQ(s.failed, 3);
	CHECK_EQ(s.cancelled, 0);
	CHECK_EQ(s.timed_out, 4);
	CHECK_EQ(s.died, 0);
	CHECK_EQ(s.queued, 0);
	CHECK_EQ(s.running, 0);
	CHECK_EQ(weft_executor_stats(NULL, &s), -EINVAL);
	CHECK_EQ(weft_executor_stats(ex, NULL), -EINVAL);
	weft_task bad = {.fn = NULL};
	CHECK_EQ(weft_submit(ex, &bad), -EINVAL);
	REQUIRE_EQ(weft_executor_stats(ex, &s), 0);
	CHECK_EQ(s.submitted, 19);
	weft_executor_free(ex);
}

TEST(env_stats_of_queued_and_running)
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	struct weft_stats s;
	weft_task t[6];
	unsigned queued = test_is_inline() ? 0 : 6;
	test_hold_begin(&hold, ex, test_workers());
	struct test_mark mark = {.ref = hold.ref, .word = 5};
	for (unsigned i = 0; i < queued; i++) {
		t[i] = (weft_task){.fn = test_mark_fn, .arg = &mark, .arg_size = sizeof mark};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	REQUIRE_EQ(weft_executor_stats(ex, &s), 0);
	CHECK_EQ(s.running, test_workers());
	CHECK_EQ(s.queued, queued);
	CHECK_EQ(s.completed, 0);
	CHECK_EQ(s.submitted, queued + test_workers());
	if (!test_is_inline())
		CHECK_EQ(s.workers, test_workers());
	for (unsigned i = 0; i < queued; i += 2)
		CHECK_EQ(weft_future_cancel(weft_task_future(&t[i])), WEFT_CANCEL_DROPPED);
	REQUIRE_EQ(weft_executor_stats(ex, &s), 0);
	CHECK_EQ(s.queued, queued / 2);
	CHECK_EQ(s.cancelled, queued / 2);
	CHECK_EQ(s.completed, queued / 2);
	test_hold_end(&hold);
	test_stop(ex, WEFT_STOP_DRAIN);
	REQUIRE_EQ(weft_executor_stats(ex, &s), 0);
	CHECK_EQ(s.completed, queued + test_workers());
	CHECK_EQ(s.cancelled, queued / 2);
	CHECK_EQ(s.queued + s.running, 0);
	weft_executor_free(ex);
}

TEST(env_options_of_threads)
{
	struct {
		struct weft_thread_pool_opts o;
		char later[64];
	} longer = {.o = {.size = sizeof longer, .threads = 1}};
	weft_executor *ex = NULL;
	REQUIRE_EQ(weft_thread_pool_new(&ex, NULL), 0);
	check_use(ex);
	weft_executor_free(ex);
	struct weft_thread_pool_opts o = {.threads = 3, .queue = 5, .name = "three"};
	REQUIRE_EQ(weft_thread_pool_new(&ex, &o), 0);
	CHECK_EQ(strcmp(weft_executor_name(ex), "three"), 0);
	check_use(ex);
	weft_executor_free(ex);
	REQUIRE_EQ(weft_thread_pool_new(&ex, &longer.o), 0);
	weft_executor_free(ex);
	ex = NULL;
	longer.later[60] = 1;
	CHECK_EQ(weft_thread_pool_new(&ex, &longer.o), -EINVAL);
	o.threads = WEFT_WORKERS_MAX + 1;
	CHECK_EQ(weft_thread_pool_new(&ex, &o), -ERANGE);
	o.threads = 1;
	o.queue = (1u << 30) + 1;
	CHECK_EQ(weft_thread_pool_new(&ex, &o), -ERANGE);
	CHECK_EQ(weft_thread_pool_new(NULL, NULL), -EINVAL);
	CHECK(ex == NULL);
}

TEST(env_options_of_processes)
{
	struct weft_process_pool_opts o = {.workers = 1, .name = "one", .slot_size = 64, .queue = 3};
	weft_executor *ex = NULL;
	REQUIRE_EQ(weft_process_pool_new(&ex, NULL), 0);
	check_use(ex);
	weft_executor_free(ex);
	o.size = sizeof o;
	o.slot_size = 128;
	REQUIRE_EQ(weft_process_pool_new(&ex, &o), 0);
	CHECK_EQ(strcmp(weft_executor_name(ex), "one"), 0);
	check_use(ex);
	weft_executor_free(ex);
	ex = NULL;
	o.workers = WEFT_WORKERS_MAX + 1;
	CHECK_EQ(weft_process_pool_new(&ex, &o), -ERANGE);
	o.workers = 1;
	o.slot_size = 63;
	CHECK_EQ(weft_process_pool_new(&ex, &o), -ERANGE);
	o.slot_size = 0;
	o.queue = (1u << 30) + 1;
	CHECK_EQ(weft_process_pool_new(&ex, &o), -ERANGE);
	o.queue = 0;
	o.flags = 4;
	CHECK_EQ(weft_process_pool_new(&ex, &o), -EINVAL);
	o.flags = 0;
	o.max_files = 7;
	CHECK_EQ(weft_process_pool_new(&ex, &o), -ERANGE);
	o.max_files = 0;
	o.nice = 20;
	CHECK_EQ(weft_process_pool_new(&ex, &o), -ERANGE);
	o.nice = 0;
	o.max_cpu = 1000001;
	CHECK_EQ(weft_process_pool_new(&ex, &o), -ERANGE);
	o.max_cpu = 0;
	o.max_rss = (1u << 20) + 1;
	CHECK_EQ(weft_process_pool_new(&ex, &o), -ERANGE);
	o.max_rss = 0;
	o.max_memory = (1u << 20) + 1;
	CHECK_EQ(weft_process_pool_new(&ex, &o), -ERANGE);
	o.max_memory = 0;
	o.start = (enum weft_start)9;
	int err = weft_process_pool_new(&ex, &o);
	CHECK(err == -EINVAL || err == -ERANGE);
	CHECK_EQ(weft_process_pool_new(NULL, NULL), -EINVAL);
	CHECK(ex == NULL);
}

TEST(env_words)
{
	CHECK(weft_cpu_count() >= 1 && weft_cpu_count() <= WEFT_WORKERS_MAX);
	CHECK(weft_version() >= WEFT_VERSION);
	CHECK_EQ(strcmp(weft_strerror(-EOWNERDEAD), "worker died"), 0);
	CHECK_EQ(strcmp(weft_strerror(EOWNERDEAD), "worker died"), 0);
	CHECK_EQ(strcmp(weft_strerror(-EXDEV), "other address space"), 0);
	CHECK_EQ(strcmp(weft_strerror(0), "success"), 0);
	CHECK(strlen(weft_strerror(-12345)) > 0);
	CHECK(strlen(weft_strerror(INT32_MIN)) > 0);
}
