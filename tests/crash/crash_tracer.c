/* SPDX-License-Identifier: MIT
 *
 * crash_tracer.c -- single steps and breakpoints, by ptrace.
 *
 * The process is not our child, and need not be: a tracer waits for whom it traces. That one is asleep cannot
 * be seen by waiting; /proc says so, where one that runs or is to run shows R.
 */
#include "crash_tracer.h"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

enum { ROUNDS_OF_A_LOOP = 2, LOOKS = 3, SPINS = 2000 };

/* The instruction that traps, as the lowest bytes of a word, and how far behind it one is then. */
#if defined(__x86_64__)
enum { TRAP_SIZE = 1, TRAP_BEHIND = 1 };
#define TRAP_CODE 0xccUL
#elif defined(__aarch64__)
enum { TRAP_SIZE = 4, TRAP_BEHIND = 0 };
#define TRAP_CODE 0xd4200000UL
#else
enum { TRAP_SIZE = 0, TRAP_BEHIND = 0 };
#define TRAP_CODE 0UL
#endif

#if defined(__x86_64__)
#define COUNTER rip
#elif defined(__aarch64__)
#define COUNTER pc
#endif

static uintptr_t instruction_of(pid_t pid)
{
#ifdef COUNTER
	struct user_regs_struct regs;
	struct iovec io = {&regs, sizeof regs};

	if (!ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &io))
		return regs.COUNTER;
#endif
	(void)pid;
	return 0;
}

static void go_back_to(pid_t pid, uintptr_t instruction)
{
#ifdef COUNTER
	struct user_regs_struct regs;
	struct iovec io = {&regs, sizeof regs};

	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &io))
		return;
	regs.COUNTER = instruction;
	ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &io);
#endif
	(void)pid, (void)instruction;
}

static char state_of(pid_t pid)
{
	char path[64], text[256] = "", *paren;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 'X';
	if (!fgets(text, sizeof text, f))
		*text = '\0';
	fclose(f);
	paren = strrchr(text, ')');
	return paren && paren[1] ? paren[2] : 'X';
}

/* Weft's instructions in the process: those of its library. */
static bool find_text(struct tracer *t)
{
	char path[64], line[512];
	uintptr_t begin, end;
	FILE *f;

	t->begin = t->end = 0;
	snprintf(path, sizeof path, "/proc/%d/maps", t->pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (strstr(line, " r-xp ") && strstr(line, "/libweft.so") &&
		    sscanf(line, "%lx-%lx", &begin, &end) == 2) {
			t->begin = begin;
			t->end = end;
		}
	if (f)
		fclose(f);
	return t->end > t->begin;
}

/* Until it has stopped, sleeps, or has ended. */
static enum traced await(struct tracer *t)
{
	struct timespec nap = {.tv_nsec = 100000};
	int status, asleep = 0;

	for (unsigned i = 0;; i++) {
		pid_t pid = waitpid(t->pid, &status, WNOHANG | __WALL);

		if (pid == t->pid) {
			t->running = false;
			return WIFSTOPPED(status) ? TRACED_STOPPED : TRACED_GONE;
		}
		if (pid < 0 && errno != EINTR)
			return TRACED_GONE;
		if (i < SPINS) {
			sched_yield();
			continue;
		}
		asleep = state_of(t->pid) == 'S' ? asleep + 1 : 0;
		if (asleep == LOOKS)
			return TRACED_ASLEEP;
		nanosleep(&nap, NULL);
	}
}

int tracer_seize(struct tracer *t, pid_t pid)
{
	size_t size;

	t->pid = pid;
	t->is_set = false;
	if (!TRAP_SIZE)
		return -ENOSYS;
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_EXITKILL))
		return -errno;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL))
		return -errno;
	t->running = true;
	if (await(t) != TRACED_STOPPED || !find_text(t))
		return -ENOSYS;
	size = t->end - t->begin;
	if (!t->visits) {
		t->visits = malloc(size);
		t->noted = calloc(1, size);
	}
	if (!t->visits || !t->noted)
		return -ENOMEM;
	memset(t->visits, 0, size);
	return 0;
}

void tracer_fork(struct tracer *t, void (*act)(const void *arg), const void *arg)
{
	int go[2], err;
	pid_t pid;
	char c;

	REQUIRE_EQ(pipe(go), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(2);
		act(arg);
		_exit(0);
	}
	REQUIRE(pid > 0);
	close(go[0]);
	t->go = go[1];
	err = tracer_seize(t, pid);
	if (err == -EPERM || err == -ENOSYS)
		SKIP("processes cannot be traced here");
	REQUIRE_EQ(err, 0);
}

