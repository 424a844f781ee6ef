/* SPDX-License-Identifier: MIT
 *
 * crash_queue.c -- a process is killed after each single instruction of weft's while it puts into a queue, takes from
 * it, waits for it, or closes it. Nobody blocks; no message is lost, there twice, or out of order; what goes in or out
 * together does so wholly or not at all. At random, and many times: crash_queue_storm.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/queue.h>

#include "crash_tracer.h"
#include "harness.h"

#if TEST_SLOW_BUILD
enum { STRIDE = 17 };
#else
enum { STRIDE = 1 };
#endif

enum {
	OLD = 100,   /* what is in the queue before: 100, 101, ... */
	MINE = 1,    /* what the one that is killed puts: 1, 2, ... */
	OTHER = 500, /* what a putter puts that sleeps meanwhile */
	LAST = 900,
	MOST = 16
};

/* One message: larger than a word, and over the end of the ring somewhere. */
struct message {
	uint64_t number, copy[4];
};

struct scene {
	uint32_t capacity;
	unsigned old;  /* messages in the queue before */
	unsigned puts; /* it puts so many at once; */
	unsigned gets; /* or takes so many; */
	bool closes;   /* or closes it */
	bool sleeper;  /* another one sleeps meanwhile, in the opposite call */
	size_t points; /* it can be killed at, at least */
};

/* In the queue's own region. */
struct shared {
	unsigned returned; /* 1 + what the call returned; 0: it has not */
	struct message got[MOST];
};

static weft_region *region;
static weft_queue *q;
static struct shared *shared;

static struct message message(uint64_t number)
{
	return (struct message){number, {~number, number, ~number, number}};
}

static bool is_whole(const struct message *m)
{
	struct message right = message(m->number);

	return !memcmp(m, &right, sizeof right);
}

static void put(uint64_t number)
{
	struct message m = message(number);

	REQUIRE_EQ(weft_queue_put(q, &m, sizeof m, test_soon()), 0);
}

static void set_up(const struct scene *s)
{
	struct weft_queue_opts o = {
		.size = sizeof o, .capacity = s->capacity, .message_size = sizeof(struct message)};
	struct message m;

	REQUIRE_EQ(weft_region_new(&region, NULL), 0);
	REQUIRE_EQ(weft_region_alloc(region, sizeof *shared, (void **)&shared), 0);
	memset(shared, 0, sizeof *shared);
	o.region = region;
	REQUIRE_EQ(weft_queue_new(&q, &o), 0);
	for (unsigned i = 0; i < 5;
	     i++) { /* to where the next one lies over the end, in a ring of 32 units */
		put(0);
		REQUIRE_EQ(weft_queue_get(q, &m, sizeof m, test_soon()), sizeof m);
	}
	for (unsigned i = 0; i < s->old; i++)
		put(OLD + i);
}

static void take_down(void)
{
	CHECK_EQ(weft_queue_free(q), 0);
	CHECK_EQ(weft_region_free(region), 0);
}

/* ---- The one that is killed ---- */

static void act(const void *arg)
{
	const struct scene *s = arg;
	struct message m[MOST];
	ssize_t n;

	for (unsigned i = 0; i < MOST; i++)
		m[i] = message(MINE + i);
	if (s->closes)
		n = weft_queue_close(q);
	else if (s->puts)
		n = weft_queue_put_many(q, m, sizeof m[0], s->puts, WEFT_FOREVER);
	else
		n = weft_queue_get_many(q, shared->got, sizeof m[0], s->gets, WEFT_FOREVER);
	if (n < 0)
		_exit(1);
	shared->returned = 1 + (unsigned)n;
}

/* ---- The one that sleeps meanwhile, in a thread of the test ---- */

struct sleeper {
	pthread_t thread;
	bool puts;
	struct message m;
	ssize_t answer;
	uint32_t over;
};

static void *sleeper_thread(void *ctx)
{
	struct sleeper *s = ctx;

	s->answer = s->puts ? weft_queue_put(q, &s->m, sizeof s->m, test_soon())
			    : weft_queue_get(q, &s->m, sizeof s->m, test_soon());
	test_set(&s->over, 1);
	return NULL;
}

static void sleeper_start(struct sleeper *s, bool puts)
{
	struct weft_queue_usage now = {0};

	*s = (struct sleeper){.puts = puts, .m = message(OTHER)};
	REQUIRE_EQ(pthread_create(&s->thread, NULL, sleeper_thread, s), 0);
	while (!(puts ? now.put_sleeps : now.get_sleeps)) {
		usleep(100);
		REQUIRE_EQ(weft_queue_stats(q, &now), 0);
	}
}

/* As long as there is something for it, it must get it, though nobody does anything more. */
static void sleeper_check(const struct scene *scene, struct sleeper *s)
{
	ssize_t n = weft_queue_count(q);
	unsigned ms = s->puts ? n < (ssize_t)scene->capacity ? 3000 : 5 : n > 0 ? 3000 : 5;

	for (unsigned i = 0; i < ms && !test_get(&s->over); i++)
		test_sleep_ms(1);
	CHECK(ms == 5 || test_get(&s->over));
}

static void sleeper_end(struct sleeper *s)
{
	pthread_join(s->thread, NULL);
	CHECK_EQ(s->answer, s->puts ? 0 : (ssize_t)sizeof s->m);
	CHECK(is_whole(&s->m));
}

