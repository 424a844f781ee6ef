/* SPDX-License-Identifier: MIT
 *
 * worker_exec.c -- WEFT_START_SPAWN: a worker that is a run of the program of its own.
 *
 * The nursery forks, as for any worker, and so stays the parent that hears of the death; the fork executes the
 * program. What it needs lies at descriptors 3 to 5. The new run meets enter_worker(), a constructor.
 */
#include "nursery.h"
#include "spec.h"
#include "worker_start.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { LANE_FD = 3, BELL_FD, PLAN_FD, END_FD };

_Noreturn void worker_exec(int memfd, int bell, int plan)
{
	int from[] = {memfd, bell, plan};
	char *argv[] = {(char *)(uintptr_t) "weft-worker", NULL}, nursery[16];

	/* First out of the way: one may have the number of another. */
	for (int i = 0; i < END_FD - LANE_FD; i++)
		from[i] = fcntl(from[i], F_DUPFD, END_FD);
	for (int i = 0; i < END_FD - LANE_FD; i++) {
		dup2(from[i], LANE_FD + i);
		close(from[i]);
	}
	snprintf(nursery, sizeof nursery, "%d", getppid());
	setenv(WORKER_VARIABLE, nursery, 1); /* NOLINT(concurrency-mt-unsafe): a fork of a single thread */
	execv("/proc/self/exe", argv);
	_exit(127);
}

__attribute__((constructor)) static void enter_worker(void)
{
	/* Before main() there is one thread. */
	const char *by = secure_getenv(WORKER_VARIABLE);
	struct worker_plan *plan;
	uint64_t pid;

	if (!by || weft__parse_u64(by, strlen(by), 1, INT32_MAX, &pid) || pid != (uint64_t)getppid())
		return;
	unsetenv(WORKER_VARIABLE);        /* NOLINT(concurrency-mt-unsafe) */
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* inherited from before exec, but not if it gained rights */
	prctl(PR_SET_NAME, "weft-worker");
	plan = mmap(NULL, plan_size(), PROT_READ, MAP_SHARED, PLAN_FD, 0);
	if (plan == MAP_FAILED)
		_exit(127);
	nursery_close_from(PLAN_FD);
	fcntl(LANE_FD, F_SETFD, FD_CLOEXEC);
	fcntl(BELL_FD, F_SETFD, FD_CLOEXEC);
	worker_start(plan, LANE_FD, BELL_FD);
}
