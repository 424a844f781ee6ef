/* SPDX-License-Identifier: MIT
 *
 * test_pipe_fds.c -- descriptors over pipes: honest ones, and those that a side sends that does not keep to the rules.
 */
#include "pipe_kit.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- Descriptors ---- */

static bool is_same_file(int a, int b)
{
	struct stat sa, sb;

	return a >= 0 && a != b && !fstat(a, &sa) && !fstat(b, &sb) && sa.st_ino == sb.st_ino &&
	       sa.st_dev == sb.st_dev;
}

TEST(descriptors_and_messages_keep_their_order)
{
	weft_pipe *p[2];
	int file[3], got, before;
	char c;

	kit_pair(kit_unix(), NULL, p);
	for (int i = 0; i < 3; i++)
		REQUIRE((file[i] = open(test_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) >= 0);
	before = kit_lowest_fd();
	CHECK_EQ(weft_pipe_send_fd(p[0], file[0], test_soon()), 0);
	CHECK_EQ(weft_pipe_send(p[0], "a", 1, test_soon()), 0);
	CHECK_EQ(weft_pipe_send_fd(p[0], file[1], test_soon()), 0);
	CHECK_EQ(weft_pipe_send_fd(p[0], file[2], test_soon()), 0);
	CHECK_EQ(weft_pipe_send(p[0], "b", 1, test_soon()), 0);
	for (int i = 0; i < 5; i++) {
		bool is_message = i == 1 || i == 4;

		CHECK_EQ(weft_pipe_poll(p[1], test_soon()), 0);
		if (is_message) {
			CHECK_EQ(weft_pipe_recv_fd(p[1], test_soon()), -ENOMSG);
			CHECK_EQ(weft_pipe_recv(p[1], &c, 1, test_soon()), 1);
			continue;
		}
		CHECK_EQ(weft_pipe_recv(p[1], &c, 1, test_soon()), -ENOMSG);
		got = weft_pipe_recv_fd(p[1], test_soon());
		CHECK(is_same_file(got, file[i ? i - 1 : 0]));
		CHECK(fcntl(got, F_GETFD) & FD_CLOEXEC);
		close(got);
	}
	CHECK_EQ(kit_lowest_fd(), before);
	kit_close(p);
	for (int i = 0; i < 3; i++)
		close(file[i]);
}

TEST(what_is_no_descriptor_is_not_sent)
{
	weft_pipe *p[2];
	char c;

	kit_pair(kit_unix(), NULL, p);
	CHECK_EQ(weft_pipe_send_fd(p[0], -1, test_soon()), -EBADF);
	CHECK_EQ(weft_pipe_send_fd(p[0], 987, test_soon()), -EBADF);
	CHECK_EQ(weft_pipe_send(p[0], "a", 1, test_soon()), 0);
	CHECK_EQ(weft_pipe_recv(p[1], &c, 1, test_soon()), 1);
	kit_close(p);
}

/* Those that nobody received are closed with the end; the sender may close its own at once. */
TEST(descriptors_left_over_are_closed)
{
	int pipes[2], got, before = kit_lowest_fd();
	weft_pipe *p[2];
	char c;

	kit_pair(kit_unix(), NULL, p);
	REQUIRE_EQ(pipe2(pipes, O_CLOEXEC), 0);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(weft_pipe_send_fd(p[0], pipes[1], test_soon()), 0);
	close(pipes[1]);
	got = weft_pipe_recv_fd(p[1], test_soon());
	CHECK_EQ(write(got, "x", 1), 1);
	CHECK_EQ(read(pipes[0], &c, 1), 1);
	close(got);
	CHECK_EQ(weft_pipe_poll(p[1], test_soon()), 0);
	kit_close(p);
	CHECK_EQ(read(pipes[0], &c, 1), 0); /* nobody has it any more */
	close(pipes[0]);
	CHECK_EQ(kit_lowest_fd(), before);
}

/* Bytes with n descriptors, as a side sends them that does not keep to the rules. */
static void put_with_fds(int sock, const void *bytes, size_t size, const int *fds, size_t n)
{
	union {
		char bytes[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec iov = {(void *)(uintptr_t)bytes, size};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = CMSG_SPACE(n * sizeof(int))};

	*CMSG_FIRSTHDR(&m) = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n * sizeof(int))};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, n * sizeof(int));
	REQUIRE_EQ(sendmsg(sock, &m, MSG_NOSIGNAL), size);
}

TEST(descriptors_too_many_are_closed)
{
	for (size_t n = 2; n <= 16; n++) {
		int pipes[2], fds[16], sock, before = kit_lowest_fd();
		weft_pipe *p = kit_raw(100, &sock);
		char c;

		REQUIRE_EQ(pipe2(pipes, O_CLOEXEC), 0);
		for (size_t i = 0; i < n; i++)
			fds[i] = pipes[1];
		put_with_fds(sock, "\0\0\0\0\2\0\0\0\1", 9, fds, n);
		close(pipes[1]);
		CHECK_EQ(weft_pipe_recv_fd(p, test_soon()), -EPROTO);
		weft_pipe_close(p);
		close(sock);
		CHECK_EQ(read(pipes[0], &c, 1), 0);
		close(pipes[0]);
		CHECK_EQ(kit_lowest_fd(), before);
	}
}

/* One byte of a message at a time, each with a descriptor that nobody announced. */
TEST(descriptors_unannounced_are_closed)
{
	int pipes[2], sock, before = kit_lowest_fd();
	weft_pipe *p = kit_raw(100, &sock);
	uint8_t frame[32];
	char c;

	REQUIRE_EQ(pipe2(pipes, O_CLOEXEC), 0);
	kit_frame(frame, "message", 7);
	for (size_t i = 0; i < 7; i++)
		put_with_fds(sock, frame + i, 1, &pipes[1], 1);
	close(pipes[1]);
	CHECK_EQ(weft_pipe_recv(p, frame, sizeof frame, test_soon()), -EPROTO);
	weft_pipe_close(p);
	close(sock);
	CHECK_EQ(read(pipes[0], &c, 1), 0);
	close(pipes[0]);
	CHECK_EQ(kit_lowest_fd(), before);
}

/* No number is free for what came: that one is lost, and said to be; the next arrives. */
TEST(one_that_cannot_be_had_is_told_of)
{
	weft_pipe *p[2];
	int first, fds[2048], n = 0, got;

	kit_pair(kit_unix(), NULL, p);
	CHECK_EQ(weft_pipe_send_fd(p[0], 0, test_soon()), 0);
	CHECK_EQ(weft_pipe_send_fd(p[0], 0, test_soon()), 0);
	struct rlimit limit, low;
	REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = (struct rlimit){.rlim_cur = 64, .rlim_max = limit.rlim_max};
	REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (first = kit_lowest_fd(); (fds[n] = dup(0)) >= 0; n++)
		;
	CHECK_EQ(weft_pipe_recv_fd(p[1], test_soon()), -EMFILE);
	for (int i = 0; i < n; i++)
		close(fds[i]);
	REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	got = weft_pipe_recv_fd(p[1], test_soon());
	CHECK_EQ(got, first);
	close(got);
	kit_close(p);
}
