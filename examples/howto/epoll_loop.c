/* SPDX-License-Identifier: MIT
 *
 * epoll_loop.c -- futures in an event loop: here a plain one over epoll, that also hears a signal.
 *
 *   epoll_loop [EXECUTOR]   any
 *
 * The program sends itself SIGTERM when it has all results, and ends as it would if somebody else had.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <weft/weft.h>

enum { N = 50 };

struct request {
	weft_task task;
	int number, answer;
	void (*done)(struct request *r); /* called in the loop's thread */
};

static int answered;

static int work(weft_call *call, const void *arg, void *result)
{
	(void)call;
	*(int *)result = 2 * *(const int *)arg;
	return 0;
}

static void count(struct request *r)
{
	answered += r->answer == 2 * r->number;
	if (answered == N)
		raise(SIGTERM); /* "that was all" */
}

/* Begins r; its callback runs in the loop, after the task, which runs anywhere. The tag brings r back. */
static int start(weft_executor *ex, weft_cq *q, struct request *r)
{
	r->task = (weft_task){.fn = work, .arg = &r->number, .arg_size = sizeof r->number};
	r->task.result = &r->answer;
	r->task.result_size = sizeof r->answer;
	int err = weft_submit(ex, &r->task);
	return err ? err : weft_cq_watch(q, weft_task_future(&r->task), r);
}

/* The descriptor is readable: takes all that are done, since an edge-triggered epoll tells once only. */
static void on_futures(weft_cq *q)
{
	void *tag;

	while (weft_cq_next(q, NULL, &tag, 0) == 0) {
		struct request *r = tag;
		r->done(r);
	}
}

static int loop(int epoll, weft_cq *q)
{
	for (;;) {
		struct epoll_event e;
		int n = epoll_wait(epoll, &e, 1, -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 1 && e.data.fd != weft_cq_fd(q))
			return 0; /* the signal */
		if (n == 1)
			on_futures(q);
	}
}

static int run(weft_executor *ex, weft_cq *q, int signals)
{
	static struct request r[N];
	int epoll = epoll_create1(EPOLL_CLOEXEC), err = 0;
	struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data = {.fd = weft_cq_fd(q)}};
	struct epoll_event s = {.events = EPOLLIN, .data = {.fd = signals}};

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, e.data.fd, &e) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, signals, &s))
		err = -errno;
	for (int i = 0; i < N && !err; i++) {
		r[i].number = i;
		r[i].done = count;
		err = start(ex, q, &r[i]);
	}
	if (!err)
		err = loop(epoll, q);
	if (!err)
		printf("%d of %d answered, then SIGTERM\n", answered, N);
	weft_executor_stop(ex, WEFT_STOP_CANCEL, WEFT_FOREVER); /* r is in use until then */
	close(epoll);
	return err;
}

int main(int argc, char **argv)
{
	weft_executor *ex = NULL;
	weft_cq *q = NULL;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	int signals = signalfd(-1, &set, SFD_CLOEXEC),
	    err = weft_executor_open(&ex, argc > 1 ? argv[1] : "threads");
	if (!err)
		err = weft_cq_new(&q);
	if (!err)
		err = run(ex, q, signals);
	weft_cq_free(q);
	weft_executor_free(ex);
	close(signals);
	return err ? fprintf(stderr, "epoll_loop: %s\n", weft_strerror(err)), 1 : 0;
}
