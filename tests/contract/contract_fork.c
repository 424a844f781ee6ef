/* SPDX-License-Identifier: MIT
 *
 * contract_fork.c -- the application forks while an executor runs: in the child every call answers at once
 * with -ECHILD, freeing frees local memory only, new executors work; the parent notices nothing.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/weft.h>

#include "harness.h"

enum { FORKS = 50 };

/* What the parent made before it forked. */
struct before {
	weft_executor *ex;
	weft_future *unfinished;
	weft_future *heap;
	weft_task *done;
	weft_cq *q;
	bool everything; /* free it all, and make something new */
};

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

static int range_fn(weft_call *call, size_t begin, size_t end, void *ctx)
{
	(void)call, (void)begin, (void)end, (void)ctx;
	return 0;
}

/* In the child: the number of the first expectation that fails is its exit status. */
#define EXPECT(number, cond)                                                                                 \
	do {                                                                                                 \
		if (!(cond))                                                                                 \
			return number;                                                                       \
	} while (0)

static int child_submits(const struct before *b)
{
	uint64_t n = 3, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	weft_future *f = NULL;
	size_t accepted = 7;
	weft_group g = {.ex = b->ex};
	EXPECT(1, weft_submit(b->ex, &t) == -ECHILD);
	EXPECT(2, weft_submit_wait(b->ex, &t, WEFT_FOREVER) == -ECHILD);
	EXPECT(3, weft_submit_many(b->ex, &t, 1, &accepted) == -ECHILD && accepted == 0);
	EXPECT(4, weft_async(b->ex, nothing_fn, NULL, 0, 0, &f) == -ECHILD && f == NULL);
	EXPECT(5, weft_map(b->ex, test_square_fn, &n, 8, &square, 8, 1, NULL) == -ECHILD);
	if (weft_executor_caps(b->ex) & WEFT_CAP_LOCAL)
		EXPECT(6, weft_for(b->ex, range_fn, 0, 9, 1, NULL) == -ECHILD);
	EXPECT(7, weft_group_submit(&g, &t) == -ECHILD);
	EXPECT(8, weft_future_status(weft_task_future(&t)) == -EINVAL);
	EXPECT(9, square == 0);
	return 0;
}

static int child_waits(const struct before *b)
{
	struct weft_stats stats;
	EXPECT(10, weft_future_wait(b->unfinished, WEFT_FOREVER) == -ECHILD);
	EXPECT(11, weft_future_wait(b->unfinished, 0) == -ECHILD);
	EXPECT(12, weft_wait_all(&b->unfinished, 1, WEFT_FOREVER) == -ECHILD);
	EXPECT(13, weft_wait_any(&b->unfinished, 1, WEFT_FOREVER) == -ECHILD);
	EXPECT(14, weft_future_cancel(b->unfinished) == WEFT_CANCEL_LATE);
	EXPECT(15, weft_executor_stop(b->ex, WEFT_STOP_DRAIN, WEFT_FOREVER) == -ECHILD);
	EXPECT(16, weft_executor_stop(b->ex, WEFT_STOP_KILL, WEFT_FOREVER) == -ECHILD);
	EXPECT(17, weft_executor_stats(b->ex, &stats) == -ECHILD);
	EXPECT(18, weft_cq_next(b->q, NULL, NULL, WEFT_FOREVER) == -ECHILD);
	EXPECT(19, weft_cq_watch(b->q, b->unfinished, NULL) == -ECHILD);
	EXPECT(20, strlen(weft_executor_name(b->ex)) > 0);
	EXPECT(21, weft_future_status(weft_task_future(b->done)) == 0);
	return 0;
}

static int child_makes(const char *spec)
{
	uint64_t n = 3, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	weft_executor *ex = NULL;
	EXPECT(30, weft_executor_open(&ex, spec) == 0);
	EXPECT(31, weft_submit(ex, &t) == 0);
	EXPECT(32, weft_future_wait(weft_task_future(&t), test_soon()) == 0);
	EXPECT(33, square == 9);
	weft_executor_free(ex);
	return 0;
}

static int child(const struct before *b)
{
	int wrong = b->ex == weft_inline() ? 0 : child_submits(b);
	if (wrong == 0 && b->ex != weft_inline())
		wrong = child_waits(b);
	if (wrong != 0 || !b->everything)
		return wrong;
	weft_cq_free(b->q);
	weft_executor_free(b->ex);
	weft_future_unref(b->heap);
	wrong = child_makes("inline");
	if (wrong == 0 && !TEST_UNDER_TSAN)
		wrong = child_makes("threads:2");
	if (wrong == 0 && !TEST_UNDER_TSAN)
		wrong = child_makes("processes:1");
	return wrong;
}

