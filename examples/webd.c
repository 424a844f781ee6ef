/* SPDX-License-Identifier: MIT
 *
 * webd.c -- a small web server for files: keep-alive, ranges, limits, a graceful stop.
 *
 *   webd                              the current directory on http://127.0.0.1:8080/
 *   webd --executor threads:64 DIR    other files, 64 connections at once before more threads are started
 *   webd --executor uring:2 DIR       thousands of connections on two threads
 *
 * What it does with weft: a task accepts connections, and starts a task for each. handle() is a plain function that
 * reads, answers, reads again, as if it were alone in the world. On a pool of threads it sleeps in a thread, on uring
 * it is a fiber of a few kilobytes; it does not know. From top to bottom:
 *
 *   1. The connections that are open.
 *   2. The task that is a connection.
 *   3. The task that accepts them.
 *   4. The stop: accept no more, take no more requests, finish the answers.
 *   5. The beginning.
 *
 * Requests are taken apart in http_request.h, and answered in webd_answer.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <weft/weft.h>

#include "http_request.h"
#include "webd_answer.h"
#include "webd_args.h"

/* ---- 1. The connections that are open ----------------------------------------------------------- */

/* Here the stop finds them. */
static struct {
	pthread_mutex_t lock; /* held for moments only: what waits for it is a thread, not a fiber */
	bool stopping;
	int *fd;  /* option.connections of them; -1: none */
	int room; /* an eventfd: how many more there may be. Who reads it waits for one to end */
} open_ones = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_stopping(void)
{
	pthread_mutex_lock(&open_ones.lock);
	bool stopping = open_ones.stopping;
	pthread_mutex_unlock(&open_ones.lock);
	return stopping;
}

/* Replaces one entry by another: -1 by a descriptor that comes, a descriptor by -1 before it is closed. */
static bool enter(int from, int to)
{
	bool done = false;

	pthread_mutex_lock(&open_ones.lock);
	for (uint64_t i = 0; i < option.connections && !done && !(open_ones.stopping && from < 0); i++) {
		done = open_ones.fd[i] == from;
		if (done)
			open_ones.fd[i] = to;
	}
	pthread_mutex_unlock(&open_ones.lock);
	return done;
}

/* Closes a connection and makes room for another. */
static void leave(int fd)
{
	enter(fd, -1);
	weft_close(fd);
	weft_write(open_ones.room, &(uint64_t){1}, sizeof(uint64_t));
}

/* ---- 2. The task that is a connection ----------------------------------------------------------- */

enum { LINGER_SIZE = 1 << 20 };

/* Waits for a head. Returns 0; or the status to refuse with; or a negative error: there is nobody to answer. */
static int read_head(struct connection *c, size_t *ret_size)
{
	weft_time deadline = patience(); /* for all of it, not for a byte at a time */
	ssize_t n;

	while (!(*ret_size = http_head_size(c->in, c->n_in))) {
		if (c->n_in == option.head_size)
			return 431;
		n = receive(c->fd, c->in + c->n_in, option.head_size - c->n_in, deadline);
		if (n == -ETIMEDOUT && c->n_in > 0)
			return 408;
		if (n <= 0)
			return n < 0 ? (int)n : -ENOTCONN;
		c->n_in += (size_t)n;
	}
	return 0;
}

static void log_answer(const struct connection *c, const struct http_request *r, const struct answer *a)
{
	char line[1200];
	int n = snprintf(line, sizeof line, "%s \"%.20s %.1000s\" %d %" PRIu64 "%s\n", c->client,
			 r->method ? r->method : "-", r->target ? r->target : "-", a->status,
			 a->file >= 0 ? a->size : 0, c->broken ? " (not all)" : "");

	if (option.log)
		weft_write(STDOUT_FILENO, line, (size_t)n);
}

/* One request and its answer. Returns whether there may be another. */
static bool answer_one(struct connection *c)
{
	struct http_request r = {0};
	struct answer a = {.file = -1};
	size_t size = 0;

	a.status = read_head(c, &size);
	c->broken = a.status < 0;
	if (c->broken)
		return false;
	if (!a.status)
		a.status = http_parse(c->in, size, &r);
	if (!a.status)
		find_file(&r, &a);
	if (a.status == 405)
		add_line(&a, "Allow: GET, HEAD\r\n");
	if (a.status != 200 && a.status != 206 && a.file >= 0) {
		weft_close(a.file);
		a.file = -1;
	}
	if (a.file < 0)
		add_line(&a, "Content-Type: text/plain\r\n");
	a.keep_alive = r.keep_alive && !is_stopping();
	send_answer(c, &a, !r.is_head);
	log_answer(c, &r, &a);
	if (a.file >= 0)
		weft_close(a.file);
	c->n_in -= size;
	memmove(c->in, c->in + size, c->n_in);
	return a.keep_alive && !c->broken;
}

/* What a client is still sending when its connection is closed would come back as a reset, and that would take our
 * last answer from it. So first only our side is closed, and what comes is thrown away, within limits. */
