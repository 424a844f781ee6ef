/* SPDX-License-Identifier: MIT
 *
 * trace_load.h -- a trace in the format of Chrome's trace viewer, as weft writes it, in memory: what weft-trace shows.
 */
#ifndef WEFT_TOOLS_TRACE_LOAD_H
#define WEFT_TOOLS_TRACE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* All times are in microseconds from the beginning of the trace. */

struct lane {
	int pid, tid;
	char *name;   /* "thread (process)" */
	size_t *open; /* slices that have begun */
	size_t n_open, room_open;
	size_t depth; /* of the deepest slice + 1 */
};

enum slice_kind { SLICE_TASK, SLICE_WAIT, SLICE_TICK };

struct slice {
	size_t lane, depth;
	size_t name; /* index of names */
	size_t run;  /* that it is a part of + 1; 0: none */
	enum slice_kind kind;
	double from, to;
	bool died; /* its worker did, in it */
};

struct instant {
	size_t lane, name;
	double at;
	bool is_death;
};

/* One run of a task: in slices, where it was a fiber's. */
struct run {
	size_t name;
	double queued; /* < 0: unknown */
	double from, to;
	bool over, died;
	int status;
};

struct loaded {
	char **names;
	size_t n_names, room_names;
	struct lane *lanes;
	size_t n_lanes, room_lanes;
	struct slice *slices;
	size_t n_slices, room_slices;
	struct instant *instants;
	size_t n_instants, room_instants;
	struct run *runs;
	size_t n_runs, room_runs;
	size_t *run_of; /* of each task: its latest run + 1 */
	size_t room_run_of;
	double end;
	long long dropped;
};

/* Reads all; ends the program, with a message, where that cannot be done. */
void load(struct loaded *ret, FILE *in, const char *path);

void summary(const struct loaded *t, FILE *out);
void svg(const struct loaded *t, FILE *out);

/* A failure: says why, and ends the program. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
