/* SPDX-License-Identifier: MIT
 *
 * test_lot.c -- waiting in tasks: fibers park, and a cancel or a deadline ends every kind of wait, in private and in
 * shared memory, on threads and on both engines of fibers.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/weft.h>

#include "sync_kit.h"

enum { TASKS = 20, ROUNDS = 50 };

struct scene {
	weft_lock lock, own;
	weft_rlock rlock;
	weft_semaphore semaphore;
	weft_event event;
	weft_cond cond;
	weft_barrier barrier;
	weft_rwlock rw;
	uint64_t sum;
	uint32_t started, inside;
};

static const char *const specs[] = {"threads:2", "uring:1", "uring:2", "uring:2,engine=epoll"};
enum { SPECS = sizeof specs / sizeof *specs };

static struct scene *scene_new(unsigned flags)
{
	struct scene *s = test_memory(sizeof *s);

	REQUIRE_EQ(weft_lock_init(&s->lock, flags), 0);
	REQUIRE_EQ(weft_lock_init(&s->own, flags), 0);
	REQUIRE_EQ(weft_rlock_init(&s->rlock, flags), 0);
	REQUIRE_EQ(weft_semaphore_init(&s->semaphore, 0, flags), 0);
	REQUIRE_EQ(weft_event_init(&s->event, flags), 0);
	REQUIRE_EQ(weft_cond_init(&s->cond, flags), 0);
	REQUIRE_EQ(weft_barrier_init(&s->barrier, 2, flags), 0);
	REQUIRE_EQ(weft_rwlock_init(&s->rw, flags), 0);
	return s;
}

static void run_all(const char *spec, weft_fn *fn, struct scene *s, int n)
{
	weft_executor *ex;
	weft_task task[TASKS];

	REQUIRE_EQ(weft_executor_open(&ex, spec), 0);
	for (int i = 0; i < n; i++) {
		task[i] = (weft_task){.fn = fn, .arg = &s, .arg_size = sizeof s, .flags = WEFT_TASK_LOCAL};
		REQUIRE_EQ(weft_submit(ex, &task[i]), 0);
	}
	for (int i = 0; i < n; i++) {
		test_wait(weft_task_future(&task[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&task[i])), 0);
	}
	weft_executor_free(ex);
}

/* ---- Tasks exclude each other, those of one lane, too, where they wait while they hold the lock ---- */

static int add(weft_call *call, const void *arg, void *result)
{
	struct scene *s = *(struct scene *const *)arg;

	(void)call, (void)result;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t sum;

		if (weft_lock_acquire(&s->lock, test_soon()))
			return -EIO;
		sum = s->sum;
		if (i % 10 == 0)
			weft_yield();
		s->sum = sum + 1;
		if (weft_lock_release(&s->lock))
			return -EIO;
	}
	return 0;
}

static int add_deeply(weft_call *call, const void *arg, void *result)
{
	struct scene *s = *(struct scene *const *)arg;

	(void)call, (void)result;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t sum;

		if (weft_rlock_acquire(&s->rlock, test_soon()) || weft_rlock_acquire(&s->rlock, 0))
			return -EIO;
		sum = s->sum;
		if (i % 10 == 0)
			weft_yield();
		s->sum = sum + 1;
		if (weft_rlock_release(&s->rlock) || weft_rlock_release(&s->rlock))
			return -EIO;
	}
	return 0;
}

static int read_or_write(weft_call *call, const void *arg, void *result)
{
	struct scene *s = *(struct scene *const *)arg;

	(void)call, (void)result;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t sum;
		bool writes = i % 5 == 0;

		if (writes ? weft_rwlock_write(&s->rw, test_soon()) : weft_rwlock_read(&s->rw, test_soon()))
			return -EIO;
		sum = s->sum;
		if (i % 10 < 2)
			weft_yield();
		if (s->sum != sum)
			return -EILSEQ;
		if (writes)
			s->sum++;
		if (weft_rwlock_release(&s->rw))
			return -EIO;
	}
	return 0;
}

static void exclude(weft_fn *fn, unsigned flags, uint64_t each)
{
	for (int i = 0; i < SPECS; i++) {
		struct scene *s = scene_new(flags);

		run_all(specs[i], fn, s, TASKS);
		CHECK_EQ(s->sum, TASKS * each);
	}
}

TEST(tasks_exclude_each_other)
{
	exclude(add, 0, ROUNDS);
}

TEST(tasks_exclude_each_other_in_shared_memory)
{
	exclude(add, WEFT_SHARED, ROUNDS);
}

TEST(tasks_have_their_rlock_to_themselves)
{
	exclude(add_deeply, 0, ROUNDS);
	exclude(add_deeply, WEFT_SHARED, ROUNDS);
}

