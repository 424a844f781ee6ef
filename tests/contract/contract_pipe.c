/* SPDX-License-Identifier: MIT
 *
 * contract_pipe.c -- pipes over sockets, used by tasks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io_kit.h"

enum { BIG = 16 << 20 };

static const struct weft_listen_opts opts = {
	.size = sizeof opts, .secret = "a secret", .secret_size = 8, .message_size = BIG};

struct where {
	char address[128];
};

/* Connects, and has everything sent back. */
static int talk_fn(weft_call *call, const void *arg, void *result)
{
	const struct where *w = arg;
	const size_t sizes[] = {0, 1, 1000, 300000};
	char *msg = calloc(1, 300000), c;
	weft_pipe *p;
	int fd[2];

	(void)result;
	EXPECT(msg);
	EXPECT_EQ(weft_pipe_connect(&p, w->address, &opts, test_soon()), 0);
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		EXPECT_EQ(weft_pipe_recv(p, msg, BIG, weft_after(WEFT_US(100))), -ETIMEDOUT);
		EXPECT_EQ(weft_pipe_send(p, msg, sizes[i], test_soon()), 0);
		EXPECT_EQ(weft_pipe_poll(p, test_soon()), 0);
		EXPECT_EQ(weft_pipe_recv(p, msg, 300000, test_soon()), (ssize_t)sizes[i]);
	}
	if (!strncmp(w->address, "unix:", 5)) {
		EXPECT_EQ(pipe(fd), 0);
		EXPECT_EQ(weft_pipe_send_fd(p, fd[1], test_soon()), 0);
		EXPECT_EQ(close(fd[1]), 0);
		EXPECT_EQ(weft_read(fd[0], &c, 1), 1);
		EXPECT_EQ(close(fd[0]), 0);
	}
	free(msg);
	return weft_pipe_close(p);
}

/* Accepts, sends back; writes a byte into a descriptor that comes. */
static void *answer_main(void *arg)
{
	weft_listener *l = arg;
	char *msg = malloc(BIG);
	weft_pipe *p;
	ssize_t n = weft_listener_accept(l, &p, test_soon());

	if (n) {
		free(msg);
		return (void *)(intptr_t)n;
	}
	while ((n = weft_pipe_recv(p, msg, BIG, test_soon())) >= 0 || n == -ENOMSG) {
		int fd = n < 0 ? weft_pipe_recv_fd(p, test_soon()) : -1;

		if (n >= 0 && weft_pipe_send(p, msg, (size_t)n, test_soon()))
			break;
		if (fd >= 0 && (write(fd, "x", 1) != 1 || close(fd)))
			break;
	}
	free(msg);
	weft_pipe_close(p);
	return (void *)(intptr_t)n;
}

static void talk_over(const char *address)
{
	weft_executor *ex = test_executor();
	weft_listener *l;
	struct where w;
	weft_task t = {.fn = talk_fn, .arg = &w, .arg_size = sizeof w};
	struct io_start s;
	pthread_t answer;
	void *end;

	REQUIRE_EQ(weft_listen(&l, address, &opts), 0);
	snprintf(w.address, sizeof w.address, "%s", weft_listener_address(l));
	REQUIRE_EQ(pthread_create(&answer, NULL, answer_main, l), 0);
	io_start(&s, ex, &t);
	io_join(&s);
	if (!CHECK_EQ(weft_future_status(weft_task_future(&t)), 0))
		fprintf(stderr, "%s\n", weft_future_error(weft_task_future(&t)));
	pthread_join(answer, &end);
	CHECK_EQ((intptr_t)end, -EPIPE);
	weft_listener_close(l);
	weft_executor_free(ex);
}

TEST(pipe_over_unix)
{
	char address[128];

	snprintf(address, sizeof address, "unix:%s/socket", test_dir());
	talk_over(address);
}

TEST(pipe_over_tcp)
{
	talk_over("tcp:127.0.0.1:0");
}

/* ---- Called off. The ends are the test's: tasks that share its memory use them. ---- */

struct use {
	weft_pipe *pipe;
	weft_listener *listener;
	char *big;
	uint32_t *started;
	weft_time deadline;
};

static int send_big_fn(weft_call *call, const void *arg, void *result)
{
	const struct use *u = *(const struct use *const *)arg;

	(void)call, (void)result;
	test_set(u->started, 1);
	return weft_pipe_send(u->pipe, u->big, BIG, u->deadline);
}

