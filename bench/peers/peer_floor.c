/* SPDX-License-Identifier: MIT
 *
 * peer_floor.c -- what this machine takes for the least that a workload needs, with none of what makes a pool:
 * no queue that is ever full, no stealing, no cancel that is heard, no sleep. Not a peer: a measure of how much
 * of a figure is the machine's.
 *
 *   flood, flood2  records of the size of a weft_task; who submits writes 64 bytes of each and makes it ready by
 *                  a store; workers take 32 at a time by one addition, make each running and done by a
 *                  compare-and-swap, and call a function by pointer between
 *   help           the same by one thread on one record
 *   hot            a thread that spins for a word, one that spins for the answer
 *   cold           a thread that sleeps on a word, one that sleeps for the answer: futex(2)
 *   fib            calls by pointer, with the arguments in records on the stack; the compiler sees through none
 */
#include "measure.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PRODUCERS = 2, CHUNK = 32, AHEAD = 6, WORKERS_MAX = 64 };
enum { IDLE, READY, RUNNING, DONE };

struct record {
	_Alignas(64) void (*fn)(void *ctx);
	void *ctx;
	char rest[48];
	_Alignas(64) _Atomic unsigned state;
	unsigned status;
	uint64_t filled[7];
	char room[128];
};
_Static_assert(sizeof(struct record) == 256, "as large as a weft_task");

static struct heap {
	struct record *record;
	size_t n;
	_Alignas(64) _Atomic size_t ready;
	_Alignas(64) _Atomic size_t taken;
} heap[PRODUCERS];
static pthread_t worker[WORKERS_MAX];
static unsigned workers;

static void fill(struct record *r)
{
	unsigned was = atomic_load_explicit(&r->state, memory_order_relaxed);

	atomic_compare_exchange_strong_explicit(&r->state, &was, IDLE, memory_order_acquire,
						memory_order_relaxed);
	for (int i = 0; i < 7; i++)
		r->filled[i] = (uint64_t)i;
	atomic_store_explicit(&r->state, READY, memory_order_release);
}

static void run_record(struct record *r)
{
	unsigned ready = READY, running = RUNNING;

	if (!atomic_compare_exchange_strong(&r->state, &ready, RUNNING))
		return;
	r->fn(r->ctx);
	r->status = 0;
	atomic_compare_exchange_strong(&r->state, &running, DONE);
}

/* A chunk of what is ready; false: there is none. */
static bool work_on(struct heap *h)
{
	size_t at = atomic_load(&h->taken), ready = atomic_load_explicit(&h->ready, memory_order_acquire);
	size_t end = at + CHUNK < ready ? at + CHUNK : ready;

	if (at >= ready || !atomic_compare_exchange_strong(&h->taken, &at, end))
		return false;
	for (size_t i = at; i < end && i < at + AHEAD; i++)
		__builtin_prefetch(&h->record[i].state, 1);
	for (size_t i = at; i < end; i++) {
		if (i + AHEAD < end) {
			__builtin_prefetch(&h->record[i + AHEAD], 0);
			__builtin_prefetch(&h->record[i + AHEAD].state, 1);
		}
		run_record(&h->record[i]);
	}
	return true;
}

static void *work(void *arg)
{
	(void)arg;
	for (;;) {
		bool any = false;

		for (int i = 0; i < PRODUCERS; i++)
			any |= work_on(&heap[i]);
		if (!any)
			__builtin_ia32_pause();
	}
	return NULL;
}

static void prepare(unsigned producers, size_t n)
{
	for (unsigned p = 0; p < producers; p++) {
		heap[p].record = aligned_alloc(64, n * sizeof *heap[p].record);
		heap[p].n = n;
		for (size_t i = 0; i < n; i++)
			heap[p].record[i] = (struct record){.fn = measure_nothing};
	}
	for (unsigned i = 0; i < workers; i++)
		measure_must(pthread_create(&worker[i], NULL, work, NULL), "pthread_create");
}

static void open_threads(unsigned threads, size_t room)
{
	(void)room;
	workers = threads < WORKERS_MAX ? threads : WORKERS_MAX;
}

