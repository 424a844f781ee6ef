/* SPDX-License-Identifier: MIT
 *
 * test_process_wait.c -- waiting for a weft_process, from wherever, and among others; and that the program, which
 * never waits for its children by accident, does not notice.
 */
#include "process_kit.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Waiting for it ---- */

TEST(process_fd_is_readable_at_the_end)
{
	int status;
	weft_process *p = start(sleep_fn, NULL, 0, 0, WEFT_START_NURSERY);
	struct pollfd fd = {.fd = weft_process_fd(p), .events = POLLIN};
	CHECK_EQ(poll(&fd, 1, 0), 0);
	weft_process_kill(p);
	CHECK_EQ(poll(&fd, 1, 20000), 1);
	CHECK_EQ(end(p, &status), -SIGKILL);
}

/* A mix of tasks in a pool, threads and processes, waited for by one, by all, and by a completion queue. */
TEST(process_is_a_future_among_others)
{
	uint64_t n = 3, square = 0;
	int status;
	weft_executor *pool = NULL;
	weft_thread *t = NULL;
	weft_cq *cq = NULL;
	weft_future *done = NULL;
	void *tag = NULL;
	weft_task task = {
		.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	weft_task next = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &n, .result_size = 8};
	REQUIRE_EQ(weft_executor_open(&pool, "processes:1"), 0);
	weft_process *slow = start(sleep_fn, NULL, 0, 0, WEFT_START_NURSERY);
	weft_process *fast = start(square_fn, &n, 8, 8, WEFT_START_NURSERY);
	REQUIRE_EQ(weft_thread_start(&t, sleep_fn, NULL, 0, NULL), 0);
	weft_future *f[] = {weft_process_future(slow), weft_thread_future(t), weft_process_future(fast)};
	CHECK_EQ(weft_wait_any(f, 3, test_soon()), 2);
	REQUIRE_EQ(weft_submit(pool, &task), 0);
	f[2] = weft_task_future(&task);
	CHECK_EQ(weft_wait_any(f, 3, test_soon()), 2);
	REQUIRE_EQ(weft_cq_new(&cq), 0);
	REQUIRE_EQ(weft_cq_watch(cq, weft_process_future(slow), &tag), 0);
	REQUIRE_EQ(weft_future_then(weft_process_future(slow), pool, &next), 0);
	CHECK_EQ(weft_cq_next(cq, &done, NULL, 0), -ETIMEDOUT);
	weft_process_terminate(slow);
	CHECK_EQ(weft_cq_next(cq, &done, &tag, test_soon()), 0);
	CHECK(done == weft_process_future(slow) && tag == &tag);
	test_wait(weft_task_future(&next));
	CHECK_EQ(n, 9);
	weft_future_cancel(weft_thread_future(t));
	CHECK_EQ(weft_wait_all(f, 3, test_soon()), 0);
	weft_cq_free(cq);
	CHECK_EQ(weft_thread_join(t, test_soon()), 0);
	weft_thread_free(t);
	CHECK_EQ(end(slow, &status), -SIGTERM);
	CHECK_EQ(end(fast, &status), 0);
	weft_executor_free(pool);
}

static int start_and_join_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t n = *(const uint64_t *)arg;
	struct weft_process_opts o = {.result_size = 8};
	weft_process *p = NULL;
	int code = -1, err = weft_process_start(&p, square_fn, &n, sizeof n, &o);
	const uint64_t *square;
	(void)call;
	if (!err)
		err = weft_process_join(p, test_soon());
	if (!err)
		err = weft_process_exit(p, &code);
	square = err ? NULL : weft_future_result(weft_process_future(p), NULL);
	*(uint64_t *)result = square ? *square : 0;
	weft_process_free(p);
	return err ? err : code;
}

