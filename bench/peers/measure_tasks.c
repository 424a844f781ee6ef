/* SPDX-License-Identifier: MIT
 *
 * measure_tasks.c -- workloads of tasks that do nothing: what a peer itself costs in time, memory and CPU.
 */
#include "measure.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void open_peer(const struct measure_args *a, size_t room)
{
	if (a->peer->open)
		a->peer->open(a->threads, room + 1024);
}

/* Not measured: threads start, caches and the peer's own stores of memory fill. */
static void warm_up(const struct peer *p)
{
	for (int i = 0; i < 200 && p->run; i++)
		p->run(measure_nothing, NULL);
}

static void sleep_until(int64_t when)
{
	struct timespec t = {.tv_sec = when / 1000000000, .tv_nsec = when % 1000000000};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void nap(void *ctx)
{
	sleep_until(measure_now() + *(const int64_t *)ctx);
}

/* ---- a flood of tasks from one thread or two -------------------------------------------------------- */

struct producer {
	const struct peer *peer;
	unsigned index;
	size_t n;
	pthread_barrier_t *start;
};

static void *produce(void *arg)
{
	struct producer *p = arg;

	pthread_barrier_wait(p->start);
	p->peer->flood(p->index, p->n);
	return NULL;
}

static void flood_by_two(const struct peer *peer, size_t n)
{
	struct producer p[2];
	pthread_barrier_t start;
	pthread_t thread[2];

	if (peer->flood_pair) {
		peer->flood_pair(n);
		return;
	}
	pthread_barrier_init(&start, NULL, 2);
	for (unsigned i = 0; i < 2; i++) {
		p[i] = (struct producer){peer, i, n / 2, &start};
		measure_must(pthread_create(&thread[i], NULL, produce, &p[i]), "pthread_create");
	}
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&start);
}

/* How many tasks there are to be. */
static size_t open_flood(const struct measure_args *a, unsigned producers)
{
	size_t n = a->peer->flood_most && a->n > a->peer->flood_most ? a->peer->flood_most : a->n;

	open_peer(a, n);
	if (a->peer->prepare)
		a->peer->prepare(producers, n / producers);
	measure_figure("n_done", (double)n);
	return n;
}

/* ns for each of n tasks. Once for caches and stacks; then until there were 100,000 tasks, or 0.2 s are over. */
static void per_task(const struct peer *p, size_t n, void (*work)(const struct peer *p, size_t n))
{
	int64_t begun;
	size_t done = 0;
	double ns;

	work(p, n);
	begun = measure_now();
	while (done < 100000 && (done == 0 || measure_now() - begun < 200000000)) {
		work(p, n);
		done += n;
	}
	ns = (double)(measure_now() - begun) / (double)done;
	measure_figure("ns", ns);
	measure_figure("per_s", 1e9 / ns);
}

static void flood_by_one(const struct peer *p, size_t n)
{
	p->flood(0, n);
}

static void flood_one(const struct measure_args *a)
{
	per_task(a->peer, open_flood(a, 1), flood_by_one);
}

static void flood_two(const struct measure_args *a)
{
	per_task(a->peer, open_flood(a, 2), flood_by_two);
}

/* What a flood asks of malloc once threads have started and whatever is kept has been filled. */
static void heap(const struct measure_args *a)
{
	uint64_t bytes;
	size_t n;

	measure_heap_count();
	n = open_flood(a, 1);
	for (int i = 0; i < 2; i++)
		a->peer->flood(0, n);
	bytes = measure_heap_bytes();
	a->peer->flood(0, n);
	measure_figure("alloc_bytes", (double)(measure_heap_bytes() - bytes) / (double)n);
}

static bool has_flood(const struct peer *p)
{
	return p->flood;
}

static bool has_flood_two(const struct peer *p)
{
	return p->flood || p->flood_pair;
}

/* ---- there and back -------------------------------------------------------------------------------- */

