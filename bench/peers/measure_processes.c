/* SPDX-License-Identifier: MIT
 *
 * measure_processes.c -- workloads for pools of processes: many small things at once, large things, how soon
 * there are workers, and how soon there are again when one was killed.
 *
 * A worker says that it is there by writing its number into a pipe, which it opens by the name that the pipe has
 * in /proc: a worker that is a fresh run of the program has no descriptors of ours.
 */
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { REPS = 5, MIB = 1 << 20 };

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The value below which there are `part` of a thousand. Sorts. */
static double part_of(int64_t *lap, size_t n, size_t part)
{
	qsort(lap, n, sizeof *lap, by_time);
	return (double)lap[n * part / 1000];
}

/* ---- a map ------------------------------------------------------------------------------------------ */

static void map(const struct measure_args *a)
{
	uint64_t *in = measure_memory(a->n, sizeof *in), *out = measure_memory(a->n, sizeof *out);
	int64_t lap[REPS];

	for (size_t i = 0; i < a->n; i++)
		in[i] = i;
	a->peer->open(a->threads, 65536);
	a->peer->map(a->n, in, out);
	for (int r = 0; r < REPS; r++) {
		memset(out, 0, a->n * sizeof *out);
		lap[r] = -measure_now();
		a->peer->map(a->n, in, out);
		lap[r] += measure_now();
		for (size_t i = 0; i < a->n; i++)
			measure_must(out[i] == 2 * i ? 0 : -1, "map is wrong");
	}
	measure_figure("per_s", (double)a->n * 1e9 / part_of(lap, REPS, 500));
}

static bool has_map(const struct peer *p)
{
	return p->map;
}

/* ---- large things ----------------------------------------------------------------------------------- */

/* Memory that nobody has touched. */
static char *fresh(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	measure_must(p == MAP_FAILED ? -errno : 0, "mmap");
	return p;
}

static void take(const struct peer *p, size_t size)
{
	int64_t lap[REPS];
	char *data = fresh(size);

	memset(data, 1, size);
	for (int r = 0; r < REPS; r++) {
		lap[r] = -measure_now();
		p->take(data, size);
		lap[r] += measure_now();
	}
	measure_figure("arg_first_ms", (double)lap[0] / 1e6);
	measure_figure("arg_ms", part_of(lap, REPS, 500) / 1e6);
	munmap(data, size);
}

static void give(const struct peer *p, size_t size)
{
	int64_t lap[REPS];

	for (int r = 0; r < REPS; r++) {
		char *data = fresh(size);
		lap[r] = -measure_now();
		p->give(data, size);
		lap[r] += measure_now();
		measure_must(data[0] == 1 && data[size - 1] == 1 ? 0 : -1, "result is wrong");
		munmap(data, size);
	}
	measure_figure("result_first_ms", (double)lap[0] / 1e6);
	measure_figure("result_ms", part_of(lap, REPS, 500) / 1e6);
}

static void refer(const struct peer *p, size_t size)
{
	enum { TIMES = 1000 };
	int64_t lap[TIMES];

	p->share(size);
	for (int r = -10; r < TIMES; r++) {
		int64_t begun = measure_now();
		p->refer();
		if (r >= 0)
			lap[r] = measure_now() - begun;
	}
	measure_figure("ref_us", part_of(lap, TIMES, 500) / 1e3);
}

static void large(const struct measure_args *a)
{
	if (a->peer->open)
		a->peer->open(a->threads, 1024);
	if (a->peer->run)
		a->peer->run(measure_nothing, NULL); /* there are workers */
	take(a->peer, a->n * MIB);
	give(a->peer, a->n * MIB);
	if (a->peer->refer)
		refer(a->peer, a->n * MIB);
}

static bool has_large(const struct peer *p)
{
	return p->take;
}

/* ---- workers come and go ---------------------------------------------------------------------------- */

static int here[2];
static char here_path[64];

static void open_here(void)
{
	measure_must(pipe2(here, O_CLOEXEC) ? -errno : 0, "pipe");
	snprintf(here_path, sizeof here_path, "/proc/%d/fd/%d", (int)getpid(), here[1]);
}

void measure_here(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	pid_t pid = getpid();

	measure_must(fd < 0 ? -errno : 0, path);
	measure_must(write(fd, &pid, sizeof pid) == sizeof pid ? 0 : -errno, "write");
	close(fd);
}

static pid_t await_one(void)
{
	pid_t pid;

	measure_must(read(here[0], &pid, sizeof pid) == sizeof pid ? 0 : -errno, "read");
	return pid;
}

static void await_workers(unsigned n)
{
	while (n-- > 0)
		await_one();
}

/* n: workers. Fewer repetitions where there are many. */
static void start(const struct measure_args *a)
{
	int64_t made[20], up[20], begun;
	unsigned workers = (unsigned)a->n, reps = workers > 20 ? REPS : 20;

	open_here();
	for (unsigned r = 0; r < reps; r++) {
		begun = measure_now();
		a->peer->start(workers, here_path);
		made[r] = measure_now() - begun;
		await_workers(workers);
		up[r] = measure_now() - begun;
		a->peer->close();
	}
	measure_figure("made_ms", part_of(made, reps, 500) / 1e6);
	measure_figure("up_ms", part_of(up, reps, 500) / 1e6);
}

static bool has_start(const struct peer *p)
{
	return p->start;
}

/* n times: one worker has a task, the others none; it is killed. */
static void killed(const struct measure_args *a)
{
	int64_t *done = measure_memory(a->n, sizeof *done), *whole = measure_memory(a->n, sizeof *whole),
		begun;

	open_here();
	a->peer->start(a->threads, here_path);
	await_workers(a->threads);
	for (size_t i = 0; i < a->n; i++) {
		pid_t pid;
		a->peer->hold(here_path);
		pid = await_one();
		begun = measure_now();
		measure_must(kill(pid, SIGKILL) ? -errno : 0, "kill");
		a->peer->mourn();
		done[i] = measure_now() - begun;
		await_workers(1);
		whole[i] = measure_now() - begun;
	}
	measure_figure("done_p50_ms", part_of(done, a->n, 500) / 1e6);
	measure_figure("done_p999_ms", part_of(done, a->n, 999) / 1e6);
	measure_figure("whole_p50_ms", part_of(whole, a->n, 500) / 1e6);
	measure_figure("whole_p99_ms", part_of(whole, a->n, 990) / 1e6);
}

static bool has_kill(const struct peer *p)
{
	return p->hold;
}

/* ---- one of one's own ------------------------------------------------------------------------------- */

static void solo(const struct measure_args *a)
{
	int64_t *lap = measure_memory(a->n, sizeof *lap);

	for (int i = 0; i < 20; i++)
		a->peer->solo();
	for (size_t i = 0; i < a->n; i++) {
		lap[i] = -measure_now();
		a->peer->solo();
		lap[i] += measure_now();
	}
	measure_percentiles(lap, a->n);
}

static bool has_solo(const struct peer *p)
{
	return p->solo;
}

const struct measure_workload measure_process_workloads[] = {
	{"map", 1000000, has_map, map},    {"large", 64, has_large, large},
	{"start1", 1, has_start, start},   {"start8", 8, has_start, start},
	{"start64", 64, has_start, start}, {"solo", 1000, has_solo, solo},
	{"kill", 1000, has_kill, killed},  {0},
};
