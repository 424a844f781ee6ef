/* SPDX-License-Identifier: MIT
 *
 * measure.c -- the command line of a peer's program, its clock, and its line of JSON.
 */
#include "measure.h"
#include "measure_queue.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t measure_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* CPU of one process, by the clock that each has. */
static double cpu_of(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return 0; /* it has gone */
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The same of all that it has started, by any of its threads, and of what these have started. */
static double cpu_of_children(pid_t pid)
{
	double seconds = 0;
	char path[512];
	struct dirent *task;
	DIR *tasks;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && (task = readdir(tasks))) {
		FILE *children;
		int child;
		snprintf(path, sizeof path, "/proc/%d/task/%s/children", (int)pid, task->d_name);
		children = task->d_name[0] == '.' ? NULL : fopen(path, "r");
		while (children && fscanf(children, "%d", &child) == 1)
			seconds += cpu_of((pid_t)child) + cpu_of_children((pid_t)child);
		if (children)
			fclose(children);
	}
	if (tasks)
		closedir(tasks);
	return seconds;
}

/* What it costs to look at the children lies outside of what is measured. */
double measure_cpu_begin(void)
{
	double children = cpu_of_children(getpid());

	return children + cpu_of(getpid());
}

double measure_cpu_since(double begun)
{
	double own = cpu_of(getpid());

	return own + cpu_of_children(getpid()) - begun;
}

/* Not ru_maxrss: that remembers who called exec. */
static double peak_mb(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	double kib = 0;

	while (status && fgets(line, sizeof line, status))
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtod(line + 6, NULL);
	if (status)
		fclose(status);
	return kib / 1024;
}

void measure_must(int err, const char *what)
{
	if (err == 0)
		return;
	fprintf(stderr, "%s: %d (%s)\n", what, err, strerror(abs(err)));
	_Exit(1); /* not exit(): threads may be anywhere */
}

void *measure_memory(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	measure_must(p ? 0 : ENOMEM, "memory");
	memset(p, 1, n * size);
	memset(p, 0, n * size);
	return p;
}

void measure_nothing(void *ctx)
{
	(void)ctx;
}

void measure_figure(const char *name, double value)
{
	printf(", \"%s\": %.6g", name, value);
}

void measure_figures(const char *name, const double *value, size_t n)
{
	printf(", \"%s\": [", name);
	for (size_t i = 0; i < n; i++)
		printf("%s%.6g", i ? ", " : "", value[i]);
	printf("]");
}

static const struct measure_workload *const all[] = {
	measure_task_workloads,    measure_work_workloads, measure_process_workloads, measure_io_workloads,
	measure_program_workloads, measure_lock_workloads, measure_queue_workloads};
enum { N_ALL = sizeof all / sizeof *all };

static const struct measure_workload *find_workload(const char *name)
{
	for (size_t i = 0; i < N_ALL; i++)
		for (const struct measure_workload *w = all[i]; w->name; w++)
			if (strcmp(w->name, name) == 0)
				return w;
	return NULL;
}

static void list(void)
{
	for (size_t k = 0; measure_peers[k]; k++) {
		printf("%s", measure_peers[k]->name);
		for (size_t i = 0; i < N_ALL; i++)
			for (const struct measure_workload *w = all[i]; w->name; w++)
				if (w->has(measure_peers[k]))
					printf(" %s", w->name);
		printf("\n");
	}
}

static int usage(const char *program)
{
	fprintf(stderr, "usage: %s [PEER WORKLOAD [n=N] [threads=T] [reps=R]]\n", program);
	return 2;
}

int main(int argc, char **argv)
{
	struct measure_args a = {.threads = 2, .reps = 1};
	const struct measure_workload *w;

	if (argc == 1) {
		list();
		return 0;
	}
	w = argc >= 3 ? find_workload(argv[2]) : NULL;
	for (size_t k = 0; measure_peers[k] && !a.peer; k++)
		if (strcmp(measure_peers[k]->name, argv[1]) == 0)
			a.peer = measure_peers[k];
	if (!w || !a.peer)
		return usage(argv[0]);
	if (!w->has(a.peer))
		return 77;
	a.n = w->n;
	for (int i = 3; i < argc; i++) {
		unsigned long long value;
		char name[16];
		if (sscanf(argv[i], "%15[a-z]=%llu", name, &value) != 2)
			return usage(argv[0]);
		if (strcmp(name, "n") == 0)
			a.n = (size_t)value;
		else if (strcmp(name, "threads") == 0)
			a.threads = (unsigned)value;
		else if (strcmp(name, "reps") == 0)
			a.reps = (size_t)value;
		else
			return usage(argv[0]);
	}
	printf("{\"peer\": \"%s\", \"workload\": \"%s\", \"threads\": %u", a.peer->name, w->name, a.threads);
	w->measure(&a);
	measure_figure("peak_mb", peak_mb());
	printf(", \"n\": %zu}\n", a.n);
	fflush(stdout);
	_Exit(0); /* peers' threads need not be asked to leave: the figure is there */
}
