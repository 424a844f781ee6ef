/* SPDX-License-Identifier: MIT
 *
 * io_load.c -- the other end of the workloads of sockets.
 *
 *   io_load echo PORT CONNECTIONS MS   64 bytes on each connection, the next when they are back. Prints figures as a
 *                                      part of a line of JSON: the CPU time is that of the parent process
 *   io_load http US                    prints its port, and answers requests each US microseconds later, for ever
 *
 * One thread over epoll.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 1024, MESSAGE = 64, CONNECTIONS_MOST = 60000, LAPS_MOST = 4 << 20 };

static struct epoll_event event[EVENTS];
static int epoll;

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static int64_t ns_of(clockid_t clock)
{
	struct timespec t;

	must(clock_gettime(clock, &t) == 0, "clock_gettime");
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t now(void)
{
	return ns_of(CLOCK_MONOTONIC);
}

static void watch(int fd, uint32_t index)
{
	struct epoll_event e = {.events = EPOLLIN, .data = {.u32 = index}};

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

static struct sockaddr_in local(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

/* ---- echo ------------------------------------------------------------------------------------------- */

struct connection {
	int fd;
	int64_t begun;
	unsigned got;
	uint32_t turn;
};

static struct connection *connections;
static int64_t *lap;
static size_t n_laps;

static void fill(uint32_t word[MESSAGE / 4], uint32_t index, uint32_t turn)
{
	for (uint32_t i = 0; i < MESSAGE / 4; i++)
		word[i] = (index << 16) ^ (turn * 31 + i);
}

static void ask(uint32_t index)
{
	struct connection *c = &connections[index];
	uint32_t word[MESSAGE / 4];

	fill(word, index, ++c->turn);
	c->got = 0;
	c->begun = now();
	must(send(c->fd, word, MESSAGE, 0) == MESSAGE, "send");
}

static void answered(uint32_t index)
{
	struct connection *c = &connections[index];
	uint32_t word[MESSAGE / 4], wanted[MESSAGE / 4];
	ssize_t n = recv(c->fd, word, MESSAGE, 0);

	must(n > 0, "recv");
	fill(wanted, index, c->turn);
	must(c->got + (size_t)n <= MESSAGE && memcmp(word, (char *)wanted + c->got, (size_t)n) == 0,
	     "echo is wrong");
	c->got += (unsigned)n;
	if (c->got < MESSAGE)
		return;
	if (n_laps < LAPS_MOST)
		lap[n_laps++] = now() - c->begun;
	ask(index);
}

static void echo_until(int64_t t)
{
	while (now() < t) {
		int n = epoll_wait(epoll, event, EVENTS, 100);
		for (int i = 0; i < n; i++)
			answered(event[i].data.u32);
	}
}

static void connect_all(int port, uint32_t n)
{
	struct sockaddr_in at = local(port);
	int one = 1;

	connections = calloc(n, sizeof *connections);
	lap = calloc(LAPS_MOST, sizeof *lap);
	must(connections && lap, "memory");
	memset(lap, 1, LAPS_MOST * sizeof *lap);
	for (uint32_t i = 0; i < n; i++) {
		int fd = connections[i].fd = socket(AF_INET, SOCK_STREAM, 0);
		must(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "connect");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		watch(fd, i);
	}
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void echo(int port, uint32_t n, int64_t ms)
{
	int64_t begun, cpu, took;
	clockid_t server;

	must(clock_getcpuclockid(getppid(), &server) == 0, "clock_getcpuclockid");
	connect_all(port, n);
	for (uint32_t i = 0; i < n; i++)
		ask(i);
	echo_until(now() + 300000000);
	n_laps = 0;
	cpu = ns_of(server);
	begun = now();
	echo_until(begun + ms * 1000000);
	took = now() - begun;
	cpu = ns_of(server) - cpu;
	must(n_laps > 0, "no answer");
	qsort(lap, n_laps, sizeof *lap, by_time);
	printf(", \"per_s\": %.6g, \"p50_us\": %.6g, \"p99_us\": %.6g, \"cpu_us\": %.6g, \"busy\": %.3g\n",
	       (double)n_laps * 1e9 / (double)took, (double)lap[n_laps / 2] / 1e3,
	       (double)lap[n_laps * 99 / 100] / 1e3, (double)cpu / 1e3 / (double)n_laps,
	       (double)cpu / (double)took);
}

/* ---- http ------------------------------------------------------------------------------------------- */

/* All wait equally long, so who asked first is answered first. */
static struct {
	int fd;
	int64_t due;
	unsigned url;
} waiting[CONNECTIONS_MOST];
static size_t first, last;

static void answer_due(void)
{
	char body[64], text[256];
	int64_t t = now();

	for (; first != last && waiting[first % CONNECTIONS_MOST].due <= t; first++) {
		int fd = waiting[first % CONNECTIONS_MOST].fd, n;
		n = snprintf(body, sizeof body, "this is %u\n", waiting[first % CONNECTIONS_MOST].url);
		n = snprintf(text, sizeof text,
			     "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", n, body);
		must(send(fd, text, (size_t)n, MSG_NOSIGNAL) == n, "send");
		close(fd);
	}
}

/* A request of ours comes in one piece. */
static void requested(int fd, int64_t latency)
{
	char text[512];
	unsigned url;
	ssize_t n = recv(fd, text, sizeof text - 1, 0);

	if (n <= 0) {
		close(fd);
		return;
	}
	text[n] = 0;
	must(sscanf(text, "GET /%u HTTP/1.1\r\n", &url) == 1 && strcmp(text + n - 4, "\r\n\r\n") == 0,
	     "request");
	must(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) == 0, "epoll_ctl");
	must(last - first < CONNECTIONS_MOST, "too many");
	waiting[last % CONNECTIONS_MOST].fd = fd;
	waiting[last % CONNECTIONS_MOST].due = now() + latency;
	waiting[last++ % CONNECTIONS_MOST].url = url;
}

static void accept_all(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		watch(fd, (uint32_t)fd);
}

static int open_listener(void)
{
	struct sockaddr_in at = local(0);
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	must(fd >= 0 && bind(fd, (struct sockaddr *)&at, size) == 0 && listen(fd, 4096) == 0 &&
		     getsockname(fd, (struct sockaddr *)&at, &size) == 0,
	     "listen");
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

static void http(int64_t latency)
{
	int listener = open_listener();

	watch(listener, (uint32_t)listener);
	for (;;) {
		int64_t rest = first == last ? 1000000000 : waiting[first % CONNECTIONS_MOST].due - now();
		struct timespec ts = {.tv_sec = 0,
				      .tv_nsec = rest < 0           ? 0
						 : rest < 999999999 ? rest
								    : 999999999};
		int n = epoll_pwait2(epoll, event, EVENTS, &ts, NULL);
		for (int i = 0; i < n; i++) {
			if (event[i].data.u32 == (uint32_t)listener)
				accept_all(listener);
			else
				requested((int)event[i].data.u32, latency);
		}
		answer_due();
	}
}

int main(int argc, char **argv)
{
	epoll = epoll_create1(EPOLL_CLOEXEC);
	must(epoll >= 0, "epoll_create1");
	if (argc >= 5 && strcmp(argv[1], "echo") == 0)
		echo(atoi(argv[2]), (uint32_t)atoi(argv[3]), atoll(argv[4]));
	else if (argc >= 3 && strcmp(argv[1], "http") == 0)
		http(atoll(argv[2]) * 1000);
	else
		return 2;
	return 0;
}
