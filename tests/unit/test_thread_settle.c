/* SPDX-License-Identifier: MIT
 *
 * test_thread_settle.c -- where the threads of a new pool run first: whoever gets a task sends the last without one
 * to where none of them works, and leaves it as free as it was.
 *
 * thread_settle.c is compiled into this program, in place of the library's, so that it can be seen what it asks of the
 * kernel. It only looks at the pool's record: in most tests that is all there is, and the second thread is the
 * test's.
 */
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "state.h"
#include "thread_parts.h"
#include <weft/weft.h>

static cpu_set_t asked[8];
static unsigned n_asked;

static int ask(pthread_t thread, size_t size, const cpu_set_t *set)
{
	if (n_asked < 8)
		asked[n_asked++] = *set;
	return pthread_setaffinity_np(thread, size, set);
}

#define pthread_setaffinity_np ask
#include "thread_settle.c"
#undef pthread_setaffinity_np

struct scene {
	struct thread_pool *pool;
	cpu_set_t allowed, first, others; /* the first processor, and all but that */
	uint32_t may_end;
};

static void *second(void *arg)
{
	struct scene *s = arg;

	while (!test_get(&s->may_end))
		sched_yield();
	return NULL;
}

/* Two fresh workers; the test is the first, on the first processor. */
static void scene_open(struct scene *s)
{
	struct thread_pool *p = test_memory(sizeof(struct thread_pool) + 2 * sizeof(struct thread_worker));
	unsigned cpu = 0;

	memset(s, 0, sizeof *s);
	s->pool = p;
	p->size = 2;
	REQUIRE_EQ(sched_getaffinity(0, sizeof s->allowed, &s->allowed), 0);
	if (CPU_COUNT(&s->allowed) < 2)
		SKIP("with one processor there is nowhere to send it");
	while (!CPU_ISSET(cpu, &s->allowed))
		cpu++;
	CPU_SET(cpu, &s->first);
	CPU_XOR(&s->others, &s->allowed, &s->first);
	for (int i = 0; i < 2; i++) {
		p->worker[i].pool = p;
		p->worker[i].life = THREAD_ALIVE;
		p->worker[i].fresh = true;
	}
	REQUIRE_EQ(pthread_create(&p->worker[1].thread, NULL, second, s), 0);
	REQUIRE_EQ(sched_setaffinity(0, sizeof s->first, &s->first), 0);
}

/* Ends it, too. Whether the second thread may run there, and nowhere else. */
static bool second_may(struct scene *s, const cpu_set_t *there)
{
	cpu_set_t may;
	int err = pthread_getaffinity_np(s->pool->worker[1].thread, sizeof may, &may);

	test_set(&s->may_end, 1);
	REQUIRE_EQ(pthread_join(s->pool->worker[1].thread, NULL), 0);
	return !err && CPU_EQUAL(&may, there);
}

TEST(the_last_without_a_task_is_sent_where_nobody_works)
{
	struct scene s;

	scene_open(&s);
	thread_settle(&s.pool->worker[0]);
	REQUIRE_EQ(n_asked, 2);
	CHECK(CPU_EQUAL(&asked[0], &s.others));
	CHECK(CPU_EQUAL(&asked[1], &s.allowed));
	CHECK(!s.pool->worker[0].fresh);
	CHECK(second_may(&s, &s.allowed));
}

TEST(who_is_bound_stays)
{
	struct scene s;

	scene_open(&s);
	REQUIRE_EQ(pthread_setaffinity_np(s.pool->worker[1].thread, sizeof s.first, &s.first), 0);
	thread_settle(&s.pool->worker[0]);
	CHECK_EQ(n_asked, 0);
	CHECK(second_may(&s, &s.first));
}

TEST(who_has_had_a_task_or_has_ended_stays)
{
	struct scene s;

	scene_open(&s);
	s.pool->worker[1].fresh = false;
	thread_settle(&s.pool->worker[0]);
	s.pool->worker[1].fresh = true;
	s.pool->worker[1].life = THREAD_ENDED;
	thread_settle(&s.pool->worker[0]);
	CHECK_EQ(n_asked, 0);
	CHECK(second_may(&s, &s.allowed));
}

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

TEST(a_first_task_settles)
{
	weft_task t = {.fn = nothing_fn};
	weft_executor *ex;
	struct thread_pool *p;

	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	p = ex->self;
	CHECK(p->worker[0].fresh);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK(!p->worker[0].fresh);
	CHECK_EQ(CPU_COUNT(&p->taken), 1);
	weft_executor_free(ex);
}

static int where_fn(weft_call *call, const void *arg, void *result)
{
	cpu_set_t may;

	(void)call;
	if (sched_getaffinity(0, sizeof may, &may))
		return -EINVAL;
	*(int *)result = CPU_EQUAL(&may, (const cpu_set_t *)arg);
	for (weft_time end = weft_now() + WEFT_US(100); weft_now() < end;)
		;
	return 0;
}

TEST(threads_of_new_pools_may_run_anywhere)
{
	cpu_set_t allowed;

	REQUIRE_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
	for (int i = 0; i < 100; i++) {
		weft_executor *ex;
		weft_future *f[2];

		REQUIRE_EQ(weft_executor_open(&ex, "threads:2"), 0);
		for (int k = 0; k < 2; k++)
			REQUIRE_EQ(weft_async(ex, where_fn, &allowed, sizeof allowed, sizeof(int), &f[k]), 0);
		for (int k = 0; k < 2; k++) {
			test_wait(f[k]);
			CHECK_EQ(weft_future_status(f[k]), 0);
			CHECK_EQ(*(const int *)weft_future_result(f[k], NULL), 1);
			weft_future_unref(f[k]);
		}
		weft_executor_free(ex);
	}
}
