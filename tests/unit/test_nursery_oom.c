/* SPDX-License-Identifier: MIT
 *
 * test_nursery_oom.c -- the counter of kills for want of memory, in made-up /proc and /sys trees of both
 * versions, and none at all.
 */
#include "harness.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nursery_oom.h"

#define MOUNT_V2 "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define MOUNT_V1 "32 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"

/* Writes a file of the made-up tree, with its directories. */
static void put(const char *path, const char *text)
{
	char full[PATH_MAX];
	REQUIRE(snprintf(full, sizeof full, "%s%s", test_dir(), path) < (int)sizeof full);
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		REQUIRE(mkdir(full, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	FILE *f = fopen(full, "we");
	REQUIRE(f != NULL);
	fputs(text, f);
	fclose(f);
}

static void check_counts(const char *path, const char *format)
{
	struct nursery_oom o;
	char text[256];
	snprintf(text, sizeof text, format, 7);
	put(path, text);
	nursery_oom_init(&o, test_dir());
	REQUIRE(o.fd >= 0);
	CHECK_EQ(o.kills, 7);
	CHECK(!nursery_oom_look(&o));
	snprintf(text, sizeof text, format, 9);
	put(path, text);
	CHECK(nursery_oom_look(&o));
	CHECK(!nursery_oom_look(&o));
	snprintf(text, sizeof text, format, 10);
	put(path, text);
	CHECK(nursery_oom_look(&o));
	close(o.fd);
}

TEST(version_2)
{
	put("/proc/self/cgroup", "0::/app\n");
	put("/proc/self/mountinfo", MOUNT_V2);
	check_counts("/sys/fs/cgroup/app/memory.events", "low 0\noom 3\noom_kill %d\noom_group_kill 1\n");
}

TEST(version_1)
{
	put("/proc/self/cgroup", "4:memory:/app\n0::/\n");
	put("/proc/self/mountinfo", MOUNT_V1);
	check_counts("/sys/fs/cgroup/memory/app/memory.oom_control",
		     "oom_kill_disable 0\nunder_oom 0\noom_kill %d\n");
}

/* The root group of version 2 has no such file. */
TEST(root_group)
{
	put("/proc/self/cgroup", "0::/\n");
	put("/proc/self/mountinfo", MOUNT_V2);
	check_counts("/proc/vmstat", "nr_free_pages 5\noom_kill %d\n");
}

TEST(nothing_to_read)
{
	struct nursery_oom o;
	nursery_oom_init(&o, test_dir());
	CHECK_EQ(o.fd, -1);
	CHECK(!nursery_oom_look(&o));
	put("/proc/vmstat", "oom_kill \noom_killer 7\noom_kill x\n");
	nursery_oom_init(&o, test_dir());
	CHECK_EQ(o.kills, 0);
	close(o.fd);
}
