/* SPDX-License-Identifier: MIT
 *
 * pipe_socket.c -- an end over a connected stream socket.
 *
 * The kernel is asked without waiting; where it cannot, the descriptor is waited for, on every executor in
 * the same way. So a call that is called off knows exactly what has been done: what came is in the buffer, and of what
 * was to go it is known how much of the frame is out. The next sender first fills that frame up, as a void one.
 *
 * Descriptors that come are put in a row and taken from there by the frames that announce them. A read ends behind the
 * bytes that a descriptor came with, and there is none while a whole frame is in the buffer: so there are two in the
 * row at most, unless the other side cheats.
 */
#include "fiber.h"
#include "io_request.h"
#include "pipe_parts.h"
#include "turn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weft/io.h>
#include <weft/socket.h>

enum {
	FIRST_ROOM = 16384, /* bytes of the buffer, until a frame is larger */
	FDS_MAX = 2,
	FDS_AT_ONCE = 4,  /* that one read takes, to see that it is too many */
	YIELD_AFTER = 32, /* calls that need not wait, in a row */
};

struct socket_pipe {
	struct weft_pipe base;
	int fd;
	bool is_unix;
	struct out {
		struct weft__turn turn; /* of the rest */
		size_t limit;           /* bytes of a message */
		uint8_t head[FRAME_HEAD];
		size_t sent, owed; /* bytes of a frame that was called off: out, and to come */
		bool broken;
	} out;
	struct in {
		struct weft__turn turn;
		size_t limit;
		uint8_t *data; /* first, or on the heap */
		size_t room, begin, end;
		int fd[FDS_MAX]; /* -1: one that was lost */
		unsigned n_fds;
		int err; /* once there is nothing more to come: why */
	} in;
	uint8_t first[FIRST_ROOM];
};

static struct socket_pipe *inside(weft_pipe *base)
{
	return list_entry(base, struct socket_pipe, base);
}

int weft__await_fd(int fd, short events, weft_time deadline)
{
	struct weft__io io = {.op = WEFT__IO_POLL, .fd = fd, .flags = events};
	int64_t r = weft__io_do(&io, deadline);

	return r < 0 ? (int)r : 0;
}

/* Outside of tasks, and without a deadline, the kernel may as well wait itself: a system call fewer. */
static bool may_block(weft_time deadline)
{
	return !weft__current && deadline == WEFT_FOREVER;
}

/* A fiber whose socket is always ready lets others run all the same. */
static void be_fair(void)
{
	static _Thread_local unsigned calls WEFT__TLS;

	if (weft__fiber && ++calls % YIELD_AFTER == 0)
		weft__fiber->engine->yield(weft__fiber);
}

/* ---- Sending ---- */

/* Errors of sendmsg after which the connection is as it was. */
static bool is_passing(int err)
{
	return err == -ENOMEM || err == -ENOBUFS || err == -EBADF || err == -ETOOMANYREFS;
}

/* Bytes > 0, or an error. */
static ssize_t push_some(struct socket_pipe *p, struct msghdr *m, weft_time deadline)
{
	for (int flags = MSG_DONTWAIT;;) {
		ssize_t n = weft_sendmsg(p->fd, m, flags);
		int err;

		if (n != -EAGAIN) {
			be_fair();
			p->out.broken = n < 0 && !is_passing((int)n);
			return p->out.broken ? -EPIPE : n;
		}
		if (may_block(deadline)) {
			flags = 0;
			continue;
		}
		err = weft__await_fd(p->fd, POLLOUT, deadline);
		if (err)
			return err;
	}
}

static void advance(struct msghdr *m, size_t n)
{
	while (n) {
		size_t some = n < m->msg_iov->iov_len ? n : m->msg_iov->iov_len;

		m->msg_iov->iov_base = (char *)m->msg_iov->iov_base + some;
		m->msg_iov->iov_len -= some;
		n -= some;
		if (!m->msg_iov->iov_len) {
			m->msg_iov++;
			m->msg_iovlen--;
		}
	}
}

/* The rest of a frame that was called off. */
static int fill_up(struct socket_pipe *p, weft_time deadline)
{
	static const uint8_t zeros[4096];
	struct out *o = &p->out;

	while (o->owed) {
		bool in_head = o->sent < FRAME_HEAD;
		struct iovec iov = {.iov_base = (void *)(uintptr_t)(in_head ? o->head + o->sent : zeros)};
		struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
		ssize_t n;

		iov.iov_len = in_head                  ? FRAME_HEAD - o->sent
			      : o->owed < sizeof zeros ? o->owed
						       : sizeof zeros;
		n = push_some(p, &m, deadline);
		if (n < 0)
			return (int)n;
		o->sent += (size_t)n;
		o->owed -= (size_t)n;
	}
	return 0;
}