/* A continuation on "inline" runs where the future is finished, and may itself start one and wait. */
TEST(process_started_in_a_continuation)
{
	uint64_t n = 5, square = 0;
	int status;
	weft_process *p = start(sleep_fn, NULL, 0, 0, WEFT_START_NURSERY);
	weft_task next = {
		.fn = start_and_join_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	REQUIRE_EQ(weft_future_then(weft_process_future(p), weft_inline(), &next), 0);
	weft_process_kill(p);
	test_wait(weft_task_future(&next));
	CHECK_EQ(square, 25);
	CHECK_EQ(end(p, &status), -SIGKILL);
}

/* Every executor's tasks may have processes: threads, fibers, and workers. */
static void check_inside(const char *spec, size_t n)
{
	uint64_t in[64], out[64] = {0};
	size_t wrong = 0;
	weft_executor *ex = NULL;
	REQUIRE(n <= 64);
	REQUIRE_EQ(weft_executor_open(&ex, spec), 0);
	for (size_t i = 0; i < n; i++)
		in[i] = i;
	struct weft_map_opts o = {.chunk = 1};
	CHECK_EQ(weft_map(ex, start_and_join_fn, in, 8, out, 8, n, &o), 0);
	for (size_t i = 0; i < n; i++)
		wrong += out[i] != i * i;
	CHECK_EQ(wrong, 0);
	weft_executor_free(ex);
}

TEST(process_started_in_tasks)
{
	check_inside("threads:4", 24);
	check_inside("uring:1", 24);
	check_inside("uring:1,engine=epoll", 24);
	check_inside("processes:2", 8);
}

TEST(process_joined_with_a_deadline)
{
	int status;
	weft_process *p = start(sleep_fn, NULL, 0, 0, WEFT_START_NURSERY);
	CHECK_EQ(weft_process_join(p, 0), -ETIMEDOUT);
	CHECK_EQ(weft_process_join(p, weft_after(WEFT_MS(5))), -ETIMEDOUT);
	CHECK_EQ(weft_process_is_alive(p), 1);
	weft_process_kill(p);
	CHECK_EQ(end(p, &status), -SIGKILL);
}

TEST(process_hundred_at_once)
{
	enum { N = 100 };
	static weft_process *p[N];
	weft_future *f[N];
	int status, wrong = 0;
	for (int i = 0; i < N; i++) {
		p[i] = i % 2 ? start(exit_fn, &i, sizeof i, 0, WEFT_START_NURSERY)
			     : start(sleep_fn, NULL, 0, 0, WEFT_START_NURSERY);
		f[i] = weft_process_future(p[i]);
	}
	for (int i = 0; i < N; i += 2)
		weft_process_terminate(p[i]);
	CHECK_EQ(weft_wait_all(f, N, test_soon()), 0);
	for (int i = 0; i < N; i++)
		wrong += end(p[i], &status) != (i % 2 ? i : -SIGTERM);
	CHECK_EQ(wrong, 0);
}

static void *many_of_them(void *wrong)
{
	for (uint64_t i = 0; i < 20; i++) {
		uint64_t square = 0;
		if (start_and_join_fn(NULL, &i, &square) || square != i * i)
			test_add(wrong, 1);
	}
	return NULL;
}

TEST(process_from_several_threads)
{
	pthread_t thread[4];
	uint32_t wrong = 0;
	for (int i = 0; i < 4; i++)
		REQUIRE_EQ(pthread_create(&thread[i], NULL, many_of_them, &wrong), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	CHECK_EQ(wrong, 0);
}

static int depth_fn(weft_call *call, const void *arg, void *result)
{
	int depth = *(const int *)arg, below = depth - 1, code = 0;
	weft_process *p = NULL;
	(void)call, (void)result;
	if (!depth)
		return 0;
	int err = weft_process_start(&p, depth_fn, &below, sizeof below, NULL);
	if (!err)
		err = weft_process_join(p, test_soon());
	if (!err)
		err = weft_process_exit(p, &code);
	int deeper = err || code ? -EPROTO : weft_future_status(weft_process_future(p));
	weft_process_free(p);
	return err ? err : deeper < 0 ? deeper : deeper + 1;
}

TEST(process_in_a_process_in_a_process)
{
	int depth = 4, status;
	CHECK_EQ(end(start(depth_fn, &depth, sizeof depth, 0, WEFT_START_NURSERY), &status), 0);
	CHECK_EQ(status, 4);
}

/* ---- The program does not notice ---- */

static uint32_t signals;

static void count_signal(int signal)
{
	(void)signal;
	test_add(&signals, 1);
}

/* A fork shows itself for a moment: decision 0004. */
TEST(process_is_no_child_of_the_program)
{
	int status;
	struct sigaction count = {.sa_handler = count_signal}, before, after;
	sigaction(SIGCHLD, &count, NULL);
	sigaction(SIGTERM, NULL, &before);
	for (int i = 0; i < STARTS; i++) {
		if (starts[i] == WEFT_START_FORK)
			continue;
		weft_process *p = start(sleep_fn, NULL, 0, 0, starts[i]);
		CHECK_EQ(waitpid(-1, &status, WNOHANG), -1);
		CHECK_EQ(errno, ECHILD);
		weft_process_kill(p);
		CHECK_EQ(end(p, &status), -SIGKILL);
	}
	CHECK_EQ(waitpid(-1, &status, WNOHANG), -1);
	CHECK_EQ(signals, 0);
	sigaction(SIGTERM, NULL, &after);
	CHECK(before.sa_handler == after.sa_handler);
}

/* Nothing is left once the last process has been over for a moment, and the next one starts all the same. */
TEST(process_after_a_pause)
{
	int status;
	uint64_t n = 2;
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(end(start(square_fn, &n, 8, 8, WEFT_START_NURSERY), &status), 0);
		pid_t pid[4];
		for (int k = 0; k < 2000 && test_processes("weft-nursery", pid, 4); k++)
			test_sleep_ms(5);
		CHECK_EQ(test_processes("weft-nursery", pid, 4), 0);
	}
}

TEST(process_of_a_parent_says_so)
{
	if (TEST_UNDER_TSAN)
		SKIP("the thread sanitizer has no threads in forks");
	int status, code;
	uint64_t n = 3;
	weft_process *p = start(sleep_fn, NULL, 0, 0, WEFT_START_NURSERY);
	pid_t pid = fork();
	if (!pid) {
		uint64_t square = 0;
		bool right = weft_process_join(p, 0) == -ECHILD && weft_process_is_alive(p) == -ECHILD &&
			     weft_process_exit(p, &code) == -ECHILD && weft_process_kill(p) == -ECHILD;
		weft_process_free(p);
		right &= !start_and_join_fn(NULL, &n, &square) && square == 9;
		exit(right ? 0 : 1); /* and does not wait for the parent's */
	}
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	weft_process_kill(p);
	CHECK_EQ(end(p, &status), -SIGKILL);
}
