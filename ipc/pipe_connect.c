/* SPDX-License-Identifier: MIT
 *
 * pipe_connect.c -- from an address to an end: a connected socket, a handshake that has come to its end.
 */
#include "io_request.h"
#include "pipe_parts.h"
#include "spec.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <string.h>
#include <weft/io.h>
#include <weft/socket.h>

#define PENDING_DEFAULT      64
#define MESSAGE_SIZE_DEFAULT ((size_t)1 << 20)
#define PATIENCE_DEFAULT     WEFT_SECONDS(5)

int weft__listen_opts(const struct weft_listen_opts *opts, struct weft_listen_opts *ret)
{
	int err = weft__opts_copy(ret, sizeof *ret, opts);

	if (err)
		return err;
	if (!ret->secret != !ret->secret_size)
		return -EINVAL;
	if (ret->pending > WEFT_PENDING_MAX || ret->secret_size > WEFT_SECRET_SIZE_MAX ||
	    ret->message_size > WEFT_MESSAGE_SIZE_MAX || ret->patience < 0)
		return -ERANGE;
	if (!ret->pending)
		ret->pending = PENDING_DEFAULT;
	if (!ret->message_size)
		ret->message_size = MESSAGE_SIZE_DEFAULT;
	if (!ret->patience)
		ret->patience = PATIENCE_DEFAULT;
	return 0;
}

void weft__tcp_prepare(int fd)
{
	const int on = 1;

	/* A message is not to wait for the next one; and a machine that is gone is to be noticed one day. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static int open_socket(int family, const void *where, socklen_t size, weft_time deadline)
{
	int fd = weft_socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct weft__io io = {.op = WEFT__IO_CONNECT, .fd = fd, .size = size};
	int err;

	if (fd < 0)
		return fd;
	io.out = where;
	err = (int)weft__io_do(&io, deadline);
	if (!err)
		return fd;
	weft_close(fd);
	return err;
}

static int open_tcp(const struct weft__address *a, weft_time deadline)
{
	struct addrinfo *all;
	int fd, err = weft__address_resolve(a, false, &all);

	if (err)
		return err;
	fd = -ENOENT;
	for (struct addrinfo *i = all; i && fd < 0 && fd != -ETIMEDOUT && fd != -ECANCELED; i = i->ai_next)
		fd = open_socket(i->ai_family, i->ai_addr, i->ai_addrlen, deadline);
	freeaddrinfo(all);
	if (fd >= 0)
		weft__tcp_prepare(fd);
	return fd;
}

static int greet(struct weft__handshake *h, int fd, weft_time deadline)
{
	short events;
	int err = 0;

	while (!err) {
		err = weft__handshake_step(h, fd, &events);
		if (err != -EAGAIN)
			return err;
		err = weft__await_fd(fd, events, deadline);
	}
	return err;
}

static int connect_to(weft_pipe **ret, const struct weft__address *a, const struct weft_listen_opts *o,
		      struct weft__handshake *h, weft_time deadline)
{
	int fd, err;

	fd = a->is_unix ? open_socket(AF_UNIX, &a->un, a->un_size, deadline) : open_tcp(a, deadline);
	if (fd < 0)
		return fd;
	err = a->is_unix && !o->secret && !weft__unix_is_ours(fd) ? -EACCES : 0;
	if (!err)
		err = greet(h, fd, deadline);
	if (!err)
		err = weft__socket_pipe_new(ret, fd, a->is_unix, o->message_size, h->message_size_out);
	if (err)
		weft_close(fd);
	return err;
}

int weft_pipe_connect(weft_pipe **ret, const char *address, const struct weft_listen_opts *opts,
		      weft_time deadline)
{
	struct weft_listen_opts o;
	struct weft__address a;
	struct weft__handshake h;
	uint8_t key[SECRET_KEY_SIZE];
	int err = ret && address ? weft__listen_opts(opts, &o) : -EINVAL;

	if (!err)
		err = weft__address_parse(address, &a);
	if (!err && !a.is_unix && !strcmp(a.port, "0"))
		err = -EINVAL;
	if (!err && o.secret)
		err = weft__secret_key(o.secret, o.secret_size, key);
	if (err)
		return err;
	weft__handshake_begin(&h, false, o.secret ? key : NULL, o.message_size);
	err = connect_to(ret, &a, &o, &h, deadline);
	explicit_bzero(key, sizeof key);
	explicit_bzero(&h, sizeof h);
	return err;
}
