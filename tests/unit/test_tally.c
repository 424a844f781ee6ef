/* SPDX-License-Identifier: MIT
 *
 * test_tally.c -- counting with credit: the common count is never below the number of tasks that there are,
 * it comes to zero when all have settled, and once it stops nobody gets in.
 */
#include "harness.h"

#include <errno.h>
#include <string.h>

#include "state.h"

enum { THREADS = 4, PHASES = 60, STEPS = 2000 };

static int refuse(void *self, struct weft_offer *offer)
{
	(void)self, (void)offer;
	return -ENOSYS;
}

static weft_executor *executor(void)
{
	static const struct weft_executor_ops ops = {.size = sizeof ops, .submit = refuse};
	weft_executor *ex = NULL;

	REQUIRE_EQ(weft_executor_new(&ex, "tally", &ops, NULL), 0);
	return ex;
}

static uint32_t counted(weft_executor *ex)
{
	return atom_load(&ex->load, relaxed) / 2;
}

/* ---- A model: threads with a tally each, one without; what they do is looked at between phases ---- */

struct clerk {
	weft_executor *ex;
	struct weft__tally tally;
	pthread_barrier_t *barrier;
	pthread_t thread;
	uint32_t seed;
	bool has_tally;
	int64_t mine; /* tasks that it has entered, less those that it has left */
	uint32_t errors;
};

static uint32_t draw(struct clerk *c, uint32_t n)
{
	c->seed = c->seed * 1664525 + 1013904223;
	return (c->seed >> 8) % n;
}

/* Tasks may end in another thread than that which let them in: so mine may be below zero, not the sum. */
static atom_u64 common;

static void step(struct clerk *c)
{
	uint32_t n = 1 + (draw(c, 4) ? 0 : draw(c, 300));

	switch (draw(c, 5)) {
	case 0:
	case 1:
		if (c->has_tally && draw(c, 2))
			c->errors += weft__load_enter_on_credit(&c->tally, n) != 0;
		else
			c->errors += weft__load_enter(c->ex, n) != 0;
		c->mine += n;
		atom_add(&common, n, seq_cst);
		break;
	case 2:
		weft__load_hold(
			c->ex); /* allowed only where there is a task: there is one for all the time */
		c->mine++;
		atom_add(&common, 1, seq_cst);
		break;
	case 3:
		if (c->has_tally && !draw(c, 50))
			weft__tally_settle(&c->tally);
		break;
	default:
		for (uint64_t have = atom_load(&common, relaxed); have;) {
			uint64_t less = n < have ? n : have;

			if (!atom_cas(&common, &have, have - less, seq_cst, relaxed))
				continue;
			weft__load_leave(c->ex, less);
			c->mine -= (int64_t)less;
			break;
		}
	}
	/* Whatever the others do, what I have let in on my own account is counted: checked between phases. */
}

static void *be_clerk(void *arg)
{
	struct clerk *c = arg;

	if (c->has_tally)
		weft__tally = &c->tally;
	for (int phase = 0; phase < PHASES; phase++) {
		for (int i = 0; i < STEPS; i++)
			step(c);
		pthread_barrier_wait(c->barrier); /* it is looked at */
		pthread_barrier_wait(c->barrier);
	}
	weft__tally = NULL;
	return NULL;
}

static void check_phase(weft_executor *ex, struct clerk clerk[THREADS])
{
	uint64_t credit = 0;
	int64_t real = 1;

	for (int i = 0; i < THREADS; i++) {
		real += clerk[i].mine;
		credit += clerk[i].tally.credit;
		CHECK(clerk[i].tally.credit <= 2 * WEFT__CREDIT + 300);
	}
	CHECK_EQ(real, atom_load(&common, relaxed) + 1);
	CHECK(counted(ex) >= real);
	CHECK_EQ(counted(ex), (uint64_t)real + credit);
}

