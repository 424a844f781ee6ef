/* SPDX-License-Identifier: MIT
 *
 * crash_inject.c -- a tracer that follows a program and its children from system call to system call.
 *
 * A new process may be seen to stop before its parent is seen to have made it; what it is, and so whether its
 * system calls count, is known only then. Until then it is left standing.
 */
#include "crash_inject.h"

#include <elf.h>
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TASKS_MAX = 128, PATIENCE_S = 30, YIELDS = 300 };

struct traced_task {
	pid_t pid;
	unsigned role;  /* 0: not known yet */
	bool waiting;   /* it stands, until its role is known */
	bool to_inject; /* at the end of this system call */
};

struct tracing {
	struct inject *in;
	pid_t program;
	int status;
	struct traced_task task[TASKS_MAX];
	unsigned n;
};

static struct traced_task *task_of(struct tracing *t, pid_t pid)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->task[i].pid == pid)
			return &t->task[i];
	if (t->n == TASKS_MAX)
		return NULL;
	t->task[t->n] = (struct traced_task){.pid = pid};
	return &t->task[t->n++];
}

static void forget(struct tracing *t, pid_t pid)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->task[i].pid == pid)
			t->task[i--] = t->task[--t->n];
}

#if defined(__x86_64__)

static bool skip_call(pid_t pid)
{
	return !ptrace(PTRACE_POKEUSER, pid, (void *)offsetof(struct user, regs.orig_rax), (void *)-1L);
}

static void set_result(pid_t pid, long result)
{
	ptrace(PTRACE_POKEUSER, pid, (void *)offsetof(struct user, regs.rax), (void *)result);
}

static const bool possible = true;

#else

static bool skip_call(pid_t pid)
{
	(void)pid;
	return false;
}

static void set_result(pid_t pid, long result)
{
	(void)pid, (void)result;
}

static const bool possible = false;

#endif

/* Of futex only waiting may be interrupted. */
static bool may_fail(long number, uint64_t operation)
{
	int op = (int)operation & FUTEX_CMD_MASK;

	return number != SYS_futex || op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET;
}

static bool chosen(struct inject *in, long number, unsigned role)
{
	if (number < 0 || number >= INJECT_NUMBERS || !(in->where & role) ||
	    !__atomic_load_n(in->armed, __ATOMIC_ACQUIRE))
		return false;
	in->count[number]++;
	if (number != in->number)
		return false;
	return in->on ? in->count[number] >= in->nth : in->count[number] == in->nth;
}

static void at_system_call(struct tracing *t, struct traced_task *task)
{
	struct __ptrace_syscall_info info = {0};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->pid, (void *)sizeof info, &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		task->to_inject = may_fail((long)info.entry.nr, info.entry.args[1]) &&
				  chosen(t->in, (long)info.entry.nr, task->role) && skip_call(task->pid);
		t->in->happened += task->to_inject;
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && task->to_inject) {
		set_result(task->pid, -t->in->error);
		task->to_inject = false;
	}
}

static void go_on(struct traced_task *task, int sig)
{
	ptrace(PTRACE_SYSCALL, task->pid, NULL, (void *)(long)sig);
}

/* A child has been made: what shares the memory of who made it is of the same kind. */
static void at_birth(struct tracing *t, struct traced_task *parent, int event)
{
	unsigned long pid = 0;
	struct traced_task *child;

	ptrace(PTRACE_GETEVENTMSG, parent->pid, NULL, &pid);
	unsigned role = parent->role;
	child = task_of(t, (pid_t)pid);
	if (!child)
		return;
	if (event == PTRACE_EVENT_FORK)
		role = role == INJECT_PROGRAM ? INJECT_NURSERY : INJECT_WORKER;
	child->role = role;
	if (child->waiting)
		go_on(child, 0);
	child->waiting = false;
}

static void at_stop(struct tracing *t, pid_t pid, int status)
{
	struct traced_task *task = task_of(t, pid);
	int event = status >> 16, sig = WSTOPSIG(status);

	if (!task) {
		kill(pid, SIGKILL);
		return;
	}
	if (!task->role) {
		task->waiting = true;
		return;
	}
	if (sig == (SIGTRAP | 0x80))
		at_system_call(t, task);
	else if (event == PTRACE_EVENT_EXEC)
		task->role = INJECT_NURSERY;
	else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE)
		at_birth(t, task, event);
	/* Only a signal that is one may be passed on. */
	go_on(task, event || sig == (SIGTRAP | 0x80) ? 0 : sig);
}

/* One event. False: there is nobody any more. */
static bool look(struct tracing *t, unsigned *idle)
{
	struct timespec nap = {.tv_nsec = 50000};
	int status;
	pid_t pid = waitpid(-1, &status, __WALL | WNOHANG);

	if (pid < 0)
		return errno == EINTR;
	if (!pid) {
		if (++*idle < YIELDS)
			sched_yield();
		else
			nanosleep(&nap, NULL);
		return true;
	}
	*idle = 0;
	if (WIFSTOPPED(status)) {
		at_stop(t, pid, status);
		return true;
	}
	if (pid == t->program)
		t->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	forget(t, pid);
	return true;
}

static void kill_everybody(struct tracing *t)
{
	int status;

	for (unsigned i = 0; i < t->n; i++)
		kill(t->task[i].pid, SIGKILL);
	while (waitpid(-1, &status, __WALL) > 0 || errno == EINTR) {}
}

static long seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

int inject_run(struct inject *in, void (*program)(void *ctx), void *ctx)
{
	struct tracing t = {.in = in, .status = -ECHILD};
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
		       PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	unsigned idle = 0;
	long end = seconds_now() + PATIENCE_S;

	memset(in->count, 0, sizeof in->count);
	in->happened = 0;
	if (!possible)
		return -ENOSYS;
	t.program = fork();
	if (!t.program) {
		raise(SIGSTOP);
		program(ctx);
		_exit(0);
	}
	if (t.program < 0 || waitpid(t.program, NULL, WUNTRACED) < 0)
		return -errno;
	task_of(&t, t.program)->role = INJECT_PROGRAM;
	if (ptrace(PTRACE_SEIZE, t.program, NULL, (void *)options)) {
		kill(t.program, SIGKILL);
		waitpid(t.program, NULL, 0);
		return -ENOSYS;
	}
	kill(t.program, SIGCONT);
	while (look(&t, &idle))
		if (seconds_now() >= end) {
			kill_everybody(&t);
			return -ETIME;
		}
	return t.status;
}
