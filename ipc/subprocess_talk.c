/* SPDX-License-Identifier: MIT
 *
 * subprocess_talk.c -- input for a program and output from it, all at the same time, so that neither waits for the
 * other.
 *
 * Where one pipe is left it is read, or written, by calls that wait. Where there are several, an epoll of their own
 * says which is ready. An epoll, since that is one descriptor, which fibers and bells (ready.h) can wait for.
 *
 * Output is read straight to where it is returned (output.c). A pipe that has proved to carry much is enlarged, so
 * that writer and reader wake each other less often; not before, since what a user may have in pipes is limited.
 */
#include "fiber.h"
#include "forked.h"
#include "io_request.h"
#include "output.h"
#include "spec.h"
#include "subprocess_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <weft/io.h>

#define MUCH       ((size_t)256 << 10) /* bytes through a pipe, and it is enlarged */
#define PIPE_LARGE (1 << 20)
#define ONCE_MOST  ((size_t)1 << 30) /* bytes by one call */

struct talk {
	weft_subprocess *p;
	const char *input;
	size_t input_size;
	weft_time deadline;
};

static int open_streams(const weft_subprocess *p)
{
	int n = 0;

	for (int i = 0; i < 3; i++)
		n += p->stream[i].fd >= 0;
	return n;
}

static void close_stream(weft_subprocess *p, int which)
{
	int fd = p->stream[which].fd;

	if (p->epoll >= 0) /* a copy in some fork would keep it there */
		epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, NULL);
	p->stream[which].fd = -1;
	close(fd);
}

static void tune(struct weft__stream *s, size_t carried)
{
	if (s->tuned || carried < MUCH)
		return;
	s->tuned = true;
	fcntl(s->fd, F_SETPIPE_SZ, PIPE_LARGE); /* or it stays as it is */
}

/* ---- Reading ---- */

/* Once: 0: there may be more; -EAGAIN: not now; or an error. At the end the stream is closed. */
static int read_some(struct talk *t, int which, bool wait)
{
	struct weft__stream *s = &t->p->stream[which];
	struct weft__io io = {.op = WEFT__IO_READ, .fd = s->fd, .offset = -1};
	size_t most = t->p->output_most;
	int64_t n;
	int err = 0;

	if (s->over)
		return -ENOBUFS;
	if (s->size + 1 >= s->room) /* a byte more, and the NUL */
		err = weft__output_grow(&s->data, &s->room);
	if (err)
		return err;
	io.data = s->data + s->size;
	io.size = s->room - s->size - 1;
	if (io.size > ONCE_MOST)
		io.size = ONCE_MOST;
	if (most && io.size > most - s->size)
		io.size = most - s->size + 1;
	n = wait ? weft__io_do(&io, t->deadline) : weft__io_call(&io);
	if (n < 0)
		return (int)n;
	s->size += (size_t)n;
	tune(s, s->size);
	if (!n)
		close_stream(t->p, which);
	if (!most || s->size <= most)
		return 0;
	s->size = most;
	s->over = true;
	return -ENOBUFS;
}

/* ---- Writing ---- */

static int write_some(struct talk *t, bool wait)
{
	struct weft__stream *s = &t->p->stream[0];
	size_t left = t->input_size - t->p->input_done;
	struct weft__io io = {.op = WEFT__IO_WRITE, .fd = s->fd, .offset = -1};
	int64_t n = 0;

	tune(s, t->input_size);
	io.out = t->input + t->p->input_done;
	io.size = left < ONCE_MOST ? left : ONCE_MOST;
	if (left)
		n = wait ? weft__io_do(&io, t->deadline) : weft__io_call(&io);
	if (n < 0 && n != -EPIPE)
		return (int)n;
	if (n > 0)
		t->p->input_done += (size_t)n;
	if (n < 0 || t->p->input_done == t->input_size) /* -EPIPE: it does not want more */
		close_stream(t->p, 0);
	return 0;
}

