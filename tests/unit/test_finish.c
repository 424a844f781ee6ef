/* SPDX-License-Identifier: MIT
 *
 * test_finish.c -- a future gets done once, with all that belongs to it, and everybody is told once:
 * links are fired, each exactly once or not at all if they were removed; sleepers wake.
 */
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "state.h"

enum { WAITERS = 4, HANDOVERS = 5000, RACES = 5000 };

static int no_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

/* Accepted, as an executor does it, and started: ours to finish. */
static weft_future *running(weft_task *t)
{
	struct weft_offer offer = {.tasks = t, .n = 1, .opaque_ = {weft_inline()}};
	t->fn = no_fn;
	REQUIRE_EQ(weft__load_enter(weft_inline(), 1), 0);
	REQUIRE_EQ(weft__accept(&offer, 0, PHASE_QUEUED), 0);
	REQUIRE(weft_impl_start(t));
	return weft__future(t);
}

/* A link that remembers when it was fired. */
struct tell {
	struct weft__link link;
	weft_future *of;
	unsigned fired, order;
	bool done;
};

static unsigned fired_so_far;

static bool fire(struct weft__link *link)
{
	struct tell *t = list_entry(link, struct tell, link);
	t->fired++;
	t->order = fired_so_far++;
	t->done = weft__phase(t->of) == PHASE_DONE;
	return true;
}

static struct tell telling(weft_future *f)
{
	return (struct tell){.link.fire = fire, .of = f};
}

TEST(outcome_is_there)
{
	weft_task t = {0};
	weft_future *f = running(&t);
	CHECK_EQ(weft_future_status(f), -EINPROGRESS);
	CHECK(!strcmp(weft_future_error(f), ""));
	weft_impl_finish(&t, 5, "no text goes with success");
	CHECK_EQ(weft_future_status(f), 5);
	CHECK(!strcmp(weft_future_error(f), ""));
	running(&t);
	weft_impl_finish(&t, -EIO, "link down");
	CHECK_EQ(weft_future_status(f), -EIO);
	CHECK(!strcmp(weft_future_error(f), "link down"));
	running(&t);
	CHECK_EQ(weft_future_status(f), -EINPROGRESS);
	weft_impl_finish(&t, -EIO, NULL);
	CHECK(!strcmp(weft_future_error(f), ""));
}

TEST(long_texts_are_cut)
{
	char text[WEFT_ERROR_TEXT_MAX + 10];
	weft_task t = {0};
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = 0;
	running(&t);
	weft_impl_finish(&t, -EIO, text);
	CHECK_EQ(strlen(weft_future_error(weft__future(&t))), WEFT_ERROR_TEXT_MAX);
}

