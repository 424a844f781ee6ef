/* SPDX-License-Identifier: MIT
 *
 * uring_poll.c -- a lane's engine over epoll, where io_uring is not to be had. A fiber tries its call; where that
 * would have to wait it waits for the descriptor, and tries again. What waits for no descriptor (a file, a directory)
 * is done by a helper thread (offload.h). O_NONBLOCK is never set: it would be set for others too.
 *
 * Of each descriptor the lane's epoll is told once, and many fibers may wait for the same: so there is a table, by
 * descriptor, of who waits for what. An event ends the epoll's interest (EPOLLONESHOT); who is ready is woken,
 * and what the rest wait for is asked for anew. The kernel forgets a descriptor that is closed, and the number may come
 * back as another file: then it says that it does not know it, and is told again. If the file lives on in another
 * process, or under another number, it may tell of that: such a wake is for nothing, and the call is tried again.
 */
#include "clock.h"
#include "io_request.h"
#include "offload.h"
#include "uring_parts.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EVENTS = 256 }; /* taken at once */

#define RETRY_AFTER WEFT_MS(5) /* what nobody tells when it would do */

struct poller {
	int epoll;
	size_t n_waiting; /* fibers, for descriptors */
	bool is_old;      /* the kernel: it counts in milliseconds */
	struct epoll_event event[EVENTS];
};

static struct uring_fiber *inside(struct weft__fiber *f)
{
	return list_entry(f, struct uring_fiber, base);
}

/* ---- Who waits for what ---- */

/* Asks for what the fibers in the row of fd wait for. -EPERM: it is of a kind that is always ready. */
static int arm(struct poller *p, int fd, struct list_node *all)
{
	struct epoll_event e = {.events = EPOLLONESHOT, .data = {.fd = fd}};

	for (struct list_node *n = all; n; n = list_after(all, n))
		e.events |= (unsigned short)list_entry(n, struct uring_fiber, on_fd)->events;
	if (!epoll_ctl(p->epoll, EPOLL_CTL_MOD, fd, &e))
		return 0;
	if (errno == ENOENT && !epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e))
		return 0;
	return -errno;
}

static void wake(struct uring_fiber *f)
{
	if (f->has_parker)
		weft__unpark(f->parker);
	else
		uring_lane_ready(f, 0);
}

static void tell(struct uring_lane *l, int fd, uint32_t events)
{
	struct uring_row *row = uring_files_row(l, fd);

	for (struct list_node *n = row->fibers, *next; n; n = next) {
		struct uring_fiber *f = list_entry(n, struct uring_fiber, on_fd);

		next = list_after(row->fibers, n);
		if (!(events & ((unsigned short)f->events | EPOLLERR | EPOLLHUP)))
			continue;
		uring_files_leave(f);
		wake(f);
	}
	if (!row->fibers || !arm(l->io, fd, row->fibers))
		return;
	/* Closed meanwhile: the call says what it thinks of that. */
	while (row->fibers) {
		struct uring_fiber *f = list_entry(row->fibers, struct uring_fiber, on_fd);

		uring_files_leave(f);
		wake(f);
	}
}

/* Until fd may be ready. 0, -ETIMEDOUT, -ECANCELED. */
static int await(struct uring_fiber *f, struct pollfd ready, weft_time deadline)
{
	struct poller *p = f->lane->io;
	struct weft__parker parker = {0};
	int err = uring_files_enter(f, ready.fd);
	struct uring_row *row = uring_files_row(f->lane, ready.fd);

	if (!row)
		return err ? err : -EMFILE;
	f->events = ready.events;
	p->n_waiting++;
	err = arm(p, ready.fd, row->fibers);
	if (err)
		goto leave;
	if (!weft__current || weft__fiber_owns(&f->base, weft__current)) {
		err = uring_wait(&f->base, deadline, weft__current != NULL);
	} else { /* as in uring_ring.c */
		f->parker = &parker;
		f->has_parker = true;
		err = weft__sleep(&parker, deadline, true);
		f->has_parker = false;
		if (err == -ECANCELED && !weft__asked(weft__current))
			err = -ETIMEDOUT;
	}
leave:
	p->n_waiting--;
	return uring_files_leave(f) ? -EBADF : err;
}

/* ---- A call ---- */

struct offloaded {
	struct weft__io *io;
	int64_t result;
};

static void call(void *ctx)
{
	struct offloaded *o = ctx;

	o->result = weft__io_call(o->io);
}

static int64_t offload(struct weft__io *io)
{
	struct offloaded o = {.io = io};

	weft__offload(call, &o);
	return o.result;
}

