/* SPDX-License-Identifier: MIT
 *
 * peer_boost_queue.cc -- Boost.Interprocess: message_queue, a heap of messages under a mutex and two conditions.
 */
#include <boost/interprocess/ipc/message_queue.hpp>
#include <cstdio>
#include <unistd.h>

#include "measure_queue.h"

using boost::interprocess::message_queue;

static message_queue *queue[QUEUE_CHANNELS];

static void open_queues(size_t size, size_t room)
{
	for (int i = 0; i < QUEUE_CHANNELS; i++) {
		char name[64];
		snprintf(name, sizeof name, "weft-bench-%d-%d", (int)getpid(), i);
		queue[i] = new message_queue(boost::interprocess::create_only, name, room, size);
		message_queue::remove(name); /* it stays mapped, in the forks too */
	}
}

static void put(int channel, char *message, size_t size, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		measure_stamp(message, i);
		queue[channel]->send(message, size, 0);
	}
}

static void take(int channel, char *message, size_t size, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		message_queue::size_type got;
		unsigned priority;
		queue[channel]->receive(message, size, got, priority);
		measure_stamped(message, &sum);
	}
	measure_sum(sum);
}

static const struct queue_peer queue_peer = {.open = open_queues, .put = put, .take = take};

static const struct peer boost_queue = {.name = "Boost.Interprocess", .queue = &queue_peer};

const struct peer *const measure_peers[] = {&boost_queue, nullptr};
