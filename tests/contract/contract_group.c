/* SPDX-License-Identifier: MIT
 *
 * contract_group.c -- groups: all succeed or the first failure cancels the rest; cancelled as a whole; used
 * again; deadline inherited; members add members.
 */
#include <errno.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

enum { N = 40 };

static bool is_local(const weft_executor *ex)
{
	return (weft_executor_caps(ex) & WEFT_CAP_LOCAL) != 0;
}

static int fail_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	return weft_call_fail(call, -EDOM, "first");
}

static weft_task marker(const struct test_mark *mark)
{
	return (weft_task){.fn = test_mark_fn, .arg = mark, .arg_size = sizeof *mark};
}

static weft_task gate(const test_ref *ref)
{
	return (weft_task){.fn = test_gate_fn, .arg = ref, .arg_size = sizeof *ref};
}

TEST(group_of_none)
{
	weft_executor *ex = test_executor();
	weft_group g = {.ex = ex};
	CHECK_EQ(weft_group_wait(&g), 0);
	CHECK_EQ(weft_group_wait(&g), 0);
	CHECK_EQ(weft_group_wait(NULL), -EINVAL);
	weft_group_cancel(NULL);
	weft_executor_free(ex);
}

TEST(group_invalid)
{
	weft_executor *ex = test_executor();
	weft_group g = {.ex = ex}, homeless = {0};
	weft_task t = {.fn = NULL}, good = {.fn = fail_fn};
	CHECK_EQ(weft_group_submit(&g, &t), -EINVAL);
	CHECK_EQ(weft_group_submit(&g, NULL), -EINVAL);
	CHECK_EQ(weft_group_submit(NULL, &good), -EINVAL);
	CHECK_EQ(weft_group_submit(&homeless, &good), -EINVAL);
	good.flags = WEFT_TASK_LOCAL;
	if (!is_local(ex))
		CHECK_EQ(weft_group_submit(&g, &good), -EXDEV);
	CHECK_EQ(weft_group_wait(&g), 0);
	CHECK_EQ(weft_future_status(weft_task_future(&good)), -EINVAL);
	weft_executor_free(ex);
}

TEST(group_success)
{
	enum { MANY = 1000 };
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct test_mark mark = {.ref = ref, .word = 3, .status = 9};
	static weft_task t[MANY];
	weft_group g = {.ex = ex};
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MANY; i++) {
			t[i] = marker(&mark);
			REQUIRE_EQ(weft_group_submit(&g, &t[i]), 0);
		}
		CHECK_EQ(weft_group_wait(&g), 0);
		CHECK_EQ(test_get(&board[3]), MANY * (round + 1));
		for (int i = 0; i < MANY; i++)
			CHECK_EQ(weft_future_status(weft_task_future(&t[i])), 9);
	}
	weft_executor_free(ex);
}

/* The first member fails; gates that nobody opens follow. Only the cancellation ends them. */
TEST(group_first_failure_cancels_the_rest)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	weft_group g = {.ex = ex};
	weft_task bad = {.fn = fail_fn}, t[N];
	int err[N];
	REQUIRE_EQ(weft_group_submit(&g, &bad), 0);
	for (int i = 0; i < N; i++) {
		t[i] = gate(&ref);
		err[i] = weft_group_submit(&g, &t[i]);
		CHECK(err[i] == 0 || err[i] == -ECANCELED);
	}
	CHECK_EQ(weft_group_wait(&g), -EDOM);
	CHECK_EQ(strcmp(weft_future_error(weft_task_future(&bad)), "first"), 0);
	for (int i = 0; i < N; i++) {
		int status = weft_future_status(weft_task_future(&t[i]));
		CHECK_EQ(status, err[i] == 0 ? -ECANCELED : -EINVAL);
	}
	/* Empty now, and usable again. */
	test_set(&board[TEST_GATE_OPEN], 1);
	REQUIRE_EQ(weft_group_submit(&g, &t[0]), 0);
	CHECK_EQ(weft_group_wait(&g), 0);
	CHECK_EQ(weft_future_status(weft_task_future(&t[0])), 0);
	weft_executor_free(ex);
}

