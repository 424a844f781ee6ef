/* SPDX-License-Identifier: MIT
 *
 * test_cpu.c -- quotas of control groups, read from made-up /proc and /sys trees; and the real affinity.
 */
#include "harness.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cpu.h"

/* Lines of mountinfo: the usual one of version 2, and one of version 1. */
#define MOUNT_V2(root)                                                                                       \
	"31 23 0:28 " root " /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define MOUNT_V1(root) "32 31 0:29 " root " /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
#define CPU            "/sys/fs/cgroup/cpu,cpuacct"

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

static void put_proc(const char *cgroup, const char *mountinfo)
{
	put("/proc/self/cgroup", cgroup);
	put("/proc/self/mountinfo", mountinfo);
}

static void put_v1(const char *dir, const char *quota, const char *period)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir);
	put(path, quota);
	snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir);
	put(path, period);
}

static unsigned quota(void)
{
	return weft__cpu_quota(test_dir());
}

TEST(nothing_there_is_no_limit)
{
	CHECK_EQ(quota(), UINT_MAX);
	put("/proc/self/cgroup", "0::/a\n");
	CHECK_EQ(quota(), UINT_MAX);
	put("/proc/self/mountinfo", MOUNT_V2("/"));
	CHECK_EQ(quota(), UINT_MAX);
}

TEST(v2_rounds_up)
{
	put_proc("0::/a\n", MOUNT_V2("/"));
	static const struct {
		const char *text;
		unsigned cpus;
	} rows[] = {
		{"max 100000\n", UINT_MAX}, {"100000 100000\n", 1}, {"50000 100000\n", 1},
		{"1000 1000000\n", 1},      {"100001 100000\n", 2}, {"150000 100000\n", 2},
		{"200000 100000\n", 2},     {"400000 50000\n", 8},  {"18446744073709551615 1\n", UINT_MAX},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		put("/sys/fs/cgroup/a/cpu.max", rows[i].text);
		CHECK_EQ(quota(), rows[i].cpus);
	}
}

TEST(v2_malformed_is_no_limit)
{
	static const char *const texts[] = {
		"",
		"\n",
		"max\n",
		"100000\n",
		"100000 \n",
		" 100000\n",
		"-1 100000\n",
		"100000 -1\n",
		"0 100000\n",
		"100000 0\n",
		"1e5 100000\n",
		"100000 100000 7\n",
		"100000 100000",
		"99999999999999999999 1\n",
		"100000  100000\n",
		"00000000000000000000000000000000000000000000000000000000000000000000000000000001 1\n",
	};
	put_proc("0::/a\n", MOUNT_V2("/"));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		put("/sys/fs/cgroup/a/cpu.max", texts[i]);
		CHECK_EQ(quota(), UINT_MAX);
	}
}

TEST(v2_least_of_all_above)
{
	put_proc("0::/a/b/c\n", MOUNT_V2("/"));
	put("/sys/fs/cgroup/a/b/c/cpu.max", "600000 100000\n");
	put("/sys/fs/cgroup/a/b/other/cpu.max", "100000 100000\n");
	CHECK_EQ(quota(), 6);
	put("/sys/fs/cgroup/a/cpu.max", "400000 100000\n");
	CHECK_EQ(quota(), 4);
	put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
	CHECK_EQ(quota(), 4);
	put("/sys/fs/cgroup/cpu.max", "300000 100000\n");
	CHECK_EQ(quota(), 3);
	put("/cpu.max", "100000 100000\n");
	put("/sys/cpu.max", "100000 100000\n");
	CHECK_EQ(quota(), 3);
}

/* In a namespace of control groups the own group is "/". */
TEST(v2_own_group_is_the_root)
{
	put_proc("0::/\n", MOUNT_V2("/"));
	put("/sys/fs/cgroup/cpu.max", "250000 100000\n");
	CHECK_EQ(quota(), 3);
}

