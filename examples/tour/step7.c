/* SPDX-License-Identifier: MIT
 *
 * step7.c -- thousands of tasks that wait, on fibers; what has to be computed goes to threads. A server adds up the
 * lines that its clients send; meanwhile ten thousand other tasks sleep, all on one thread.
 *
 *   step7 [EXECUTOR]   uring, with any options
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

enum { SLEEPERS = 10000, CLIENTS = 100 };

typedef char line[32]; /* what a client sends */

static weft_executor *fibers, *threads;
static struct sockaddr_in address = {.sin_family = AF_INET};

/* Adds up the numbers of a line. Computing: done on a thread. */
static int add_line(weft_call *call, const void *arg, void *result)
{
	const char *at = arg;
	long sum = 0;
	char *end;

	(void)call;
	for (long n = strtol(at, &end, 10); end != at; n = strtol(at, &end, 10)) {
		sum += n;
		at = end;
	}
	*(long *)result = sum;
	return 0;
}

/* One connection. Each wait, for the socket as for the thread, parks this fiber; others go on. */
static int serve(weft_call *call, const void *arg, void *result)
{
	int fd = *(const int *)arg;
	line got;
	long sum;
	ssize_t n = weft_recv_full(fd, got, sizeof got, 0);

	(void)call;
	(void)result;
	if (n == sizeof got) {
		got[sizeof got - 1] = '\0';
		n = weft_map(threads, add_line, got, sizeof got, &sum, sizeof sum, 1, NULL);
		if (n == 0)
			n = weft_send_full(fd, &sum, sizeof sum, 0);
	}
	weft_close(fd);
	return n < 0 ? (int)n : 0;
}

/* A task for each connection, until it is cancelled. */
static int listen_on(weft_call *call, const void *arg, void *result)
{
	int listener = *(const int *)arg, fd;
	weft_future *f;

	(void)call;
	(void)result;
	while ((fd = weft_accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		int err = weft_async(fibers, serve, &fd, sizeof fd, 0, &f);
		if (err)
			return err;
		weft_future_unref(f); /* it goes on; nobody waits for it */
	}
	return fd;
}

static int ask(weft_call *call, const void *arg, void *result)
{
	line question = "3 4 5";
	int fd = weft_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n = fd < 0 ? fd : weft_connect(fd, (struct sockaddr *)&address, sizeof address);

	(void)call;
	(void)arg;
	if (n == 0)
		n = weft_send_full(fd, question, sizeof question, 0);
	if (n > 0)
		n = weft_recv_full(fd, result, sizeof(long), 0);
	if (fd >= 0)
		weft_close(fd);
	return n == sizeof(long) ? 0 : n < 0 ? (int)n : -EPIPE;
}

static int nap(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)arg;
	(void)result;
	return weft_sleep(WEFT_MS(100));
}

static int run(int listener)
{
	static weft_task sleeper[SLEEPERS], client[CLIENTS], server;
	static long answer[CLIENTS];
	long sum = 0;
	int slept = 0;

	server = (weft_task){.fn = listen_on, .arg = &listener, .arg_size = sizeof listener};
	int err = weft_submit(fibers, &server);
	for (int i = 0; i < SLEEPERS && !err; i++) {
		sleeper[i] = (weft_task){.fn = nap};
		err = weft_submit(fibers, &sleeper[i]);
	}
	for (int i = 0; i < CLIENTS && !err; i++) {
		client[i] = (weft_task){.fn = ask, .result = &answer[i], .result_size = sizeof answer[i]};
		err = weft_submit(fibers, &client[i]);
	}
	for (int i = 0; i < CLIENTS && !err; i++) {
		err = weft_future_wait(weft_task_future(&client[i]), WEFT_FOREVER);
		sum += answer[i];
	}
	for (int i = 0; i < SLEEPERS && !err; i++) {
		err = weft_future_wait(weft_task_future(&sleeper[i]), WEFT_FOREVER);
		slept += weft_future_status(weft_task_future(&sleeper[i])) == 0;
	}
	weft_future_cancel(weft_task_future(&server)); /* its accept ends */
	if (!err)
		err = weft_future_wait(weft_task_future(&server), WEFT_FOREVER);
	printf("%d slept, %d answers came to %ld, the server: %s\n", slept, CLIENTS, sum,
	       weft_strerror(weft_future_status(weft_task_future(&server))));
	return err;
}

int main(int argc, char **argv)
{
	socklen_t size = sizeof address;
	int listener = weft_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, CLIENTS) ||
	    getsockname(listener, (struct sockaddr *)&address, &size))
		return perror("step7: socket"), 1;

	int err = weft_executor_open(&threads, "threads");
	if (!err)
		err = weft_executor_open(&fibers, argc > 1 ? argv[1] : "uring:1");
	if (!err)
		err = run(listener);
	weft_executor_free(fibers);
	weft_executor_free(threads);
	weft_close(listener);
	return err ? fprintf(stderr, "step7: %s\n", weft_strerror(err)), 1 : 0;
}
