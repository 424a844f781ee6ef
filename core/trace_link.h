/* SPDX-License-Identifier: MIT
 *
 * trace_link.h -- a raw trace, read: all events by time, the threads that they are of, the lives of tasks.
 */
#ifndef WEFT_CORE_TRACE_LINK_H
#define WEFT_CORE_TRACE_LINK_H

#include "token.h"
#include "trace_file.h"
#include "tracing.h"

#include <stdbool.h>

#define TRACE_NONE UINT32_MAX

enum { TRACE_NAME_ROOM = 128 };

/* Pairs of numbers, and what they stand for: from 0 on, in the order of their first appearance. */
struct trace_map {
	struct trace_pair {
		uint64_t a, b;
		uint32_t value; /* + 1; 0: free */
	} * pair;
	size_t room; /* a power of two */
	uint32_t n;
};

int trace_map_init(struct trace_map *m, size_t most);                /* 0 | -ENOMEM */
uint32_t trace_map_put(struct trace_map *m, uint64_t a, uint64_t b); /* the value, an old one or the next */
uint32_t trace_map_find(const struct trace_map *m, uint64_t a, uint64_t b); /* TRACE_NONE: it is not there */
void trace_map_fini(struct trace_map *m);

/* A thread; or a process that has died, and never wrote. */
struct trace_lane {
	int32_t pid, tid; /* as shown: processes of two machines may have one number */
	int32_t real;     /* its process, on its machine */
	uint32_t rank;    /* of a job; 0: that of the program, or there is no job */
	uint32_t host;    /* of trace.name; 0: that of the program */
	char process[TRACE_COMM], thread[TRACE_COMM];
	bool fibers; /* it goes from fiber to fiber */
};

/* A task, from one submission to the next of the same. Times are 0 where that did not happen, or was dropped. */
struct trace_life {
	int64_t submitted, started, ended, done; /* started: the first time, ended: the last */
	uint32_t name;                           /* index of trace.name */
	uint32_t executor;                       /* of trace.executor, or TRACE_NONE */
	uint32_t given;                          /* the same, of a task that went to a rank, or 0 */
	uint32_t starts;                         /* more than one, where its worker died */
	uint32_t last_start, last_end;           /* events: of a task that ran again, those that count */
	uint32_t taker; /* the event by which its outcome was taken first, or TRACE_NONE */
	int32_t status;
};

struct trace_item {
	struct trace_event e;
	uint32_t lane;
	uint32_t life; /* or TRACE_NONE */
};

struct trace {
	struct trace_item *item;
	size_t n;
	struct trace_lane *lane;
	uint32_t n_lanes;
	struct trace_life *life;
	uint32_t n_lives;
	uint32_t *executor; /* their names */
	uint32_t n_executors;
	char name[TRACE_NAMES + 1][TRACE_NAME_ROOM]; /* [0] is "?" */
	char program[TRACE_PATH];
	struct weft__token id; /* of its file */
	int32_t pid;
	uint32_t rank; /* not 0: it is the part of a rank, by itself */
	int64_t began, began_wall, last;
	uint64_t dropped;
	int64_t full_at;
};

/* Reads what is at h, which others may still be writing to; size in bytes. 0 | -EINVAL: it is no raw trace of this
 * kind | -ENOMEM */
int trace_read(struct trace **ret, const struct trace_head *h, size_t size);
void trace_free(struct trace *t); /* NULL is fine */

/* trace_symbols.c: functions of the program that the loader knows no name of, by the symbols of its file. */
void trace_symbols_find(struct trace *t);

#endif
