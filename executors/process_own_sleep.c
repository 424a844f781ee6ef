/* SPDX-License-Identifier: MIT
 *
 * process_own_sleep.c -- what the watcher of weft_process sleeps on, and who wakes it: the bell, what nurseries say,
 * the end of a process. All that it asks of the kernel is here, and in process_home.c.
 */
#include "clock.h"
#include "process_own.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* As in process_watch.c: the program may close what we sleep on. */
#define LOOK_AROUND  WEFT_SECONDS(2)
#define NOW_AND_THEN WEFT_MS(10)

enum { FDS = 256 }; /* nurseries beyond that are looked at now and then */

struct sleep {
	struct pollfd fds[FDS];
	size_t n;
	weft_time until;
};

int own_bell_open(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	process_file_set(&own.bell, fd);
	return fd < 0 ? -errno : 0;
}

void own_ring(void)
{
	uint64_t one = 1;
	int fd = process_file_get(&own.bell);
	ssize_t n = fd < 0 ? 0 : write(fd, &one, sizeof one);

	(void)n; /* full means that it is readable */
}

/* Under the lock. */
static void prepare(struct sleep *s)
{
	s->until = weft_after(LOOK_AROUND);
	s->fds[0] = (struct pollfd){.fd = own.bell.fd, .events = POLLIN};
	s->n = 1;
	for (struct list_node *i = own.homes; i; i = list_after(own.homes, i)) {
		struct own_home *h = list_entry(i, struct own_home, node);

		if (s->n < FDS)
			s->fds[s->n++] = (struct pollfd){.fd = h->base.sock.fd, .events = POLLIN};
		else
			s->until = weft__earlier(s->until, weft_after(NOW_AND_THEN));
		if (!h->processes)
			s->until = weft__earlier(s->until, h->idle_since + OWN_LINGER);
	}
}

/* Under the lock. */
static void hear_bell(void)
{
	uint64_t count;
	ssize_t n = 0;

	if (process_file_get(&own.bell) >= 0)
		n = read(own.bell.fd, &count, sizeof count);
	(void)n;
}

void own_sleep(void)
{
	struct sleep s;
	struct timespec limit;
	weft_time left;

	weft__lock(&own.lock);
	prepare(&s);
	weft__unlock(&own.lock);
	left = s.until - weft_now();
	limit = (struct timespec){.tv_sec = left > 0 ? left / WEFT_SECONDS(1) : 0,
				  .tv_nsec = left > 0 ? left % WEFT_SECONDS(1) : 0};
	if (ppoll(s.fds, s.n, &limit, NULL) <= 0 || !s.fds[0].revents)
		return;
	weft__lock(&own.lock);
	hear_bell();
	weft__unlock(&own.lock);
}

void own_await_end(weft_process *p)
{
	struct pollfd end = {.fd = weft_process_fd(p), .events = POLLIN};

	if (end.fd >= 0)
		while (poll(&end, 1, -1) < 0 && errno == EINTR) {}
}
