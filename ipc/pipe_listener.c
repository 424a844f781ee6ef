/* SPDX-License-Identifier: MIT
 *
 * pipe_listener.c -- who connects is greeted: many at a time, none of which can hold up another.
 *
 * A peer has a place in a table from when it has connected until it is accepted or dropped: when it fails, when its
 * time is over, or, the table being full and others waiting, when it is the oldest and has had GRACE. An honest one needs
 * a round trip or two. So a flood of silent ones delays the honest by GRACE for each tableful before them, and what a
 * stranger costs is his place.
 */
#include "clock.h"
#include "forked.h"
#include "io_request.h"
#include "pipe_parts.h"
#include "turn.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <weft/io.h>
#include <weft/socket.h>

#define GRACE WEFT_MS(100)

enum { EVENTS = 64, ADDRESS_SIZE = 320 };

struct peer {
	int fd; /* -1: a free place */
	bool is_through;
	weft_time since, until;
	struct weft__handshake hand;
};

struct weft_listener {
	struct weft__turn turn; /* of the table */
	uint32_t generation;
	int fd, epoll; /* which has fd (as the number n) and the peers (by their place) */
	struct weft__address where;
	struct weft__file file;
	char address[ADDRESS_SIZE];
	bool is_full; /* the epoll does not tell of fd: there would be no place */
	bool has_key;
	uint8_t key[SECRET_KEY_SIZE];
	size_t message_size;
	weft_time patience;
	unsigned n;
	struct peer peer[];
};

/* ---- Listening ---- */

/* The address that it has got, as numbers. */
static int name_tcp(int fd, char ret[ADDRESS_SIZE])
{
	struct sockaddr_storage sa;
	socklen_t size = sizeof sa;
	char host[256], port[8];
	bool is_six;

	if (getsockname(fd, (struct sockaddr *)&sa, &size))
		return -errno;
	if (getnameinfo((struct sockaddr *)&sa, size, host, sizeof host, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV))
		return -EINVAL;
	is_six = sa.ss_family == AF_INET6;
	snprintf(ret, ADDRESS_SIZE, "tcp:%s%s%s:%s", is_six ? "[" : "", host, is_six ? "]" : "", port);
	return 0;
}

static int listen_at(const struct addrinfo *i)
{
	int fd = weft_socket(i->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;
	const int on = 1;

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (!bind(fd, i->ai_addr, i->ai_addrlen) && !listen(fd, WEFT__BACKLOG))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int tcp_listen(const struct weft__address *a, char ret_address[ADDRESS_SIZE])
{
	struct addrinfo *all;
	int fd, err = weft__address_resolve(a, true, &all);

	if (err)
		return err;
	fd = -ENOENT;
	for (struct addrinfo *i = all; i && fd < 0; i = i->ai_next)
		fd = listen_at(i);
	freeaddrinfo(all);
	err = fd < 0 ? fd : name_tcp(fd, ret_address);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

/* Into the epoll, or, with MOD, for what from now on. */
static int watch(weft_listener *l, int op, int fd, unsigned place, short events)
{
	struct epoll_event e = {.events = (unsigned short)events, .data = {.u32 = place}};

	return epoll_ctl(l->epoll, op, fd, &e) ? -errno : 0;
}

static int furnish(weft_listener *l, const char *address)
{
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		return -errno;
	l->fd = l->where.is_unix ? weft__unix_listen(&l->where, &l->file) : tcp_listen(&l->where, l->address);
	if (l->fd < 0)
		return l->fd;
	if (l->where.is_unix)
		snprintf(l->address, sizeof l->address, "%s", address);
	return watch(l, EPOLL_CTL_ADD, l->fd, l->n, POLLIN);
}

static void discard(weft_listener *l)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->peer[i].fd >= 0)
			close(l->peer[i].fd);
	if (l->fd >= 0)
		close(l->fd);
	if (l->epoll >= 0)
		close(l->epoll);
	explicit_bzero(l, sizeof *l + l->n * sizeof *l->peer);
	free(l);
}

int weft_listen(weft_listener **ret, const char *address, const struct weft_listen_opts *opts)
{
	struct weft_listen_opts o;
	struct weft__address a;
	weft_listener *l;
	int err = ret && address ? weft__listen_opts(opts, &o) : -EINVAL;

	if (!err)
		err = weft__address_parse(address, &a);
	if (err)
		return err;
	l = calloc(1, sizeof *l + o.pending * sizeof *l->peer);
	if (!l)
		return -ENOMEM;
	l->fd = l->epoll = -1;
	l->n = o.pending;
	for (unsigned i = 0; i < l->n; i++)
		l->peer[i].fd = -1;
	l->generation = weft__generation();
	l->where = a;
	l->message_size = o.message_size;
	l->patience = o.patience;
	l->has_key = o.secret != NULL;
	err = l->has_key ? weft__secret_key(o.secret, o.secret_size, l->key) : 0;
	if (!err)
		err = furnish(l, address);
	if (!err)
		*ret = l;
	else
		discard(l);
	return err;
}

const char *weft_listener_address(const weft_listener *l)
{
	return l ? l->address : NULL;
}

/* ---- Greeting ---- */

static void drop(weft_listener *l, struct peer *p)
{
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, p->fd, NULL); /* a fork may have it open, too */
	close(p->fd);
	p->fd = -1;
}

