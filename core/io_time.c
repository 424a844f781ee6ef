/* SPDX-License-Identifier: MIT
 *
 * io_time.c -- the calls of weft/io.h that take a length of time: sleep, poll; and yield.
 *
 * A poll of several descriptors inside a task is one of a single one, an epoll that has them all, since that is what
 * fibers, and bells (ready.c), can wait for. It only says when to look again, by poll(2) itself.
 */
#include "clock.h"
#include "fiber.h"
#include "io_request.h"
#include "state.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <weft/io.h>

static int sleep_until(weft_time deadline)
{
	struct weft__parker parker = {0};
	int err, slept = 0;

	weft__release_pending();
	while (!(err = weft__io_given_up(WEFT_FOREVER)) && slept != -ETIMEDOUT)
		slept = weft__sleep(&parker, deadline, true);
	return err;
}

int weft_sleep(weft_time ns)
{
	return ns > 0 ? sleep_until(weft_after(ns)) : weft__io_given_up(WEFT_FOREVER);
}

int weft_yield(void)
{
	/* Also in a task that has been told to give up: who asks in a loop must not keep the thread to himself. */
	if (weft__fiber)
		weft__fiber->engine->yield(weft__fiber);
	else
		sched_yield();
	return weft__io_given_up(WEFT_FOREVER);
}

/* ---- Poll ---- */

static int look(struct pollfd *fds, nfds_t n)
{
	int ready;

	do {
		ready = poll(fds, n, 0);
	} while (ready < 0 && errno == EINTR);
	return ready < 0 ? -errno : ready;
}

static int poll_one(struct pollfd *fd, weft_time deadline)
{
	struct weft__io io = {.op = WEFT__IO_POLL, .fd = fd->fd, .flags = (unsigned short)fd->events};
	int64_t r = weft__io_do(&io, deadline);

	if (r < 0)
		return (int)r;
	fd->revents = (short)r;
	return r > 0;
}

/* What all entries for fds[i].fd want of it: an epoll takes a descriptor once. */
static short events_of(const struct pollfd *fds, nfds_t n, nfds_t i)
{
	short events = 0;

	for (nfds_t k = 0; k < n; k++)
		if (fds[k].fd == fds[i].fd)
			events |= fds[k].events;
	return events;
}

/* An epoll that is ready when one of them is; or a negative errno. */
static int epoll_of(const struct pollfd *fds, nfds_t n)
{
	int ep = epoll_create1(EPOLL_CLOEXEC), err;

	if (ep < 0)
		return -errno;
	for (nfds_t i = 0; i < n; i++) {
		struct epoll_event e = {.events = (unsigned short)fds[i].events};

		if (fds[i].fd < 0 || !epoll_ctl(ep, EPOLL_CTL_ADD, fds[i].fd, &e) || errno == EPERM)
			continue; /* EPERM: a file, which would have been ready at once */
		e.events = (unsigned short)events_of(fds, n, i);
		if (errno == EEXIST && !epoll_ctl(ep, EPOLL_CTL_MOD, fds[i].fd, &e))
			continue;
		err = -errno;
		close(ep);
		return err;
	}
	return ep;
}

static int poll_many(struct pollfd *fds, nfds_t n, weft_time deadline)
{
	struct pollfd all = {.events = POLLIN};
	int ready, err = 0;

	all.fd = epoll_of(fds, n);
	if (all.fd < 0)
		return all.fd;
	while (!(ready = look(fds, n)) && err >= 0)
		err = poll_one(&all, deadline);
	close(all.fd);
	return ready ? ready : err;
}

static int poll_outside(struct pollfd *fds, nfds_t n, weft_time deadline)
{
	int ready;

	do {
		weft_time now = weft_now();
		struct timespec left = weft__timespec(deadline > now ? deadline - now : 0);

		ready = ppoll(fds, n, deadline == WEFT_FOREVER ? NULL : &left, NULL);
	} while (ready < 0 && errno == EINTR);
	return ready < 0 ? -errno : ready;
}

int weft_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	weft_time deadline = timeout_ms < 0 ? WEFT_FOREVER : weft_after(WEFT_MS(timeout_ms));
	int ready = weft__io_given_up(WEFT_FOREVER);

	if (ready)
		return ready;
	if (!weft__current)
		return poll_outside(fds, n, deadline);
	ready = look(fds, n);
	if (ready || !timeout_ms)
		return ready;
	ready = n == 1 && fds->fd >= 0 ? poll_one(fds, deadline) : poll_many(fds, n, deadline);
	return ready == -ETIMEDOUT ? weft__io_given_up(WEFT_FOREVER) : ready;
}
