/* SPDX-License-Identifier: MIT
 *
 * contract_io_peer.c -- the same on every executor, whatever the other end does: it ends, stalls, sends a byte at a
 * time, closes; the descriptor is O_NONBLOCK, or has a timeout of its own; signals come; somebody closes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io_kit.h"

enum { BIG = 8 << 20 };

static char *big_new(size_t size)
{
	char *big = malloc(size);
	for (size_t i = 0; big && i < size; i++)
		big[i] = io_byte(i);
	return big;
}

static bool is_right(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != io_byte(i))
			return false;
	return true;
}

/* ---- A lot ---- */

static int send_a_lot_fn(weft_call *call, const void *arg, void *result)
{
	char *big = big_new(BIG);
	(void)arg, (void)result;
	for (int way = 0; way < 3; way++) {
		int s[2];
		EXPECT(big && (way == 2 ? pipe2(s, O_CLOEXEC) == 0 : io_connected(s)));
		struct io_peer peer = {.manner = IO_SWALLOWS, .fd = way == 2 ? s[0] : s[1]};
		int own = way == 2 ? s[1] : s[0];
		EXPECT(io_peer_start(&peer));
		EXPECT_EQ(way == 0 ? weft_send_full(own, big, BIG, 0) : weft_write_full(own, big, BIG), BIG);
		EXPECT_EQ(weft_close(own), 0);
		io_peer_join(&peer);
		EXPECT_EQ(peer.right, BIG);
	}
	free(big);
	return 0;
}

TEST(io_sends_all)
{
	io_run(send_a_lot_fn);
}

static int write_in_parts_fn(weft_call *call, const void *arg, void *result)
{
	char *big = big_new(BIG);
	int p[2];
	(void)arg, (void)result;
	EXPECT(big && pipe2(p, O_CLOEXEC) == 0);
	struct io_peer peer = {.manner = IO_SWALLOWS, .fd = p[0]};
	EXPECT(io_peer_start(&peer));
	for (size_t at = 0; at < BIG;) {
		struct iovec v[3] = {{NULL, 0}, {big + at, 1}, {big + at + 1, BIG - at - 1}};
		ssize_t n = weft_writev(p[1], v, 3);
		EXPECT(n > 0 && (size_t)n <= BIG - at);
		at += (size_t)n;
	}
	EXPECT_EQ(weft_close(p[1]), 0);
	io_peer_join(&peer);
	EXPECT_EQ(peer.right, BIG);
	free(big);
	return 0;
}

TEST(io_writes_in_parts)
{
	io_run(write_in_parts_fn);
}

/* ---- A byte at a time ---- */

static int drip_fn(weft_call *call, const void *arg, void *result)
{
	char got[4096];
	(void)arg, (void)result;
	for (int way = 0; way < 4; way++) {
		int s[2];
		EXPECT(io_connected(s));
		struct io_peer peer = {.manner = IO_DRIPS, .fd = s[1], .size = 1000};
		EXPECT(io_peer_start(&peer));
		memset(got, 0, sizeof got);
		EXPECT_EQ(way == 0   ? weft_read_full(s[0], got, 900)
			  : way == 1 ? weft_recv_full(s[0], got, 900, 0)
			  : way == 2 ? weft_recv(s[0], got, 900, MSG_WAITALL)
				     : weft_recv_full(s[0], got, 900, MSG_DONTWAIT | MSG_WAITALL),
			  900);
		EXPECT(is_right(got, 900));
		/* What is left is less than what is asked for. */
		EXPECT_EQ(way == 0   ? weft_read_full(s[0], got + 900, 900)
			  : way == 2 ? weft_recv(s[0], got + 900, 900, MSG_WAITALL)
				     : weft_recv_full(s[0], got + 900, 900, 0),
			  100);
		EXPECT(is_right(got, 1000));
		EXPECT_EQ(weft_read_full(s[0], got, 10), 0);
		EXPECT_EQ(weft_close(s[0]), 0);
		io_peer_join(&peer);
	}
	return 0;
}

TEST(io_peer_sends_a_byte_at_a_time)
{
	io_run(drip_fn);
}

