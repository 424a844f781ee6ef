/* SPDX-License-Identifier: MIT
 *
 * contract_races.c -- many times what happens at one moment: a cancel and a start, a submission and a thread
 * that falls asleep, the last task and the end of its pool. Each task is done once, and runs or does not.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include <weft/weft.h>

#include "harness.h"

enum { SLOW = TEST_SLOW_BUILD ? 10 : 1 };

static weft_executor *pool_with(const char *options)
{
	if (test_is_inline())
		SKIP("nothing is queued here");
	weft_executor *ex = test_executor();
	bool local = weft_executor_caps(ex) & WEFT_CAP_LOCAL;
	weft_executor_free(ex);
	if (!local)
		SKIP("a task has no pointer to what it shares with the test");
	return test_executor_with(options);
}

/* A short while, other each time. */
static void dally(uint32_t *seed, uint32_t most)
{
	*seed = *seed * 1664525 + 1013904223;
	for (uint32_t i = (*seed >> 8) % most; i > 0; i--)
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Time is limited, so is what a loaded machine gets done in it. */
static weft_time begun;

static bool time_is_up(void)
{
	if (!begun)
		begun = weft_now();
	return weft_now() - begun > WEFT_SECONDS(10);
}

static int add_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	test_add(*(uint32_t *const *)arg, 1);
	return 0;
}

/* ---- Cancel against start against finish ---- */

enum { BATCH = 500 };

struct race {
	weft_task task[BATCH];
	uint32_t runs[BATCH], *at[BATCH];
	enum weft_cancel answer[2][BATCH];
	pthread_barrier_t barrier;
	uint32_t round;
	bool over;
	int wait_errors;
};

static void cancel_in_some_order(struct race *r, int who)
{
	uint32_t seed = r->round * 2 + (uint32_t)who;
	for (unsigned k = 0; k < BATCH; k++) {
		unsigned i = who ? BATCH - 1 - k : r->round % 3 ? k : (k * 7 + r->round) % BATCH;
		r->answer[who][i] = weft_future_cancel(weft_task_future(&r->task[i]));
		if (k % 16 == 0)
			dally(&seed, 1000);
	}
}

static void *cancel_too(void *ctx)
{
	struct race *r = ctx;
	for (;;) {
		pthread_barrier_wait(&r->barrier);
		if (r->over)
			return NULL;
		if (r->round % 2)
			cancel_in_some_order(r, 1);
		pthread_barrier_wait(&r->barrier);
	}
}

static void *wait_too(void *ctx)
{
	struct race *r = ctx;
	for (;;) {
		pthread_barrier_wait(&r->barrier);
		if (r->over)
			return NULL;
		for (unsigned i = r->round % 5; i < BATCH; i += 5)
			r->wait_errors += weft_future_wait(weft_task_future(&r->task[i]), test_soon()) != 0;
		pthread_barrier_wait(&r->barrier);
	}
}

static unsigned wrong_ones(const struct race *r)
{
	unsigned wrong = 0;
	for (unsigned i = 0; i < BATCH; i++) {
		int status = weft_future_status(weft_task_future((weft_task *)(uintptr_t)&r->task[i]));
		int dropped = (r->answer[0][i] == WEFT_CANCEL_DROPPED) +
			      (r->round % 2 && r->answer[1][i] == WEFT_CANCEL_DROPPED);
		if (dropped)
			wrong += dropped > 1 || r->runs[i] != 0 || status != -ECANCELED;
		else
			wrong += r->runs[i] != 1 || status != 0;
	}
	return wrong;
}

/* Each future is seen done exactly once: by its own queue, with its own tag. */
static unsigned count_done(weft_cq *q, struct race *r)
{
	bool seen[BATCH] = {false};
	unsigned n = 0;
	for (unsigned i = 0; i < BATCH; i++) {
		void *tag = r->task;
		REQUIRE_EQ(weft_cq_next(q, NULL, &tag, test_soon()), 0);
		unsigned which = (unsigned)((weft_task *)tag - r->task);
		n += !seen[which];
		seen[which] = true;
	}
	CHECK(weft_cq_next(q, NULL, NULL, 0) != 0);
	return n;
}