static void hang_up(struct connection *c)
{
	weft_time deadline = patience();
	ssize_t n = weft_shutdown(c->fd, SHUT_WR);

	for (size_t size = 0; n >= 0 && size < LINGER_SIZE; size += (size_t)n) {
		n = receive(c->fd, c->in, option.head_size, deadline);
		if (n == 0)
			return;
	}
}

struct client {
	int fd;
	char name[INET6_ADDRSTRLEN];
};

/* The body of the task for a connection. It ends with it. */
static int handle(weft_call *call, const void *arg, void *result)
{
	const struct client *client = arg;
	struct connection c = {.fd = client->fd, .client = client->name, .pipe = {-1, -1}};

	(void)result;
	c.in = weft_call_scratch(call, option.head_size);
	while (c.in && answer_one(&c))
		;
	if (c.in && !c.broken)
		hang_up(&c);
	if (c.pipe[0] >= 0) {
		weft_close(c.pipe[0]);
		weft_close(c.pipe[1]);
	}
	leave(c.fd);
	return 0;
}

/* ---- 3. The task that accepts them -------------------------------------------------------------- */

struct accepting {
	weft_executor *ex;
	int listener;
};

/* Waits for the next client. Passes over those that went away meanwhile, and what may get better with time. */
static int accept_one(int listener, struct client *ret)
{
	struct sockaddr_storage address;
	socklen_t size;

	for (;;) {
		size = sizeof address;
		ret->fd = weft_accept4(listener, (struct sockaddr *)&address, &size,
				       SOCK_CLOEXEC | SOCK_NONBLOCK);
		switch (ret->fd) {
		case -EMFILE:
		case -ENFILE:
		case -ENOBUFS:
		case -ENOMEM:
			weft_sleep(WEFT_MS(50));
			break;
		case -EBADF:
		case -EINVAL:
		case -ECANCELED:
			return ret->fd;
		default:
			if (ret->fd < 0)
				break;
			if (getnameinfo((struct sockaddr *)&address, size, ret->name, sizeof ret->name, NULL,
					0, NI_NUMERICHOST) != 0)
				strcpy(ret->name, "?");
			return 0;
		}
	}
}

/* The body of the task. It runs until it is cancelled. */
static int accept_all(weft_call *call, const void *arg, void *result)
{
	const struct accepting *a = arg;
	struct client client;
	weft_future *f;
	uint64_t one;
	ssize_t n;
	int err = 0;

	(void)call;
	(void)result;
	while (!err && !is_stopping()) {
		n = weft_read(open_ones.room, &one, sizeof one); /* waits for room */
		err = n < 0 ? (int)n : accept_one(a->listener, &client);
		if (err)
			break;
		if (!enter(-1, client.fd) || weft_async(a->ex, handle, &client, sizeof client, 0, &f) != 0)
			leave(client.fd); /* we are stopping, or short of memory */
		else
			weft_future_unref(f); /* nobody waits for it but the stop of the executor */
	}
	return err == -ECANCELED ? 0 : err;
}

/* ---- 4. The stop -------------------------------------------------------------------------------- */

struct stopping {
	sigset_t signals;
	weft_task *accepting;
};

/* From then on a connection reads what has come, and then the end. So it gives the answers that it owes, and ends. */
static void begin_stop(weft_task *accepting)
{
	fprintf(stderr, "webd: stopping\n");
	pthread_mutex_lock(&open_ones.lock);
	open_ones.stopping = true;
	for (uint64_t i = 0; i < option.connections; i++)
		if (open_ones.fd[i] >= 0)
			weft_shutdown(open_ones.fd[i], SHUT_RD);
	pthread_mutex_unlock(&open_ones.lock);
	weft_future_cancel(weft_task_future(accepting)); /* if it has not begun, it will see */
}

/* A thread of its own waits for the signals: whichever executor it is, the main thread may be busy. */
static void *stop_on_signal(void *arg)
{
	struct stopping *s = arg;
	int sig;

	sigwait(&s->signals, &sig);
	begin_stop(s->accepting);
	sigwait(&s->signals, &sig);
	_exit(128 + sig);
}

/* Waits for the answers under way, but not for ever. */
static int drain(weft_executor *ex)
{
	int err =
		weft_executor_stop(ex, WEFT_STOP_DRAIN, weft_after(WEFT_SECONDS((weft_time)option.grace_s)));

	if (err != -ETIMEDOUT) /* inline has nothing to wait for */
		return 0;
	weft_executor_stop(ex, WEFT_STOP_CANCEL, WEFT_FOREVER);
	return fail(1, "stopped in the middle of answers, after %" PRIu64 " s", option.grace_s);
}

