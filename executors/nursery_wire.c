/* SPDX-License-Identifier: MIT
 *
 * nursery_wire.c -- messages between a pool and its nursery.
 */
#include "nursery.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	char bytes[CMSG_SPACE(NURSERY_FDS * sizeof(int))];
	struct cmsghdr align;
};

int nursery_send(int sock, const struct nursery_msg *m, const int fds[], size_t n)
{
	union control control = {{0}};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)m, .iov_len = sizeof *m};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	if (n) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = (socklen_t)CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = (socklen_t)CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *msg, int ret_fds[NURSERY_FDS])
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(ret_fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
}

int nursery_recv(int sock, struct nursery_msg *ret, int ret_fds[NURSERY_FDS], int flags)
{
	union control control = {{0}};
	struct iovec iov = {.iov_base = ret, .iov_len = sizeof *ret};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     /* Not all of it: in the padding the kernel would find room for one more. */
			     .msg_controllen = (socklen_t)CMSG_LEN(sizeof(int[NURSERY_FDS]))};
	ssize_t n;

	for (int i = 0; i < NURSERY_FDS; i++)
		ret_fds[i] = -1;
	do
		n = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	take_fds(&msg, ret_fds);
	return n == (ssize_t)sizeof *ret;
}