void tracer_go(struct tracer *t)
{
	REQUIRE_EQ(write(t->go, "", 1), 1);
	close(t->go);
}

static enum traced go(struct tracer *t, bool step)
{
	if (!t->running && ptrace(step ? PTRACE_SINGLESTEP : PTRACE_CONT, t->pid, NULL, NULL))
		return TRACED_GONE;
	t->running = true;
	return await(t);
}

enum traced tracer_note(struct tracer *t)
{
	enum traced state;

	while ((state = go(t, true)) == TRACED_STOPPED) {
		uintptr_t at = instruction_of(t->pid) - t->begin;

		if (at >= t->end - t->begin || t->visits[at] == ROUNDS_OF_A_LOOP)
			continue;
		t->visits[at]++;
		if (t->noted[at] < t->visits[at])
			t->noted[at] = t->visits[at];
	}
	return state;
}

bool tracer_next(struct tracer *t)
{
	if (t->visit++ < t->noted[t->point])
		return true;
	t->visit = 1;
	while (++t->point < t->end - t->begin)
		if (t->noted[t->point])
			return true;
	return false;
}

static bool set_breakpoint(struct tracer *t)
{
	void *at = (void *)(t->begin + t->point);
	unsigned long kept = ~0UL << 8 * TRAP_SIZE;

	errno = 0;
	t->saved = ptrace(PTRACE_PEEKTEXT, t->pid, at, NULL);
	if (errno)
		return false;
	t->is_set =
		!ptrace(PTRACE_POKETEXT, t->pid, at, (void *)(((unsigned long)t->saved & kept) | TRAP_CODE));
	return t->is_set;
}

static void clear_breakpoint(struct tracer *t)
{
	if (t->is_set)
		ptrace(PTRACE_POKETEXT, t->pid, (void *)(t->begin + t->point), (void *)t->saved);
	t->is_set = false;
}

/* Has it just run into the breakpoint? Then it stands before the instruction again. */
static bool at_breakpoint(struct tracer *t)
{
	if (!t->is_set || instruction_of(t->pid) != t->begin + t->point + TRAP_BEHIND)
		return false;
	go_back_to(t->pid, t->begin + t->point);
	return true;
}

enum traced tracer_run(struct tracer *t)
{
	for (;;) {
		enum traced state;

		if (!t->running && !t->is_set && !set_breakpoint(t))
			return TRACED_GONE;
		state = go(t, false);
		if (state != TRACED_STOPPED)
			return state;
		if (!at_breakpoint(t))
			continue; /* another signal */
		if (++t->visits[t->point] == t->visit)
			return TRACED_STOPPED;
		clear_breakpoint(t);
		state = go(t, true);
		if (state != TRACED_STOPPED)
			return state;
	}
}

void tracer_kill(struct tracer *t)
{
	int status;

	kill(t->pid, SIGKILL);
	for (;;) {
		pid_t pid = waitpid(t->pid, &status, __WALL);

		if ((pid < 0 && errno != EINTR) || (pid == t->pid && !WIFSTOPPED(status)))
			break;
	}
	t->running = false;
}

void tracer_release(struct tracer *t)
{
	if (t->running && !ptrace(PTRACE_INTERRUPT, t->pid, NULL, NULL))
		await(t);
	at_breakpoint(t);
	clear_breakpoint(t);
	ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
	t->running = false;
}

void tracer_fini(struct tracer *t)
{
	free(t->visits);
	free(t->noted);
	*t = (struct tracer){0};
}

/* Another one in each run, so that many runs come by all points. */
static size_t first_point(size_t stride)
{
	const char *wanted = getenv("WEFT_TRACER_FIRST");

	return (wanted ? strtoul(wanted, NULL, 10) : (size_t)getpid()) % stride;
}

size_t tracer_play_all(tracer_play *play, const void *scene, size_t stride)
{
	struct tracer t = {0};
	size_t points = 0, first = first_point(stride);

	play(&t, scene, tracer_note);
	for (size_t k = 0; tracer_next(&t); k++)
		if (k % stride == first)
			points += play(&t, scene, tracer_run);
	printf("killed at %zu points", points);
	if (stride > 1)
		printf(", WEFT_TRACER_FIRST=%zu of %zu", first, stride);
	puts("");
	tracer_fini(&t);
	return points;
}