static int short_file_fn(weft_call *call, const void *arg, void *result)
{
	char got[100];
	FILE *f = tmpfile();
	(void)arg, (void)result;
	EXPECT(f);
	int fd = fileno(f);
	EXPECT_EQ(weft_write_full(fd, "0123456789", 10), 10);
	EXPECT_EQ(weft_pread_full(fd, got, 100, 3), 7);
	EXPECT_EQ(weft_pread_full(fd, got, 5, 3), 5);
	EXPECT_EQ(weft_pread_full(fd, got, 5, 30), 0);
	EXPECT_EQ(weft_pwrite_full(fd, "ab", 2, 9), 2);
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
	EXPECT_EQ(weft_read_full(fd, got, 100), 11);
	EXPECT(!memcmp(got, "012345678ab", 11));
	EXPECT_EQ(weft_pread_full(fd, got, 1, -1), -EINVAL);
	EXPECT_EQ(weft_pwrite_full(fd, got, 1, -1), -EINVAL);
	fclose(f);
	return 0;
}

TEST(io_file_is_shorter)
{
	io_run(short_file_fn);
}

/* ---- It stalls ---- */

/* Whatever the descriptor says of not waiting, the calls wait; and leave it as it is. */
static int stall_fn(weft_call *call, const void *arg, void *result)
{
	struct timeval brief = {.tv_usec = 1000}, after;
	socklen_t size = sizeof after;
	char got[8];
	(void)arg, (void)result;
	for (int way = 0; way < 8; way++) {
		bool is_pipe = way % 2, nonblock = way / 2 % 2, by_recv = way >= 4 && !is_pipe;
		int s[2];
		EXPECT(is_pipe ? pipe2(s, O_CLOEXEC) == 0 : io_connected(s));
		EXPECT(!nonblock || fcntl(s[0], F_SETFL, O_NONBLOCK) == 0);
		if (!is_pipe)
			EXPECT_EQ(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief), 0);
		struct io_peer peer = {.manner = IO_SENDS_LATE, .fd = s[1], .size = 5};
		EXPECT(io_peer_start(&peer));
		EXPECT_EQ(by_recv ? weft_recv(s[0], got, 8, 0) : weft_read(s[0], got, 8), 5);
		EXPECT(is_right(got, 5));
		EXPECT_EQ(fcntl(s[0], F_GETFL) & O_NONBLOCK, nonblock ? O_NONBLOCK : 0);
		if (!is_pipe) {
			EXPECT_EQ(getsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &after, &size), 0);
			EXPECT_EQ(after.tv_sec, 0);
		}
		io_peer_join(&peer);
		EXPECT_EQ(weft_close(s[0]), 0);
	}
	return 0;
}

TEST(io_peer_stalls)
{
	io_run(stall_fn);
}

/* A writer to one that does not read, until it does. */
static int slow_reader_fn(weft_call *call, const void *arg, void *result)
{
	char *big = big_new(BIG);
	(void)arg, (void)result;
	for (int nonblock = 0; nonblock < 2; nonblock++) {
		struct timeval brief = {.tv_usec = 1000};
		int s[2];
		EXPECT(big && io_connected_near(s));
		EXPECT(!nonblock || fcntl(s[0], F_SETFL, O_NONBLOCK) == 0);
		EXPECT_EQ(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &brief, sizeof brief), 0);
		size_t room = io_fill(s[0]);
		struct pollfd p = {.fd = s[0], .events = POLLOUT};
		EXPECT_EQ(weft_poll(&p, 1, 0), 0);
		EXPECT_EQ(weft_send(s[0], big, 1, MSG_DONTWAIT), -EAGAIN);
		struct io_peer peer = {.manner = IO_SWALLOWS_LATE, .fd = s[1], .size = room};
		EXPECT(io_peer_start(&peer));
		EXPECT_EQ(weft_send_full(s[0], big, BIG, 0), BIG);
		EXPECT_EQ(weft_close(s[0]), 0);
		io_peer_join(&peer);
		EXPECT_EQ(peer.right, BIG);
	}
	free(big);
	return 0;
}

TEST(io_peer_reads_late)
{
	io_run(slow_reader_fn);
}

/* ---- Signals ---- */

static int signals_seen;

static void on_signal(int number)
{
	(void)number;
	__atomic_add_fetch(&signals_seen, 1, __ATOMIC_RELAXED);
}

