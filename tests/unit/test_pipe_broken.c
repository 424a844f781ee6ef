/* SPDX-License-Identifier: MIT
 *
 * test_pipe_broken.c -- ends whose calls are called off in the middle of a message, and ends beside bare sockets, which are
 * not honest.
 */
#include "pipe_kit.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/wait.h>

/* ---- Called off in the middle ---- */

/* Over TCP, which takes any number of bytes; little of it. */
static weft_pipe *raw_tcp(size_t limit, int *ret_fd)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	int l = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0), few = 4096;
	weft_pipe *p = NULL;

	REQUIRE(!bind(l, (struct sockaddr *)&a, size) && !listen(l, 1));
	REQUIRE(!getsockname(l, (struct sockaddr *)&a, &size));
	setsockopt(l, SOL_SOCKET, SO_RCVBUF, &few, sizeof few);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &few, sizeof few);
	REQUIRE_EQ(connect(fd, (struct sockaddr *)&a, size), 0);
	REQUIRE((*ret_fd = accept(l, NULL, NULL)) >= 0);
	close(l);
	REQUIRE_EQ(weft__socket_pipe_new(&p, fd, false, limit, limit), 0);
	return p;
}

/* A message that went out in part is never received; those before and after it are. */
static void called_off_over(bool tcp)
{
	enum { BIG = 16 * MIB };
	struct weft_listen_opts o = {.size = sizeof o, .message_size = BIG};
	uint8_t *msg = malloc(BIG);
	weft_pipe *p[2];
	pthread_t echo;
	void *end;

	kit_fill(msg, BIG, 1);
	kit_pair(kit_address(tcp), &o, p);
	CHECK_EQ(weft_pipe_send(p[0], "before", 6, test_soon()), 0);
	CHECK_EQ(weft_pipe_send(p[0], msg, BIG, weft_after(WEFT_MS(5))), -ETIMEDOUT);
	CHECK_EQ(weft_pipe_send(p[0], msg, BIG, 0), -ETIMEDOUT); /* nor does that, which has not begun */
	REQUIRE_EQ(pthread_create(&echo, NULL, kit_echo_main, p[1]), 0);
	CHECK_EQ(weft_pipe_recv(p[0], msg, BIG, test_soon()), 6);
	CHECK_EQ(weft_pipe_send(p[0], "after", 5, test_soon()), 0);
	CHECK_EQ(weft_pipe_recv(p[0], msg, BIG, test_soon()), 5);
	CHECK(!memcmp(msg, "after", 5));
	CHECK_EQ(weft_pipe_close(p[0]), 0);
	pthread_join(echo, &end);
	CHECK_EQ((intptr_t)end, -EPIPE);
	weft_pipe_close(p[1]);
	free(msg);
}

TEST(sending_called_off_over_unix)
{
	called_off_over(false);
}

TEST(sending_called_off_over_tcp)
{
	called_off_over(true);
}

/* How many bytes of a frame the kernel takes before it says that it is full is its business, so all numbers come up: the
 * receiver takes another number of bytes out of a full socket each time. */
TEST(sending_called_off_anywhere)
{
	enum { SIZE = 3000, ROUNDS = 300 };
	static uint8_t msg[SIZE], bytes[16 * MIB];
	size_t n_sent = 0, n_got = 0, n_void = 0, begin = 0, end = 0;
	struct weft__frame f;
	int fd;
	weft_pipe *p = raw_tcp(SIZE, &fd);

	for (size_t round = 0; round < ROUNDS; round++) {
		ssize_t n;
		int err;

		do {
			kit_fill(msg, SIZE, n_sent);
			err = weft_pipe_send(p, msg, SIZE, 0);
			n_sent += !err;
		} while (!err);
		CHECK_EQ(err, -ETIMEDOUT);
		n = recv(fd, bytes + end, 1 + round * 17 % 5000, 0);
		REQUIRE(n > 0);
		end += (size_t)n;
	}
	weft_pipe_close(p);
	for (ssize_t n; (n = recv(fd, bytes + end, sizeof bytes - end, 0)) > 0;)
		end += (size_t)n;
	while (weft__frame_read(bytes + begin, end - begin, SIZE, &f) == 1) {
		begin += weft__frame_bytes(f.size);
		n_void += f.is_void;
		n_got += !f.is_void && f.size == SIZE && kit_is(f.message, SIZE, n_got);
	}
	CHECK_EQ(n_got, n_sent);
	CHECK(n_void > 0);
	CHECK(end - begin < weft__frame_bytes(SIZE));
	close(fd);
}