static int recv_fn(weft_call *call, const void *arg, void *result)
{
	const struct use *u = *(const struct use *const *)arg;

	(void)call, (void)result;
	test_set(u->started, 1);
	return (int)weft_pipe_recv(u->pipe, u->big, BIG, u->deadline);
}

static int accept_fn(weft_call *call, const void *arg, void *result)
{
	const struct use *u = *(const struct use *const *)arg;
	weft_pipe *p;

	(void)call, (void)result;
	test_set(u->started, 1);
	return weft_listener_accept(u->listener, &p, u->deadline);
}

enum how { BY_CANCEL, BY_TASKS_DEADLINE, BY_DEADLINE, HOWS };

/* A task that waits in fn is called off; what does it say? */
static void call_off(weft_executor *ex, weft_fn *fn, struct use *u, enum how how)
{
	struct use *place = u;
	weft_task t = {.fn = fn, .arg = &place, .arg_size = sizeof place, .flags = WEFT_TASK_LOCAL};
	struct io_start s;

	test_set(u->started, 0);
	u->deadline = how == BY_DEADLINE ? weft_after(WEFT_MS(20)) : WEFT_FOREVER;
	if (how == BY_TASKS_DEADLINE)
		t.deadline = weft_after(WEFT_MS(TEST_SLOW_BUILD ? 100 : 30));
	io_start(&s, ex, &t);
	test_await(u->started, 1);
	if (how == BY_CANCEL) {
		test_sleep_ms(5);
		weft_future_cancel(weft_task_future(&t));
	}
	io_join(&s);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), how == BY_CANCEL ? -ECANCELED : -ETIMEDOUT);
}

static void *connect_main(void *address)
{
	weft_pipe *p = NULL;

	weft_pipe_connect(&p, address, &opts, test_soon());
	return p;
}

static void *send_after_main(void *pipe)
{
	return (void *)(intptr_t)weft_pipe_send(pipe, "after", 5, test_soon());
}

static weft_executor *local_executor(struct use *u)
{
	weft_executor *ex = test_executor();
	test_ref ref;

	if (!(weft_executor_caps(ex) & WEFT_CAP_LOCAL)) {
		weft_executor_free(ex);
		SKIP("its tasks have memory of their own");
	}
	*u = (struct use){.big = calloc(1, BIG), .started = test_board(&ref)};
	REQUIRE(u->big);
	return ex;
}

/* In the middle of a message, at both ends, in all ways; and the next message arrives as if nothing had been. */
TEST(pipe_called_off_in_the_middle)
{
	struct use out, in;
	weft_executor *ex = local_executor(&out);
	pthread_t connector, sender;
	char got[8];
	void *p;

	in = out;
	REQUIRE_EQ(weft_listen(&out.listener, "tcp:127.0.0.1:0", &opts), 0);
	REQUIRE_EQ(pthread_create(&connector, NULL, connect_main,
				  (void *)(uintptr_t)weft_listener_address(out.listener)),
		   0);
	REQUIRE_EQ(weft_listener_accept(out.listener, &out.pipe, test_soon()), 0);
	pthread_join(connector, &p);
	in.pipe = p;
	REQUIRE(in.pipe);
	for (enum how how = 0; how < HOWS; how++) {
		call_off(ex, send_big_fn, &out, how);
		call_off(ex, recv_fn, &in, how); /* a part of it has come, and the rest never will */
	}
	/* The next sender has to fill it up, which goes no faster than somebody receives. */
	REQUIRE_EQ(pthread_create(&sender, NULL, send_after_main, out.pipe), 0);
	CHECK_EQ(weft_pipe_recv(in.pipe, got, sizeof got, test_soon()), 5);
	CHECK(!memcmp(got, "after", 5));
	pthread_join(sender, &p);
	CHECK(!p);
	weft_pipe_close(in.pipe);
	weft_pipe_close(out.pipe);
	weft_listener_close(out.listener);
	free(out.big);
	weft_executor_free(ex);
}

/* Those who connect later are accepted by others. */
TEST(pipe_accept_called_off)
{
	struct use u;
	weft_executor *ex = local_executor(&u);
	pthread_t connector;
	void *p;

	REQUIRE_EQ(weft_listen(&u.listener, "tcp:127.0.0.1:0", &opts), 0);
	for (enum how how = 0; how < HOWS; how++)
		call_off(ex, accept_fn, &u, how);
	REQUIRE_EQ(pthread_create(&connector, NULL, connect_main,
				  (void *)(uintptr_t)weft_listener_address(u.listener)),
		   0);
	CHECK_EQ(weft_listener_accept(u.listener, &u.pipe, test_soon()), 0);
	pthread_join(connector, &p);
	CHECK(p);
	weft_pipe_close(p);
	weft_pipe_close(u.pipe);
	weft_listener_close(u.listener);
	free(u.big);
	weft_executor_free(ex);
}