/* All of a frame. */
static int push(struct socket_pipe *p, struct msghdr *m, size_t size, weft_time deadline)
{
	struct out *o = &p->out;
	size_t sent = 0;

	while (sent < size) {
		ssize_t n = push_some(p, m, deadline);

		if (n < 0) {
			o->sent = sent;
			o->owed = sent ? size - sent : 0;
			return (int)n;
		}
		sent += (size_t)n;
		m->msg_control = NULL; /* went with the first byte */
		m->msg_controllen = 0;
		advance(m, (size_t)n);
	}
	return 0;
}

static int send_frame(struct socket_pipe *p, struct msghdr *m, uint8_t kind, const void *msg, size_t size,
		      weft_time deadline)
{
	uint8_t verdict = FRAME_GOOD;
	struct iovec iov[3] = {{p->out.head, FRAME_HEAD}, {(void *)(uintptr_t)msg, size}, {&verdict, 1}};
	int err = weft__io_given_up(WEFT_FOREVER);

	if (!err)
		err = weft__turn_take(&p->out.turn, deadline);
	if (err)
		return err;
	err = p->out.broken ? -EPIPE : fill_up(p, deadline);
	if (!err) {
		weft__frame_head(p->out.head, kind, size);
		m->msg_iov = iov;
		m->msg_iovlen = 3;
		err = push(p, m, weft__frame_bytes(size), deadline);
	}
	weft__turn_give(&p->out.turn);
	return err;
}

int weft__socket_send(weft_pipe *base, const void *msg, size_t size, weft_time deadline)
{
	struct socket_pipe *p = inside(base);
	struct msghdr m = {0};

	if (size > p->out.limit)
		return -EMSGSIZE;
	return send_frame(p, &m, FRAME_MESSAGE, msg, size, deadline);
}

union control {
	char bytes[CMSG_SPACE(FDS_AT_ONCE * sizeof(int))];
	struct cmsghdr align;
};

int weft__socket_send_fd(weft_pipe *base, int fd, weft_time deadline)
{
	struct socket_pipe *p = inside(base);
	union control control = {{0}};
	struct msghdr m = {.msg_control = control.bytes, .msg_controllen = CMSG_SPACE(sizeof fd)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	if (!p->is_unix)
		return -EOPNOTSUPP;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	return send_frame(p, &m, FRAME_DESCRIPTOR, NULL, 0, deadline);
}

/* ---- Receiving ---- */

/* Nothing more will come. After garbage the other side is told. */
static int end_input(struct socket_pipe *p, int err)
{
	p->in.err = err;
	if (err == -EPROTO)
		weft_shutdown(p->fd, SHUT_RDWR);
	return err;
}

static int keep_fd(struct in *in, int fd)
{
	if (in->n_fds == FDS_MAX) {
		if (fd >= 0)
			close(fd);
		return -EPROTO;
	}
	in->fd[in->n_fds++] = fd;
	return 0;
}

static int take_fd(struct in *in)
{
	int fd = in->fd[0];

	in->fd[0] = in->fd[1];
	in->n_fds--;
	return fd;
}

/* What came with a read. 0 | -EPROTO: more than there could be; they are closed. */
static int keep_fds(struct in *in, struct msghdr *m)
{
	unsigned n = 0;
	int fd, err = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof fd) <= c->cmsg_len; at += sizeof fd) {
			memcpy(&fd, CMSG_DATA(c) + at, sizeof fd);
			if (++n > 1 || keep_fd(in, fd))
				err = -EPROTO;
			if (n > 1)
				close(fd);
		}
	}
	if (!err && m->msg_flags & MSG_CTRUNC) /* one there was, and it could not be made here */
		err = n ? -EPROTO : keep_fd(in, -1);
	return err;
}

/* Bytes more in the buffer; or an error. flags: MSG_DONTWAIT, or 0. */
static ssize_t read_more(struct socket_pipe *p, int flags)
{
	struct in *in = &p->in;
	union control control;
	struct iovec iov = {in->data + in->end, in->room - in->end};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (p->is_unix) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof control.bytes;
	}
	n = weft_recvmsg(p->fd, &m, flags | MSG_CMSG_CLOEXEC);
	if (n == -EAGAIN || n == -ENOMEM || n == -ENOBUFS)
		return n;
	if (n < 0 || (n == 0 && in->end > in->begin))
		return end_input(p, -ECONNRESET);
	if (n == 0)
		return end_input(p, -EPIPE);
	in->end += (size_t)n;
	be_fair();
	return keep_fds(in, &m) ? end_input(p, -EPROTO) : n;
}

/* Room for the frame that begins the buffer: 0 or -ENOMEM. */
static int make_room(struct socket_pipe *p, size_t frame)
{
	struct in *in = &p->in;
	size_t there = in->end - in->begin;
	uint8_t *data = in->data;

	if (in->begin + frame <= in->room)
		return 0;
	if (frame > in->room) {
		data = malloc(frame);
		if (!data)
			return -ENOMEM;
		in->room = frame;
	}
	memmove(data, in->data + in->begin, there);
	if (data != in->data && in->data != p->first)
		free(in->data);
	in->data = data;
	in->begin = 0;
	in->end = there;
	return 0;
}