TEST(tasks_read_what_is_whole)
{
	exclude(read_or_write, 0, ROUNDS / 5);
	exclude(read_or_write, WEFT_SHARED, ROUNDS / 5);
}

/* ---- A wait holds up no lane, a cancel ends it ---- */

static int wait_for_lock(weft_call *call, const void *arg, void *result)
{
	struct scene *s = *(struct scene *const *)arg;
	(void)call, (void)result;
	test_add(&s->started, 1);
	return weft_lock_acquire(&s->lock, WEFT_FOREVER);
}

static int wait_for_rlock(weft_call *call, const void *arg, void *result)
{
	struct scene *s = *(struct scene *const *)arg;
	(void)call, (void)result;
	test_add(&s->started, 1);
	return weft_rlock_acquire(&s->rlock, WEFT_FOREVER);
}

static int wait_for_unit(weft_call *call, const void *arg, void *result)
{
	struct scene *s = *(struct scene *const *)arg;
	(void)call, (void)result;
	test_add(&s->started, 1);
	return weft_semaphore_acquire(&s->semaphore, WEFT_FOREVER);
}

static int wait_for_event(weft_call *call, const void *arg, void *result)
{
	struct scene *s = *(struct scene *const *)arg;
	(void)call, (void)result;
	test_add(&s->started, 1);
	return weft_event_wait(&s->event, WEFT_FOREVER);
}

static int wait_for_others(weft_call *call, const void *arg, void *result)
{
	struct scene *s = *(struct scene *const *)arg;
	int err;
	(void)call, (void)result;
	test_add(&s->started, 1);
	err = weft_barrier_wait(&s->barrier, WEFT_FOREVER);
	return weft_barrier_waiting(&s->barrier) == -EPIPE ? err : -EIO;
}

static int wait_to_read(weft_call *call, const void *arg, void *result)
{
	struct scene *s = *(struct scene *const *)arg;
	(void)call, (void)result;
	test_add(&s->started, 1);
	return weft_rwlock_read(&s->rw, WEFT_FOREVER);
}

static int wait_to_write(weft_call *call, const void *arg, void *result)
{
	struct scene *s = *(struct scene *const *)arg;
	(void)call, (void)result;
	test_add(&s->started, 1);
	return weft_rwlock_write(&s->rw, WEFT_FOREVER);
}

/* The lock that goes with the condition is the caller's again. */
static int wait_for_change(weft_call *call, const void *arg, void *result)
{
	struct scene *s = *(struct scene *const *)arg;
	int err;

	(void)call, (void)result;
	if (weft_lock_acquire(&s->own, 0))
		return -EIO;
	test_add(&s->started, 1);
	err = weft_cond_wait(&s->cond, &s->own, WEFT_FOREVER);
	return weft_lock_release(&s->own) ? -EIO : err;
}

static void cancel_one(const char *spec, weft_fn *fn, struct scene *s, weft_time deadline)
{
	weft_executor *ex;
	weft_task task = {
		.fn = fn, .arg = &s, .arg_size = sizeof s, .flags = WEFT_TASK_LOCAL, .deadline = deadline};
	weft_future *f = weft_task_future(&task);

	s->started = 0;
	REQUIRE_EQ(weft_executor_open(&ex, spec), 0);
	REQUIRE_EQ(weft_submit(ex, &task), 0);
	if (!deadline) { /* else it may be over before it has begun */
		REQUIRE(test_await(&s->started, 1));
		test_sleep_ms(2);
		CHECK_EQ(weft_future_cancel(f), WEFT_CANCEL_ASKED);
	}
	test_wait(f);
	CHECK_EQ(weft_future_status(f), deadline ? -ETIMEDOUT : -ECANCELED);
	weft_executor_free(ex);
}

static void cancel_all(unsigned flags, bool by_deadline)
{
	static weft_fn *const waits[] = {wait_for_lock,   wait_for_rlock, wait_for_unit, wait_for_event,
					 wait_for_others, wait_to_read,   wait_to_write, wait_for_change};

	for (int i = 0; i < SPECS; i++)
		for (size_t k = 0; k < sizeof waits / sizeof *waits; k++) {
			struct scene *s = scene_new(flags);

			CHECK_EQ(weft_lock_acquire(&s->lock, 0), 0);
			CHECK_EQ(weft_rlock_acquire(&s->rlock, 0), 0);
			CHECK_EQ(weft_rwlock_write(&s->rw, 0), 0);
			cancel_one(specs[i], waits[k], s, by_deadline ? weft_after(WEFT_MS(30)) : 0);
			CHECK_EQ(weft_rwlock_release(&s->rw), 0);
			CHECK_EQ(weft_rlock_release(&s->rlock), 0);
			CHECK_EQ(weft_lock_release(&s->lock), 0);
			CHECK_EQ(weft_lock_try(&s->lock), 0);
			CHECK_EQ(weft_lock_release(&s->lock), 0);
		}
}

