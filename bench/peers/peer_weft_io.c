/* SPDX-License-Identifier: MIT
 *
 * peer_weft_io.c -- weft's tasks that wait, by the public functions:
 *
 *   weft-uring   one lane, defaults
 *   weft-epoll   the same where there is no io_uring: WEFT_URING=off
 *   weft-exact   deadlines as exact as the kernel has them: slack=0
 *   weft-slack   deadlines that may be 500 us late
 *   weft-threads, weft-serial   the same functions on threads:4, and one after the other
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weft/weft.h>

#include "measure_io.h"

static weft_executor *ex;

static void open_as(const char *spec)
{
	measure_must(weft_executor_open(&ex, spec), spec);
}

static void open_uring(void)
{
	open_as("uring:1,engine=io_uring,queue=2000000");
}

static void open_epoll(void)
{
	setenv("WEFT_URING", "off", 1);
	open_as("uring:1,queue=2000000");
}

static void open_exact(void)
{
	open_as("uring:1,engine=io_uring,queue=2000000,slack=0");
}

static void open_slack(void)
{
	open_as("uring:1,engine=io_uring,queue=2000000,slack=500");
}

static void open_threads(void)
{
	open_as("threads:4");
}

static void open_inline(void)
{
	open_as("inline");
}

/* n tasks at once, on one argument. */
static weft_task *submit(weft_fn *fn, const void *arg, size_t arg_size, size_t n)
{
	weft_task *t = measure_memory(n, sizeof *t);

	for (size_t i = 0; i < n; i++)
		t[i] = (weft_task){.fn = fn, .arg = arg, .arg_size = arg_size};
	measure_must(weft_submit_many(ex, t, n, NULL), "weft_submit_many");
	return t;
}

static void wait_for(weft_task *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		measure_must(weft_future_wait(weft_task_future(&t[i]), WEFT_FOREVER), "weft_future_wait");
		measure_must(weft_future_status(weft_task_future(&t[i])), "task");
	}
	free(t);
}

static void run(weft_fn *fn, const void *arg, size_t arg_size, size_t n)
{
	wait_for(submit(fn, arg, arg_size, n), n);
}

/* ---- fibers ----------------------------------------------------------------------------------------- */

static int yield(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)result;
	for (size_t n = *(const size_t *)arg; n > 0; n--)
		measure_must(weft_yield(), "weft_yield");
	return 0;
}

static void yields(size_t n)
{
	n /= IO_YIELDERS;
	run(yield, &n, sizeof n, IO_YIELDERS);
}

static int empty(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)arg;
	(void)result;
	return 0;
}

static int begin_tasks(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)result;
	for (size_t n = *(const size_t *)arg; n > 0; n--) {
		weft_task t = {.fn = empty};
		measure_must(weft_submit(ex, &t), "weft_submit");
		measure_must(weft_future_wait(weft_task_future(&t), WEFT_FOREVER), "weft_future_wait");
	}
	return 0;
}

static void tasks(size_t n)
{
	run(begin_tasks, &n, sizeof n, 1);
}

static size_t n_asleep;

static int sleep_on(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)arg;
	(void)result;
	__atomic_add_fetch(&n_asleep, 1, __ATOMIC_RELAXED);
	return weft_sleep(WEFT_SECONDS(3600));
}

/* The tasks are the caller's memory, and touched before: all else counts, also what the executor keeps of each. Who
 * gets no stack fails. */
static weft_task *sleeper;

static void prepare_crowd(size_t n)
{
	sleeper = measure_memory(n, sizeof *sleeper);
}

static size_t crowd(size_t n)
{
	size_t failed = 0;

	for (size_t i = 0; i < n; i++)
		sleeper[i] = (weft_task){.fn = sleep_on};
	measure_must(weft_submit_many(ex, sleeper, n, NULL), "weft_submit_many");
	while (failed + __atomic_load_n(&n_asleep, __ATOMIC_RELAXED) < n) {
		usleep(10000);
		failed = 0;
		for (size_t i = n; i > 0 && weft_future_status(weft_task_future(&sleeper[i - 1])) == -ENOMEM;
		     i--)
			failed++;
	}
	return n - failed;
}

/* ---- reads ------------------------------------------------------------------------------------------ */

struct reader {
	struct io_reads *r;
	unsigned slot;
};

static int read_blocks(weft_call *call, const void *arg, void *result)
{
	const struct reader *reader = arg;
	struct io_reads *r = reader->r;
	char *buffer = io_buffer(r, reader->slot);
	unsigned size = io_size(r);
	uint64_t block;

	(void)call;
	(void)result;
	while (io_next(r, &block))
		io_check(r, buffer, block, weft_pread(r->fd, buffer, size, (int64_t)(block * IO_BLOCK)));
	return 0;
}

