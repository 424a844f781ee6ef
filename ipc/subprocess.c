/* SPDX-License-Identifier: MIT
 *
 * subprocess.c -- programs that were started: waiting for them, signals, their end.
 *
 * A program is known by its pidfd, which never means another. Only its group, before Linux 6.9, has to be addressed
 * by number; that is safe as long as the program has not been waited for, since its zombie keeps the number. So the
 * wait and such signals are under one lock.
 *
 * The program that uses us may wait for our children before us, or have them vanish by ignoring SIGCHLD. Then
 * waitid says ECHILD, and the pidfd still knows (PIDFD_GET_INFO, Linux 6.15).
 *
 * Who may not be killed when its record is freed is an orphan. Those are looked at whenever a program is started or
 * freed.
 */
#include "fiber.h"
#include "forked.h"
#include "io_request.h"
#include "offload.h"
#include "output.h"
#include "spec.h"
#include "stats.h"
#include "subprocess_parts.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/io.h>

#define P_PIDFD_     3         /* in glibc from 2.36 */
#define SIGNAL_GROUP (1U << 2) /* PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9 */
#define INFO_EXIT    (1U << 3) /* PIDFD_INFO_EXIT, Linux 6.15 */
#define PATIENCE_MS  1000      /* with one that was killed */
#define HANDED_ON_MS 100       /* between the end of a process and somebody else's having waited for it */

/* struct pidfd_info of Linux 6.13, in its first size. */
struct pidfd_info_ {
	uint64_t mask, cgroup;
	uint32_t ids[11];
	int32_t exit_code; /* as of wait(2) */
};
#define GET_INFO _IOWR(0xFF, 11, struct pidfd_info_)

static struct {
	struct weft__lock lock;
	struct list_node *list;
	atom_u32 n;
} orphans;

/* ---- Its end ---- */