/* A container that sees only its own subtree, and the group's full path. */
TEST(v2_mount_of_a_subtree)
{
	put_proc("0::/pod/box/app\n", MOUNT_V2("/pod/box"));
	put("/sys/fs/cgroup/app/cpu.max", "700000 100000\n");
	CHECK_EQ(quota(), 7);
	put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
	CHECK_EQ(quota(), 2);
	put_proc("0::/pod/box\n", MOUNT_V2("/pod/box"));
	CHECK_EQ(quota(), 2);
}

TEST(v2_group_that_the_mount_does_not_show)
{
	put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
	put("/sys/fs/cgroup/a/cpu.max", "200000 100000\n");
	put("/sys/fs/cpu.max", "200000 100000\n");
	put_proc("0::/elsewhere/a\n", MOUNT_V2("/pod/box"));
	CHECK_EQ(quota(), UINT_MAX);
	put_proc("0::/pod/boxes/a\n", MOUNT_V2("/pod/box"));
	CHECK_EQ(quota(), UINT_MAX);
	put_proc("0::/../a\n", MOUNT_V2("/"));
	CHECK_EQ(quota(), UINT_MAX);
	put_proc("0::/a/..\n", MOUNT_V2("/"));
	CHECK_EQ(quota(), UINT_MAX);
	put_proc("0::/../a\n", MOUNT_V2("/.."));
	CHECK_EQ(quota(), 2);
	put_proc("0::/..a/...\n", MOUNT_V2("/"));
	CHECK_EQ(quota(), 2);
}

TEST(v2_removed_group_has_its_ancestors)
{
	put_proc("0::/a/gone (deleted)\n", MOUNT_V2("/"));
	put("/sys/fs/cgroup/a/cpu.max", "500000 100000\n");
	CHECK_EQ(quota(), 5);
}

TEST(v2_escapes_and_colons)
{
	put_proc("0::/a b:c\n",
		 "31 23 0:28 / /my\\040groups\\134x rw master:1 propagate_from:2 - cgroup2 none rw\n");
	put("/my groups\\x/a b:c/cpu.max", "300000 100000\n");
	CHECK_EQ(quota(), 3);
}

TEST(v1_quota)
{
	put_proc("12:pids:/x\n4:cpu,cpuacct:/a/b\n3:cpuset:/y\n", MOUNT_V1("/"));
	put_v1(CPU "/a/b", "-1\n", "100000\n");
	CHECK_EQ(quota(), UINT_MAX);
	put_v1(CPU "/a/b", "550000\n", "100000\n");
	CHECK_EQ(quota(), 6);
	put_v1(CPU "/a", "100000\n", "50000\n");
	CHECK_EQ(quota(), 2);
	put_v1(CPU, "1\n", "0\n");
	CHECK_EQ(quota(), 2);
	put_v1(CPU, "50000\n", "100000\n");
	CHECK_EQ(quota(), 1);
}

TEST(v1_missing_period_is_no_limit)
{
	put_proc("4:cpu:/a\n", MOUNT_V1("/"));
	put(CPU "/a/cpu.cfs_quota_us", "100000\n");
	CHECK_EQ(quota(), UINT_MAX);
}

/* cpuset and cpuacct are no cpu, neither as a controller nor as an option. */
TEST(v1_only_the_cpu_controller)
{
	put("/sys/fs/cgroup/x/a/cpu.cfs_quota_us", "100000\n");
	put("/sys/fs/cgroup/x/a/cpu.cfs_period_us", "100000\n");
	put_proc("4:cpuset,cpuacct:/a\n3:name=cpu:/a\n",
		 "3 1 0:2 / /sys/fs/cgroup/x rw - cgroup cgroup rw,cpu\n");
	CHECK_EQ(quota(), UINT_MAX);
	put_proc("4:cpuset,cpu:/a\n", "3 1 0:2 / /sys/fs/cgroup/x rw - cgroup cgroup rw,cpuset,cpuacct\n");
	CHECK_EQ(quota(), UINT_MAX);
	put_proc("4:cpuset,cpu:/a\n", "3 1 0:2 / /sys/fs/cgroup/x rw - cgroup cgroup rw,cpuset,cpu\n");
	CHECK_EQ(quota(), 1);
}

