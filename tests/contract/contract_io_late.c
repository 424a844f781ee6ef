/* SPDX-License-Identifier: MIT
 *
 * contract_io_late.c -- a call of weft/io.h in a task that was cancelled, or is overdue, before it: what could wait
 * does nothing, what is no wait is done all the same. And one at the same moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#ifndef STATX_BASIC_STATS
#include <linux/stat.h> /* for musl before 1.2.5 */
#endif

#include "io_kit.h"

enum { STARTED = TEST_GATE_STARTED, RESULT = 2 };

/* With all that it needs there, each call refuses, and takes nothing. */
static int refuse(weft_call *call, int expected)
{
	struct sockaddr_in a;
	struct iovec v;
	char c = 'x';
	int p[2], s[2];
	EXPECT(pipe2(p, O_CLOEXEC) == 0 && io_connected(s));
	int listener = io_listen(&a, 5), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int guest = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT_EQ(connect(guest, (struct sockaddr *)&a, sizeof a), 0);
	struct pollfd ready[2] = {{.fd = p[1], .events = POLLOUT}, {.fd = s[0], .events = POLLIN}};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	EXPECT(write(p[1], "a", 1) == 1 && write(s[1], "b", 1) == 1);
	v = (struct iovec){&c, 1};
	EXPECT_EQ(weft_read(p[0], &c, 1), expected);
	EXPECT_EQ(weft_readv(p[0], &v, 1), expected);
	EXPECT_EQ(weft_recv(s[0], &c, 1, 0), expected);
	EXPECT_EQ(weft_recv_full(s[0], &c, 1, 0), expected);
	EXPECT_EQ(weft_recvfrom(s[0], &c, 1, 0, NULL, NULL), expected);
	EXPECT_EQ(weft_recvmsg(s[0], &m, 0), expected);
	EXPECT_EQ(weft_read_full(p[0], &c, 1), expected);
	EXPECT_EQ(weft_write(p[1], &c, 1), expected);
	EXPECT_EQ(weft_writev(p[1], &v, 1), expected);
	EXPECT_EQ(weft_write_full(p[1], &c, 1), expected);
	EXPECT_EQ(weft_send(s[1], &c, 1, 0), expected);
	EXPECT_EQ(weft_send_full(s[1], &c, 1, 0), expected);
	EXPECT_EQ(weft_sendto(s[1], &c, 1, 0, NULL, 0), expected);
	EXPECT_EQ(weft_sendmsg(s[1], &m, 0), expected);
	EXPECT_EQ(weft_splice(p[0], NULL, s[1], NULL, 1, 0), expected);
	EXPECT_EQ(weft_accept(listener, NULL, NULL), expected);
	EXPECT_EQ(weft_accept4(listener, NULL, NULL, SOCK_CLOEXEC), expected);
	EXPECT_EQ(weft_connect(fd, (struct sockaddr *)&a, sizeof a), expected);
	EXPECT_EQ(weft_poll(ready, 1, 1000), expected);
	EXPECT_EQ(weft_poll(ready, 2, 1000), expected);
	EXPECT_EQ(weft_sleep(1), expected);
	EXPECT_EQ(weft_yield(), expected);
	EXPECT_EQ(weft_getaddrinfo("127.0.0.1", NULL, NULL, NULL), expected);
	EXPECT(read(p[0], &c, 1) == 1 && c == 'a');
	EXPECT(read(s[0], &c, 1) == 1 && c == 'b');
	EXPECT_EQ(recv(s[0], &c, 1, MSG_DONTWAIT), -1);
	int taken = accept(listener, NULL, NULL);
	EXPECT(taken >= 0);
	close(taken), close(guest), close(fd), close(listener), close(p[0]), close(p[1]), close(s[0]),
		close(s[1]);
	return 0;
}

/* Cleaning up goes on. */
static int clean_up(weft_call *call, const test_ref *ref)
{
	char name[160], renamed[168], c = 0, d = 0;
	struct iovec out = {(void *)"d", 1}, in = {&d, 1};
	struct statx st;
	int s[2];
	snprintf(name, sizeof name, "%s.%d.c", ref->path, (int)getpid());
	snprintf(renamed, sizeof renamed, "%s.new", name);
	int fd = weft_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EXPECT(fd >= 0);
	EXPECT_EQ(weft_pwrite_full(fd, "abc", 3, 0), 3);
	EXPECT_EQ(weft_pwritev(fd, &out, 1, 3), 1);
	EXPECT_EQ(weft_pread(fd, &c, 1, 2), 1);
	EXPECT_EQ(c, 'c');
	EXPECT_EQ(weft_preadv(fd, &in, 1, 3), 1);
	EXPECT_EQ(d, 'd');
	EXPECT_EQ(weft_pread_full(fd, &c, 1, 0), 1);
	EXPECT_EQ(weft_fsync(fd), 0);
	EXPECT_EQ(weft_fdatasync(fd), 0);
	EXPECT_EQ(weft_close(fd), 0);
	EXPECT_EQ(weft_rename(name, renamed), 0);
	EXPECT_EQ(weft_statx(AT_FDCWD, renamed, 0, STATX_SIZE, &st), 0);
	EXPECT_EQ(st.stx_size, 4);
	fd = weft_openat(AT_FDCWD, renamed, O_RDONLY | O_CLOEXEC);
	EXPECT(fd >= 0);
	EXPECT_EQ(weft_close(fd), 0);
	EXPECT_EQ(weft_unlink(renamed), 0);
	EXPECT(io_connected(s));
	EXPECT_EQ(weft_shutdown(s[0], SHUT_WR), 0);
	EXPECT_EQ(read(s[1], &c, 1), 0);
	EXPECT_EQ(weft_close(s[0]) + weft_close(s[1]), 0);
	return 0;
}

