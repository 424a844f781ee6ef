/* SPDX-License-Identifier: MIT
 *
 * test_promises_reply.c -- a pool of one lane, with the test in the place of its worker, which writes what it
 * likes: nothing of it is trusted. And what becomes of the tasks in the lane of a dead worker.
 */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "process_parts.h"

enum { SLOT_SIZE = 256, TASKS = 4 };

struct stage {
	struct process_pool pool;
	struct lane_end lane;
	struct lane_memory memory;
	weft_task task[TASKS];
	uint64_t arg[TASKS], result[TASKS];
	int memfd;
};

static int stage_submit(void *self, struct weft_offer *offer)
{
	struct process_pool *p = self;
	int err = weft_impl_accept(offer, 0);
	if (err)
		return err;
	weft__lock(&p->lock);
	weft__taskq_push(&p->q, &offer->tasks[0]);
	lanes_fill(p);
	weft__unlock(&p->lock);
	return 1;
}

static void stage_init(struct stage *s)
{
	struct weft_executor_ops ops = {.size = sizeof ops, .workers = 1, .submit = stage_submit};
	memset(s, 0, sizeof *s);
	s->pool.opts.slot_size = SLOT_SIZE;
	s->pool.n = 1;
	s->pool.lane = &s->lane;
	s->pool.low = INT32_MAX;
	s->pool.wake_at = WEFT_FOREVER;
	s->pool.home.sock.fd = s->pool.home.nursery.fd = -1;
	process_file_set(&s->pool.home.bell, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	REQUIRE(s->pool.home.bell.fd >= 0);
	s->memfd = lane_create(&s->lane.shared, SLOT_SIZE, 0);
	REQUIRE(s->memfd >= 0);
	s->memory = (struct lane_memory){.lane = s->lane.shared, .users = 1};
	s->lane.memory = &s->memory;
	s->lane.store.size = lane_store_size(SLOT_SIZE);
	s->lane.life = LANE_UP;
	s->lane.pidfd.fd = -1;
	REQUIRE_EQ(weft_executor_new(&s->pool.ex, "stage", &ops, &s->pool), 0);
}

static void stage_fini(struct stage *s)
{
	munmap(s->lane.shared, lane_size(SLOT_SIZE));
	close(s->memfd);
	process_file_close(&s->pool.home.bell);
	weft_executor_free(s->pool.ex);
}

static weft_future *submit(struct stage *s, unsigned i, uint32_t flags)
{
	s->task[i] = (weft_task){.fn = test_square_fn, .arg = &s->arg[i], .arg_size = 8, .flags = flags};
	s->task[i].result = &s->result[i];
	s->task[i].result_size = 8;
	REQUIRE_EQ(weft_submit(s->pool.ex, &s->task[i]), 0);
	return weft_task_future(&s->task[i]);
}

/* The worker has begun slot i; it has ended with this status. */
static void begin(struct stage *s, unsigned i)
{
	atom_store(&s->lane.shared->slot[i].state, SLOT_RUNNING, relaxed);
}

static void end(struct stage *s, unsigned i, int status)
{
	s->lane.shared->slot[i].reply.status = status;
	atom_store(&s->lane.shared->slot[i].state, SLOT_DONE, release);
}

/* The pool takes what is done: one task. */
static void harvest(struct stage *s)
{
	struct departures d = {.n = 0};
	lanes_harvest(&s->pool, &d);
	REQUIRE_EQ(d.n, 1);
	process_finish(&s->pool, &d);
}

/* The worker has died; one task is lost with it. */
static weft_task *lose(struct stage *s, const struct weft__death *death)
{
	struct departures d = {.n = 0};
	lane_close(&s->lane);
	REQUIRE(lane_lose(&s->pool, &s->lane, death, &d));
	REQUIRE_EQ(d.n, 1);
	weft_task *lost = d.d[0].task;
	process_finish(&s->pool, &d);
	d.n = 0;
	CHECK(!lane_lose(&s->pool, &s->lane, death, &d));
	CHECK_EQ(d.n, 0);
	return lost;
}

TEST(reply_of_too_many_bytes)
{
	struct stage s;
	size_t size = 0;
	stage_init(&s);
	weft_future *f = submit(&s, 0, 0);
	begin(&s, 0);
	s.lane.shared->slot[0].reply.reply_size = (uint64_t)1 << 40;
	end(&s, 0, 3);
	harvest(&s);
	CHECK_EQ(weft_future_status(f), 3);
	CHECK(weft_future_result(f, &size) == &s.result[0]);
	CHECK_EQ(size, 8);
	stage_fini(&s);
}

TEST(reply_of_fewer_bytes)
{
	struct stage s;
	size_t size = 0;
	stage_init(&s);
	weft_future *f = submit(&s, 0, 0);
	begin(&s, 0);
	s.lane.shared->slot[0].reply.reply_size = 3;
	end(&s, 0, 0);
	harvest(&s);
	CHECK(weft_future_result(f, &size) == &s.result[0]);
	CHECK_EQ(size, 3);
	stage_fini(&s);
}

TEST(reply_text_without_an_end)
{
	struct stage s;
	stage_init(&s);
	weft_future *f = submit(&s, 0, 0);
	begin(&s, 0);
	memset(s.lane.shared->slot[0].text, 'x', sizeof s.lane.shared->slot[0].text);
	s.lane.shared->slot[0].reply.has_text = 1;
	end(&s, 0, -EDOM);
	harvest(&s);
	CHECK_EQ(weft_future_status(f), -EDOM);
	CHECK_EQ(strlen(weft_future_error(f)), WEFT_ERROR_TEXT_MAX);
	stage_fini(&s);
}

TEST(reply_of_a_batch_that_failed_nowhere)
{
	struct stage s;
	size_t failed = 7;
	struct weft__batch batch = {.n = 1, .arg_stride = 8, .result_stride = 8, .failed = &failed};
	stage_init(&s);
	weft_future *f = submit(&s, 0, 0);
	f->batch = &batch;
	f->origin = FROM_BATCH;
	begin(&s, 0);
	s.lane.shared->slot[0].failed = SIZE_MAX / 2;
	end(&s, 0, -EDOM);
	harvest(&s);
	CHECK_EQ(failed, 0);
	stage_fini(&s);
}

/* As the worker of a dead one: nothing but the number of elements it may have finished is believed. */
TEST(reply_of_a_dead_batch_that_failed_nowhere)
{
	struct stage s;
	size_t failed = 7;
	struct weft__batch batch = {.n = 1, .arg_stride = 8, .result_stride = 8, .failed = &failed};
	struct weft__death death = {.pid = 77, .signal = SIGKILL};
	stage_init(&s);
	weft_future *f = submit(&s, 0, 0);
	f->batch = &batch;
	f->origin = FROM_BATCH;
	begin(&s, 0);
	s.lane.shared->slot[0].failed = SIZE_MAX / 2;
	s.result[0] = 5;
	lose(&s, &death);
	CHECK_EQ(failed, 0);
	CHECK_EQ(s.result[0], 5);
	CHECK_EQ(weft_future_status(f), -EOWNERDEAD);
	stage_fini(&s);
}

TEST(reply_of_a_state_that_is_none)
{
	struct stage s;
	struct weft__death death = {.pid = 77, .signal = SIGKILL};
	stage_init(&s);
	weft_future *f = submit(&s, 0, 0);
	atom_store(&s.lane.shared->slot[0].state, 4711, relaxed);
	struct departures d = {.n = 0};
	lanes_harvest(&s.pool, &d);
	CHECK_EQ(d.n, 0);
	CHECK(s.lane.garbage && s.lane.killed);
	lose(&s, &death);
	CHECK_EQ(weft_future_status(f), -EBADMSG);
	stage_fini(&s);
}

/* One had begun, one is idempotent, two wait: the first is lost, the others queue up as they came. */
TEST(reply_never_comes)
{
	struct stage s;
	struct weft__death death = {.pid = 77, .signal = SIGSEGV};
	weft_future *f[TASKS];
	struct weft_death told;
	stage_init(&s);
	for (unsigned i = 0; i < TASKS; i++)
		f[i] = submit(&s, i, i == 1 ? WEFT_TASK_IDEMPOTENT : 0);
	CHECK_EQ(s.lane.tasks, TASKS);
	begin(&s, 0);
	begin(&s, 1);
	CHECK(lose(&s, &death) == &s.task[0]);
	CHECK_EQ(weft_future_status(f[0]), -EOWNERDEAD);
	CHECK_EQ(weft_future_death(f[0], &told), 0);
	CHECK_EQ(told.signal, SIGSEGV);
	for (unsigned i = 1; i < TASKS; i++) {
		CHECK_EQ(weft_future_status(f[i]), -EINPROGRESS);
		CHECK(weft__taskq_start(&s.pool.q) == &s.task[i]);
		weft_impl_run(&s.task[i]);
		CHECK_EQ(weft_future_status(f[i]), 0);
	}
	CHECK(!weft__taskq_start(&s.pool.q));
	stage_fini(&s);
}
