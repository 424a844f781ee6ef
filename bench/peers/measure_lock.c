/* SPDX-License-Identifier: MIT
 *
 * measure_lock.c -- a lock that nobody else wants, that two threads want all the time, and that two processes want.
 */
#include "measure_lock.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct board {
	_Alignas(128) char lock[128];
	_Alignas(128) uint64_t counter;
	_Alignas(128) unsigned ready;
	const struct lock_peer *peer;
	size_t n;
};

static struct board *open_board(const struct measure_args *a)
{
	struct board *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	measure_must(b == MAP_FAILED, "memory");
	b->peer = a->peer->lock;
	b->n = a->n;
	b->peer->init(b->lock);
	b->peer->turns(b->lock, &b->counter, 1000);
	b->counter = 0;
	return b;
}

static void *take_turns(void *arg)
{
	struct board *b = arg;

	__atomic_fetch_add(&b->ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&b->ready, __ATOMIC_SEQ_CST) < 2)
		;
	b->peer->turns(b->lock, &b->counter, b->n);
	return NULL;
}

static void report(struct board *b, int64_t begun, size_t sides)
{
	double ns = (double)(measure_now() - begun) / ((double)b->n * (double)sides);

	measure_must(b->counter != b->n * sides, "the lock does not exclude");
	measure_figure("ns", ns);
}

static void *sleep_on(void *arg)
{
	(void)arg;
	pause();
	return NULL;
}

/* Beside another thread: in a program with one, the C library locks without an atomic step. */
static void measure_alone(const struct measure_args *a)
{
	struct board *b = open_board(a);
	pthread_t sleeper;
	int64_t begun;

	measure_must(pthread_create(&sleeper, NULL, sleep_on, NULL), "thread");
	begun = measure_now();
	b->peer->turns(b->lock, &b->counter, b->n);
	report(b, begun, 1);
}

static void measure_threads(const struct measure_args *a)
{
	struct board *b = open_board(a);
	int64_t begun = measure_now();
	pthread_t other;

	measure_must(pthread_create(&other, NULL, take_turns, b), "thread");
	take_turns(b);
	pthread_join(other, NULL);
	report(b, begun, 2);
}

static void measure_processes(const struct measure_args *a)
{
	struct board *b = open_board(a);
	int64_t begun = measure_now();
	pid_t other = fork();

	measure_must(other < 0, "fork");
	take_turns(b);
	if (!other)
		_exit(0);
	waitpid(other, NULL, 0);
	report(b, begun, 2);
}

static bool has_lock(const struct peer *p)
{
	return p->lock;
}

static bool has_shared_lock(const struct peer *p)
{
	return p->lock && p->lock->is_shared;
}

const struct measure_workload measure_lock_workloads[] = {
	{"lock", 20000000, has_lock, measure_alone},
	{"lock2t", 3000000, has_lock, measure_threads},
	{"lock2p", 3000000, has_shared_lock, measure_processes},
	{0}};