/* Serves until somebody stops it. */
static int serve(weft_executor *ex, int listener)
{
	struct accepting a = {.ex = ex, .listener = listener};
	weft_task accepting = {.fn = accept_all, .arg = &a, .arg_size = sizeof a, .flags = WEFT_TASK_LOCAL};
	struct stopping s = {.accepting = &accepting};
	pthread_t thread;
	int err, status;

	sigemptyset(&s.signals);
	sigaddset(&s.signals, SIGINT);
	sigaddset(&s.signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &s.signals, NULL);
	err = pthread_create(&thread, NULL, stop_on_signal, &s);
	if (err)
		return fail(1, "%s", strerror(err));
	err = weft_submit(ex, &accepting); /* on inline this is it */
	if (!err)
		err = weft_future_wait(weft_task_future(&accepting), WEFT_FOREVER);
	if (!err)
		err = weft_future_status(weft_task_future(&accepting));
	close(listener);
	status = err < 0 && err != -ECANCELED ? fail(1, "%s: %s", weft_executor_name(ex), weft_strerror(err))
					      : drain(ex);
	pthread_cancel(thread); /* in its second sigwait */
	pthread_join(thread, NULL);
	return status;
}

/* ---- 5. The beginning --------------------------------------------------------------------------- */

/* A connection has a socket, a file and the directory before it, and a pipe. */
static int make_room(void)
{
	rlim_t need = 5 * option.connections + 64;
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < need)
		return fail(1, "--connections '%" PRIu64 "': takes %llu descriptors, and the limit is %llu",
			    option.connections, (unsigned long long)need, (unsigned long long)limit.rlim_max);
	if (limit.rlim_cur < need)
		limit.rlim_cur = need;
	setrlimit(RLIMIT_NOFILE, &limit);
	open_ones.fd = malloc(option.connections * sizeof *open_ones.fd);
	open_ones.room = eventfd((unsigned)option.connections, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK);
	if (!open_ones.fd || open_ones.room < 0)
		return fail(1, "%s", strerror(errno));
	for (uint64_t i = 0; i < option.connections; i++)
		open_ones.fd[i] = -1;
	root = open(option.directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? fail(1, "'%.200s': %s", option.directory, strerror(errno)) : 0;
}

static int open_listener(int *ret)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM},
			*at;
	char port[8];
	int fd, on = 1, err;

	snprintf(port, sizeof port, "%" PRIu64, option.port);
	if (getaddrinfo(option.address, port, &hints, &at) != 0)
		return fail(2, "--address '%.60s': no numeric address", option.address);
	fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* An answer leaves when it is complete, not when there is enough of it. Connections inherit this. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	err = fd < 0 || bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0 ? errno : 0;
	freeaddrinfo(at);
	if (err)
		return fail(1, "%.60s, port %" PRIu64 ": %s", option.address, option.port, strerror(err));
	*ret = fd;
	return 0;
}

static int open_executor(weft_executor **ret)
{
	const char *name = option.executor ? option.executor : "$WEFT_EXECUTOR";
	int err = weft_executor_open(ret, option.executor);

	if (err == -ENOSYS)
		return fail(2, "--executor '%.40s': this build of weft lacks it", name);
	if (err == -EINVAL || err == -ERANGE)
		return fail(2, "--executor '%.40s': no such executor; see webd --help", name);
	if (err)
		return fail(1, "--executor '%.40s': %s", name, weft_strerror(err));
	if (weft_executor_caps(*ret) & WEFT_CAP_LOCAL)
		return 0;
	weft_executor_free(*ret);
	return fail(2, "--executor '%.40s': a connection cannot go to another process; see webd --help",
		    name);
}

/* The first line of output: where it can be found. */
static int announce(int listener, const weft_executor *ex)
{
	struct sockaddr_storage at;
	socklen_t size = sizeof at;
	char host[INET6_ADDRSTRLEN] = "", port[8] = "";

	getsockname(listener, (struct sockaddr *)&at, &size);
	getnameinfo((struct sockaddr *)&at, size, host, sizeof host, port, sizeof port,
		    NI_NUMERICHOST | NI_NUMERICSERV);
	printf(strchr(host, ':') ? "webd: %s at http://[%s]:%s/ on %s\n"
				 : "webd: %s at http://%s:%s/ on %s\n",
	       option.directory, host, port, weft_executor_name(ex));
	return ferror(stdout) || fflush(stdout) ? fail(1, "stdout: %s", strerror(errno)) : 0;
}

int main(int argc, char **argv)
{
	weft_executor *ex;
	int listener = -1, status = parse_args(command_line, argc, argv, &option.help, &option.directory);

	if (!status && option.help)
		return fputs(usage, stdout) < 0 || fflush(stdout) ? fail(1, "stdout: %s", strerror(errno))
								  : 0;
	signal(SIGPIPE, SIG_IGN);
	if (!status)
		status = make_room();
	if (!status)
		status = open_listener(&listener);
	if (!status)
		status = open_executor(&ex);
	if (status)
		return status;
	status = announce(listener, ex);
	if (!status)
		status = serve(ex, listener);
	weft_executor_free(ex);
	free(open_ones.fd);
	return status;
}
