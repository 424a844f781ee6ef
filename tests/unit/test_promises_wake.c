/* SPDX-License-Identifier: MIT
 *
 * test_promises_wake.c -- who is woken for something and then takes something else hands the wake on: room in
 * a queue, an item of a completion queue. The narrow places are held open by locks and by an executor that
 * takes its time.
 */
#include "harness.h"

#include <errno.h>
#include <sched.h>

#include "cqueue.h"

/* ---- Room: an executor that takes as many tasks as there is room, and runs them at once ---- */

struct hotel {
	weft_executor *ex;
	struct weft__lock lock;
	weft_task *
		trap; /* the second time that it comes: wait until two wait, make room for two, but wake one */
	unsigned room, asked; /* how often that one came */
};

static void spring(struct hotel *h)
{
	weft_time end = test_soon();
	while (atom_load(&h->ex->room.n, relaxed) < 2 && weft_now() < end)
		sched_yield();
	weft__lock(&h->lock);
	h->room = 2;
	weft__unlock(&h->lock);
	weft__waitq_wake(&h->ex->room, 1);
}

static int hotel_submit(void *self, struct weft_offer *offer)
{
	struct hotel *h = self;
	weft__lock(&h->lock);
	bool trap = offer->tasks == h->trap && h->asked++ == 1;
	weft__unlock(&h->lock);
	if (trap)
		spring(h);
	weft__lock(&h->lock);
	bool room = h->room > 0;
	h->room -= room;
	weft__unlock(&h->lock);
	if (!room)
		return -EAGAIN;
	int err = weft_impl_accept(offer, 0);
	if (err)
		return err;
	if (weft_impl_drop(&offer->tasks[0]))
		weft_impl_finish(&offer->tasks[0], 0, NULL);
	return 1;
}

struct guest {
	struct hotel *h;
	weft_task task;
	pthread_t thread;
	int err;
};

static void *check_in(void *ctx)
{
	struct guest *g = ctx;
	g->task = (weft_task){.fn = test_square_fn};
	/* The deadline itself would look once more: so it is no less than the test's own patience. */
	weft_time begun = weft_now();
	g->err = weft_submit_wait(g->h->ex, &g->task, weft_after(WEFT_SECONDS(5)));
	if (weft_now() - begun > WEFT_SECONDS(4))
		g->err = -ETIME;
	return NULL;
}

/* The first one is woken, but has got room by itself: the wake was the second one's. */
TEST(room_wake_is_handed_on)
{
	struct weft_executor_ops ops = {.size = sizeof ops, .workers = 1, .submit = hotel_submit};
	struct hotel h = {.room = 0};
	struct guest first = {.h = &h}, second = {.h = &h};
	weft_time end = test_soon();
	REQUIRE_EQ(weft_executor_new(&h.ex, "hotel", &ops, &h), 0);
	h.trap = &first.task;
	REQUIRE_EQ(pthread_create(&first.thread, NULL, check_in, &first), 0);
	while (atom_load(&h.ex->room.n, relaxed) < 1 && weft_now() < end)
		sched_yield();
	REQUIRE_EQ(pthread_create(&second.thread, NULL, check_in, &second), 0);
	pthread_join(first.thread, NULL);
	pthread_join(second.thread, NULL);
	CHECK_EQ(first.err, 0);
	CHECK_EQ(second.err, 0);
	weft_executor_free(h.ex);
}

/* ---- A completion queue: the test plays the second taker ---- */

struct taker {
	weft_cq *q;
	pthread_t thread;
	void *tag;
	int err;
};

static void *take_one(void *ctx)
{
	struct taker *t = ctx;
	t->err = weft_cq_next(t->q, NULL, &t->tag, test_soon());
	return NULL;
}

static void watch_done(weft_cq *q, weft_task *t, void *tag)
{
	uint64_t n = 3;
	*t = (weft_task){.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &n, .result_size = 8};
	REQUIRE_EQ(weft_submit(weft_inline(), t), 0);
	REQUIRE_EQ(weft_cq_watch(q, weft_task_future(t), tag), 0);
}

/* Waits until the taker, which has entered the list of waiters, has found the item. */
static void await_taken(weft_cq *q)
{
	weft_time end = test_soon();
	bool taken = false;
	while (!taken) {
		REQUIRE(weft_now() < end);
		sched_yield();
		weft__lock(&q->lock);
		taken = !q->ready;
		weft__unlock(&q->lock);
	}
}

/* The taker finds an item by itself, and is woken for another one that it leaves to the next. */
TEST(cq_wake_is_handed_on)
{
	struct weft__parker parker = {0};
	struct weft__waiter next = {.parker = &parker};
	struct taker t = {.err = -EINVAL};
	weft_time end = test_soon();
	weft_task one, two;
	REQUIRE_EQ(weft_cq_new(&t.q), 0);
	/* It finds nothing, and is stopped before it is in the list: nobody is woken for the first item. */
	weft__lock(&t.q->waiters.lock);
	REQUIRE_EQ(pthread_create(&t.thread, NULL, take_one, &t), 0);
	while (atom_load(&t.q->waiters.lock.word, relaxed) != 2 && weft_now() < end)
		sched_yield();
	watch_done(t.q, &one, &one);
	/* Now it gets into the list, and is stopped before it looks. */
	weft__lock(&t.q->lock);
	weft__unlock(&t.q->waiters.lock);
	while (atom_load(&t.q->waiters.n, relaxed) != 1 && weft_now() < end)
		sched_yield();
	weft__waitq_enter(&t.q->waiters, &next);
	/* It looks, and is stopped before it leaves the list: there it is woken for the second item. */
	weft__lock(&t.q->waiters.lock);
	weft__unlock(&t.q->lock);
	await_taken(t.q);
	weft__unpark(list_entry(list_pop(&t.q->waiters.head), struct weft__waiter, node)->parker);
	atom_sub(&t.q->waiters.n, 1, relaxed);
	weft__unlock(&t.q->waiters.lock);
	CHECK_EQ(weft__park(&parker, weft_after(WEFT_SECONDS(4))), 0);
	weft__waitq_leave(&t.q->waiters, &next);
	pthread_join(t.thread, NULL);
	CHECK_EQ(t.err, 0);
	CHECK(t.tag == &one);
	watch_done(t.q, &two, &two);
	CHECK_EQ(weft_cq_next(t.q, NULL, &t.tag, test_soon()), 0);
	CHECK(t.tag == &two);
	weft_cq_free(t.q);
}
