/* SPDX-License-Identifier: MIT
 *
 * contract_io.c -- the calls of weft/io.h for files and pipes: what they do, and what they say when they cannot.
 * Each outside of tasks and in one, so that it is the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#ifndef STATX_BASIC_STATS
#include <linux/stat.h> /* for musl before 1.2.5 */
#endif

#include "io_kit.h"

/* A name of its own in the directory of the board. */
static void name_near(const test_ref *ref, const char *suffix, char *ret, size_t size)
{
	snprintf(ret, size, "%s.%d%s", ref->path, (int)getpid(), suffix);
}

static int file_fn(weft_call *call, const void *arg, void *result)
{
	char a[160], b[160], got[16] = "";
	struct statx st;
	(void)result;
	name_near(arg, ".a", a, sizeof a);
	name_near(arg, ".b", b, sizeof b);
	int fd = weft_open(a, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	EXPECT(fd >= 0);
	EXPECT_EQ(weft_open(a, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640), -EEXIST);
	EXPECT_EQ(weft_write(fd, "hello world", 11), 11);
	EXPECT_EQ(weft_read(fd, got, sizeof got), 0);
	EXPECT_EQ(lseek(fd, 6, SEEK_SET), 6);
	EXPECT_EQ(weft_read(fd, got, sizeof got), 5);
	EXPECT(!memcmp(got, "world", 5));
	EXPECT_EQ(weft_pread(fd, got, 5, 0), 5);
	EXPECT(!memcmp(got, "hello", 5));
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 11);
	EXPECT_EQ(weft_pwrite(fd, "HE", 2, 0), 2);
	EXPECT_EQ(weft_pread(fd, got, 5, 20), 0);
	EXPECT_EQ(weft_fsync(fd), 0);
	EXPECT_EQ(weft_fdatasync(fd), 0);
	EXPECT_EQ(weft_close(fd), 0);
	EXPECT_EQ(weft_statx(AT_FDCWD, a, 0, STATX_BASIC_STATS, &st), 0);
	EXPECT_EQ(st.stx_size, 11);
	EXPECT_EQ(st.stx_mode & 0777 & ~0640u, 0);
	EXPECT_EQ(weft_rename(a, b), 0);
	EXPECT_EQ(weft_statx(AT_FDCWD, a, 0, STATX_SIZE, &st), -ENOENT);
	EXPECT_EQ(weft_rename(a, b), -ENOENT);
	fd = weft_openat(AT_FDCWD, b, O_RDONLY | O_CLOEXEC);
	EXPECT(fd >= 0);
	EXPECT_EQ(weft_read(fd, got, 5), 5);
	EXPECT(!memcmp(got, "HEllo", 5));
	EXPECT_EQ(weft_write(fd, "x", 1), -EBADF);
	EXPECT_EQ(weft_close(fd), 0);
	EXPECT_EQ(weft_unlink(b), 0);
	EXPECT_EQ(weft_unlink(b), -ENOENT);
	EXPECT_EQ(weft_open(b, O_RDONLY), -ENOENT);
	return 0;
}

TEST(io_files)
{
	io_run(file_fn);
}

static int vector_fn(weft_call *call, const void *arg, void *result)
{
	char name[160], x[3], y[8] = "";
	struct iovec out[3] = {{(void *)"abc", 3}, {(void *)"", 0}, {(void *)"defgh", 5}};
	struct iovec in[2] = {{x, 3}, {y, 5}};
	int p[2];
	(void)result;
	name_near(arg, ".v", name, sizeof name);
	int fd = weft_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EXPECT(fd >= 0);
	EXPECT_EQ(weft_writev(fd, out, 3), 8);
	EXPECT_EQ(weft_pwritev(fd, out, 1, 8), 3);
	EXPECT_EQ(weft_preadv(fd, in, 2, 0), 8);
	EXPECT(!memcmp(x, "abc", 3) && !memcmp(y, "defgh", 5));
	EXPECT_EQ(weft_preadv(fd, in, 2, 8), 3);
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
	EXPECT_EQ(weft_readv(fd, in, 2), 8);
	EXPECT_EQ(weft_readv(fd, in, 2), 3);
	EXPECT_EQ(weft_readv(fd, in, 2), 0);
	EXPECT_EQ(weft_readv(fd, in, -1), -EINVAL);
	EXPECT_EQ(weft_writev(fd, out, 100000), -EINVAL);
	EXPECT_EQ(weft_preadv(fd, in, 1, -1), -EINVAL);
	EXPECT_EQ(weft_pwritev(fd, in, 1, -1), -EINVAL);
	EXPECT_EQ(weft_close(fd), 0);
	EXPECT_EQ(weft_unlink(name), 0);
	EXPECT_EQ(pipe2(p, O_CLOEXEC), 0);
	EXPECT_EQ(weft_writev(p[1], out, 3), 8);
	EXPECT_EQ(weft_readv(p[0], in, 2), 8);
	EXPECT(!memcmp(x, "abc", 3) && !memcmp(y, "defgh", 5));
	EXPECT_EQ(weft_close(p[0]) + weft_close(p[1]), 0);
	return 0;
}