TEST(credit_never_hides_a_task)
{
	static struct clerk clerk[THREADS];
	pthread_barrier_t barrier;
	weft_executor *ex = executor();

	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	CHECK_EQ(weft__load_enter(ex, 1), 0); /* the one that weft__load_hold relies on */
	for (uint32_t i = 0; i < THREADS; i++) {
		clerk[i] = (struct clerk){.ex = ex, .barrier = &barrier, .seed = i, .has_tally = i > 0};
		if (clerk[i].has_tally)
			weft__tally_open(&clerk[i].tally, ex, NULL);
		REQUIRE_EQ(pthread_create(&clerk[i].thread, NULL, be_clerk, &clerk[i]), 0);
	}
	for (int phase = 0; phase < PHASES; phase++) {
		pthread_barrier_wait(&barrier);
		check_phase(ex, clerk);
		pthread_barrier_wait(&barrier);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(clerk[i].thread, NULL);
		CHECK_EQ(clerk[i].errors, 0);
		if (clerk[i].has_tally)
			weft__tally_close(&clerk[i].tally);
	}
	weft__load_leave(ex, atom_load(&common, relaxed) + 1);
	CHECK_EQ(atom_load(&ex->load, relaxed), 0);
	pthread_barrier_destroy(&barrier);
	weft_executor_free(ex);
}

/* ---- The stop ---- */

TEST(nobody_gets_in_after_a_stop)
{
	weft_executor *ex = executor();
	struct weft__tally rich = {.credit = 0}, poor = {.credit = 0};

	weft__tally_open(&rich, ex, NULL);
	weft__tally_open(&poor, ex, NULL);
	CHECK_EQ(weft__load_enter_on_credit(&rich, 1), 0);
	CHECK(rich.credit > 0);
	atom_or(&ex->load, 1, relaxed);
	uint32_t load = atom_load(&ex->load, relaxed), credit = rich.credit;
	CHECK_EQ(weft__load_enter(ex, 1), -ESHUTDOWN);
	CHECK_EQ(weft__load_enter(ex, 1000), -ESHUTDOWN);
	CHECK_EQ(weft__load_enter_on_credit(&rich, 1), -ESHUTDOWN);
	CHECK_EQ(weft__load_enter_on_credit(&rich, credit + 1), -ESHUTDOWN);
	CHECK_EQ(weft__load_enter_on_credit(&poor, 1), -ESHUTDOWN);
	weft__tally = &poor;
	CHECK_EQ(weft__load_enter(ex, 1), -ESHUTDOWN);
	weft__tally = NULL;
	CHECK_EQ(atom_load(&ex->load, relaxed), load);
	CHECK_EQ(rich.credit, credit);
	CHECK_EQ(poor.credit, 0);
	weft__load_hold(ex); /* a continuation's submission goes on */
	CHECK_EQ(atom_load(&ex->load, relaxed), load + 2);
	weft__load_leave(ex, 2);
	weft__tally_close(&rich);
	weft__tally_close(&poor);
	CHECK_EQ(atom_load(&ex->load, relaxed), 1);
	weft_executor_free(ex);
}

TEST(more_than_can_be_counted)
{
	weft_executor *ex = executor();

	CHECK_EQ(weft__load_enter(ex, SIZE_MAX), -EAGAIN);
	CHECK_EQ(weft__load_enter(ex, UINT32_MAX), -EAGAIN);
	CHECK_EQ(atom_load(&ex->load, relaxed), 0);
	weft_executor_free(ex);
}

/* Holds tasks and credit, and gives them back in an order that its number decides. */
static void *leave_late(void *arg)
{
	struct clerk *c = arg;

	weft__tally = &c->tally;
	pthread_barrier_wait(c->barrier);
	test_sleep_ms(c->seed % 3);
	if (c->seed % 2) {
		weft__load_leave(c->ex, 10);
		weft__tally_close(&c->tally);
	} else {
		weft__tally_settle(&c->tally);
		weft__load_leave(c->ex, 10);
		weft__tally_close(&c->tally);
	}
	weft__tally = NULL;
	return NULL;
}

TEST(a_stop_wakes_when_all_have_settled)
{
	static struct clerk clerk[THREADS];
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (uint32_t round = 0; round < 100; round++) {
		weft_executor *ex = executor();

		for (uint32_t i = 0; i < THREADS; i++) {
			clerk[i] = (struct clerk){.ex = ex, .barrier = &barrier, .seed = round / 3 + i};
			weft__tally_open(&clerk[i].tally, ex, NULL);
			REQUIRE_EQ(weft__load_enter_on_credit(&clerk[i].tally, 10), 0);
			REQUIRE_EQ(pthread_create(&clerk[i].thread, NULL, leave_late, &clerk[i]), 0);
		}
		CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, 0), -ETIMEDOUT);
		pthread_barrier_wait(&barrier);
		CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_DRAIN, test_soon()), 0);
		CHECK_EQ(atom_load(&ex->load, relaxed), 1);
		for (int i = 0; i < THREADS; i++)
			pthread_join(clerk[i].thread, NULL);
		weft_executor_free(ex);
	}
	pthread_barrier_destroy(&barrier);
}

