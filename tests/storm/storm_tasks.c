/* SPDX-License-Identifier: MIT
 *
 * storm_tasks.c -- what runs in the workers of a storm. A task counts itself as begun, takes its time, and
 * answers with a hash of its number; or it ends its worker.
 */
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOARD_VARIABLE "WEFT_STORM_BOARD" /* the environment reaches the workers: path and bytes */
#define GROUP_VARIABLE "WEFT_STORM_GROUP"

enum { GROUP_LIMIT = 16 << 20, GREED = 256 << 20 };

static char group[PATH_MAX];

uint64_t storm_hash(uint32_t id, uint32_t salt)
{
	uint64_t x = ((uint64_t)salt << 32 | id) + 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static struct board *map_board(int fd, size_t size)
{
	void *board = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return board == MAP_FAILED ? NULL : board;
}

int storm_board_new(struct board **ret, size_t tasks)
{
	size_t size = sizeof(struct board) + tasks * sizeof(uint32_t);
	int fd = memfd_create("storm", MFD_CLOEXEC);
	char where[96];

	if (fd < 0 || ftruncate(fd, (off_t)size))
		return -errno;
	*ret = map_board(fd, size);
	snprintf(where, sizeof where, "/proc/%d/fd/%d %zu", getpid(), fd, size);
	return *ret && !setenv(BOARD_VARIABLE, where, 1) ? 0 : -ENOMEM;
}

/* In a worker: the board, on which it is listed from its first task on. */
static struct board *join(void)
{
	static struct board *board;
	const char *where = getenv(BOARD_VARIABLE);
	char path[64];
	size_t size;
	uint32_t i;
	int fd;

	if (board)
		return board;
	if (!where || sscanf(where, "%63s %zu", path, &size) != 2)
		abort();
	fd = open(path, O_RDWR | O_CLOEXEC);
	board = fd < 0 ? NULL : map_board(fd, size);
	if (!board)
		_exit(3); /* the program has just gone */
	close(fd);
	i = storm_add(&board->joined);
	if (i < ROSTER_MAX)
		board->roster[i] = (struct moment){getpid(), weft_now()};
	return board;
}

static void touch_forbidden(void)
{
	volatile char *map = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	map[0] = 1;
}

/* Into the small group, and more than it has. Returns if nobody minds. */
static void exhaust_memory(void)
{
	const char *path = getenv(GROUP_VARIABLE);
	int fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;
	char *map = mmap(NULL, GREED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd >= 0 && map != MAP_FAILED && write(fd, "0", 1) == 1)
		memset(map, 1, GREED);
}

static void end_worker(enum way way)
{
	switch (way) {
	case WAY_SEGV:
		touch_forbidden();
		break;
	case WAY_ABORT:
		abort();
	case WAY_EXIT:
		exit(5);
	case WAY_EXIT_0:
		_exit(0);
	case WAY_MEMORY:
		exhaust_memory();
		break;
	case WAY_SPIN:
	case WAYS:
		break;
	}
}

int storm_task(weft_call *call, const void *arg, void *result)
{
	const struct order *order = arg;
	struct answer *answer = result;
	struct board *board = join();
	weft_time end = weft_now() + order->ns;

	(void)call;
	storm_add(&board->begun[order->id]);
	end_worker((enum way)order->way);
	while (weft_now() < end) {}
	answer->hash = storm_hash(order->id, order->salt);
	answer->pid = getpid();
	return 3;
}

/* ---- The control group ---- */

/* The folder of this process's group of the memory controller, version 1 or 2. */
static bool find_group(char *ret, size_t size)
{
	char line[1024], *path = NULL;
	FILE *f = fopen("/proc/self/cgroup", "re");
	bool found = false;

	while (f && !found && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = '\0';
		if ((path = strstr(line, ":memory:")))
			found = snprintf(ret, size, "/sys/fs/cgroup/memory%s", path + 8) < (int)size;
		else if (!strncmp(line, "0::", 3))
			snprintf(ret, size, "/sys/fs/cgroup%s", line + 3);
	}
	if (f)
		fclose(f);
	return f && *ret;
}

static bool write_in_group(const char *file, const char *text)
{
	char path[PATH_MAX + 32];
	int fd;
	bool ok;

	snprintf(path, sizeof path, "%s/%s", group, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return ok;
}

const char *storm_group_new(void)
{
	char own[2048] = "", limit[32], procs[PATH_MAX + 32];

	if (!find_group(own, sizeof own))
		return "no control groups here";
	snprintf(group, sizeof group, "%s/weft-storm-%d", own, getpid());
	if (mkdir(group, 0755)) {
		*group = '\0';
		return "may make no control group";
	}
	snprintf(limit, sizeof limit, "%d", GROUP_LIMIT);
	if (!write_in_group("memory.limit_in_bytes", limit) && !write_in_group("memory.max", limit)) {
		storm_group_free();
		return "the control group knows no limit of memory";
	}
	/* Where there is swap, it must not help. */
	if (!write_in_group("memory.memsw.limit_in_bytes", limit))
		write_in_group("memory.swap.max", "0");
	snprintf(procs, sizeof procs, "%s/cgroup.procs", group);
	return setenv(GROUP_VARIABLE, procs, 1) ? "no memory" : NULL;
}

void storm_group_free(void)
{
	for (int i = 0; *group && rmdir(group) && errno == EBUSY && i < 1000; i++)
		usleep(1000); /* who died in it has not quite gone */
	*group = '\0';
}
