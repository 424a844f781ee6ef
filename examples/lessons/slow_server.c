/* SPDX-License-Identifier: MIT
 *
 * slow_server.c -- what fetch_pool.c fetches from: a web server that takes its time, a fiber for each visitor.
 *
 *   slow_server [MILLISECONDS]    for each answer: 50. Prints its port, and ends with its standard input
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "lesson.h"

struct server {
	weft_executor *ex;
	int listener;
	weft_time delay;
};

struct visit {
	int fd;
	weft_time delay;
};

static int answer(weft_call *call, const void *arg, void *result)
{
	static const char page[] = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
	const struct visit *v = arg;
	char request[1024];

	(void)call, (void)result;
	ssize_t n = weft_recv(v->fd, request, sizeof request, 0);
	if (n > 0 && weft_sleep(v->delay) == 0)
		weft_send_full(v->fd, page, sizeof page - 1, 0);
	return weft_close(v->fd);
}

static int serve(weft_call *call, const void *arg, void *result)
{
	const struct server *s = arg;
	int fd;

	(void)call, (void)result;
	while ((fd = weft_accept(s->listener, NULL, NULL)) >= 0) {
		struct visit v = {fd, s->delay};
		weft_future *f;
		check(weft_async(s->ex, answer, &v, sizeof v, 0, &f));
		weft_future_unref(f);
	}
	return fd; /* -ECANCELED, at the end */
}

int main(int argc, char **argv)
{
	struct server s = {.delay = WEFT_MS(argument(argc, argv, 1, 50))};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	weft_future *f;
	char byte;

	s.listener = check(weft_socket(AF_INET, SOCK_STREAM, 0));
	check(bind(s.listener, (struct sockaddr *)&a, size) ? -errno : 0);
	check(listen(s.listener, 1000) ? -errno : 0);
	check(getsockname(s.listener, (struct sockaddr *)&a, &size) ? -errno : 0);
	check(weft_executor_open(&s.ex, "uring:1"));
	check(weft_async(s.ex, serve, &s, sizeof s, 0, &f));
	weft_future_unref(f);
	say("%d\n", ntohs(a.sin_port));
	while (check(weft_read(0, &byte, 1)) > 0)
		;
	check(weft_executor_stop(s.ex, WEFT_STOP_CANCEL, WEFT_FOREVER));
	weft_executor_free(s.ex);
	weft_close(s.listener);
	return 0;
}
