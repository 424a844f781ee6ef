/* SPDX-License-Identifier: MIT
 *
 * crowd.c -- thousands of connections at the same time: an echo server with a task for each, and as many clients.
 *
 *   crowd [CONNECTIONS [EXECUTOR]]    10,000 on uring, or as many as there may be descriptors for
 *
 * All are connected before the first one speaks. So many wait at once; and each is written as if it were alone.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <weft/weft.h>

static weft_executor *ex;
static struct sockaddr_in address = {.sin_family = AF_INET};
static weft_semaphore connected; /* a unit for each connection that was accepted, or failed */
static weft_event go;

/* So many connect at a time: a listener whose backlog is full drops them, and they try again a second later. */
enum { AT_A_TIME = 1000 };

/* ---- The server -------------------------------------------------------------------------------------- */

/* One connection: what comes goes back, until the other side has said all. */
static int echo(weft_call *call, const void *arg, void *result)
{
	int fd = *(const int *)arg;
	char buffer[512];
	ssize_t n;

	(void)call;
	(void)result;
	weft_semaphore_release(&connected, 1);
	while ((n = weft_recv(fd, buffer, sizeof buffer, 0)) > 0)
		if ((n = weft_send_full(fd, buffer, (size_t)n, 0)) < 0)
			break;
	weft_close(fd);
	return (int)n;
}

/* Connections that went away while they waited are no reason to end; nor are too few descriptors, but to wait a little. */
static bool passes(int err)
{
	if (err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM)
		return weft_sleep(WEFT_MS(10)) == 0;
	return err == -ECONNABORTED || err == -EPROTO;
}

static int serve(weft_call *call, const void *arg, void *result)
{
	int listener = *(const int *)arg, fd;
	weft_future *f;

	(void)call;
	(void)result;
	while ((fd = weft_accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0 || passes(fd)) {
		if (fd < 0)
			continue;
		if (weft_async(ex, echo, &fd, sizeof fd, 0, &f) == 0) {
			weft_future_unref(f); /* it goes on by itself */
		} else {
			weft_close(fd);
			weft_semaphore_release(&connected, 1);
		}
	}
	return fd;
}

/* ---- The clients ------------------------------------------------------------------------------------- */

static int client(weft_call *call, const void *arg, void *result)
{
	int i = *(const int *)arg, back = -1, fd = weft_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n = fd < 0 ? fd : weft_connect(fd, (struct sockaddr *)&address, sizeof address);

	(void)result;
	if (n < 0)
		weft_semaphore_release(&connected, 1);
	if (n == 0)
		n = weft_event_wait(&go, WEFT_FOREVER);
	if (n == 0)
		n = weft_send_full(fd, &i, sizeof i, 0);
	if (n > 0)
		n = weft_recv_full(fd, &back, sizeof back, 0);
	if (fd >= 0)
		weft_close(fd);
	if (n < 0)
		return weft_call_fail(call, (int)n, "client %d: %s", i, weft_strerror((int)n));
	return back == i ? 0 : -EBADMSG;
}

static int run(int listener, int n)
{
	weft_task *t = calloc((size_t)n, sizeof *t), server = {.fn = serve, .arg = &listener};
	int *number = calloc((size_t)n, sizeof *number), good = 0, err = t && number ? 0 : -ENOMEM;

	server.arg_size = sizeof listener;
	if (!err)
		err = weft_submit(ex, &server);
	for (int i = 0; i < n && !err; i++) {
		number[i] = i;
		t[i] = (weft_task){.fn = client, .arg = &number[i], .arg_size = sizeof number[i]};
		if (i >= AT_A_TIME)
			err = weft_semaphore_acquire(&connected, WEFT_FOREVER);
		if (!err)
			err = weft_submit_wait(ex, &t[i], WEFT_FOREVER);
	}
	for (int i = 0; i < n && i < AT_A_TIME && !err; i++)
		err = weft_semaphore_acquire(&connected, WEFT_FOREVER);
	weft_event_set(&go);
	for (int i = 0; i < n && !err; i++) {
		weft_future *f = weft_task_future(&t[i]);
		err = weft_future_wait(f, WEFT_FOREVER);
		if (!err && weft_future_status(f) == 0)
			good++;
		else if (!err)
			fprintf(stderr, "crowd: %s\n", weft_future_error(f));
	}
	weft_future_cancel(weft_task_future(&server));
	weft_executor_free(ex); /* waits for the server and its last connections */
	if (!err)
		printf("%d of %d connections, all open at once, got their echo\n", good, n);
	free(number);
	free(t);
	return err;
}

/* How many connections there may be: each has two ends here. */
static int connections(int wanted)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	int most = files.rlim_cur > 2000100 ? 1000000 : ((int)files.rlim_cur - 100) / 2;
	return wanted < most ? wanted : most;
}

int main(int argc, char **argv)
{
	int n = connections(argc > 1 ? atoi(argv[1]) : 10000);
	socklen_t size = sizeof address;
	int listener = weft_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) ||
	    listen(listener, SOMAXCONN) || getsockname(listener, (struct sockaddr *)&address, &size))
		return perror("crowd: socket"), 1;

	int err = weft_executor_open(&ex, argc > 2 ? argv[2] : "uring");
	if (!err)
		err = run(listener, n);
	weft_close(listener);
	return err ? fprintf(stderr, "crowd: %s\n", weft_strerror(err)), 1 : 0;
}
