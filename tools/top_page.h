/* SPDX-License-Identifier: MIT
 *
 * top_page.h -- the page of figures of a running program (core/stats_page.h): finding it, checking it, copying it.
 *
 * The kernel says who may: /proc/PID/fd is open to the same user (and to root), not to others, nor for a program that
 * does not want to be looked into (PR_SET_DUMPABLE). What is found is not trusted: a page that does not say what it
 * must is refused, one that lies is copied within fixed bounds, and no figure is used as an index unchecked.
 */
#ifndef TOOLS_TOP_PAGE_H
#define TOOLS_TOP_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	TOP_KIND_NONE,
	TOP_KIND_OTHER,
	TOP_KIND_THREADS,
	TOP_KIND_PROCESSES,
	TOP_KIND_URING,
	TOP_KIND_ALONE, /* from here on: those who run by themselves */
	TOP_KIND_THREAD = TOP_KIND_ALONE,
	TOP_KIND_PROCESS,
	TOP_KIND_PROGRAM,
	TOP_KINDS
};

struct top_counts {
	uint64_t submitted, completed, failed, cancelled, timed_out, died;
};

/* As core/stats_page.h has it. */
struct top_work {
	uint64_t fn, name, since, tasks;
	uint32_t depth, doing;
};

struct top_ring {
	uint64_t enters, answers, fn, name, since;
	uint32_t live, fibers;
};

struct top_alone {
	uint64_t ended; /* us; 0: not yet */
	int32_t code;
	char label[48];
};

struct top_row {
	unsigned at; /* its place in the page */
	uint32_t kind, executor, number, id;
	bool has_work; /* of a process: its lane could be read */
	struct top_work work;
	struct top_counts counts;
	struct top_ring ring;
	struct top_alone alone;
};

struct top_executor {
	unsigned at;
	uint32_t kind, serial, how, workers, deaths;
	uint64_t long_turns, longest_turn; /* ns */
	struct top_counts counts;          /* of all that have no row */
	char name[64];
};

/* A copy of a page; the arrays are kept from one look to the next. */
struct top_look {
	int64_t now, made; /* ns of CLOCK_MONOTONIC */
	uint32_t unseen;
	unsigned n_executors, n_rows;
	struct top_executor *executor;
	struct top_row *row; /* in the order of the page */
};

struct top_page; /* of a program */

/* 0, or a negative errno, and a text for people: -ESRCH no such process; -EACCES another user's; -ENOENT has no page;
 * -EPROTO one of another version, or none at all. */
int top_page_open(struct top_page **ret, pid_t pid, char *why, size_t why_size);
void top_page_close(struct top_page *p);

/* Copies what is there now. 0 or -ENOMEM. */
int top_page_look(struct top_page *p, struct top_look *io);
void top_look_free(struct top_look *l);

/* Has it given its page back, or become another program? */
bool top_page_is_gone(const struct top_page *p);

/* Has the process ended? */
bool top_page_has_ended(const struct top_page *p);

int64_t top_now(void); /* ns of CLOCK_MONOTONIC */

#endif
