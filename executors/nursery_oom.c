/* SPDX-License-Identifier: MIT
 *
 * nursery_oom.c -- has the kernel killed for want of memory?
 *
 * The line "oom_kill N" counts the kills in a control group: in memory.events (version 2), in
 * memory.oom_control (version 1), and for the whole machine in /proc/vmstat, for a process in the root group,
 * which has no file of its own in version 2. The kernel counts before it kills. So a count that has moved
 * since the last look, and a death by SIGKILL in between, are probably one event. Not surely: somebody else in
 * the group may have been the victim.
 */
#include "nursery_oom.h"
#include "cgroup.h"
#include "spec.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 16384 }; /* bytes; vmstat has about 4,000 */

static uint64_t read_count(int fd)
{
	static const char key[] = "oom_kill ";
	char text[FILE_MAX];
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
	uint64_t count = 0;

	text[n > 0 ? n : 0] = '\0';
	for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		if (strncmp(line, key, sizeof key - 1) != 0)
			continue;
		line += sizeof key - 1;
		if (!weft__parse_u64(line, strcspn(line, "\n"), 0, UINT64_MAX, &count))
			return count;
	}
	return 0;
}

static int open_file(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s%s", dir, name);

	return n > 0 && (size_t)n < sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

/* The own group's, or the nearest above that has one. */
static bool visit(const char *dir, int version, void *ctx)
{
	int *fd = ctx;

	*fd = open_file(dir, version == 2 ? "/memory.events" : "/memory.oom_control");
	return *fd < 0;
}

void nursery_oom_init(struct nursery_oom *o, const char *root)
{
	o->fd = -1;
	weft__cgroup_walk(root, "memory", visit, &o->fd);
	if (o->fd < 0)
		o->fd = open_file(root, "/proc/vmstat");
	o->kills = read_count(o->fd);
}

bool nursery_oom_look(struct nursery_oom *o)
{
	uint64_t before = o->kills;

	o->kills = read_count(o->fd);
	return o->kills > before;
}