size_t measure_trips(const struct peer *p, size_t n, int64_t pause, int64_t *lap)
{
	int64_t begun = measure_now(), before = begun, after;
	size_t i = 0;

	while (i < n && before - begun < 1000000000 + (int64_t)n * pause) {
		if (pause) {
			sleep_until(measure_now() + pause);
			before = measure_now();
		}
		p->run(measure_nothing, NULL);
		after = measure_now();
		lap[i++] = after - before;
		before = after;
	}
	return i;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void measure_percentiles(int64_t *lap, size_t n)
{
	qsort(lap, n, sizeof *lap, by_time);
	measure_figure("p50_us", (double)lap[n / 2] / 1e3);
	measure_figure("p99_us", (double)lap[n * 99 / 100] / 1e3);
}

static void trips(const struct measure_args *a, int64_t pause)
{
	int64_t *lap = measure_memory(a->n, sizeof *lap);
	double cpu;
	size_t n;

	open_peer(a, 0);
	warm_up(a->peer);
	cpu = measure_cpu_begin();
	n = measure_trips(a->peer, a->n, pause, lap);
	cpu = measure_cpu_since(cpu);
	measure_percentiles(lap, n);
	measure_figure("cpu_us", cpu * 1e6 / (double)n);
}

static void hot(const struct measure_args *a)
{
	trips(a, 0);
}

static void cold(const struct measure_args *a)
{
	trips(a, 1000000);
}

static bool has_run(const struct peer *p)
{
	return p->run;
}

static void help(const struct measure_args *a)
{
	int64_t took;

	open_peer(a, 0);
	a->peer->help(a->n / 10 + 1);
	took = -measure_now();
	a->peer->help(a->n);
	took += measure_now();
	measure_figure("ns", (double)took / (double)a->n);
}

static bool has_help(const struct peer *p)
{
	return p->help;
}

/* ---- memory of what waits --------------------------------------------------------------------------- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static unsigned blocked;
static bool released;

void measure_block(void *ctx)
{
	(void)ctx;
	pthread_mutex_lock(&gate);
	blocked++;
	pthread_cond_broadcast(&gate_moved);
	while (!released)
		pthread_cond_wait(&gate_moved, &gate);
	pthread_mutex_unlock(&gate);
}

static double rss_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long size, resident = 0;

	measure_must(file && fscanf(file, "%lu %lu", &size, &resident) == 2 ? 0 : -1, "statm");
	fclose(file);
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static double heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return (double)m.uordblks + (double)m.hblkhd;
}

/* Memory grows by what the submissions take, since nothing runs meanwhile. */
static void pending(const struct measure_args *a)
{
	unsigned blockers = a->threads - (a->peer->caller_works ? 1 : 0);
	double rss, heap;

	open_peer(a, a->n + blockers);
	if (a->peer->prepare)
		a->peer->prepare(1, a->n);
	warm_up(a->peer);
	a->peer->pend(blockers, 0);
	pthread_mutex_lock(&gate);
	while (blocked < blockers)
		pthread_cond_wait(&gate_moved, &gate);
	pthread_mutex_unlock(&gate);
	rss = -rss_bytes();
	heap = -heap_bytes();
	a->peer->pend(0, a->n);
	rss += rss_bytes();
	heap += heap_bytes();
	measure_figure("rss_bytes", rss / (double)a->n);
	measure_figure("heap_bytes", heap / (double)a->n);
	pthread_mutex_lock(&gate);
	released = true;
	pthread_cond_broadcast(&gate_moved);
	pthread_mutex_unlock(&gate);
	a->peer->unpend();
}

static bool has_pending(const struct peer *p)
{
	return p->pend;
}

/* ---- CPU while there is little to do ---------------------------------------------------------------- */

static void cpu_per_second(const struct measure_args *a, int64_t each, void (*task)(void *))
{
	int64_t length = (int64_t)a->n * 1000000, begun;
	double cpu;

	open_peer(a, 0);
	warm_up(a->peer);
	sleep_until(measure_now() + 50000000); /* what the warm-up leaves behind is not counted */
	begun = measure_now();
	cpu = measure_cpu_begin();
	for (int64_t at = each; at <= length; at += each) {
		if (task)
			a->peer->run(task, &length);
		sleep_until(begun + at);
	}
	cpu = measure_cpu_since(cpu);
	measure_figure("cpu_ms_per_s", cpu * 1e3 / (1e-9 * (double)(measure_now() - begun)));
}

static void cpu_idle(const struct measure_args *a)
{
	cpu_per_second(a, (int64_t)a->n * 1000000, NULL);
}

static void cpu_nap(const struct measure_args *a)
{
	cpu_per_second(a, (int64_t)a->n * 1000000, nap);
}

static void cpu_tick(const struct measure_args *a)
{
	cpu_per_second(a, 1000000, measure_nothing);
}

/* ---- threads, depth -------------------------------------------------------------------------------- */

static void create(const struct measure_args *a)
{
	int64_t *lap = measure_memory(a->n, sizeof *lap);

	for (size_t i = 0; i < a->n; i++) {
		lap[i] = -measure_now();
		a->peer->open(a->threads, 1024);
		a->peer->close();
		lap[i] += measure_now();
	}
	measure_percentiles(lap, a->n);
}

static bool has_create(const struct peer *p)
{
	return p->reopens;
}

static void nest_once(const struct peer *p, size_t depth)
{
	p->nest(depth);
}

static void nest(const struct measure_args *a)
{
	open_peer(a, a->n);
	per_task(a->peer, a->n, nest_once);
}

static bool has_nest(const struct peer *p)
{
	return p->nest;
}

const struct measure_workload measure_task_workloads[] = {
	{"flood", 1000000, has_flood, flood_one},
	{"flood2", 1000000, has_flood_two, flood_two},
	{"heap", 200000, has_flood, heap},
	{"hot", 20000, has_run, hot},
	{"cold", 1000, has_run, cold},
	{"help", 200000, has_help, help},
	{"pending", 200000, has_pending, pending},
	{"idle", 1000, has_run, cpu_idle},
	{"nap", 1000, has_run, cpu_nap},
	{"tick", 1000, has_run, cpu_tick},
	{"create", 100, has_create, create},
	{"nest", 1000, has_nest, nest},
	{0},
};
