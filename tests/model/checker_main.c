/* SPDX-License-Identifier: MIT
 *
 * checker_main.c -- the command line of a program of models.
 *
 *   prog --list                  the names of its models
 *   prog NAME                    checks one: 0 as it should be, 1 not, 2 the checker cannot tell
 *   prog NAME --replay=TEXT      one execution of it, with its trace
 *   prog NAME --sites            checks it, and prints which atomic operations it came by
 *
 *   WEFT_MODEL_MODE=dfs|random|pct   all executions, or WEFT_MODEL_RUNS (100,000) by chance
 *   WEFT_MODEL_PREEMPTIONS=2         of dfs
 *   WEFT_MODEL_OLD_READS=3           of an execution, loads that do not read the latest store
 *   WEFT_MODEL_SEED=N                of random and pct; else it is drawn, and printed
 *   WEFT_MODEL_DEPTH=3               of pct
 *   WEFT_MODEL_WEAKEN="..."          see checker_sites.c
 */
#include "checker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct model *models;

void model_register(struct model *m)
{
	struct model **p = &models;

	while (*p)
		p = &(*p)->next;
	*p = m;
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void read_environment(void)
{
	const char *mode = getenv("WEFT_MODEL_MODE"), *weaken = getenv("WEFT_MODEL_WEAKEN");
	uint64_t drawn = (uint64_t)time(NULL) * 1000003U + (uint64_t)getpid();

	options.mode = MODE_DFS;
	if (mode && !strcmp(mode, "random"))
		options.mode = MODE_RANDOM;
	else if (mode && !strcmp(mode, "pct"))
		options.mode = MODE_PCT;
	options.preemptions = (unsigned)number_from("WEFT_MODEL_PREEMPTIONS", 2);
	options.old_reads = (unsigned)number_from("WEFT_MODEL_OLD_READS", 3);
	options.depth = (unsigned)number_from("WEFT_MODEL_DEPTH", 3);
	options.runs = number_from("WEFT_MODEL_RUNS", 100000);
	options.seed = number_from("WEFT_MODEL_SEED", drawn);
	if (weaken && *weaken)
		sites_weaken(weaken);
}

static void print_result(const struct model *m, const struct explored *e)
{
	printf("%s: %ju executions, %ju steps, %.2f s, ", m->name, (uintmax_t)e->executions,
	       (uintmax_t)e->steps, e->seconds);
	if (options.mode == MODE_DFS)
		printf("all with %u preemptions and %u old reads\n", run.bound, options.old_reads);
	else
		printf("%s, seed %ju\n", options.mode == MODE_PCT ? "pct" : "random",
		       (uintmax_t)options.seed);
}

static int check(const struct model *m, const char *prog)
{
	struct explored e;
	bool ok;

	explore(m, &e);
	ok = run.failure == m->fails;
	if (!ok || options.replay)
		trace_print(m);
	if (!ok && m->fails)
		printf("expected: %s\n", failure_name(m->fails));
	if (ok && m->fails)
		printf("found, as it should be: %s: %s\n", failure_name(run.failure), run.text);
	if (run.failure) {
		printf("again: %s %s --replay=", prog, m->name);
		print_replay();
	}
	print_result(m, &e);
	return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
	const char *name = NULL;
	bool sites = false, list = false;
	int status = 2;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--list"))
			list = true;
		else if (!strcmp(argv[i], "--sites"))
			sites = true;
		else if (!strncmp(argv[i], "--replay=", 9))
			options.replay = argv[i] + 9;
		else
			name = argv[i];
	}
	read_environment();
	for (const struct model *m = models; m; m = m->next) {
		if (list)
			printf("%s%s\n", m->name, m->fails ? " fails" : m->outcomes ? " litmus" : "");
		else if (name && !strcmp(name, m->name))
			status = check(m, argv[0]);
	}
	if (list)
		return 0;
	if (status == 2)
		fprintf(stderr, "usage: %s --list | NAME [--sites] [--replay=TEXT]\n", argv[0]);
	else if (sites)
		sites_print();
	return status;
}
