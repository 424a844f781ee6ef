/* SPDX-License-Identifier: MIT
 *
 * pipe.c -- the public calls on an end: which of the two kinds is it?
 */
#include "pipe_parts.h"

#include <errno.h>

int weft_pipe_send(weft_pipe *p, const void *msg, size_t size, weft_time deadline)
{
	if (!p || (!msg && size))
		return -EINVAL;
	if (p->kind == WEFT__PIPE_SHARED)
		return weft__shared_send(p, msg, size, deadline);
	return p->kind == WEFT__PIPE_SOCKET ? weft__socket_send(p, msg, size, deadline) : -EINVAL;
}

ssize_t weft_pipe_recv(weft_pipe *p, void *msg, size_t room, weft_time deadline)
{
	if (!p || (!msg && room))
		return -EINVAL;
	if (p->kind == WEFT__PIPE_SHARED)
		return weft__shared_recv(p, msg, room, deadline);
	return p->kind == WEFT__PIPE_SOCKET ? weft__socket_recv(p, msg, room, deadline) : -EINVAL;
}

int weft_pipe_poll(weft_pipe *p, weft_time deadline)
{
	if (p && p->kind == WEFT__PIPE_SHARED)
		return weft__shared_poll(p, deadline);
	return p && p->kind == WEFT__PIPE_SOCKET ? weft__socket_poll(p, deadline) : -EINVAL;
}

int weft_pipe_send_fd(weft_pipe *p, int fd, weft_time deadline)
{
	if (p && p->kind == WEFT__PIPE_SHARED)
		return -EOPNOTSUPP;
	return p && p->kind == WEFT__PIPE_SOCKET ? weft__socket_send_fd(p, fd, deadline) : -EINVAL;
}

int weft_pipe_recv_fd(weft_pipe *p, weft_time deadline)
{
	if (p && p->kind == WEFT__PIPE_SHARED)
		return -EOPNOTSUPP;
	return p && p->kind == WEFT__PIPE_SOCKET ? weft__socket_recv_fd(p, deadline) : -EINVAL;
}

int weft_pipe_close(weft_pipe *p)
{
	if (!p)
		return 0;
	if (p->kind == WEFT__PIPE_SHARED || p->kind == WEFT__PIPE_CLOSING)
		return weft__shared_close(p);
	if (p->kind != WEFT__PIPE_SOCKET)
		return -EINVAL;
	weft__socket_close(p);
	return 0;
}
