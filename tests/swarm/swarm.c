/* SPDX-License-Identifier: MIT
 *
 * swarm.c -- swarm [--seconds N] [--threads N] [--seed N] [--rage] EXECUTOR EXECUTOR
 *
 * Ends with status 0 and a line "count: ..." if everything had an outcome that its program allows and nothing was left
 * in the executors; else it says what was not so, with the seed, and aborts. With --rage a worker is killed every few
 * milliseconds.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "swarm.h"

enum { THREADS_MAX = 16 };

struct swarm swarm;

static struct options {
	uint32_t seconds, threads;
} options = {.seconds = 2, .threads = 3};

static weft_time end;

_Noreturn void swarm_fail(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s; seed %" PRIu32 ", %s and %s\n", file, line, what, swarm.seed,
		swarm.place[0].text, swarm.place[1].text);
	abort();
}

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014). */
uint32_t roll(struct dice *d, uint32_t n)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (uint32_t)((z ^ z >> 31) >> 32) % n;
}

struct place *roll_place(struct dice *d)
{
	return &swarm.place[roll(d, 2)];
}

static void *run_programs(void *number)
{
	struct dice d = {.state = (uint64_t)swarm.seed << 8 | (uintptr_t)number};

	while (weft_now() < end)
		program_run(&d);
	return NULL;
}

/* Its number may belong to another process by now. */
static bool is_ours(pid_t pid)
{
	char path[64], theirs[256], own[256];
	ssize_t n, m;

	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	n = readlink(path, theirs, sizeof theirs);
	m = readlink("/proc/self/exe", own, sizeof own);
	return pid && pid != getpid() && n > 0 && n == m && !memcmp(own, theirs, (size_t)n);
}

static uint32_t rage(void)
{
	struct dice d = {.state = swarm.seed};
	uint32_t kills = 0;

	while (swarm.raging && weft_now() < end) {
		pid_t pid = roll_victim(&d);

		weft_sleep(WEFT_MS(3));
		kills += is_ours(pid) && !kill(pid, SIGKILL);
	}
	return kills;
}

static void open_place(struct place *p, const char *text)
{
	unsigned caps;

	p->text = text;
	DEMAND(!weft_executor_open(&p->ex, text));
	caps = weft_executor_caps(p->ex);
	p->kills = caps & WEFT_CAP_KILL;
	p->local = caps & WEFT_CAP_LOCAL;
}

static void close_place(struct place *p)
{
	struct weft_stats s;

	DEMAND(!weft_executor_stop(p->ex, WEFT_STOP_DRAIN, WEFT_FOREVER));
	DEMAND(!weft_executor_stats(p->ex, &s));
	DEMAND(s.submitted == s.completed && !s.queued && !s.running);
	weft_executor_free(p->ex);
}

static uint32_t number(const char *text)
{
	return text ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

/* The index of the first word that is no option. */
static int read_options(int argc, char **argv)
{
	int i = 1;

	for (; i < argc && !strncmp(argv[i], "--", 2); i++)
		if (!strcmp(argv[i], "--rage"))
			swarm.raging = true;
		else if (!strcmp(argv[i], "--seconds"))
			options.seconds = number(argv[++i]);
		else if (!strcmp(argv[i], "--threads"))
			options.threads = number(argv[++i]);
		else if (!strcmp(argv[i], "--seed"))
			swarm.seed = number(argv[++i]);
		else
			return argc;
	return i;
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS_MAX];
	int first = read_options(argc, argv);
	uint32_t kills;

	if (argc - first != 2 || options.threads < 1 || options.threads > THREADS_MAX) {
		fprintf(stderr, "usage: swarm [--seconds N] [--threads 1..16] [--seed N] [--rage] EXECUTOR "
				"EXECUTOR\n");
		return 2;
	}
	for (int i = 0; i < 2; i++)
		open_place(&swarm.place[i], argv[first + i]);
	end = weft_after(WEFT_SECONDS((weft_time)options.seconds));
	for (uintptr_t i = 0; i < options.threads; i++)
		DEMAND(!pthread_create(&thread[i], NULL, run_programs, (void *)i));
	kills = rage();
	for (uint32_t i = 0; i < options.threads; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < 2; i++)
		close_place(&swarm.place[i]);
	printf("count: %" PRIu64 " tasks judged, %" PRIu32 " workers killed\n", jobs_judged(), kills);
	return 0;
}