/* ---- What must hold ---- */

/* All that is left, in its order. */
static size_t drain(uint64_t ret[2 * MOST])
{
	struct message m;
	size_t n = 0;

	while (n < (size_t)2 * MOST && weft_queue_try_get(q, &m, sizeof m) == sizeof m) {
		CHECK(is_whole(&m));
		ret[n++] = m.number;
	}
	return n;
}

/* Of first, first + 1, ... those that are in the list: they have to be there in their order, next to one another. */
static size_t found(const uint64_t *list, size_t n, uint64_t first, size_t most, uint64_t *ret_first)
{
	size_t k = 0;

	*ret_first = 0;
	for (size_t i = 0; i < n; i++) {
		if (list[i] < first || list[i] >= first + most)
			continue;
		if (!k)
			*ret_first = list[i];
		CHECK_EQ(list[i], *ret_first + k);
		k++;
	}
	return k;
}

static void check_messages(const struct scene *s, const uint64_t *list, size_t n)
{
	uint64_t first;
	size_t old = found(list, n, OLD, MOST, &first), missing = s->old - old, mine;

	/* Those taken are the first, all that were to be, or none. */
	CHECK(missing == 0 || (s->gets && missing == s->gets));
	CHECK(old == 0 || first == OLD + missing);
	if (s->gets && shared->returned) {
		CHECK_EQ(missing, shared->returned - 1);
		for (size_t i = 0; i < missing; i++)
			CHECK(is_whole(&shared->got[i]) && shared->got[i].number == OLD + i);
	}
	mine = found(list, n, MINE, MOST, &first);
	CHECK(mine == 0 || (mine == s->puts && first == MINE));
	CHECK(!s->puts || !shared->returned || mine == s->puts);
}

static void check(const struct scene *s, struct sleeper *sleeper)
{
	struct weft_queue_usage now;
	uint64_t list[2 * MOST + 1];
	size_t n = 0;

	if (s->sleeper)
		sleeper_check(s, sleeper);
	if (s->closes) {
		CHECK_EQ(weft_queue_close(q), 0);
		CHECK_EQ(weft_queue_try_put(q, &(char){0}, 1), -EPIPE);
	}
	if (s->sleeper && sleeper->puts) { /* what is taken out now makes room for it */
		n = drain(list);
		sleeper_end(sleeper);
		CHECK(drain(list + n) == 1 || list[n - 1] == OTHER);
	} else if (s->sleeper) {
		put(LAST);
		sleeper_end(sleeper);
		list[n++] = sleeper->m.number;
	}
	n += drain(list + n);
	check_messages(s, list, n);
	for (uint64_t i = 0; i < 2 * s->capacity && !s->closes; i++) {
		put(LAST + i);
		CHECK(drain(list) == 1 && list[0] == LAST + i);
	}
	REQUIRE_EQ(weft_queue_stats(q, &now), 0);
	CHECK_EQ(now.puts, now.gets);
	CHECK_EQ(now.count, 0);
	CHECK(now.deaths <= 1);
}

/* ---- Every instruction ---- */

/* False: it has run to its end, or gone to sleep before it. */
static bool play(struct tracer *t, const void *arg, enum traced (*how)(struct tracer *t))
{
	const struct scene *s = arg;
	struct sleeper sleeper;
	enum traced state;

	set_up(s);
	tracer_fork(t, act, s);
	if (s->sleeper)
		sleeper_start(&sleeper, s->gets > 0);
	tracer_go(t);
	state = how(t);
	if (state != TRACED_GONE)
		tracer_kill(t);
	check(s, &sleeper);
	take_down();
	return state == TRACED_STOPPED;
}

static void play_all(const struct scene *s)
{
	CHECK(tracer_play_all(play, s, STRIDE) >= s->points / STRIDE);
}

TEST(queue_killed_putting)
{
	play_all(&(struct scene){.capacity = 4, .old = 1, .puts = 1, .points = 200});
}

TEST(queue_killed_putting_many)
{
	play_all(&(struct scene){.capacity = 4, .old = 1, .puts = 3, .points = 200});
}

TEST(queue_killed_putting_for_a_sleeper)
{
	play_all(&(struct scene){.capacity = 4, .puts = 1, .sleeper = true, .points = 200});
}

TEST(queue_killed_getting)
{
	play_all(&(struct scene){.capacity = 4, .old = 3, .gets = 1, .points = 200});
}

TEST(queue_killed_getting_many)
{
	play_all(&(struct scene){.capacity = 4, .old = 4, .gets = 3, .points = 200});
}

TEST(queue_killed_getting_for_a_sleeper)
{
	play_all(&(struct scene){.capacity = 4, .old = 4, .gets = 1, .sleeper = true, .points = 200});
}

/* Until it is asleep. */
TEST(queue_killed_waiting_for_a_message)
{
	play_all(&(struct scene){.capacity = 4, .gets = 1, .points = 300});
}

TEST(queue_killed_waiting_for_room)
{
	play_all(&(struct scene){.capacity = 4, .old = 4, .puts = 1, .points = 300});
}

TEST(queue_killed_closing)
{
	play_all(&(struct scene){.capacity = 4, .old = 2, .closes = true, .points = 100});
}