TEST(deaths_are_described)
{
	static const struct {
		struct weft__death death;
		const char *text;
	} rows[] = {
		{{.pid = 12, .signal = 9, .maxrss_kib = 77}, "worker 12 killed by signal 9 (Killed)"},
		{{.pid = 12, .signal = 11, .core = 1},
		 "worker 12 killed by signal 11 (Segmentation fault), core dumped"},
		{{.pid = 2147483647, .code = 3, .utime_us = 2500000},
		 "worker 2147483647 exited with status 3"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		weft_task t = {0};
		weft_future *f = running(&t);
		struct weft_death d;
		CHECK_EQ(weft_future_death(f, &d), -EINPROGRESS);
		weft__finish(f, -EOWNERDEAD, NULL, &rows[i].death);
		CHECK_EQ(weft_future_status(f), -EOWNERDEAD);
		CHECK(!strcmp(weft_future_error(f), rows[i].text));
		REQUIRE_EQ(weft_future_death(f, &d), 0);
		CHECK_EQ(d.pid, rows[i].death.pid);
		CHECK_EQ(d.signal, rows[i].death.signal);
		CHECK_EQ(d.code, rows[i].death.code);
		CHECK_EQ(d.core, rows[i].death.core);
		CHECK_EQ(d.rusage.ru_utime.tv_sec * 1000000 + d.rusage.ru_utime.tv_usec,
			 rows[i].death.utime_us);
		CHECK_EQ(d.rusage.ru_maxrss, rows[i].death.maxrss_kib);
		running(&t);
		weft_impl_finish(&t, -EIO, NULL);
		CHECK_EQ(weft_future_death(f, &d), -ENODATA);
	}
}

TEST(links_fire_once_in_order)
{
	weft_task t = {0};
	weft_future *f = running(&t);
	struct tell a = telling(f), b = telling(f), c = telling(f);
	fired_so_far = 0;
	CHECK_EQ(weft__link_add(f, &a.link, NULL), 0);
	CHECK_EQ(weft__link_add(f, &b.link, NULL), 0);
	CHECK_EQ(weft__link_add(f, &c.link, NULL), 0);
	CHECK(weft__link_remove(f, &b.link));
	CHECK(!weft__link_remove(f, &b.link));
	CHECK_EQ(a.fired + b.fired + c.fired, 0);
	weft_impl_finish(&t, 0, NULL);
	CHECK(a.fired == 1 && b.fired == 0 && c.fired == 1);
	CHECK(a.order == 0 && c.order == 1);
	CHECK(a.done && c.done);
	CHECK(!weft__link_remove(f, &a.link));
	CHECK(!weft__link_remove(f, &c.link));
	running(&t); /* and the next time they are not told */
	weft_impl_finish(&t, 0, NULL);
	CHECK_EQ(a.fired + b.fired + c.fired, 2);
}

TEST(link_to_what_is_done)
{
	weft_task t = {0}, next = {0};
	weft_future *f = running(&t);
	struct tell a = telling(f);
	weft_impl_finish(&t, 0, NULL);
	CHECK_EQ(weft__link_add(f, &a.link, NULL), -EALREADY);
	CHECK(!list_linked(&a.link.node));
	CHECK(weft__claim(weft__future(&next), PHASE_IDLE, PHASE_CLAIMED));
	CHECK_EQ(weft__link_add(f, &a.link, weft__future(&next)), -EALREADY);
	CHECK_EQ(weft__phase(weft__future(&next)), PHASE_CLAIMED);
	CHECK_EQ(a.fired, 0);
}

TEST(link_promises)
{
	weft_task t = {0}, next = {0};
	weft_future *f = running(&t);
	struct tell a = telling(f);
	CHECK(weft__claim(weft__future(&next), PHASE_IDLE, PHASE_CLAIMED));
	CHECK_EQ(weft__link_add(f, &a.link, weft__future(&next)), 0);
	CHECK_EQ(weft__phase(weft__future(&next)), PHASE_PROMISED);
	weft_impl_finish(&t, 0, NULL);
	CHECK_EQ(a.fired, 1);
}

TEST(stripes_are_spread)
{
	static weft_task t[256];
	struct weft__lock *seen[256];
	size_t n = 0;
	for (size_t i = 0; i < 256; i++) {
		struct weft__lock *l = weft__stripe(weft__future(&t[i]));
		size_t k = 0;
		CHECK(l == weft__stripe(weft__future(&t[i])));
		while (k < n && seen[k] != l)
			k++;
		if (k == n)
			seen[n++] = l;
	}
	CHECK(n >= 16);
}

/* ---- With several threads ---- */

struct sleeper {
	weft_future *f;
	pthread_t thread;
	int err, status;
	uint32_t seen;
	const uint32_t *data; /* what the finisher wrote before, without any atomics */
};

static void *sleep_on(void *arg)
{
	struct sleeper *s = arg;
	s->err = weft_future_wait(s->f, test_soon());
	s->status = weft_future_status(s->f);
	s->seen = *s->data;
	return NULL;
}

TEST(publication_wakes_all)
{
	for (int round = 0; round < 100; round++) {
		struct sleeper s[WAITERS];
		uint32_t data = 0;
		weft_task t = {0};
		weft_future *f = running(&t);
		for (int i = 0; i < WAITERS; i++) {
			s[i] = (struct sleeper){.f = f, .data = &data};
			REQUIRE_EQ(pthread_create(&s[i].thread, NULL, sleep_on, &s[i]), 0);
		}
		for (int i = 0; i < round % 8; i++)
			sched_yield();
		data = 99;
		weft_impl_finish(&t, 3, NULL);
		for (int i = 0; i < WAITERS; i++) {
			pthread_join(s[i].thread, NULL);
			CHECK_EQ(s[i].err, 0);
			CHECK_EQ(s[i].status, 3);
			CHECK_EQ(s[i].seen, 99);
		}
	}
}

struct handover {
	weft_task task;
	pthread_barrier_t barrier;
};

static void *finish_each(void *arg)
{
	struct handover *h = arg;
	for (int i = 0; i < HANDOVERS; i++) {
		pthread_barrier_wait(&h->barrier);
		weft_impl_finish(&h->task, i, NULL);
	}
	return NULL;
}

TEST(no_waiter_is_missed)
{
	struct handover h = {.task = {0}};
	pthread_t thread;
	int bad = 0;
	pthread_barrier_init(&h.barrier, NULL, 2);
	REQUIRE_EQ(pthread_create(&thread, NULL, finish_each, &h), 0);
	for (int i = 0; i < HANDOVERS; i++) {
		weft_future *f = running(&h.task);
		pthread_barrier_wait(&h.barrier);
		test_wait(f);
		bad += weft_future_status(f) != i;
	}
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&h.barrier);
	CHECK_EQ(bad, 0);
}

static void *finish_one(void *arg)
{
	struct handover *h = arg;
	for (int i = 0; i < RACES; i++) {
		pthread_barrier_wait(&h->barrier);
		weft_impl_finish(&h->task, 0, NULL);
		pthread_barrier_wait(&h->barrier);
	}
	return NULL;
}

/* Removed or fired, never both nor neither; or too late to be added. */
TEST(link_against_finish)
{
	struct handover h = {.task = {0}};
	pthread_t thread;
	unsigned bad = 0;
	pthread_barrier_init(&h.barrier, NULL, 2);
	REQUIRE_EQ(pthread_create(&thread, NULL, finish_one, &h), 0);
	for (int i = 0; i < RACES; i++) {
		weft_future *f = running(&h.task);
		struct tell kept = telling(f), taken = telling(f);
		pthread_barrier_wait(&h.barrier);
		bool added = weft__link_add(f, &kept.link, NULL) == 0;
		bool added_too = weft__link_add(f, &taken.link, NULL) == 0;
		for (int k = 0; k < i % 64; k++)
			atom_pause();
		bool removed = added_too && weft__link_remove(f, &taken.link);
		pthread_barrier_wait(&h.barrier);
		bad += kept.fired != added;
		bad += taken.fired != (added_too && !removed);
	}
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&h.barrier);
	CHECK_EQ(bad, 0);
}