TEST(group_failure_asks_running_members)
{
	if (test_workers() < 2)
		SKIP("a running member holds up all there is");
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	weft_group g = {.ex = ex};
	weft_task bad = {.fn = fail_fn}, running = gate(&ref);
	REQUIRE_EQ(weft_group_submit(&g, &running), 0);
	REQUIRE(test_await(&board[TEST_GATE_STARTED], 1));
	REQUIRE_EQ(weft_group_submit(&g, &bad), 0);
	CHECK_EQ(weft_group_wait(&g), -EDOM);
	CHECK_EQ(weft_future_status(weft_task_future(&running)), -ECANCELED);
	weft_executor_free(ex);
}

TEST(group_cancel)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct test_mark mark = {.ref = ref, .word = 5};
	weft_group g = {.ex = ex};
	weft_task t[N], last = marker(&mark);
	if (!test_is_inline()) {
		for (int i = 0; i < N; i++) {
			t[i] = gate(&ref);
			REQUIRE_EQ(weft_group_submit(&g, &t[i]), 0);
		}
		REQUIRE(test_await(&board[TEST_GATE_STARTED], test_workers()));
	}
	weft_group_cancel(&g);
	CHECK_EQ(weft_group_submit(&g, &last), -ECANCELED);
	CHECK_EQ(weft_future_status(weft_task_future(&last)), -EINVAL);
	CHECK_EQ(weft_group_wait(&g), -ECANCELED);
	for (int i = 0; i < N && !test_is_inline(); i++)
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), -ECANCELED);
	CHECK_EQ(test_get(&board[TEST_GATE_STARTED]), test_is_inline() ? 0 : test_workers());
	CHECK_EQ(weft_group_submit(&g, &last), 0);
	CHECK_EQ(weft_group_wait(&g), 0);
	CHECK_EQ(test_get(&board[5]), 1);
	weft_executor_free(ex);
}

static void *cancel_later(void *ctx)
{
	test_sleep_ms(10);
	weft_group_cancel(ctx);
	return NULL;
}

TEST(group_cancel_while_waited_for)
{
	if (test_is_inline())
		SKIP("members are done before one can wait");
	weft_executor *ex = test_executor();
	test_ref ref;
	pthread_t thread;
	test_board(&ref);
	weft_group g = {.ex = ex};
	weft_task t[N];
	for (int i = 0; i < N; i++) {
		t[i] = gate(&ref);
		REQUIRE_EQ(weft_group_submit(&g, &t[i]), 0);
	}
	REQUIRE_EQ(pthread_create(&thread, NULL, cancel_later, &g), 0);
	CHECK_EQ(weft_group_wait(&g), -ECANCELED);
	pthread_join(thread, NULL);
	for (int i = 0; i < N; i++)
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), -ECANCELED);
	weft_executor_free(ex);
}

TEST(group_deadline_is_inherited)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct test_mark mark = {.ref = ref, .word = 3};
	weft_group g = {.ex = ex, .deadline = 1};
	weft_task own = marker(&mark), heir = marker(&mark);
	own.deadline = WEFT_FOREVER;
	REQUIRE_EQ(weft_group_submit(&g, &own), 0);
	CHECK_EQ(weft_group_wait(&g), 0);
	REQUIRE_EQ(weft_group_submit(&g, &heir), 0);
	CHECK_EQ(weft_group_wait(&g), -ETIMEDOUT);
	CHECK_EQ(weft_future_status(weft_task_future(&heir)), -ETIMEDOUT);
	CHECK_EQ(test_get(&board[3]), 1);
	g.deadline = test_soon();
	heir.deadline = 0;
	REQUIRE_EQ(weft_group_submit(&g, &heir), 0);
	CHECK_EQ(weft_group_wait(&g), 0);
	CHECK_EQ(test_get(&board[3]), 2);
	weft_executor_free(ex);
}

/* Gates that nobody opens: only the deadline of the group ends them. */
TEST(group_deadline_ends_running_members)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	test_board(&ref);
	weft_group g = {.ex = ex, .deadline = weft_after(WEFT_MS(40))};
	weft_task t[4];
	for (int i = 0; i < 4; i++) {
		t[i] = gate(&ref);
		int err = weft_group_submit(&g, &t[i]);
		CHECK(err == 0 || err == -ECANCELED);
	}
	int err = weft_group_wait(&g);
	CHECK(err == -ETIMEDOUT || err == -ECANCELED);
	weft_executor_free(ex);
}

/* A binary tree: node i adds its children 2i + 1 and 2i + 2 to the group it belongs to. */
enum { NODES = 1023 };

