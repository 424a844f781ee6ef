/* SPDX-License-Identifier: MIT
 *
 * model_vyukov.c -- a specimen: the bounded ring for many producers and many consumers by Dmitry Vyukov. Each
 * cell says by a sequence number whose turn it is. weft has no such ring; this is what one would have to
 * reckon with:
 *
 *   - a push or a pop may fail though the ring is neither full nor empty, while another is under way;
 *   - a producer that dies in the middle of a push blocks the ring for ever, which the checker must find.
 */
#include "atomic.h"
#include "model.h"

enum { CELLS = 2 }; /* a power of two */

static struct {
	struct cell {
		atom_u32 sequence;
		uint32_t value;
	} cell[CELLS];
	atom_u32 tail, head;
} ring;
static uint32_t sum[2];

static bool push(uint32_t value)
{
	uint32_t at = atom_load(&ring.tail, relaxed);

	for (;;) {
		struct cell *c = &ring.cell[at % CELLS];
		uint32_t turn = atom_load(&c->sequence, acquire);

		if (turn == at) {
			if (!atom_cas(&ring.tail, &at, at + 1, relaxed, relaxed))
				continue;
			plain_write(c->value, value);
			atom_store(&c->sequence, at + 1, release);
			return true;
		}
		if ((int32_t)(turn - at) < 0)
			return false;
		at = atom_load(&ring.tail, relaxed);
	}
}

static bool pop(uint32_t *ret)
{
	uint32_t at = atom_load(&ring.head, relaxed);

	for (;;) {
		struct cell *c = &ring.cell[at % CELLS];
		uint32_t turn = atom_load(&c->sequence, acquire);

		if (turn == at + 1) {
			if (!atom_cas(&ring.head, &at, at + 1, relaxed, relaxed))
				continue;
			*ret = plain_read(c->value);
			atom_store(&c->sequence, at + CELLS, release);
			return true;
		}
		if ((int32_t)(turn - at - 1) < 0)
			return false;
		at = atom_load(&ring.head, relaxed);
	}
}

static void produce(void *arg)
{
	while (!push(*(uint32_t *)arg))
		atom_pause();
}

static void consume(void *arg)
{
	uint32_t value = 0;

	while (!pop(&value))
		atom_pause();
	*(uint32_t *)arg += value;
}

/* Counts begin two before their wrap. */
static void start(void)
{
	uint32_t first = UINT32_MAX - 1;

	ring.tail = ring.head = first;
	for (uint32_t i = 0; i < CELLS; i++) {
		ring.cell[i].sequence = first + i;
		model_name(&ring.cell[i].sequence, i ? "sequence 1" : "sequence 0");
	}
	sum[0] = sum[1] = 0;
}

static uint32_t one = 1, two = 2;

MODEL(vyukov_two_producers)
{
	start();
	model_thread("producer 1", produce, &one);
	model_thread("producer 2", produce, &two);
	model_thread("consumer", consume, &sum[0]);
	model_run();
	model_assert(sum[0] == 1 || sum[0] == 2);
}

static void produce_three(void *arg)
{
	produce(arg);
	produce(arg);
	produce(arg);
}

static void consume_three(void *arg)
{
	consume(arg);
	consume(arg);
	consume(arg);
}

/* Three through two cells, so that a cell is used again. */
MODEL(vyukov_goes_round)
{
	start();
	model_thread("producer", produce_three, &one);
	model_thread("consumer", consume_three, &sum[0]);
	model_run();
	model_assert(sum[0] == 3);
}

MODEL(vyukov_two_consumers)
{
	start();
	push(1);
	push(2);
	model_thread("consumer 1", consume, &sum[0]);
	model_thread("consumer 2", consume, &sum[1]);
	model_run();
	model_assert(sum[0] + sum[1] == 3 && sum[0] && sum[1]);
}

MODEL_FAILS(vyukov_killed_producer, MODEL_LIVELOCK)
{
	start();
	model_mortal(model_thread("producer 1", produce, &one));
	model_thread("producer 2", produce, &two);
	model_thread("consumer", consume, &sum[0]);
	model_run();
}
