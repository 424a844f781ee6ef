/* SPDX-License-Identifier: MIT
 *
 * contract_fair.c -- tasks that submit tasks for ever keep nobody else from being run.
 */
#include <errno.h>

#include <weft/weft.h>

#include "harness.h"

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

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

struct chain {
	weft_executor *ex;
	uint32_t stop, links, ends;
	int err;
};

/* Submits itself again, so to speak, until it is told to stop. */
static int chain_fn(weft_call *call, const void *arg, void *result)
{
	struct chain *c = *(struct chain *const *)arg;
	weft_future *f;
	(void)call, (void)result;
	test_add(&c->links, 1);
	int err = test_get(&c->stop) ? -ECANCELED : weft_async(c->ex, chain_fn, arg, sizeof c, 0, &f);
	if (err)
		test_add(&c->ends, 1);
	else
		weft_future_unref(f);
	return err;
}

static void check_fairness(int32_t priority)
{
	weft_executor *ex = pool_with("");
	struct chain chain = {.ex = ex}, *c = &chain;
	uint32_t chains = 2 * test_workers();
	for (uint32_t i = 0; i < chains; i++) {
		weft_future *f;
		REQUIRE_EQ(weft_async(ex, chain_fn, &c, sizeof c, 0, &f), 0);
		weft_future_unref(f);
	}
	REQUIRE(test_await(&chain.links, 1000));
	for (int i = 0; i < 50; i++) {
		weft_task t = {.fn = nothing_fn, .priority = priority};
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
	}
	CHECK_EQ(test_get(&chain.ends), 0);
	test_set(&chain.stop, 1);
	REQUIRE(test_await(&chain.ends, chains));
	weft_executor_free(ex);
}

TEST(fair_to_those_outside)
{
	check_fairness(0);
}

TEST(fair_to_the_urgent)
{
	check_fairness(1);
}

/* Holds a worker; then begins a chain, if it has one. */
struct holder {
	uint32_t started, open;
	struct chain *chain;
};

static int hold_fn(weft_call *call, const void *arg, void *result)
{
	struct holder *h = *(struct holder *const *)arg;
	test_add(&h->started, 1);
	while (!test_get(&h->open)) /* longer than the test waits for anything */
		test_sleep_ms(1);
	return h->chain ? chain_fn(call, &h->chain, result) : 0;
}

static int add_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	test_add(*(uint32_t *const *)arg, 1);
	return 0;
}

/* A worker takes over several tasks at a time, and the first of them takes long. The others have workers that
 * are never without tasks of their own. */
TEST(fair_to_what_waits_behind_a_long_task)
{
	enum { QUICK = 32 };
	weft_executor *ex = pool_with("");
	unsigned n = test_workers();
	if (n == 1) {
		weft_executor_free(ex);
		SKIP("with one worker there is nobody to run them");
	}
	struct chain chain = {.ex = ex};
	struct holder holder[9] = {{0}}, *at[9];
	uint32_t done = 0, *where = &done;
	weft_task held[9], quick[QUICK];
	for (unsigned i = 0; i <= n; i++) {
		at[i] = &holder[i];
		held[i] = (weft_task){.fn = hold_fn, .arg = &at[i], .arg_size = sizeof at[i]};
		holder[i].chain = i > 0 && i < n ? &chain : NULL;
		REQUIRE_EQ(weft_submit(ex, &held[i]), 0);
		/* Each has a worker; but the last, which is the long one, has to wait for one. */
		REQUIRE(i == n || test_await(&holder[i].started, 1));
	}
	for (int i = 0; i < QUICK; i++) {
		quick[i] = (weft_task){.fn = add_fn, .arg = &where, .arg_size = sizeof where};
		REQUIRE_EQ(weft_submit(ex, &quick[i]), 0);
	}
	test_set(&holder[0].open, 1);
	REQUIRE(test_await(&holder[n].started, 1));
	for (unsigned i = 1; i < n; i++)
		test_set(&holder[i].open, 1);
	CHECK(test_await(&done, QUICK));
	CHECK_EQ(test_get(&chain.ends), 0);
	test_set(&chain.stop, 1);
	REQUIRE(test_await(&chain.ends, n - 1));
	test_set(&holder[n].open, 1);
	weft_executor_free(ex);
	CHECK_EQ(test_get(&done), QUICK);
}
