/* SPDX-License-Identifier: MIT
 *
 * nursery_start.c -- starting a nursery, from any thread of any program, without the program noticing.
 *
 * WEFT_START_NURSERY runs this program again. The new process meets enter_nursery() below, a constructor,
 * before main(), and never returns from it. It must not be our child: a program that calls wait(NULL) for
 * its own children would meet it. So an intermediate process starts it and ends; the intermediate shares our
 * memory and stops us meanwhile (CLONE_VM | CLONE_VFORK: nothing is copied, whatever our size), and has
 * no exit signal, which hides it from every wait() but ours.
 *
 * WEFT_START_FORK forks twice, for the same reason. There fork() itself must be used, for the sake of the
 * C library's locks, so the program may see one SIGCHLD while the pool is made.
 */
#include "context.h"
#include "fiber.h"
#include "nursery.h"
#include "spec.h"
#include "vfork.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NURSERY_FD = 3 };

void nursery_close_from(unsigned first)
{
	struct rlimit limit = {.rlim_cur = 1024};

	if (!syscall(SYS_close_range, first, ~0u, 0))
		return;
	getrlimit(RLIMIT_NOFILE, &limit);
	for (rlim_t fd = first; fd < limit.rlim_cur; fd++)
		close((int)fd);
}

/* Is fd 3 a socket whose other end was made by the process that the variable names? */
static bool invited(const char *by)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	uint64_t pid;

	return !weft__parse_u64(by, strlen(by), 1, INT32_MAX, &pid) &&
	       !getsockopt(NURSERY_FD, SOL_SOCKET, SO_PEERCRED, &peer, &size) && (uint64_t)peer.pid == pid;
}

__attribute__((constructor)) static void enter_nursery(void)
{
	/* Before main() there is one thread. Not in a program that has more rights than who runs it. */
	const char *by = secure_getenv(NURSERY_VARIABLE);

	if (!by || !invited(by))
		return;
	unsetenv(NURSERY_VARIABLE); /* NOLINT(concurrency-mt-unsafe) */
	fcntl(NURSERY_FD, F_SETFD, FD_CLOEXEC);
	nursery_close_from(NURSERY_FD + 1);
	nursery_main(NURSERY_FD);
}

struct launch {
	char **env;
	int sock;
	pid_t pid;
	int err;
};

/* The intermediate: in our memory, on its own stack. */
static int intermediate(void *arg)
{
	struct launch *l = arg;
	char *argv[] = {(char *)(uintptr_t) "weft-nursery", NULL};
	posix_spawn_file_actions_t actions;

	l->err = posix_spawn_file_actions_init(&actions);
	if (l->err)
		return 0;
	l->err = posix_spawn_file_actions_adddup2(&actions, l->sock, NURSERY_FD);
	if (!l->err)
		l->err = posix_spawn(&l->pid, "/proc/self/exe", &actions, NULL, argv, l->env);
	posix_spawn_file_actions_destroy(&actions);
	return 0;
}

/* Our environment and one variable more; to be freed, but for its strings. */
static char **extended_environment(char *variable)
{
	extern char **environ;
	size_t n = 0;
	char **env;

	while (environ && environ[n])
		n++;
	env = malloc((n + 2) * sizeof *env);
	if (!env)
		return NULL;
	if (n)
		memcpy(env, environ, n * sizeof *env);
	env[n] = variable;
	env[n + 1] = NULL;
	return env;
}

static int run_intermediate(struct launch *l)
{
	pid_t pid = weft__vfork(intermediate, l, NULL);

	if (pid < 0)
		return pid;
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR) {}
	return -l->err;
}

/* Does a fresh run of the program meet enter_nursery()? It does where this code is part of the program or
 * of a library loaded with it; not where it came by dlopen: that run would go on into main(). */
static bool constructor_is_certain(void)
{
	Dl_info here;

	if (!dladdr((void *)(uintptr_t)enter_nursery, &here))
		return true; /* a static program */
	if ((uintptr_t)getauxval(AT_PHDR) - (uintptr_t)here.dli_fbase < 4096)
		return true; /* the program itself: its headers lie in its first page */
	return dlsym(RTLD_DEFAULT, "weft_process_pool_new") == (void *)(uintptr_t)weft_process_pool_new;
}

static int start_fresh(int sock)
{
	char variable[sizeof NURSERY_VARIABLE + 16];
	struct launch l = {.sock = sock};
	int err;

	if (!constructor_is_certain() || getauxval(AT_SECURE))
		return -ENOEXEC;
	/* A pool that another constructor makes, in what is about to become one of these. */
	if (getenv(NURSERY_VARIABLE) || getenv(WORKER_VARIABLE)) /* NOLINT(concurrency-mt-unsafe) */
		return -ENOEXEC;
	snprintf(variable, sizeof variable, NURSERY_VARIABLE "=%d", getpid());
	l.env = extended_environment(variable);
	if (!l.env)
		return -ENOMEM;
	err = run_intermediate(&l);
	free(l.env);
	return err == -ENOENT || err == -EACCES ? -ENOEXEC : err;
}

static void run_nursery(void *sock)
{
	nursery_main((int)(intptr_t)sock);
}

/* In the fork of a fiber, whose stack is too small for whatever the workers' tasks do: on one as large as the
 * program's own. */
static _Noreturn void be_nursery_on_new_stack(int sock)
{
	static struct weft__context fiber, fresh;
	struct rlimit limit = {.rlim_cur = RLIM_INFINITY};
	size_t size = 8 << 20;
	void *stack;

	getrlimit(RLIMIT_STACK, &limit);
	if (limit.rlim_cur > size && limit.rlim_cur < PTRDIFF_MAX / 2)
		size = limit.rlim_cur & ~(size_t)65535;
	stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		_exit(1);
	weft__context_adopt(&fiber);
	weft__context_init(&fresh, stack, size, run_nursery, (void *)(intptr_t)sock);
	weft__context_leave(&fiber, &fresh);
	abort(); /* not reached */
}

static int start_fork(int sock, const int close_fds[], size_t n)
{
	bool in_fiber = weft__fiber;
	int status = 0;
	pid_t pid;

	fflush(NULL); /* or a worker would write it once more */
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		pid = fork();
		if (pid)
			_exit(pid < 0 ? 1 : 0);
		for (size_t i = 0; i < n; i++)
			close(close_fds[i]);
		if (in_fiber)
			be_nursery_on_new_stack(sock);
		nursery_main(sock);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
	return status ? -EAGAIN : 0;
}

int nursery_start(enum weft_start how, int bell, int plan)
{
	int sock[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		return -errno;
	err = how == WEFT_START_FORK ? start_fork(sock[1], (int[]){sock[0], bell, plan}, 3)
				     : start_fresh(sock[1]);
	close(sock[1]);
	if (!err)
		return sock[0];
	close(sock[0]);
	return err;
}
