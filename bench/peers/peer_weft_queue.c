/* SPDX-License-Identifier: MIT
 *
 * peer_weft_queue.c -- weft's queue.
 */
#include <weft/queue.h>

#include "measure_queue.h"

static weft_queue *queue[QUEUE_CHANNELS];

static void open_queues(size_t size, size_t room)
{
	struct weft_queue_opts o = {
		.size = sizeof o, .capacity = (uint32_t)room, .message_size = size, .memory = size * room};

	for (int i = 0; i < QUEUE_CHANNELS; i++)
		measure_must(weft_queue_new(&queue[i], &o), "weft_queue_new");
}

static void put(int channel, char *message, size_t size, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		measure_stamp(message, i);
		measure_must(weft_queue_put(queue[channel], message, size, WEFT_FOREVER), "weft_queue_put");
	}
}

static void take(int channel, char *message, size_t size, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		ssize_t got = weft_queue_get(queue[channel], message, size, WEFT_FOREVER);
		measure_must(got == (ssize_t)size ? 0 : (int)got, "weft_queue_get");
		measure_stamped(message, &sum);
	}
	measure_sum(sum);
}

static const struct queue_peer weft_queue_peer = {.open = open_queues, .put = put, .take = take};

static const struct peer weft = {.name = "weft-queue", .queue = &weft_queue_peer};

const struct peer *const measure_peers[] = {&weft, NULL};
