/* SPDX-License-Identifier: MIT
 *
 * test_thread.c -- weft_thread: start, join, name, outcome, cancel, daemons, the end of the program.
 */
#include "harness.h"
#include <weft/weft.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static uint32_t gate, entered;

/* Words of this process, as those of a board. */
static int square_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t n = *(const uint64_t *)arg;
	(void)call;
	*(uint64_t *)result = n * n;
	return 7;
}

static int gate_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	test_add(&entered, 1);
	return test_await(&gate, 1) ? 0 : -ECANCELED;
}

static int fail_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	return weft_call_fail(call, -ENOENT, "no %s", "luck");
}

static int exit_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	if (!weft_call_scratch(call, 64))
		return -ENOMEM;
	weft_blocking_begin();
	pthread_exit(NULL);
}

TEST(thread_runs_and_is_joined)
{
	struct weft_thread_opts o = {.size = sizeof o, .result_size = sizeof(uint64_t)};
	uint64_t n = 12;
	size_t size = 0;
	weft_thread *t = NULL;
	REQUIRE_EQ(weft_thread_start(&t, square_fn, &n, sizeof n, &o), 0);
	n = 0; /* it was copied */
	CHECK_EQ(weft_thread_join(t, test_soon()), 0);
	CHECK_EQ(weft_thread_join(t, 0), 0);
	CHECK_EQ(weft_thread_is_alive(t), 0);
	weft_future *f = weft_thread_future(t);
	CHECK_EQ(weft_future_status(f), 7);
	const uint64_t *result = weft_future_result(f, &size);
	REQUIRE(result != NULL);
	CHECK_EQ(*result, 144);
	CHECK_EQ(size, 8);
	weft_future_ref(f);
	CHECK_EQ(weft_thread_free(t), 0);
	CHECK_EQ(weft_future_status(f), 7);
	weft_future_unref(f);
}

TEST(thread_fails_with_a_text)
{
	weft_thread *t = NULL;
	REQUIRE_EQ(weft_thread_start(&t, fail_fn, NULL, 0, NULL), 0);
	CHECK_EQ(weft_thread_join(t, test_soon()), 0);
	CHECK_EQ(weft_future_status(weft_thread_future(t)), -ENOENT);
	CHECK_EQ(strcmp(weft_future_error(weft_thread_future(t)), "no luck"), 0);
	weft_thread_free(t);
}

TEST(thread_join_has_a_deadline)
{
	weft_thread *t = NULL;
	test_set(&gate, 0);
	REQUIRE_EQ(weft_thread_start(&t, gate_fn, NULL, 0, NULL), 0);
	CHECK_EQ(weft_thread_join(t, 0), -ETIMEDOUT);
	CHECK_EQ(weft_thread_join(t, weft_after(WEFT_MS(1))), -ETIMEDOUT);
	CHECK_EQ(weft_thread_is_alive(t), 1);
	test_set(&gate, 1);
	CHECK_EQ(weft_thread_join(t, test_soon()), 0);
	weft_thread_free(t);
}

struct names {
	char current[WEFT_NAME_MAX + 1], system[16];
};

static int names_fn(weft_call *call, const void *arg, void *result)
{
	struct names *n = result;
	(void)call, (void)arg;
	snprintf(n->current, sizeof n->current, "%s", weft_current_name());
	prctl(PR_GET_NAME, n->system);
	return 0;
}

static void check_name(const char *given, const char *expected)
{
	struct weft_thread_opts o = {.name = given, .result_size = sizeof(struct names)};
	weft_thread *t = NULL;
	REQUIRE_EQ(weft_thread_start(&t, names_fn, NULL, 0, &o), 0);
	CHECK_EQ(weft_thread_join(t, test_soon()), 0);
	const struct names *n = weft_future_result(weft_thread_future(t), NULL);
	REQUIRE(n != NULL);
	CHECK_EQ(strcmp(n->current, expected), 0);
	CHECK_EQ(strcmp(weft_thread_name(t), expected), 0);
	CHECK_EQ(strncmp(n->system, expected, 15), 0);
	weft_thread_free(t);
}