/* A handler without SA_RESTART: the system's calls would give EINTR. */
static int signal_fn(weft_call *call, const void *arg, void *result)
{
	struct sigaction act = {.sa_handler = on_signal}, old;
	sigset_t usr1, mask;
	char got[8];
	(void)arg, (void)result;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigaction(SIGUSR1, &act, &old);
	pthread_sigmask(SIG_UNBLOCK, &usr1, &mask);
	for (int way = 0; way < 4; way++) {
		int s[2], before = __atomic_load_n(&signals_seen, __ATOMIC_RELAXED);
		EXPECT(io_connected(s));
		struct pollfd p = {.fd = s[0], .events = POLLIN};
		struct io_peer peer = {
			.manner = IO_INTERRUPTS, .fd = s[1], .size = 5, .victim = pthread_self()};
		EXPECT(io_peer_start(&peer));
		if (way == 2)
			EXPECT_EQ(weft_poll(&p, 1, -1), 1);
		if (way == 3)
			EXPECT_EQ(weft_sleep(WEFT_MS(40)), 0);
		EXPECT_EQ(way ? weft_recv_full(s[0], got, 5, 0) : weft_read_full(s[0], got, 5), 5);
		EXPECT(__atomic_load_n(&signals_seen, __ATOMIC_RELAXED) > before);
		io_peer_join(&peer);
		EXPECT_EQ(weft_close(s[0]), 0);
	}
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGUSR1, &old, NULL);
	return 0;
}

TEST(io_signals_do_not_end_it)
{
	io_run(signal_fn);
}

/* ---- It is gone ---- */

/* Nobody reads there any more: -EPIPE, and no signal, which would kill the test, or stay pending. */
static int broken_fn(weft_call *call, const void *arg, void *result)
{
	struct iovec v = {(void *)"abc", 3};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	sigset_t pending;
	int p[2], q[2], s[2];
	(void)arg, (void)result;
	EXPECT(pipe2(p, O_CLOEXEC) == 0 && pipe2(q, O_CLOEXEC) == 0);
	EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	EXPECT_EQ(write(q[1], "abc", 3), 3);
	close(p[0]), close(s[1]);
	EXPECT_EQ(weft_write(p[1], "abc", 3), -EPIPE);
	EXPECT_EQ(weft_writev(p[1], &v, 1), -EPIPE);
	EXPECT_EQ(weft_write_full(p[1], "abc", 3), -EPIPE);
	EXPECT_EQ(weft_splice(q[0], NULL, p[1], NULL, 3, 0), -EPIPE);
	EXPECT_EQ(weft_write(s[0], "abc", 3), -EPIPE);
	EXPECT_EQ(weft_writev(s[0], &v, 1), -EPIPE);
	EXPECT_EQ(weft_send(s[0], "abc", 3, 0), -EPIPE);
	EXPECT_EQ(weft_send(s[0], "abc", 3, MSG_DONTWAIT), -EPIPE);
	EXPECT_EQ(weft_send_full(s[0], "abc", 3, 0), -EPIPE);
	EXPECT_EQ(weft_sendmsg(s[0], &m, 0), -EPIPE);
	EXPECT_EQ(weft_sendto(s[0], "abc", 3, 0, NULL, 0), -EPIPE);
	EXPECT_EQ(weft_splice(q[0], NULL, s[0], NULL, 3, 0), -EPIPE);
	sigpending(&pending);
	EXPECT(!sigismember(&pending, SIGPIPE));
	close(p[1]), close(q[0]), close(q[1]), close(s[0]);
	return 0;
}

TEST(io_peer_is_gone)
{
	io_run(broken_fn);
}

/* It goes while we wait: a reader is told of the end, a writer that it is broken. Of a shutdown a writer learns if it
 * is of its own end. */
