/* SPDX-License-Identifier: MIT
 *
 * trace_file.h -- how a raw trace looks: a file that all processes of a program have mapped, and write their events
 * into. What a process had written when it was killed is there.
 *
 *   head     who, when, how large; names
 *   chunks   each belongs to one thread, which fills it from the beginning, then takes the next that is free
 *
 * Numbers are the machine's. Processes that share the file need not trust each other: a reader (trace_link.c) checks
 * all that he takes an index from, and copies texts before he uses them.
 */
#ifndef WEFT_CORE_TRACE_FILE_H
#define WEFT_CORE_TRACE_FILE_H

#include "atomic.h"
#include "token.h"

#include <stddef.h>

#define TRACE_MAGIC UINT64_C(0x3230776172746657) /* "Wftraw02" */

enum {
	TRACE_NAMES = 1024, /* a power of two */
	TRACE_NAME_MAX = 55,
	TRACE_EVENTS = 510,  /* in a chunk */
	TRACE_FILE_MAX = 36, /* of a file, in the name of a function: FILE+0xOFFSET */
	TRACE_COMM = 16,
	TRACE_PATH = 256,
	TRACE_HOST = 64
};

struct trace_event {
	int64_t time; /* CLOCK_MONOTONIC, nanoseconds */
	uint64_t id;
	uint32_t kind, a;
	uint64_t b;
};

/* The last of a thread also counts what there was no room for. */
struct trace_chunk {
	atom_u32 n; /* events that are there */
	atom_u32 dropped;
	int32_t pid, tid;
	int32_t program; /* the process whose addresses its tasks have */
	char process[TRACE_COMM], thread[TRACE_COMM];
	uint32_t rank; /* 0, or that of a job of several machines whose thread it is */
	uint32_t host; /* the name of its machine, as the names of events; 0: this one */
	uint32_t rest;
	struct trace_event event[TRACE_EVENTS];
};

_Static_assert(sizeof(struct trace_event) == 32, "two in a line of the cache");
_Static_assert(sizeof(struct trace_chunk) == 16384, "whole pages");

struct trace_name {
	atom_u64 key; /* a hash of the text; 0: free */
	char text[TRACE_NAME_MAX + 1];
};

/* How far a rank's clock was ahead of that of rank 0, when it showed that time. */
struct trace_clock {
	int64_t time, ahead;
	int64_t error; /* at most so much; 0: nothing is known */
};

struct trace_head {
	uint64_t magic;
	uint64_t size; /* bytes, of the file */
	int32_t pid;   /* of the program */
	uint32_t n_chunks;
	int64_t began, began_wall; /* CLOCK_MONOTONIC, CLOCK_REALTIME */
	char program[TRACE_PATH];  /* its path */
	struct weft__token id;     /* whose build-id is that of its file */
	char host[TRACE_HOST];
	uint32_t rank;               /* 0, or whose part of a trace this is */
	struct trace_clock clock[2]; /* of such a part: at the beginning, and the last time */
	_Alignas(64) atom_u32 next;  /* chunks that were given out, and more once there are none */
	atom_u32 closed;
	atom_u64 dropped; /* by threads that never got a chunk */
	atom_u64 full_at; /* time of the first event that was dropped; 0: none was */
	struct trace_name name[TRACE_NAMES];
	_Alignas(4096) struct trace_chunk chunk[];
};

_Static_assert(sizeof(struct trace_head) % 4096 == 0, "chunks are whole pages");

#endif