static void drop_frame(struct in *in, const struct weft__frame *f)
{
	in->begin += weft__frame_bytes(f->size);
	if (in->begin == in->end)
		in->begin = in->end = 0;
}

/* The frame that begins the buffer, if there is a whole one: 1, 0, or an error. Void ones are thrown away. */
static int look(struct socket_pipe *p, struct weft__frame *ret)
{
	struct in *in = &p->in;

	for (;;) {
		int r = weft__frame_read(in->data + in->begin, in->end - in->begin, in->limit, ret);

		if (r < 0 || (r > 0 && ret->kind == FRAME_DESCRIPTOR && !in->n_fds))
			return end_input(p, -EPROTO);
		if (r == 0 || !ret->is_void)
			return r;
		if (ret->kind == FRAME_DESCRIPTOR) {
			int fd = take_fd(in);

			if (fd >= 0)
				close(fd);
		}
		drop_frame(in, ret);
	}
}

static int await_frame(struct socket_pipe *p, struct weft__frame *ret, weft_time deadline)
{
	int r;

	if (p->in.err == -EPROTO)
		return p->in.err;
	while (!(r = look(p, ret))) {
		ssize_t n = p->in.err ? p->in.err : make_room(p, weft__frame_bytes(ret->size));

		if (!n)
			n = read_more(p, MSG_DONTWAIT);
		if (n == -EAGAIN && may_block(deadline))
			n = read_more(p, 0);
		else if (n == -EAGAIN)
			n = weft__await_fd(p->fd, POLLIN, deadline);
		if (n < 0)
			return (int)n;
	}
	return r < 0 ? r : 0;
}

/* The next frame, with the turn: 0, to be followed by weft__turn_give; or an error. */
static int begin_input(struct socket_pipe *p, struct weft__frame *ret, weft_time deadline)
{
	int err = weft__io_given_up(WEFT_FOREVER);

	if (!err)
		err = weft__turn_take(&p->in.turn, deadline);
	if (err)
		return err;
	err = await_frame(p, ret, deadline);
	if (err)
		weft__turn_give(&p->in.turn);
	return err;
}

ssize_t weft__socket_recv(weft_pipe *base, void *msg, size_t room, weft_time deadline)
{
	struct socket_pipe *p = inside(base);
	struct weft__frame f;
	ssize_t n;

	n = begin_input(p, &f, deadline);
	if (n)
		return n;
	if (f.kind != FRAME_MESSAGE) {
		n = -ENOMSG;
	} else if (f.size > room) {
		n = -EMSGSIZE;
	} else {
		n = (ssize_t)f.size;
		if (n)
			memcpy(msg, f.message, f.size);
		drop_frame(&p->in, &f);
	}
	weft__turn_give(&p->in.turn);
	return n;
}

int weft__socket_recv_fd(weft_pipe *base, weft_time deadline)
{
	struct socket_pipe *p = inside(base);
	struct weft__frame f;
	int fd;

	if (!p->is_unix)
		return -EOPNOTSUPP;
	fd = begin_input(p, &f, deadline);
	if (fd)
		return fd;
	if (f.kind != FRAME_DESCRIPTOR) {
		fd = -ENOMSG;
	} else {
		fd = take_fd(&p->in);
		if (fd < 0)
			fd = -EMFILE;
		drop_frame(&p->in, &f);
	}
	weft__turn_give(&p->in.turn);
	return fd;
}

int weft__socket_poll(weft_pipe *base, weft_time deadline)
{
	struct socket_pipe *p = inside(base);
	struct weft__frame f;
	int err;

	err = begin_input(p, &f, deadline);
	if (!err)
		weft__turn_give(&p->in.turn);
	/* An end is something to receive, too. */
	return err == -EPIPE || err == -ECONNRESET || err == -EPROTO ? 0 : err;
}

/* ---- Beginning and end ---- */

int weft__socket_pipe_new(weft_pipe **ret, int fd, bool is_unix, size_t limit, size_t limit_out)
{
	struct socket_pipe *p = malloc(sizeof *p);

	if (!p)
		return -ENOMEM;
	memset(p, 0, offsetof(struct socket_pipe, first));
	p->base.kind = WEFT__PIPE_SOCKET;
	p->fd = fd;
	p->is_unix = is_unix;
	p->out.limit = limit < limit_out ? limit : limit_out;
	p->in.limit = limit;
	p->in.data = p->first;
	p->in.room = sizeof p->first;
	*ret = &p->base;
	return 0;
}

void weft__socket_close(weft_pipe *base)
{
	struct socket_pipe *p = inside(base);

	while (p->in.n_fds) {
		int fd = take_fd(&p->in);

		if (fd >= 0)
			close(fd);
	}
	weft_close(p->fd);
	if (p->in.data != p->first)
		free(p->in.data);
	free(p);
}
