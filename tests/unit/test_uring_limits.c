/* SPDX-License-Identifier: MIT
 *
 * The executor "uring" at its limits: stacks that are too small, or not to be had, rings that are too small, forks.
 */
#include "uring_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Stacks ---- */

static int deep(int n)
{
	volatile char page[4096];

	page[n] = (char)n; /* an index, or clang makes it smaller */
	return n ? deep(n - 1) + page[n] : 0;
}

static int deep_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	return deep(*(const int *)arg) ? 0 : 1;
}

static int overrun(const char *options, int pages)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		weft_executor *ex = NULL;
		weft_task t = {.fn = deep_fn, .arg = &pages, .arg_size = sizeof pages};
		char spec[64];

		prctl(PR_SET_DUMPABLE, 0);
		signal(SIGSEGV, SIG_DFL);
		snprintf(spec, sizeof spec, "uring:1%s", options);
		if (weft_executor_open(&ex, spec) || weft_submit(ex, &t))
			_exit(1);
		weft_future_wait(weft_task_future(&t), WEFT_FOREVER);
		weft_executor_free(ex);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(a_stack_that_is_too_small_ends_the_process)
{
	if (TEST_SLOW_BUILD)
		SKIP("frames are of other sizes here, and SIGSEGV is the sanitizer's");
	CHECK_EQ(overrun("", 10), 0);
	CHECK_EQ(overrun("", 20), SIGSEGV);
	CHECK_EQ(overrun(",stack=262144", 40), 0);
}

TEST(where_there_is_no_memory_for_a_stack_the_task_says_so)
{
	enum { N = 2000 };
	weft_executor *ex, *other = NULL;
	struct test_hold hold;
	struct rlimit limit = {.rlim_cur = (rlim_t)1 << 30, .rlim_max = RLIM_INFINITY};
	struct crowd crowd = {0}, *c = &crowd;
	weft_task *t;
	int done = 0, refused = 0;

	if (TEST_SLOW_BUILD)
		SKIP("a sanitizer needs more address space");
	ex = open_with("1", "any", ",stack=1048576");
	t = new_tasks(N, wait_at_gate_fn, &c, sizeof c);
	REQUIRE_EQ(weft_executor_open(&other, "threads:1"), 0);
	test_hold_begin(&hold, other, 1);
	crowd.gate = weft_task_future(&hold.task[0]);
	REQUIRE_EQ(setrlimit(RLIMIT_AS, &limit), 0);
	submit_all(ex, t, N);
	REQUIRE_EQ(weft_future_wait(weft_task_future(&t[N - 1]), test_soon()), 0);
	limit.rlim_cur = RLIM_INFINITY;
	REQUIRE_EQ(setrlimit(RLIMIT_AS, &limit), 0);
	test_hold_end(&hold);
	for (int i = 0; i < N; i++) {
		test_wait(weft_task_future(&t[i]));
		done += weft_future_status(weft_task_future(&t[i])) == 0;
		refused += weft_future_status(weft_task_future(&t[i])) == -ENOMEM &&
			   strstr(weft_future_error(weft_task_future(&t[i])), "no stack for a fiber");
	}
	CHECK(done > 100);
	CHECK(refused > 100);
	CHECK_EQ(done + refused, N);
	weft_executor_free(ex);
	weft_executor_free(other);
	free(t);
}

/* ---- Rings that are too small for what they are given ---- */

static int read_one_fn(weft_call *call, const void *arg, void *result)
{
	char c = 0;

	(void)call, (void)result;
	return (int)weft_read(*(const int *)arg, &c, 1);
}

TEST(more_requests_than_a_ring_has_room_for)
{
	enum { READERS = 2000 };
	weft_executor *ex;
	static char bytes[READERS];
	weft_task *t;
	int p[2], flags = 0;

	need_io_uring();
	ex = open_with("1", "io_uring", ",entries=1");
	REQUIRE_EQ(pipe2(p, O_CLOEXEC), 0);
	t = new_tasks(READERS, read_one_fn, &p[0], sizeof p[0]);
	submit_all(ex, t, READERS);
	REQUIRE_EQ(write(p[1], bytes, READERS / 2), READERS / 2);
	while (flags < READERS / 2) {
		flags = 0;
		for (int i = 0; i < READERS; i++)
			flags += weft_future_status(weft_task_future(&t[i])) == 1;
		test_sleep_ms(1);
	}
	close(p[1]); /* the rest end all at once, and the completion queue has room for 8 */
	for (int i = 0; i < READERS; i++) {
		test_wait(weft_task_future(&t[i]));
		flags += weft_future_status(weft_task_future(&t[i])) == 0;
	}
	CHECK_EQ(flags, READERS);
	close(p[0]);
	weft_executor_free(ex);
	free(t);
}

/* ---- Forks ---- */

/* More than a fiber's stack has. */
static int large_frame_fn(weft_call *call, const void *arg, void *result)
{
	volatile char page[1 << 20];

	(void)call, (void)arg, (void)result;
	for (size_t i = 0; i < sizeof page; i += 4096)
		page[i] = 1;
	return page[0];
}

static int open_forked_fn(weft_call *call, const void *arg, void *result)
{
	weft_executor *ex = NULL;
	weft_task t = {.fn = large_frame_fn};
	int err = weft_executor_open(&ex, "processes:1,start=fork");

	(void)call, (void)arg, (void)result;
	if (!err)
		err = weft_submit(ex, &t);
	if (!err)
		err = weft_future_wait(weft_task_future(&t), test_soon());
	weft_executor_free(ex);
	return err ? err : weft_future_status(weft_task_future(&t));
}

TEST(workers_forked_from_a_fiber_have_a_stack_of_their_own)
{
	if (TEST_UNDER_TSAN)
		SKIP("it does not like forks of programs with threads");
	for (int e = first_engine(); e < 2; e++) {
		weft_executor *ex = open_with("1", engines[e], "");
		weft_task t = {.fn = open_forked_fn};

		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), 1);
		weft_executor_free(ex);
	}
}

static int fork_fn(weft_call *call, const void *arg, void *result)
{
	weft_executor *ex = *(weft_executor *const *)arg;
	weft_task t = {.fn = nothing_fn};
	pid_t pid = fork();
	int status = 0;

	(void)call, (void)result;
	if (!pid) {
		char c;
		int p[2];
		/* In the child this is a thread like any other. */
		bool ok = weft_submit(ex, &t) == -ECHILD && !weft_sleep(WEFT_MS(1)) && !pipe(p) &&
			  weft_write(p[1], "x", 1) == 1 && weft_read(p[0], &c, 1) == 1;

		_exit(ok ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return weft_sleep(WEFT_MS(1)) || status ? -EIO : 0;
}

TEST(a_fork_in_a_fiber_does_the_parent_no_harm)
{
	if (TEST_UNDER_TSAN)
		SKIP("it does not like forks of programs with threads");
	for (int e = first_engine(); e < 2; e++) {
		weft_executor *ex = open_with("2", engines[e], "");
		weft_task *t = new_tasks(10, fork_fn, &ex, sizeof ex);

		submit_all(ex, t, 10);
		check_all(t, 10, 0);
		weft_executor_free(ex);
		free(t);
	}
}
