/* SPDX-License-Identifier: MIT
 *
 * contract_io_socket.c -- the calls of weft/socket.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "io_kit.h"

static int connection_fn(weft_call *call, const void *arg, void *result)
{
	struct sockaddr_in a, from;
	socklen_t size = sizeof from;
	char got[16];
	(void)arg, (void)result;
	int listener = io_listen(&a, 5);
	int fd = weft_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT(fd >= 0);
	EXPECT_EQ(weft_recv(fd, got, 1, 0), -ENOTCONN);
	EXPECT_EQ(weft_read(fd, got, 1), -ENOTCONN);
	EXPECT_EQ(weft_connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	EXPECT_EQ(weft_connect(fd, (struct sockaddr *)&a, sizeof a), -EISCONN);
	int peer = weft_accept4(listener, (struct sockaddr *)&from, &size, SOCK_CLOEXEC);
	EXPECT(peer >= 0);
	EXPECT_EQ(from.sin_family, AF_INET);
	EXPECT_EQ(size, sizeof from);
	EXPECT_EQ(fcntl(peer, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(peer, F_GETFL) & O_NONBLOCK, 0);
	EXPECT_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	EXPECT_EQ(weft_send(fd, "abc", 3, 0), 3);
	EXPECT_EQ(weft_recv(peer, got, 2, MSG_PEEK), 2);
	EXPECT_EQ(weft_recv(peer, got, sizeof got, 0), 3);
	EXPECT_EQ(weft_recv(peer, got, sizeof got, MSG_DONTWAIT), -EAGAIN);
	EXPECT_EQ(weft_write(peer, "defg", 4), 4);
	EXPECT_EQ(weft_read(fd, got, sizeof got), 4);
	EXPECT_EQ(weft_shutdown(fd, SHUT_WR), 0);
	EXPECT_EQ(weft_recv(peer, got, sizeof got, 0), 0);
	EXPECT_EQ(weft_read(peer, got, sizeof got), 0);
	EXPECT_EQ(weft_close(fd) + weft_close(peer) + weft_close(listener), 0);
	return 0;
}

TEST(io_connections)
{
	io_run(connection_fn);
}

static int refused_fn(weft_call *call, const void *arg, void *result)
{
	struct sockaddr_in a;
	struct timeval before = {.tv_sec = 7}, after = {0};
	socklen_t size = sizeof after;
	char c;
	(void)arg, (void)result;
	int listener = io_listen(&a, 1);
	close(listener);
	for (int flags = 0; flags <= SOCK_NONBLOCK; flags += SOCK_NONBLOCK) {
		int fd = weft_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
		EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &before, sizeof before), 0);
		EXPECT_EQ(weft_connect(fd, (struct sockaddr *)&a, sizeof a), -ECONNREFUSED);
		EXPECT_EQ(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &after, &size), 0);
		EXPECT_EQ(after.tv_sec, 7);
		EXPECT_EQ(weft_close(fd), 0);
	}
	EXPECT_EQ(weft_socket(AF_INET, 12345, 0), -EINVAL);
	int udp = weft_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	EXPECT_EQ(weft_accept(udp, NULL, NULL), -EOPNOTSUPP);
	EXPECT_EQ(weft_close(udp), 0);
	int p[2];
	EXPECT_EQ(pipe2(p, O_CLOEXEC), 0);
	EXPECT_EQ(weft_recv(p[0], &c, 1, 0), -ENOTSOCK);
	EXPECT_EQ(weft_send(p[1], &c, 1, 0), -ENOTSOCK);
	EXPECT_EQ(weft_accept(p[0], NULL, NULL), -ENOTSOCK);
	EXPECT_EQ(weft_connect(p[0], (struct sockaddr *)&a, sizeof a), -ENOTSOCK);
	EXPECT_EQ(weft_close(p[0]) + weft_close(p[1]), 0);
	return 0;
}

TEST(io_refused)
{
	io_run(refused_fn);
}

/* Accepts that have to wait, on a socket that blocks and on one that does not. */
static int accept_fn(weft_call *call, const void *arg, void *result)
{
	struct sockaddr_in a;
	(void)arg, (void)result;
	for (int nonblock = 0; nonblock < 2; nonblock++) {
		int listener = io_listen(&a, 5);
		EXPECT_EQ(nonblock && fcntl(listener, F_SETFL, O_NONBLOCK), 0);
		struct io_peer peer = {.manner = IO_CONNECTS_LATE, .address = a};
		peer.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		EXPECT(io_peer_start(&peer));
		int fd = weft_accept(listener, NULL, NULL);
		io_peer_join(&peer);
		EXPECT(fd >= 0);
		EXPECT_EQ(peer.right, 1);
		EXPECT_EQ(fcntl(listener, F_GETFL) & O_NONBLOCK, nonblock ? O_NONBLOCK : 0);
		EXPECT_EQ(weft_close(fd) + weft_close(listener), 0);
	}
	return 0;
}

TEST(io_accept_waits)
{
	io_run(accept_fn);
}

