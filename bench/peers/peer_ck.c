/* SPDX-License-Identifier: MIT
 *
 * peer_ck.c -- the ring of Concurrency Kit between processes, for many producers and consumers, and for one of each.
 * It does not wait: so it is asked again and again.
 */
#include <ck_ring.h>
#include <sched.h>
#include <string.h>

#include "measure_queue.h"

enum { SIZE = 64, TURNS = 1000 };

struct message {
	char bytes[SIZE];
};

CK_RING_PROTOTYPE(message, message)

static struct channel {
	ck_ring_t ring;
	struct message buffer[];
} * channel[QUEUE_CHANNELS];

static void open_rings(size_t size, size_t room)
{
	(void)size;
	for (int i = 0; i < QUEUE_CHANNELS; i++) {
		channel[i] = measure_shared(sizeof *channel[i] + room * sizeof channel[i]->buffer[0]);
		ck_ring_init(&channel[i]->ring, (unsigned)room);
	}
}

/* Where there are more that ask than CPUs, the others have to have a turn. */
static void again(unsigned *turns)
{
	ck_pr_stall();
	if (++*turns % TURNS == 0)
		sched_yield();
}

#define LOOPS(kind)                                                                                          \
	static void put_##kind(int to, char *message, size_t size, size_t n)                                 \
	{                                                                                                    \
		struct channel *c = channel[to];                                                             \
		unsigned turns = 0;                                                                          \
		(void)size;                                                                                  \
		for (size_t i = 0; i < n; i++) {                                                             \
			measure_stamp(message, i);                                                           \
			while (!ck_ring_enqueue_##kind##_message(&c->ring, c->buffer,                        \
								 (struct message *)(void *)message))         \
				again(&turns);                                                               \
		}                                                                                            \
	}                                                                                                    \
	static void take_##kind(int from, char *message, size_t size, size_t n)                              \
	{                                                                                                    \
		struct channel *c = channel[from];                                                           \
		unsigned turns = 0;                                                                          \
		size_t sum = 0;                                                                              \
		(void)size;                                                                                  \
		for (size_t i = 0; i < n; i++) {                                                             \
			while (!ck_ring_dequeue_##kind##_message(&c->ring, c->buffer,                        \
								 (struct message *)(void *)message))         \
				again(&turns);                                                               \
			measure_stamped(message, &sum);                                                      \
		}                                                                                            \
		measure_sum(sum);                                                                            \
	}

LOOPS(mpmc)
LOOPS(spsc)

static const struct queue_peer mpmc = {
	.open = open_rings, .put = put_mpmc, .take = take_mpmc, .spins = true, .size = SIZE};
static const struct queue_peer spsc = {
	.open = open_rings, .put = put_spsc, .take = take_spsc, .spins = true, .size = SIZE, .single = true};

static const struct peer ck = {.name = "ck_ring", .queue = &mpmc},
			 ck_single = {.name = "ck_ring-spsc", .queue = &spsc};

const struct peer *const measure_peers[] = {&ck, &ck_single, NULL};
