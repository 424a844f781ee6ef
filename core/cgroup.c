/* SPDX-License-Identifier: MIT
 *
 * cgroup.c -- where the control groups of this process show their files. Two files say it:
 *
 *   /proc/self/cgroup     0::/a/b             version 2: the process is in group /a/b
 *                         4:cpu,cpuacct:/a/b  version 1: so it is in the hierarchy with controller cpu
 *   /proc/self/mountinfo  ... /a /sys/fs/cgroup ... - cgroup2 ...    group /a is seen at /sys/fs/cgroup
 *
 * So the group's directory is the mount point and what remains of the group's path behind the mount's
 * root: /sys/fs/cgroup/b. Both versions can be in use at once, and a hierarchy can be mounted several times:
 * every mount below whose root the group lies tells nothing but the truth. Where a group lies elsewhere (a
 * path out of a namespace: "/../x"), its files cannot be seen.
 *
 * There is no static state: all of it can change.
 */
#include "cgroup.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The groups of this process: NULL where there is none. From malloc. */
struct groups {
	char *v1; /* in the hierarchy with the controller */
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
static void read_group(char *line, const char *controller, struct groups *groups)
{
	char *rest = line;
	const char *number = strsep(&rest, ":");
	const char *controllers = strsep(&rest, ":");
	char **which = NULL;

	if (!rest || rest[0] != '/')
		return;
	if (!strcmp(number, "0") && controllers[0] == '\0')
		which = &groups->v2;
	else if (list_has(controllers, controller))
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

/* False: visit has ended it. */
static bool walk_up(const char *root, const struct mount *m, const char *group, int version,
		    weft__cgroup_visit *visit, void *ctx)
{
	char dir[PATH_MAX];
	const char *below = path_below(group, m->root);
	if (!below)
		return true;

	int n = snprintf(dir, sizeof dir, "%s%s%s", root, m->point, below);
	if (n <= 0 || (size_t)n >= sizeof dir)
		return true;
	char *top = dir + strlen(root) + strlen(m->point);
	while (visit(dir, version, ctx)) {
		char *slash = strrchr(top, '/');
		if (!slash)
			return true;
		*slash = '\0';
	}
	return false;
}

static struct groups find_groups(const char *root, const char *controller)
{
	struct groups groups = {NULL, NULL};
	char *line = NULL;
	size_t room = 0;
	FILE *f = open_below(root, "/proc/self/cgroup");
	if (!f)
		return groups;

	while (getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		read_group(line, controller, &groups);
	}
	free(line);
	fclose(f);
	return groups;
}

void weft__cgroup_walk(const char *root, const char *controller, weft__cgroup_visit *visit, void *ctx)
{
	struct mount m;
	char *line = NULL;
	size_t room = 0;
	bool more = true;
	struct groups groups = find_groups(root, controller);
	FILE *f = open_below(root, "/proc/self/mountinfo");

	while (more && f && getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!read_mount(line, &m))
			continue;
		if (groups.v2 && !strcmp(m.type, "cgroup2"))
			more = walk_up(root, &m, groups.v2, 2, visit, ctx);
		else if (groups.v1 && !strcmp(m.type, "cgroup") && list_has(m.options, controller))
			more = walk_up(root, &m, groups.v1, 1, visit, ctx);
	}
	if (f)
		fclose(f);
	free(line);
	free(groups.v1);
	free(groups.v2);
}
