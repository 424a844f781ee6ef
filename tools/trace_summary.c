/* SPDX-License-Identifier: MIT
 *
 * trace_summary.c -- a table of the tasks in a trace, a line for each name.
 */
#include "trace_load.h"

#include <stdlib.h>
#include <string.h>

struct column {
	double *at;
	size_t n;
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The smallest value that so many in a hundred do not exceed. The column is sorted. */
static double percentile(const struct column *c, unsigned percent)
{
	size_t rank = (c->n * percent + 99) / 100;

	return c->at[rank ? rank - 1 : 0];
}

/* Three digits and a unit, from microseconds. */
static void print_time(FILE *out, const struct column *c, unsigned percent)
{
	static const char *const unit[] = {"ns", "us", "ms", "s"};
	double t = c->n ? percentile(c, percent) * 1000 : -1;
	int i = 0;

	if (t < 0) {
		fprintf(out, "  %9s", "-");
		return;
	}
	for (; i < 3 && t >= 999.5; i++)
		t /= 1000;
	fprintf(out, "  %6.*f %-2s", i == 0 || t >= 99.95 ? 0 : t >= 9.995 ? 1 : 2, t, unit[i]);
}

struct row {
	size_t count, failed, deaths, unfinished;
	struct column queued, running;
};

static void add_run(struct row *r, const struct run *run)
{
	if (run->queued >= 0)
		r->queued.at[r->queued.n++] = run->queued;
	if (!run->over) {
		r->unfinished++;
		return;
	}
	r->count += !run->died;
	r->deaths += run->died;
	r->failed += !run->died && run->status < 0;
	if (!run->died)
		r->running.at[r->running.n++] = run->to - run->from;
}

static void print_row(FILE *out, const char *name, struct row *r)
{
	qsort(r->queued.at, r->queued.n, sizeof *r->queued.at, compare);
	qsort(r->running.at, r->running.n, sizeof *r->running.at, compare);
	fprintf(out, "%-28.28s  %8zu  %6zu  %6zu  %10zu", name, r->count, r->failed, r->deaths,
		r->unfinished);
	print_time(out, &r->queued, 50);
	print_time(out, &r->queued, 99);
	print_time(out, &r->running, 50);
	print_time(out, &r->running, 99);
	putc('\n', out);
}

void summary(const struct loaded *t, FILE *out)
{
	double *room = calloc(2 * t->n_runs + 1, sizeof *room);

	if (!room)
		die("out of memory");
	fprintf(out, "%-28s  %8s  %6s  %6s  %10s  %9s  %9s  %9s  %9s\n", "task", "count", "failed", "deaths",
		"unfinished", "queued 50", "queued 99", "ran 50", "ran 99");
	for (size_t name = 0; name < t->n_names; name++) {
		struct row r = {.queued.at = room, .running.at = room + t->n_runs};

		for (size_t i = 0; i < t->n_runs; i++)
			if (t->runs[i].name == name)
				add_run(&r, &t->runs[i]);
		if (r.count || r.deaths || r.unfinished)
			print_row(out, t->names[name], &r);
	}
	if (t->dropped)
		fprintf(out, "The trace was full: %lld events are not in it.\n", t->dropped);
	free(room);
}
