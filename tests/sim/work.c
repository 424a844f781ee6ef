/* SPDX-License-Identifier: MIT
 *
 * work.c -- workloads for a machine, and the command line:
 *
 *   sim WORKLOAD CORES [--tasks N] [--grain NS] [--sites N] [--group N] [--near NS] [--far NS]
 *
 * One line:
 *
 *   machine workload cores tasks ns/task speed transfers/task contended/task waited-ns/task accesses/task sleeps/task
 *
 * speed: how many tasks' work (--grain) are done at a time; with no grain, tasks for each microsecond.
 */
#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/executor.h>
#include <weft/future.h>
#include <weft/spawn.h>
#include <weft/task.h>
#include <weft/thread_pool.h>

static struct {
	uint64_t tasks;
	double grain; /* ns */
	unsigned sites;
} options = {.tasks = 20000};

static weft_executor *ex;
static weft_task *tasks;

static void must(int err, const char *what)
{
	if (err >= 0)
		return;
	fprintf(stderr, "sim: %s: %d\n", what, err);
	exit(2);
}

static int body(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	if (options.grain > 0)
		machine_compute(options.grain);
	return 0;
}

/* One thread more than the machine has cores would be a thread too many. */
static void open_pool(unsigned threads)
{
	struct weft_thread_pool_opts o = {.size = sizeof o, .threads = threads};

	must(weft_thread_pool_new(&ex, &o), "weft_thread_pool_new");
}

static void submit(weft_task *t, size_t n)
{
	memset(t, 0, n * sizeof *t);
	for (size_t i = 0; i < n; i++) {
		t[i].fn = body;
		must(weft_submit_wait(ex, &t[i], WEFT_FOREVER), "weft_submit_wait");
	}
	for (size_t i = 0; i < n; i++)
		must(weft_future_wait(weft_task_future(&t[i]), WEFT_FOREVER), "weft_future_wait");
}

/* One thread submits them all; the others are the pool's. */
static uint64_t flood(unsigned cores)
{
	open_pool(cores > 1 ? cores - 1 : 1);
	machine_begin();
	submit(tasks, options.tasks);
	return options.tasks;
}

struct share {
	weft_task *first;
	size_t n;
};

static void submit_share(void *arg)
{
	struct share *s = arg;

	submit(s->first, s->n);
}

/* As many threads submit as there are in the pool. */
static uint64_t floods(unsigned cores)
{
	static struct share share[MACHINE_CORES];
	unsigned n = cores > 1 ? cores / 2 : 1;

	open_pool(cores > 1 ? cores - n : 1);
	machine_begin();
	for (unsigned i = 0; i < n; i++) {
		share[i].n = options.tasks / n;
		share[i].first = tasks + i * share[i].n;
		machine_thread(submit_share, &share[i]);
	}
	machine_join();
	return options.tasks / n * n;
}

/* Tasks that submit tasks, eight each, and wait for them. */
struct node {
	uint64_t size;
	weft_task *room;
};

static int node_fn(weft_call *call, const void *arg, void *result)
{
	const struct node *me = arg;
	struct node child[8];
	uint64_t each = (me->size - 1) / 8;
	unsigned n = each ? 8 : (unsigned)(me->size - 1);

	for (unsigned i = 0; i < n; i++) {
		child[i].size = each ? each : 1;
		child[i].room = me->room + 1 + i * child[i].size;
		me->room[1 + i * child[i].size] =
			(weft_task){.fn = node_fn, .arg = &child[i], .arg_size = sizeof child[i]};
		must(weft_submit_wait(ex, &me->room[1 + i * child[i].size], WEFT_FOREVER),
		     "weft_submit_wait");
	}
	body(call, NULL, result);
	for (unsigned i = 0; i < n; i++)
		must(weft_future_wait(weft_task_future(&me->room[1 + i * child[i].size]), WEFT_FOREVER),
		     "weft_future_wait");
	return 0;
}

static uint64_t tree_size(void)
{
	uint64_t n = 1;

	while (n * 8 + 1 <= options.tasks)
		n = n * 8 + 1;
	return n;
}

