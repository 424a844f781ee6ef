/* SPDX-License-Identifier: MIT
 *
 * stats_page.h -- what a running program lets other programs of its user see: a page of figures in a memfd called
 * "weft-stats", which they find through /proc/PID/fd. This header is all that a reader needs (tools/); stats.h is for
 * the library.
 *
 * The library makes the page with its first executor and gives it back with the last; there is no file, so nothing is
 * left behind. It is sealed: of one size for ever, and writable by nobody but the process that made it. Of threads, processes and programs by
 * themselves, which belong to no executor, there is a row for each; a thread does not make a page, since that takes as
 * long as the thread does.
 *
 * Who counts, counts here, each in words of its own, and no word needs another to be right. Three of struct stats_work
 * belong together: what runs, what it is called, and since when. Each carries the low bits of a count of tasks, of the
 * one that it speaks of; a reader takes together only what has the same. So all is relaxed, and the writer never waits.
 *
 * Wrap: the same low bits come back after 65,536 tasks. The clock is read for one in WEFT__STAMP_MOST at least, and what
 * is left of a name is taken away then, so nothing is that old. Death: figures stay as they were.
 */
#ifndef WEFT_CORE_STATS_PAGE_H
#define WEFT_CORE_STATS_PAGE_H

#include "atomic.h"

#define STATS_MAGIC      UINT64_C(0x5354415453544657)
#define STATS_LANE_MAGIC UINT64_C(0x454e414c54464557)
#define STATS_PAGE_NAME  "weft-stats"
#define STATS_LANE_NAME  "weft-lane"

enum {
	STATS_VERSION = 2, /* one more for each change of what is below */
	STATS_EXECUTORS = 64,
	STATS_ROWS = 4096,
	STATS_NAME_WORDS = 8,
	STATS_LABEL_WORDS = 6,
	STATS_TAG_BITS = 16,
	STATS_UNKNOWN = INT32_MIN
};

enum stats_kind {
	STATS_NONE,
	STATS_OTHER,
	STATS_THREADS,
	STATS_PROCESSES,
	STATS_URING,
	/* By themselves: all of a kind are shown as one executor. */
	STATS_ALONE,
	STATS_THREAD = STATS_ALONE, /* weft_thread */
	STATS_PROCESS,              /* weft_process */
	STATS_PROGRAM,              /* weft_subprocess */
	STATS_KINDS
};

/* What came of tasks; as in struct weft_stats. */
struct stats_counts {
	atom_u64 submitted, completed, failed, cancelled, timed_out, died;
};

/* Bits of what a flow of control is about besides. */
enum stats_doing {
	STATS_WAITS = 1, /* inside of its task */
	STATS_CHILD = 2, /* the lowest that it runs is no task, but a child of fork-join that it has stolen */
	STATS_GIVEN =
		4 /* said by who gives it tasks: the first of those that it has, behind it depth others */
};

/* One flow of control, which runs a task, and others on top of that one. */
struct stats_work {
	atom_u64
		fn; /* of the lowest: address << STATS_TAG_BITS | low bits of a count; address 0: it is over */
	atom_u64 name;  /* likewise; written where there is one */
	atom_u64 since; /* us of CLOCK_MONOTONIC when it began, likewise; written for some */
	atom_u32 depth; /* bodies on top of it */
	atom_u32 doing; /* enum stats_doing, or 0 */
	atom_u64 tasks; /* of a process: that it has done */
	uint64_t
		far_name; /* the owner's, as the next: the name, in the program, of a task that has none here */
	uint32_t stamp_mask; /* the clock is read where these bits of the count are 0 */
};

/* A thread with fibers. */
struct stats_ring {
	atom_u64 enters;  /* calls of the kernel to hand over and to wait */
	atom_u64 answers; /* of the kernel's */
	atom_u32 live;    /* tasks begun and not ended */
	atom_u32 fibers;  /* that there are */
	atom_u64 fn,
		name;   /* of the fiber that the watcher saw: as in stats_work, with its own count of turns */
	atom_u64 since; /* when it saw it first; 0: nobody ran */
};

/* Who runs by himself; what, and since when, is in stats_work. */
struct stats_alone {
	atom_u64 ended; /* us of CLOCK_MONOTONIC; 0: it has not, or nobody has heard of it */
	atom_u32 code;  /* then, an int: exit status, or minus a signal, or STATS_UNKNOWN */
	atom_u64 label[STATS_LABEL_WORDS]; /* text, 0 where it ends */
};

/* A worker, or somebody else who counts by himself. */
struct stats_row {
	_Alignas(128) struct stats_work work;
	struct stats_counts counts;
	atom_u32 kind;     /* enum stats_kind; STATS_NONE: nobody has it; STATS_OTHER: it counts only */
	atom_u32 executor; /* whose, as an index */
	atom_u32 number;   /* which of its workers */
	atom_u32 id;       /* of the thread or process; 0: there is none now */
	_Alignas(128) struct stats_ring ring;
	struct stats_alone alone;
};

struct stats_executor {
	_Alignas(128) struct stats_counts counts; /* of all that have no row */
	_Alignas(64) atom_u32 kind;               /* STATS_NONE: nobody has it */
	atom_u32 serial;                          /* the how many-th of this process */
	atom_u32 how;                             /* 0 runs, else 1 + enum weft_stop */
	atom_u32 workers;                         /* that it is to have */
	atom_u32 deaths;                          /* of workers, unasked */
	atom_u64 long_turns, longest_turn;        /* ns */
	atom_u64 name[STATS_NAME_WORDS];          /* text, 0 where it ends */
};

struct stats_page {
	uint64_t magic;
	uint32_t version, size;       /* bytes, of all of it */
	uint32_t pid;                 /* as the process itself knows it */
	atom_u32 n_executors, n_rows; /* the first so many were ever used */
	atom_u32 unseen;              /* had no row, because there were none left */
	int64_t made;                 /* ns of CLOCK_MONOTONIC */
	struct stats_executor executor[STATS_EXECUTORS];
	struct stats_row row[STATS_ROWS];
};

/* What a worker process shows of itself: the beginning of its lane (lane.h). */
struct stats_lane {
	uint64_t magic;
	uint32_t version, size; /* of this struct */
	struct stats_work work;
};

#endif
