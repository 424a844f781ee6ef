/* SPDX-License-Identifier: MIT
 *
 * weft/pipe.h -- two-way channels of messages. A weft_pipe is one end of one: what is sent at one end as one message is
 * received at the other as one. There are two kinds, which are used in the same way.
 *
 * In shared memory, between the threads, fibers, workers, processes and forks of one program:
 *
 *   weft_pipe *a, *b;
 *   int err = weft_pipe_new(&a, &b, NULL);
 *   ...                                    // a task gets b in its argument, on whichever executor
 *   err = weft_pipe_send(a, "hello", 5, WEFT_FOREVER);
 *   ssize_t n = weft_pipe_recv(a, text, sizeof text, WEFT_FOREVER);
 *
 * And over sockets, between programs, on one machine or on several:
 *
 *   weft_listener *l;                                        // one program
 *   struct weft_listen_opts o = {.size = sizeof o, .secret = key, .secret_size = 32};
 *   err = weft_listen(&l, "unix:/run/me/socket", &o);
 *   if (!err) err = weft_listener_accept(l, &a, WEFT_FOREVER);
 *
 *   err = weft_pipe_connect(&b, "unix:/run/me/socket", &o, weft_after(WEFT_SECONDS(5)));    // the other
 *
 * Several threads and tasks may use one end at the same time: a message is sent and received whole [PIPE-1], one after
 * the other in each direction, and both directions at once.
 *
 * A deadline that has passed, 0 say, does what can be done without waiting; else -ETIMEDOUT. In a task a call ends
 * with -ECANCELED as soon as the task is cancelled, and with -ETIMEDOUT at the task's deadline. After either the
 * pipe goes on as if the call had not been made, also if it came in the middle of a message: a message that was
 * sent in part is never received [PIPE-2], and one that came in part stays in the pipe for the next call.
 *
 * An end in shared memory is the same pointer in every process of the program. Whoever is killed, and whenever, spoils
 * nothing: see weft/queue.h. That the process is dead that used the other end last is noticed by who waits, within
 * a quarter of a second: -EOWNERDEAD. (It takes /proc for that, and the end must have been used.)
 *
 * An end over a socket belongs to its process. A fork has a copy of it, as of a descriptor: one of the two uses it, the
 * other closes it, and at the time of the fork no call on it is under way. That the other side is dead, the kernel
 * says at once: -EPIPE, or -ECONNRESET in the middle of a message.
 *
 * Addresses:
 *
 *   unix:/path      a socket in the file system, of mode 0600
 *   unix:@name      one without a file, in the network namespace
 *   tcp:host:port   host is a name or a number, IPv6 in brackets: tcp:[::1]:7000
 *
 * Secrets. With one, both sides prove to each other that they know it, before the first message, by HMAC-SHA-256
 * (of libsodium, which is loaded when it is first needed) over random numbers of both, and over which side it is, so
 * that what one side has said is of no use to say again. Take 32 random bytes: a short one can be guessed by who
 * has listened. The secret says who is there when the connection begins. It neither hides what is sent nor protects it
 * from somebody who can change packets on the way: on networks like that, have a tunnel.
 * Without a secret, unix sockets take only peers of the same user and of root; at TCP sockets anybody is welcome who
 * can reach them.
 *
 * What comes over a socket is checked before it is used, and what is held of it is bounded: about 17 KiB, and one
 * message.
 */
#ifndef WEFT_PIPE_H
#define WEFT_PIPE_H

#include <weft/region.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEFT_MESSAGE_SIZE_MAX ((size_t)1 << 30) /* 1 GiB */
#define WEFT_SECRET_SIZE_MAX  4096              /* bytes */
#define WEFT_PENDING_MAX      1024              /* peers */

/** One end of a channel. */
typedef struct weft_pipe weft_pipe;

/** Where others connect to. */
typedef struct weft_listener weft_listener;

/** Options of weft_pipe_new. Set size to sizeof(struct weft_pipe_opts); 0 elsewhere is the default. */
struct weft_pipe_opts {
	uint32_t size;       /* bytes; 0 counts as all of them */
	uint32_t capacity;   /* messages on their way, in each direction; default 1024 */
	size_t message_size; /* bytes of the largest, up to WEFT_MESSAGE_SIZE_MAX; default 64 KiB */
	uint64_t
		memory; /* bytes for messages on their way, in each direction; default 256 KiB, or what two of the
			      * largest need, or all, whichever decides: the least that lets all go through */
	weft_region *region; /* where it lies; NULL: in one of its own */
};

/** Options of weft_listen and weft_pipe_connect. Set size to sizeof(struct weft_listen_opts); 0 elsewhere is the
 * default. */