/* The thread outside sleeps meanwhile. */
static void run_root(weft_fn *fn, const void *arg, size_t size)
{
	weft_task root = {.fn = fn, .arg = arg, .arg_size = size};

	machine_begin();
	must(weft_submit(ex, &root), "weft_submit");
	must(weft_future_wait(weft_task_future(&root), WEFT_FOREVER), "weft_future_wait");
}

static uint64_t tree(unsigned cores)
{
	struct node top = {.size = tree_size(), .room = tasks};

	open_pool(cores);
	run_root(node_fn, &top, sizeof top);
	return top.size;
}

/* Fork and join: a binary tree of children. */
static void fork_fn(void *ctx)
{
	uint64_t n = *(uint64_t *)ctx, half[2] = {n / 2, n - 1 - n / 2};
	struct weft_child child;

	if (n > 1) {
		weft_spawn(&child, fork_fn, &half[0]);
		if (half[1])
			fork_fn(&half[1]);
		weft_sync(&child);
	}
	body(NULL, NULL, NULL);
}

static int fork_root_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t n = options.tasks;

	(void)call, (void)arg, (void)result;
	fork_fn(&n);
	return 0;
}

static uint64_t forks(unsigned cores)
{
	open_pool(cores);
	run_root(fork_root_fn, NULL, 0);
	return options.tasks;
}

static int range_fn(weft_call *call, size_t begin, size_t end, void *ctx)
{
	(void)ctx;
	for (size_t i = begin; i < end; i++)
		body(call, NULL, NULL);
	return 0;
}

static uint64_t loop(unsigned cores)
{
	open_pool(cores);
	machine_begin();
	must(weft_for(ex, range_fn, 0, options.tasks, 0, NULL), "weft_for");
	return options.tasks;
}

static const struct workload {
	const char *name;
	uint64_t (*run)(unsigned cores);
} workloads[] = {{"flood", flood}, {"floods", floods}, {"tree", tree}, {"forks", forks}, {"loop", loop}};

static const struct workload *find(const char *name)
{
	for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
		if (!strcmp(workloads[i].name, name))
			return &workloads[i];
	return NULL;
}

static void report(const struct workload *w, unsigned cores, uint64_t n, const struct machine_count *c)
{
	double tasks_n = (double)n, each = c->ns / tasks_n;

	printf("%s %s %u %ju %.2f %.3f %.3f %.3f %.2f %.1f %.4f\n", machine_name, w->name, cores,
	       (uintmax_t)n, each, (options.grain > 0 ? options.grain : 1000) / each,
	       (double)c->transfers / tasks_n, (double)c->contended / tasks_n, c->waited / tasks_n,
	       (double)c->accesses / tasks_n, (double)c->sleeps / tasks_n);
	sites_print(machine_sites(), tasks_n, options.sites);
	fflush(stdout);
}

static bool set_option(const char *name, double value)
{
	if (!strcmp(name, "--tasks") && value >= 1 && value <= 1e8)
		options.tasks = (uint64_t)value;
	else if (!strcmp(name, "--grain") && value >= 0)
		options.grain = value;
	else if (!strcmp(name, "--sites") && value >= 0)
		options.sites = (unsigned)value;
	else
		return machine_option(name, value);
	return true;
}

static int usage(void)
{
	fputs("usage: WORKLOAD CORES [--OPTION VALUE]...; see tests/sim/work.c\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const struct workload *w = argc > 2 ? find(argv[1]) : NULL;
	unsigned cores = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	struct machine_count count;
	uint64_t n;

	if (!w || !cores || argc % 2 == 0)
		return usage();
	for (int i = 3; i + 1 < argc; i += 2)
		if (!set_option(argv[i], strtod(argv[i + 1], NULL)))
			return usage();
	tasks = aligned_alloc(LINE, (options.tasks + 1) * sizeof *tasks);
	if (!tasks)
		return 2;
	memset(tasks, 0, options.tasks * sizeof *tasks); /* the pages are there */
	machine_open(cores);
	n = w->run(cores);
	machine_end(&count);
	report(w, cores, n, &count);
	weft_executor_free(ex);
	return 0;
}