/* Until it does what it has to. */
static int64_t try_again(struct uring_fiber *f, struct weft__io *io, weft_time deadline)
{
	weft_time limit = weft__earlier(deadline, weft_call_deadline(weft__current));
	int64_t n;
	int err;

	for (;;) {
		err = weft__io_given_up(deadline);
		if (err)
			return err;
		n = weft__io_try(io);
		if (n == -EOPNOTSUPP)
			return offload(io);
		if (n != -EAGAIN)
			return n;
		if (io->ready.fd >= 0)
			err = await(f, io->ready, limit);
		else
			uring_wait(&f->base, weft__earlier(limit, weft_after(RETRY_AFTER)), false);
		if (err)
			return err;
	}
}

/* Who has got less than he had room for has got all that there was, and the next time will have to wait: a try would be
 * in vain. If it would not have been, epoll says so at once. */
static int64_t receive(struct uring_fiber *f, struct weft__io *io, weft_time deadline)
{
	struct uring_row *row = uring_files_row(f->lane, io->fd);
	size_t room = io->size;
	int64_t n = 0;

	if (row && row->is_drained) {
		n = weft__io_given_up(deadline);
		if (!n)
			n = await(f, (struct pollfd){.fd = io->fd, .events = POLLIN},
				  weft__earlier(deadline, weft_call_deadline(weft__current)));
	}
	if (!n || n == -EPERM) /* it is no socket, and recv says so */
		n = try_again(f, io, deadline);
	row = uring_files_row(f->lane, io->fd);
	if (row)
		row->is_drained = n > 0 && (size_t)n < room;
	return n;
}

static int64_t poll_io(struct weft__fiber *base, struct weft__io *io, weft_time deadline)
{
	struct uring_fiber *f = inside(base);

	weft__release_pending();
	if (!weft__io_interruptible(io))
		return offload(io);
	return io->op == WEFT__IO_RECV ? receive(f, io, deadline) : try_again(f, io, deadline);
}

static int64_t poll_transfer(struct weft__fiber *base, enum weft__io_op op, int fd, const void *data,
			     size_t size, int64_t at)
{
	struct weft__io io = weft__io_transfer(op, fd, data, size, at);

	return poll_io(base, &io, WEFT_FOREVER);
}

/* ---- The lane's ---- */

/* As epoll_wait; where the kernel has it, to the nanosecond. */
static int wait_events(struct poller *p, weft_time until)
{
	weft_time now = until && until != WEFT_FOREVER ? weft_now() : 0;
	weft_time rest = until > now ? until - now : 0;
	struct timespec limit = weft__timespec(rest);
	struct timespec *no_longer_than = until == WEFT_FOREVER ? NULL : &limit;
	int n = -1;

#ifdef SYS_epoll_pwait2
	if (!p->is_old)
		n = (int)syscall(SYS_epoll_pwait2, p->epoll, p->event, EVENTS, no_longer_than, NULL, 0);
	p->is_old |= n < 0 && errno == ENOSYS;
#else
	p->is_old = true;
#endif
	if (p->is_old)
		n = epoll_wait(p->epoll, p->event, EVENTS,
			       no_longer_than ? (int)((rest + WEFT_MS(1) - 1) / WEFT_MS(1) % INT_MAX) : -1);
	return n;
}

static void poll_poll(struct uring_lane *l, weft_time until)
{
	struct poller *p = l->io;
	bool enters = until || p->n_waiting;
	int n;

	if (l->row && enters)
		weft__count(&l->row->ring.enters); /* first: it may sleep for long */
	n = enters ? wait_events(p, until) : 0;
	if (l->row && n > 0) /* relaxed: a figure for people */
		atom_store(&l->row->ring.answers, atom_load(&l->row->ring.answers, relaxed) + (uint32_t)n,
			   relaxed);
	for (int i = 0; i < n; i++) {
		if (p->event[i].data.fd != l->bell)
			tell(l, p->event[i].data.fd, p->event[i].events);
		else if (read(l->bell, &l->bell_count, sizeof l->bell_count) < 0)
			continue; /* somebody else's word for it: nothing is lost */
	}
}

static void poll_close(struct uring_lane *l)
{
	struct poller *p = l->io;

	if (p->epoll >= 0)
		close(p->epoll);
	free(p);
	l->io = NULL;
}

static int poll_open(struct uring_lane *l)
{
	struct epoll_event e = {.events = EPOLLIN, .data = {.fd = l->bell}};
	struct poller *p = calloc(1, sizeof *p);
	int err;

	if (!p)
		return -ENOMEM;
	l->io = p;
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll >= 0 && !epoll_ctl(p->epoll, EPOLL_CTL_ADD, l->bell, &e))
		return 0;
	err = -errno;
	poll_close(l);
	return err;
}

const struct uring_driver uring_poll_driver = {
	.name = "epoll",
	.open = poll_open,
	.close = poll_close,
	.poll = poll_poll,
	.engine = {.wait = uring_wait,
		   .wake = uring_wake,
		   .yield = uring_yield,
		   .wait_word = uring_look_again,
		   .io = poll_io,
		   .transfer = poll_transfer},
};
