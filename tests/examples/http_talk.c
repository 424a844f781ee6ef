/* SPDX-License-Identifier: MIT
 *
 * http_talk.c -- a client for test_webd.sh that does what no good client does:
 *
 *   http_talk PORT           sends standard input as it is, and prints what comes until the server closes
 *   http_talk PORT MS        the same, a byte at a time, with so many milliseconds between them
 *   http_talk PORT never     sends, then neither reads nor closes, until it is killed
 *
 * It says "connected" on stderr when it is; with "never", when an answer has begun, or in two seconds without one.
 * Exit status: 0 the server has closed, 1 an error, 3 it has not in 30 s.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int connect_to(const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0 ? fd : -1;
}

/* 0, or 1 if the server has reset the connection: then there is no more use in sending. */
static int send_slowly(int fd, const char *data, size_t size, int ms)
{
	size_t step = ms > 0 ? 1 : size;
	ssize_t n;

	for (size_t at = 0; at < size; at += (size_t)n) {
		n = send(fd, data + at, step < size - at ? step : size - at, MSG_NOSIGNAL);
		if (n < 0)
			return fail("send");
		if (ms > 0)
			usleep((useconds_t)ms * 1000);
	}
	return 0;
}

static int print_all(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char buffer[65536];
	ssize_t n;

	for (;;) {
		if (poll(&p, 1, 30000) == 0)
			return 3;
		n = recv(fd, buffer, sizeof buffer, 0);
		if (n <= 0)
			return n < 0 ? fail("recv") : 0;
		if (write(STDOUT_FILENO, buffer, (size_t)n) != n)
			return fail("write");
	}
}

int main(int argc, char **argv)
{
	static char data[1 << 20];
	size_t size = fread(data, 1, sizeof data, stdin);
	int fd = argc > 1 ? connect_to(argv[1]) : -1;
	int small = 4096, sent;

	if (fd < 0)
		return fail("connect");
	if (argc > 2 && strcmp(argv[2], "never") == 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
		send_slowly(fd, data, size, 0);
		poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 2000);
		fputs("connected\n", stderr);
		pause();
	}
	fputs("connected\n", stderr);
	sent = send_slowly(fd, data, size, argc > 2 ? atoi(argv[2]) : 0);
	return print_all(fd) | sent;
}