static int fork_once(const struct before *b)
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(child(b));
	REQUIRE(pid > 0);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void use(weft_executor *ex)
{
	uint64_t n = 12, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(square, 144);
}

TEST(fork_while_tasks_run)
{
	weft_executor *ex = test_executor();
	struct test_hold hold;
	weft_task done = {.fn = nothing_fn};
	weft_future *heap = NULL;
	weft_cq *q = NULL;
	REQUIRE_EQ(weft_submit(ex, &done), 0);
	test_wait(weft_task_future(&done));
	REQUIRE_EQ(weft_cq_new(&q), 0);
	test_hold_begin(&hold, ex, test_workers());
	if (!test_is_inline())
		REQUIRE_EQ(weft_async(ex, nothing_fn, NULL, 0, 8, &heap), 0);
	struct before b = {.ex = ex, .heap = heap, .done = &done, .q = q};
	b.unfinished = weft_task_future(&hold.task[0]);
	REQUIRE_EQ(weft_cq_watch(q, b.unfinished, NULL), 0);
	for (int i = 0; i < FORKS; i++) {
		b.everything = i % 10 == 0;
		CHECK_EQ(fork_once(&b), 0);
	}
	CHECK_EQ(weft_future_status(b.unfinished), -EINPROGRESS);
	test_hold_end(&hold);
	CHECK_EQ(weft_cq_next(q, NULL, NULL, test_soon()), 0);
	if (heap) {
		test_wait(heap);
		CHECK_EQ(weft_future_status(heap), 0);
	}
	weft_future_unref(heap);
	weft_cq_free(q);
	use(ex);
	weft_executor_free(ex);
}

struct loader {
	weft_executor *ex;
	pthread_t thread;
	uint32_t stop, good, bad;
};

static void *load(void *ctx)
{
	struct loader *l = ctx;
	while (test_get(&l->stop) == 0) {
		uint64_t n = l->good, square = 0;
		weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square};
		t.result_size = 8;
		bool ok = weft_submit(l->ex, &t) == 0 &&
			  weft_future_wait(weft_task_future(&t), WEFT_FOREVER) == 0 && square == n * n;
		l->good += ok;
		l->bad += !ok;
	}
	return NULL;
}

static int child_under_load(weft_executor *ex)
{
	if (ex == weft_inline())
		return 0;
	weft_task t = {.fn = nothing_fn};
	EXPECT(40, weft_submit(ex, &t) == -ECHILD);
	EXPECT(41, weft_executor_stop(ex, WEFT_STOP_KILL, WEFT_FOREVER) == -ECHILD);
	weft_executor_free(ex);
	return 0;
}

/* Locks may be held by anybody at the moment of the fork. */
TEST(fork_under_load)
{
	weft_executor *ex = test_executor();
	struct loader l[3];
	for (int i = 0; i < 3; i++) {
		l[i] = (struct loader){.ex = ex};
		REQUIRE_EQ(pthread_create(&l[i].thread, NULL, load, &l[i]), 0);
	}
	for (int i = 0; i < FORKS; i++) {
		int status = -1;
		pid_t pid = fork();
		if (pid == 0)
			_exit(child_under_load(ex));
		REQUIRE(pid > 0);
		REQUIRE_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	for (int i = 0; i < 3; i++) {
		test_set(&l[i].stop, 1);
		pthread_join(l[i].thread, NULL);
		CHECK_EQ(l[i].bad, 0);
	}
	weft_executor_free(ex);
}

/* A child that lives on, with all it inherited, does not keep the parent from ending its executor. */
TEST(fork_child_lives_on)
{
	weft_executor *ex = test_executor();
	int pipe_fd[2];
	char byte;
	use(ex);
	REQUIRE_EQ(pipe(pipe_fd), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(pipe_fd[1]);
		_exit(read(pipe_fd[0], &byte, 1) == 0 ? 0 : 1);
	}
	REQUIRE(pid > 0);
	use(ex);
	test_stop(ex, WEFT_STOP_DRAIN);
	weft_executor_free(ex);
	int status = -1;
	close(pipe_fd[1]);
	close(pipe_fd[0]);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

TEST(fork_before_any_executor)
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0) {
		int wrong = child_makes("inline");
		_exit(wrong != 0 ? wrong : child_makes(test_executor_spec()));
	}
	REQUIRE(pid > 0);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	weft_executor *ex = test_executor();
	use(ex);
	weft_executor_free(ex);
}
