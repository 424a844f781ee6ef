/* SPDX-License-Identifier: MIT
 *
 * test_cancel.c -- who moves a task out of QUEUED owns it, and nobody else does: claims, drops of queued
 * and of promised tasks, and a long race of cancellers against a worker.
 */
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "state.h"

enum { BATCH = 1000, BATCHES = 100 };

/* An executor that accepts, and leaves the rest to the test. */
struct shelf {
	weft_executor *ex;
	unsigned removed, interrupted;
	enum weft_cancel answer; /* of interrupt */
	weft_task *last;         /* removed or interrupted */
};

static int put(void *self, struct weft_offer *offer)
{
	(void)self;
	int err = weft_impl_accept(offer, 0);
	return err ? err : 1;
}

static void take_off(void *self, weft_task *t)
{
	struct shelf *s = self;
	s->removed++;
	s->last = t;
}

static enum weft_cancel interrupt(void *self, weft_task *t)
{
	struct shelf *s = self;
	s->interrupted++;
	s->last = t;
	return s->answer;
}

static void shelf_init(struct shelf *s)
{
	struct weft_executor_ops ops = {
		.size = sizeof ops, .submit = put, .remove = take_off, .interrupt = interrupt};
	*s = (struct shelf){.answer = WEFT_CANCEL_ASKED};
	REQUIRE_EQ(weft_executor_new(&s->ex, "shelf", &ops, s), 0);
}

/* Is nothing left that the executor has to wait for? */
static void shelf_fini(struct shelf *s)
{
	CHECK_EQ(weft_executor_stop(s->ex, WEFT_STOP_DRAIN, 0), 0);
	weft_executor_free(s->ex);
}

/* Its argument is a uint32_t that counts. */
static int count_fn(weft_call *call, const void *arg, void *result)
{
	(void)result;
	++*(uint32_t *)(uintptr_t)arg;
	return weft_call_cancelled(call) ? 8 : 7;
}

static weft_task counting(uint32_t *ran)
{
	return (weft_task){.fn = count_fn, .arg = ran, .arg_size = sizeof *ran};
}

TEST(claim_moves_from_and_to)
{
	weft_task t = {0};
	weft_future *f = weft__future(&t);
	for (uint32_t from = PHASE_IDLE; from <= PHASE_DONE; from++) {
		for (uint32_t wrong = PHASE_IDLE; wrong <= PHASE_DONE; wrong++) {
			if (wrong != from)
				CHECK(!weft__claim(f, wrong, PHASE_IDLE));
			CHECK_EQ(weft__phase(f), from);
		}
		CHECK(weft__claim(f, from, from + 1));
		CHECK(!weft__claim(f, from, from + 1));
	}
}

TEST(claim_keeps_the_flags)
{
	weft_task t = {0};
	weft_future *f = weft__future(&t);
	atom_or(&f->state, FLAG_WAITERS | FLAG_LINKS | FLAG_ASKED, relaxed);
	CHECK(weft__claim(f, PHASE_IDLE, PHASE_RUNNING));
	CHECK_EQ(atom_load(&f->state, relaxed), PHASE_RUNNING | FLAG_WAITERS | FLAG_LINKS | FLAG_ASKED);
}

TEST(drop_of_queued)
{
	struct shelf s;
	uint32_t ran = 0;
	weft_task t = counting(&ran);
	weft_future *f = weft__future(&t);
	shelf_init(&s);
	CHECK_EQ(weft_submit(s.ex, &t), 0);
	CHECK_EQ(weft_submit(s.ex, &t), -EBUSY);
	CHECK(weft__drop(f, -ETIMEDOUT));
	CHECK(s.removed == 1 && s.last == &t);
	CHECK_EQ(weft_future_status(f), -ETIMEDOUT);
	CHECK(!weft__drop(f, -ECANCELED));
	CHECK(!weft_impl_start(&t) && !weft_impl_drop(&t));
	CHECK_EQ(weft_future_status(f), -ETIMEDOUT);
	CHECK_EQ(ran, 0);
	shelf_fini(&s);
}

