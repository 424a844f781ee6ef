/* SPDX-License-Identifier: MIT
 *
 * fetch_server.h -- something to fetch from: a server on 127.0.0.1, in a thread of this program, that answers every
 * request after a set time. One thread and an epoll do for thousands of connections, since all it does is wait. A
 * connection is kept for the next request, unless one side says otherwise.
 *
 *   /chunked...  an answer in chunks     /close...  one that ends with the connection     /none...  a 404
 *   /cut...      half an answer          /slow...   one that never comes                  else     8,192 bytes
 *   /last...     likewise, and then the connection is closed, without a word of it
 */
#ifndef EXAMPLES_FETCH_SERVER_H
#define EXAMPLES_FETCH_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <weft/base.h>

enum { SERVER_BODY = 8192, SERVER_REQUEST_MAX = 2048 };

/* A connection: reads its request, then waits in line for its answer to be due. */
struct server_guest {
	struct server_guest *prev, *next;
	int fd;
	bool waits, woken; /* for its answer to be due; and epoll has told of it meanwhile */
	weft_time due;     /* of the answer; until the request is there, of our patience to end */
	size_t used;
	char request[SERVER_REQUEST_MAX];
};

/* The earliest first: in one line all wait equally long. */
struct server_line {
	struct server_guest *first, *last;
};

struct server {
	int listener, epoll, stop[2];
	unsigned port;
	weft_time latency, patience;
	struct server_line reading, waiting, stuck; /* who is stuck, waits for ever */
	pthread_t thread;
};

static void server_enter(struct server_line *line, struct server_guest *g)
{
	g->next = NULL;
	g->prev = line->last;
	*(g->prev ? &g->prev->next : &line->first) = g;
	line->last = g;
}

static void server_leave(struct server_line *line, struct server_guest *g)
{
	*(g->prev ? &g->prev->next : &line->first) = g->next;
	*(g->next ? &g->next->prev : &line->last) = g->prev;
}

static void server_part(struct server_line *line, struct server_guest *g)
{
	server_leave(line, g);
	close(g->fd);
	free(g);
}

/* True: all of it is sent. It fits into the socket's buffer, so it does not block; if not, so be it. */
static bool server_send(int fd, const char *head, size_t body)
{
	static char zeros[SERVER_BODY];
	struct iovec part[] = {{(void *)(uintptr_t)head, strlen(head)}, {zeros, body}};
	struct msghdr m = {.msg_iov = part, .msg_iovlen = 2};

	return sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)(part[0].iov_len + body);
}

/* True: another may follow. */
static bool server_answer(const struct server_guest *g)
{
	const char *path = g->request + 4;
	bool keeps = strstr(g->request, " HTTP/1.1\r\n") && !strstr(g->request, "\r\nConnection: close");
	char head[128];

	if (!strncmp(path, "/chunked", 8))
		return server_send(g->fd,
				   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1",
				   0) &&
		       server_send(g->fd, "0\r\n0123456789abcdef\r\n0\r\nTrailer: x\r\n\r\n", 0) && keeps;
	if (!strncmp(path, "/close", 6)) {
		server_send(g->fd, "HTTP/1.0 200 OK\n\n", 100);
		return false;
	}
	if (!strncmp(path, "/none", 5))
		return server_send(g->fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0) && keeps;
	snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n", SERVER_BODY,
		 keeps ? "" : "Connection: close\r\n");
	if (strncmp(path, "/cut", 4) != 0)
		return server_send(g->fd, head, SERVER_BODY) && keeps && strncmp(path, "/last", 5) != 0;
	server_send(g->fd, head, SERVER_BODY / 2);
	return false;
}

/* Its request is there: into the line. */
static void server_queue(struct server *s, struct server_guest *g)
{
	g->waits = true;
	g->due = weft_after(s->latency);
	server_leave(&s->reading, g);
	server_enter(strncmp(g->request, "GET /slow", 9) ? &s->waiting : &s->stuck, g);
}

/* epoll tells of each arrival once. */
static void server_read(struct server *s, struct server_guest *g)
{
	ssize_t n;

	g->woken = g->waits;
	if (g->waits)
		return;
	n = recv(g->fd, g->request + g->used, sizeof g->request - 1 - g->used, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		server_part(&s->reading, g);
		return;
	}
	g->used += (size_t)n;
	g->request[g->used] = '\0';
	if (strstr(g->request, "\r\n\r\n"))
		server_queue(s, g);
}

/* Its answer is due. */
static void server_serve(struct server *s, struct server_guest *g)
{
	if (!server_answer(g)) {
		server_part(&s->waiting, g);
		return;
	}
	server_leave(&s->waiting, g);
	g->waits = false;
	g->used = 0;
	g->due = weft_after(s->patience);
	server_enter(&s->reading, g);
	if (g->woken)
		server_read(s, g);
}

static void server_welcome(struct server *s)
{
	int fd;

	while ((fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct server_guest *g = calloc(1, sizeof *g);
		struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.ptr = g};
		if (!g || epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e)) {
			free(g);
			close(fd);
			continue;
		}
		g->fd = fd;
		g->due = weft_after(s->patience);
		server_enter(&s->reading, g);
	}
}

/* Milliseconds until something is due; -1: nothing is. */
static int server_rest(const struct server *s)
{
	weft_time next = s->waiting.first ? s->waiting.first->due : WEFT_FOREVER, left;

	if (s->reading.first && s->reading.first->due < next)
		next = s->reading.first->due;
	if (next == WEFT_FOREVER)
		return -1;
	left = next - weft_now();
	return left > 0 ? (int)((left + WEFT_MS(1) - 1) / WEFT_MS(1)) : 0;
}

static void *server_main(void *server)
{
	struct server *s = server;
	struct epoll_event e[64];

	for (;;) {
		int n = epoll_wait(s->epoll, e, 64, server_rest(s));
		for (int i = 0; i < n; i++) {
			if (e[i].data.ptr == &s->stop)
				return NULL;
			if (e[i].data.ptr == s)
				server_welcome(s);
			else
				server_read(s, e[i].data.ptr);
		}
		while (s->waiting.first && s->waiting.first->due <= weft_now())
			server_serve(s, s->waiting.first);
		while (s->reading.first && s->reading.first->due <= weft_now())
			server_part(&s->reading, s->reading.first);
	}
}

/* patience: for a request to come. 0, or a negative errno. */
static int server_start(struct server *s, weft_time latency, weft_time patience)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event guests = {.events = EPOLLIN, .data.ptr = s},
			   end = {.events = EPOLLIN, .data.ptr = &s->stop};
	socklen_t size = sizeof a;

	*s = (struct server){.latency = latency, .patience = patience};
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->listener < 0 || s->epoll < 0 || pipe(s->stop) ||
	    bind(s->listener, (struct sockaddr *)&a, size) || listen(s->listener, 4096) ||
	    getsockname(s->listener, (struct sockaddr *)&a, &size) ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &guests) ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->stop[0], &end))
		return -errno;
	s->port = ntohs(a.sin_port);
	return -pthread_create(&s->thread, NULL, server_main, s);
}

static void server_end(struct server *s)
{
	struct server_line *lines[] = {&s->reading, &s->waiting, &s->stuck};

	close(s->stop[1]);
	pthread_join(s->thread, NULL);
	for (int i = 0; i < 3; i++)
		while (lines[i]->first)
			server_part(lines[i], lines[i]->first);
	close(s->listener);
	close(s->epoll);
	close(s->stop[0]);
}

#endif
