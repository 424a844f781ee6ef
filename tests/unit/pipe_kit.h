/* SPDX-License-Identifier: MIT
 *
 * pipe_kit.h -- pairs of ends, and other sides that say what they like.
 */
#ifndef TESTS_PIPE_KIT_H
#define TESTS_PIPE_KIT_H

#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weft/weft.h>

#include "pipe_parts.h"

/* "unix:<directory of the test>/socket". */
static inline const char *kit_unix(void)
{
	static char address[128];

	if (!*address) /* threads read it */
		snprintf(address, sizeof address, "unix:%s/socket", test_dir());
	return address;
}

enum { KIB = 1024, MIB = 1024 * 1024, KIT_ECHO_MAX = 16 * MIB };

#define KIT_TCP "tcp:127.0.0.1:0"

static inline const char *kit_address(bool tcp)
{
	return tcp ? KIT_TCP : kit_unix();
}

struct kit_connect {
	const char *address;
	const struct weft_listen_opts *opts;
	weft_pipe *pipe;
	int err;
	pthread_t thread;
};

static inline void *kit_connect_main(void *arg)
{
	struct kit_connect *c = arg;

	c->err = weft_pipe_connect(&c->pipe, c->address, c->opts, test_soon());
	return NULL;
}

/* Somebody connects meanwhile. */
static inline void kit_connect_begin(struct kit_connect *c, const char *address,
				     const struct weft_listen_opts *opts)
{
	*c = (struct kit_connect){.address = address, .opts = opts};
	if (pthread_create(&c->thread, NULL, kit_connect_main, c))
		abort();
}

static inline int kit_connect_end(struct kit_connect *c)
{
	pthread_join(c->thread, NULL);
	return c->err;
}

static inline weft_listener *kit_listen(const char *address, const struct weft_listen_opts *opts)
{
	weft_listener *l = NULL;

	REQUIRE_EQ(weft_listen(&l, address, opts), 0);
	return l;
}

/* ret[0] is the listener's side. */
static inline void kit_pair(const char *address, const struct weft_listen_opts *opts, weft_pipe *ret[2])
{
	weft_listener *l = kit_listen(address, opts);
	struct kit_connect c;

	kit_connect_begin(&c, weft_listener_address(l), opts);
	REQUIRE_EQ(weft_listener_accept(l, &ret[0], test_soon()), 0);
	REQUIRE_EQ(kit_connect_end(&c), 0);
	ret[1] = c.pipe;
	CHECK_EQ(weft_listener_close(l), 0);
}

static inline void kit_close(weft_pipe *p[2])
{
	CHECK_EQ(weft_pipe_close(p[0]), 0);
	CHECK_EQ(weft_pipe_close(p[1]), 0);
}

/* An end whose other side is a bare socket: *ret_fd. */
static inline weft_pipe *kit_raw(size_t limit, int *ret_fd)
{
	weft_pipe *p = NULL;
	int fd[2];

	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	REQUIRE_EQ(weft__socket_pipe_new(&p, fd[0], true, limit, limit), 0);
	*ret_fd = fd[1];
	return p;
}

static inline void kit_put(int fd, const void *bytes, size_t size)
{
	REQUIRE_EQ(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

/* A good frame of a message: its bytes. */
static inline size_t kit_frame(uint8_t *ret, const void *msg, size_t size)
{
	weft__frame_head(ret, FRAME_MESSAGE, size);
	memcpy(ret + FRAME_HEAD, msg, size);
	ret[FRAME_HEAD + size] = FRAME_GOOD;
	return weft__frame_bytes(size);
}

/* Byte i of the message number n. */
static inline uint8_t kit_byte(size_t n, size_t i)
{
	return (uint8_t)(n * 31 + i * 7 + i / 251);
}

static inline void kit_fill(uint8_t *msg, size_t size, size_t n)
{
	for (size_t i = 0; i < size; i++)
		msg[i] = kit_byte(n, i);
}

static inline bool kit_is(const uint8_t *msg, size_t size, size_t n)
{
	for (size_t i = 0; i < size; i++)
		if (msg[i] != kit_byte(n, i))
			return false;
	return true;
}

/* Sends back what comes, up to 16 MiB; ends with the error. */
static inline void *kit_echo_main(void *arg)
{
	weft_pipe *p = arg;
	uint8_t *msg = malloc(KIT_ECHO_MAX);
	ssize_t n;

	while ((n = weft_pipe_recv(p, msg, KIT_ECHO_MAX, test_soon())) >= 0)
		if (weft_pipe_send(p, msg, (size_t)n, test_soon()))
			break;
	free(msg);
	return (void *)(intptr_t)n;
}

/* The lowest descriptor that is free: the same before and after what leaves none open. */
static inline int kit_lowest_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

#endif