/* What has come of a message stays for the next call, whoever makes it and with whatever buffer. */
TEST(receiving_called_off_anywhere)
{
	enum { SIZE = 20, ROOM = 64 };
	uint8_t frame[ROOM], msg[SIZE], got[ROOM];
	int fd;
	weft_pipe *p = kit_raw(ROOM, &fd);

	kit_fill(msg, SIZE, 5);
	for (size_t i = 0; i < kit_frame(frame, msg, SIZE); i++) {
		CHECK_EQ(weft_pipe_recv(p, got, ROOM, i % 2 ? 0 : weft_after(WEFT_US(100))), -ETIMEDOUT);
		kit_put(fd, frame + i, 1);
	}
	CHECK_EQ(weft_pipe_recv(p, got, ROOM, 0), SIZE);
	CHECK(kit_is(got, SIZE, 5));
	weft_pipe_close(p);
	close(fd);
}

/* Killed in the middle of a message: what was whole is received, the rest is reported as what it is. */
TEST(the_other_side_is_killed_in_the_middle)
{
	enum { BIG = 8 * MIB };
	struct weft_listen_opts o = {.size = sizeof o, .message_size = BIG};
	weft_pipe *p[2];
	char *msg = calloc(1, BIG);
	pid_t pid;
	int ready[2];

	REQUIRE_EQ(pipe(ready), 0);
	kit_pair(kit_unix(), &o, p);
	pid = fork();
	if (!pid) {
		weft_pipe_close(p[0]);
		weft_pipe_send(p[1], "whole", 5, test_soon());
		/* Nobody receives yet: a part of it goes out. */
		if (weft_pipe_send(p[1], msg, BIG, weft_after(WEFT_MS(5))) != -ETIMEDOUT ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(1);
	}
	weft_pipe_close(p[1]);
	REQUIRE_EQ(read(ready[0], msg, 1), 1);
	CHECK_EQ(weft_pipe_recv(p[0], msg, BIG, test_soon()), 5);
	CHECK_EQ(weft_pipe_poll(p[0], weft_after(WEFT_MS(1))), -ETIMEDOUT);
	kill(pid, SIGKILL);
	REQUIRE_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(weft_pipe_recv(p[0], msg, BIG, test_soon()), -ECONNRESET);
	weft_pipe_close(p[0]);
	close(ready[0]);
	close(ready[1]);
	free(msg);
}

/* ---- Other sides that are not honest ---- */

static void after_bytes(const void *bytes, size_t size, int err)
{
	int fd, before = kit_lowest_fd();
	weft_pipe *p = kit_raw(100, &fd);
	char got[100];

	kit_put(fd, bytes, size);
	shutdown(fd, SHUT_WR);
	CHECK_EQ(weft_pipe_poll(p, test_soon()), 0);
	CHECK_EQ(weft_pipe_recv(p, got, sizeof got, test_soon()), err);
	CHECK_EQ(weft_pipe_recv(p, got, sizeof got, 0), err);
	CHECK_EQ(weft_pipe_recv_fd(p, 0), err);
	if (err == -EPROTO)
		CHECK_EQ(weft_pipe_send(p, "x", 1, test_soon()), -EPIPE);
	weft_pipe_close(p);
	close(fd);
	CHECK_EQ(kit_lowest_fd(), before);
}

TEST(garbage_ends_the_connection)
{
	uint8_t frame[128], msg[101] = {0};
	size_t n = kit_frame(frame, msg, 101);

	after_bytes(frame, n, -EPROTO); /* too large by one */
	after_bytes(frame, FRAME_HEAD, -EPROTO);
	after_bytes("\xff\xff\xff\xff\1\0\0\0", 8, -EPROTO);
	after_bytes("GET / HTTP/1.1\r\n", 16, -EPROTO);
	after_bytes("\0\0\0\0\1\0\0\0\2", 9, -EPROTO); /* verdict */
	after_bytes("\0\0\0\0\2\0\0\0\1", 9, -EPROTO); /* a descriptor that did not come */
	after_bytes("\0\0\0\0\2\0\0\0\0", 9, -EPROTO);
}

TEST(an_end_in_the_middle_is_no_end)
{
	uint8_t frame[128], msg[100] = {0};
	size_t n = kit_frame(frame, msg, 100);

	for (size_t i = 1; i < n; i++)
		after_bytes(frame, i, -ECONNRESET);
	after_bytes("\5\0\0\0\1\0\0\0\0\0\0\0\0\0", 14, -EPIPE); /* a void one is nothing */
}

/* What came whole before the garbage is received. */
TEST(good_ones_before_garbage_count)
{
	uint8_t bytes[64];
	size_t n = kit_frame(bytes, "good", 4);
	int fd;
	weft_pipe *p = kit_raw(100, &fd);

	memset(bytes + n, 0xee, 8);
	kit_put(fd, bytes, n + 8);
	CHECK_EQ(weft_pipe_recv(p, bytes, sizeof bytes, test_soon()), 4);
	CHECK_EQ(weft_pipe_recv(p, bytes, sizeof bytes, test_soon()), -EPROTO);
	weft_pipe_close(p);
	close(fd);
}
