/* SPDX-License-Identifier: MIT
 *
 * process_home.c -- making a nursery and taking leave of it, for whoever wants processes from it.
 */
#include "process_home.h"
#include "probe.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GREETING_PATIENCE WEFT_SECONDS(20)

void process_home_init(struct process_home *h, enum weft_start start)
{
	*h = (struct process_home){.start = start};
	h->bell.fd = h->sock.fd = h->nursery.fd = h->plan_fd.fd = -1;
}

static int open_bell(struct process_home *h)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	process_file_set(&h->bell, fd);
	return 0;
}

/* The plan is there as long as its mapping; the descriptor may have been closed. */
static int keep_plan(struct process_home *h)
{
	int fd;

	if (process_file_get(&h->plan_fd) >= 0)
		return 0;
	fd = plan_renew(&h->plan);
	process_file_set(&h->plan_fd, fd);
	return fd < 0 ? fd : 0;
}

int process_home_furnish(struct process_home *h)
{
	int err = h->bell.fd < 0 ? open_bell(h) : 0;

	return err ? err : keep_plan(h);
}

/* Where the regions are, for workers to have them from their start. */
static int hand_over_space(const struct process_home *h)
{
	struct nursery_msg m = {.kind = NURSERY_SPACE};
	int fd = h->has_space ? weft__space_where(&m.space) : -1;

	if (fd < 0)
		m.space.base = 0; /* none, or the program has closed what leads to it */
	return nursery_send(h->sock.fd, &m, &fd, fd >= 0 ? 1 : 0);
}

static int hear_ready(struct process_home *h)
{
	struct pollfd ready = {.fd = h->sock.fd, .events = POLLIN};
	struct nursery_msg m;
	int fds[NURSERY_FDS], r;

	while ((r = poll(&ready, 1, (int)(GREETING_PATIENCE / WEFT_MS(1)))) < 0 && errno == EINTR) {}
	r = r > 0 ? nursery_recv(h->sock.fd, &m, fds, 0) : 0;
	if (r <= 0 || m.kind != NURSERY_READY || fds[0] < 0)
		return -ENOEXEC;
	if (m.error) {
		close(fds[0]);
		return m.error;
	}
	process_file_set(&h->nursery, fds[0]);
	return 0;
}

static int greet(struct process_home *h)
{
	struct nursery_msg m = {.kind = NURSERY_HELLO};
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0), trace, err;

	if (self < 0)
		return -errno;
	trace = weft__trace_share();
	err = nursery_send(h->sock.fd, &m, (int[]){h->bell.fd, self, trace}, trace < 0 ? 2 : 3);
	if (trace >= 0)
		close(trace);
	close(self);
	m.kind = NURSERY_PLAN;
	if (!err)
		err = nursery_send(h->sock.fd, &m, &h->plan_fd.fd, 1);
	if (!err)
		err = hand_over_space(h);
	return err ? err : hear_ready(h);
}

int process_home_open(struct process_home *h)
{
	int err, sock = nursery_start(h->start, h->bell.fd, h->plan_fd.fd);

	if (sock < 0)
		return sock;
	process_file_set(&h->sock, sock);
	err = greet(h);
	if (err)
		process_file_close(&h->sock);
	return err;
}

void process_home_kill(const struct process_home *h)
{
	if (process_file_get(&h->nursery) >= 0)
		syscall(SYS_pidfd_send_signal, h->nursery.fd, SIGKILL, NULL, 0);
}

void process_home_lose(struct process_home *h)
{
	process_home_kill(h);
	process_file_close(&h->sock);
	process_file_close(&h->nursery);
}

void process_home_quit(struct process_home *h)
{
	struct nursery_msg quit = {.kind = NURSERY_QUIT};
	struct pollfd end = {.fd = process_file_get(&h->nursery), .events = POLLIN};

	if (end.fd < 0 || process_file_get(&h->sock) < 0)
		return;
	if (nursery_send(h->sock.fd, &quit, NULL, 0))
		shutdown(h->sock.fd, SHUT_RDWR); /* then it meets the end of the socket, whoever has copies */
	while (poll(&end, 1, -1) < 0 && errno == EINTR) {}
}

void process_home_fini(struct process_home *h)
{
	process_file_close(&h->sock);
	process_file_close(&h->nursery);
	process_file_close(&h->bell);
	process_file_close(&h->plan_fd);
	if (h->plan)
		plan_destroy(h->plan);
	if (h->has_space)
		weft__space_unref();
	h->plan = NULL;
	h->has_space = false;
}
