/* SPDX-License-Identifier: MIT
 *
 * fetch_server.h -- something to fetch from: a server on 127.0.0.1, in a thread of this program, that answers every
 * request after a set time. One thread and an epoll do for thousands of connections, since all it does is wait.
 *
 *   /chunked...  an answer in chunks     /close...  one that ends with the connection     /none...  a 404
 *   /cut...      half an answer          /slow...   one that never comes                  else     8,192 bytes
 */
#ifndef EXAMPLES_FETCH_SERVER_H
#define EXAMPLES_FETCH_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weft/base.h>

enum { SERVER_BODY = 8192, SERVER_REQUEST_MAX = 2048 };

/* A connection: reads its request, then waits in line for its answer to be due. */
struct server_guest {
	struct server_guest *next;
	int fd;
	weft_time due;
	size_t used;
	char request[SERVER_REQUEST_MAX];
};

struct server {
	int listener, epoll, stop[2];
	unsigned port;
	weft_time latency;
	struct server_guest *first, *last; /* who waits, the earliest first: all wait equally long */
	struct server_guest *stuck;        /* who waits for ever */
	pthread_t thread;
};

static void server_part(struct server_guest *g)
{
	close(g->fd);
	free(g);
}

static void server_send(int fd, const char *head, size_t body)
{
	static const char zeros[SERVER_BODY];

	/* It all fits into the socket's buffer, so it does not block; if not, so be it. */
	if (send(fd, head, strlen(head), MSG_NOSIGNAL | MSG_DONTWAIT) > 0 && body)
		send(fd, zeros, body, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void server_answer(struct server_guest *g)
{
	const char *path = g->request + 4;
	char head[128];

	if (!strncmp(path, "/chunked", 8)) {
		server_send(g->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1",
			    0);
		server_send(g->fd, "0\r\n0123456789abcdef\r\n0\r\nTrailer: x\r\n\r\n", 0);
	} else if (!strncmp(path, "/close", 6)) {
		server_send(g->fd, "HTTP/1.0 200 OK\n\n", 100);
	} else if (!strncmp(path, "/none", 5)) {
		server_send(g->fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0);
	} else {
		snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", SERVER_BODY);
		server_send(g->fd, head, strncmp(path, "/cut", 4) ? SERVER_BODY : SERVER_BODY / 2);
	}
	server_part(g);
}

/* Its request is there: into the line. */
static void server_queue(struct server *s, struct server_guest *g)
{
	struct server_guest **line = strncmp(g->request, "GET /slow", 9) ? &s->first : &s->stuck;

	epoll_ctl(s->epoll, EPOLL_CTL_DEL, g->fd, NULL);
	g->due = weft_after(s->latency);
	g->next = line == &s->stuck ? s->stuck : NULL;
	if (line == &s->stuck || !s->first)
		*line = g;
	else
		s->last->next = g;
	if (line == &s->first)
		s->last = g;
}

static void server_read(struct server *s, struct server_guest *g)
{
	ssize_t n = recv(g->fd, g->request + g->used, sizeof g->request - 1 - g->used, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		server_part(g);
		return;
	}
	g->used += (size_t)n;
	g->request[g->used] = '\0';
	if (strstr(g->request, "\r\n\r\n"))
		server_queue(s, g);
}

static void server_welcome(struct server *s)
{
	int fd;

	while ((fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct server_guest *g = calloc(1, sizeof *g);
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = g};
		if (!g || epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e)) {
			free(g);
			close(fd);
			continue;
		}
		g->fd = fd;
	}
}

static void *server_main(void *server)
{
	struct server *s = server;
	struct epoll_event e[64];
	int timeout, n;

	for (;;) {
		weft_time left = s->first ? s->first->due - weft_now() : 0;
		timeout = !s->first ? -1 : left > 0 ? (int)((left + 999999) / 1000000) : 0;
		n = epoll_wait(s->epoll, e, 64, timeout);
		for (int i = 0; i < n; i++) {
			if (e[i].data.ptr == &s->stop)
				return NULL;
			if (e[i].data.ptr == s)
				server_welcome(s);
			else
				server_read(s, e[i].data.ptr);
		}
		while (s->first && s->first->due <= weft_now()) {
			struct server_guest *g = s->first;
			s->first = g->next;
			server_answer(g);
		}
	}
}

/* 0, or a negative errno. */
static int server_start(struct server *s, weft_time latency)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event guests = {.events = EPOLLIN, .data.ptr = s},
			   end = {.events = EPOLLIN, .data.ptr = &s->stop};
	socklen_t size = sizeof a;

	*s = (struct server){.latency = latency};
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
	close(s->stop[1]);
	pthread_join(s->thread, NULL);
	for (struct server_guest *g = s->stuck, *next; g; g = next) {
		next = g->next;
		server_part(g);
	}
	for (struct server_guest *g = s->first, *next; g; g = next) {
		next = g->next;
		server_part(g);
	}
	close(s->listener);
	close(s->epoll);
	close(s->stop[0]);
}

#endif
