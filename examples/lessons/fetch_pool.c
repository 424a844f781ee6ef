/* SPDX-License-Identifier: MIT
 *
 * fetch_pool.c -- fetches twenty pages that each take a while: one after the other, by a pool of eight threads, and by
 * fibers. Eight do for twenty pages at once: a task that waits in a call of weft/io.h lends its place to another.
 *
 *   fetch_pool PORT    on 127.0.0.1; see slow_server.c
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "lesson.h"

enum { PAGES = 20 };

/* Its status is that of HTTP: 200, if all is well. */
static int fetch(weft_call *call, const void *arg, void *result)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char page[4096] = "";

	(void)call, (void)result;
	a.sin_port = htons(*(const uint16_t *)arg);
	int fd = weft_socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		return fd;
	ssize_t n = weft_connect(fd, (struct sockaddr *)&a, sizeof a);
	if (n >= 0)
		n = weft_send_full(fd, request, sizeof request - 1, 0);
	if (n >= 0)
		n = weft_recv_full(fd, page, sizeof page - 1, 0);
	weft_close(fd);
	return n < 0 ? (int)n : atoi(page + strlen("HTTP/1.0 "));
}

static void measure(const char *name, const char *spec, uint16_t port)
{
	weft_future *f[PAGES];
	weft_executor *ex;
	int n = 0;
	weft_time start = weft_now();

	check(weft_executor_open(&ex, spec));
	for (int i = 0; i < PAGES; i++)
		check(weft_async(ex, fetch, &port, sizeof port, 0, &f[i]));
	check(weft_wait_all(f, PAGES, WEFT_FOREVER));
	for (int i = 0; i < PAGES; i++) {
		n += check(weft_future_status(f[i])) == 200;
		weft_future_unref(f[i]);
	}
	weft_executor_free(ex);
	say("%s: %d of %d pages in %.6f seconds\n", name, n, PAGES, seconds_since(start));
}

int main(int argc, char **argv)
{
	uint16_t port = (uint16_t)argument(argc, argv, 1, 0);

	measure("serial", "inline", port);
	measure("pool of eight threads", "threads:8", port);
	measure("fibers", "uring:1", port);
	return 0;
}