struct weft_listen_opts {
	uint32_t size;      /* bytes; 0 counts as all of them */
	uint32_t pending;   /* peers that are being greeted at a time, up to WEFT_PENDING_MAX; default 64. One
			      * more, and the oldest of them is dropped. Of no use to connect */
	const void *secret; /* NULL: none. Both sides have the same, or both none */
	size_t secret_size; /* bytes, 1 to WEFT_SECRET_SIZE_MAX */
	size_t message_size; /* bytes of the largest message that may come, up to WEFT_MESSAGE_SIZE_MAX; default
			      * 1 MiB. The other side is told */
	weft_time
		patience; /* ns that a peer has to say who it is before it is dropped; default 5 s. Of no use
			      * to connect, which has its deadline */
};

/* ---- In shared memory ---- */

/** Makes a channel, both ends of it.
 *
 * @param opts  NULL: all defaults.
 * @return 0 | -EINVAL: a NULL, or unknown options set | -ERANGE: an option is too large | as weft_region_new, where
 *         region is NULL | -ENOMEM: the region is full.
 * @owns   *ret_a and *ret_b are each for somebody to close, in whichever process: weft_pipe_close. A given region has
 *         to live longer than the channel.
 * @from   Any thread, or inside a task; in workers and forks with a region that is given.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_pipe *a, *b; err = weft_pipe_new(&a, &b, NULL); */
WEFT_API int weft_pipe_new(weft_pipe **ret_a, weft_pipe **ret_b, const struct weft_pipe_opts *opts);

/* ---- Over sockets ---- */

/** Listens at an address.
 *
 * A file that a dead listener has left at a unix path is replaced; one where somebody listens is not.
 *
 * @param address  See above. Port 0: one that is free; weft_listener_address says which.
 * @param opts     NULL: all defaults, so without a secret.
 * @return 0 | -EINVAL: a NULL, no such address, a secret without size, or unknown options set | -ERANGE: a number
 *         in opts or the port | -ENAMETOOLONG: a path or name of more than 107 bytes, or a host of more than 255 |
 *         -EADDRINUSE: somebody listens there, or there is a file that is no socket | -ENOSYS: a secret, and no
 *         libsodium | what socket(2), bind(2), listen(2) have, negative | of a host, as weft_getaddrinfo |
 *         -ENOMEM, -EMFILE, -ENFILE.
 * @owns   *ret is the caller's: weft_listener_close. The secret is not kept.
 * @from   Any thread, or inside a task.
 * @waits  For name servers, if host is a name.
 * @orders Nothing.
 * Example: err = weft_listen(&l, "tcp:127.0.0.1:0", NULL); */
WEFT_API int weft_listen(weft_listener **ret, const char *address, const struct weft_listen_opts *opts);

/** The address to connect to: as it was given to weft_listen, or with host and port as numbers.
 *
 * @return A text; NULL if l is.
 * @owns   The listener's: good until it is closed.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: printf("%s\n", weft_listener_address(l)); */
WEFT_API const char *weft_listener_address(const weft_listener *l);

/** The next peer who has connected and, where there is a secret, knows it.
 *
 * All that have connected are greeted at the same time, so one who is slow or silent holds up nobody. Peers are greeted
 * only during this call.
 *
 * @return 0 | -ETIMEDOUT | -ECANCELED | -EINVAL: a NULL | -ECHILD: l was made by another process | -EMFILE,
 *         -ENFILE, -ENOMEM: there is a peer, but no room for it. Who is refused is no error here.
 * @owns   *ret is the caller's: weft_pipe_close.
 * @from   Any thread, or inside a task; also several at a time.
 * @waits  Until there is a peer, or deadline.
 * @orders Nothing.
 * Example: err = weft_listener_accept(l, &p, weft_after(WEFT_SECONDS(1))); */
WEFT_API int weft_listener_accept(weft_listener *l, weft_pipe **ret, weft_time deadline);

/** Ends it: peers that are not accepted yet are dropped, and the file of a unix path is removed if it is still the one
 * that weft_listen made. Pipes live on.
 *
 * @param l  NULL is fine. No other thread may be using it.
 * @return 0. In a fork: memory and descriptors of the fork are given back, nothing else happens.
 * @owns   *l is gone.
 * @from   Any thread, or inside a task. Also done in a cancelled one.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_listener_close(l); */
WEFT_API int weft_listener_close(weft_listener *l);

/** Connects to a listener, in this program or in another.
 *
 * @param opts  NULL: all defaults.
 * @return 0 | -ETIMEDOUT | -ECANCELED | -EACCES: the other side does not know the secret [PIPE-3], or has refused ours,
 *         or one side has a secret and the other none; or, without one, it is of another user | -EPROTO: it is no
 *         listener of this library | -ECONNRESET: it has hung up before that was clear | -ECONNREFUSED, -ENOENT:
 *         nobody listens there | -EINVAL, -ERANGE, -ENAMETOOLONG, -ENOSYS, -ENOMEM and the rest as weft_listen, and
 *         what connect(2) has, negative.
 * @owns   *ret is the caller's: weft_pipe_close. The secret is not kept.
 * @from   Any thread, or inside a task.
 * @waits  Until the listener's side has called weft_listener_accept, or deadline.
 * @orders Nothing.
 * Example: err = weft_pipe_connect(&p, "tcp:[::1]:7000", &o, weft_after(WEFT_SECONDS(5))); */
