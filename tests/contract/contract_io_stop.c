/* SPDX-License-Identifier: MIT
 *
 * contract_io_stop.c -- every call of weft/io.h that can wait for ever ends when its task is cancelled, at its
 * deadline, and when its executor is stopped.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "io_kit.h"

/* What a wait waits for. All of it belongs to the task, so that it is the same in a worker process. */
struct place {
	int pipe[2], full_pipe[2]; /* the second has no room */
	int peers[2], full[2];     /* connections: to full[0] nothing more can be sent */
	int listener, crowded, near_crowded;
	struct sockaddr_in crowded_at;
	struct sockaddr_un near_at;
	socklen_t near_size;
	int fd; /* of a connect */
	char *big;
};

enum { BIG = 8 << 20 };

static void crowd_near(struct place *p, int ret_fd[], int *io_n)
{
	p->near_crowded = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	p->near_at = (struct sockaddr_un){.sun_family = AF_UNIX};
	p->near_size = sizeof p->near_at;
	if (bind(p->near_crowded, (struct sockaddr *)&p->near_at, sizeof(sa_family_t)) ||
	    getsockname(p->near_crowded, (struct sockaddr *)&p->near_at, &p->near_size) ||
	    listen(p->near_crowded, 0))
		abort();
	ret_fd[*io_n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	connect(ret_fd[(*io_n)++], (struct sockaddr *)&p->near_at, p->near_size);
}

enum { CROWD = 4 };

static void place_make(struct place *p, int crowd[CROWD])
{
	int n = 0;
	*p = (struct place){.fd = -1, .big = calloc(1, BIG)};
	if (!p->big || pipe2(p->pipe, O_CLOEXEC) || pipe2(p->full_pipe, O_CLOEXEC) ||
	    !io_connected(p->peers) || !io_connected_near(p->full))
		abort();
	io_fill(p->full_pipe[1]);
	io_fill(p->full[0]);
	struct sockaddr_in a;
	p->listener = io_listen(&a, 5);
	p->crowded = io_listen(&p->crowded_at, 0);
	for (; n < CROWD - 1; n++) {
		crowd[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(crowd[n], (struct sockaddr *)&p->crowded_at, sizeof p->crowded_at);
	}
	crowd_near(p, crowd, &n);
}

static void place_end(struct place *p, const int crowd[CROWD])
{
	for (int i = 0; i < 2; i++)
		close(p->pipe[i]), close(p->full_pipe[i]), close(p->peers[i]), close(p->full[i]);
	for (int i = 0; i < CROWD; i++)
		close(crowd[i]);
	close(p->listener), close(p->crowded), close(p->near_crowded);
	if (p->fd >= 0)
		close(p->fd);
	free(p->big);
}

static ssize_t in_read(struct place *p)
{
	return weft_read(p->pipe[0], p->big, 1);
}

static ssize_t in_read_socket(struct place *p)
{
	return weft_read(p->peers[0], p->big, 1);
}

static ssize_t in_readv(struct place *p)
{
	struct iovec v = {p->big, 1};
	return weft_readv(p->pipe[0], &v, 1);
}

static ssize_t in_read_full(struct place *p)
{
	if (write(p->pipe[1], "abc", 3) != 3)
		abort();
	return weft_read_full(p->pipe[0], p->big, 4);
}

static ssize_t in_write(struct place *p)
{
	return weft_write(p->full_pipe[1], p->big, 1);
}

static ssize_t in_write_socket(struct place *p)
{
	return weft_write(p->full[0], p->big, 1);
}

static ssize_t in_writev(struct place *p)
{
	struct iovec v = {p->big, 1};
	return weft_writev(p->full_pipe[1], &v, 1);
}

static ssize_t in_write_full(struct place *p)
{
	return weft_write_full(p->pipe[1], p->big, BIG);
}

static ssize_t in_recv(struct place *p)
{
	return weft_recv(p->peers[0], p->big, 1, 0);
}

static ssize_t in_recv_full(struct place *p)
{
	if (write(p->peers[1], "abc", 3) != 3)
		abort();
	return weft_recv_full(p->peers[0], p->big, 4, 0);
}

static ssize_t in_recvmsg(struct place *p)
{
	struct iovec v = {p->big, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	return weft_recvmsg(p->peers[0], &m, 0);
}

static ssize_t in_recvfrom(struct place *p)
{
	return weft_recvfrom(p->peers[0], p->big, 1, 0, NULL, NULL);
}

static ssize_t in_send(struct place *p)
{
	return weft_send(p->full[0], p->big, 1, 0);
}

static ssize_t in_send_full(struct place *p)
{
	return weft_send_full(p->peers[0], p->big, BIG, 0);
}

static ssize_t in_sendmsg(struct place *p)
{
	struct iovec v = {p->big, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	return weft_sendmsg(p->full[0], &m, 0);
}

static ssize_t in_sendto(struct place *p)
{
	return weft_sendto(p->full[0], p->big, 1, 0, NULL, 0);
}

static ssize_t in_accept(struct place *p)
{
	return weft_accept(p->listener, NULL, NULL);
}

static ssize_t in_accept_nonblock(struct place *p)
{
	fcntl(p->listener, F_SETFL, O_NONBLOCK);
	return weft_accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
}

static ssize_t in_connect(struct place *p)
{
	p->fd = weft_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return weft_connect(p->fd, (struct sockaddr *)&p->crowded_at, sizeof p->crowded_at);
}

static ssize_t in_connect_nonblock(struct place *p)
{
	p->fd = weft_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return weft_connect(p->fd, (struct sockaddr *)&p->crowded_at, sizeof p->crowded_at);
}

static ssize_t in_connect_near(struct place *p)
{
	p->fd = weft_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return weft_connect(p->fd, (struct sockaddr *)&p->near_at, p->near_size);
}

static ssize_t in_poll(struct place *p)
{
	struct pollfd f = {.fd = p->pipe[0], .events = POLLIN};
	return weft_poll(&f, 1, -1);
}

static ssize_t in_poll_with_limit(struct place *p)
{
	struct pollfd f = {.fd = p->pipe[0], .events = POLLIN};
	return weft_poll(&f, 1, 30000);
}

static ssize_t in_poll_many(struct place *p)
{
	struct pollfd f[3] = {{.fd = p->pipe[0], .events = POLLIN},
			      {.fd = p->full[0], .events = POLLOUT},
			      {.fd = p->listener, .events = POLLIN}};
	return weft_poll(f, 3, -1);
}

static ssize_t in_poll_of_none(struct place *p)
{
	(void)p;
	return weft_poll(NULL, 0, -1);
}

static ssize_t in_sleep(struct place *p)
{
	(void)p;
	return weft_sleep(WEFT_FOREVER);
}

static ssize_t in_splice_from_empty(struct place *p)
{
	return weft_splice(p->pipe[0], NULL, p->peers[0], NULL, 10, 0);
}

static ssize_t in_splice_to_full(struct place *p)
{
	return weft_splice(p->full_pipe[0], NULL, p->full[0], NULL, 10, 0);
}

static ssize_t in_splice_from_socket(struct place *p)
{
	return weft_splice(p->peers[0], NULL, p->pipe[1], NULL, 10, 0);
}

/* A terminal: neither a socket nor a file, and no kernel has RWF_NOWAIT for it. */
static ssize_t in_read_terminal(struct place *p)
{
	p->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	return weft_read(p->fd, p->big, 1);
}

static const struct {
	const char *name;
	ssize_t (*fn)(struct place *);
} waits[] = {
#define WAIT(name)                                                                                           \
	{                                                                                                    \
#name, name                                                                                  \
	}
	WAIT(in_read),
	WAIT(in_read_socket),
	WAIT(in_readv),
	WAIT(in_read_full),
	WAIT(in_read_terminal),
	WAIT(in_write),
	WAIT(in_write_socket),
	WAIT(in_writev),
	WAIT(in_write_full),
	WAIT(in_recv),
	WAIT(in_recv_full),
	WAIT(in_recvmsg),
	WAIT(in_recvfrom),
	WAIT(in_send),
	WAIT(in_send_full),
	WAIT(in_sendmsg),
	WAIT(in_sendto),
	WAIT(in_accept),
	WAIT(in_accept_nonblock),
	WAIT(in_connect),
	WAIT(in_connect_nonblock),
	WAIT(in_connect_near),
	WAIT(in_poll),
	WAIT(in_poll_with_limit),
	WAIT(in_poll_many),
	WAIT(in_poll_of_none),
	WAIT(in_sleep),
	WAIT(in_splice_from_empty),
	WAIT(in_splice_to_full),
	WAIT(in_splice_from_socket),
};
enum { WAITS = sizeof waits / sizeof *waits, STARTED = TEST_GATE_STARTED, RESULT = 2 };

struct request {
	test_ref ref;
	unsigned which;
};

static int wait_fn(weft_call *call, const void *arg, void *result)
{
	const struct request *r = arg;
	uint32_t *board = test_board_map(&r->ref);
	struct place p;
	int crowd[CROWD];
	(void)call, (void)result;
	place_make(&p, crowd);
	test_add(&board[STARTED], 1);
	ssize_t n = waits[r->which].fn(&p);
	test_set(&board[RESULT], (uint32_t)(n < 0 ? -n : n + 1000));
	place_end(&p, crowd);
	test_board_unmap(board);
	return n < 0 ? (int)n : -EPROTO;
}

/* Does the status of waits[i] show what it should, and what the body got? killed: it may not have got anything. */
static void check(unsigned i, int status, uint32_t *board, int expected, bool killed)
{
	int got = -(int)test_get(&board[RESULT]);
	if (!CHECK(status == expected && (got == expected || (killed && got == 0))))
		printf("%s: status %d, it got %d\n", waits[i].name, status, got);
}

static void cancel_each(unsigned after_ms)
{
	weft_executor *ex = test_executor();
	for (unsigned i = 0; i < WAITS; i++) {
		struct request r = {.which = i};
		uint32_t *board = test_board(&r.ref);
		weft_task t = {.fn = wait_fn, .arg = &r, .arg_size = sizeof r};
		struct io_start s;
		io_start(&s, ex, &t);
		REQUIRE(test_await(&board[STARTED], 1));
		if (after_ms)
			test_sleep_ms(after_ms);
		CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_ASKED);
		io_join(&s);
		check(i, weft_future_status(weft_task_future(&t)), board, -ECANCELED, false);
	}
	weft_executor_free(ex);
}

TEST(io_cancelled_while_waiting)
{
	cancel_each(15);
}

TEST(io_cancelled_on_an_old_kernel)
{
	io_old_kernel();
	cancel_each(15);
}

TEST(io_cancelled_on_the_way)
{
	cancel_each(0);
}

TEST(io_deadline_while_waiting)
{
	weft_executor *ex = test_executor();
	bool can_kill = weft_executor_caps(ex) & WEFT_CAP_KILL;
	for (unsigned i = 0; i < WAITS; i++) {
		struct request r = {.which = i};
		uint32_t *board = test_board(&r.ref);
		weft_task t = {.fn = wait_fn, .arg = &r, .arg_size = sizeof r};
		t.deadline = weft_after(TEST_SLOW_BUILD ? WEFT_MS(200) : WEFT_MS(40));
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		if (test_get(&board[STARTED]))
			check(i, weft_future_status(weft_task_future(&t)), board, -ETIMEDOUT, can_kill);
	}
	weft_executor_free(ex);
}

TEST(io_stopped_while_waiting)
{
	if (test_is_inline())
		SKIP("it cannot be stopped");
	for (unsigned i = 0; i < WAITS; i++) {
		struct request r = {.which = i};
		uint32_t *board = test_board(&r.ref);
		weft_executor *ex = test_executor();
		weft_task t = {.fn = wait_fn, .arg = &r, .arg_size = sizeof r};
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		REQUIRE(test_await(&board[STARTED], 1));
		CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_CANCEL, test_soon()), 0);
		check(i, weft_future_status(weft_task_future(&t)), board, -ECANCELED, true);
		weft_executor_free(ex);
	}
}
