/* SPDX-License-Identifier: MIT
 *
 * real_core.c -- this machine: its threads and its clock. The files that the models leave out are the library's own.
 */
#include "real.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/base.h>

const char *const machine_name = "real";

static struct job {
	void (*fn)(void *);
	void *arg;
	pthread_t thread;
} jobs[REAL_THREADS];
static unsigned n_jobs;
static weft_time began;
static struct machine_count before;

bool machine_option(const char *name, double value)
{
	(void)name, (void)value;
	return false;
}

void machine_open(unsigned cores)
{
	if (cores > weft_cpu_count())
		fprintf(stderr, "real: %u threads for %u processors: lines are counted by thread\n", cores,
			weft_cpu_count());
}

static void *run_job(void *arg)
{
	struct job *j = arg;

	j->fn(j->arg);
	return NULL;
}

void machine_thread(void (*fn)(void *), void *arg)
{
	struct job *j = &jobs[n_jobs];

	if (n_jobs++ == REAL_THREADS)
		exit(2);
	*j = (struct job){.fn = fn, .arg = arg};
	if (pthread_create(&j->thread, NULL, run_job, j))
		exit(2);
}

void machine_join(void)
{
	for (unsigned i = 0; i < n_jobs; i++)
		pthread_join(jobs[i].thread, NULL);
	n_jobs = 0;
}

void machine_compute(double ns)
{
	weft_time until = weft_now() + (weft_time)ns;

	while (weft_now() < until) {}
}

static struct machine_count sum(void)
{
	struct machine_count c = {0};
	const struct real_thread *t;

	for (unsigned i = 0; (t = real_thread(i)); i++) {
		c.accesses += t->accesses;
		c.transfers += t->transfers;
	}
	return c;
}

void machine_begin(void)
{
	before = sum();
	began = weft_now();
}

void machine_end(struct machine_count *ret)
{
	*ret = sum();
	ret->ns = (double)(weft_now() - began);
	ret->accesses -= before.accesses;
	ret->transfers -= before.transfers;
}

struct sites *machine_sites(void)
{
	static struct sites all;
	const struct real_thread *t;

	for (unsigned i = 0; (t = real_thread(i)); i++)
		for (unsigned k = 0; k < SITES; k++)
			for (uint64_t n = 0; n < t->sites.site[k].moved; n++)
				site_moved(&all, t->sites.site[k].key, t->sites.site[k].plain, 0);
	return &all;
}
