/* SPDX-License-Identifier: MIT
 *
 * model_queue.c -- queues: ipc/queue.c over ipc/queue_ring.c and ipc/robust.h. No message is lost, doubled or out of
 * order, and nobody sleeps for ever, also where those who put, take and repair die before any of their operations.
 * What the kernel does then, the model does: on_death.
 */
#include "model.h"
#include "queue_parts.h"
#include "robust.h"
#include "spec.h"
#include "spin.h"
#include "state.h"

#include <errno.h>
#include <string.h>

#define THREAD(name) static void name(void *arg)

enum { UNITS = 16, WORD = 8, START = (int)(UINT32_MAX - 2) };

static struct {
	struct queue_ring ring;
	atom_u64 data[UNITS];
} memory;
static weft_queue queue;
static struct weft__holder robust[MODEL_THREADS];
static atom_ptr pending[MODEL_THREADS];
static _Thread_local int me;
static unsigned n_threads; /* of this execution */
static uint64_t got[MODEL_THREADS];
static ssize_t answer[MODEL_THREADS];
static bool returned[MODEL_THREADS];

/* ---- In place of the rest of the library ---- */

struct weft__holder *weft__holder_listed(void)
{
	return &robust[me];
}

/* Without the naps, but for those that model_timeouts allows: they must not be needed. */
int weft__sleep_word(atom_u32 *word, uint32_t expected, weft_time deadline, enum weft__scope scope)
{
	return weft__wait(word, expected, deadline, scope);
}

/* One: so that nobody looks for a while, for time stands still here. */
unsigned weft_cpu_count(void)
{
	return 1;
}

int weft__opts_copy(void *dst, size_t dst_size, const void *src)
{
	(void)dst, (void)dst_size, (void)src;
	return -ENOSYS;
}

int weft_region_new(weft_region **ret, const struct weft_region_opts *opts)
{
	(void)ret, (void)opts;
	return -ENOSYS;
}

int weft_region_alloc(weft_region *r, size_t size, void **ret)
{
	(void)r, (void)size, (void)ret;
	return -ENOSYS;
}

int weft_region_dealloc(weft_region *r, void *block)
{
	(void)r, (void)block;
	return -ENOSYS;
}

int weft_region_free(weft_region *r)
{
	(void)r;
	return -ENOSYS;
}

/* As handle_futex_death in the kernel's futex code does for list_op_pending. */
static void on_death(int thread)
{
	atom_u32 *word = pending[thread];
	uint32_t was = word ? atom_or(word, 0, seq_cst) : 1;

	if (!was)
		weft__wake(word, 1, WEFT__SHARED);
	while ((was & HOLDER_TID) == (uint32_t)thread && word) /* a turn is larger */
		if (atom_cas(word, &was, (was & HOLDER_WAITERS) | HOLDER_DIED, seq_cst, seq_cst)) {
			if (was & HOLDER_WAITERS)
				weft__wake(word, 1, WEFT__SHARED);
			return;
		}
}

/* ---- Set-up ---- */

/* A queue that holds the numbers 101, 102, ..., and where places and numbers are about to wrap. */
static void start(uint32_t capacity, unsigned old)
{
	struct queue_shape s = {UNITS, capacity, WORD};
	uint64_t end = (uint64_t)(uint32_t)START << 32 | (uint32_t)START;

	memset(&memory, 0, sizeof memory);
	memset(pending, 0, sizeof pending);
	memset(got, 0, sizeof got);
	memset(returned, 0, sizeof returned);
	n_threads = 0;
	me = 0;
	for (unsigned i = 0; i < MODEL_THREADS; i++)
		robust[i] = (struct weft__holder){.tid = i ? i : MODEL_THREADS, .pending = &pending[i]};
	weft__queue_init(&queue, &s, &memory.ring);
	queue.map.data = memory.data;
	memory.ring.side[PUT].end = memory.ring.side[GET].end = end;
	memory.ring.side[PUT].seen = end;
	model_name(&memory.ring.side[PUT].lock, "put.lock");
	model_name(&memory.ring.side[GET].lock, "get.lock");
	model_name(&memory.ring.side[PUT].end, "put.end");
	model_name(&memory.ring.side[GET].end, "get.end");
	model_name(&memory.ring.closed, "closed");
	model_on_death(on_death);
	weft__spin_know(true); /* or the first execution would be another one */
	for (uint64_t i = 1; i <= old; i++)
		weft__ring_put(&queue.map, (char *)&(uint64_t){100 + i}, WORD, 1);
}

