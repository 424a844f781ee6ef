/* SPDX-License-Identifier: MIT
 *
 * pipe_parts.h -- what the files of pipes and listeners have of each other.
 *
 *   pipe.c            the public calls: which of the two kinds of ends is it?
 *   pipe_shared.c     an end in shared memory: two queues
 *   pipe_life.c       does the process that used the other end live?
 *   pipe_socket.c     an end over a socket: frames out and in
 *   frame.c           a frame
 *   handshake.c       who the other side is
 *   secret.c          the library for it
 *   pipe_address.c    where: texts, sockets, files
 *   pipe_connect.c    from an address to an end
 *   pipe_listener.c   greeting many at once
 *   turn.c            one sender and one receiver at a time
 */
#ifndef WEFT_IPC_PIPE_PARTS_H
#define WEFT_IPC_PIPE_PARTS_H

#include "frame.h"
#include "handshake.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <weft/pipe.h>

struct addrinfo;

/* Options, checked; what is 0 has become its default. 0 | -EINVAL | -ERANGE. */
int weft__listen_opts(const struct weft_listen_opts *opts, struct weft_listen_opts *ret);

/* ---- Waiting: for descriptors, by the calling thread or fiber ---- */

/* Until fd is ready for events: 0, -ETIMEDOUT, -ECANCELED. */
int weft__await_fd(int fd, short events, weft_time deadline);

/* ---- Addresses ---- */

enum { WEFT__BACKLOG = 128 }; /* connections that the kernel keeps for a listener */

struct weft__address {
	bool is_unix;
	struct sockaddr_un un; /* of a unix socket */
	socklen_t un_size;
	char host[256], port[8]; /* of the others */
};

/* 0 | -EINVAL | -ERANGE: the port | -ENAMETOOLONG. */
int weft__address_parse(const char *text, struct weft__address *ret);
bool weft__address_has_path(const struct weft__address *a);
/* All that it may mean. */
int weft__address_resolve(const struct weft__address *a, bool to_listen, struct addrinfo **ret);

/* A unix socket that listens at a->un; *ret_file: the file, all zeros for a name. A descriptor, or an error. */
struct weft__file {
	dev_t dev;
	ino_t ino;
};
int weft__unix_listen(const struct weft__address *a, struct weft__file *ret_file);
/* Removes the file if it is still that one. */
void weft__unix_remove(const struct weft__address *a, const struct weft__file *file);
/* May the process at the other side of fd talk to this one, where there is no secret? */
bool weft__unix_is_ours(int fd);

/* ---- Ends ---- */

/* What both kinds of ends begin with. 0 or CLOSING: one that was closed, in memory that is still there; or, CLOSING, is
 * about to be, or was to be by who died of it. */
enum { WEFT__PIPE_SOCKET = 0x736f636b, WEFT__PIPE_SHARED = 0x73686172, WEFT__PIPE_CLOSING = 0x636c6f73 };

struct weft_pipe {
	uint32_t kind;
};

/* As the public calls, with arguments that were checked. */
int weft__socket_send(weft_pipe *p, const void *msg, size_t size, weft_time deadline);
ssize_t weft__socket_recv(weft_pipe *p, void *msg, size_t room, weft_time deadline);
int weft__socket_poll(weft_pipe *p, weft_time deadline);
int weft__socket_send_fd(weft_pipe *p, int fd, weft_time deadline);
int weft__socket_recv_fd(weft_pipe *p, weft_time deadline);
void weft__socket_close(weft_pipe *p);

int weft__shared_send(weft_pipe *p, const void *msg, size_t size, weft_time deadline);
ssize_t weft__shared_recv(weft_pipe *p, void *msg, size_t room, weft_time deadline);
int weft__shared_poll(weft_pipe *p, weft_time deadline);
int weft__shared_close(weft_pipe *p);

/* limit: of what may come; limit_out: of what may go. fd becomes the end's, unless there is an error: -ENOMEM. */
int weft__socket_pipe_new(weft_pipe **ret, int fd, bool is_unix, size_t limit, size_t limit_out);
/* How a TCP connection is set up before it is used. */
void weft__tcp_prepare(int fd);

/* ---- Lives ---- */

/* The calling process, as others can ask about it: its pid and when it began. 0: there is no /proc. */
uint64_t weft__life_own(void);
/* Is that process no more? False where one cannot tell. */
bool weft__life_is_over(uint64_t life);

#endif