TEST(thread_has_a_name)
{
	char longest[WEFT_NAME_MAX + 2];
	memset(longest, 'x', sizeof longest);
	longest[WEFT_NAME_MAX + 1] = '\0';
	CHECK_EQ(strcmp(weft_current_name(), "main"), 0);
	check_name(NULL, "Thread-1");
	check_name("reader", "reader");
	check_name(NULL, "Thread-2");
	check_name(longest, longest + 1);
	CHECK_EQ(strcmp(weft_current_name(), "main"), 0);
	CHECK_EQ(strcmp(weft_thread_name(NULL), ""), 0);
}

TEST(thread_refuses_nonsense)
{
	struct weft_thread_opts flags = {.flags = 2}, stack = {.stack_size = 1};
	weft_thread *t = NULL;
	CHECK_EQ(weft_thread_start(NULL, gate_fn, NULL, 0, NULL), -EINVAL);
	CHECK_EQ(weft_thread_start(&t, NULL, NULL, 0, NULL), -EINVAL);
	CHECK_EQ(weft_thread_start(&t, gate_fn, NULL, 1, NULL), -EINVAL);
	CHECK_EQ(weft_thread_start(&t, gate_fn, NULL, 0, &flags), -EINVAL);
	CHECK_EQ(weft_thread_start(&t, gate_fn, NULL, 0, &stack), -ERANGE);
	CHECK_EQ(weft_thread_start(&t, gate_fn, &t, SIZE_MAX, NULL), -ENOMEM);
	CHECK(t == NULL);
	CHECK_EQ(weft_thread_join(NULL, 0), -EINVAL);
	CHECK_EQ(weft_thread_is_alive(NULL), -EINVAL);
	CHECK(weft_thread_future(NULL) == NULL);
	CHECK_EQ(weft_thread_free(NULL), 0);
}

static int stack_fn(weft_call *call, const void *arg, void *result)
{
	pthread_attr_t attr;
	void *at;
	(void)call, (void)arg;
	if (pthread_getattr_np(pthread_self(), &attr))
		return -EINVAL;
	pthread_attr_getstack(&attr, &at, result);
	pthread_attr_destroy(&attr);
	return 0;
}

TEST(thread_has_the_stack_it_wants)
{
	struct weft_thread_opts o = {.stack_size = (size_t)3 << 20, .result_size = sizeof(size_t)};
	weft_thread *t = NULL;
	REQUIRE_EQ(weft_thread_start(&t, stack_fn, NULL, 0, &o), 0);
	CHECK_EQ(weft_thread_join(t, test_soon()), 0);
	const size_t *size = weft_future_result(weft_thread_future(t), NULL);
	REQUIRE(size != NULL);
	CHECK(*size >= o.stack_size - ((size_t)1 << 16));
	CHECK(TEST_SLOW_BUILD || *size < (size_t)4 << 20); /* sanitizers add to it */
	weft_thread_free(t);
}

static int mask_fn(weft_call *call, const void *arg, void *result)
{
	sigset_t mask;
	(void)call, (void)arg, (void)result;
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	return sigismember(&mask, SIGUSR1) + 2 * sigismember(&mask, SIGUSR2);
}

TEST(thread_has_the_signal_mask_of_its_starter)
{
	sigset_t set;
	weft_thread *t = NULL;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	REQUIRE_EQ(weft_thread_start(&t, mask_fn, NULL, 0, NULL), 0);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	CHECK_EQ(weft_thread_join(t, test_soon()), 0);
	CHECK_EQ(weft_future_status(weft_thread_future(t)), 2);
	weft_thread_free(t);
}

static int polite_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	test_add(&entered, 1);
	int err = weft_sleep(weft_after(WEFT_SECONDS(100)));
	return weft_call_cancelled(call) ? err : -EPROTO;
}

