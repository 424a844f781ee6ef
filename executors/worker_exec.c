/* SPDX-License-Identifier: MIT
 *
 * worker_exec.c -- WEFT_START_SPAWN: a worker that is a run of the program of its own.
 *
 * The nursery forks, as for any worker, and so stays the parent that hears of the death; the fork executes the
 * program. What it needs lies at descriptors 3 to 7. The new run meets enter_worker(), a constructor.
 */
#include "nursery.h"
#include "spec.h"
#include "worker_start.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { FIRST_FD = 3, END_FD = FIRST_FD + WORKER_FDS };

_Noreturn void worker_exec(const int fds[WORKER_FDS], const struct weft__space *space)
{
	char *argv[] = {(char *)(uintptr_t) "weft-worker", NULL}, invitation[64];
	int from[WORKER_FDS];

	/* First out of the way: one may have the number of another. */
	for (int i = 0; i < WORKER_FDS; i++)
		from[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD, END_FD);
	for (int i = 0; i < WORKER_FDS; i++) {
		close(FIRST_FD + i);
		if (from[i] >= 0 && dup2(from[i], FIRST_FD + i) >= 0)
			close(from[i]);
	}
	snprintf(invitation, sizeof invitation, "%d:%" PRIu64 ":%" PRIu64, getppid(), space->base,
		 space->size);
	setenv(WORKER_VARIABLE, invitation, 1); /* NOLINT(concurrency-mt-unsafe): a fork of a single thread */
	execv("/proc/self/exe", argv);
	_exit(127);
}

/* The parent's pid, and where the regions are. */
static bool read_invitation(const char *text, struct weft__space *ret)
{
	const char *base = strchr(text, ':'), *size = base ? strchr(base + 1, ':') : NULL;
	uint64_t pid;

	return size && !weft__parse_u64(text, (size_t)(base - text), 1, INT32_MAX, &pid) &&
	       pid == (uint64_t)getppid() &&
	       !weft__parse_u64(base + 1, (size_t)(size - base - 1), 0, UINT64_MAX, &ret->base) &&
	       !weft__parse_u64(size + 1, strlen(size + 1), 0, UINT64_MAX, &ret->size);
}

__attribute__((constructor)) static void enter_worker(void)
{
	/* Before main() there is one thread. */
	const char *by = secure_getenv(WORKER_VARIABLE);
	struct weft__space space;
	struct worker_plan *plan;
	int trace = FIRST_FD + WORKER_TRACE;

	if (!by || !read_invitation(by, &space))
		return;
	unsetenv(WORKER_VARIABLE);        /* NOLINT(concurrency-mt-unsafe) */
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* inherited from before exec, but not if it gained rights */
	prctl(PR_SET_NAME, "weft-worker");
	plan = mmap(NULL, plan_size(), PROT_READ, MAP_SHARED, FIRST_FD + WORKER_PLAN, 0);
	if (plan == MAP_FAILED)
		_exit(127);
	close(FIRST_FD + WORKER_PLAN);
	nursery_close_from(END_FD);
	for (int i = 0; i < WORKER_FDS; i++)
		fcntl(FIRST_FD + i, F_SETFD, FD_CLOEXEC);
	if (fcntl(trace, F_GETFD) < 0)
		trace = -1;
	worker_start(plan, FIRST_FD + WORKER_LANE, FIRST_FD + WORKER_BELL, trace, space.base ? &space : NULL,
		     FIRST_FD + WORKER_SPACE);
}