static int begun_too_late_fn(weft_call *call, const void *arg, void *result)
{
	const test_ref *ref = arg;
	uint32_t *board = test_board_map(ref);
	bool overdue = weft_call_deadline(call) != WEFT_FOREVER;
	(void)result;
	test_add(&board[STARTED], 1);
	for (weft_time end = test_soon(); !weft_call_cancelled(call) && weft_now() < end;)
		test_sleep_ms(1);
	int err = refuse(call, overdue ? -ETIMEDOUT : -ECANCELED);
	if (!err)
		err = clean_up(call, ref);
	test_set(&board[RESULT], err ? 1 : 2);
	test_board_unmap(board);
	return err;
}

TEST(io_of_a_cancelled_task)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	weft_task t = {.fn = begun_too_late_fn, .arg = &ref, .arg_size = sizeof ref};
	struct io_start s;
	io_start(&s, ex, &t);
	REQUIRE(test_await(&board[STARTED], 1));
	CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_ASKED);
	io_join(&s);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	CHECK_EQ(test_get(&board[RESULT]), 2);
	weft_executor_free(ex);
}

/* Cancelled while it is about it, at whatever moment: what concerns files is done all the same. */
static int busy_fn(weft_call *call, const void *arg, void *result)
{
	const test_ref *ref = arg;
	uint32_t *board = test_board_map(ref);
	int err = 0;
	(void)result;
	test_add(&board[STARTED], 1);
	for (int after = 0; after < 3 && !err; after += weft_call_cancelled(call))
		err = clean_up(call, ref);
	test_board_unmap(board);
	return err;
}

TEST(io_of_files_is_not_called_off)
{
	weft_executor *ex = test_executor();
	for (int i = 0; i < 5; i++) {
		test_ref ref;
		uint32_t *board = test_board(&ref);
		weft_task t = {.fn = busy_fn, .arg = &ref, .arg_size = sizeof ref};
		struct io_start s;
		io_start(&s, ex, &t);
		REQUIRE(test_await(&board[STARTED], 1));
		for (int k = 0; k < 20 * i; k++)
			sched_yield();
		CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_ASKED);
		io_join(&s);
		CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	}
	weft_executor_free(ex);
}

TEST(io_of_an_overdue_task)
{
	weft_executor *ex = test_executor();
	if (weft_executor_caps(ex) & WEFT_CAP_KILL) {
		weft_executor_free(ex);
		SKIP("such a task is killed here");
	}
	test_ref ref;
	uint32_t *board = test_board(&ref);
	weft_task t = {.fn = begun_too_late_fn, .arg = &ref, .arg_size = sizeof ref};
	t.deadline = weft_after(TEST_SLOW_BUILD ? WEFT_MS(200) : WEFT_MS(30));
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(test_get(&board[RESULT]), 2);
	weft_executor_free(ex);
}

static int read_one_fn(weft_call *call, const void *arg, void *result)
{
	char c;
	(void)call, (void)result;
	return (int)weft_read(*(const int *)arg, &c, 1);
}

/* A byte comes while the task is cancelled: either the task has read it, or it is there still. */
TEST(io_cancel_loses_nothing)
{
	weft_executor *ex = test_executor();
	if (!(weft_executor_caps(ex) & WEFT_CAP_LOCAL)) {
		weft_executor_free(ex);
		SKIP("a task has no descriptor in common with the test");
	}
	int p[2], won = 0, n = TEST_SLOW_BUILD ? 200 : 2000;
	REQUIRE_EQ(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	for (int i = 0; i < n; i++) {
		weft_task t = {.fn = read_one_fn, .arg = &p[0], .arg_size = sizeof(int)};
		struct io_start s;
		char c;
		io_start(&s, ex, &t);
		for (int k = 0; k < i % 50; k++)
			sched_yield();
		if (i % 2)
			weft_future_cancel(weft_task_future(&t));
		REQUIRE_EQ(write(p[1], "x", 1), 1);
		if (i % 2 == 0)
			weft_future_cancel(weft_task_future(&t));
		io_join(&s);
		int status = weft_future_status(weft_task_future(&t));
		REQUIRE(status == 1 || status == -ECANCELED);
		REQUIRE_EQ(read(p[0], &c, 1), status == 1 ? -1 : 1);
		won += status == 1;
	}
	CHECK(won > 0);
	close(p[0]), close(p[1]);
	weft_executor_free(ex);
}

/* With MSG_WAITALL a cancel ends the wait for the rest, and what has come is told. */
static int part_fn(weft_call *call, const void *arg, void *result)
{
	uint32_t *board = test_board_map(arg);
	char got[8];
	int s[2];
	(void)result;
	EXPECT(io_connected(s));
	EXPECT_EQ(write(s[1], "abc", 3), 3);
	test_add(&board[STARTED], 1);
	EXPECT_EQ(weft_recv(s[0], got, 8, MSG_WAITALL), 3);
	EXPECT_EQ(weft_recv(s[0], got, 8, MSG_WAITALL), -ECANCELED);
	close(s[0]), close(s[1]);
	test_board_unmap(board);
	return 0;
}

TEST(io_cancelled_with_a_part)
{
	weft_executor *ex = test_executor();
	test_ref ref;
	uint32_t *board = test_board(&ref);
	weft_task t = {.fn = part_fn, .arg = &ref, .arg_size = sizeof ref};
	struct io_start s;
	io_start(&s, ex, &t);
	REQUIRE(test_await(&board[STARTED], 1));
	test_sleep_ms(20); /* one that was cancelled before it reads gets nothing */
	CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_ASKED);
	io_join(&s);
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	weft_executor_free(ex);
}
