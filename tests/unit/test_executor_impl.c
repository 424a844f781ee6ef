/* SPDX-License-Identifier: MIT
 *
 * test_executor_impl.c -- a whole executor against weft/executor_impl.h, to be copied and changed; and the
 * proof that with it everything works that the library promises of executors.
 *
 * It has one thread and one lock. The lock makes accept + queue, dequeue + start, and remove exclude each
 * other, which is all that the library asks for. The queue is a chain through the tasks' own memory: the
 * first of the two pointers of weft_impl_link() is "next".
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include <weft/executor_impl.h>

struct solo {
	pthread_t thread;
	pthread_mutex_t lock;   /* of all below */
	pthread_cond_t changed; /* the queue, or ending */
	void *first;            /* the chain of tasks that wait to start */
	size_t n, room;         /* tasks in it; how many it may hold */
	bool dropping, ending;
};

/* Takes t out of the chain. Was it there? */
static bool unlink_task(struct solo *s, weft_task *t)
{
	void **p = &s->first;
	while (*p && *p != t)
		p = weft_impl_link(*p);
	if (!*p)
		return false;
	*p = *weft_impl_link(t);
	s->n--;
	return true;
}

/* Takes tasks from the offer as long as there is room. Accept comes first: it makes the link ours. */
static int solo_submit(void *self, struct weft_offer *offer)
{
	struct solo *s = self;
	int n = 0, err = 0;
	pthread_mutex_lock(&s->lock);
	while ((size_t)n < offer->n && n < INT_MAX && !err) {
		weft_task *t = &offer->tasks[n];
		if (s->dropping)
			err = -ESHUTDOWN;
		else if (s->n >= s->room && !offer->force)
			err = -EAGAIN;
		else
			err = weft_impl_accept(offer, (size_t)n);
		if (err)
			break;
		void **p = &s->first; /* behind all that are not less urgent */
		while (*p && ((weft_task *)*p)->priority >= t->priority)
			p = weft_impl_link(*p);
		*weft_impl_link(t) = *p;
		*p = t;
		s->n++, n++;
	}
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return n ? n : err;
}

