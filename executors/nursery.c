/* SPDX-License-Identifier: MIT
 *
 * nursery.c -- the nursery process: forks workers, reports how they end, and takes them along when the
 * pool or its process has gone. One thread, one poll.
 *
 * A worker has the nursery as its parent and dies with it (PR_SET_PDEATHSIG, which is about the forking
 * thread: here there is only one). The nursery does not rely on its own parent, but watches the pidfd of
 * the caller's process: threads of the caller may come and go.
 */
#include "nursery.h"
#include "lane.h"
#include "nursery_oom.h"
#include "worker_start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
	pid_t pid;
	int pidfd;
	uint32_t lane;
	uint64_t epoch;
};

struct nursery {
	int sock, bell, caller, plan_fd, space_fd, trace_fd;
	const struct worker_plan *plan;
	struct weft__space space;
	struct child *child;
	struct pollfd *poll; /* sock, caller, then one per child */
	size_t n, room;
	struct nursery_oom oom;
};

enum { POLL_FIXED = 2 };

/* What is sent to a whole group or session is not for the nursery. It is blocked as well, so that what is sent to a
 * worker that has not put its own signals right yet, is kept for it. */
static const int not_ours[] = {SIGHUP, SIGQUIT, SIGTERM};
enum { NOT_OURS = sizeof not_ours / sizeof not_ours[0] };

static void reset_signals(void)
{
	sigset_t blocked;

	worker_reset_signals();
	sigemptyset(&blocked);
	for (size_t i = 0; i < NOT_OURS; i++) {
		signal(not_ours[i], SIG_IGN);
		sigaddset(&blocked, not_ours[i]);
	}
	pthread_sigmask(SIG_SETMASK, &blocked, NULL);
}

/* In a worker: all else is as it is to be. */
static void give_signals_back(void)
{
	sigset_t none;

	for (size_t i = 0; i < NOT_OURS; i++)
		signal(not_ours[i], SIG_DFL);
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
}

/* Where the caller has closed one of descriptors 0 to 2, ours must not get its number: tasks write there. */
static void hold_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static void send_or_leave(const struct nursery *n, const struct nursery_msg *m, int fd)
{
	if (nursery_send(n->sock, m, &fd, fd >= 0 ? 1 : 0))
		_exit(0); /* the caller has gone; the workers follow us */
}

static _Noreturn void be_worker(const struct nursery *n, int memfd, pid_t nursery_pid)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != nursery_pid)
		_exit(0); /* it died before the line above */
	prctl(PR_SET_NAME, "weft-worker");
	give_signals_back();
	close(n->sock);
	close(n->caller);
	close(n->oom.fd);
	for (size_t i = 0; i < n->n; i++)
		close(n->child[i].pidfd);
	if (n->plan->start == WEFT_START_SPAWN)
		worker_exec((int[]){memfd, n->bell, n->plan_fd, n->space_fd, n->trace_fd}, &n->space);
	close(n->plan_fd);
	worker_start(n->plan, memfd, n->bell, n->trace_fd, NULL, -1);
}

static int make_room(struct nursery *n)
{
	size_t room = n->room ? 2 * n->room : 16;
	struct child *child;
	struct pollfd *poll;

	if (n->n < n->room)
		return 0;
	child = realloc(n->child, room * sizeof *child);
	if (child)
		n->child = child;
	poll = realloc(n->poll, (room + POLL_FIXED) * sizeof *poll);
	if (poll)
		n->poll = poll;
	if (!child || !poll)
		return -ENOMEM;
	n->room = room;
	return 0;
}

/* Forks a worker; returns its pidfd. */
static int fork_worker(const struct nursery *n, int memfd, pid_t *ret)
{
	pid_t self = getpid(), pid = fork();
	int pidfd;

	if (!pid)
		be_worker(n, memfd, self);
	if (pid < 0)
		return -errno;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		pidfd = -errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return pidfd;
	}
	*ret = pid;
	return pidfd;
}

static void spawn(struct nursery *n, const struct nursery_msg *m, int memfd)
{
	struct nursery_msg answer = {.kind = NURSERY_SPAWNED, .lane = m->lane, .epoch = m->epoch};
	int pidfd = make_room(n);

	if (!pidfd)
		pidfd = fork_worker(n, memfd, &answer.pid);
	if (pidfd < 0) {
		answer.kind = NURSERY_FAILED;
		answer.error = pidfd;
		send_or_leave(n, &answer, -1);
		return;
	}
	n->child[n->n++] = (struct child){answer.pid, pidfd, m->lane, m->epoch};
	send_or_leave(n, &answer, pidfd);
}

