/* SPDX-License-Identifier: MIT
 *
 * weft/socket.h -- sockets and names, for tasks. What weft/io.h says of all calls holds for these [SOCKET-1].
 *
 * bind(2), listen(2) and the like never wait: call them as they are.
 */
#ifndef WEFT_SOCKET_H
#define WEFT_SOCKET_H

#include <sys/socket.h>

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct addrinfo; /* <netdb.h> */

/** socket(2).
 *
 * @param type  Consider SOCK_CLOEXEC. SOCK_NONBLOCK is not needed, but does no harm.
 * @return A descriptor | what socket(2) has, negative.
 * @owns   The descriptor is the caller's: weft_close.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: int fd = weft_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); */
WEFT_API int weft_socket(int domain, int type, int protocol);

/** connect(2).
 *
 * @return 0 | what connect(2) has, negative, but -EINPROGRESS and -EINTR; -ETIMEDOUT is also what the network says |
 *         -ECANCELED, -ETIMEDOUT, -EBADF, as weft_read: the attempt may go on in the kernel, so that all that can
 *         be done with fd is to close it.
 * @owns   Nothing.
 * @from   Any thread, or inside a task. On threads SO_SNDTIMEO of a socket without O_NONBLOCK is changed for some
 *         milliseconds, and set back.
 * @waits  Until the other side has answered.
 * @orders Nothing.
 * Example: int err = weft_connect(fd, (struct sockaddr *)&address, sizeof address); */
WEFT_API int weft_connect(int fd, const struct sockaddr *address, socklen_t size);

/** accept(2).
 *
 * @param ret_address  NULL, or where the peer's address goes.
 * @param io_size      NULL, or the bytes that there is room for, and then those that the address has.
 * @return A descriptor, without SOCK_CLOEXEC and SOCK_NONBLOCK | what accept(2) has, negative | -ECANCELED,
 *         -ETIMEDOUT, -EBADF, as weft_read.
 * @owns   The descriptor is the caller's: weft_close.
 * @from   Any thread, or inside a task.
 * @waits  Until somebody connects.
 * @orders Nothing.
 * Example: int peer = weft_accept(listener, NULL, NULL); */
WEFT_API int weft_accept(int fd, struct sockaddr *ret_address, socklen_t *io_size);

/** accept4(2): weft_accept with flags for the new descriptor.
 *
 * @param flags  SOCK_CLOEXEC, SOCK_NONBLOCK.
 * @return As weft_accept.
 * @owns   As weft_accept.
 * @from   Any thread, or inside a task.
 * @waits  As weft_accept.
 * @orders Nothing.
 * Example: int peer = weft_accept4(listener, NULL, NULL, SOCK_CLOEXEC); */
WEFT_API int weft_accept4(int fd, struct sockaddr *ret_address, socklen_t *io_size, int flags);

/** recv(2).
 *
 * @param flags  MSG_*. MSG_DONTWAIT: does not wait, -EAGAIN. MSG_WAITALL: as in recv(2), all of size unless the
 *               stream ends, or an error or a cancel comes first.
 * @return Bytes; 0: the peer has ended the stream | what recv(2) has, negative | -ECANCELED, -ETIMEDOUT, -EBADF, as
 *         weft_read.
 * @owns   As weft_read.
 * @from   Any thread, or inside a task.
 * @waits  Until something has come.
 * @orders Nothing.
 * Example: ssize_t n = weft_recv(fd, buffer, sizeof buffer, 0); */
WEFT_API ssize_t weft_recv(int fd, void *buffer, size_t size, int flags);

/** send(2), with MSG_NOSIGNAL.
 *
 * @param flags  MSG_*. MSG_DONTWAIT: does not wait, -EAGAIN.
 * @return Bytes, on a stream perhaps fewer than size | what send(2) has, negative; -EPIPE: the connection has ended |
 *         -ECANCELED, -ETIMEDOUT, -EBADF, as weft_read.
 * @owns   As weft_write.
 * @from   Any thread, or inside a task.
 * @waits  Until the kernel has room.
 * @orders Nothing.
 * Example: ssize_t n = weft_send(fd, text, size, 0); */
WEFT_API ssize_t weft_send(int fd, const void *data, size_t size, int flags);

/** recvfrom(2).
 *
 * @param flags        As weft_recv, but MSG_WAITALL may end with a part.
 * @param ret_address  NULL, or where the sender's address goes.
 * @param io_size      NULL, or the bytes that there is room for, and then those that the address has.
 * @return As weft_recv.
 * @owns   As weft_recv.
 * @from   Any thread, or inside a task.
 * @waits  As weft_recv.
 * @orders Nothing.
 * Example: ssize_t n = weft_recvfrom(fd, packet, sizeof packet, 0, (struct sockaddr *)&from, &from_size); */