/* ---- All at once ---- */

static int transfer(struct talk *t, int which, bool wait)
{
	return which ? read_some(t, which, wait) : write_some(t, wait);
}

/* From now on nothing is to block but the wait for all of them. */
static int watch(weft_subprocess *p)
{
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll < 0)
		return -errno;
	for (int i = 0; i < 3; i++) {
		struct epoll_event e = {.events = i ? EPOLLIN : EPOLLOUT, .data = {.fd = i}};
		int fd = p->stream[i].fd;

		if (fd < 0)
			continue;
		if (fcntl(fd, F_SETFL, O_NONBLOCK) || epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e)) {
			int err = -errno;

			close(p->epoll);
			p->epoll = -1;
			return err;
		}
	}
	return 0;
}

/* 0: it has passed. Of one that is far away, the first weeks. */
static int ms_until(weft_time deadline)
{
	weft_time left = deadline - weft_now();

	if (left <= 0)
		return 0;
	return left > WEFT_MS(INT_MAX) ? INT_MAX : (int)((left + WEFT_MS(1) - 1) / WEFT_MS(1));
}

static int await_outside(struct talk *t, struct epoll_event ret[3])
{
	for (;;) {
		int ms = ms_until(t->deadline);
		int n = epoll_wait(t->p->epoll, ret, 3, ms);

		if (n > 0)
			return n;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!ms)
			return -ETIMEDOUT;
	}
}

static int await_in_task(struct talk *t, struct epoll_event ret[3])
{
	struct weft__io io = {.op = WEFT__IO_POLL, .fd = t->p->epoll, .flags = POLLIN};
	int64_t err = 0;
	int n;

	while (!(n = epoll_wait(t->p->epoll, ret, 3, 0)) && err >= 0)
		err = weft__io_do(&io, t->deadline);
	return n ? n : (int)err;
}

static int transfer_any(struct talk *t)
{
	struct epoll_event ready[3];
	int n, err = weft__io_given_up(t->deadline); /* there may always be something to read */

	if (!err && t->p->epoll < 0)
		err = watch(t->p);
	if (err)
		return err;
	n = weft__current ? await_in_task(t, ready) : await_outside(t, ready);
	for (int i = 0; i < n && !err; i++) {
		err = transfer(t, ready[i].data.fd, false);
		if (err == -EAGAIN)
			err = 0;
	}
	return n < 0 ? n : err;
}

static int transfer_one(struct talk *t)
{
	int which = 0;

	while (t->p->stream[which].fd < 0)
		which++;
	return transfer(t, which, true);
}

/* Until all pipes are closed. */
static int talk(struct talk *t)
{
	int n, err = 0;

	if (t->p->stream[0].fd >= 0 && t->p->input_done == t->input_size)
		close_stream(t->p, 0);
	while (!err && (n = open_streams(t->p)))
		err = n == 1 && t->p->epoll < 0 ? transfer_one(t) : transfer_any(t);
	return err;
}

/* Moves what has been captured to where it is returned. */
static void hand_over(weft_subprocess *p, struct weft_output *ret)
{
	void **data[3] = {NULL, &ret->out, &ret->err};
	size_t *size[3] = {NULL, &ret->out_size, &ret->err_size};

	ret->code = p->code;
	for (int i = 1; i < 3; i++) {
		struct weft__stream *s = &p->stream[i];

		*size[i] = s->size;
		if (s->data) {
			s->data[s->size] = '\0';
			*data[i] = weft__output_fit(s->data, s->size + 1);
		}
		s->data = NULL;
		s->size = s->room = 0;
	}
}

int weft_subprocess_communicate(weft_subprocess *p, const void *input, size_t input_size,
				struct weft_output *ret, weft_time deadline)
{
	struct talk t = {.p = p, .input = input, .input_size = input_size, .deadline = deadline};
	int err;