TEST(drop_of_promised)
{
	struct shelf s;
	uint32_t ran = 0;
	weft_task cause = counting(&ran), next = counting(&ran), after = counting(&ran);
	shelf_init(&s);
	CHECK_EQ(weft_submit(s.ex, &cause), 0);
	CHECK_EQ(weft_future_then(weft__future(&cause), s.ex, &next), 0);
	CHECK_EQ(weft_future_then(weft__future(&next), s.ex, &after), 0);
	CHECK_EQ(weft__phase(weft__future(&next)), PHASE_PROMISED);
	CHECK(!weft_impl_start(&next));
	CHECK(weft__drop(weft__future(&next), -ECANCELED));
	CHECK_EQ(s.removed, 0); /* the executor has never seen it */
	CHECK_EQ(weft_future_status(weft__future(&next)), -ECANCELED);
	CHECK(!weft__future(&cause)->links);
	CHECK(!s.ex->promised);
	/* Its own continuation is released; and the cause releases nothing. */
	CHECK_EQ(weft__phase(weft__future(&after)), PHASE_QUEUED);
	CHECK(weft_impl_start(&cause));
	weft_impl_run(&cause);
	CHECK_EQ(weft_future_status(weft__future(&next)), -ECANCELED);
	CHECK(weft_impl_start(&after));
	weft_impl_run(&after);
	CHECK_EQ(ran, 2);
	shelf_fini(&s);
}

TEST(drop_of_nothing_droppable)
{
	struct shelf s;
	uint32_t ran = 0;
	weft_task t = counting(&ran);
	weft_future *f = weft__future(&t);
	shelf_init(&s);
	CHECK(!weft__drop(f, -ECANCELED)); /* idle */
	CHECK_EQ(weft_submit(s.ex, &t), 0);
	CHECK(weft_impl_start(&t));
	CHECK(!weft__drop(f, -ECANCELED)); /* running */
	weft_impl_run(&t);
	CHECK(!weft__drop(f, -ECANCELED)); /* done */
	CHECK(weft_future_status(f) == 7 && s.removed == 0);
	shelf_fini(&s);
}

TEST(three_answers)
{
	struct shelf s;
	uint32_t ran = 0;
	weft_task t = counting(&ran);
	weft_future *f = weft__future(&t);
	shelf_init(&s);
	CHECK_EQ(weft_future_cancel(NULL), WEFT_CANCEL_LATE);
	CHECK_EQ(weft_future_cancel(f), WEFT_CANCEL_LATE);
	CHECK_EQ(weft_submit(s.ex, &t), 0);
	CHECK_EQ(weft_future_cancel(f), WEFT_CANCEL_DROPPED);
	CHECK_EQ(weft_future_status(f), -ECANCELED);
	CHECK_EQ(weft_future_cancel(f), WEFT_CANCEL_LATE);
	CHECK_EQ(weft_submit(s.ex, &t), 0);
	CHECK(weft_impl_start(&t));
	CHECK_EQ(weft_future_cancel(f), WEFT_CANCEL_ASKED);
	CHECK(s.interrupted == 1 && s.last == &t);
	CHECK_EQ(weft_future_cancel(f), WEFT_CANCEL_ASKED);
	CHECK_EQ(weft_future_status(f), -EINPROGRESS);
	weft_impl_run(&t);
	CHECK_EQ(weft_future_status(f), 8); /* the body has seen it */
	CHECK_EQ(weft_future_cancel(f), WEFT_CANCEL_LATE);
	/* Submitted again, it is not asked any more. */
	CHECK_EQ(weft_submit(s.ex, &t), 0);
	CHECK(weft_impl_start(&t));
	weft_impl_run(&t);
	CHECK_EQ(weft_future_status(f), 7);
	CHECK_EQ(ran, 2);
	shelf_fini(&s);
}