TEST(a_cancel_ends_each_wait)
{
	cancel_all(0, false);
}

TEST(a_cancel_ends_each_wait_in_shared_memory)
{
	cancel_all(WEFT_SHARED, false);
}

TEST(the_deadline_of_the_task_ends_each_wait)
{
	cancel_all(0, true);
	cancel_all(WEFT_SHARED, true);
}

/* ---- Fibers, threads and processes together ---- */

static int wait_and_post(weft_call *call, const void *arg, void *result)
{
	struct scene *s = *(struct scene *const *)arg;
	(void)call, (void)result;
	test_add(&s->started, 1);
	return weft_event_wait(&s->event, test_soon());
}

static int set_when_all_wait(void *arg)
{
	struct scene *s = arg;

	if (!test_await(&s->started, TASKS))
		return 1;
	return weft_event_set(&s->event);
}

/* All on one lane, so none of them could begin if one held it up. */
TEST(a_process_wakes_fibers)
{
	for (int i = 1; i < SPECS; i++) {
		struct scene *s = scene_new(WEFT_SHARED);
		pid_t pid = sync_fork(set_when_all_wait, s);

		run_all(specs[i], wait_and_post, s, TASKS);
		CHECK_EQ(sync_reap(pid), 0);
	}
}

static int hold_and_die(void *arg)
{
	struct scene *s = arg;

	if (weft_lock_acquire(&s->lock, 0))
		return 1;
	test_set(&s->inside, 1);
	if (!test_await(&s->started, TASKS))
		return 2;
	return raise(SIGKILL);
}

static int count_deaths(weft_call *call, const void *arg, void *result)
{
	struct scene *s = *(struct scene *const *)arg;
	int err;
	(void)call, (void)result;
	test_add(&s->started, 1);
	err = weft_lock_acquire(&s->lock, test_soon());
	if (err && err != -EOWNERDEAD)
		return err;
	s->sum += err == -EOWNERDEAD;
	return weft_lock_release(&s->lock);
}

TEST(a_death_wakes_fibers)
{
	for (int i = 0; i < SPECS; i++) {
		struct scene *s = scene_new(WEFT_SHARED);
		pid_t pid = sync_fork(hold_and_die, s);

		REQUIRE(test_await(&s->inside, 1));
		run_all(i ? specs[i] : "threads:20", count_deaths, s, TASKS);
		CHECK_EQ(s->sum, 1);
		sync_reap(pid);
	}
}

/* ---- A pool of processes, by pointers into a region ---- */

static int add_to_value(weft_call *call, const void *arg, void *result)
{
	uint64_t *sum = *(uint64_t *const *)arg;

	(void)call, (void)result;
	for (int i = 0; i < ROUNDS; i++) {
		if (weft_lock_acquire(weft_shared_lock(sum), test_soon()))
			return -EIO;
		++*sum;
		weft_lock_release(weft_shared_lock(sum));
	}
	return 0;
}

static int die_with_value(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	return weft_lock_acquire(weft_shared_lock(*(void *const *)arg), 0) ? -EIO : raise(SIGKILL);
}

TEST(workers_share_a_value)
{
	weft_executor *ex;
	weft_region *r;
	uint64_t *sum = NULL;
	weft_task task[TASKS], killer = {.fn = die_with_value, .arg = &sum, .arg_size = sizeof sum};

	REQUIRE_EQ(weft_region_new(&r, NULL), 0);
	REQUIRE_EQ(weft_shared_new(r, sizeof *sum, 1, (void **)&sum), 0);
	REQUIRE_EQ(weft_executor_open(&ex, "processes:2"), 0);
	for (int i = 0; i < TASKS; i++) {
		task[i] = (weft_task){.fn = add_to_value, .arg = &sum, .arg_size = sizeof sum};
		REQUIRE_EQ(weft_submit(ex, &task[i]), 0);
	}
	for (int i = 0; i < TASKS; i++) {
		test_wait(weft_task_future(&task[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&task[i])), 0);
	}
	CHECK_EQ(*sum, TASKS * ROUNDS);
	REQUIRE_EQ(weft_submit(ex, &killer), 0);
	test_wait(weft_task_future(&killer));
	CHECK_EQ(weft_future_status(weft_task_future(&killer)), -EOWNERDEAD);
	CHECK_EQ(weft_lock_acquire(weft_shared_lock(sum), test_soon()), -EOWNERDEAD);
	CHECK_EQ(weft_lock_release(weft_shared_lock(sum)), 0);
	weft_executor_free(ex);
	CHECK_EQ(weft_shared_free(sum), 0);
	CHECK_EQ(weft_region_free(r), 0);
}
