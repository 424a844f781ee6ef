/* SPDX-License-Identifier: MIT
 *
 * fuzz_wire.c -- what comes over the socket between pool and nursery: messages of any length, with and without
 * descriptors. The first byte says how many of these.
 */
#include "fuzz.h"
#include "nursery.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DESCRIPTORS = 5 };

static void send_raw(int sock, const uint8_t *data, size_t size, unsigned n)
{
	union {
		char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int fd[DESCRIPTORS];

	for (unsigned i = 0; i < n; i++)
		fd[i] = sock;
	if (n) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		*CMSG_FIRSTHDR(&msg) = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
							.cmsg_type = SCM_RIGHTS,
							.cmsg_len = CMSG_LEN(n * sizeof(int))};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fd, n * sizeof(int));
	}
	fuzz_check(sendmsg(sock, &msg, MSG_NOSIGNAL) >= 0);
}

static int lowest_free(void)
{
	int fd = dup(0);

	if (fd >= 0)
		close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nursery_msg m;
	int sock[2], fds[NURSERY_FDS], r, before = lowest_free();

	if (!size)
		return 0;
	fuzz_check(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock));
	send_raw(sock[0], data + 1, size - 1, data[0] % (DESCRIPTORS + 1));
	r = nursery_recv(sock[1], &m, fds, MSG_DONTWAIT);
	/* A whole message, or the end: another length is none of ours. */
	fuzz_check(r == (size - 1 == sizeof m) || (r <= 0 && size - 1 != sizeof m) ||
		   (r == 1 && size - 1 > sizeof m));
	for (unsigned i = 0; i < NURSERY_FDS; i++)
		if (fds[i] >= 0) {
			fuzz_check(fcntl(fds[i], F_GETFD) == FD_CLOEXEC);
			close(fds[i]);
		}
	close(sock[0]);
	close(sock[1]);
	fuzz_check(lowest_free() == before); /* nor are descriptors of ours left */
	return 0;
}
