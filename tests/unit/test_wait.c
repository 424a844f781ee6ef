/* SPDX-License-Identifier: MIT
 *
 * test_wait.c -- sleeping and waking: nobody sleeps on after what he waits for, whatever comes first;
 * deadlines are kept and never early; signals go unnoticed; a lock excludes. A wake-up that gets lost
 * shows as a wait that runs into its generous deadline.
 */
#include "harness.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wait.h"

enum { ROUNDS = 100000, RACES = 300, THREADS = 4, SEMAPHORE_ROUNDS = 20000 };

static void begin(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	REQUIRE_EQ(pthread_create(thread, NULL, fn, arg), 0);
}

/* ---- The word ---- */

TEST(other_value_returns_at_once)
{
	atom_u32 word = 5;
	CHECK_EQ(weft__wait(&word, 4, WEFT_FOREVER, WEFT__PRIVATE), 0);
	CHECK_EQ(weft__wait(&word, 4, 0, WEFT__SHARED), 0);
	CHECK_EQ(weft__wait(&word, UINT32_MAX, test_soon(), WEFT__PRIVATE), 0);
}

TEST(past_deadline)
{
	weft_time past[] = {INT64_MIN, -1, 0, 1, weft_now()};
	atom_u32 word = 5;
	for (size_t i = 0; i < sizeof past / sizeof *past; i++) {
		CHECK_EQ(weft__wait(&word, 5, past[i], WEFT__PRIVATE), -ETIMEDOUT);
		CHECK_EQ(weft__wait(&word, 5, past[i], WEFT__SHARED), -ETIMEDOUT);
	}
}

TEST(deadline_is_never_early)
{
	atom_u32 word = 0;
	for (int i = 1; i <= 5; i++) {
		weft_time deadline = weft_after(WEFT_US(400) * i);
		while (weft__wait(&word, 0, deadline, WEFT__PRIVATE) != -ETIMEDOUT)
			;
		CHECK(weft_now() >= deadline);
	}
}

TEST(errno_is_left_alone)
{
	atom_u32 word = 0;
	errno = EDOM;
	weft__wait(&word, 1, WEFT_FOREVER, WEFT__PRIVATE);
	weft__wait(&word, 0, 0, WEFT__PRIVATE);
	weft__wake(&word, 1, WEFT__PRIVATE);
	weft__wake((atom_u32 *)(uintptr_t)1, 1, WEFT__PRIVATE); /* memory that has gone */
	CHECK_EQ(errno, EDOM);
}

/* How a thread that waits for a word to become 1 got on. */
struct watcher {
	atom_u32 *word;
	pthread_t thread;
	int err;
};

static void *watch(void *arg)
{
	struct watcher *w = arg;
	weft_time soon = test_soon();
	while (!w->err && !atom_load(w->word, acquire))
		w->err = weft__wait(w->word, 0, soon, WEFT__PRIVATE);
	return NULL;
}

TEST(wake_reaches_all)
{
	for (int round = 0; round < 100; round++) {
		struct watcher w[THREADS] = {{0}};
		atom_u32 word = 0;
		for (int i = 0; i < THREADS; i++) {
			w[i].word = &word;
			begin(&w[i].thread, watch, &w[i]);
		}
		if (round % 2)
			sched_yield();
		atom_store(&word, 1, release);
		weft__wake(&word, INT_MAX, WEFT__PRIVATE);
		for (int i = 0; i < THREADS; i++) {
			pthread_join(w[i].thread, NULL);
			CHECK_EQ(w[i].err, 0);
		}
	}
}

TEST(wake_crosses_processes)
{
	atom_u32 *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = -1;
	REQUIRE(word != MAP_FAILED);
	pid_t child = fork();
	if (!child) {
		int err = 0;
		weft_time soon = test_soon();
		atom_store(&word[1], 1, release);
		while (!err && !atom_load(word, acquire))
			err = weft__wait(word, 0, soon, WEFT__SHARED);
		_exit(err ? 1 : 0);
	}
	REQUIRE(child > 0);
	while (!atom_load(&word[1], acquire))
		sched_yield();
	test_sleep_ms(2); /* so that it mostly sleeps; it need not */
	atom_store(word, 1, release);
	weft__wake(word, 1, WEFT__SHARED);
	waitpid(child, &status, 0);
	CHECK_EQ(status, 0);
	munmap(word, 4096);
}