TEST(races_of_cancel_start_and_finish)
{
	weft_executor *ex = pool_with("");
	static struct race r;
	pthread_t canceller, waiter;
	weft_cq *q;
	uint32_t rounds = 1000000 / BATCH / SLOW;
	REQUIRE_EQ(weft_cq_new(&q), 0);
	pthread_barrier_init(&r.barrier, NULL, 3);
	REQUIRE_EQ(pthread_create(&canceller, NULL, cancel_too, &r), 0);
	REQUIRE_EQ(pthread_create(&waiter, NULL, wait_too, &r), 0);
	for (r.round = 0; r.round < rounds; r.round++) {
		memset(r.runs, 0, sizeof r.runs);
		for (unsigned i = 0; i < BATCH; i++) {
			r.at[i] = &r.runs[i];
			r.task[i] = (weft_task){.fn = add_fn, .arg = &r.at[i], .arg_size = sizeof r.at[i]};
			r.task[i].priority = i % 50 == 0 ? (int32_t)(r.round % 3) - 1 : 0;
		}
		REQUIRE_EQ(weft_submit_many(ex, r.task, BATCH, NULL), 0);
		for (unsigned i = 0; i < BATCH; i++)
			REQUIRE_EQ(weft_cq_watch(q, weft_task_future(&r.task[i]), &r.task[i]), 0);
		pthread_barrier_wait(&r.barrier);
		cancel_in_some_order(&r, 0);
		CHECK_EQ(count_done(q, &r), BATCH);
		pthread_barrier_wait(&r.barrier);
		REQUIRE_EQ(wrong_ones(&r), 0);
	}
	r.over = true;
	pthread_barrier_wait(&r.barrier);
	pthread_join(canceller, NULL);
	pthread_join(waiter, NULL);
	CHECK_EQ(r.wait_errors, 0);
	pthread_barrier_destroy(&r.barrier);
	weft_cq_free(q);
	weft_executor_free(ex);
}

/* Of tasks that workers are moving from queue to queue, those that were dropped are gone at once: nobody
 * writes there, and what looks like a task is none. */