TEST(io_vectors)
{
	io_run(vector_fn);
}

static int pipe_fn(weft_call *call, const void *arg, void *result)
{
	char got[16];
	int p[2];
	(void)arg, (void)result;
	EXPECT_EQ(pipe2(p, O_CLOEXEC), 0);
	EXPECT_EQ(weft_write(p[1], "abc", 3), 3);
	EXPECT_EQ(weft_read(p[0], got, 2), 2);
	EXPECT_EQ(weft_read(p[0], got, 0), 0);
	EXPECT_EQ(weft_read(p[0], got, sizeof got), 1);
	EXPECT_EQ(weft_pread(p[0], got, 1, 0), -ESPIPE);
	EXPECT_EQ(weft_pwrite(p[1], got, 1, 0), -ESPIPE);
	EXPECT_EQ(weft_read(p[1], got, 1), -EBADF);
	EXPECT_EQ(weft_write(p[0], got, 1), -EBADF);
	EXPECT_EQ(weft_close(p[1]), 0);
	EXPECT_EQ(weft_read(p[0], got, 1), 0);
	EXPECT_EQ(weft_close(p[0]), 0);
	return 0;
}

TEST(io_pipes)
{
	io_run(pipe_fn);
}

TEST(io_pipes_on_an_old_kernel)
{
	io_old_kernel();
	io_run(pipe_fn);
}