/* ---- In shared memory: all executors have it ---- */

/* Sends back what comes, until the end. */
static int echo_fn(weft_call *call, const void *arg, void *result)
{
	weft_pipe *p = *(weft_pipe *const *)arg;
	char *msg = malloc(65536);
	ssize_t n;

	(void)result;
	EXPECT(msg);
	while ((n = weft_pipe_recv(p, msg, 65536, test_soon())) >= 0)
		EXPECT_EQ(weft_pipe_send(p, msg, (size_t)n, test_soon()), 0);
	EXPECT_EQ(n, -EPIPE);
	free(msg);
	return weft_pipe_close(p);
}

TEST(pipe_in_shared_memory)
{
	const size_t sizes[] = {0, 1, 64, 1000, 65536};
	weft_executor *ex = test_executor();
	char *msg = calloc(1, 65536);
	weft_pipe *a, *b;
	weft_task t = {.fn = echo_fn, .arg = &b, .arg_size = sizeof b};
	struct io_start s;

	REQUIRE(msg);
	REQUIRE_EQ(weft_pipe_new(&a, &b, NULL), 0);
	io_start(&s, ex, &t);
	for (unsigned i = 0; i < 200; i++) {
		size_t size = sizes[i % 5];

		memset(msg, (int)i, size);
		CHECK_EQ(weft_pipe_send(a, msg, size, test_soon()), 0);
		CHECK_EQ(weft_pipe_poll(a, test_soon()), 0);
		CHECK_EQ(weft_pipe_recv(a, msg, 65536, test_soon()), size);
		CHECK(!size || (msg[0] == (char)i && msg[size - 1] == (char)i));
	}
	CHECK_EQ(weft_pipe_close(a), 0);
	io_join(&s);
	if (!CHECK_EQ(weft_future_status(weft_task_future(&t)), 0))
		fprintf(stderr, "%s\n", weft_future_error(weft_task_future(&t)));
	free(msg);
	weft_executor_free(ex);
	REQUIRE_EQ(weft_pipe_new(&a, &b, NULL),
		   0); /* gives back the memory, if it was the task that closed last */
	weft_pipe_close(a);
	weft_pipe_close(b);
}

struct shared_use {
	weft_pipe *pipe;
	test_ref board;
	weft_time deadline;
};

static int recv_shared_fn(weft_call *call, const void *arg, void *result)
{
	const struct shared_use *u = arg;
	uint32_t *board = test_board_map(&u->board);
	char msg[8];
	ssize_t n;

	(void)call, (void)result;
	test_set(board, 1);
	n = weft_pipe_recv(u->pipe, msg, sizeof msg, u->deadline);
	test_board_unmap(board);
	return (int)n;
}

TEST(pipe_in_shared_memory_called_off)
{
	weft_executor *ex = test_executor();
	struct shared_use u = {0};
	uint32_t *board = test_board(&u.board);
	weft_pipe *other;

	REQUIRE_EQ(weft_pipe_new(&u.pipe, &other, NULL), 0);
	for (enum how how = 0; how < HOWS; how++) {
		weft_task t = {.fn = recv_shared_fn, .arg = &u, .arg_size = sizeof u};
		struct io_start s;
		int status;

		test_set(board, 0);
		u.deadline = how == BY_DEADLINE ? weft_after(WEFT_MS(20)) : WEFT_FOREVER;
		if (how == BY_TASKS_DEADLINE)
			t.deadline = weft_after(WEFT_MS(TEST_SLOW_BUILD ? 100 : 30));
		io_start(&s, ex, &t);
		test_await(board, 1);
		if (how == BY_CANCEL) {
			test_sleep_ms(5);
			weft_future_cancel(weft_task_future(&t));
		}
		io_join(&s);
		status = weft_future_status(weft_task_future(&t));
		CHECK_EQ(status, how == BY_CANCEL ? -ECANCELED : -ETIMEDOUT);
		CHECK_EQ(weft_pipe_send(other, "a", 1, 0), 0); /* it works as before */
		CHECK_EQ(weft_pipe_recv(u.pipe, (char[8]){0}, 8, 0), 1);
	}
	weft_pipe_close(other);
	weft_pipe_close(u.pipe);
	weft_executor_free(ex);
}