WEFT_API int weft_pipe_connect(weft_pipe **ret, const char *address, const struct weft_listen_opts *opts,
			       weft_time deadline);

/* ---- Both ---- */

/** Sends a message.
 *
 * @param msg   NULL is fine if size is 0: an empty message is one.
 * @param size  Bytes, up to the message_size of both sides.
 * @return 0: it is on its way | -EPIPE: the other end is closed, or the connection has ended | -EMSGSIZE |
 *         -ETIMEDOUT, -ECANCELED: it will not arrive | -EINVAL: a NULL, or an end that was closed | over sockets
 *         -ENOMEM, -ENOBUFS: the kernel has no memory | in shared memory -EOWNERDEAD: there is no room, and the process
 *         is dead that used the other end last. Told once: who calls again waits for another to use it.
 * @owns   msg is the caller's, and must not change during the call.
 * @from   Any thread, or inside a task.
 * @waits  Until there is room for all of it, or deadline.
 * @orders What was done before, happens before the weft_pipe_recv that gets it, in whichever process.
 * Example: err = weft_pipe_send(p, &job, sizeof job, WEFT_FOREVER); */
WEFT_API int weft_pipe_send(weft_pipe *p, const void *msg, size_t size, weft_time deadline);

/** Receives the next message.
 *
 * @param room  Bytes that msg has room for.
 * @return Bytes of the message | -EPIPE: there is no more, the other end is closed | -EMSGSIZE: it is larger than room,
 *         and stays | -ENOMSG: the next is a descriptor, for weft_pipe_recv_fd | -ETIMEDOUT, -ECANCELED |
 *         -ECONNRESET: the connection has ended in the middle of a message | -EPROTO: what came was garbage, and the
 *         connection is ended | -EINVAL: a NULL, or an end that was closed | -ENOMEM: for a message of more than 16
 *         KiB, which stays | -EOWNERDEAD: as weft_pipe_send, and there is no message.
 * @owns   msg is the caller's.
 * @from   Any thread, or inside a task.
 * @waits  Until a message is there as a whole, or deadline.
 * @orders As weft_pipe_send says.
 * Example: ssize_t n = weft_pipe_recv(p, buffer, sizeof buffer, weft_after(WEFT_MS(100))); */
WEFT_API ssize_t weft_pipe_recv(weft_pipe *p, void *msg, size_t room, weft_time deadline);

/** Waits until weft_pipe_recv or weft_pipe_recv_fd would not wait: for a whole message, a descriptor, the end or an
 * error.
 *
 * @return 0 | -ETIMEDOUT, -ECANCELED | -EINVAL: a NULL, or an end that was closed | -ENOMEM, -EOWNERDEAD, as
 *         weft_pipe_recv.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  As weft_pipe_recv.
 * @orders Nothing.
 * Example: if (weft_pipe_poll(p, 0) == 0) n = weft_pipe_recv(p, buffer, sizeof buffer, 0); */
WEFT_API int weft_pipe_poll(weft_pipe *p, weft_time deadline);

/** Sends a descriptor, over a unix socket.
 *
 * @return 0 | as weft_pipe_send | -EBADF: fd is none | -EOPNOTSUPP: not a unix socket | -ETOOMANYREFS: too many are
 *         under way.
 * @owns   fd stays the caller's; the other side gets a descriptor of its own for the same file.
 * @from   Any thread, or inside a task.
 * @waits  As weft_pipe_send.
 * @orders As weft_pipe_send; descriptors and messages keep their order.
 * Example: err = weft_pipe_send_fd(p, file, WEFT_FOREVER); */
WEFT_API int weft_pipe_send_fd(weft_pipe *p, int fd, weft_time deadline);

/** Receives a descriptor.
 *
 * @return A descriptor, close-on-exec | as weft_pipe_recv | -ENOMSG: the next is a message, for weft_pipe_recv |
 *         -EMFILE: this process could not have one more when it came; it is lost | -EOPNOTSUPP: not a unix socket.
 * @owns   The descriptor is the caller's: weft_close.
 * @from   Any thread, or inside a task.
 * @waits  As weft_pipe_recv.
 * @orders As weft_pipe_recv.
 * Example: int file = weft_pipe_recv_fd(p, WEFT_FOREVER); */
WEFT_API int weft_pipe_recv_fd(weft_pipe *p, weft_time deadline);

/** Closes an end. The other one still receives what was sent before, then -EPIPE.
 *
 * In shared memory all goes when both ends are closed, by whichever processes; that of one who died, by who is left.
 * (The memory of a channel without a given region goes when the process that made it next makes or closes one.)
 *
 * @param p  NULL is fine. Nobody may be using it; of one in shared memory, in any process.
 * @return 0 | -EINVAL: it was closed before.
 * @owns   *p is gone. Descriptors that came and were not received are closed.
 * @from   Any thread, or inside a task. Also done in a cancelled one.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_pipe_close(p); */
WEFT_API int weft_pipe_close(weft_pipe *p);

#ifdef __cplusplus
}
#endif
#endif
