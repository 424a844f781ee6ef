/* SPDX-License-Identifier: MIT
 *
 * measure_programs.c -- workloads of other programs: starting one and waiting for its end, by a small process and by
 * one that has a GiB in use; and collecting what one writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure_programs.h"

enum { COLLECT_ROUNDS = 7 };

static bool has_programs(const struct peer *p)
{
	return p->programs;
}

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int64_t median(int64_t *lap, size_t n)
{
	qsort(lap, n, sizeof *lap, by_size);
	return lap[n / 2];
}

static void spawn(const struct measure_args *a)
{
	int64_t *lap = measure_memory(a->n, sizeof *lap);

	for (size_t i = 0; i < a->n; i++) {
		lap[i] = -measure_now();
		a->peer->programs->start("/bin/true");
		lap[i] += measure_now();
	}
	measure_figure("p50_us", (double)median(lap, a->n) / 1e3);
	free(lap);
}

static void spawn_large(const struct measure_args *a)
{
	char *memory = measure_memory((size_t)1 << 30, 1);

	spawn(a);
	free(memory);
}

/* n MiB, in the page cache. */
static void write_file(const char *path, size_t n)
{
	char *block = measure_memory(1 << 20, 1);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	measure_must(fd < 0 ? -errno : 0, path);
	memset(block, 'x', 1 << 20);
	for (size_t i = 0; i < n; i++)
		measure_must(write(fd, block, 1 << 20) == 1 << 20 ? 0 : -EIO, path);
	close(fd);
	free(block);
}

static void collect(const struct measure_args *a)
{
	char path[] = "/tmp/weft-collect-XXXXXX";
	int64_t lap[COLLECT_ROUNDS];
	int fd = mkstemp(path);

	measure_must(fd < 0 ? -errno : 0, path);
	close(fd);
	write_file(path, a->n);
	for (int i = 0; i < COLLECT_ROUNDS; i++) {
		lap[i] = -measure_now();
		measure_must(a->peer->programs->collect(path) == a->n << 20 ? 0 : -EBADMSG, "output");
		lap[i] += measure_now();
	}
	unlink(path);
	measure_figure("ms", (double)median(lap, COLLECT_ROUNDS) / 1e6);
}

const struct measure_workload measure_program_workloads[] = {
	{"spawn", 500, has_programs, spawn},
	{"spawn1g", 50, has_programs, spawn_large},
	{"collect", 64, has_programs, collect},
	{0},
};
