/* SPDX-License-Identifier: MIT
 *
 * fuzz_pipe.c -- what comes over a socket: a handshake, at either side, with and without a key, and then frames with and
 * without descriptors, cut into pieces. The first byte says which side and how the rest is cut.
 */
#include "fuzz.h"
#include "pipe_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTENER = 1, KEY = 2, GREETED = 4, LIMIT = 300, DESCRIPTORS = 3 };

static int lowest_free(void)
{
	int fd = dup(0);

	if (fd >= 0)
		close(fd);
	return fd;
}

/* A piece, perhaps with descriptors. What the kernel does not take is lost. */
static void put(int sock, const uint8_t *data, size_t size, unsigned n)
{
	union {
		char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	const int fd[DESCRIPTORS] = {sock, sock, sock};

	if (n) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		*CMSG_FIRSTHDR(&msg) = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
							.cmsg_type = SCM_RIGHTS,
							.cmsg_len = CMSG_LEN(n * sizeof(int))};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fd, n * sizeof(int));
	}
	sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* All that is there to receive. */
static void drain(weft_pipe *p)
{
	uint8_t msg[LIMIT];
	ssize_t n;

	for (;;) {
		int ready = weft_pipe_poll(p, 0);

		n = weft_pipe_recv(p, msg, sizeof msg, 0);
		fuzz_check(ready == 0 || n == -ETIMEDOUT);
		fuzz_check(n <= LIMIT && n != -EMSGSIZE && n != -EINVAL);
		if (n == -ENOMSG) {
			int fd = weft_pipe_recv_fd(p, 0);

			fuzz_check(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
			close(fd);
		} else if (n < 0) {
			fuzz_check(n == -ETIMEDOUT || n == -EPROTO || n == -EPIPE || n == -ECONNRESET);
			return;
		}
	}
}

static int greet(int sock, unsigned how, struct weft__handshake *h)
{
	static const uint8_t key[SECRET_KEY_SIZE] = {1, 2, 3};
	uint8_t made[SECRET_KEY_SIZE];
	short events;

	if (how & KEY && weft__secret_key("x", 1, made)) /* which loads the library, where there is one */
		how &= ~(unsigned)KEY;
	weft__handshake_begin(h, how & LISTENER, how & KEY ? key : NULL, LIMIT);
	return weft__handshake_step(h, sock, &events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_bytes b = {data, size};
	unsigned how = fuzz_byte(&b);
	struct weft__handshake h;
	int sock[2], before = lowest_free(), err;
	weft_pipe *p;
	short events;

	fuzz_check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock));
	err = how & GREETED ? 0 : greet(sock[1], how, &h);
	if (err == -EAGAIN) {
		size_t n = b.left < HELLO_SIZE + PROOF_SIZE ? b.left : HELLO_SIZE + PROOF_SIZE;

		put(sock[0], b.at, n, 0);
		b.at += n;
		b.left -= n;
		err = weft__handshake_step(&h, sock[1], &events);
		fuzz_check(err != 0 || !h.has_key); /* nobody guesses a proof */
	}
	if (!err && !weft__socket_pipe_new(&p, sock[1], true, LIMIT, LIMIT)) {
		while (b.left) {
			unsigned cut = fuzz_byte(&b);
			size_t n = cut / 4 < b.left ? cut / 4 : b.left;

			put(sock[0], b.at, n, n ? cut % 4 : 0);
			b.at += n;
			b.left -= n;
			drain(p);
		}
		weft_pipe_close(p);
	} else {
		close(sock[1]);
	}
	close(sock[0]);
	fuzz_check(lowest_free() == before);
	return 0;
}
