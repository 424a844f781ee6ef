/* SPDX-License-Identifier: MIT
 *
 * cpu.c -- how many CPUs this process may use: scheduling affinity and control group quotas.
 *
 * The quota is the hard part. A container on a machine of 64 CPUs may be allowed the time of two; with 64
 * workers it would be throttled most of the time. Two files say where the quota is written:
 *
 *   /proc/self/cgroup     0::/a/b             version 2: the process is in group /a/b
 *                         4:cpu,cpuacct:/a/b  version 1: so it is in the hierarchy with controller cpu
 *   /proc/self/mountinfo  ... /a /sys/fs/cgroup ... - cgroup2 ...    group /a is seen at /sys/fs/cgroup
 *
 * So the group's directory is the mount point and what remains of the group's path behind the mount's
 * root: /sys/fs/cgroup/b. A quota holds for everything below it, so each directory from there up to the
 * mount point is asked, and the least wins. Both versions can be in use at once, and a hierarchy can be
 * mounted several times: every mount below whose root the group lies tells nothing but the truth. Where a
 * group lies elsewhere (a path out of a namespace: "/../x"), its files cannot be seen: no limit.
 *
 * Whatever is missing or malformed means no limit. There is no static state: all of it can change.
 */
#include "cpu.h"
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

/* The groups of this process: NULL where there is none. From malloc. */
struct groups {
	char *v1; /* in the hierarchy with controller cpu */
	char *v2;
};

/* One line of mountinfo, cut into its strings. */
struct mount {
	char *root;    /* which directory of the filesystem is mounted */
	char *point;   /* where */
	char *type;    /* of filesystem */
	char *options; /* of the filesystem, comma-separated; for version 1 its controllers */
};

static FILE *open_below(const char *root, const char *path)
{
	char full[PATH_MAX];
	int n = snprintf(full, sizeof full, "%s%s", root, path);

	return n > 0 && (size_t)n < sizeof full ? fopen(full, "re") : NULL;
}

/* Is word one of the comma-separated words of list? */
static bool list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
		if (!strncmp(at, word, len) && (at[len] == ',' || at[len] == '\0'))
			return true;
	return false;
}

/* One line of /proc/self/cgroup: number:controllers:path. The path may contain colons. */
static void read_group(char *line, struct groups *groups)
{
	char *rest = line;
	const char *number = strsep(&rest, ":");
	const char *controllers = strsep(&rest, ":");
	char **which = NULL;

	if (!rest || rest[0] != '/')
		return;
	if (!strcmp(number, "0") && controllers[0] == '\0')
		which = &groups->v2;
	else if (list_has(controllers, "cpu"))
		which = &groups->v1;
	if (which && !*which)
		*which = strdup(rest);
}

/* Takes the \040 of mountinfo back to spaces and so on, in place. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/* One line of mountinfo: id parent device ROOT POINT options [optional fields] - TYPE source OPTIONS */
static bool read_mount(char *line, struct mount *ret)
{
	struct mount m;
	char *field, *rest = line;

	for (int i = 0; i < 3; i++)
		strsep(&rest, " ");
	m.root = strsep(&rest, " ");
	m.point = strsep(&rest, " ");
	do
		field = strsep(&rest, " ");
	while (field && strcmp(field, "-") != 0);
	m.type = strsep(&rest, " ");
	strsep(&rest, " ");
	m.options = strsep(&rest, " ");
	if (!m.options)
		return false;
	unescape(m.root);
	unescape(m.point);
	*ret = m;
	return true;
}

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

/* What remains of path behind root: "" or a path that begins with '/'. NULL: path is not below root. */
static const char *path_below(const char *path, const char *root)
{
	size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (strncmp(path, root, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return NULL;
	path += len;
	if (!strcmp(path, "/"))
		path++;
	/* "/.." as a whole part leads out again. */
	for (const char *up = strstr(path, "/.."); up; up = strstr(up + 1, "/.."))
		if (up[3] == '/' || up[3] == '\0')
			return NULL;
	return path;
}

/* The least quota of a group and all above it that this mount shows. */
static unsigned walk(const char *root, const struct mount *m, const char *group,
		     unsigned (*read_quota)(const char *dir))
{
	char dir[PATH_MAX];
	unsigned least = UINT_MAX;
	const char *below = path_below(group, m->root);
	if (!below)
		return UINT_MAX;

	int n = snprintf(dir, sizeof dir, "%s%s%s", root, m->point, below);
	if (n <= 0 || (size_t)n >= sizeof dir)
		return UINT_MAX;
	char *top = dir + strlen(root) + strlen(m->point);
	for (;;) {
		unsigned cpus = read_quota(dir);
		least = cpus < least ? cpus : least;
		char *slash = strrchr(top, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

static struct groups find_groups(const char *root)
{
	struct groups groups = {NULL, NULL};
	char *line = NULL;
	size_t room = 0;
	FILE *f = open_below(root, "/proc/self/cgroup");
	if (!f)
		return groups;

	while (getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		read_group(line, &groups);
	}
	free(line);
	fclose(f);
	return groups;
}

unsigned weft__cpu_quota(const char *root)
{
	unsigned least = UINT_MAX;
	struct mount m;
	char *line = NULL;
	size_t room = 0;
	struct groups groups = find_groups(root);
	FILE *f = open_below(root, "/proc/self/mountinfo");

	while (f && getline(&line, &room, f) > 0) {
		unsigned cpus = UINT_MAX;
		line[strcspn(line, "\n")] = '\0';
		if (!read_mount(line, &m))
			continue;
		if (groups.v2 && !strcmp(m.type, "cgroup2"))
			cpus = walk(root, &m, groups.v2, read_quota_v2);
		else if (groups.v1 && !strcmp(m.type, "cgroup") && list_has(m.options, "cpu"))
			cpus = walk(root, &m, groups.v1, read_quota_v1);
		least = cpus < least ? cpus : least;
	}
	if (f)
		fclose(f);
	free(line);
	free(groups.v1);
	free(groups.v2);
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