TEST(thread_can_be_asked_to_give_up)
{
	weft_thread *t = NULL;
	REQUIRE_EQ(weft_thread_start(&t, polite_fn, NULL, 0, NULL), 0);
	REQUIRE(test_await(&entered, 1));
	CHECK_EQ(weft_future_cancel(weft_thread_future(t)), WEFT_CANCEL_ASKED);
	CHECK_EQ(weft_thread_join(t, test_soon()), 0);
	CHECK_EQ(weft_future_status(weft_thread_future(t)), -ECANCELED);
	CHECK_EQ(weft_future_cancel(weft_thread_future(t)), WEFT_CANCEL_LATE);
	weft_thread_free(t);
}

/* pthread_exit, and pthread_cancel: what a body leaves behind does not hold up anybody. */
TEST(thread_ends_before_its_body)
{
	weft_thread *t = NULL;
	REQUIRE_EQ(weft_thread_start(&t, exit_fn, NULL, 0, NULL), 0);
	CHECK_EQ(weft_thread_join(t, test_soon()), 0);
	CHECK_EQ(weft_future_status(weft_thread_future(t)), -EOWNERDEAD);
	CHECK(*weft_future_error(weft_thread_future(t)));
	CHECK(weft_current() == NULL);
	weft_thread_free(t);
}

static weft_thread *self;
static weft_thread *others[2];

static int join_self_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return test_await(&gate, 1) ? weft_thread_join(self, WEFT_FOREVER) : -ETIME;
}

static int join_other_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	return test_await(&gate, 1) ? weft_thread_join(others[*(const int *)arg], WEFT_FOREVER) : -ETIME;
}

TEST(thread_does_not_join_itself)
{
	test_set(&gate, 0);
	REQUIRE_EQ(weft_thread_start(&self, join_self_fn, NULL, 0, NULL), 0);
	test_set(&gate, 1);
	CHECK_EQ(weft_thread_join(self, test_soon()), 0);
	CHECK_EQ(weft_future_status(weft_thread_future(self)), -EDEADLK);
	weft_thread_free(self);
}

TEST(thread_joins_in_a_circle_are_refused)
{
	test_set(&gate, 0);
	for (int i = 0; i < 2; i++) {
		int other = 1 - i;
		REQUIRE_EQ(weft_thread_start(&others[i], join_other_fn, &other, sizeof other, NULL), 0);
	}
	test_set(&gate, 1);
	int refused = 0;
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(weft_thread_join(others[i], test_soon()), 0);
		refused += weft_future_status(weft_thread_future(others[i])) == -EDEADLK;
	}
	CHECK_EQ(refused, 1);
	for (int i = 0; i < 2; i++)
		weft_thread_free(others[i]);
}

static int joiner_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	return weft_thread_join(*(weft_thread *const *)arg, test_soon());
}

/* Many join one: threads, and, where a wait parks, fibers. */
static void check_joiners(const char *spec)
{
	enum { N = 16 };
	weft_task task[N];
	weft_executor *ex = NULL;
	weft_thread *t = NULL;
	test_set(&gate, 0);
	REQUIRE_EQ(weft_executor_open(&ex, spec), 0);
	REQUIRE_EQ(weft_thread_start(&t, gate_fn, NULL, 0, NULL), 0);
	for (int i = 0; i < N; i++) {
		task[i] = (weft_task){.fn = joiner_fn, .arg = &t, .arg_size = sizeof t};
		REQUIRE_EQ(weft_submit(ex, &task[i]), 0);
	}
	test_sleep_ms(5);
	test_set(&gate, 1);
	for (int i = 0; i < N; i++) {
		test_wait(weft_task_future(&task[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&task[i])), 0);
	}
	CHECK_EQ(weft_thread_join(t, 0), 0);
	weft_thread_free(t);
	weft_executor_free(ex);
}

TEST(thread_joined_by_many)
{
	check_joiners("threads:4");
	check_joiners("uring:1");
	check_joiners("uring:1,engine=epoll");
}