/* The word is touched once for many: that is what credit is for. */
TEST(credit_saves_trips)
{
	weft_executor *ex = executor();
	struct weft__tally y = {.credit = 0};
	uint32_t trips = 0, before = 0;

	weft__tally_open(&y, ex, NULL);
	weft__tally = &y;
	for (int i = 0; i < 6400; i++) {
		CHECK_EQ(weft__load_enter(ex, 1), 0);
		weft__load_leave(ex, 1);
		trips += atom_load(&ex->load, relaxed) != before;
		before = atom_load(&ex->load, relaxed);
	}
	CHECK_EQ(trips, 1);
	weft__tally_settle(&y);
	for (int i = 0; i < 6400; i++)
		CHECK_EQ(weft__load_enter(ex, 1), 0);
	CHECK(counted(ex) >= 6400);
	CHECK(counted(ex) < 6400 + 2 * WEFT__CREDIT);
	for (int i = 0; i < 6400; i++) {
		weft__load_leave(ex, 1);
		CHECK(counted(ex) >= 6399 - (uint32_t)i);
	}
	CHECK(y.credit <= 2 * WEFT__CREDIT);
	weft__tally = NULL;
	weft__tally_close(&y);
	CHECK_EQ(atom_load(&ex->load, relaxed), 0);
	weft_executor_free(ex);
}

/* ---- Sums ---- */

static void check_sums(weft_executor *ex)
{
	struct weft_stats s;

	REQUIRE_EQ(weft_executor_stats(ex, &s), 0);
	CHECK_EQ(s.submitted, 100 + 20 + 3);
	CHECK_EQ(s.completed, 2 * 15 + 7);
	CHECK_EQ(s.failed, 2 * 1 + 3);
	CHECK_EQ(s.cancelled, 2 * 2 + 1);
	CHECK_EQ(s.timed_out, 2 * 3 + 1);
	CHECK_EQ(s.died, 2 * 4 + 1);
}

TEST(sums)
{
	weft_executor *ex = executor(), *other = executor();
	struct weft__tally y[2];
	struct weft_stats s;

	memset(y, 0, sizeof y);
	for (int i = 0; i < 2; i++) {
		weft__tally_open(&y[i], ex, NULL);
		weft__tally = &y[i];
		for (int k = 0; k < (i ? 20 : 100); k++)
			weft__count(&y[i].n->submitted);
		for (int k = 0; k < 15; k++)
			weft__count_done(ex, k < 1    ? -EIO
					     : k < 3  ? -ECANCELED
					     : k < 6  ? -ETIMEDOUT
					     : k < 10 ? -EOWNERDEAD
						      : k);
		CHECK_EQ(y[i].n->completed, 15);
		weft__count_done(other, -EIO); /* another's is none of ours */
		CHECK_EQ(y[i].n->completed, 15);
	}
	weft__tally = NULL;
	atom_add(&ex->shared.n->submitted, 3, relaxed);
	for (int k = 0; k < 7; k++)
		weft__count_done(ex, k < 3   ? -EPERM
				     : k < 4 ? -ECANCELED
				     : k < 5 ? -ETIMEDOUT
				     : k < 6 ? -EOWNERDEAD
					     : 0);
	check_sums(ex);
	weft__tally_close(&y[0]);
	check_sums(ex);
	weft__tally_open(&y[0], ex, NULL); /* as the next thread in its place does */
	check_sums(ex);
	weft__tally_close(&y[0]);
	weft__tally_close(&y[1]);
	check_sums(ex);
	REQUIRE_EQ(weft_executor_stats(other, &s), 0);
	CHECK_EQ(s.completed, 2);
	CHECK_EQ(s.failed, 2);
	CHECK_EQ(s.submitted, 0);
	weft_executor_free(ex);
	weft_executor_free(other);
}