static int64_t microseconds(struct timeval t)
{
	return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

/* Reaps child i and reports it. */
static void bury(struct nursery *n, size_t i)
{
	struct child *c = &n->child[i];
	struct rusage usage;
	int status;
	struct nursery_msg m = {.kind = NURSERY_DIED, .lane = c->lane, .epoch = c->epoch, .pid = c->pid};

	if (wait4(c->pid, &status, 0, &usage) == c->pid) {
		m.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
		m.core = WIFSIGNALED(status) && WCOREDUMP(status);
		m.oom = m.signal == SIGKILL && nursery_oom_look(&n->oom);
		m.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
		m.utime_us = microseconds(usage.ru_utime);
		m.stime_us = microseconds(usage.ru_stime);
		m.maxrss_kib = usage.ru_maxrss;
	}
	close(c->pidfd);
	*c = n->child[--n->n];
	send_or_leave(n, &m, -1);
}

static _Noreturn void leave(struct nursery *n)
{
	for (size_t i = 0; i < n->n; i++)
		kill(n->child[i].pid, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR) {}
	_exit(0);
}

static void obey(struct nursery *n)
{
	struct nursery_msg m;
	int fds[NURSERY_FDS];

	if (nursery_recv(n->sock, &m, fds, 0) <= 0 || m.kind != NURSERY_SPAWN)
		leave(n);
	spawn(n, &m, fds[0]);
	close(fds[0]);
}

static void await_events(struct nursery *n)
{
	n->poll[0] = (struct pollfd){.fd = n->sock, .events = POLLIN};
	n->poll[1] = (struct pollfd){.fd = n->caller, .events = POLLIN};
	for (size_t i = 0; i < n->n; i++)
		n->poll[POLL_FIXED + i] = (struct pollfd){.fd = n->child[i].pidfd, .events = POLLIN};
	poll(n->poll, POLL_FIXED + n->n, -1);
}

/* Maps the regions, once for all workers to come; or keeps them for those who will map them themselves. */
static int take_space(struct nursery *n, int32_t *ret_error)
{
	struct nursery_msg m;
	int fds[NURSERY_FDS];

	if (nursery_recv(n->sock, &m, fds, 0) <= 0 || m.kind != NURSERY_SPACE)
		return -EPROTO;
	n->space = m.space;
	n->space_fd = fds[0];
	if (!m.space.base || n->plan->start == WEFT_START_SPAWN)
		return 0;
	*ret_error = weft__space_attach(&m.space, fds[0]);
	close(fds[0]);
	n->space_fd = -1;
	return 0;
}

static int greet(struct nursery *n)
{
	struct nursery_msg m, ready = {.kind = NURSERY_READY};
	int fds[NURSERY_FDS], self;

	if (nursery_recv(n->sock, &m, fds, 0) <= 0 || m.kind != NURSERY_HELLO || fds[1] < 0)
		return -EPROTO;
	n->bell = fds[0];
	n->caller = fds[1];
	n->trace_fd = fds[2];
	if (nursery_recv(n->sock, &m, fds, 0) <= 0 || m.kind != NURSERY_PLAN || fds[0] < 0)
		return -EPROTO;
	n->plan_fd = fds[0];
	n->plan = mmap(NULL, plan_size(), PROT_READ, MAP_SHARED, n->plan_fd, 0);
	if (n->plan == MAP_FAILED)
		return -ENOMEM;
	if (take_space(n, &ready.error))
		return -EPROTO;
	self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	send_or_leave(n, &ready, self);
	close(self);
	nursery_oom_init(&n->oom, "");
	return ready.error ? ready.error : make_room(n);
}

_Noreturn void nursery_main(int sock)
{
	struct nursery n = {.sock = sock};

	prctl(PR_SET_NAME, "weft-nursery");
	reset_signals();
	hold_standard_descriptors();
	if (greet(&n))
		_exit(1);
	for (;;) {
		await_events(&n);
		if (n.poll[1].revents)
			leave(&n);
		/* From the end, since bury() moves the last one into the gap. */
		for (size_t i = n.n; i-- > 0;)
			if (n.poll[POLL_FIXED + i].revents)
				bury(&n, i);
		if (n.poll[0].revents)
			obey(&n);
	}
}