TEST(thread_freed_before_its_end)
{
	weft_thread *t = NULL;
	test_set(&gate, 0);
	REQUIRE_EQ(weft_thread_start(&t, gate_fn, NULL, 0, NULL), 0);
	weft_future *f = weft_future_ref(weft_thread_future(t));
	weft_thread_free(t);
	CHECK_EQ(weft_future_status(f), -EINPROGRESS);
	test_set(&gate, 1);
	test_wait(f);
	CHECK_EQ(weft_future_status(f), 0);
	weft_future_unref(f);
}

TEST(thread_is_a_future_among_others)
{
	struct weft_thread_opts o = {.result_size = 8};
	uint64_t n = 3;
	weft_thread *slow = NULL, *fast = NULL;
	weft_task next = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &n, .result_size = 8};
	test_set(&gate, 0);
	REQUIRE_EQ(weft_thread_start(&slow, gate_fn, NULL, 0, NULL), 0);
	REQUIRE_EQ(weft_thread_start(&fast, square_fn, &n, sizeof n, &o), 0);
	weft_future *f[] = {weft_thread_future(slow), weft_thread_future(fast)};
	CHECK_EQ(weft_wait_any(f, 2, test_soon()), 1);
	CHECK_EQ(weft_future_then(f[0], weft_inline(), &next), 0);
	CHECK_EQ(weft_future_status(weft_task_future(&next)), -EINPROGRESS);
	test_set(&gate, 1);
	CHECK_EQ(weft_thread_join(slow, test_soon()), 0);
	test_wait(weft_task_future(&next));
	CHECK_EQ(n, 9);
	weft_thread_free(slow);
	weft_thread_free(fast);
}

TEST(thread_of_a_parent_says_so)
{
	if (TEST_UNDER_TSAN)
		SKIP("the thread sanitizer has no threads in forks");
	weft_thread *t = NULL;
	int status;
	test_set(&gate, 0);
	REQUIRE_EQ(weft_thread_start(&t, gate_fn, NULL, 0, NULL), 0);
	/* The address sanitizer holds a lock while a thread begins, which a fork would have for ever. */
	REQUIRE(test_await(&entered, 1));
	pid_t pid = fork();
	if (!pid) {
		bool right = weft_thread_join(t, 0) == -ECHILD && weft_thread_is_alive(t) == -ECHILD;
		weft_thread_free(t);
		test_set(&gate, 1);
		right &= !weft_thread_start(&t, gate_fn, NULL, 0, NULL) && !weft_thread_join(t, test_soon());
		weft_thread_free(t);
		exit(right ? 0 : 1); /* and does not wait for the parent's */
	}
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	test_set(&gate, 1);
	CHECK_EQ(weft_thread_join(t, test_soon()), 0);
	weft_thread_free(t);
}

/* ---- The end of the program ---- */

static uint32_t *board;

static int late_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	while (!test_get(&board[0])) /* until the program is in exit() */
		test_sleep_ms(1);
	test_sleep_ms(20);
	test_set(&board[1], 1);
	return 0;
}

static void in_exit(void)
{
	test_set(&board[0], 1);
}

static int exit_here_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	exit(33);
}

/* A program that starts a thread with these flags, and ends: how? */
static int run_program(uint32_t flags, weft_fn *fn)
{
	struct weft_thread_opts o = {.flags = flags};
	weft_thread *t;
	test_ref ref;
	int status = -1;
	board = test_board(&ref);
	pid_t pid = fork();
	if (!pid) {
		if (weft_thread_start(&t, fn, NULL, 0, &o))
			_exit(99);
		atexit(in_exit); /* runs before the library's */
		weft_thread_free(t);
		if (fn == exit_here_fn)
			pause();
		exit(33);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(thread_holds_up_the_end_of_the_program)
{
	CHECK_EQ(run_program(0, late_fn), 33);
	CHECK_EQ(test_get(&board[1]), 1);
}

TEST(thread_that_is_a_daemon_does_not)
{
	CHECK_EQ(run_program(WEFT_DAEMON, gate_fn), 33);
}

TEST(thread_may_end_the_program)
{
	CHECK_EQ(run_program(0, exit_here_fn), 33);
}
