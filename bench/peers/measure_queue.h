/* SPDX-License-Identifier: MIT
 *
 * measure_queue.h -- workloads of queues between processes: what a peer fills in. As in measure.h the loop that is
 * measured lies in the peer's own file.
 */
#ifndef MEASURE_QUEUE_H
#define MEASURE_QUEUE_H

#include "measure.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { QUEUE_CHANNELS = 2 }; /* 0: from the producers to the consumers; 1: the other way, for round trips */

struct queue_peer {
	/* Makes the channels, with room for about so many messages of that size each, before the processes that use
	 * them are forked off. */
	void (*open)(size_t size, size_t room);
	/* In each of those: it will only put into the one (-1: none) and take from the other. May be NULL. */
	void (*enter)(int puts, int takes);
	/* n messages, one after the other. A message begins with its number, as measure_stamp() writes it. */
	void (*put)(int channel, char *message, size_t size, size_t n);
	/* The same, of which measure_stamped() is told. */
	void (*take)(int channel, char *message, size_t size, size_t n);
	bool spins;  /* it cannot sleep */
	bool single; /* one producer and one consumer only */
	size_t size; /* of messages; 0: any */
};

/* Each message is filled and looked at by so much: as little as possible. */
static inline void measure_stamp(char *message, size_t number)
{
	__builtin_memcpy(message, &number, sizeof number);
}

/* Adds up what was stamped. */
static inline void measure_stamped(const char *message, size_t *sum)
{
	size_t number;

	__builtin_memcpy(&number, message, sizeof number);
	*sum += number;
}

/* What a take of n has to add up to is known to the workload: it is told. */
void measure_sum(size_t sum);

/* Memory that forks share. */
void *measure_shared(size_t size);

#ifdef __cplusplus
}
#endif
#endif