static void reads(struct io_reads *r)
{
	struct reader *reader = measure_memory(r->depth, sizeof *reader);
	weft_task *t = measure_memory(r->depth, sizeof *t);

	for (unsigned i = 0; i < r->depth; i++) {
		reader[i] = (struct reader){r, i};
		t[i] = (weft_task){.fn = read_blocks, .arg = &reader[i], .arg_size = sizeof *reader};
	}
	measure_must(weft_submit_many(ex, t, r->depth, NULL), "weft_submit_many");
	wait_for(t, r->depth);
	free(reader);
}

/* ---- echo ------------------------------------------------------------------------------------------- */

enum { CONNECTIONS_MOST = 4096, BUFFER = 1024 };

static int connection(weft_call *call, const void *arg, void *result)
{
	int fd = *(const int *)arg;
	char buffer[BUFFER];
	ssize_t n;

	(void)call;
	(void)result;
	while ((n = weft_recv(fd, buffer, sizeof buffer, 0)) > 0)
		if (weft_send_full(fd, buffer, (size_t)n, 0) < 0)
			break;
	return weft_close(fd);
}

static int accept_all(weft_call *call, const void *arg, void *result)
{
	weft_task *t = measure_memory(CONNECTIONS_MOST, sizeof *t);
	int *fd = measure_memory(CONNECTIONS_MOST, sizeof *fd);

	(void)call;
	(void)result;
	for (size_t i = 0; i < CONNECTIONS_MOST; i++) {
		fd[i] = weft_accept4(*(const int *)arg, NULL, NULL, SOCK_CLOEXEC);
		measure_must(fd[i] < 0 ? fd[i] : 0, "weft_accept");
		t[i] = (weft_task){.fn = connection, .arg = &fd[i], .arg_size = sizeof *fd};
		measure_must(weft_submit(ex, &t[i]), "weft_submit");
	}
	return -EMFILE;
}

static void echo(int listener)
{
	run(accept_all, &listener, sizeof listener, 1);
}

/* ---- sleepers --------------------------------------------------------------------------------------- */

static uint64_t seed = 88172645463325252u;

static int nap(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)arg;
	(void)result;
	for (int err = 0; !err;) {
		int64_t ns = io_nap(&seed), due = measure_now() + ns;
		err = weft_sleep(ns);
		io_woke(due);
	}
	return -ECANCELED;
}

static void sleepers(size_t n)
{
	run(nap, NULL, 0, n);
}

/* ---- fetch ------------------------------------------------------------------------------------------ */

struct url {
	uint16_t port;
	size_t i;
};

static int connect_to(uint16_t port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = weft_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	measure_must(fd < 0 ? fd : 0, "weft_socket");
	err = weft_connect(fd, (struct sockaddr *)&at, sizeof at);
	measure_must(err < 0 ? err : 0, "weft_connect");
	return fd;
}

static int get(weft_call *call, const void *arg, void *result)
{
	const struct url *url = arg;
	int fd = connect_to(url->port);
	char text[IO_TEXT];
	size_t size = io_request(text, url->i);
	ssize_t n = weft_send_full(fd, text, size, 0);

	(void)call;
	(void)result;
	measure_must(n < 0 ? (int)n : 0, "weft_send_full");
	for (size = 0; (n = weft_recv(fd, text + size, sizeof text - size, 0)) > 0;)
		size += (size_t)n;
	measure_must((int)n, "weft_recv");
	io_answer(text, size, url->i);
	return weft_close(fd);
}

static void fetch(size_t n, uint16_t port)
{
	struct url *url = measure_memory(n, sizeof *url);
	weft_task *t = measure_memory(n, sizeof *t);

	for (size_t i = 0; i < n; i++) {
		url[i] = (struct url){port, i};
		t[i] = (weft_task){.fn = get, .arg = &url[i], .arg_size = sizeof *url};
		measure_must(weft_submit(ex, &t[i]), "weft_submit");
	}
	wait_for(t, n);
	free(url);
}

static const struct io_peer uring_io = {.open = open_uring,
					.yields = yields,
					.tasks = tasks,
					.prepare_crowd = prepare_crowd,
					.crowd = crowd,
					.reads = reads,
					.echo = echo,
					.sleepers = sleepers,
					.fetch = fetch};
static const struct io_peer epoll_io = {
	.open = open_epoll, .reads = reads, .echo = echo, .sleepers = sleepers, .fetch = fetch};
static const struct io_peer exact_io = {.open = open_exact, .sleepers = sleepers};
static const struct io_peer slack_io = {.open = open_slack, .sleepers = sleepers};
static const struct io_peer threads_io = {.open = open_threads, .fetch = fetch};
static const struct io_peer serial_io = {.open = open_inline, .fetch = fetch};
static const struct peer uring = {.name = "weft-uring", .io = &uring_io};
static const struct peer epoll = {.name = "weft-epoll", .io = &epoll_io};
static const struct peer exact = {.name = "weft-exact", .io = &exact_io};
static const struct peer slack = {.name = "weft-slack", .io = &slack_io};
static const struct peer threads = {.name = "weft-threads", .io = &threads_io};
static const struct peer serial = {.name = "weft-serial", .io = &serial_io};
const struct peer *const measure_peers[] = {&uring, &epoll, &exact, &slack, &threads, &serial, NULL};