/* Every call says -EBADF, and touches nothing. */
static int bad_fn(weft_call *call, const void *arg, void *result)
{
	char c = 'x';
	struct iovec v = {&c, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	struct pollfd p = {.fd = 1 << 20, .events = POLLIN};
	struct sockaddr_in a = {.sin_family = AF_INET};
	struct statx st;
	int64_t offset = 3;
	(void)arg, (void)result;
	for (int fd = -1; fd <= 1 << 20; fd += (1 << 20) + 1) {
		EXPECT_EQ(weft_read(fd, &c, 1), -EBADF);
		EXPECT_EQ(weft_write(fd, &c, 1), -EBADF);
		EXPECT_EQ(weft_pread(fd, &c, 1, 0), -EBADF);
		EXPECT_EQ(weft_pwrite(fd, &c, 1, 0), -EBADF);
		EXPECT_EQ(weft_readv(fd, &v, 1), -EBADF);
		EXPECT_EQ(weft_writev(fd, &v, 1), -EBADF);
		EXPECT_EQ(weft_preadv(fd, &v, 1, 0), -EBADF);
		EXPECT_EQ(weft_pwritev(fd, &v, 1, 0), -EBADF);
		EXPECT_EQ(weft_fsync(fd), -EBADF);
		EXPECT_EQ(weft_fdatasync(fd), -EBADF);
		EXPECT_EQ(weft_close(fd), -EBADF);
		EXPECT_EQ(weft_recv(fd, &c, 1, 0), -EBADF);
		EXPECT_EQ(weft_send(fd, &c, 1, 0), -EBADF);
		EXPECT_EQ(weft_recvfrom(fd, &c, 1, 0, NULL, NULL), -EBADF);
		EXPECT_EQ(weft_sendto(fd, &c, 1, 0, NULL, 0), -EBADF);
		EXPECT_EQ(weft_recvmsg(fd, &m, 0), -EBADF);
		EXPECT_EQ(weft_sendmsg(fd, &m, 0), -EBADF);
		EXPECT_EQ(weft_accept(fd, NULL, NULL), -EBADF);
		EXPECT_EQ(weft_connect(fd, (struct sockaddr *)&a, sizeof a), -EBADF);
		EXPECT_EQ(weft_shutdown(fd, SHUT_RDWR), -EBADF);
		EXPECT_EQ(weft_splice(fd, &offset, fd, NULL, 1, 0), -EBADF);
		EXPECT_EQ(weft_read_full(fd, &c, 1), -EBADF);
		EXPECT_EQ(weft_write_full(fd, &c, 1), -EBADF);
		EXPECT_EQ(weft_pread_full(fd, &c, 1, 0), -EBADF);
		EXPECT_EQ(weft_pwrite_full(fd, &c, 1, 0), -EBADF);
		EXPECT_EQ(weft_recv_full(fd, &c, 1, 0), -EBADF);
		EXPECT_EQ(weft_send_full(fd, &c, 1, 0), -EBADF);
		EXPECT_EQ(weft_accept4(fd, NULL, NULL, SOCK_CLOEXEC), -EBADF);
	}
	EXPECT_EQ(offset, 3);
	EXPECT_EQ(weft_poll(&p, 1, 1000), 1);
	EXPECT_EQ(p.revents, POLLNVAL);
	EXPECT_EQ(weft_openat(1 << 20, "x", O_RDONLY), -EBADF);
	EXPECT_EQ(weft_statx(1 << 20, "x", 0, STATX_SIZE, &st), -EBADF);
	EXPECT_EQ(weft_pread(0, &c, 1, -1), -EINVAL);
	EXPECT_EQ(weft_pwrite(0, &c, 1, INT64_MIN), -EINVAL);
	EXPECT_EQ(c, 'x');
	return 0;
}

TEST(io_bad_descriptors)
{
	io_run(bad_fn);
}

static int bad_address_fn(weft_call *call, const void *arg, void *result)
{
	void *nowhere = (void *)(uintptr_t)16;
	int p[2];
	(void)arg, (void)result;
	EXPECT_EQ(pipe2(p, O_CLOEXEC), 0);
	EXPECT_EQ(write(p[1], "abc", 3), 3);
	EXPECT_EQ(weft_read(p[0], nowhere, 3), -EFAULT);
	EXPECT_EQ(weft_write(p[1], nowhere, 3), -EFAULT);
	EXPECT_EQ(weft_open(nowhere, O_RDONLY), -EFAULT);
	EXPECT_EQ(weft_unlink(nowhere), -EFAULT);
	EXPECT_EQ(weft_read_full(p[0], nowhere, (size_t)-1), -EINVAL);
	EXPECT_EQ(weft_write_full(p[0], nowhere, (size_t)-1), -EINVAL);
	EXPECT_EQ(weft_close(p[0]) + weft_close(p[1]), 0);
	return 0;
}

TEST(io_bad_addresses)
{
	if (TEST_SLOW_BUILD)
		SKIP("the sanitizers' wrappers would touch them");
	io_run(bad_address_fn);
}

static int splice_fn(weft_call *call, const void *arg, void *result)
{
	char name[160], got[16] = "";
	int64_t in = 2, out = 0;
	int p[2];
	(void)result;
	name_near(arg, ".s", name, sizeof name);
	int fd = weft_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EXPECT_EQ(pipe2(p, O_CLOEXEC), 0);
	EXPECT_EQ(weft_splice(p[0], NULL, fd, NULL, 4, SPLICE_F_NONBLOCK), -EAGAIN);
	EXPECT_EQ(weft_write(fd, "0123456789", 10), 10);
	EXPECT_EQ(weft_splice(fd, &in, p[1], NULL, 4, 0), 4);
	EXPECT_EQ(in, 6);
	EXPECT_EQ(weft_splice(fd, &in, p[1], NULL, 100, 0), 4);
	EXPECT_EQ(in, 10);
	EXPECT_EQ(weft_splice(fd, &in, p[1], NULL, 100, 0), 0);
	EXPECT_EQ(weft_splice(p[0], NULL, fd, &out, 3, 0), 3);
	EXPECT_EQ(out, 3);
	EXPECT_EQ(weft_pread(fd, got, 10, 0), 10);
	EXPECT(!memcmp(got, "2343456789", 10));
	EXPECT_EQ(weft_splice(p[0], &in, fd, NULL, 3, 0), -ESPIPE);
	EXPECT_EQ(weft_splice(fd, NULL, fd, NULL, 3, 0), -EINVAL);
	in = -1;
	EXPECT_EQ(weft_splice(fd, &in, p[1], NULL, 3, 0), -EINVAL);
	EXPECT_EQ(weft_splice(fd, NULL, p[1], &in, 3, 0), -EINVAL);
	EXPECT_EQ(weft_close(fd) + weft_close(p[0]) + weft_close(p[1]) + weft_unlink(name), 0);
	return 0;
}

TEST(io_splice)
{
	io_run(splice_fn);
}

static int poll_fn(weft_call *call, const void *arg, void *result)
{
	int p[2], q[2];
	(void)arg, (void)result;
	EXPECT_EQ(pipe2(p, O_CLOEXEC) + pipe2(q, O_CLOEXEC), 0);
	struct pollfd one = {.fd = p[0], .events = POLLIN}, none = {.fd = -1, .events = POLLIN, .revents = 5};
	weft_time start = weft_now();
	EXPECT_EQ(weft_poll(&one, 1, 0), 0);
	EXPECT_EQ(weft_poll(&one, 1, 20), 0);
	EXPECT(weft_now() >= start + WEFT_MS(20));
	EXPECT_EQ(weft_poll(&none, 1, 5), 0);
	EXPECT_EQ(none.revents, 0);
	EXPECT_EQ(weft_poll(NULL, 0, 5), 0);
	struct pollfd many[5] = {{.fd = p[0], .events = POLLIN},
				 {.fd = q[0], .events = POLLIN},
				 {.fd = -1, .events = POLLIN},
				 {.fd = p[0], .events = POLLPRI},
				 {.fd = q[0], .events = 0}};
	EXPECT_EQ(weft_poll(many, 5, 5), 0);
	struct io_peer peer = {.manner = IO_SENDS_LATE, .fd = q[1], .size = 3};
	EXPECT(io_peer_start(&peer));
	EXPECT_EQ(weft_poll(many, 5, -1), 1);
	EXPECT(many[1].revents == POLLIN && !many[0].revents && !many[2].revents && !many[4].revents);
	io_peer_join(&peer);
	peer = (struct io_peer){.manner = IO_CLOSES_LATE, .fd = p[1]};
	EXPECT(io_peer_start(&peer));
	EXPECT_EQ(weft_poll(&one, 1, -1), 1);
	EXPECT_EQ(one.revents, POLLHUP);
	io_peer_join(&peer);
	/* Now both have hung up, whatever is asked of them. */
	EXPECT_EQ(weft_poll(many, 5, -1), 4);
	EXPECT_EQ(weft_close(p[0]) + weft_close(q[0]), 0);
	return 0;
}

TEST(io_poll)
{
	io_run(poll_fn);
}

static int sleep_fn(weft_call *call, const void *arg, void *result)
{
	weft_time start = weft_now();
	(void)arg, (void)result;
	EXPECT_EQ(weft_sleep(WEFT_MS(15)), 0);
	EXPECT(weft_now() >= start + WEFT_MS(15));
	EXPECT_EQ(weft_sleep(0), 0);
	EXPECT_EQ(weft_sleep(INT64_MIN), 0);
	EXPECT_EQ(weft_yield(), 0);
	return 0;
}

TEST(io_sleep)
{
	io_run(sleep_fn);
}

/* A great many times, so that what a call leaves behind would show: descriptors are few. */
static int again_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	for (int i = 0; i < 300; i++) {
		int p[2];
		char c;
		EXPECT_EQ(pipe2(p, O_CLOEXEC), 0);
		struct pollfd fd[2] = {{.fd = p[0], .events = POLLIN}, {.fd = p[1], .events = 0}};
		EXPECT_EQ(weft_poll(fd, i % 2 ? 2 : 1, i % 3), 0);
		EXPECT_EQ(weft_write(p[1], "x", 1), 1);
		EXPECT_EQ(weft_read(p[0], &c, 1), 1);
		EXPECT_EQ(weft_close(p[0]) + weft_close(p[1]), 0);
		EXPECT(p[0] < 200);
	}
	return 0;
}

TEST(io_leaves_no_descriptors)
{
	io_run(again_fn);
}
