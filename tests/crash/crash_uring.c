/* SPDX-License-Identifier: MIT
 *
 * crash_uring.c -- a program is killed while its fibers wait for everything that they can wait for, and write: it
 * goes at once, its peers are told, and nothing of it is left.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/weft.h>

#include "crash_kit.h"

enum { EACH = 20, KINDS = 6, TASKS = EACH * KINDS };

/* What the program has in common with the test, whose ends are the second of each. */
static struct {
	int sockets[EACH][2], pipe[2], full_pipe[2];
	int listener;
	struct sockaddr_in address;
	char file[128];
	uint32_t *board;
	weft_future *never;
} in;

static int wait_for(unsigned kind, unsigned i)
{
	char block[4096] = "";
	int fd, err = 0;

	switch (kind) {
	case 0:
		return (int)weft_recv(in.sockets[i][0], block, 1, 0);
	case 1:
		return (int)weft_read(in.pipe[0], block, 1);
	case 2:
		return (int)weft_write_full(in.full_pipe[1], block, sizeof block);
	case 3:
		return weft_accept(in.listener, NULL, NULL);
	case 4:
		return i % 2 ? weft_sleep(WEFT_FOREVER) : weft_future_wait(in.never, WEFT_FOREVER);
	default:
		fd = weft_open(in.file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		while (fd >= 0 && err >= 0) {
			err = (int)weft_pwrite(fd, block, sizeof block, (int64_t)(i * sizeof block));
			err = err < 0 ? err : weft_fdatasync(fd);
		}
		return err;
	}
}

static int wait_fn(weft_call *call, const void *arg, void *result)
{
	unsigned i = *(const unsigned *)arg;

	(void)call, (void)result;
	test_add(&in.board[0], 1);
	wait_for(i / EACH, i % EACH);
	test_add(&in.board[1], 1); /* none ends by itself */
	return 0;
}

static _Noreturn void program(const char *spec)
{
	static weft_task task[TASKS], never = {.fn = wait_fn};
	static unsigned number[TASKS];
	static const unsigned sleeper = 4 * EACH + 1;
	weft_executor *ex = NULL;
	int err = weft_executor_open(&ex, spec);

	never.arg = &sleeper;
	never.arg_size = sizeof sleeper;
	in.never = weft_task_future(&never);
	if (!err)
		err = weft_submit(ex, &never);
	for (unsigned i = 0; i < TASKS && !err; i++) {
		number[i] = i;
		task[i] = (weft_task){.fn = wait_fn, .arg = &number[i], .arg_size = sizeof number[i]};
		err = weft_submit(ex, &task[i]);
	}
	if (err)
		_exit(1);
	for (;;)
		pause();
}

/* Its port may be taken while old connections of it are remembered. */
static int new_listener(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	REQUIRE_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	return fd;
}

static void make_ends(void)
{
	static const char bytes[1 << 16]; /* all that a pipe has room for */
	socklen_t size = sizeof in.address;

	in.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	in.listener = new_listener();
	REQUIRE_EQ(bind(in.listener, (struct sockaddr *)&in.address, size), 0);
	REQUIRE_EQ(listen(in.listener, EACH), 0);
	REQUIRE_EQ(getsockname(in.listener, (struct sockaddr *)&in.address, &size), 0);
	for (int i = 0; i < EACH; i++) {
		in.sockets[i][1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		REQUIRE_EQ(connect(in.sockets[i][1], (struct sockaddr *)&in.address, size), 0);
		in.sockets[i][0] = accept4(in.listener, NULL, NULL, SOCK_CLOEXEC);
		REQUIRE(in.sockets[i][0] >= 0);
	}
	REQUIRE_EQ(pipe2(in.pipe, O_CLOEXEC) + pipe2(in.full_pipe, O_CLOEXEC), 0);
	REQUIRE_EQ(write(in.full_pipe[1], bytes, sizeof bytes), sizeof bytes);
	snprintf(in.file, sizeof in.file, "%s/written", test_dir());
}

/* Those that are the program's alone. */
static void close_its_ends(void)
{
	for (int i = 0; i < EACH; i++)
		close(in.sockets[i][0]);
	close(in.pipe[0]), close(in.full_pipe[1]), close(in.listener);
}

static bool await_event(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 20000) == 1;
}

/* The port is free again: the ring's requests are done with it. */
static bool await_port(void)
{
	for (weft_time end = test_soon(); weft_now() < end; test_sleep_ms(1)) {
		int fd = new_listener();
		bool bound = !bind(fd, (struct sockaddr *)&in.address, sizeof in.address) && !listen(fd, 1);

		close(fd);
		if (bound)
			return true;
	}
	return false;
}

static size_t count_files(const char *path, const char *part)
{
	size_t n = 0;
	DIR *d = opendir(path);

	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.' && strstr(e->d_name, part) != NULL;
	if (d)
		closedir(d);
	return n;
}

static void check_peers(void)
{
	char bytes[1 << 16];

	for (int i = 0; i < EACH; i++) {
		CHECK(await_event(in.sockets[i][1], POLLIN));
		CHECK(recv(in.sockets[i][1], bytes, 1, MSG_DONTWAIT) <= 0);
		close(in.sockets[i][1]);
	}
	CHECK(await_event(in.pipe[1], 0)); /* POLLERR: no readers */
	while (await_event(in.full_pipe[0], POLLIN) && read(in.full_pipe[0], bytes, sizeof bytes) > 0) {}
	CHECK_EQ(read(in.full_pipe[0], bytes, 1), 0);
	close(in.pipe[1]), close(in.full_pipe[0]);
}

static void kill_it(const char *spec)
{
	test_ref ref;
	size_t in_memory = count_files("/dev/shm", "weft"), files;
	int status = 0;
	pid_t pid;

	in.board = test_board(&ref);
	in.board[0] = in.board[1] = 0;
	make_ends();
	files = count_files(test_dir(), "");
	pid = fork();
	if (!pid) {
		for (int i = 0; i < EACH; i++)
			close(in.sockets[i][1]);
		close(in.pipe[1]), close(in.full_pipe[0]);
		program(spec);
	}
	REQUIRE(pid > 0);
	close_its_ends();
	CHECK(test_await(&in.board[0], TASKS + 1));
	test_sleep_ms(10); /* they have begun; now they wait */
	CHECK_EQ(test_get(&in.board[1]), 0);
	kill(pid, SIGKILL);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	check_peers();
	CHECK(await_port());
	CHECK_EQ(count_files("/dev/shm", "weft"), in_memory);
	/* The call that makes it may not have been under way yet. */
	CHECK(!unlink(in.file) || errno == ENOENT);
	CHECK_EQ(count_files(test_dir(), ""), files);
}

TEST(uring_killed_with_requests_in_flight)
{
	if (!test_has_uring())
		SKIP("no io_uring here");
	for (int i = 0; i < 5; i++)
		kill_it(i % 2 ? "uring:1,engine=io_uring" : "uring:2,engine=io_uring");
}

TEST(uring_killed_with_calls_in_flight_on_epoll)
{
	for (int i = 0; i < 5; i++)
		kill_it(i % 2 ? "uring:1,engine=epoll" : "uring:2,engine=epoll");
}
