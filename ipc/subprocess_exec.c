/* SPDX-License-Identifier: MIT
 *
 * subprocess_exec.c -- a child from its first step to exec. It runs in the caller's memory (vfork.h), where
 * everything it needs has been laid out before: it only makes system calls, and leaves its error in the struct
 * launch.
 *
 * The signals that the program catches or ignores must get their defaults before the mask is lifted, or a handler
 * would run in the caller's memory. Which ones those are would cost a system call to ask, as much as to set: all are
 * set.
 *
 * Descriptors: first all from 3 on are made to close on exec, then those that the child is to have are put in their
 * places, which clears that mark. A descriptor that lies where another has to go is moved out of the way before.
 */
#include "subprocess_parts.h"
#include "vfork.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

enum {
	SIGNALS = 64,          /* that the kernel has */
	CLOSED_BY_HAND = 65536 /* at most, where close_range(2) cannot do it: before Linux 5.11 */
};

struct move {
	int from, to;
};

struct launch {
	const char *const *argv;
	const char *const *env;
	const char *cwd;
	const char **paths; /* to try, then NULL */
	struct move *move;
	size_t n_moves;
	int above; /* every place in move is below */
	uint32_t flags;
	int death_signal;
	pid_t parent;
	/* The child's answer. */
	int err; /* positive; 0: it has executed */
	enum weft_subprocess_step step;
};

/* ---- In the child ---- */

/* Zeros are SIG_DFL without flags, whatever the order of the fields. SIGKILL and SIGSTOP cannot be set, nor need be.
 * */
static WEFT__IN_VFORK void reset_signals(void)
{
	const long zeros[16] = {0};

	for (int sig = 1; sig <= SIGNALS; sig++)
		syscall(SYS_rt_sigaction, sig, zeros, NULL, SIGNALS / 8);
}

static WEFT__IN_VFORK int enter_group(const struct launch *l)
{
	if (l->flags & WEFT_SUBPROCESS_SESSION && syscall(SYS_setsid) < 0)
		return -1;
	if (l->flags & WEFT_SUBPROCESS_GROUP && !(l->flags & WEFT_SUBPROCESS_SESSION) &&
	    syscall(SYS_setpgid, 0, 0))
		return -1;
	if (!l->death_signal)
		return 0;
	if (syscall(SYS_prctl, PR_SET_PDEATHSIG, l->death_signal, 0, 0, 0))
		return -1;
	if (syscall(SYS_getppid) != l->parent) /* it has died before */
		syscall(SYS_exit_group, 127);
	return 0;
}

static WEFT__IN_VFORK void mark_all(void)
{
	if (!syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC))
		return;
	for (int fd = 3; fd < CLOSED_BY_HAND; fd++)
		syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
}

static WEFT__IN_VFORK int place_fds(struct launch *l)
{
	mark_all();
	for (size_t i = 0; i < l->n_moves; i++) {
		struct move *m = &l->move[i];

		if (m->from >= l->above)
			continue;
		m->from = (int)syscall(SYS_fcntl, m->from, F_DUPFD_CLOEXEC, l->above);
		if (m->from < 0)
			return -1;
	}
	for (size_t i = 0; i < l->n_moves; i++)
		if (syscall(SYS_dup3, l->move[i].from, l->move[i].to, 0) < 0)
			return -1;
	return 0;
}

/* As execvp(3): on to the next directory if there is none here, or one that may not be executed. */
static WEFT__IN_VFORK int execute(const struct launch *l)
{
	int err = ENOENT;

	for (const char **path = l->paths; *path; path++) {
		syscall(SYS_execve, *path, l->argv, l->env);
		if (errno == EACCES)
			err = EACCES;
		else if (errno != ENOENT && errno != ENOTDIR && errno != ESTALE && errno != ENODEV &&
			 errno != ETIMEDOUT)
			return errno;
	}
	return err;
}

static WEFT__IN_VFORK int child(void *arg)
{
	const long no_signals[SIGNALS / 8 / sizeof(long)] = {0};
	struct launch *l = arg;

	reset_signals();
	l->err = 0;
	if (enter_group(l)) {
		l->step = WEFT_STEP_GROUP;
	} else if (l->cwd && syscall(SYS_chdir, l->cwd)) {
		l->step = WEFT_STEP_CWD;
	} else if (place_fds(l)) {
		l->step = WEFT_STEP_FDS;
	} else {
		l->step = WEFT_STEP_EXEC;
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, no_signals, NULL, SIGNALS / 8);
		l->err = execute(l);
		return 127;
	}
	l->err = errno;
	return 127;
}

