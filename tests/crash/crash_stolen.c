/* SPDX-License-Identifier: MIT
 *
 * crash_stolen.c -- a program that closes descriptors that are not its own: a pool's. It may lose what runs at
 * that time; but the pool goes on, and leaves alone what has the numbers now.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crash_kit.h"

enum { FIRST = 3, LAST = 60 };

/* Each task ends, and after a while all end well. When the pool will notice is not known: its workers may do some
 * more tasks before they go. */
static void check_recovers(weft_executor *ex)
{
	weft_time end = test_soon();
	int well = 0; /* in a row */
	while (well < 50 && weft_now() < end) {
		uint64_t n = 5, square = 0;
		weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square};
		t.result_size = 8;
		int err = weft_submit(ex, &t), status = -1;
		CHECK(err == 0 || err == -EIO);
		if (!err) {
			test_wait(weft_task_future(&t));
			status = weft_future_status(weft_task_future(&t));
			CHECK(status == 0 ? square == 25 : status == -EOWNERDEAD || status == -EIO);
		}
		well = status == 0 ? well + 1 : 0;
	}
	CHECK_EQ(well, 50);
	crash_check_workers(ex, 2);
}

/* The time this process has used, in ms. */
static int64_t used_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void check_closed(const char *spec)
{
	weft_executor *ex = crash_open(spec);
	crash_check_works(ex, 20);
	syscall(SYS_close_range, FIRST, ~0u, 0);
	check_recovers(ex);
	syscall(SYS_close_range, FIRST, ~0u, 0);
	int64_t before = used_ms();
	test_sleep_ms(300);
	CHECK(used_ms() - before < 150); /* it does not spin */
	check_recovers(ex);
	weft_executor_free(ex);
	CHECK(crash_await_processes("weft-", 0));
}

TEST(stolen_descriptors_are_replaced)
{
	check_closed("processes:2");
	check_closed("processes:2,start=spawn");
	check_closed("processes:2,start=fork");
}

TEST(stolen_descriptors_and_then_the_end)
{
	for (int i = 0; i < 3; i++) {
		weft_executor *ex = crash_open("processes:2");
		crash_check_works(ex, 20);
		syscall(SYS_close_range, FIRST, ~0u, 0);
		if (i > 0)
			CHECK_EQ(weft_executor_stop(ex, i == 1 ? WEFT_STOP_KILL : WEFT_STOP_DRAIN,
						    test_soon()),
				 0);
		weft_executor_free(ex);
		CHECK(crash_await_processes("weft-", 0));
	}
}

static void check_socket(int fd)
{
	char text[16] = "";
	CHECK_EQ(recv(fd, text, sizeof text, MSG_DONTWAIT), 4);
	CHECK_EQ(strcmp(text, "abc"), 0);
	CHECK_EQ(recv(fd, text, sizeof text, MSG_DONTWAIT), -1);
	CHECK_EQ(errno, EAGAIN);
}

/* Sockets with a message in them, at every number the pool had: none is read, written or closed. */
TEST(stolen_numbers_belong_to_others)
{
	if (TEST_UNDER_TSAN)
		SKIP("what the program does here is a race of descriptors");
	int pair[2];
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	int far = fcntl(pair[0], F_DUPFD_CLOEXEC, 500), near = fcntl(pair[1], F_DUPFD_CLOEXEC, 501);
	REQUIRE(far >= 500 && near > 500);
	close(pair[0]);
	close(pair[1]);
	REQUIRE_EQ(send(far, "abc", 4, 0), 4);
	REQUIRE_EQ(send(near, "abc", 4, 0), 4);
	weft_executor *ex = crash_open("processes:2");
	crash_check_works(ex, 20);
	for (int fd = FIRST; fd <= LAST; fd++)
		REQUIRE_EQ(dup2(fd % 2 ? near : far, fd), fd);
	check_recovers(ex);
	struct crash_order order = {.word = 3};
	uint32_t *board = test_board(&order.ref);
	weft_task t = crash_task(crash_sit_fn, &order);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	REQUIRE(test_await(&board[3], 1));
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_KILL, test_soon()), 0);
	weft_executor_free(ex);
	for (int fd = FIRST; fd <= LAST; fd++)
		CHECK(fcntl(fd, F_GETFD) >= 0);
	check_socket(far);
	check_socket(near);
	for (int fd = FIRST; fd <= LAST; fd++)
		close(fd);
	close(far);
	close(near);
}

/* A child of the program's, whose pidfd has the number that a worker's had. */
TEST(stolen_pidfds_kill_nobody)
{
	if (TEST_UNDER_TSAN)
		SKIP("what the program does here is a race of descriptors");
	weft_executor *ex = crash_open("processes:2");
	struct crash_order order = {.word = 3};
	uint32_t *board = test_board(&order.ref);
	weft_task t = crash_task(crash_sit_fn, &order);
	pid_t child = fork();
	if (child == 0) {
		syscall(SYS_close_range, FIRST, ~0u, 0);
		for (;;)
			pause();
	}
	int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	REQUIRE(pidfd >= 0);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	REQUIRE(test_await(&board[3], 1));
	int far = fcntl(pidfd, F_DUPFD_CLOEXEC, 500);
	for (int fd = FIRST; fd <= LAST; fd++)
		dup2(far, fd);
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_KILL, test_soon()), 0);
	weft_executor_free(ex);
	CHECK_EQ(waitpid(child, NULL, WNOHANG), 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	syscall(SYS_close_range, FIRST, ~0u, 0);
}
