/* SPDX-License-Identifier: MIT
 *
 * cpu.c -- how many CPUs this process may use: scheduling affinity and control group quotas.
 *
 * A container on a machine of 64 CPUs may be allowed the time of two; with 64 workers it would be throttled
 * most of the time. A quota holds for everything below its group, so each group from that of this process
 * upwards is asked (cgroup.h), and the least wins. Whatever is missing or malformed means no limit. There is
 * no static state: all of it can change.
 */
#include "cpu.h"
#include "cgroup.h"
#include "spec.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MASK_CPUS_MAX = 1 << 20, /* where the search for a large enough affinity mask ends */
};

/* The first line of a file in dir, without its newline; false if there is none, or a longer one. */
static bool read_line(const char *dir, const char *name, char *ret, size_t ret_size)
{
	FILE *f = NULL;
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/%s", dir, name);

	if (n > 0 && (size_t)n < sizeof path)
		f = fopen(path, "re");
	if (!f)
		return false;
	char *end = fgets(ret, (int)ret_size, f) ? strchr(ret, '\n') : NULL;
	if (end)
		*end = '\0';
	fclose(f);
	return end;
}

/* Two numbers, each len bytes of text, as CPUs. A quota of -1 or "max" is no number: no limit. */
static unsigned cpus_of(const char *quota, size_t quota_len, const char *period, size_t period_len)
{
	uint64_t q, p;

	if (weft__parse_u64(quota, quota_len, 1, UINT64_MAX, &q) ||
	    weft__parse_u64(period, period_len, 1, UINT64_MAX, &p))
		return UINT_MAX;
	uint64_t cpus = q / p + (q % p != 0);
	return cpus < UINT_MAX ? (unsigned)cpus : UINT_MAX;
}

static unsigned read_quota_v1(const char *dir)
{
	char quota[64], period[64];

	if (!read_line(dir, "cpu.cfs_quota_us", quota, sizeof quota) ||
	    !read_line(dir, "cpu.cfs_period_us", period, sizeof period))
		return UINT_MAX;
	return cpus_of(quota, strlen(quota), period, strlen(period));
}

static unsigned read_quota_v2(const char *dir)
{
	char line[64];

	if (!read_line(dir, "cpu.max", line, sizeof line))
		return UINT_MAX;
	const char *space = strchr(line, ' ');
	if (!space)
		return UINT_MAX;
	return cpus_of(line, (size_t)(space - line), space + 1, strlen(space + 1));
}

static bool visit(const char *dir, int version, void *ctx)
{
	unsigned *least = ctx;
	unsigned cpus = version == 2 ? read_quota_v2(dir) : read_quota_v1(dir);

	*least = cpus < *least ? cpus : *least;
	return true;
}

unsigned weft__cpu_quota(const char *root)
{
	unsigned least = UINT_MAX;

	weft__cgroup_walk(root, "cpu", visit, &least);
	return least;
}

/* The affinity in a mask for so many CPUs; 0: it takes a larger one; negative: it cannot be had. */
static int count_affinity(unsigned cpus)
{
	int n = -1;
	size_t size = CPU_ALLOC_SIZE(cpus);
	cpu_set_t *mask = CPU_ALLOC(cpus);
	if (!mask)
		return -1;

	if (sched_getaffinity(0, size, mask) == 0)
		n = CPU_COUNT_S(size, mask);
	else if (errno == EINVAL)
		n = 0;
	CPU_FREE(mask);
	return n;
}

unsigned weft__cpu_affinity(void)
{
	int n = 0;

	for (unsigned cpus = CPU_SETSIZE; n == 0 && cpus <= MASK_CPUS_MAX; cpus *= 2)
		n = count_affinity(cpus);
	if (n <= 0)
		n = (int)sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (unsigned)n : 1;
}

unsigned weft_cpu_count(void)
{
	unsigned n = weft__cpu_affinity();
	unsigned quota = weft__cpu_quota("");

	if (n > quota)
		n = quota;
	return n < WEFT_WORKERS_MAX ? n : WEFT_WORKERS_MAX;
}