static atom_u32 signals;

static void on_signal(int number)
{
	(void)number;
	atom_add(&signals, 1, relaxed);
}

struct pest {
	pthread_t target;
	atom_u32 enough;
};

static void *pester(void *arg)
{
	struct pest *p = arg;
	while (!atom_load(&p->enough, acquire)) {
		pthread_kill(p->target, SIGUSR1);
		sched_yield();
	}
	return NULL;
}

TEST(signals_are_not_noticed)
{
	struct sigaction action = {.sa_handler = on_signal}, old;
	struct pest pest = {.target = pthread_self()};
	struct weft__parker parker = {0};
	atom_u32 word = 0;
	pthread_t thread;
	sigaction(SIGUSR1, &action, &old);
	begin(&thread, pester, &pest);
	for (int i = 0; i < 5; i++) {
		weft_time deadline = weft_after(WEFT_MS(4));
		int err = weft__wait(&word, 0, deadline, WEFT__PRIVATE);
		CHECK(err == 0 || (err == -ETIMEDOUT && weft_now() >= deadline));
		CHECK_EQ(weft__park(&parker, deadline), -ETIMEDOUT);
		CHECK(weft_now() >= deadline);
	}
	while (!atom_load(&signals, relaxed))
		sched_yield();
	atom_store(&pest.enough, 1, release);
	pthread_join(thread, NULL);
	sigaction(SIGUSR1, &old, NULL);
}

/* ---- Parker ---- */

TEST(permit_is_kept)
{
	struct weft__parker p = {0};
	weft__unpark(&p);
	CHECK_EQ(weft__park(&p, WEFT_FOREVER), 0);
	CHECK_EQ(weft__park(&p, 0), -ETIMEDOUT);
	weft__unpark(&p);
	weft__unpark(&p);
	CHECK_EQ(weft__park(&p, 0), 0); /* it wins against a deadline that has passed */
	CHECK_EQ(weft__park(&p, 0), -ETIMEDOUT);
}

static void *unpark_after(void *arg)
{
	struct weft__parker *p = arg;
	static atom_u32 step;
	weft_time until = weft_after(WEFT_US(50) * (1 + atom_add(&step, 1, relaxed) % 4));
	while (weft_now() < until)
		;
	weft__unpark(p);
	return NULL;
}

TEST(permit_that_comes_with_the_deadline)
{
	for (int i = 0; i < RACES; i++) {
		struct weft__parker p = {0};
		pthread_t thread;
		begin(&thread, unpark_after, &p);
		int first = weft__park(&p, weft_after(WEFT_US(100)));
		pthread_join(thread, NULL);
		int second = weft__park(&p, 0);
		/* One permit was given, one of the two has it. */
		CHECK_EQ(first ? second : -ETIMEDOUT, first ? 0 : second);
		CHECK_EQ(weft__park(&p, 0), -ETIMEDOUT);
	}
}

struct game {
	struct weft__parker side[2];
	int err;
};

static void *return_ball(void *arg)
{
	struct game *g = arg;
	for (int i = 0; i < ROUNDS && !g->err; i++) {
		g->err = weft__park(&g->side[1], test_soon());
		weft__unpark(&g->side[0]);
	}
	return NULL;
}

TEST(parkers_play)
{
	struct game g = {{{0}}, 0};
	pthread_t thread;
	int err = 0;
	begin(&thread, return_ball, &g);
	for (int i = 0; i < ROUNDS && !err; i++) {
		weft__unpark(&g.side[1]);
		err = weft__park(&g.side[0], test_soon());
	}
	pthread_join(thread, NULL);
	CHECK_EQ(err, 0);
	CHECK_EQ(g.err, 0);
}

/* ---- Lock ---- */

struct counter {
	struct weft__lock lock;
	unsigned a, b, uneven;
};