static int datagram_fn(weft_call *call, const void *arg, void *result)
{
	static const char large[70000]; /* bytes: more than a datagram has */
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, from, own;
	socklen_t size = sizeof a, from_size = sizeof from;
	char x[4], y[16], control[64];
	struct iovec v[2] = {{x, 3}, {y, sizeof y}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2, .msg_control = control, .msg_controllen = 64};
	(void)arg, (void)result;
	int one = weft_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), two;
	two = weft_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	EXPECT(one >= 0 && two >= 0);
	EXPECT_EQ(bind(one, (struct sockaddr *)&a, sizeof a), 0);
	EXPECT_EQ(bind(two, (struct sockaddr *)&a, sizeof a), 0);
	EXPECT_EQ(getsockname(one, (struct sockaddr *)&a, &size), 0);
	EXPECT_EQ(getsockname(two, (struct sockaddr *)&own, &size), 0);
	EXPECT_EQ(weft_sendto(two, "hello", 5, 0, (struct sockaddr *)&a, sizeof a), 5);
	EXPECT_EQ(weft_recvfrom(one, y, sizeof y, 0, (struct sockaddr *)&from, &from_size), 5);
	EXPECT_EQ(from.sin_port, own.sin_port);
	EXPECT_EQ(weft_sendto(two, "", 0, 0, (struct sockaddr *)&a, sizeof a), 0);
	EXPECT_EQ(weft_recvfrom(one, y, sizeof y, 0, NULL, NULL), 0);
	EXPECT_EQ(weft_sendto(two, large, sizeof large, 0, (struct sockaddr *)&a, sizeof a), -EMSGSIZE);
	struct msghdr out = {.msg_iov = v, .msg_iovlen = 1, .msg_name = &a, .msg_namelen = sizeof a};
	memcpy(x, "xyz", 3);
	EXPECT_EQ(weft_sendmsg(two, &out, 0), 3);
	EXPECT_EQ(weft_recvmsg(one, &m, 0), 3);
	EXPECT_EQ(m.msg_flags, 0);
	/* A packet that is cut stays cut, and the two after it stay two, whatever MSG_WAITALL would like. */
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(weft_sendto(two, "abcdef", 6, 0, (struct sockaddr *)&a, sizeof a), 6);
	EXPECT_EQ(weft_recv(one, y, 4, 0), 4);
	EXPECT_EQ(weft_recv(one, y, 12, MSG_WAITALL), 6);
	EXPECT_EQ(weft_recv(one, y, 12, 0), 6);
	EXPECT_EQ(weft_close(one) + weft_close(two), 0);
	return 0;
}

TEST(io_datagrams)
{
	io_run(datagram_fn);
}

/* A socket of the file system whose listener has no room waits until it has. */
static int backlog_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	for (int flags = 0; flags <= SOCK_NONBLOCK; flags += SOCK_NONBLOCK) {
		struct sockaddr_un a = {.sun_family = AF_UNIX};
		socklen_t size = sizeof a;
		int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd[2];
		EXPECT_EQ(bind(listener, (struct sockaddr *)&a, sizeof(sa_family_t)), 0); /* any name */
		EXPECT_EQ(getsockname(listener, (struct sockaddr *)&a, &size), 0);
		EXPECT_EQ(listen(listener, 0), 0);
		for (int i = 0; i < 2; i++)
			fd[i] = weft_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
		EXPECT_EQ(weft_connect(fd[0], (struct sockaddr *)&a, size), 0);
		struct io_peer peer = {.manner = IO_ACCEPTS_LATE, .fd = listener};
		EXPECT(io_peer_start(&peer));
		EXPECT_EQ(weft_connect(fd[1], (struct sockaddr *)&a, size), 0);
		io_peer_join(&peer);
		EXPECT_EQ(peer.right, 1);
		EXPECT_EQ(weft_close(fd[0]) + weft_close(fd[1]), 0);
	}
	return 0;
}

TEST(io_connect_waits_for_room)
{
	io_run(backlog_fn);
}

static int name_fn(weft_call *call, const void *arg, void *result)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *a = NULL, *none = &hints;
	(void)arg, (void)result;
	hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
	EXPECT_EQ(weft_getaddrinfo("127.0.0.1", "80", &hints, &a), 0);
	EXPECT(a && a->ai_family == AF_INET);
	EXPECT_EQ(((struct sockaddr_in *)(void *)a->ai_addr)->sin_port, htons(80));
	freeaddrinfo(a);
	EXPECT_EQ(weft_getaddrinfo("no.number", "80", &hints, &none), -ENOENT);
	EXPECT_EQ(weft_getaddrinfo(NULL, NULL, &hints, &none), -ENOENT);
	hints.ai_flags = 0x40000000;
	EXPECT_EQ(weft_getaddrinfo("127.0.0.1", "80", &hints, &none), -EINVAL);
	hints = (struct addrinfo){.ai_family = 12345};
	EXPECT_EQ(weft_getaddrinfo("127.0.0.1", "80", &hints, &none), -EAFNOSUPPORT);
	EXPECT(none == &hints);
	return 0;
}

TEST(io_names)
{
	io_run(name_fn);
}