TEST(races_of_cancel_and_move)
{
	enum { N = 256, SIZE = 4096 };
	weft_executor *ex = pool_with("");
	char *memory = mmap(NULL, N * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t seed = 1, runs = 0, *at = &runs, kept = 0, touched = 0;
	REQUIRE(memory != MAP_FAILED);
	for (int round = 0; round < 10000 / SLOW && !time_is_up(); round++) {
		bool dropped[N] = {false};
		int pattern = round % 3 ? 0x03 : 0xa5;
		for (int i = 0; i < N; i++) {
			weft_task *t = (void *)(memory + i * SIZE);
			*t = (weft_task){.fn = add_fn, .arg = &at, .arg_size = sizeof at};
			REQUIRE_EQ(weft_submit(ex, t), 0);
		}
		dally(&seed, 20000);
		for (int k = 0; k < N; k++) {
			int i = round % 4 == 1 ? N - 1 - k : round % 4 == 2 ? k : (k * 5 + round) % N;
			weft_task *t = (void *)(memory + i * SIZE);
			dropped[i] = weft_future_cancel(weft_task_future(t)) == WEFT_CANCEL_DROPPED;
			if (dropped[i])
				memset(t, pattern, sizeof *t);
			if (dropped[i] && round % 10 == 0)
				REQUIRE_EQ(mprotect(t, SIZE, PROT_NONE), 0);
		}
		for (int i = 0; i < N; i++) {
			weft_task *t = (void *)(memory + i * SIZE);
			if (dropped[i] && round % 10 == 0)
				REQUIRE_EQ(mprotect(t, SIZE, PROT_READ | PROT_WRITE), 0);
			if (!dropped[i])
				test_wait(weft_task_future(t));
			for (size_t b = 0; b < sizeof *t && dropped[i]; b++)
				touched += ((unsigned char *)t)[b] != pattern;
			kept += !dropped[i];
		}
	}
	weft_executor_free(ex);
	CHECK_EQ(touched, 0);
	CHECK_EQ(test_get(&runs), kept);
	munmap(memory, N * SIZE);
}

/* ---- A submission and a thread that falls asleep ---- */

static void check_wake_ups(const char *options)
{
	weft_executor *ex = pool_with(options);
	uint32_t runs = 0, *at = &runs, seed = 1;
	for (int i = 0; i < 20000 / SLOW && !time_is_up(); i++) {
		weft_task t = {.fn = add_fn, .arg = &at, .arg_size = sizeof at};
		if (i % 100 == 0)
			test_sleep_ms(1);
		else
			dally(&seed, 1u << (i % 18)); /* about as long as a thread looks before it sleeps */
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		REQUIRE_EQ(test_get(&runs), i + 1);
	}
	weft_executor_free(ex);
}

TEST(races_of_a_submission_and_sleep)
{
	check_wake_ups("");
	check_wake_ups(test_is_uring() ? "slack=0" : "spin=0");
}

struct errand {
	weft_executor *ex;
	uint32_t done, seed, section;
};

/* Submits a task that another thread has to run, since this one is busy until it has. */
static int errand_fn(weft_call *call, const void *arg, void *result)
{
	struct errand *e = *(struct errand *const *)arg;
	uint32_t *at = &e->done;
	weft_task t = {.fn = add_fn, .arg = &at, .arg_size = sizeof at};
	weft_time end = test_soon();
	(void)call, (void)result;
	if (e->section) {
		weft_blocking_begin();
		dally(&e->seed, 1000);
		weft_blocking_end();
	}
	dally(&e->seed, 1u << e->seed % 17);
	int err = weft_submit(e->ex, &t);
	while (!err && !test_get(&e->done) && weft_now() < end)
		sched_yield();
	if (!err && !test_get(&e->done))
		err = -ETIME;
	weft_future_wait(weft_task_future(&t), WEFT_FOREVER);
	return err;
}

static void check_errands(const char *options, uint32_t section)
{
	weft_executor *ex = pool_with(options);
	struct errand errand = {.ex = ex, .seed = 1, .section = section}, *e = &errand;
	if (test_workers() == 1) {
		weft_executor_free(ex);
		SKIP("there is no other thread");
	}
	for (int i = 0; i < 5000 / SLOW && !time_is_up(); i++) {
		weft_task t = {.fn = errand_fn, .arg = &e, .arg_size = sizeof e};
		test_set(&errand.done, 0);
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		REQUIRE_EQ(weft_future_status(weft_task_future(&t)), 0);
	}
	weft_executor_free(ex);
}

TEST(races_of_a_push_and_sleep)
{
	for (uint32_t section = 0; section < 2; section++) {
		check_errands("", section);
		check_errands(test_is_uring() ? "slack=0" : "spin=0", section);
	}
}

/* ---- Waits ---- */

enum { CHILDREN = 50 };

struct clan {
	weft_executor *ex;
	struct clan *next; /* whose children it waits for */
	uint32_t *ready, *ran, n;
	weft_task parent, child[CHILDREN];
};

/* Waits for tasks that lie somewhere in another's queue, the last of them first. */
static int clan_fn(weft_call *call, const void *arg, void *result)
{
	struct clan *c = *(struct clan *const *)arg;
	int err = 0;
	(void)call, (void)result;
	for (unsigned i = 0; i < CHILDREN && !err; i++) {
		c->child[i] = (weft_task){.fn = add_fn, .arg = &c->ran, .arg_size = sizeof c->ran};
		err = weft_submit(c->ex, &c->child[i]);
	}
	test_add(c->ready, 1);
	if (!test_await(c->ready, c->n))
		return -ETIME;
	for (unsigned i = CHILDREN; i-- > 0 && !err;)
		err = weft_future_wait(weft_task_future(&c->next->child[i]), test_soon());
	if (!err) /* what looks like a task is none any more */
		memset(c->next->child, 0x03, sizeof c->next->child);
	return err;
}

TEST(races_of_waits_for_what_others_have)
{
	weft_executor *ex = pool_with("");
	unsigned n = test_workers();
	static struct clan clan[8];
	struct clan *self[8];
	for (int round = 0; round < 50; round++) {
		uint32_t ready = 0, ran = 0;
		for (unsigned i = 0; i < n; i++) {
			self[i] = &clan[i];
			clan[i].ex = ex, clan[i].next = &clan[(i + 1) % n];
			clan[i].ready = &ready, clan[i].ran = &ran, clan[i].n = n;
			clan[i].parent =
				(weft_task){.fn = clan_fn, .arg = &self[i], .arg_size = sizeof self[i]};
			REQUIRE_EQ(weft_submit(ex, &clan[i].parent), 0);
		}
		for (unsigned i = 0; i < n; i++) {
			test_wait(weft_task_future(&clan[i].parent));
			CHECK_EQ(weft_future_status(weft_task_future(&clan[i].parent)), 0);
		}
		CHECK_EQ(ran, n * CHILDREN);
	}
	weft_executor_free(ex);
}

/* ---- Circles, whose members run on top of others, and on several threads ---- */

struct link {
	weft_executor *ex;
	struct link *next;
	uint32_t *go, *begun, n, told;
	weft_task lower, upper;
};

static int wait_for(weft_task *t, struct link *l)
{
	int err = weft_future_wait(weft_task_future(t), weft_after(WEFT_SECONDS(5)));
	if (err == -EDEADLK)
		test_add(&l->told, 1);
	return err == -EDEADLK ? 0 : err;
}

/* Waits for the lower task of the next one; it runs on top of its own lower one, or on another thread. */
static int upper_fn(weft_call *call, const void *arg, void *result)
{
	struct link *l = *(struct link *const *)arg;
	(void)call, (void)result;
	test_add(l->begun, 1);
	while (test_get(l->begun) < l->n && !weft_call_cancelled(call))
		sched_yield();
	return wait_for(&l->next->lower, l);
}

static int lower_fn(weft_call *call, const void *arg, void *result)
{
	struct link *l = *(struct link *const *)arg;
	(void)call, (void)result;
	if (!test_await(l->go, 1))
		return -ETIME;
	int err = weft_submit(l->ex, &l->upper);
	return err ? err : wait_for(&l->upper, l);
}

static int linger_fn(weft_call *call, const void *arg, void *result)
{
	struct link *l = *(struct link *const *)arg;
	(void)call, (void)result;
	return test_await(l->begun, l->n) ? 0 : -ETIME;
}

/* The same tasks again, which now wait one way only: nothing is left of the circle. */
static void check_no_circle(weft_executor *ex, struct link *l)
{
	test_set(l->begun, 0);
	l->n = test_workers() > 1, l->next = l, l->told = 0, l->lower.fn = linger_fn;
	REQUIRE(weft_submit(ex, &l->lower) == 0 && weft_submit(ex, &l->upper) == 0);
	test_wait(weft_task_future(&l->lower));
	test_wait(weft_task_future(&l->upper));
	CHECK_EQ(l->told, 0);
}

static void check_circle(weft_executor *ex, unsigned n)
{
	struct link link[3], *self[3];
	uint32_t go = 0, begun_n = 0, told = 0;
	for (unsigned i = 0; i < n; i++) {
		self[i] = &link[i];
		/* Where all can run at once, all are there before any waits. */
		link[i] = (struct link){.ex = ex, .next = &link[(i + 1) % n], .begun = &begun_n};
		link[i].go = &go, link[i].n = test_workers() >= n ? n : 0;
		link[i].upper = (weft_task){.fn = upper_fn, .arg = &self[i], .arg_size = sizeof self[i]};
		link[i].lower = (weft_task){.fn = lower_fn, .arg = &self[i], .arg_size = sizeof self[i]};
	}
	for (unsigned i = 0; i < n; i++)
		REQUIRE_EQ(weft_submit(ex, &link[i].lower), 0);
	test_set(&go, 1);
	for (unsigned i = 0; i < n; i++) {
		test_wait(weft_task_future(&link[i].lower));
		test_wait(weft_task_future(&link[i].upper));
		CHECK_EQ(weft_future_status(weft_task_future(&link[i].lower)), 0);
		CHECK_EQ(weft_future_status(weft_task_future(&link[i].upper)), 0);
		told += link[i].told;
	}
	CHECK(told >= 1);
	for (unsigned i = 0; i < n; i++)
		check_no_circle(ex, &link[i]);
}

TEST(races_of_waits_in_a_circle)
{
	weft_executor *ex = pool_with("");
	for (int round = 0; round < 300 / SLOW && !time_is_up(); round++)
		for (unsigned n = 1; n <= 3; n++)
			check_circle(ex, n);
	weft_executor_free(ex);
}

/* ---- The last task and the end of its pool ---- */

/* The thread that ends the cause hands the continuation to a pool that ends with it. */
TEST(races_of_a_continuation_and_the_end)
{
	weft_executor *ex = pool_with("");
	static const char *const spec[] = {"threads:1", "threads:2", "threads:2,spin=0"};
	uint32_t seed = 1, runs = 0, *at = &runs;
	int round = 0;
	for (; round < 3000 / SLOW && !time_is_up(); round++) {
		weft_executor *other = NULL;
		weft_task t = {.fn = add_fn, .arg = &at, .arg_size = sizeof at}, next = t;
		REQUIRE_EQ(weft_executor_open(&other, spec[round % 3]), 0);
		next.priority = round % 2;
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		REQUIRE_EQ(weft_future_then(weft_task_future(&t), other, &next), 0);
		dally(&seed, 1u << round % 16);
		weft_executor_free(other);
		REQUIRE_EQ(weft_future_status(weft_task_future(&next)), 0);
		test_wait(weft_task_future(&t));
	}
	CHECK_EQ(test_get(&runs), 2 * round);
	weft_executor_free(ex);
}

/* Tasks that are on their way between queues when the stop comes are dropped as well. */
TEST(races_of_a_stop_and_move)
{
	enum { N = 300 };
	static weft_task t[N];
	static uint32_t runs[N], *at[N];
	uint32_t seed = 1;
	weft_executor_free(pool_with(""));
	for (int round = 0; round < 1000 / SLOW && !time_is_up(); round++) {
		weft_executor *ex = test_executor_with(round % 2         ? ""
						       : test_is_uring() ? "slack=0"
									 : "spin=0");
		memset(runs, 0, sizeof runs);
		for (unsigned i = 0; i < N; i++) {
			at[i] = &runs[i];
			t[i] = (weft_task){.fn = add_fn, .arg = &at[i], .arg_size = sizeof at[i]};
			t[i].priority = i % 30 == 0 ? (int32_t)i % 3 - 1 : 0;
		}
		REQUIRE_EQ(weft_submit_many(ex, t, N, NULL), 0);
		dally(&seed, 1u << round % 16);
		REQUIRE_EQ(weft_executor_stop(ex, WEFT_STOP_CANCEL, test_soon()), 0);
		unsigned wrong = 0;
		for (unsigned i = 0; i < N; i++) {
			int status = weft_future_status(weft_task_future(&t[i]));
			wrong += !(status == 0 && runs[i] == 1) && !(status == -ECANCELED && runs[i] == 0);
		}
		REQUIRE_EQ(wrong, 0);
		weft_executor_free(ex);
	}
}