/* The worker. A task that will not start has been cancelled: remove() will not find it, which is fine. */
static void *solo_work(void *self)
{
	struct solo *s = self;
	pthread_mutex_lock(&s->lock);
	while (s->first || !s->ending) {
		weft_task *t = s->first;
		if (!t) {
			pthread_cond_wait(&s->changed, &s->lock);
		} else if (unlink_task(s, t) && weft_impl_start(t)) {
			pthread_mutex_unlock(&s->lock); /* the body may call back */
			weft_impl_run(t);
			pthread_mutex_lock(&s->lock);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void solo_remove(void *self, weft_task *t)
{
	struct solo *s = self;
	pthread_mutex_lock(&s->lock);
	unlink_task(s, t);
	pthread_mutex_unlock(&s->lock);
}

static void solo_join(void *self)
{
	struct solo *s = self;
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
}

static void solo_free(void *self, bool forked)
{
	struct solo *s = self;
	if (!forked) {
		pthread_cond_destroy(&s->changed);
		pthread_mutex_destroy(&s->lock);
	}
	free(s);
}

/* ---- So far it runs tasks. The rest: a stop that drops, waits inside a task, figures. ---- */

/* Drops what has not started, if it is to be dropped; finishes it when the lock is not held. */
static void solo_stop(void *self, enum weft_stop how)
{
	struct solo *s = self;
	weft_task *t = NULL;
	do {
		pthread_mutex_lock(&s->lock);
		s->dropping = s->dropping || how != WEFT_STOP_DRAIN;
		t = s->dropping ? s->first : NULL;
		while (t && !weft_impl_drop(t)) /* else a canceller has it, and calls remove() */
			t = *weft_impl_link(t);
		if (t)
			unlink_task(s, t);
		pthread_mutex_unlock(&s->lock);
		if (t)
			weft_impl_finish(t, -ECANCELED, NULL);
	} while (t);
}

static bool solo_inside(void *self)
{
	return pthread_equal(pthread_self(), ((struct solo *)self)->thread);
}

/* One of our bodies waits for t, on our only thread: unless it runs t itself, it waits for ever. */
static bool solo_take(void *self, weft_task *t)
{
	struct solo *s = self;
	bool mine = false;
	if (solo_inside(s)) {
		pthread_mutex_lock(&s->lock);
		mine = unlink_task(s, t) && weft_impl_start(t);
		pthread_mutex_unlock(&s->lock);
	}
	return mine;
}

static void solo_stats(void *self, struct weft_stats *ret)
{
	struct solo *s = self;
	pthread_mutex_lock(&s->lock);
	ret->queued = s->n;
	ret->workers = 1;
	pthread_mutex_unlock(&s->lock);
}

static const struct weft_executor_ops solo_ops = {
	.size = sizeof solo_ops,
	.caps = WEFT_CAP_LOCAL,
	.workers = 1,
	.submit = solo_submit,
	.remove = solo_remove,
	.take = solo_take,
	.inside = solo_inside,
	.stop = solo_stop,
	.join = solo_join,
	.free = solo_free,
	.stats = solo_stats,
};

/* An executor with one thread, where room tasks may wait to start. Free it by weft_executor_free. */
static int solo_new(weft_executor **ret, size_t room)
{
	struct solo *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->room = room;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	int err = -pthread_create(&s->thread, NULL, solo_work, s);
	if (!err) {
		err = weft_executor_new(ret, "solo", &solo_ops, s);
		if (!err)
			return 0;
		solo_join(s);
	}
	solo_free(s, false);
	return err;
}

/* ---- The tests ---- */

#include "harness.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/cq.h>
#include <weft/group.h>

static weft_executor *solo(size_t room)
{
	weft_executor *ex = NULL;
	REQUIRE_EQ(solo_new(&ex, room), 0);
	return ex;
}

/* Its argument is where to count; the result is the count before. */
static int count_fn(weft_call *call, const void *arg, void *result)
{
	(void)call;
	uint32_t before = test_add(*(uint32_t *const *)arg, 1) - 1;
	if (result)
		*(uint32_t *)result = before;
	return 0;
}

struct job {
	weft_task task;
	uint32_t *counter, before;
};

static weft_task *job_init(struct job *j, uint32_t *counter)
{
	*j = (struct job){.counter = counter, .before = UINT32_MAX};
	j->task = (weft_task){.fn = count_fn,
			      .arg = &j->counter,
			      .arg_size = sizeof j->counter,
			      .result = &j->before,
			      .result_size = sizeof j->before,
			      .flags = WEFT_TASK_LOCAL};
	return &j->task;
}

static uint64_t queued(const weft_executor *ex)
{
	struct weft_stats stats = {0};
	CHECK_EQ(weft_executor_stats(ex, &stats), 0);
	return stats.queued;
}

TEST(runs)
{
	weft_executor *ex = solo(8);
	uint64_t n = 12, square = 0;
	weft_task t = {test_square_fn, &n, sizeof n, &square, sizeof square, 0, NULL, 0, 0, {0}};
	struct weft_stats stats;
	for (int i = 0; i < 100; i++) {
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
	}
	CHECK_EQ(square, 144);
	test_stop(ex, WEFT_STOP_DRAIN);
	CHECK_EQ(weft_executor_stats(ex, &stats), 0);
	CHECK(stats.submitted == 100 && stats.completed == 100 && stats.failed == 0 && stats.workers == 1);
	CHECK(!strcmp(weft_executor_name(ex), "solo"));
	CHECK_EQ(weft_submit(ex, &t), -ESHUTDOWN);
	weft_executor_free(ex);
}

TEST(urgent_first)
{
	static const int32_t priority[] = {0, 5, 0, -3, 5}, order[] = {2, 0, 3, 4, 1};
	weft_executor *ex = solo(8);
	struct test_hold h;
	struct job job[5];
	uint32_t counter = 0;
	test_hold_begin(&h, ex, 1);
	for (int i = 0; i < 5; i++) {
		job_init(&job[i], &counter)->priority = priority[i];
		CHECK_EQ(weft_submit(ex, &job[i].task), 0);
	}
	test_hold_end(&h);
	weft_executor_free(ex);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(job[i].before, order[i]);
}

TEST(cancelled_in_the_queue)
{
	weft_executor *ex = solo(8);
	struct test_hold h;
	struct job job[3];
	uint32_t counter = 0;
	test_hold_begin(&h, ex, 1);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(weft_submit(ex, job_init(&job[i], &counter)), 0);
	CHECK_EQ(weft_future_cancel(weft_task_future(&job[1].task)), WEFT_CANCEL_DROPPED);
	CHECK_EQ(queued(ex), 2); /* remove() has taken it out */
	memset(&job[1], 0x5a, sizeof job[1]);
	CHECK_EQ(weft_future_cancel(weft_task_future(&h.task[0])), WEFT_CANCEL_ASKED);
	weft_executor_free(ex);
	CHECK_EQ(weft_future_status(weft_task_future(&h.task[0])), -ECANCELED);
	CHECK_EQ(counter, 2);
}

static void *end_hold_soon(void *arg)
{
	struct test_hold *h = arg;
	test_sleep_ms(2);
	test_set(&h->board[TEST_GATE_OPEN], 1);
	return NULL;
}

TEST(full)
{
	weft_executor *ex = solo(2);
	struct test_hold h;
	struct job job[5];
	weft_task many[4];
	uint32_t counter = 0;
	size_t accepted = 9;
	pthread_t thread;
	test_hold_begin(&h, ex, 1);
	for (int i = 0; i < 4; i++)
		many[i] = *job_init(&job[i], &counter);
	CHECK_EQ(weft_submit_many(ex, many, 4, &accepted), -EAGAIN);
	CHECK_EQ(accepted, 2);
	CHECK_EQ(weft_submit(ex, &many[2]), -EAGAIN);
	CHECK_EQ(weft_submit_wait(ex, &many[2], weft_after(WEFT_MS(2))), -ETIMEDOUT);
	CHECK_EQ(weft_future_status(weft_task_future(&many[2])), -EINVAL);
	/* A continuation has been promised its place. */
	CHECK_EQ(weft_future_then(weft_task_future(&h.task[0]), ex, &many[3]), 0);
	CHECK_EQ(queued(ex), 3);
	REQUIRE_EQ(pthread_create(&thread, NULL, end_hold_soon, &h), 0);
	CHECK_EQ(weft_submit_wait(ex, &many[2], WEFT_FOREVER), 0);
	pthread_join(thread, NULL);
	test_hold_end(&h);
	weft_executor_free(ex);
	CHECK_EQ(counter, 4);
}

TEST(forced_beyond_the_limit)
{
	weft_executor *ex = solo(1);
	struct test_hold h;
	struct job job[4];
	uint32_t counter = 0;
	uint64_t n = 1;
	weft_task cause = {test_square_fn, &n, sizeof n, &n, sizeof n, 0, NULL, 0, 0, {0}};
	CHECK_EQ(weft_submit(weft_inline(), &cause), 0);
	test_hold_begin(&h, ex, 1);
	CHECK_EQ(weft_submit(ex, job_init(&job[0], &counter)), 0);
	for (int i = 1; i < 4; i++)
		CHECK_EQ(weft_future_then(weft_task_future(&cause), ex, job_init(&job[i], &counter)), 0);
	CHECK_EQ(queued(ex), 4);
	test_hold_end(&h);
	weft_executor_free(ex);
	CHECK_EQ(counter, 4);
}

TEST(stop_drains_or_drops)
{
	for (int how = WEFT_STOP_DRAIN; how <= WEFT_STOP_KILL; how++) {
		weft_executor *ex = solo(8);
		struct test_hold h;
		struct job job[3];
		uint32_t counter = 0;
		int want = how == WEFT_STOP_DRAIN ? 0 : -ECANCELED;
		test_hold_begin(&h, ex, 1);
		for (int i = 0; i < 3; i++)
			CHECK_EQ(weft_submit(ex, job_init(&job[i], &counter)), 0);
		if (how == WEFT_STOP_DRAIN) {
			CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, 0), -ETIMEDOUT);
			test_set(&h.board[TEST_GATE_OPEN], 1);
		}
		test_stop(ex, (enum weft_stop)how);
		test_stop(ex, (enum weft_stop)how);
		CHECK_EQ(weft_future_status(weft_task_future(&h.task[0])), want);
		for (int i = 0; i < 3; i++)
			CHECK_EQ(weft_future_status(weft_task_future(&job[i].task)), want);
		CHECK_EQ(counter, want ? 0 : 3);
		weft_executor_free(ex);
	}
}

/* Its argument is its executor: submits and waits there, where it has the only thread; then stops it. */
static int nested_fn(weft_call *call, const void *arg, void *result)
{
	weft_executor *ex = *(weft_executor *const *)arg;
	uint64_t n = 5;
	weft_task t = {test_square_fn, &n, sizeof n, result, sizeof n, 0, NULL, 0, 0, {0}};
	(void)call;
	int err = weft_submit(ex, &t);
	if (!err)
		err = weft_future_wait(weft_task_future(&t), test_soon());
	return err ? err : weft_executor_stop(ex, WEFT_STOP_DRAIN, WEFT_FOREVER) == -EDEADLK;
}

TEST(waits_inside)
{
	weft_executor *ex = solo(8);
	uint64_t square = 0;
	weft_task t = {nested_fn, &ex, sizeof ex, &square, sizeof square, 0, NULL, 0, 0, {0}};
	CHECK_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 1);
	CHECK_EQ(square, 25);
	weft_executor_free(ex);
}