struct tree {
	weft_group group;
	uint32_t count, fail_at;
	struct node {
		struct tree *tree;
		uint32_t index;
	} node[NODES];
	weft_task task[NODES];
};

static struct tree tree;

static int node_fn(weft_call *call, const void *arg, void *result)
{
	const struct node *node = arg;
	struct tree *t = node->tree;
	(void)call, (void)result;
	test_add(&t->count, 1);
	if (node->index == t->fail_at)
		return -EDOM;
	for (uint32_t i = 2 * node->index + 1; i <= 2 * node->index + 2 && i < NODES; i++) {
		int err = weft_group_submit(&t->group, &t->task[i]);
		if (err != 0)
			return err;
	}
	return 0;
}

static int grow(weft_executor *ex, uint32_t fail_at)
{
	memset(&tree, 0, sizeof tree);
	tree.group.ex = ex;
	tree.fail_at = fail_at;
	for (uint32_t i = 0; i < NODES; i++) {
		tree.node[i] = (struct node){.tree = &tree, .index = i};
		tree.task[i] = (weft_task){.fn = node_fn, .arg = &tree.node[i]};
		tree.task[i].arg_size = sizeof tree.node[i];
		tree.task[i].flags = WEFT_TASK_LOCAL;
	}
	int err = weft_group_submit(&tree.group, &tree.task[0]);
	return err == 0 ? weft_group_wait(&tree.group) : err;
}

TEST(group_members_add_members)
{
	weft_executor *ex = test_executor();
	if (is_local(ex)) {
		CHECK_EQ(grow(ex, NODES), 0);
		CHECK_EQ(tree.count, NODES);
		CHECK_EQ(grow(ex, 5), -EDOM);
		CHECK(tree.count < NODES);
		CHECK_EQ(grow(ex, 0), -EDOM);
		CHECK_EQ(tree.count, 1);
	} else {
		CHECK_EQ(grow(ex, NODES), -EXDEV);
	}
	weft_executor_free(ex);
}

static int wait_for_own_group_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	return weft_group_wait(*(weft_group *const *)arg);
}

TEST(group_wait_by_a_member)
{
	weft_executor *ex = test_executor();
	weft_group g = {.ex = ex}, *pointer = &g;
	weft_task t = {.fn = wait_for_own_group_fn, .arg = &pointer, .arg_size = sizeof pointer};
	t.flags = WEFT_TASK_LOCAL;
	if (is_local(ex)) {
		REQUIRE_EQ(weft_group_submit(&g, &t), 0);
		CHECK_EQ(weft_group_wait(&g), -EDEADLK);
		CHECK_EQ(weft_future_status(weft_task_future(&t)), -EDEADLK);
	}
	weft_executor_free(ex);
}

struct adder {
	weft_group *group;
	struct test_mark mark;
	weft_task task[50];
	pthread_t thread;
	int err;
};

static void *add_fifty(void *ctx)
{
	struct adder *a = ctx;
	for (int i = 0; i < 50 && a->err == 0; i++) {
		a->task[i] = marker(&a->mark);
		a->err = weft_group_submit(a->group, &a->task[i]);
	}
	return NULL;
}

TEST(group_from_many_threads)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	weft_group g = {.ex = ex};
	static struct adder a[4];
	for (int i = 0; i < 4; i++) {
		a[i].group = &g;
		a[i].mark = (struct test_mark){.ref = ref, .word = 3};
		REQUIRE_EQ(pthread_create(&a[i].thread, NULL, add_fifty, &a[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(a[i].thread, NULL);
		CHECK_EQ(a[i].err, 0);
	}
	CHECK_EQ(weft_group_wait(&g), 0);
	CHECK_EQ(test_get(&board[3]), 200);
	weft_executor_free(ex);
}

TEST(group_two_do_not_mix)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct test_mark mark = {.ref = ref, .word = 3};
	weft_group good = {.ex = ex}, bad = {.ex = ex};
	weft_task t[20], failing = {.fn = fail_fn};
	for (int i = 0; i < 20; i++) {
		t[i] = marker(&mark);
		REQUIRE_EQ(weft_group_submit(&good, &t[i]), 0);
		if (i == 10)
			REQUIRE_EQ(weft_group_submit(&bad, &failing), 0);
	}
	CHECK_EQ(weft_group_wait(&bad), -EDOM);
	CHECK_EQ(weft_group_wait(&good), 0);
	CHECK_EQ(test_get(&board[3]), 20);
	weft_executor_free(ex);
}