static void put(uint64_t number)
{
	answer[me] = weft_queue_put(&queue, &number, WORD, WEFT_FOREVER);
	returned[me] = true;
}

static void get(void)
{
	uint64_t number = 0;

	answer[me] = weft_queue_get(&queue, &number, WORD, WEFT_FOREVER);
	got[me] = number;
	returned[me] = true;
}

static uint64_t next(void)
{
	uint64_t number = 0;

	return weft_queue_try_get(&queue, &number, WORD) == WORD ? number : 0;
}

/* Threads: the argument is their number. */
THREAD(put_one)
{
	me = *(int *)arg;
	put((uint64_t)me);
}

THREAD(put_two)
{
	me = *(int *)arg;
	put((uint64_t)me);
	put((uint64_t)me + 10);
}

THREAD(put_pair)
{
	uint64_t pair[] = {1, 11};

	me = *(int *)arg;
	answer[me] = weft_queue_put_many(&queue, pair, WORD, 2, WEFT_FOREVER);
	returned[me] = true;
}

THREAD(get_one)
{
	me = *(int *)arg;
	get();
}

THREAD(get_two)
{
	uint64_t first;

	me = *(int *)arg;
	get();
	first = got[me];
	get();
	model_assert(first && got[me] > first);
}

THREAD(get_three)
{
	me = *(int *)arg;
	get();
	model_assert(got[me] == 101);
	get();
	model_assert(got[me] == 1);
	get();
}

THREAD(get_until_closed)
{
	uint64_t first;

	me = *(int *)arg;
	get();
	first = got[me];
	get();
	got[me] = first;
}

THREAD(put_and_close)
{
	me = *(int *)arg;
	put(1);
	weft_queue_close(&queue);
}

static void thread(const char *name, void (*fn)(void *arg))
{
	static int number[MODEL_THREADS] = {0, 1, 2, 3, 4, 5};

	n_threads++;
	model_thread(name, fn, &number[n_threads]);
}

/* ---- Nobody dies ---- */

MODEL(queue_hands_over)
{
	start(2, 0);
	thread("P", put_two);
	thread("G", get_two);
	model_run();
	model_assert(got[2] == 11);
}

/* One behind the other goes in where one comes out. */
MODEL(queue_waits_for_room)
{
	start(1, 0);
	thread("P", put_two);
	thread("G", get_two);
	model_run();
	model_assert(got[2] == 11);
}

/* A ring with room for one: what is put lies where the one before the last lay, which has been read by then. */
MODEL(queue_uses_memory_again)
{
	start(4, 0);
	queue.map.units = 4;
	put(101);
	returned[0] = false;
	thread("P", put_two);
	thread("G", get_three);
	model_preemptions(-1);
	model_run();
	model_assert(got[2] == 11);
}

/* Both sleep, and what comes comes at once: the first to wake wakes the other. */
MODEL(queue_wakes_both)
{
	start(4, 0);
	thread("P", put_pair);
	thread("G", get_one);
	thread("H", get_one);
	model_preemptions(-2);
	model_run();
	model_assert(got[2] + got[3] == 12);
}

MODEL(queue_keeps_putters_apart)
{
	start(4, 0);
	thread("P", put_one);
	thread("Q", put_one);
	model_run();
	model_assert(weft_queue_count(&queue) == 2);
	model_assert(next() + next() == 3 && !next());
}

