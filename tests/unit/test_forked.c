/* SPDX-License-Identifier: MIT
 *
 * test_forked.c -- a fork knows that it is one: its generation, what it may still use, what of its parent
 * it may not; and the library's own locks are free there, whoever held them in the parent.
 */
#include "harness.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/cq.h>

#include "forked.h"
#include "graph.h"

/* Runs fn(arg) in a fork. Returns what it returned: 0..99; -1: the fork died. */
static int in_fork(int (*fn)(void *arg), void *arg)
{
	int status = -1;
	pid_t child = fork();
	if (!child) {
		alarm(20);
		_exit(fn(arg));
	}
	REQUIRE(child > 0);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int generation_in_grandchild(void *arg)
{
	uint32_t parent = *(uint32_t *)arg;
	return weft__generation() == parent + 2 && weft__forked(parent) && weft__forked(parent + 1) &&
			       !weft__forked(parent + 2)
		       ? 0
		       : 2;
}

static int generation_in_child(void *arg)
{
	uint32_t parent = *(uint32_t *)arg;
	int status = -1;
	if (weft__generation() != parent + 1 || !weft__forked(parent) || weft__forked(parent + 1) ||
	    weft__forked(0))
		return 1;
	pid_t child = fork();
	if (!child)
		_exit(generation_in_grandchild(arg));
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

TEST(generations)
{
	uint32_t mine = weft__generation();
	CHECK(mine >= 1);
	CHECK(!weft__forked(mine) && !weft__forked(0));
	CHECK_EQ(in_fork(generation_in_child, &mine), 0);
	CHECK_EQ(weft__generation(), mine);
}

static int use_inline(void *arg)
{
	uint64_t n = 6, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	(void)arg;
	if (weft_submit(weft_inline(), &t) || weft_future_wait(weft_task_future(&t), 0) || square != 36)
		return 1;
	return weft_map(weft_inline(), test_square_fn, &n, 8, &square, 8, 1, NULL) ? 2 : 0;
}

TEST(inline_works_in_a_fork)
{
	CHECK_EQ(use_inline(NULL), 0);
	CHECK_EQ(in_fork(use_inline, NULL), 0);
}

/* What a parent has: an executor, a task queued there, one that runs, one that is promised, one done. */
struct parent {
	weft_executor *ex;
	weft_task queued, running, promised, done;
};

static int put(void *self, struct weft_offer *offer)
{
	(void)self;
	int err = weft_impl_accept(offer, 0);
	return err ? err : 1;
}

static void parent_init(struct parent *p)
{
	struct weft_executor_ops ops = {.size = sizeof ops, .submit = put};
	weft_task t = {.fn = test_square_fn};
	*p = (struct parent){NULL, t, t, t, t};
	REQUIRE_EQ(weft_executor_new(&p->ex, "parent", &ops, NULL), 0);
	REQUIRE_EQ(weft_submit(p->ex, &p->queued), 0);
	REQUIRE_EQ(weft_submit(p->ex, &p->running), 0);
	REQUIRE_EQ(weft_submit(p->ex, &p->done), 0);
	REQUIRE(weft_impl_start(&p->running));
	REQUIRE(weft_impl_start(&p->done));
	REQUIRE_EQ(weft_future_then(weft_task_future(&p->running), p->ex, &p->promised), 0);
	weft_impl_finish(&p->done, 17, NULL);
}

/* Ends everything and frees. */
static void parent_fini(struct parent *p)
{
	weft_impl_finish(&p->running, 0, NULL);
	REQUIRE(weft_impl_start(&p->promised));
	weft_impl_finish(&p->promised, 0, NULL);
	CHECK_EQ(weft_future_cancel(weft_task_future(&p->queued)), WEFT_CANCEL_DROPPED);
	weft_executor_free(p->ex);
}

/* How many questions about the parent's things are answered wrongly? */
static int look_at_parent(void *arg)
{
	struct parent *p = arg;
	weft_task *unfinished[] = {&p->queued, &p->running, &p->promised};
	weft_task mine = {.fn = test_square_fn};
	struct weft_stats stats;
	weft_cq *q = NULL;
	int wrong = 0;
	for (size_t i = 0; i < 3; i++) {
		weft_future *f = weft_task_future(unfinished[i]);
		wrong += weft_future_wait(f, WEFT_FOREVER) != -ECHILD;
		wrong += weft_wait_all(&f, 1, WEFT_FOREVER) != -ECHILD;
		wrong += weft_wait_any(&f, 1, WEFT_FOREVER) != -ECHILD;
		wrong += weft_future_cancel(f) != WEFT_CANCEL_LATE;
		wrong += weft_future_status(f) != -EINPROGRESS;
		wrong += weft_future_then(f, weft_inline(), &mine) != -ECHILD;
	}
	weft_future *done = weft_task_future(&p->done);
	wrong += weft_future_wait(done, WEFT_FOREVER) != 0;
	wrong += weft_future_status(done) != 17;
	wrong += weft_submit(p->ex, &mine) != -ECHILD;
	wrong += weft_submit_wait(p->ex, &mine, WEFT_FOREVER) != -ECHILD;
	wrong += weft_executor_stop(p->ex, WEFT_STOP_DRAIN, WEFT_FOREVER) != -ECHILD;
	wrong += weft_executor_stats(p->ex, &stats) != -ECHILD;
	wrong += weft_cq_new(&q) != 0; /* one of the fork's own works */
	wrong += weft_cq_watch(q, done, p) != 0;
	wrong += weft_cq_next(q, NULL, NULL, 0) != 0;
	weft_cq_free(q);
	weft_executor_free(p->ex);
	return wrong;
}

TEST(what_is_the_parents)
{
	struct parent p;
	parent_init(&p);
	CHECK_EQ(in_fork(look_at_parent, &p), 0);
	parent_fini(&p);
}

/* A queue of completions of the parent's. */
static int look_at_queue(void *arg)
{
	weft_cq *q = arg;
	weft_task t = {.fn = test_square_fn};
	int wrong = weft_cq_next(q, NULL, NULL, WEFT_FOREVER) != -ECHILD;
	weft__claim(weft__future(&t), PHASE_IDLE, PHASE_RUNNING);
	wrong += weft_cq_watch(q, weft_task_future(&t), NULL) != -ECHILD;
	weft_cq_free(q);
	return wrong;
}

TEST(queue_of_the_parent)
{
	weft_cq *q = NULL;
	REQUIRE_EQ(weft_cq_new(&q), 0);
	CHECK_EQ(in_fork(look_at_queue, q), 0);
	weft_cq_free(q);
}

static int take_locks(void *arg)
{
	weft_task *t = arg;
	weft__lock(weft__stripe(weft__future(t)));
	weft__unlock(weft__stripe(weft__future(t)));
	weft__graph_set(weft__future(t), NULL);
	return 0;
}

TEST(locks_are_free_in_a_fork)
{
	weft_task t = {0};
	weft__generation();
	weft__lock(weft__stripe(weft__future(&t)));
	CHECK_EQ(in_fork(take_locks, &t), 0);
	weft__unlock(weft__stripe(weft__future(&t)));
}