TEST(freed_in_a_fork)
{
	weft_executor *ex = solo(8);
	struct job job;
	uint32_t counter = 0;
	int status = -1;
	job_init(&job, &counter);
	pid_t child = fork();
	if (!child) {
		bool refused = weft_submit(ex, &job.task) == -ECHILD;
		weft_executor_free(ex);
		_exit(refused ? 0 : 1);
	}
	waitpid(child, &status, 0);
	CHECK_EQ(status, 0);
	weft_executor_free(ex);
}

static int mark_range(weft_call *call, size_t begin, size_t end, void *ctx)
{
	(void)call;
	for (size_t i = begin; i < end; i++)
		((unsigned char *)ctx)[i]++;
	return 0;
}

/* What the library builds upon submission works on any executor. */
static void try_all(weft_executor *ex)
{
	uint64_t n[100], square[100] = {0};
	unsigned char marks[100] = {0};
	uint32_t counter = 0;
	struct job job[4];
	weft_group g = {.ex = ex};
	weft_cq *q = NULL;
	weft_future *f = NULL;
	void *tag = NULL;
	for (size_t i = 0; i < 100; i++)
		n[i] = i;
	CHECK_EQ(weft_map(ex, test_square_fn, n, sizeof *n, square, sizeof *square, 100, NULL), 0);
	CHECK_EQ(weft_for(ex, mark_range, 0, 100, 7, marks), 0);
	for (size_t i = 0; i < 100; i++)
		CHECK(square[i] == i * i && marks[i] == 1);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(weft_group_submit(&g, job_init(&job[i], &counter)), 0);
	CHECK_EQ(weft_group_wait(&g), 0);
	CHECK_EQ(weft_future_then(weft_task_future(&job[0].task), ex, job_init(&job[3], &counter)), 0);
	test_wait(weft_task_future(&job[3].task));
	CHECK_EQ(counter, 4);
	REQUIRE_EQ(weft_cq_new(&q), 0);
	REQUIRE_EQ(weft_async(ex, test_square_fn, &n[9], sizeof *n, sizeof *n, &f), 0);
	CHECK_EQ(weft_cq_watch(q, f, q), 0);
	CHECK_EQ(weft_cq_next(q, NULL, &tag, test_soon()), 0);
	CHECK(tag == q && *(const uint64_t *)weft_future_result(f, NULL) == 81);
	weft_future_unref(f);
	weft_cq_free(q);
}

TEST(all_that_builds_on_it)
{
	weft_executor *ex = solo(3);
	try_all(ex);
	weft_executor_free(ex);
}
