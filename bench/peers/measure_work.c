/* SPDX-License-Identifier: MIT
 *
 * measure_work.c -- workloads that compute something: trees of tasks, loops, the list of primes. Each checks
 * its answer. Loops are compared with the same work done by one thread, in turns with it.
 */
#include "measure.h"

#include <pthread.h>
#include <stdlib.h>

static void open_peer(const struct measure_args *a, size_t room)
{
	if (a->peer->open)
		a->peer->open(a->threads, room);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* ---- trees ----------------------------------------------------------------------------------------- */

static int64_t plain_fib(int64_t n)
{
	int64_t a = 0, b = 1;

	for (; n > 0; n--) {
		b += a;
		a = b - a;
	}
	return a;
}

static void fib(const struct measure_args *a)
{
	int n = (int)a->n;
	int64_t took, answer;

	open_peer(a, (size_t)1 << 20);
	a->peer->fib(n > 12 ? n - 6 : n);
	took = -measure_now();
	answer = a->peer->fib(n);
	took += measure_now();
	measure_must(answer == plain_fib(n) ? 0 : -1, "fib is wrong");
	/* Calls with n >= 2: each has one child. */
	measure_figure("ns", (double)took / (double)(plain_fib(n + 1) - 1));
}

static bool has_fib(const struct peer *p)
{
	return p->fib;
}

static void skynet(const struct measure_args *a)
{
	int64_t n = (int64_t)a->n, took, answer;

	open_peer(a, (size_t)1 << 20);
	a->peer->skynet(n / 100);
	took = -measure_now();
	answer = a->peer->skynet(n);
	took += measure_now();
	measure_must(answer == n * (n - 1) / 2 ? 0 : -1, "skynet is wrong");
	measure_figure("ms", (double)took / 1e6);
}

static bool has_skynet(const struct peer *p)
{
	return p->skynet;
}

/* ---- loops ----------------------------------------------------------------------------------------- */

struct chunks {
	size_t n, n_chunks;
	measure_range *body;
	void *ctx;
};

static void chunk(size_t i, void *ctx)
{
	struct chunks *c = ctx;

	c->body(c->n * i / c->n_chunks, c->n * (i + 1) / c->n_chunks, c->ctx);
}

/* 32 tasks for each thread where the peer has no loop of its own. */
static void run_loop(const struct measure_args *a, size_t n, bool even, measure_range *body, void *ctx)
{
	struct chunks c = {n, 32 * (size_t)a->threads, body, ctx};

	if (a->peer->loop)
		a->peer->loop(n, even, body, ctx);
	else
		a->peer->batch(c.n_chunks, chunk, &c);
}

struct sum {
	const int *of;
	int64_t total;
	pthread_mutex_t lock; /* taken once for each range */
};

static void sum_range(size_t begin, size_t end, void *ctx)
{
	struct sum *s = ctx;
	int64_t part = 0;

	for (size_t i = begin; i < end; i++)
		part += s->of[i];
	pthread_mutex_lock(&s->lock);
	s->total += part;
	pthread_mutex_unlock(&s->lock);
}

/* The order in which parts come must not be one that a fixed split likes: costs are spread by a hash, and
 * they grow. */
static uint32_t uneven_steps(size_t i, size_t n)
{
	uint32_t hash = (uint32_t)i * 2654435761u >> 22,
		 squared = hash * hash >> 10; /* 0..1023, most small */

	return squared * (uint32_t)(2 * i / (n / 16 + 1)) / 16;
}

struct uneven {
	uint32_t *ret;
	size_t n;
};

static void uneven_range(size_t begin, size_t end, void *ctx)
{
	struct uneven *u = ctx;

	for (size_t i = begin; i < end; i++) {
		uint32_t x = (uint32_t)i;
		for (uint32_t k = uneven_steps(i, u->n); k > 0; k--)
			x = x * 1664525 + 1013904223;
		u->ret[i] = x;
	}
}

static void speed_up(const struct measure_args *a, bool even, measure_range *body, void *ctx)
{
	enum { REPS = 5 };
	double ratio[REPS];

	/* -1 warms up. Serial and parallel take turns, so that both meet the same machine. */
	for (int r = -1; r < REPS; r++) {
		int64_t serial = -measure_now(), parallel;
		body(0, a->n, ctx);
		serial += measure_now();
		parallel = -measure_now();
		run_loop(a, a->n, even, body, ctx);
		parallel += measure_now();
		if (r >= 0)
			ratio[r] = (double)serial / (double)parallel;
	}
	qsort(ratio, REPS, sizeof *ratio, by_value);
	measure_figure("speed_up", ratio[REPS / 2]);
}

static void sum(const struct measure_args *a)
{
	struct sum s = {.total = 0, .lock = PTHREAD_MUTEX_INITIALIZER};
	int *of = measure_memory(a->n, sizeof *of);
	int64_t once = 0;

	for (size_t i = 0; i < a->n; i++) {
		of[i] = (int)(i % 1000);
		once += of[i];
	}
	s.of = of;
	open_peer(a, 65536);
	speed_up(a, true, sum_range, &s);
	measure_must(s.total == 12 * once ? 0 : -1, "sum is wrong");
}

static void uneven(const struct measure_args *a)
{
	uint32_t *once = measure_memory(a->n, sizeof *once);
	struct uneven u = {once, a->n};

	uneven_range(0, a->n, &u);
	u.ret = measure_memory(a->n, sizeof *u.ret);
	open_peer(a, 65536);
	speed_up(a, false, uneven_range, &u);
	for (size_t i = 0; i < a->n; i++)
		measure_must(u.ret[i] == once[i] ? 0 : -1, "uneven is wrong");
}

static bool has_loop(const struct peer *p)
{
	return p->loop || p->batch;
}

/* ---- primes ---------------------------------------------------------------------------------------- */

static const uint64_t list[] = {
	1116281,         1297337,         104395303,        472882027,       533000389,
	817504243,       982451653,       112272535095293,  112582705942171, 112272535095293,
	115280095190773, 115797848077099, 1099726899285419,
};
enum { LIST = sizeof list / sizeof *list, NUMBERS = 5 * LIST, PRIMES = 5 * 12 };

int measure_is_prime(size_t i)
{
	uint64_t n = list[i % LIST];

	for (uint64_t d = 2; d <= n / d; d++)
		if (n % d == 0)
			return 0;
	return 1;
}

static void answer(size_t i, void *ctx)
{
	((int *)ctx)[i] = measure_is_prime(i);
}

static double check_primes(const struct measure_args *a)
{
	int ret[NUMBERS] = {0}, primes = 0;
	int64_t took = -measure_now();

	if (!a)
		for (size_t i = 0; i < NUMBERS; i++)
			ret[i] = measure_is_prime(i);
	else if (a->peer->each)
		a->peer->each(NUMBERS, ret);
	else
		a->peer->batch(NUMBERS, answer, ret);
	took += measure_now();
	for (size_t i = 0; i < NUMBERS; i++)
		primes += ret[i];
	measure_must(primes == PRIMES ? 0 : -1, "primes are wrong");
	return (double)took;
}

/* a->n rounds of one serial and one parallel each. */
static void primes(const struct measure_args *a)
{
	double *ratio = measure_memory(a->n, sizeof *ratio);

	open_peer(a, 65536);
	for (size_t r = 0; r < a->n; r++) {
		double serial = check_primes(NULL);
		ratio[r] = serial / check_primes(a);
	}
	measure_figures("speed_ups", ratio, a->n);
	qsort(ratio, a->n, sizeof *ratio, by_value);
	measure_figure("worst", ratio[0]);
	measure_figure("speed_up", ratio[a->n / 2]);
}

static bool has_primes(const struct peer *p)
{
	return p->each || p->batch;
}

const struct measure_workload measure_work_workloads[] = {
	{"fib", 32, has_fib, fib},         {"skynet", 1000000, has_skynet, skynet},
	{"sum", 100000000, has_loop, sum}, {"uneven", 100000, has_loop, uneven},
	{"primes", 2, has_primes, primes}, {0},
};
