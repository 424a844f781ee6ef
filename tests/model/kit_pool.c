/* SPDX-License-Identifier: MIT
 *
 * kit_pool.c -- see kit_pool.h.
 */
#include "kit_pool.h"

#include <string.h>

static union {
	struct thread_pool pool;
	_Alignas(128) char bytes[sizeof(struct thread_pool) + KIT_WORKERS * sizeof(struct thread_worker)];
} memory;
static struct thread_queue shard;
static struct thread_seat seats[KIT_WORKERS];
static weft_task *cells[1 + KIT_WORKERS][KIT_CELLS];

struct thread_pool *const kit_pool = &memory.pool;
struct thread_queue *const kit_shard = &shard;

static bool submit_quickly(void *self, weft_task *t)
{
	return thread_queues_quickly(self, t);
}

static void open_queue(struct thread_queue *q, uint64_t number)
{
	memset(q, 0, sizeof *q);
	q->number = number;
	q->ring = (struct weft__ring){.cell = cells[number], .mask = KIT_CELLS - 1};
	q->ring.head = q->ring.tail = UINT32_MAX;
	thread_queue_count(q);
}

static void name_words(void)
{
	model_name(&kit_pool->idlers, "idlers");
	model_name(&kit_pool->lock.word, "pool.lock");
	model_name(&kit_pool->tokens, "tokens");
	model_name(&kit_pool->debt, "debt");
	model_name(&kit_pool->dropping, "dropping");
	model_name(&kit_pool->ending, "ending");
	model_name(&kit_pool->ladder.lock.word, "ladder.lock");
	model_name(&kit_pool->ladder.n, "ladder.n");
	model_name(&shard.bias.lock.word, "shard.lock");
	model_name(&shard.seen, "shard.seen");
	for (unsigned i = 0; i < KIT_WORKERS; i++) {
		static const char *const name[KIT_WORKERS][5] = {
			{"seat 0.seen", "seat 0.pushing", "seat 0.busy", "seat 0.shared", "parker 0"},
			{"seat 1.seen", "seat 1.pushing", "seat 1.busy", "seat 1.shared", "parker 1"},
			{"seat 2.seen", "seat 2.pushing", "seat 2.busy", "seat 2.shared", "parker 2"}};

		model_name(&seats[i].queue.seen, name[i][0]);
		model_name(&seats[i].queue.pushing, name[i][1]);
		model_name(&seats[i].queue.bias.busy, name[i][2]);
		model_name(&seats[i].queue.bias.shared, name[i][3]);
		model_name(&kit_pool->worker[i].parker.word, name[i][4]);
	}
}

static void make_worker(unsigned i)
{
	struct thread_worker *w = &kit_pool->worker[i];

	w->pool = kit_pool;
	w->seat = i < kit_pool->size ? &seats[i] : NULL;
	w->own = w->seat && kit_pool->size > 1 ? &seats[i].queue : NULL;
	w->spinner.most = -1; /* it never looks for a while: time stands still here */
	weft__tally_open(&w->tally, &kit_executor, NULL);
}

void kit_pool_start(unsigned size, unsigned workers, uint32_t limit)
{
	kit_start();
	memset(&memory, 0, sizeof memory);
	memset(cells, 0, sizeof cells);
	kit_executor.ops = thread_pool_ops;
	kit_executor.self = kit_pool;
	kit_executor.submit_quickly = submit_quickly;
	*kit_pool = (struct thread_pool){.ex = &kit_executor,
					 .size = size,
					 .shards = 1,
					 .room = workers,
					 .limit = limit,
					 .searchers = 1,
					 .shard = &shard,
					 .seat = seats,
					 .tokens = limit,
					 .known = workers,
					 .threads = workers};
	open_queue(&shard, 0);
	weft__tally_open(&shard.tally, &kit_executor, NULL);
	for (unsigned i = 0; i < workers; i++) {
		memset(&seats[i], 0, sizeof seats[i]);
		open_queue(&seats[i].queue, 1 + i);
		make_worker(i);
	}
	name_words();
}

static void give_credit(struct weft__tally *y)
{
	y->credit += WEFT__CREDIT;
	kit_executor.load += 2 * WEFT__CREDIT;
}

static void give_token(uint32_t *at_hand)
{
	if (!kit_pool->tokens)
		return;
	kit_pool->tokens--;
	++*at_hand;
}

void kit_pool_ready(void)
{
	give_credit(&shard.tally);
	give_token(&shard.tokens);
	for (unsigned i = 0; i < kit_pool->size; i++) {
		give_credit(&kit_pool->worker[i].tally);
		give_token(&seats[i].queue.tokens);
	}
}

void kit_pool_searches(unsigned i)
{
	kit_pool->worker[i].searching = true;
	kit_pool->idlers += IDLERS_SEARCHING;
}

void kit_pool_sleeps(unsigned i)
{
	list_append(&kit_pool->sleeping, &kit_pool->worker[i].node);
	kit_pool->asleep++;
	kit_pool->idlers += IDLERS_WAKEABLE;
}

void kit_pool_waits(unsigned i)
{
	list_append(&kit_pool->reserve, &kit_pool->worker[i].node);
	kit_pool->in_reserve++;
}

struct thread_worker *kit_worker(unsigned i)
{
	struct thread_worker *w = &kit_pool->worker[i];

	thread_self = w;
	weft__tally = &w->tally;
	return w;
}

void kit_pool_put(unsigned seat, int i)
{
	kit_worker(seat);
	kit_submit(i, NULL);
	thread_self = NULL;
	weft__tally = NULL;
}

void kit_serve(struct thread_worker *w, unsigned n)
{
	while (w->seat->started < n)
		thread_worker_turn(w);
}

bool kit_is_queued(int i)
{
	uint32_t at;
	bool found = weft__ring_find(&shard.ring, &kit_task[i], &at);

	for (unsigned s = 0; s < kit_pool->room; s++)
		found |= weft__ring_find(&seats[s].queue.ring, &kit_task[i], &at);
	return found;
}

unsigned kit_queued(void)
{
	unsigned n = (unsigned)kit_pool->ladder.q.n + shard.ring.n;

	for (unsigned i = 0; i < kit_pool->room; i++)
		n += seats[i].queue.ring.n;
	return n;
}

void kit_pool_check(unsigned n)
{
	uint64_t tokens = kit_pool->tokens + kit_pool->ladder.tokens + shard.tokens;

	for (unsigned i = 0; i < kit_pool->room; i++)
		tokens += seats[i].queue.tokens;
	model_assert(kit_queued() == n);
	model_assert(tokens + n == kit_pool->limit + kit_pool->debt);
}
