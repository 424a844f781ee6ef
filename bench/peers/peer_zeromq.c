/* SPDX-License-Identifier: MIT
 *
 * peer_zeromq.c -- ZeroMQ: PUSH and PULL over ipc. One socket has one process, so each consumer binds a place of its
 * own, and the producer connects to it. Several of both need a process in the middle.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "measure_queue.h"

static char folder[] = "/tmp/weft-bench-XXXXXX";
static size_t room;
static void *out, *in;
static unsigned *bound; /* of each channel: places that somebody has */

static void open_sockets(size_t size, size_t n)
{
	(void)size;
	room = n;
	measure_must(mkdtemp(folder) ? 0 : -errno, "mkdtemp");
	bound = measure_shared(QUEUE_CHANNELS * sizeof *bound);
}

static void *socket_of(void *context, int type)
{
	void *s = zmq_socket(context, type);
	int most = (int)room, linger = -1;

	measure_must(s ? 0 : -errno, "zmq_socket");
	zmq_setsockopt(s, ZMQ_SNDHWM, &most, sizeof most);
	zmq_setsockopt(s, ZMQ_RCVHWM, &most, sizeof most);
	zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
	return s;
}

static void enter(int puts, int takes)
{
	void *context = zmq_ctx_new();
	char address[80];

	if (takes >= 0) {
		unsigned place = __atomic_fetch_add(&bound[takes], 1, __ATOMIC_RELAXED);
		in = socket_of(context, ZMQ_PULL);
		snprintf(address, sizeof address, "ipc://%s/%d.%u", folder, takes, place);
		measure_must(zmq_bind(in, address) ? -errno : 0, "zmq_bind");
	}
	if (puts < 0)
		return;
	out = socket_of(context, ZMQ_PUSH);
	usleep(20000); /* all consumers have bound by then */
	for (unsigned i = 0; i < __atomic_load_n(&bound[puts], __ATOMIC_RELAXED); i++) {
		snprintf(address, sizeof address, "ipc://%s/%d.%u", folder, puts, i);
		measure_must(zmq_connect(out, address) ? -errno : 0, "zmq_connect");
	}
	usleep(20000);
}

static void put(int channel, char *message, size_t size, size_t n)
{
	(void)channel;
	for (size_t i = 0; i < n; i++) {
		measure_stamp(message, i);
		measure_must(zmq_send(out, message, size, 0) < 0 ? -errno : 0, "zmq_send");
	}
}

static void take(int channel, char *message, size_t size, size_t n)
{
	size_t sum = 0;

	(void)channel;
	for (size_t i = 0; i < n; i++) {
		measure_must(zmq_recv(in, message, size, 0) < 0 ? -errno : 0, "zmq_recv");
		measure_stamped(message, &sum);
	}
	measure_sum(sum);
}

static const struct queue_peer queue_peer = {
	.open = open_sockets, .enter = enter, .put = put, .take = take, .single = true};

static const struct peer zeromq = {.name = "ZeroMQ", .queue = &queue_peer};

const struct peer *const measure_peers[] = {&zeromq, NULL};
