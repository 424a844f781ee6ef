/* SPDX-License-Identifier: MIT
 *
 * subprocess_stdio.c -- pipes and files for a child's descriptors 0 to 2. All are made here, before there is a
 * child, so that an error is the caller's, and a path means what it means to the caller. All close on exec: another
 * thread may be executing something at this very moment.
 */
#include "subprocess_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <weft/io.h>

static int make_pipe(struct weft__stdio *s, int which)
{
	int end[2];

	if (pipe2(end, O_CLOEXEC))
		return -errno;
	s->theirs[which] = end[which != 0];
	s->ours[which] = end[which == 0];
	s->opened[which] = true;
	return 0;
}

static int open_file(struct weft__stdio *s, int which, const char *path, int flags)
{
	int fd;

	if (!path)
		return -EINVAL;
	if (!flags && which)
		flags = O_WRONLY | O_CREAT | O_TRUNC;
	fd = weft_open(path, flags | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd < 0)
		return fd;
	s->theirs[which] = fd;
	s->opened[which] = true;
	return 0;
}

static int use_fd(struct weft__stdio *s, int which, int fd)
{
	if (fcntl(fd, F_GETFD) < 0)
		return -errno;
	s->theirs[which] = fd;
	return 0;
}

static int open_one(struct weft__stdio *s, int which, const struct weft_stdio *how,
		    enum weft_subprocess_step *ret_step)
{
	*ret_step = WEFT_STEP_NONE;
	switch (how->kind) {
	case WEFT_STDIO_DEFAULT:
	case WEFT_STDIO_INHERIT:
		return 0;
	case WEFT_STDIO_PIPE:
		*ret_step = WEFT_STEP_PIPE;
		return make_pipe(s, which);
	case WEFT_STDIO_NULL:
		*ret_step = WEFT_STEP_OPEN;
		return open_file(s, which, "/dev/null", O_RDWR);
	case WEFT_STDIO_FD:
		*ret_step = WEFT_STEP_FDS;
		return use_fd(s, which, how->fd);
	case WEFT_STDIO_FILE:
		*ret_step = WEFT_STEP_OPEN;
		return open_file(s, which, how->path, how->flags);
	case WEFT_STDIO_MERGE:
		if (which != STDERR_FILENO)
			return -EINVAL;
		s->theirs[which] = s->theirs[1] < 0 ? STDOUT_FILENO : s->theirs[1];
		return 0;
	}
	return -EINVAL;
}

int weft__stdio_open(const struct weft_subprocess_opts *opts, struct weft__stdio *ret,
		     enum weft_subprocess_step *ret_step)
{
	const struct weft_stdio *how[3] = {&opts->in, &opts->out, &opts->err};

	*ret = (struct weft__stdio){.theirs = {-1, -1, -1}, .ours = {-1, -1, -1}};
	for (int i = 0; i < 3; i++) {
		int err = open_one(ret, i, how[i], ret_step);

		if (err) {
			weft__stdio_close_theirs(ret);
			weft__stdio_close_ours(ret);
			return err;
		}
	}
	return 0;
}

void weft__stdio_close_theirs(struct weft__stdio *s)
{
	for (int i = 0; i < 3; i++)
		if (s->opened[i])
			close(s->theirs[i]);
}

void weft__stdio_close_ours(struct weft__stdio *s)
{
	for (int i = 0; i < 3; i++)
		if (s->ours[i] >= 0)
			close(s->ours[i]);
}
