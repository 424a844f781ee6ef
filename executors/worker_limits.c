/* SPDX-License-Identifier: MIT
 *
 * worker_limits.c -- what a worker may use. Two kinds: what the kernel holds it to, and what it looks at itself
 * between tasks, to leave before the next one when it has passed it.
 */
#include "worker_start.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB ((rlim_t)1 << 20)

/* At most so much. A limit that is lower already stays. */
static int lower(unsigned resource, rlim_t soft, rlim_t hard)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit))
		return -errno;
	limit.rlim_max = hard < limit.rlim_max ? hard : limit.rlim_max;
	if (limit.rlim_cur > limit.rlim_max || soft < limit.rlim_cur)
		limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
	return setrlimit(resource, &limit) ? -errno : 0;
}

/* To the number-th of the processors that we may use, counted round. */
static int pin(uint32_t number)
{
	cpu_set_t allowed, one;
	uint32_t n, skip;

	if (sched_getaffinity(0, sizeof allowed, &allowed))
		return -errno;
	n = (uint32_t)CPU_COUNT(&allowed);
	skip = number % n;
	CPU_ZERO(&one);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && skip-- == 0)
			CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof one, &one) ? -errno : 0;
}

static int yield_to_others(const struct worker_plan *plan)
{
	errno = 0;
	return nice((int)plan->nice) == -1 && errno ? -errno : 0;
}

static int no_core_dump_nor_locked_memory(void)
{
	int err = lower(RLIMIT_CORE, 0, 0);

	if (!err)
		err = lower(RLIMIT_MEMLOCK, 0, 0);
	return err ? err : lower(RLIMIT_MSGQUEUE, 0, 0);
}

int worker_limits_set(const struct worker_plan *plan, uint32_t number, weft_call *call)
{
	rlim_t cpu = 2 * (rlim_t)plan->max_cpu;
	const char *what = "processor";
	int err = plan->flags & WEFT_PROCESSES_PIN ? pin(number) : 0;

	if (!err && plan->nice)
		what = "nice value", err = yield_to_others(plan);
	if (!err && plan->max_cpu) /* who is deaf to the first is killed by the second */
		what = "limit of time", err = lower(RLIMIT_CPU, cpu, cpu + 1);
	if (!err && plan->max_files)
		what = "limit of descriptors", err = lower(RLIMIT_NOFILE, plan->max_files, plan->max_files);
	if (!err && plan->max_memory)
		what = "limit of memory",
		err = lower(RLIMIT_DATA, plan->max_memory * MIB, plan->max_memory * MIB);
	if (!err && plan->flags & WEFT_PROCESSES_SANDBOX)
		what = "limits of a sandbox", err = no_core_dump_nor_locked_memory();
	return err ? weft_call_fail(call, err, "setting the %s: %s", what, weft_strerror(err)) : 0;
}

/* Descriptors are given out from the lowest, so the next one says how many there are, but for gaps. */
static bool half_of_files_used(const struct worker_plan *plan, int any_fd)
{
	int fd = fcntl(any_fd, F_DUPFD_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd < 0 || (uint32_t)fd >= plan->max_files / 2;
}

bool worker_limits_passed(const struct worker_plan *plan, int any_fd)
{
	struct rusage u;

	if (plan->max_files && half_of_files_used(plan, any_fd))
		return true;
	if (!(plan->max_rss || plan->max_cpu) || getrusage(RUSAGE_SELF, &u))
		return false;
	if (plan->max_rss && (rlim_t)u.ru_maxrss > plan->max_rss * (MIB >> 10))
		return true;
	return plan->max_cpu &&
	       u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000000 >=
		       (time_t)plan->max_cpu;
}