static long futex(_Atomic unsigned *word, int what, unsigned value)
{
	return syscall(SYS_futex, word, what | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void flood(unsigned producer, size_t n)
{
	struct heap *h = &heap[producer];

	atomic_store(&h->ready, 0); /* of the time before */
	atomic_store(&h->taken, 0);
	for (size_t i = 0; i < n; i++) {
		fill(&h->record[i]);
		atomic_store_explicit(&h->ready, i + 1, memory_order_release);
	}
	/* The workers would lack the processor of one who spins. */
	while (atomic_load_explicit(&h->record[n - 1].state, memory_order_acquire) != DONE)
		usleep(100);
	for (size_t i = 0; i < n; i++)
		while (atomic_load_explicit(&h->record[i].state, memory_order_acquire) != DONE)
			__builtin_ia32_pause();
}

static void help(size_t n)
{
	static struct record r = {.fn = measure_nothing};

	for (; n > 0; n--) {
		fill(&r);
		run_record(&r);
	}
}

/* ---- there and back ---------------------------------------------------------------------------------- */

enum { MINE, YOURS };

static _Atomic unsigned spun_for, slept_for; /* whose turn it is */

static void *answer_spinning(void *arg)
{
	(void)arg;
	for (;;) {
		while (atomic_load_explicit(&spun_for, memory_order_acquire) != YOURS)
			__builtin_ia32_pause();
		atomic_store_explicit(&spun_for, MINE, memory_order_release);
	}
	return NULL;
}

static void pass(unsigned turn)
{
	atomic_store(&slept_for, turn);
	futex(&slept_for, FUTEX_WAKE, 1);
}

static void await(unsigned turn)
{
	while (atomic_load(&slept_for) != turn)
		futex(&slept_for, FUTEX_WAIT, !turn);
}

static void *answer_sleeping(void *arg)
{
	(void)arg;
	for (;;) {
		await(YOURS);
		pass(MINE);
	}
	return NULL;
}

static void start(void *(*body)(void *))
{
	pthread_t t;

	measure_must(pthread_create(&t, NULL, body, NULL), "pthread_create");
	measure_must(pthread_detach(t), "pthread_detach");
}

static void open_spinning(unsigned threads, size_t room)
{
	(void)threads;
	(void)room;
	start(answer_spinning);
}

static void run_spinning(void (*fn)(void *ctx), void *ctx)
{
	fn(ctx);
	atomic_store_explicit(&spun_for, YOURS, memory_order_release);
	while (atomic_load_explicit(&spun_for, memory_order_acquire) != MINE)
		__builtin_ia32_pause();
}

static void open_sleeping(unsigned threads, size_t room)
{
	(void)threads;
	(void)room;
	start(answer_sleeping);
}

static void run_sleeping(void (*fn)(void *ctx), void *ctx)
{
	fn(ctx);
	pass(YOURS);
	await(MINE);
}

/* ---- calls ------------------------------------------------------------------------------------------- */

/* The compiler sees a call, and nothing of what is called. */
#ifdef __clang__
#define OPAQUE __attribute__((noinline))
#else
#define OPAQUE __attribute__((noinline, noipa))
#endif

struct call {
	void (*fn)(struct call *c);
	char rest[56];
	int n;
	int64_t answer;
};

static OPAQUE void fib_call(struct call *c)
{
	struct call a, b;

	if (c->n < 2) {
		c->answer = c->n;
		return;
	}
	a.fn = b.fn = c->fn;
	a.n = c->n - 1;
	b.n = c->n - 2;
	b.fn(&b);
	a.fn(&a);
	c->answer = a.answer + b.answer;
}

static int64_t fib(int n)
{
	struct call c = {.fn = fib_call, .n = n};

	fib_call(&c);
	return c.answer;
}

static const struct peer floor_ = {
	.name = "floor", .open = open_threads, .prepare = prepare, .flood = flood, .help = help, .fib = fib};
static const struct peer spinning = {.name = "floor-spin", .open = open_spinning, .run = run_spinning};
static const struct peer sleeping = {.name = "floor-sleep", .open = open_sleeping, .run = run_sleeping};

const struct peer *const measure_peers[] = {&floor_, &spinning, &sleeping, NULL};