TEST(interrupt_finds_it_not_begun)
{
	struct shelf s;
	uint32_t ran = 0;
	weft_task t = counting(&ran);
	weft_future *f = weft__future(&t);
	shelf_init(&s);
	s.answer = WEFT_CANCEL_DROPPED;
	CHECK_EQ(weft_submit(s.ex, &t), 0);
	CHECK(weft_impl_start(&t));
	CHECK_EQ(weft_future_cancel(f), WEFT_CANCEL_DROPPED);
	CHECK_EQ(weft_future_status(f), -ECANCELED);
	CHECK(s.interrupted == 1 && s.removed == 0 && ran == 0);
	shelf_fini(&s);
}

/* ---- The race ---- */

struct race {
	struct shelf shelf;
	weft_task task[BATCH];
	uint32_t ran[BATCH];
	bool started[BATCH];
	enum weft_cancel answer[BATCH];
	pthread_barrier_t barrier;
	atom_u32 at[2]; /* how far each side is */
};

/* Keeps the two sides abreast, if the other one runs at all. */
static void abreast(struct race *r, int side, uint32_t i)
{
	atom_store(&r->at[side], i, relaxed);
	for (int spins = 0; spins < 500 && atom_load(&r->at[!side], relaxed) < i; spins++)
		atom_pause();
}

static void *work(void *arg)
{
	struct race *r = arg;
	for (int batch = 0; batch < BATCHES; batch++) {
		pthread_barrier_wait(&r->barrier);
		for (uint32_t i = 0; i < BATCH; i++) {
			abreast(r, 1, i);
			r->started[i] = weft_impl_start(&r->task[i]);
			if (r->started[i])
				weft_impl_run(&r->task[i]);
		}
		pthread_barrier_wait(&r->barrier);
	}
	return NULL;
}

/* Is what happened to task i one of the three possible stories? */
static bool consistent(struct race *r, unsigned i)
{
	int status = weft_future_status(weft__future(&r->task[i]));
	switch (r->answer[i]) {
	case WEFT_CANCEL_DROPPED:
		return status == -ECANCELED && !r->started[i] && r->ran[i] == 0;
	case WEFT_CANCEL_ASKED:
		return (status == 7 || status == 8) && r->started[i] && r->ran[i] == 1;
	case WEFT_CANCEL_LATE:
		return status == 7 && r->started[i] && r->ran[i] == 1;
	}
	return false;
}

TEST(cancel_against_start)
{
	static struct race r;
	struct weft_stats stats;
	unsigned bad = 0, dropped = 0;
	pthread_t thread;
	shelf_init(&r.shelf);
	pthread_barrier_init(&r.barrier, NULL, 2);
	REQUIRE_EQ(pthread_create(&thread, NULL, work, &r), 0);
	for (int batch = 0; batch < BATCHES; batch++) {
		for (uint32_t i = 0; i < BATCH; i++) {
			r.ran[i] = 0;
			r.task[i] = counting(&r.ran[i]);
			bad += weft_submit(r.shelf.ex, &r.task[i]) != 0;
		}
		atom_store(&r.at[0], 0, relaxed);
		atom_store(&r.at[1], 0, relaxed);
		pthread_barrier_wait(&r.barrier);
		for (uint32_t i = 0; i < BATCH; i++) {
			abreast(&r, 0, i);
			r.answer[i] = weft_future_cancel(weft__future(&r.task[i]));
		}
		pthread_barrier_wait(&r.barrier);
		for (uint32_t i = 0; i < BATCH; i++) {
			bad += !consistent(&r, i);
			dropped += r.answer[i] == WEFT_CANCEL_DROPPED;
		}
	}
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&r.barrier);
	CHECK_EQ(bad, 0);
	CHECK_EQ(r.shelf.removed, dropped);
	CHECK_EQ(weft_executor_stats(r.shelf.ex, &stats), 0);
	CHECK_EQ(stats.completed, BATCH * BATCHES);
	CHECK_EQ(stats.cancelled, dropped);
	shelf_fini(&r.shelf);
}