static int goes_fn(weft_call *call, const void *arg, void *result)
{
	static const struct {
		bool is_pipe, writes;
		enum io_manner manner;
	} ways[] = {{false, false, IO_SHUTS_LATE}, {false, false, IO_CLOSES_LATE},
		    {true, false, IO_CLOSES_LATE}, {false, true, IO_SHUTS_LATE},
		    {false, true, IO_CLOSES_LATE}, {true, true, IO_CLOSES_LATE}};
	char c = 'x';
	(void)arg, (void)result;
	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
		bool writes = ways[i].writes;
		int s[2], own = ways[i].is_pipe && writes;
		EXPECT(ways[i].is_pipe ? pipe2(s, O_CLOEXEC) == 0
		       : writes        ? io_connected_near(s)
				       : io_connected(s));
		if (writes)
			io_fill(s[own]);
		struct io_peer peer = {.manner = ways[i].manner, .fd = s[!own]};
		if (writes && peer.manner == IO_SHUTS_LATE)
			peer.fd = dup(s[own]);
		EXPECT(io_peer_start(&peer));
		ssize_t n = writes ? weft_write_full(s[own], &c, 1) : weft_read(s[own], &c, 1);
		/* A connection with bytes that nobody has read is reset. */
		EXPECT(writes ? n == -EPIPE || n == -ECONNRESET : n == 0);
		io_peer_join(&peer);
		if (writes && peer.manner == IO_SHUTS_LATE)
			close(s[!own]);
		EXPECT_EQ(weft_close(s[own]), 0);
	}
	return 0;
}

TEST(io_peer_goes)
{
	io_run(goes_fn);
}

/* The same where the kernel has less to offer. */
TEST(io_peers_on_an_old_kernel)
{
	io_old_kernel();
	io_run(send_a_lot_fn);
	io_run(write_in_parts_fn);
	io_run(stall_fn);
	io_run(broken_fn);
	io_run(goes_fn);
}

/* ---- Somebody closes it ---- */

struct closing {
	uint32_t *board;
	int fd[2], which;
};

static ssize_t wait_for(int which, const int fd[2])
{
	struct pollfd p = {.fd = fd[0], .events = POLLIN};
	char c;
	switch (which) {
	case 0:
		return weft_read(fd[0], &c, 1);
	case 1:
		return weft_recv_full(fd[0], &c, 1, 0);
	case 2:
		return weft_poll(&p, 1, -1);
	case 3:
		return weft_accept(fd[0], NULL, NULL);
	default:
		return weft_write(fd[0], &c, 1);
	}
}

static int wait_for_fn(weft_call *call, const void *arg, void *result)
{
	const struct closing *c = *(const struct closing *const *)arg;
	(void)call, (void)result;
	test_add(&c->board[0], 1);
	ssize_t n = wait_for(c->which, c->fd);
	return n < 0 ? (int)n : -EPROTO;
}

static int close_fn(weft_call *call, const void *arg, void *result)
{
	const struct closing *c = *(const struct closing *const *)arg;
	(void)call, (void)result;
	return weft_close(c->fd[0]);
}

TEST(io_close_ends_waits)
{
	weft_executor *ex = test_executor();
	if (!(weft_executor_caps(ex) & WEFT_CAP_LOCAL)) {
		weft_executor_free(ex);
		SKIP("tasks have no descriptors in common");
	}
	for (int which = 0; which < 5; which++) {
		struct sockaddr_in a;
		test_ref ref;
		struct closing c = {.board = test_board(&ref), .which = which}, *p = &c;
		REQUIRE(which == 4 ? io_connected_near(c.fd) : io_connected(c.fd));
		if (which == 3) {
			close(c.fd[0]);
			c.fd[0] = io_listen(&a, 5);
		}
		if (which == 4)
			io_fill(c.fd[0]);
		weft_task w[3], t = {.fn = close_fn, .arg = &p, .arg_size = sizeof p};
		struct io_start s[3];
		for (int i = 0; i < 3; i++) {
			w[i] = (weft_task){.fn = wait_for_fn, .arg = &p, .arg_size = sizeof p};
			io_start(&s[i], ex, &w[i]);
		}
		REQUIRE(test_await(&c.board[0], 3));
		test_sleep_ms(
			20); /* most of the time they wait by then; a call that begins later finds no file */
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
		for (int i = 0; i < 3; i++) {
			io_join(&s[i]);
			int status = weft_future_status(weft_task_future(&w[i]));
			/* A poll that begins too late says that there is no such file, as poll(2) does. */
			CHECK(status == -EBADF || (which == 2 && status == -EPROTO));
		}
		close(c.fd[1]);
	}
	weft_executor_free(ex);
}