TEST(v1_mount_of_a_subtree)
{
	put_proc("4:cpu,cpuacct:/docker/abc\n", MOUNT_V1("/docker/abc"));
	put_v1(CPU, "150000\n", "100000\n");
	CHECK_EQ(quota(), 2);
}

TEST(both_versions_at_once)
{
	put_proc("4:cpu,cpuacct:/a\n0::/b\n", MOUNT_V1("/") MOUNT_V2("/"));
	put_v1(CPU "/a", "500000\n", "100000\n");
	CHECK_EQ(quota(), 5);
	put("/sys/fs/cgroup/b/cpu.max", "300000 100000\n");
	CHECK_EQ(quota(), 3);
	put_v1(CPU "/a", "200000\n", "100000\n");
	CHECK_EQ(quota(), 2);
}

TEST(garbage_in_proc_is_no_limit)
{
	static const char *const texts[] = {
		"",
		"\n",
		"::\n",
		"0:\n",
		"0::\n",
		"0::a\n",
		"0 / / / / - cgroup2",
		"::::\n",
		"0::/a\\\n",
		" - - \n",
		"a b c d e f - cgroup2 h\n",
		"a b c d e - cgroup2 x y\n",
		"\\ \\0 \\04 \\777 \\400 - cgroup2 - -\n",
	};
	size_t n = sizeof texts / sizeof *texts;
	for (size_t i = 0; i < n * n; i++) {
		put_proc(texts[i / n], texts[i % n]);
		CHECK_EQ(quota(), UINT_MAX);
	}
}

/* A machine with thousands of mounts, and the one that counts behind a line longer than any buffer. */
TEST(long_mountinfo)
{
	static char text[400000];
	size_t at = 0;
	for (int i = 0; i < 3000; i++)
		at += (size_t)sprintf(text + at, "%d 1 0:5 / /mnt/%d rw shared:1 - tmpfs tmpfs rw\n", i, i);
	at += (size_t)sprintf(text + at, "9 1 0:5 / /mnt rw - overlay overlay rw,lowerdir=");
	memset(text + at, 'x', 100000);
	strcpy(text + at + 100000, "\n" MOUNT_V2("/"));
	put_proc("0::/a\n", text);
	put("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
	CHECK_EQ(quota(), 3);
}

TEST(path_longer_than_paths_can_be)
{
	static char cgroup[PATH_MAX + 100] = "0::/";
	memset(cgroup + 4, 'a', sizeof cgroup - 5);
	put_proc(cgroup, MOUNT_V2("/"));
	put("/sys/fs/cgroup/cpu.max", "300000 100000\n");
	CHECK_EQ(quota(), UINT_MAX);
}

TEST(affinity_counts)
{
	cpu_set_t all, one;
	REQUIRE_EQ(sched_getaffinity(0, sizeof all, &all), 0);
	CHECK_EQ(weft__cpu_affinity(), CPU_COUNT(&all));

	size_t first = 0;
	while (!CPU_ISSET(first, &all))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	REQUIRE_EQ(sched_setaffinity(0, sizeof one, &one), 0);
	CHECK_EQ(weft__cpu_affinity(), 1);
	CHECK_EQ(weft_cpu_count(), 1);
	REQUIRE_EQ(sched_setaffinity(0, sizeof all, &all), 0);
	CHECK_EQ(weft__cpu_affinity(), CPU_COUNT(&all));
}

TEST(count_is_in_its_limits)
{
	unsigned n = weft_cpu_count();
	CHECK(n >= 1 && n <= WEFT_WORKERS_MAX);
	CHECK(n <= weft__cpu_affinity());
	CHECK(n <= weft__cpu_quota(""));
}
