/* SPDX-License-Identifier: MIT
 *
 * test_nursery_wire.c -- messages between a pool and its nursery arrive whole, with their descriptors,
 * and what is no such message is not taken for one.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nursery.h"

struct wire {
	int end[2], pipe[2];
};

static void wire_init(struct wire *w)
{
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, w->end), 0);
	REQUIRE_EQ(pipe2(w->pipe, O_CLOEXEC), 0);
}

static void wire_fini(struct wire *w)
{
	for (int i = 0; i < 2; i++) {
		if (w->end[i] >= 0)
			close(w->end[i]);
		close(w->pipe[i]);
	}
}

/* A message with all bits of every field in use. */
static struct nursery_msg message(uint32_t kind)
{
	struct nursery_msg m;
	memset(&m, (int)(0xa0 + kind), sizeof m);
	m.kind = kind;
	return m;
}

/* Is a another descriptor for the same file as b, closed by exec? */
static bool same_file(int a, int b)
{
	struct stat sa, sb;
	return a != b && !fstat(a, &sa) && !fstat(b, &sb) && sa.st_ino == sb.st_ino &&
	       (fcntl(a, F_GETFL) & O_ACCMODE) == (fcntl(b, F_GETFL) & O_ACCMODE) &&
	       fcntl(a, F_GETFD) & FD_CLOEXEC;
}

TEST(messages_with_descriptors)
{
	struct wire w;
	wire_init(&w);
	const int sent[NURSERY_FDS] = {w.pipe[0], w.pipe[1], w.end[0]};
	for (uint32_t n = 0; n <= NURSERY_FDS; n++) {
		struct nursery_msg m = message(1 + n), got = {0};
		int fds[NURSERY_FDS] = {77, 77, 77};
		CHECK_EQ(nursery_send(w.end[0], &m, n ? sent : NULL, n), 0);
		CHECK_EQ(nursery_recv(w.end[1], &got, fds, 0), 1);
		CHECK(!memcmp(&got, &m, sizeof m));
		for (uint32_t i = 0; i < NURSERY_FDS; i++) {
			if (i >= n) {
				CHECK_EQ(fds[i], -1);
				continue;
			}
			CHECK(same_file(fds[i], sent[i]));
			close(fds[i]);
		}
	}
	wire_fini(&w);
}

TEST(messages_keep_order_and_bounds)
{
	struct wire w;
	int fds[NURSERY_FDS];
	wire_init(&w);
	for (uint32_t i = 1; i <= 8; i++) {
		struct nursery_msg m = message(i);
		CHECK_EQ(nursery_send(w.end[1], &m, w.pipe, i % 2), 0);
	}
	for (uint32_t i = 1; i <= 8; i++) {
		struct nursery_msg m = message(i), got = {0};
		CHECK_EQ(nursery_recv(w.end[0], &got, fds, MSG_DONTWAIT), 1);
		CHECK(!memcmp(&got, &m, sizeof m));
		CHECK_EQ(fds[0] >= 0, i % 2);
		CHECK_EQ(fds[1], -1);
		if (fds[0] >= 0)
			close(fds[0]);
	}
	wire_fini(&w);
}

TEST(nothing_there)
{
	struct wire w;
	struct nursery_msg got = message(9), same = got;
	int fds[NURSERY_FDS] = {77, 77, 77};
	wire_init(&w);
	CHECK_EQ(nursery_recv(w.end[0], &got, fds, MSG_DONTWAIT), -EAGAIN);
	CHECK(!memcmp(&got, &same, sizeof got));
	CHECK(fds[0] == -1 && fds[1] == -1);
	wire_fini(&w);
}

TEST(full_socket)
{
	struct wire w;
	struct nursery_msg m = message(2);
	int fds[NURSERY_FDS], err = 0, sent = 0, got = 0;
	wire_init(&w);
	REQUIRE_EQ(fcntl(w.end[0], F_SETFL, O_NONBLOCK), 0);
	while (!err && sent < 100000) {
		err = nursery_send(w.end[0], &m, NULL, 0);
		sent += !err;
	}
	CHECK_EQ(err, -EAGAIN);
	while (nursery_recv(w.end[1], &m, fds, MSG_DONTWAIT) == 1)
		got++;
	CHECK_EQ(got, sent);
	wire_fini(&w);
}

TEST(other_side_gone)
{
	struct wire w;
	struct nursery_msg m = message(3), got = {0};
	int fds[NURSERY_FDS];
	wire_init(&w);
	CHECK_EQ(nursery_send(w.end[0], &m, NULL, 0), 0);
	close(w.end[0]);
	w.end[0] = -1;
	CHECK_EQ(nursery_recv(w.end[1], &got, fds, 0), 1); /* its last words */
	CHECK(!memcmp(&got, &m, sizeof m));
	CHECK_EQ(nursery_recv(w.end[1], &got, fds, 0), 0);
	CHECK_EQ(nursery_send(w.end[1], &m, NULL, 0), -EPIPE); /* and no SIGPIPE */
	CHECK_EQ(nursery_send(w.end[1], &m, w.pipe, 2), -EPIPE);
	wire_fini(&w);
}

/* Gone with a message of ours unread: some kernels say ECONNRESET. */
TEST(other_side_gone_unread)
{
	struct wire w;
	struct nursery_msg m = message(3), got = {0};
	int fds[NURSERY_FDS];
	wire_init(&w);
	CHECK_EQ(nursery_send(w.end[1], &m, NULL, 0), 0);
	close(w.end[0]);
	w.end[0] = -1;
	CHECK_EQ(nursery_recv(w.end[1], &got, fds, 0), 0);
	CHECK_EQ(nursery_recv(w.end[1], &got, fds, 0), 0);
	wire_fini(&w);
}

TEST(short_message)
{
	struct wire w;
	struct nursery_msg m = message(4), got = {0};
	int fds[NURSERY_FDS];
	wire_init(&w);
	for (size_t n = 1; n < sizeof m; n += 9) {
		REQUIRE_EQ(send(w.end[0], &m, n, 0), n);
		CHECK(nursery_recv(w.end[1], &got, fds, 0) <= 0);
		CHECK(fds[0] == -1 && fds[1] == -1);
	}
	CHECK_EQ(nursery_send(w.end[0], &m, NULL, 0), 0);
	CHECK_EQ(nursery_recv(w.end[1], &got, fds, 0), 1); /* the next one is whole */
	wire_fini(&w);
}

TEST(no_socket)
{
	struct nursery_msg m = message(5);
	int fds[NURSERY_FDS];
	CHECK_EQ(nursery_send(-1, &m, NULL, 0), -EBADF);
	CHECK_EQ(nursery_recv(-1, &m, fds, 0), -EBADF);
}