/* A free place, or that of the oldest who is being greeted and has had his time, or NULL. */
static struct peer *find_place(weft_listener *l)
{
	struct peer *oldest = NULL;

	for (unsigned i = 0; i < l->n; i++) {
		struct peer *p = &l->peer[i];

		if (p->fd < 0)
			return p;
		if (!p->is_through && (!oldest || p->since < oldest->since))
			oldest = p;
	}
	return oldest && weft_now() - oldest->since >= GRACE ? oldest : NULL;
}

static void greet(weft_listener *l, struct peer *p)
{
	short events;
	int err = weft__handshake_step(&p->hand, p->fd, &events);

	if (!err) {
		p->is_through = true;
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, p->fd, NULL);
	} else if (err != -EAGAIN || watch(l, EPOLL_CTL_MOD, p->fd, (unsigned)(p - l->peer), events)) {
		drop(l, p);
	}
}

static void welcome(weft_listener *l, struct peer *p, int fd)
{
	p->fd = fd;
	p->is_through = false;
	p->since = weft_now();
	p->until = weft_after(l->patience);
	weft__handshake_begin(&p->hand, true, l->has_key ? l->key : NULL, l->message_size);
	if (!l->where.is_unix)
		weft__tcp_prepare(fd);
	if ((l->where.is_unix && !l->has_key && !weft__unix_is_ours(fd)) ||
	    watch(l, EPOLL_CTL_ADD, fd, (unsigned)(p - l->peer), POLLIN))
		drop(l, p);
	else
		greet(l, p);
}

/* Is that about the listener, and not about one who gave up before he was accepted? */
static bool is_want(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS;
}

/* All that have connected and have a place: 0, or what is wanting. */
static int take_in(weft_listener *l)
{
	struct peer *p;

	for (unsigned i = 0; i < l->n && (p = find_place(l)); i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && errno != EAGAIN && !is_want(errno))
			continue;
		if (fd < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (p->fd >= 0)
			drop(l, p);
		welcome(l, p, fd);
	}
	return 0;
}

static int look(weft_listener *l)
{
	struct epoll_event e[EVENTS];
	int n = epoll_wait(l->epoll, e, EVENTS, 0), err = 0;

	for (int i = 0; i < n; i++) {
		if (e[i].data.u32 == l->n)
			err = take_in(l);
		else if (l->peer[e[i].data.u32].fd >= 0)
			greet(l, &l->peer[e[i].data.u32]);
	}
	return err;
}

/* Drops those whose time is over. When is there something to do if nobody says anything? */
static weft_time expire(weft_listener *l)
{
	weft_time now = weft_now(), next = WEFT_FOREVER;
	bool is_full;

	for (unsigned i = 0; i < l->n; i++)
		if (l->peer[i].fd >= 0 && !l->peer[i].is_through && l->peer[i].until <= now)
			drop(l, &l->peer[i]);
	is_full = !find_place(l);
	for (unsigned i = 0; i < l->n; i++) {
		struct peer *p = &l->peer[i];

		if (p->fd >= 0 && !p->is_through)
			next = weft__earlier(next,
					     is_full ? weft__earlier(p->until, p->since + GRACE) : p->until);
	}
	if (is_full != l->is_full && !watch(l, EPOLL_CTL_MOD, l->fd, l->n, is_full ? 0 : POLLIN))
		l->is_full = is_full;
	return next;
}

static struct peer *find_ready(weft_listener *l)
{
	struct peer *first = NULL;

	for (unsigned i = 0; i < l->n; i++)
		if (l->peer[i].is_through && (!first || l->peer[i].since < first->since))
			first = &l->peer[i];
	return first;
}

static int hand_over(weft_listener *l, struct peer *p, weft_pipe **ret)
{
	int err = weft__socket_pipe_new(ret, p->fd, l->where.is_unix, l->message_size,
					p->hand.message_size_out);

	if (err)
		return err;
	p->fd = -1;
	p->is_through = false;
	return 0;
}

static int await_peer(weft_listener *l, weft_pipe **ret, weft_time deadline)
{
	for (;;) {
		struct peer *p = find_ready(l);
		weft_time next;
		int err;

		if (p)
			return hand_over(l, p, ret);
		expire(l); /* which may make room for what look finds */
		err = look(l);
		if (find_ready(l))
			continue;
		if (err)
			return err;
		next = expire(l);
		err = weft__await_fd(l->epoll, POLLIN, weft__earlier(deadline, next));
		if (err && !(err == -ETIMEDOUT && next < deadline && weft_now() >= next))
			return err;
	}
}

int weft_listener_accept(weft_listener *l, weft_pipe **ret, weft_time deadline)
{
	int err;

	if (!l || !ret)
		return -EINVAL;
	if (weft__forked(l->generation))
		return -ECHILD;
	err = weft__io_given_up(WEFT_FOREVER);
	if (!err)
		err = weft__turn_take(&l->turn, deadline);
	if (err)
		return err;
	err = await_peer(l, ret, deadline);
	weft__turn_give(&l->turn);
	return err;
}

int weft_listener_close(weft_listener *l)
{
	if (!l)
		return 0;
	if (!weft__forked(l->generation))
		weft__unix_remove(&l->where, &l->file);
	discard(l);
	return 0;
}
