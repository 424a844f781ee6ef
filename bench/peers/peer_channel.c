/* SPDX-License-Identifier: MIT
 *
 * peer_channel.c -- what the machine has between processes: a pipe, and the barest ring with a futex. The ring knows
 * one producer and one consumer, and who is killed in it takes the other along: it is what the hardware and the
 * kernel allow.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "measure_queue.h"

/* ---- A pipe ----------------------------------------------------------------------------------------- */

static int pipes[QUEUE_CHANNELS][2];

static void open_pipes(size_t size, size_t room)
{
	for (int i = 0; i < QUEUE_CHANNELS; i++) {
		measure_must(pipe(pipes[i]) ? -errno : 0, "pipe");
		if (size * room > 65536) /* as large as anybody may */
			fcntl(pipes[i][1], F_SETPIPE_SZ, 1 << 20);
	}
}

static void pipe_put(int channel, char *message, size_t size, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		measure_stamp(message, i);
		for (size_t at = 0; at < size;) {
			ssize_t got = write(pipes[channel][1], message + at, size - at);
			measure_must(got > 0 ? 0 : -errno, "write");
			at += (size_t)got;
		}
	}
}

static void pipe_take(int channel, char *message, size_t size, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t at = 0; at < size;) {
			ssize_t got = read(pipes[channel][0], message + at, size - at);
			measure_must(got > 0 ? 0 : -errno, "read");
			at += (size_t)got;
		}
		measure_stamped(message, &sum);
	}
	measure_sum(sum);
}

/* ---- A ring and a futex ----------------------------------------------------------------------------- */

struct end {
	_Alignas(128) uint32_t count; /* messages that have gone through */
	uint32_t asleep;              /* the other side sleeps on this word */
};

static struct ring {
	struct end put, take;
	size_t size;
	uint32_t room;
	char data[];
} * ring[QUEUE_CHANNELS];

static void open_rings(size_t size, size_t room)
{
	for (int i = 0; i < QUEUE_CHANNELS; i++) {
		ring[i] = measure_shared(sizeof *ring[i] + size * room);
		ring[i]->size = size;
		ring[i]->room = (uint32_t)room;
	}
}

/* Until count is not that any more. */
static void ring_wait(struct end *e, uint32_t count)
{
	while (__atomic_load_n(&e->count, __ATOMIC_ACQUIRE) == count) {
		__atomic_store_n(&e->asleep, 1, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&e->count, __ATOMIC_SEQ_CST) == count)
			syscall(SYS_futex, &e->asleep, FUTEX_WAIT, 1, NULL, NULL, 0);
	}
}

static void ring_step(struct end *e)
{
	__atomic_store_n(&e->count, e->count + 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&e->asleep, __ATOMIC_SEQ_CST)) {
		__atomic_store_n(&e->asleep, 0, __ATOMIC_RELAXED);
		syscall(SYS_futex, &e->asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
}

static void ring_put(int channel, char *message, size_t size, size_t n)
{
	struct ring *r = ring[channel];

	for (size_t i = 0; i < n; i++) {
		uint32_t at = r->put.count;
		measure_stamp(message, i);
		ring_wait(&r->take, at - r->room);
		memcpy(r->data + at % r->room * size, message, size);
		ring_step(&r->put);
	}
}

static void ring_take(int channel, char *message, size_t size, size_t n)
{
	struct ring *r = ring[channel];
	size_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t at = r->take.count;
		ring_wait(&r->put, at);
		memcpy(message, r->data + at % r->room * size, size);
		ring_step(&r->take);
		measure_stamped(message, &sum);
	}
	measure_sum(sum);
}

static const struct queue_peer pipe_peer = {.open = open_pipes, .put = pipe_put, .take = pipe_take},
			       ring_peer = {.open = open_rings,
					    .put = ring_put,
					    .take = ring_take,
					    .single = true};

static const struct peer of_pipe = {.name = "pipe", .queue = &pipe_peer},
			 of_ring = {.name = "futex-ring", .queue = &ring_peer};

const struct peer *const measure_peers[] = {&of_ring, &of_pipe, NULL};