static int code_of(int status)
{
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* The program's own code was waited for by somebody else, or nobody was to have it. */
static void ask_pidfd(weft_subprocess *p)
{
	struct pidfd_info_ info = {.mask = INFO_EXIT};
	struct pollfd hung_up = {.fd = p->pidfd};

	p->ended = true;
	if (poll(&hung_up, 1, HANDED_ON_MS) > 0 && !ioctl(p->pidfd, GET_INFO, &info) && info.mask & INFO_EXIT)
		p->code = code_of(info.exit_code);
	else
		p->lost = true;
	weft__stats_alone_end(p->row, p->lost ? STATS_UNKNOWN : p->code);
}

/* Has it ended? The lock is held. */
static bool look(weft_subprocess *p)
{
	siginfo_t info = {.si_pid = 0};

	if (p->ended)
		return true;
	if (waitid((idtype_t)P_PIDFD_, (id_t)p->pidfd, &info, WEXITED | WNOHANG | __WALL)) {
		if (errno == ECHILD)
			ask_pidfd(p);
	} else if (info.si_pid) {
		p->ended = true;
		p->code = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
		weft__stats_alone_end(p->row, p->code);
	}
	return p->ended;
}

static int check(const weft_subprocess *p)
{
	if (!p)
		return -EINVAL;
	return weft__forked(p->generation) ? -ECHILD : 0;
}

int weft_subprocess_poll(weft_subprocess *p, int *ret_code)
{
	int err = check(p);

	if (err)
		return err;
	weft__lock(&p->lock);
	if (!look(p))
		err = -EINPROGRESS;
	else if (p->lost)
		err = -ECHILD;
	weft__unlock(&p->lock);
	if (!err && ret_code)
		*ret_code = p->code;
	return err;
}

int weft_subprocess_wait(weft_subprocess *p, int *ret_code, weft_time deadline)
{
	int err;

	while ((err = weft_subprocess_poll(p, ret_code)) == -EINPROGRESS) {
		struct weft__io io = {.op = WEFT__IO_POLL, .fd = p->pidfd, .flags = POLLIN};
		int64_t n;

		if (deadline != WEFT_FOREVER && weft_now() >= deadline)
			return -ETIMEDOUT;
		n = weft__io_do(&io, deadline);
		if (n < 0)
			return (int)n;
	}
	return err;
}

/* ---- Signals ---- */

static int signal_group(weft_subprocess *p, int sig)
{
	int err = 0;

	if (!syscall(SYS_pidfd_send_signal, p->pidfd, sig, NULL, SIGNAL_GROUP))
		return 0;
	if (errno != EINVAL)
		return -errno;
	weft__lock(&p->lock);
	if (look(p))
		err = -ESRCH;
	else if (kill(-p->pid, sig))
		err = -errno;
	weft__unlock(&p->lock);
	return err;
}

int weft_subprocess_signal(weft_subprocess *p, int sig)
{
	int err = check(p);

	if (err)
		return err;
	if (p->grouped)
		return signal_group(p, sig);
	return syscall(SYS_pidfd_send_signal, p->pidfd, sig, NULL, 0) ? -errno : 0;
}

int weft_subprocess_terminate(weft_subprocess *p)
{
	return weft_subprocess_signal(p, SIGTERM);
}

int weft_subprocess_kill(weft_subprocess *p)
{
	return weft_subprocess_signal(p, SIGKILL);
}

/* ---- Its record ---- */

static void discard(weft_subprocess *p)
{
	for (int i = 0; i < 3; i++) {
		if (p->stream[i].fd >= 0)
			close(p->stream[i].fd);
		weft__output_discard(p->stream[i].data);
	}
	if (p->epoll >= 0)
		close(p->epoll);
	close(p->pidfd);
	weft__stats_row_close(p->row);
	free(p);
}

static void look_at_orphans(void)
{
	/* Relaxed: one that is missed is found the next time. */
	if (!atom_load(&orphans.n, relaxed) || !weft__trylock(&orphans.lock))
		return;
	for (struct list_node *n = orphans.list, *next; n; n = next) {
		weft_subprocess *p = list_entry(n, weft_subprocess, orphan);

		next = list_after(orphans.list, n);
		if (!look(p))
			continue;
		list_remove(&orphans.list, n);
		atom_sub(&orphans.n, 1, relaxed);
		discard(p);
	}
	weft__unlock(&orphans.lock);
}

static void leave_alone(weft_subprocess *p)
{
	weft__lock(&orphans.lock);
	list_append(&orphans.list, &p->orphan);
	atom_add(&orphans.n, 1, relaxed);
	weft__unlock(&orphans.lock);
}

static void in_child(void)
{
	memset(&orphans, 0, sizeof orphans);
}

static void arrange(void)
{
	pthread_atfork(NULL, NULL, in_child);
}

static weft_subprocess *record(const struct weft_subprocess_opts *opts)
{
	weft_subprocess *p = calloc(1, sizeof *p);

	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (!p)
		return NULL;
	pthread_once(&once, arrange);
	p->generation = weft__generation();
	p->grouped = opts->flags & (WEFT_SUBPROCESS_GROUP | WEFT_SUBPROCESS_SESSION);
	p->output_most = opts->output_most;
	p->epoll = -1;
	return p;
}

/* With its arguments, as far as there is room. */
static void show(weft_subprocess *p, const char *const argv[])
{
	char label[STATS_LABEL_WORDS * sizeof(uint64_t)];
	size_t n = 0;

	for (int i = 0; argv[i] && n < sizeof label; i++)
		n += (size_t)snprintf(label + n, sizeof label - n, "%s%s", i ? " " : "", argv[i]);
	p->row = weft__stats_alone_open(STATS_PROGRAM, p->pid, 0, label);
}

static int start(weft_subprocess *p, const char *const argv[], const struct weft_subprocess_opts *opts,
		 enum weft_subprocess_step *ret_step)
{
	struct weft__stdio stdio;
	int err = weft__stdio_open(opts, &stdio, ret_step);

	if (err)
		return err;
	err = weft__subprocess_exec(argv, opts, &stdio, &p->pid, &p->pidfd, ret_step);
	weft__stdio_close_theirs(&stdio);
	if (err) {
		weft__stdio_close_ours(&stdio);
		return err;
	}
	for (int i = 0; i < 3; i++) {
		p->stream[i].fd = stdio.ours[i];
		p->stream[i].captured = stdio.ours[i] >= 0;
	}
	show(p, argv);
	return 0;
}

int weft_subprocess_start(weft_subprocess **ret, const char *const argv[],
			  const struct weft_subprocess_opts *opts)
{
	enum weft_subprocess_step step = WEFT_STEP_NONE;
	struct weft_subprocess_opts own;
	weft_subprocess *p;
	int err = weft__opts_copy(&own, sizeof own, opts);

	if (err)
		return err;
	look_at_orphans();
	if (!ret || !argv || !argv[0] ||
	    own.flags & ~(uint32_t)(WEFT_SUBPROCESS_GROUP | WEFT_SUBPROCESS_SESSION))
		err = -EINVAL;
	else if (!(p = record(&own)))
		err = -ENOMEM;
	else if ((err = start(p, argv, &own, &step)))
		free(p);
	else
		*ret = p;
	if (err && own.ret_step)
		*own.ret_step = step;
	return err;
}

static void await_end(void *ctx)
{
	struct pollfd end = {.fd = ((weft_subprocess *)ctx)->pidfd, .events = POLLIN};
	weft_time deadline = weft_after(WEFT_MS(PATIENCE_MS));

	while (poll(&end, 1, PATIENCE_MS) < 0 && errno == EINTR && weft_now() < deadline) {}
}

int weft__subprocess_bury(weft_subprocess *p)
{
	int err = weft_subprocess_kill(p);

	if (err && err != -ESRCH)
		return err;
	if (weft_subprocess_poll(p, NULL) != -EINPROGRESS)
		return 0;
	weft__offload(await_end, p);
	return weft_subprocess_poll(p, NULL) == -EINPROGRESS ? -EBUSY : 0;
}

int weft_subprocess_free(weft_subprocess *p)
{
	int err = 0;

	look_at_orphans();
	if (!p)
		return 0;
	if (!weft__forked(p->generation) && weft_subprocess_poll(p, NULL) == -EINPROGRESS)
		err = weft__subprocess_bury(p);
	if (!err) {
		discard(p);
		return 0;
	}
	leave_alone(p);
	return err == -EBUSY ? 0 : err;
}

/* ---- What there is to know of it ---- */

pid_t weft_subprocess_pid(const weft_subprocess *p)
{
	return p ? p->pid : -EINVAL;
}

int weft_subprocess_pidfd(const weft_subprocess *p)
{
	return p ? p->pidfd : -EINVAL;
}

int weft_subprocess_fd(const weft_subprocess *p, int which)
{
	if (!p || which < 0 || which > 2)
		return -EINVAL;
	return p->stream[which].fd >= 0 ? p->stream[which].fd : -EBADF;
}

int weft_subprocess_close(weft_subprocess *p, int which)
{
	int fd = weft_subprocess_fd(p, which);

	if (fd < 0)
		return fd;
	p->stream[which].fd = -1;
	return weft_close(fd);
}
