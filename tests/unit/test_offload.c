/* SPDX-License-Identifier: MIT
 *
 * test_offload.c -- the threads that make blocking calls: when there are some, how many, and who is left with a
 * call that nobody waits for.
 */
#include "offload.h"

#include <dirent.h>
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/weft.h>

#include "harness.h"

static unsigned threads_now(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/task");
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* Once there are so many, which a thread that was joined may be in the way of for a moment: under qemu-user it is. */
static unsigned threads_in_the_end(unsigned expected)
{
	for (weft_time end = test_soon(); threads_now() != expected && weft_now() < end;)
		test_sleep_ms(1);
	return threads_now();
}

struct work {
	uint32_t called, discarded, busy, most, open, in_task, by_caller;
	pthread_t caller;
};

static void work_fn(void *work)
{
	struct work *w = work;
	uint32_t busy = test_add(&w->busy, 1);
	for (uint32_t most = test_get(&w->most); busy > most; most = test_get(&w->most))
		test_set(&w->most, busy);
	test_add(&w->in_task, weft_current() != NULL);
	test_add(&w->by_caller, pthread_equal(pthread_self(), w->caller) != 0);
	test_add(&w->called, 1);
	test_await(&w->open, 1);
	test_add(&w->busy, (uint32_t)-1);
}

static void discard_fn(void *work)
{
	test_add(&((struct work *)work)->discarded, 1);
}

TEST(off_a_fiber_it_just_calls)
{
	const unsigned alone = threads_now(); /* a sanitizer has threads, too */
	struct work w = {.open = 1, .caller = pthread_self()};
	weft__offload(work_fn, &w);
	CHECK_EQ(w.called, 1);
	CHECK_EQ(w.by_caller, 1);
	CHECK_EQ(threads_in_the_end(alone), alone);
}

TEST(without_executors_there_are_no_threads)
{
	const unsigned alone = threads_now(); /* a sanitizer has threads, too */
	struct work w = {.open = 1};
	CHECK_EQ(weft__offload_until(work_fn, discard_fn, &w, WEFT_FOREVER), -EAGAIN);
	CHECK_EQ(w.called + w.discarded, 0);
	weft_executor *ex;
	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	weft_executor_free(ex);
	CHECK_EQ(weft__offload_until(work_fn, discard_fn, &w, WEFT_FOREVER), -EAGAIN);
	CHECK_EQ(w.called + w.discarded, 0);
	CHECK_EQ(threads_in_the_end(alone), alone);
}

TEST(another_thread_calls)
{
	const unsigned alone = threads_now(); /* a sanitizer has threads, too */
	struct work w = {.open = 1, .caller = pthread_self()};
	weft_executor *ex;
	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	unsigned before = threads_now();
	for (int i = 0; i < 100; i++)
		REQUIRE_EQ(weft__offload_until(work_fn, discard_fn, &w, test_soon()), 0);
	CHECK_EQ(w.called, 100);
	CHECK_EQ(w.in_task + w.discarded + w.by_caller, 0);
	CHECK_EQ(threads_now(), before + 1); /* it is kept, and one is enough */
	for (weft_time end = test_soon(); threads_now() > before && weft_now() < end;)
		test_sleep_ms(20);
	CHECK_EQ(threads_now(), before); /* but not for long */
	REQUIRE_EQ(weft__offload_until(work_fn, discard_fn, &w, test_soon()), 0);
	CHECK_EQ(w.called, 101);
	weft_executor_free(ex);
	CHECK_EQ(threads_in_the_end(alone), alone);
}

static void *call_one(void *work)
{
	return (void *)(intptr_t)weft__offload_until(work_fn, discard_fn, work, test_soon());
}

TEST(so_many_and_no_more)
{
	enum { CALLERS = 3 * WEFT__OFFLOAD_THREADS };
	struct work w = {0};
	pthread_t caller[CALLERS];
	weft_executor *ex;
	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	for (int i = 0; i < CALLERS; i++)
		REQUIRE_EQ(pthread_create(&caller[i], NULL, call_one, &w), 0);
	REQUIRE(test_await(&w.called, WEFT__OFFLOAD_THREADS));
	test_sleep_ms(30);
	CHECK_EQ(test_get(&w.called), WEFT__OFFLOAD_THREADS);
	test_set(&w.open, 1);
	for (int i = 0; i < CALLERS; i++) {
		void *err;
		pthread_join(caller[i], &err);
		CHECK_EQ((intptr_t)err, 0);
	}
	CHECK_EQ(w.called, CALLERS);
	CHECK_EQ(w.most, WEFT__OFFLOAD_THREADS);
	CHECK_EQ(w.discarded, 0);
	weft_executor_free(ex);
}

static int offload_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	return weft__offload_until(work_fn, discard_fn, *(struct work *const *)arg, WEFT_FOREVER);
}