	if (!p || !ret || (input_size && (!input || !p->stream[0].captured)))
		return -EINVAL;
	if (weft__forked(p->generation))
		return -ECHILD;
	err = talk(&t);
	if (!err)
		err = weft_subprocess_wait(p, NULL, deadline);
	if (err && err != -ECHILD)
		return err;
	*ret = (struct weft_output){.code = 0};
	hand_over(p, ret);
	return err;
}

void weft_output_free(struct weft_output *o)
{
	if (!o)
		return;
	weft__output_discard(o->out);
	weft__output_discard(o->err);
	*o = (struct weft_output){.code = 0};
}

/* ---- To the end ---- */

static void use_default(struct weft_stdio *s, enum weft_stdio_kind kind)
{
	if (s->kind == WEFT_STDIO_DEFAULT)
		s->kind = kind;
}

/* What is left in the pipes of one that was killed; somebody else may still be writing. */
static void drain(struct talk *t)
{
	for (int i = 1; i < 3; i++) {
		struct weft__stream *s = &t->p->stream[i];
		size_t most = s->size + 2 * PIPE_LARGE;

		if (s->fd < 0 || fcntl(s->fd, F_SETFL, O_NONBLOCK))
			continue;
		while (s->fd >= 0 && s->size < most && !read_some(t, i, false)) {}
	}
}

static int run(weft_subprocess *p, const void *input, size_t input_size, struct weft_output *ret,
	       weft_time deadline)
{
	struct talk t = {.p = p, .input = input, .input_size = input_size, .deadline = deadline};
	int err = weft_subprocess_communicate(p, input, input_size, ret, deadline);

	if (!err || err == -ECHILD)
		return err;
	weft_subprocess_kill(p);
	weft__subprocess_bury(p);
	drain(&t);
	hand_over(p, ret);
	return err;
}

int weft_subprocess_run(const char *const argv[], const struct weft_subprocess_opts *opts, const void *input,
			size_t input_size, struct weft_output *ret, weft_time deadline)
{
	struct weft_subprocess_opts own;
	weft_subprocess *p;
	int err = weft__opts_copy(&own, sizeof own, opts);

	if (err || !ret)
		return -EINVAL;
	*ret = (struct weft_output){.code = 0};
	use_default(&own.in, input_size ? WEFT_STDIO_PIPE : WEFT_STDIO_NULL);
	use_default(&own.out, WEFT_STDIO_PIPE);
	use_default(&own.err, WEFT_STDIO_PIPE);
	if (!(own.flags & WEFT_SUBPROCESS_SESSION))
		own.flags |= WEFT_SUBPROCESS_GROUP;
	if (!own.death_signal)
		own.death_signal = SIGKILL;
	if (input_size && (!input || own.in.kind != WEFT_STDIO_PIPE))
		return -EINVAL;
	err = weft__io_given_up(deadline);
	if (err)
		return err;
	err = weft_subprocess_start(&p, argv, &own);
	if (err)
		return err;
	err = run(p, input, input_size, ret, deadline);
	weft_subprocess_free(p);
	return err;
}

int weft_shell(const char *command, int *ret_code, weft_time deadline)
{
	const char *const argv[] = {"sh", "-c", "--", command, NULL};
	struct weft_subprocess_opts opts = {.size = sizeof opts, .program = "/bin/sh"};
	weft_subprocess *p;
	int err;

	if (!command)
		return -EINVAL;
	err = weft__io_given_up(deadline);
	if (err)
		return err;
	if (weft__current ||
	    deadline != WEFT_FOREVER) { /* it may be cut short, and what it has started with it */
		opts.flags = WEFT_SUBPROCESS_GROUP;
		opts.death_signal = SIGKILL;
	}
	err = weft_subprocess_start(&p, argv, &opts);
	if (err)
		return err;
	err = weft_subprocess_wait(p, ret_code, deadline);
	if (err && err != -ECHILD)
		weft_subprocess_kill(p);
	weft_subprocess_free(p);
	return err;
}