/* ---- Before it ---- */

/* Where name may lie: name itself, or in each directory of PATH. One block, to be freed; NULL: no memory. */
static const char **paths_of(const char *name)
{
	const char *path = strchr(name, '/') ? "" : getenv("PATH"); /* NOLINT(concurrency-mt-unsafe) */
	size_t n = 1, room = strlen(name) + 2, most;
	const char **ret;
	char *at;

	if (!path)
		path = "/bin:/usr/bin";
	for (const char *c = path; *c; c++)
		n += *c == ':';
	most = (n + 1) * sizeof *ret + n * room + strlen(path);
	ret = malloc(most);
	if (!ret)
		return NULL;
	at = (char *)(ret + n + 1);
	for (size_t i = 0; i < n; i++) {
		size_t length = strcspn(path, ":");

		ret[i] = at;
		at = mempcpy(at, path, length);
		if (length) /* an empty one is the working directory */
			*at++ = '/';
		at = stpcpy(at, name) + 1;
		path += length + (path[length] != '\0');
	}
	ret[n] = NULL;
	return ret;
}

static int check_handed(const struct weft_subprocess_opts *opts)
{
	if (opts->n_fds && !opts->fds)
		return -EINVAL;
	for (size_t i = 0; i < opts->n_fds; i++) {
		if (opts->fds[i].as <= STDERR_FILENO)
			return -EINVAL;
		for (size_t k = 0; k < i; k++)
			if (opts->fds[k].as == opts->fds[i].as)
				return -EINVAL;
		if (fcntl(opts->fds[i].fd, F_GETFD) < 0)
			return -errno;
	}
	return 0;
}

/* What goes where; l->move has room for all. */
static void plan_moves(struct launch *l, const struct weft_subprocess_opts *opts, const struct weft__stdio *s)
{
	l->above = STDERR_FILENO + 1;
	for (int i = 0; i < 3; i++)
		if (s->theirs[i] >= 0)
			l->move[l->n_moves++] = (struct move){s->theirs[i], i};
	for (size_t i = 0; i < opts->n_fds; i++) {
		l->move[l->n_moves++] = (struct move){opts->fds[i].fd, opts->fds[i].as};
		if (opts->fds[i].as >= l->above)
			l->above = opts->fds[i].as + 1;
	}
}

static int launch(struct launch *l, pid_t *ret_pid, int *ret_pidfd)
{
	int pidfd = -1;
	pid_t pid;

	l->step = WEFT_STEP_PROCESS;
	pid = weft__vfork(child, l, &pidfd);
	if (pid < 0)
		return pid;
	if (pidfd < 0 || l->err) { /* before Linux 5.2 there are no pidfds */
		if (pidfd >= 0)
			close(pidfd);
		else
			kill(pid, SIGKILL);
		while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR) {}
		return l->err ? -l->err : -ENOSYS;
	}
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}

int weft__subprocess_exec(const char *const argv[], const struct weft_subprocess_opts *opts,
			  const struct weft__stdio *stdio, pid_t *ret_pid, int *ret_pidfd,
			  enum weft_subprocess_step *ret_step)
{
	extern char **environ;
	const char *name = opts->program ? opts->program : argv[0];
	struct launch l = {.argv = argv, .env = opts->env, .cwd = opts->cwd, .flags = opts->flags};
	int err = check_handed(opts);

	*ret_step = err == -EINVAL ? WEFT_STEP_NONE : WEFT_STEP_FDS;
	if (err)
		return err;
	*ret_step = WEFT_STEP_EXEC;
	if (!*name)
		return -ENOENT;
	if (!l.env)
		l.env = (const char *const *)environ;
	l.death_signal = opts->death_signal;
	l.parent = getpid();
	l.paths = paths_of(name);
	l.move = malloc((3 + opts->n_fds) * sizeof *l.move);
	*ret_step = WEFT_STEP_PROCESS;
	err = -ENOMEM;
	if (l.paths && l.move) {
		plan_moves(&l, opts, stdio);
		err = launch(&l, ret_pid, ret_pidfd);
		*ret_step = l.step;
	}
	free(l.paths);
	free(l.move);
	return err;
}
