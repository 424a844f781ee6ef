/* SPDX-License-Identifier: MIT
 *
 * measure_queues.c -- workloads of queues between processes. The processes are forked off, wait for one another, and
 * then for the word to begin.
 */
#include "measure_queue.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PARTIES_MOST = 8, WARM = 16, PAUSE_US = 1000 };

/* What all processes of a run have. */
struct board {
	_Alignas(64) uint32_t ready, go, done;
	size_t sum[PARTIES_MOST];
};

static struct board *board;
static unsigned party; /* which process this is */

void *measure_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	measure_must(p == MAP_FAILED ? -errno : 0, "shared memory");
	return p;
}

void measure_sum(size_t sum)
{
	board->sum[party] += sum;
}

static void await(const uint32_t *word, uint32_t value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < value)
		usleep(100);
}

/* Forks one off that does its part; the parent goes on at once. */
static void start(const struct queue_peer *q, unsigned number, int puts, int takes, size_t size, size_t n)
{
	pid_t pid = fork();
	char *message;

	measure_must(pid < 0 ? -errno : 0, "fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	party = number;
	message = measure_memory(1, size);
	if (q->enter)
		q->enter(puts, takes);
	__atomic_fetch_add(&board->ready, 1, __ATOMIC_RELEASE);
	await(&board->go, 1);
	if (puts >= 0)
		q->put(puts, message, size, n);
	else
		q->take(takes, message, size, n);
	__atomic_fetch_add(&board->done, 1, __ATOMIC_RELEASE);
	await(&board->go, 2); /* who leaves may take with him what others have not got yet */
	_exit(0);
}

/* Producers and consumers, as many of both, each with a part of n. */
static double seconds_for(const struct measure_args *a, unsigned pairs, size_t size, size_t room)
{
	const struct queue_peer *q = a->peer->queue;
	size_t each = a->n / pairs, sum = 0;
	int64_t begun;

	board = measure_shared(sizeof *board);
	q->open(size, room);
	for (unsigned i = 0; i < pairs; i++) {
		start(q, 2 * i, 0, -1, size, each);
		start(q, 2 * i + 1, -1, 0, size, each);
	}
	await(&board->ready, 2 * pairs);
	usleep(1000);
	begun = measure_now();
	__atomic_store_n(&board->go, 1, __ATOMIC_RELEASE);
	await(&board->done, 2 * pairs);
	begun = measure_now() - begun;
	__atomic_store_n(&board->go, 2, __ATOMIC_RELEASE);
	while (wait(NULL) > 0)
		;
	for (unsigned i = 0; i < pairs; i++)
		sum += board->sum[2 * i + 1];
	/* A peer may have stamped in batches of its own, but it stamps 0, 1, 2, ... for each producer. */
	measure_must(sum == pairs * (each * (each - 1) / 2) ? 0 : -EBADMSG, "messages that were taken");
	return (double)begun * 1e-9;
}

static void one(const struct measure_args *a)
{
	measure_figure("per_s", (double)a->n / seconds_for(a, 1, 64, 1024));
}

static void two(const struct measure_args *a)
{
	measure_figure("per_s", (double)a->n / seconds_for(a, 2, 64, 1024));
}

static void page(const struct measure_args *a)
{
	measure_figure("gb_per_s", 4096e-9 * (double)a->n / seconds_for(a, 1, 4096, 64));
}

static void mebibyte(const struct measure_args *a)
{
	measure_figure("gb_per_s", 1048576e-9 * (double)a->n / seconds_for(a, 1, 1048576, 4));
}

/* ---- Round trips ---- */

/* The two sides, where they sleep: on one CPU a wake-up is another thing. Who may use one CPU only does not look before he
 * sleeps, if he is sensible. */
static void pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof set, &set); /* with one CPU it stays where it is */
}

static void echo(const struct queue_peer *q, bool pinned)
{
	pid_t pid = fork();
	char message[64];

	measure_must(pid < 0 ? -errno : 0, "fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	party = 1;
	if (pinned)
		pin(1);
	if (q->enter)
		q->enter(1, 0);
	__atomic_fetch_add(&board->ready, 1, __ATOMIC_RELEASE);
	for (;;) {
		q->take(0, message, sizeof message, 1);
		q->put(1, message, sizeof message, 1);
	}
}

static void trips(const struct measure_args *a, unsigned pause_us)
{
	const struct queue_peer *q = a->peer->queue;
	int64_t *lap = measure_memory(a->n, sizeof *lap);
	char message[64] = {0};

	board = measure_shared(sizeof *board);
	q->open(sizeof message, 16);
	echo(q, pause_us);
	if (pause_us)
		pin(0);
	if (q->enter)
		q->enter(0, 1);
	await(&board->ready, 1);
	for (size_t i = 0; i < a->n + WARM; i++) {
		int64_t begun;
		if (pause_us)
			usleep(pause_us);
		begun = measure_now();
		q->put(0, message, sizeof message, 1);
		q->take(1, message, sizeof message, 1);
		if (i >= WARM)
			lap[i - WARM] = measure_now() - begun;
	}
	measure_percentiles(lap, a->n);
}

static void hot(const struct measure_args *a)
{
	trips(a, 0);
}

static void cold(const struct measure_args *a)
{
	trips(a, PAUSE_US);
}

static bool has_small(const struct peer *p)
{
	return p->queue;
}

static bool has_several(const struct peer *p)
{
	return p->queue && !p->queue->single;
}

static bool has_any(const struct peer *p)
{
	return p->queue && !p->queue->size;
}

static bool sleeps(const struct peer *p)
{
	return p->queue && !p->queue->spins;
}

const struct measure_workload measure_queue_workloads[] = {
	{"one", 4000000, has_small, one},
	{"two", 4000000, has_several, two},
	{"page", 400000, has_any, page},
	{"mebibyte", 4000, has_any, mebibyte},
	{"trip", 100000, has_small, hot},
	{"sleepy", 500, sleeps, cold},
	{0},
};