static void *count_up(void *arg)
{
	struct counter *c = arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		weft__lock(&c->lock);
		c->uneven += c->a != c->b;
		c->a++;
		if (i % 1024 == 0)
			sched_yield(); /* so that the others come to sleep */
		c->b++;
		weft__unlock(&c->lock);
	}
	return NULL;
}

TEST(lock_excludes)
{
	struct counter c = {.a = 0};
	pthread_t thread[THREADS];
	for (int i = 0; i < THREADS; i++)
		begin(&thread[i], count_up, &c);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	CHECK_EQ(c.a, THREADS * ROUNDS);
	CHECK_EQ(c.b, THREADS * ROUNDS);
	CHECK_EQ(c.uneven, 0);
	CHECK_EQ(atom_load(&c.lock.word, relaxed), 0);
}

/* ---- Event count ---- */

struct rally {
	struct weft__eventcount ec;
	atom_u32 turn;
	uint32_t rounds;
	int err[2];
};

/* Side 0 has the even turns. Both sides sleep on one event count, so each notification is for both. */
static void play(struct rally *r, uint32_t side)
{
	for (uint32_t i = 0; i < r->rounds && !r->err[side]; i++) {
		for (;;) {
			uint32_t key = weft__ec_prepare(&r->ec);
			if (atom_load(&r->turn, relaxed) == 2 * i + side) {
				weft__ec_cancel(&r->ec);
				break;
			}
			r->err[side] = weft__ec_wait(&r->ec, key, test_soon());
			if (r->err[side])
				break;
		}
		atom_store(&r->turn, 2 * i + side + 1, relaxed);
		weft__ec_notify(&r->ec, INT_MAX);
	}
}

static void *play_second(void *arg)
{
	play(arg, 1);
	return NULL;
}

static void play_rally(struct rally *r)
{
	pthread_t thread;
	begin(&thread, play_second, r);
	play(r, 0);
	pthread_join(thread, NULL);
	CHECK_EQ(r->err[0], 0);
	CHECK_EQ(r->err[1], 0);
	CHECK_EQ(atom_load(&r->turn, relaxed), 2 * r->rounds);
	CHECK_EQ(atom_load(&r->ec.waiters, relaxed), 0);
}

TEST(events_are_not_lost)
{
	struct rally r = {.rounds = ROUNDS / 2};
	play_rally(&r);
}

TEST(epoch_wraps)
{
	struct rally r = {.ec = {.epoch = UINT32_MAX - 2}, .rounds = 2000};
	play_rally(&r);
	struct weft__eventcount ec = {.epoch = UINT32_MAX};
	uint32_t key = weft__ec_prepare(&ec);
	weft__ec_notify(&ec, 1);
	CHECK_EQ(atom_load(&ec.epoch, relaxed), 0);
	CHECK_EQ(weft__ec_wait(&ec, key, 0), 0);
}

TEST(event_between_prepare_and_wait)
{
	struct weft__eventcount ec = {0};
	uint32_t key = weft__ec_prepare(&ec);
	weft__ec_notify(&ec, 1);
	CHECK_EQ(weft__ec_wait(&ec, key, WEFT_FOREVER), 0);
	key = weft__ec_prepare(&ec);
	CHECK_EQ(weft__ec_wait(&ec, key, 0), -ETIMEDOUT);
	CHECK_EQ(atom_load(&ec.waiters, relaxed), 0);
}

TEST(cancelled_event)
{
	struct weft__eventcount ec = {.epoch = 7};
	CHECK_EQ(weft__ec_prepare(&ec), 7);
	CHECK_EQ(weft__ec_prepare(&ec), 7);
	weft__ec_cancel(&ec);
	CHECK_EQ(atom_load(&ec.waiters, relaxed), 1);
	weft__ec_cancel(&ec);
	CHECK_EQ(atom_load(&ec.waiters, relaxed), 0);
	weft__ec_notify(&ec, INT_MAX); /* nobody is there: no system call, no new epoch */
	CHECK_EQ(atom_load(&ec.epoch, relaxed), 7);
}

/* ---- Queue of waiters ---- */

struct line {
	struct weft__waitq q;
	struct weft__parker parker[5];
	struct weft__waiter waiter[5];
};

