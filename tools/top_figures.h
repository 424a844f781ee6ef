/* SPDX-License-Identifier: MIT
 *
 * top_figures.h -- what two looks at a page say: sums, rates, who runs what and for how long.
 */
#ifndef TOOLS_TOP_FIGURES_H
#define TOOLS_TOP_FIGURES_H

#include "top_names.h"
#include "top_page.h"

enum top_state {
	TOP_IDLE,
	TOP_RUNS,
	TOP_WAITS,   /* inside of its task */
	TOP_DOWN,    /* a process that is not there (yet) */
	TOP_UNKNOWN, /* what it runs cannot be seen */
	TOP_GIVEN,   /* likewise, but what it has been given */
	TOP_STOPPED, /* by a signal */
	TOP_ENDED,
	TOP_STATES
};

/* How well an age is known. */
enum top_age { TOP_AGE_NONE, TOP_AGE_EXACT, TOP_AGE_AT_MOST, TOP_AGE_AT_LEAST };

struct top_worker {
	uint32_t number, id; /* id: of the thread or process; 0: none */
	enum top_state state;
	bool is_child; /* of fork-join: no task by itself */
	unsigned
		on_top; /* tasks that it runs on top of the one that is named; TOP_GIVEN: that wait behind it */
	char task[96]; /* "" where it runs nothing, or nobody knows */
	enum top_age known;
	int64_t age;    /* ns */
	uint64_t tasks; /* that it has done */
	double rate;    /* of them, in a second */
	double cpu;     /* processors that it keeps busy; less than 0: unknown */
	/* Of who runs by himself. */
	char label[48];
	int code; /* TOP_ENDED: exit status, or minus a signal, or INT32_MIN: unknown */
	/* Of a thread with fibers; tasks are those that have ended there. */
	uint32_t parked, fibers;
	double enters, answers; /* in a second */
	uint64_t n_enters, n_answers;
};

struct top_pool {
	const struct top_executor *executor;
	struct top_counts counts;
	double submit_rate, rate; /* accepted, completed, in a second */
	uint64_t queued, running;
	bool queued_is_guess;      /* some of what is queued may run */
	unsigned up;               /* workers that are there */
	struct top_worker *worker; /* in a row of all */
	unsigned n;
};

struct top_picture {
	pid_t pid;
	char command[256]; /* its command line */
	int64_t age;       /* ns, of the process; 0: unknown */
	double cpu;        /* as of a worker; of the whole process, without its workers */
	double seconds;    /* that rates are of; 0: there are none yet */
	int64_t uptime;    /* ns, of the page */
	uint32_t unseen;
	struct top_pool *pool;
	unsigned n;
	struct top_worker *worker;
};

/* Keeps what was seen before, for rates and ages. */
struct top_watch;

struct top_watch *top_watch_new(pid_t pid); /* NULL: no memory */
void top_watch_free(struct top_watch *w);

/* Looks again. The picture is w's, until the next time. NULL: no memory. */
const struct top_picture *top_watch_look(struct top_watch *w, struct top_page *page);

extern const char *const top_kind_names[TOP_KINDS];

#endif