MODEL(queue_keeps_getters_apart)
{
	start(4, 2);
	thread("G", get_one);
	thread("H", get_one);
	model_run();
	model_assert(got[1] + got[2] == 203 && got[1] && got[2]);
}

/* What is in comes out before the end. */
MODEL(queue_closes_behind_the_last)
{
	start(4, 0);
	thread("P", put_and_close);
	thread("G", get_until_closed);
	model_preemptions(-1);
	model_run();
	model_assert(got[2] == 1 && answer[2] == -EPIPE);
}

MODEL(queue_close_wakes_both)
{
	start(4, 0);
	thread("P", put_and_close);
	thread("G", get_one);
	thread("H", get_one);
	model_preemptions(-2);
	model_run();
	model_assert(got[2] + got[3] == 1);
	model_assert(answer[2] + answer[3] == WORD - EPIPE);
}

/* ---- Somebody dies ---- */

/* Of 1 and 2 all are there that were put, in some order, and 1 may be that was not: its putter died. */
static void check_puts(bool may_lack)
{
	uint64_t a = next(), b = next();

	model_assert(!next());
	model_assert(a + b == 3 || (may_lack && a + b == 2 && (a == 2 || b == 2)));
	model_assert(!returned[1] || a + b == 3);
	model_assert(weft_queue_try_put(&queue, &(uint64_t){7}, WORD) == 0 && next() == 7 && !next());
}

MODEL(queue_putter_dies)
{
	start(2, 0);
	thread("P", put_one);
	thread("Q", put_one);
	model_mortal(1);
	model_run();
	check_puts(model_died(1));
}

/* Also in the middle of following the first. */
MODEL(queue_putters_die)
{
	uint64_t sum;

	start(4, 0);
	thread("P", put_pair);
	thread("Q", put_one);
	model_mortal(1);
	model_mortal(2);
	model_preemptions(-1);
	model_run();
	model_assert(weft_queue_try_put(&queue, &(uint64_t){100}, WORD) == 0);
	sum = next() + next() + next() + next();
	model_assert(!next());
	/* Both of the pair, or none. */
	model_assert(sum == 114 || (sum == 102 && !returned[1]) || (sum == 112 && !returned[2]) ||
		     (sum == 100 && !returned[1] && !returned[2]));
}

/* The one who waits for it has it, or the next one's. */
MODEL(queue_putter_dies_waited_for)
{
	start(2, 0);
	thread("P", put_one);
	thread("G", get_one);
	thread("Q", put_one);
	model_mortal(1);
	model_timeouts(1);
	model_preemptions(-2);
	model_run();
	model_assert(got[2] == 1 || got[2] == 3);
	model_assert(!returned[1] || got[2] + next() == 4);
}

MODEL(queue_getter_dies)
{
	uint64_t rest;

	start(2, 2);
	thread("G", get_one);
	thread("H", get_one);
	model_mortal(1);
	model_run();
	rest = next();
	model_assert(!next());
	if (returned[1]) {
		model_assert(!rest && got[1] + got[2] == 203);
	} else {
		model_assert(got[2] == 101 ? !rest || rest == 102 : got[2] == 102 && !rest);
	}
	model_assert(weft_queue_try_put(&queue, &(uint64_t){7}, WORD) == 0 && next() == 7 && !next());
}

/* Two sleep; the one that is woken dies: the other gets what it leaves. */
MODEL(queue_woken_dies)
{
	start(2, 0);
	thread("G", get_one);
	thread("H", get_one);
	thread("P", put_pair);
	model_mortal(1);
	model_timeouts(1);
	model_preemptions(-2);
	model_run();
	model_assert(got[2] == 1 || got[2] == 11);
	model_assert(!returned[1] || got[1] + got[2] == 12);
}

/* ---- What the checker has to find ---- */

/* Without the kernel there is nobody to say that a holder has died. */
MODEL_FAILS(queue_without_the_kernel, MODEL_DEADLOCK)
{
	start(2, 0);
	model_on_death(NULL);
	thread("P", put_one);
	thread("Q", put_one);
	model_mortal(1);
	model_run();
}