static void line_up(struct line *l, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		l->waiter[i].parker = &l->parker[i];
		weft__waitq_enter(&l->q, &l->waiter[i]);
	}
}

static bool was_woken(struct line *l, unsigned i)
{
	return weft__park(&l->parker[i], 0) == 0;
}

TEST(waiters_in_order)
{
	struct line l = {.parker = {{0}}};
	line_up(&l, 5);
	weft__waitq_wake(&l.q, 0);
	CHECK(!was_woken(&l, 0));
	weft__waitq_wake(&l.q, 1);
	CHECK(was_woken(&l, 0) && !was_woken(&l, 1));
	weft__waitq_wake(&l.q, 2);
	CHECK(was_woken(&l, 1) && was_woken(&l, 2) && !was_woken(&l, 3) && !was_woken(&l, 4));
	weft__waitq_wake(&l.q, UINT_MAX);
	CHECK(was_woken(&l, 3) && was_woken(&l, 4));
	for (unsigned i = 0; i < 5; i++)
		CHECK(weft__waitq_leave(&l.q, &l.waiter[i]));
	CHECK_EQ(atom_load(&l.q.n, relaxed), 0);
	weft__waitq_wake(&l.q, 1);
	CHECK(!l.q.head);
}

TEST(waiter_leaves_early)
{
	struct line l = {.parker = {{0}}};
	line_up(&l, 4);
	CHECK(!weft__waitq_leave(&l.q, &l.waiter[1]));
	CHECK(!weft__waitq_leave(&l.q, &l.waiter[3]));
	CHECK_EQ(atom_load(&l.q.n, relaxed), 2);
	weft__waitq_wake(&l.q, 2);
	CHECK(was_woken(&l, 0) && was_woken(&l, 2) && !was_woken(&l, 1) && !was_woken(&l, 3));
	CHECK(weft__waitq_leave(&l.q, &l.waiter[0]));
	CHECK(weft__waitq_leave(&l.q, &l.waiter[2]));
	weft__waitq_enter(&l.q, &l.waiter[1]); /* and may come again */
	weft__waitq_wake(&l.q, 1);
	CHECK(was_woken(&l, 1));
	CHECK(weft__waitq_leave(&l.q, &l.waiter[1]));
}

/* A semaphore of one, whose users hand on a wake-up that they do not use. */
struct semaphore {
	struct weft__waitq q;
	atom_u32 free, inside, crowd, late;
};

static bool try_down(struct semaphore *s)
{
	return atom_swap(&s->free, 0, acquire);
}

static void down(struct semaphore *s)
{
	struct weft__parker parker = {0};
	struct weft__waiter waiter = {.parker = &parker};
	bool got = try_down(s);
	while (!got && !atom_load(&s->late, relaxed)) {
		weft__waitq_enter(&s->q, &waiter);
		got = try_down(s);
		if (!got && weft__park(&parker, test_soon()))
			atom_store(&s->late, 1, relaxed);
		if (weft__waitq_leave(&s->q, &waiter) && got)
			weft__waitq_wake(&s->q, 1);
		got = got || try_down(s);
		atom_store(&parker.word, 0, relaxed);
	}
}

static void *use_semaphore(void *arg)
{
	struct semaphore *s = arg;
	for (int i = 0; i < SEMAPHORE_ROUNDS && !atom_load(&s->late, relaxed); i++) {
		down(s);
		if (atom_add(&s->inside, 1, relaxed))
			atom_store(&s->crowd, 1, relaxed);
		if (i % 64 == 0)
			sched_yield();
		atom_sub(&s->inside, 1, relaxed);
		atom_store(&s->free, 1, release);
		weft__waitq_wake(&s->q, 1);
	}
	return NULL;
}

TEST(wake_ups_are_handed_on)
{
	struct semaphore s = {.free = 1};
	pthread_t thread[THREADS];
	for (int i = 0; i < THREADS; i++)
		begin(&thread[i], use_semaphore, &s);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	CHECK_EQ(atom_load(&s.late, relaxed), 0);
	CHECK_EQ(atom_load(&s.crowd, relaxed), 0);
	CHECK_EQ(atom_load(&s.q.n, relaxed), 0);
}