/* The caller gives up; the end of the executors does not wait for the call; it is thrown away when it returns. */
TEST(who_gives_up_leaves_it_alone)
{
	const unsigned alone = threads_now(); /* a sanitizer has threads, too */
	struct work w = {0}, *p = &w;
	weft_task t = {.fn = offload_fn, .arg = &p, .arg_size = sizeof p}, u = t;
	weft_executor *ex;
	REQUIRE_EQ(weft_executor_open(&ex, "threads:2"), 0);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	u.deadline = weft_after(WEFT_MS(30));
	REQUIRE_EQ(weft_submit(ex, &u), 0);
	REQUIRE(test_await(&w.called, 1));
	CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_ASKED);
	test_wait(weft_task_future(&t));
	test_wait(weft_task_future(&u));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), -ECANCELED);
	CHECK_EQ(weft_future_status(weft_task_future(&u)), -ETIMEDOUT);
	/* Of one that was given up before it had begun, nothing is left. */
	uint32_t called = test_get(&w.called), early = test_get(&w.discarded);
	CHECK(called + early <= 2);
	weft_executor_free(ex);
	test_set(&w.open, 1);
	CHECK(test_await(&w.discarded, called + early));
	CHECK_EQ(w.called, called);
	for (weft_time end = test_soon(); threads_now() > alone && weft_now() < end;)
		test_sleep_ms(1);
	CHECK_EQ(threads_in_the_end(alone), alone);
	/* Its row can be had again. */
	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	CHECK_EQ(weft__offload_until(work_fn, discard_fn, &w, test_soon()), 0);
	weft_executor_free(ex);
}

/* One that nobody has begun is thrown away at once. */
TEST(who_gives_up_early_takes_it_along)
{
	struct work w = {0}, late = {.open = 1};
	pthread_t caller[WEFT__OFFLOAD_THREADS];
	weft_executor *ex;
	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	for (int i = 0; i < WEFT__OFFLOAD_THREADS; i++)
		REQUIRE_EQ(pthread_create(&caller[i], NULL, call_one, &w), 0);
	REQUIRE(test_await(&w.called, WEFT__OFFLOAD_THREADS));
	CHECK_EQ(weft__offload_until(work_fn, discard_fn, &late, weft_after(WEFT_MS(10))), -ETIMEDOUT);
	CHECK_EQ(late.discarded, 1);
	test_set(&w.open, 1);
	for (int i = 0; i < WEFT__OFFLOAD_THREADS; i++)
		pthread_join(caller[i], NULL);
	CHECK_EQ(late.called, 0);
	weft_executor_free(ex);
}

TEST(a_fork_begins_anew)
{
	const unsigned alone = threads_now(); /* a sanitizer has threads, too */
	if (TEST_UNDER_TSAN)
		SKIP("it cannot start threads in a fork of a program with threads");
	struct work w = {.open = 1};
	weft_executor *ex;
	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	REQUIRE_EQ(weft__offload_until(work_fn, discard_fn, &w, test_soon()), 0);
	pid_t child = fork();
	if (child == 0) {
		weft_executor *own;
		int err = weft__offload_until(work_fn, discard_fn, &w, test_soon()) == -EAGAIN ? 0 : 1;
		weft_executor_free(ex);
		if (!err && weft_executor_open(&own, "threads:1"))
			err = 2;
		if (!err && weft__offload_until(work_fn, discard_fn, &w, test_soon()))
			err = 3;
		if (!err)
			weft_executor_free(own);
		_exit(err ? err : threads_now() == alone && w.called == 2 ? 0 : 4);
	}
	int status;
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK_EQ(weft__offload_until(work_fn, discard_fn, &w, test_soon()), 0);
	weft_executor_free(ex);
}
