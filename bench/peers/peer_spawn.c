/* SPDX-License-Identifier: MIT
 *
 * peer_spawn.c -- running programs by the calls of the system.
 *
 *   posix_spawn   with one large buffer, read by read
 *   fork          fork and exec
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure_programs.h"

#define ROOM ((size_t)65 << 20)

extern char **environ;

static void await(pid_t pid)
{
	int status;

	measure_must(waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -EIO, "program");
}

static pid_t spawn(char *const argv[], int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	measure_must(posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ), argv[0]);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static pid_t fork_and_exec(char *const argv[], int out)
{
	pid_t pid = fork();

	measure_must(pid < 0 ? -errno : 0, "fork");
	if (pid)
		return pid;
	if (out >= 0)
		dup2(out, STDOUT_FILENO);
	execvp(argv[0], argv);
	_exit(127);
}

static void start(pid_t (*how)(char *const argv[], int out), const char *path)
{
	char *const argv[] = {(char *)(uintptr_t)path, NULL};

	await(how(argv, -1));
}

static size_t collect(pid_t (*how)(char *const argv[], int out), const char *path)
{
	char *const argv[] = {(char *)(uintptr_t) "cat", (char *)(uintptr_t)path, NULL};
	char *data = malloc(ROOM);
	size_t size = 0;
	int ends[2];
	ssize_t n;
	pid_t pid;

	measure_must(!data || pipe2(ends, O_CLOEXEC) ? -errno : 0, "pipe");
	pid = how(argv, ends[1]);
	close(ends[1]);
	while ((n = read(ends[0], data + size, ROOM - size)) > 0)
		size += (size_t)n;
	close(ends[0]);
	await(pid);
	free(data);
	return size;
}

static void spawn_start(const char *path)
{
	start(spawn, path);
}

static size_t spawn_collect(const char *path)
{
	return collect(spawn, path);
}

static void fork_start(const char *path)
{
	start(fork_and_exec, path);
}

static size_t fork_collect(const char *path)
{
	return collect(fork_and_exec, path);
}

static const struct program_peer spawned = {spawn_start, spawn_collect}, forked = {fork_start, fork_collect};
static const struct peer by_spawn = {.name = "posix_spawn", .programs = &spawned};
static const struct peer by_fork = {.name = "fork-exec", .programs = &forked};
const struct peer *const measure_peers[] = {&by_spawn, &by_fork, NULL};
