/* SPDX-License-Identifier: MIT
 *
 * peer_weft_pipe.c -- weft's pipes: in shared memory, and over sockets.
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <weft/pipe.h>

#include "measure_queue.h"

/* A pipe goes both ways: what is channel 0 from the first end is channel 1 from the second. */
static weft_pipe *end[2];

static void open_shared(size_t size, size_t room)
{
	struct weft_pipe_opts o = {.size = sizeof o, .capacity = (uint32_t)room, .message_size = size};

	measure_must(weft_pipe_new(&end[0], &end[1], &o), "weft_pipe_new");
}

struct place {
	const char *address;
	struct weft_listen_opts opts;
};

static void *connect_main(void *arg)
{
	const struct place *p = arg;

	measure_must(weft_pipe_connect(&end[1], p->address, &p->opts, weft_after(WEFT_SECONDS(10))),
		     "connect");
	return NULL;
}

static void open_at(const char *address, size_t size)
{
	struct place place = {.opts = {.size = sizeof place.opts,
				       .secret = "benchmark",
				       .secret_size = 9,
				       .message_size = size}};
	weft_listener *l;
	pthread_t thread;

	measure_must(weft_listen(&l, address, &place.opts), "weft_listen");
	place.address = weft_listener_address(l);
	measure_must(-pthread_create(&thread, NULL, connect_main, &place), "thread");
	measure_must(weft_listener_accept(l, &end[0], weft_after(WEFT_SECONDS(10))), "accept");
	pthread_join(thread, NULL);
	weft_listener_close(l);
}

static void open_unix(size_t size, size_t room)
{
	char address[64];

	(void)room;
	snprintf(address, sizeof address, "unix:@weft benchmark %d", (int)getpid());
	open_at(address, size);
}

static void open_tcp(size_t size, size_t room)
{
	(void)room;
	open_at("tcp:127.0.0.1:0", size);
}

static void put(int channel, char *message, size_t size, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		measure_stamp(message, i);
		measure_must(weft_pipe_send(end[channel], message, size, WEFT_FOREVER), "weft_pipe_send");
	}
}

static void take(int channel, char *message, size_t size, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		ssize_t got = weft_pipe_recv(end[!channel], message, size, WEFT_FOREVER);
		measure_must(got == (ssize_t)size ? 0 : (int)got, "weft_pipe_recv");
		measure_stamped(message, &sum);
	}
	measure_sum(sum);
}

static const struct queue_peer in_shared = {.open = open_shared, .put = put, .take = take, .single = true};
static const struct queue_peer over_unix = {.open = open_unix, .put = put, .take = take, .single = true};
static const struct queue_peer over_tcp = {.open = open_tcp, .put = put, .take = take, .single = true};

static const struct peer shared = {.name = "weft-pipe", .queue = &in_shared};
static const struct peer near = {.name = "weft-unix", .queue = &over_unix};
static const struct peer far = {.name = "weft-tcp", .queue = &over_tcp};

const struct peer *const measure_peers[] = {&shared, &near, &far, NULL};
