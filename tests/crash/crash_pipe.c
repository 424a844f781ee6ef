/* SPDX-License-Identifier: MIT
 *
 * crash_pipe.c -- a process is killed after each single instruction of weft's while it closes an end of a pipe in shared
 * memory. The other end gets what was sent before, and then an error, though it sleeps for more; and who is left closes
 * both, after which nothing of the pipe is there.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <weft/pipe.h>

#include "crash_tracer.h"
#include "harness.h"

#if TEST_SLOW_BUILD
enum { STRIDE = 17 };
#else
enum { STRIDE = 1 };
#endif

enum { OLD = 2 }; /* messages that were sent before */

struct scene {
	bool given;   /* the region */
	bool last;    /* the other end is closed already */
	bool sleeper; /* somebody waits at the other end; he notices a death as late as 100 ms after it */
	size_t stride;
	size_t points; /* at least */
};

static weft_region *region;
static weft_pipe *a, *b; /* a is closed by the one that is killed */
static uint64_t used;    /* of the region, before there was a pipe in it */
static uint32_t *closes; /* the one that is killed has used a, and closes it now */

static uint64_t in_use(void)
{
	struct weft_region_usage u = {0};

	CHECK_EQ(weft_region_stats(region, &u), 0);
	return u.used;
}

static void set_up(const struct scene *s)
{
	struct weft_pipe_opts o = {.size = sizeof o, .capacity = 4, .message_size = 64};

	test_set(closes, 0);
	if (s->given) {
		REQUIRE_EQ(weft_region_new(&region, NULL), 0);
		used = in_use();
		o.region = region;
	}
	REQUIRE_EQ(weft_pipe_new(&a, &b, &o), 0);
	for (int i = 0; i < OLD; i++)
		REQUIRE_EQ(weft_pipe_send(a, &i, sizeof i, test_soon()), 0);
	if (s->last)
		REQUIRE_EQ(weft_pipe_close(b), 0);
}

static void act(const void *arg)
{
	(void)arg;
	weft_pipe_poll(a, 0);
	test_set(closes, 1);
	if (weft_pipe_close(a))
		_exit(1);
}

/* ---- The other end, in a thread: its first wait looks whether anybody has died ---- */

struct reader {
	pthread_t thread;
	unsigned n, wrong;
	ssize_t end; /* what came behind the last message */
	uint32_t took_all;
};

static void *read_all(void *arg)
{
	struct reader *r = arg;
	unsigned i;

	/* For ever: with a sanitizer the other one is stepped through for longer than test_soon() is. */
	while ((r->end = weft_pipe_recv(b, &i, sizeof i, WEFT_FOREVER)) == sizeof i) {
		r->wrong += i != r->n++;
		test_set(&r->took_all, r->n == OLD);
	}
	return NULL;
}

static void reader_start(struct reader *r)
{
	*r = (struct reader){.n = 0};
	REQUIRE_EQ(pthread_create(&r->thread, NULL, read_all, r), 0);
}

static void reader_end(struct reader *r)
{
	pthread_join(r->thread, NULL);
	CHECK_EQ(r->n, OLD);
	CHECK_EQ(r->wrong, 0);
}

/* ---- What must hold ---- */

static void check_open(const struct scene *s, bool killed, struct reader *r)
{
	int err = 0;

	if (!test_get(closes)) /* then he has not used it yet, and is nobody whose death is noticed */
		CHECK_EQ(weft_pipe_close(a), 0);
	if (!s->sleeper)
		reader_start(r);
	reader_end(r);
	CHECK(r->end == -EPIPE || (killed && test_get(closes) && r->end == -EOWNERDEAD));
	err = weft_pipe_close(a);
	CHECK(err == -EINVAL || (killed && test_get(closes) && err == 0));
	CHECK_EQ(weft_pipe_send(b, "", 1, 0), -EPIPE);
	CHECK_EQ(weft_pipe_close(b), 0);
	if (s->given)
		CHECK_EQ(in_use(), used);
}

/* It may be gone. What lay in a region of its own goes with the next pipe, and the harness would notice if not. */
static void check_last(const struct scene *s, bool killed)
{
	struct weft_pipe_opts o = {.size = sizeof o, .capacity = 4, .message_size = 64, .region = region};

	if (s->given) {
		CHECK(killed || in_use() == used);
		CHECK_EQ(weft_pipe_new(&a, &b, &o), 0);
		CHECK_EQ(weft_pipe_send(a, "", 1, 0), 0);
		CHECK_EQ(weft_pipe_close(a), 0);
		CHECK_EQ(weft_pipe_close(b), 0);
	} else {
		int err = weft_pipe_close(a);

		CHECK(err == -EINVAL || (killed && err == 0));
	}
}

static bool play(struct tracer *t, const void *arg, enum traced (*how)(struct tracer *t))
{
	const struct scene *s = arg;
	struct reader reader;
	enum traced state;

	set_up(s);
	tracer_fork(t, act, s);
	if (s->sleeper) {
		reader_start(&reader);
		test_await(&reader.took_all, 1);
	}
	tracer_go(t);
	do /* it may wait a moment for a lock of the queue */
		state = how(t);
	while (state == TRACED_ASLEEP);
	if (state == TRACED_STOPPED)
		tracer_kill(t);
	if (s->last)
		check_last(s, state == TRACED_STOPPED);
	else
		check_open(s, state == TRACED_STOPPED, &reader);
	if (s->given)
		CHECK_EQ(weft_region_free(region), 0);
	region = NULL;
	return state == TRACED_STOPPED;
}

static void play_all(const struct scene *s)
{
	size_t stride = STRIDE * s->stride;

	closes = test_memory(sizeof *closes);
	CHECK(tracer_play_all(play, s, stride) >= s->points / stride);
	REQUIRE_EQ(weft_pipe_new(&a, &b, NULL), 0); /* this one's maker frees what nobody has open */
	weft_pipe_close(a);
	weft_pipe_close(b);
}

TEST(pipe_killed_closing)
{
	play_all(&(struct scene){.stride = 1, .points = 200});
}

TEST(pipe_killed_closing_in_a_region)
{
	play_all(&(struct scene){.given = true, .stride = 1, .points = 200});
}

TEST(pipe_killed_closing_the_last_end)
{
	play_all(&(struct scene){.last = true, .stride = 1, .points = 200});
}

TEST(pipe_killed_closing_the_last_end_in_a_region)
{
	/* Behind the close itself all is given back to the region, which takes a thousand instructions: a third in each
	 * run. */
	play_all(&(struct scene){.given = true, .last = true, .stride = 3, .points = 400});
}

TEST(pipe_killed_closing_for_a_sleeper)
{
	play_all(&(struct scene){.sleeper = true, .stride = 7, .points = 200});
}