WEFT_API ssize_t weft_recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *ret_address,
			       socklen_t *io_size);

/** sendto(2), with MSG_NOSIGNAL.
 *
 * @param flags    As weft_send.
 * @param address  NULL on a connected socket.
 * @return As weft_send.
 * @owns   As weft_send.
 * @from   Any thread, or inside a task.
 * @waits  As weft_send.
 * @orders Nothing.
 * Example: n = weft_sendto(fd, packet, size, 0, (struct sockaddr *)&to, sizeof to); */
WEFT_API ssize_t weft_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *address,
			     socklen_t address_size);

/** recvmsg(2).
 *
 * @param flags  As weft_recvfrom.
 * @return As weft_recv; *io_message is filled in.
 * @owns   *io_message and what it leads to, as weft_read. Descriptors that came are the caller's.
 * @from   Any thread, or inside a task.
 * @waits  As weft_recv.
 * @orders Nothing.
 * Example: struct msghdr m = {.msg_iov = v, .msg_iovlen = 2}; ssize_t n = weft_recvmsg(fd, &m, 0); */
WEFT_API ssize_t weft_recvmsg(int fd, struct msghdr *io_message, int flags);

/** sendmsg(2), with MSG_NOSIGNAL.
 *
 * @param flags  As weft_send.
 * @return As weft_send.
 * @owns   *message and what it leads to, as weft_write.
 * @from   Any thread, or inside a task.
 * @waits  As weft_send.
 * @orders Nothing.
 * Example: struct msghdr m = {.msg_iov = v, .msg_iovlen = 2}; ssize_t n = weft_sendmsg(fd, &m, 0); */
WEFT_API ssize_t weft_sendmsg(int fd, const struct msghdr *message, int flags);

/** shutdown(2). Who waits for that direction of the socket, here or elsewhere, gets 0 or -EPIPE.
 *
 * @param how  SHUT_RD, SHUT_WR, SHUT_RDWR.
 * @return 0 | what shutdown(2) has, negative.
 * @owns   Nothing: fd stays open.
 * @from   Any thread, or inside a task. Also done in a cancelled one.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_shutdown(fd, SHUT_WR); */
WEFT_API int weft_shutdown(int fd, int how);

/** getaddrinfo(3). In a task another thread makes the call, one of a few that the library has for such; so a
 * task that is cancelled need not wait for the name servers: the lookup goes on without it.
 *
 * @param node, service, hints  As getaddrinfo(3) has them.
 * @return 0 | -ENOENT: there is no such name or service | -EAGAIN: a name server does not answer; later perhaps |
 *         -EREMOTEIO: a name server refuses | -EINVAL, -EAFNOSUPPORT, -ESOCKTNOSUPPORT: hints | -ENAMETOOLONG |
 *         -ENOMEM | another errno that the C library met | -ECANCELED, -ETIMEDOUT.
 * @owns   *ret is the caller's: freeaddrinfo(3).
 * @from   Any thread, or inside a task.
 * @waits  For the name servers. Called off on fibers and on threads; in a worker process, and on inline as long as
 *         there is no other executor, it is not.
 * @orders Nothing.
 * Example: struct addrinfo *a; if ((err = weft_getaddrinfo("example.org", "443", NULL, &a)) < 0) return err; */
WEFT_API int weft_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			      struct addrinfo **ret);

/** weft_recv until size bytes are there: for streams.
 *
 * @param size   SSIZE_MAX at most.
 * @param flags  MSG_*, but MSG_DONTWAIT and MSG_WAITALL, which are passed over. MSG_PEEK sees the same bytes again.
 * @return size; less: the peer has ended the stream | as weft_recv; -EINVAL: size.
 * @owns   As weft_recv.
 * @from   Any thread, or inside a task.
 * @waits  As weft_recv, again and again.
 * @orders Nothing.
 * Example: if (weft_recv_full(fd, body, size, 0) != (ssize_t)size) return -ECONNRESET; */
WEFT_API ssize_t weft_recv_full(int fd, void *buffer, size_t size, int flags);

/** weft_send until all is sent: for streams.
 *
 * @param size   SSIZE_MAX at most.
 * @param flags  MSG_*, but MSG_DONTWAIT, which is passed over.
 * @return size, never less | as weft_send; -EINVAL: size.
 * @owns   As weft_send.
 * @from   Any thread, or inside a task.
 * @waits  As weft_send, again and again.
 * @orders Nothing.
 * Example: ssize_t err = weft_send_full(fd, reply, size, 0); if (err < 0) return (int)err; */
WEFT_API ssize_t weft_send_full(int fd, const void *data, size_t size, int flags);

#ifdef __cplusplus
}
#endif
#endif
