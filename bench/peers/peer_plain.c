/* SPDX-License-Identifier: MIT
 *
 * peer_plain.c -- the system calls themselves.
 *
 *   pread   reads in threads, one at a time each
 *   epoll   a server by hand: sockets that do not block, one thread
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure_io.h"

/* ---- pread ------------------------------------------------------------------------------------------ */

static void *read_some(void *reads)
{
	struct io_reads *r = reads;
	uint64_t block;

	while (io_next(r, &block))
		io_check(r, r->buffers, block,
			 pread(r->fd, r->buffers, io_size(r), (off_t)(block * IO_BLOCK)));
	return NULL;
}

/* A thread for each that is to be in flight. */
static void reads(struct io_reads *r)
{
	struct io_reads *part = measure_memory(r->depth, sizeof *part);
	pthread_t *thread = measure_memory(r->depth, sizeof *thread);

	for (unsigned i = 0; i < r->depth; i++) {
		part[i] = *r;
		part[i].left = r->left / (r->depth - i);
		part[i].seed += i * 0x9e3779b97f4a7c15u;
		part[i].buffers = io_buffer(r, i);
		r->left -= part[i].left;
		measure_must(pthread_create(&thread[i], NULL, read_some, &part[i]), "pthread_create");
	}
	for (unsigned i = 0; i < r->depth; i++)
		pthread_join(thread[i], NULL);
	free(part);
	free(thread);
}

/* ---- epoll ------------------------------------------------------------------------------------------ */

enum { EVENTS = 1024, BUFFER = 1024 };

static int epoll;

static void watch(int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data = {.fd = fd}};

	measure_must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0, "epoll_ctl");
}

/* What does not go at once would wait for EPOLLOUT. Here the other end takes all before it sends more. */
static void answer(int fd)
{
	char buffer[BUFFER];
	ssize_t n = recv(fd, buffer, sizeof buffer, 0);

	if (n > 0)
		measure_must(send(fd, buffer, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -EPIPE, "send");
	else if (n == 0 || errno != EAGAIN)
		close(fd);
}

static void echo(int listener)
{
	static struct epoll_event event[EVENTS];

	epoll = epoll_create1(EPOLL_CLOEXEC);
	watch(listener);
	for (;;) {
		int n = epoll_wait(epoll, event, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (event[i].data.fd == listener)
				watch(accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
			else
				answer(event[i].data.fd);
		}
	}
}

static const struct io_peer pread_io = {.reads = reads}, epoll_io = {.echo = echo};
static const struct peer pread_peer = {.name = "pread", .io = &pread_io};
static const struct peer epoll_peer = {.name = "epoll", .io = &epoll_io};
const struct peer *const measure_peers[] = {&pread_peer, &epoll_peer, NULL};
