/* SPDX-License-Identifier: MIT
 *
 * step8.c -- a program with an event loop of its own: futures arrive there by a descriptor, beside all else that it polls
 * for. In the end the figures, and a stop that does not wait for ever.
 *
 *   step8 [EXECUTOR]   any but inline
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <weft/weft.h>

enum { N = 20 };

static int square(weft_call *call, const void *arg, void *result)
{
	long n = *(const long *)arg;

	(void)call;
	*(long *)result = n * n;
	return 0;
}

static int wait_long(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)arg;
	(void)result;
	return weft_sleep(WEFT_FOREVER);
}

/* All futures that are done: never waits. */
static int collect(weft_cq *q, int *done, long *sum)
{
	weft_future *f;
	int err;

	while ((err = weft_cq_next(q, &f, NULL, 0)) == 0) {
		if (weft_future_status(f) >= 0)
			*sum += *(const long *)weft_future_result(f, NULL);
		++*done;
		weft_future_unref(f);
	}
	return err == -ETIMEDOUT ? 0 : err; /* no more for now */
}

/* The timer brings work, one piece each time; the queue brings results. */
static int loop(weft_executor *ex, weft_cq *q, int timer)
{
	struct pollfd fds[] = {{.fd = timer, .events = POLLIN}, {.fd = weft_cq_fd(q), .events = POLLIN}};
	int done = 0, err = 0;
	long begun = 0, sum = 0;

	while (done < N && !err) {
		uint64_t ticks;
		weft_future *f;
		if (poll(fds, 2, -1) < 0)
			return -errno;
		if (fds[0].revents && read(timer, &ticks, sizeof ticks) > 0 && begun < N) {
			err = weft_async(ex, square, &begun, sizeof begun, sizeof(long), &f);
			if (!err)
				err = weft_cq_watch(q, f, NULL);
			begun++;
		}
		if (fds[1].revents && !err)
			err = collect(q, &done, &sum);
	}
	if (!err)
		printf("%d results, together %ld\n", done, sum);
	return err;
}

/* Everybody has a moment to end in good order; who has not ended by then is told to. */
static int stop(weft_executor *ex)
{
	weft_task stuck = {.fn = wait_long};
	struct weft_stats s;
	int err = weft_submit(ex, &stuck);

	if (!err && (err = weft_executor_stop(ex, WEFT_STOP_DRAIN, weft_after(WEFT_MS(20)))) == -ETIMEDOUT) {
		printf("still busy: %s\n", weft_strerror(err));
		err = weft_executor_stop(ex, WEFT_STOP_CANCEL, WEFT_FOREVER);
	}
	if (!err)
		err = weft_executor_stats(ex, &s);
	if (!err)
		printf("%ju submitted, %ju completed, %ju of them cancelled\n", (uintmax_t)s.submitted,
		       (uintmax_t)s.completed, (uintmax_t)s.cancelled);
	return err;
}

int main(int argc, char **argv)
{
	struct itimerspec each = {{0, 1000000}, {0, 1000000}}; /* a millisecond */
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), err;
	weft_executor *ex = NULL;
	weft_cq *q = NULL;

	if (timer < 0 || timerfd_settime(timer, 0, &each, NULL))
		return perror("step8: timer"), 1;
	err = weft_executor_open(&ex, argc > 1 ? argv[1] : "threads");
	if (!err)
		err = weft_cq_new(&q);
	if (!err)
		err = loop(ex, q, timer);
	if (!err)
		err = stop(ex);
	weft_executor_free(ex);
	weft_cq_free(q);
	close(timer);
	return err ? fprintf(stderr, "step8: %s\n", weft_strerror(err)), 1 : 0;
}
