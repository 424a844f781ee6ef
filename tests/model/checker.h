/* SPDX-License-Identifier: MIT
 *
 * checker.h -- what the parts of the checker know of each other.
 *
 *   checker_explore.c   which execution comes next: choices, replay, depth-first, random, PCT
 *   checker_sched.c     threads: who runs next, who dies
 *   checker_wait.c      spinning, sleeping, waking
 *   checker_memory.c    words and their histories, views, orders, fences
 *   checker_race.c      plain data: vector clocks; memory that is gone
 *   checker_trace.c     the steps of an execution, and the report of one that went wrong
 *   checker_sites.c     the places in the sources, and how one of them is weakened
 *   checker_fiber.c     stacks and the switch between them
 *   checker_system.c    what the library asks of the system: weft__wait, weft__wake, weft_now
 *   checker_main.c      the command line
 */
#ifndef TESTS_MODEL_CHECKER_H
#define TESTS_MODEL_CHECKER_H

#include "checker_fiber.h"
#include "model.h"
#include "model_atomic.h"

enum { LOCS = 192, STORES = 8192, STEPS = 4000, SPIN_LOCS = 8, SPIN_MAX = 1000, NAMES = 48 };

/* What a thread, or a message, knows: of each word, the oldest store that may still be read; of each
 * thread, how far it has come. Entries from n on are 0. */
struct view {
	uint16_t n, clock[MODEL_THREADS], at[LOCS];
};

/* One store to one word; a history is a chain from the latest to the oldest. */
struct store {
	uint64_t value;
	struct store *older;
	uint16_t at; /* how many came before it */
	uint8_t thread;
	uint16_t step;
	struct view released; /* what who reads it with acquire gets to know */
};

struct loc {
	void *word;
	uint8_t size;
	uint16_t floor; /* older ones are nobody's any more: the word was set up anew */
	struct store *latest;
	const char *what;
};

enum state { RUNNABLE, SPINNING, SLEEPING, DONE, DEAD };

struct thread {
	const char *name;
	void (*fn)(void *arg);
	void *arg;
	enum state state;
	bool mortal;
	struct view cur;    /* what it knows */
	struct view acq;    /* what it would know by an acquire fence: it read that, relaxed */
	struct view rel;    /* what it knew at its last release fence: its relaxed stores carry that */
	struct fiber fiber; /* 0: the body's, while threads run */
	const struct model_site *last;
	bool fresh;   /* it has done nothing since it was chosen to run */
	bool reading; /* its last operation was a load that may read old stores */
	/* asleep */
	unsigned sleeps_on, sleep_order;
	uint32_t expects;
	int64_t deadline;
	int answer;
	/* spinning: what it has read since the last pause */
	unsigned n_seen, pauses;
	bool impatient, stuck;
	uint16_t seen[SPIN_LOCS], seen_at[SPIN_LOCS];
	int priority; /* PCT */
};

/* One execution. */
struct run {
	struct thread thread[MODEL_THREADS]; /* 0: the body */
	unsigned n_threads, current, preemptions, steps, sleeps;
	bool running; /* the threads, not the body */
	struct loc loc[LOCS];
	unsigned n_locs, n_stores;
	struct view sc;    /* seq_cst: fences and stores so far */
	struct view light; /* what was known at light fences; heavy ones read it */
	struct view heavy; /* ... and the other way round */
	/* the model's options */
	unsigned bound, old_reads, timeouts, spurious; /* that may still come, but for the bound */
	bool may_spin_out;
	void (*on_death)(int thread);
	int64_t now;
	char outcome[64];
	enum model_failure failure;
	char text[256];
};

extern struct run run;
extern struct store stores[STORES];

/* explore */
struct explored {
	uint64_t executions, steps;
	double seconds;
};
struct options {
	enum { MODE_DFS, MODE_RANDOM, MODE_PCT } mode;
	unsigned preemptions, old_reads, depth; /* depth: of PCT */
	uint64_t seed, runs;
	const char *replay;
};
extern struct options options;
unsigned choose(unsigned n);
unsigned choose_thread(unsigned n, const unsigned threads[], const bool plain[]);
bool explore(const struct model *m, struct explored *ret); /* false: it went wrong, run says how */
void print_replay(void);
_Noreturn void too_large(const char *what);

/* sched */
void run_begin(const struct model *m);
struct thread *before_op(struct model_site *site); /* a scheduling point; the thread that runs */
_Noreturn void fail(enum model_failure failure, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reschedule(void);

/* wait */
const struct store *spin_read(const struct thread *t, const struct loc *loc);
void spin_saw(struct thread *t, unsigned loc, unsigned at);
void spin_wake(unsigned loc);
void spin_yield(void);                                           /* for sched_yield */
int futex_wait(void *word, uint32_t expected, int64_t deadline); /* 0, -1: the deadline */
int futex_wake(void *word, int n);                               /* how many */

/* memory */
struct loc *find_loc(void *word, size_t size, const char *what);
unsigned loc_number(const struct loc *loc);
void views_clear(struct thread *t); /* it knows nothing */
void view_join(struct view *to, const struct view *from);
void view_know(struct view *v, unsigned loc, unsigned at);
void memory_reset(void);

/* race */
struct cell;
int *cell_loc(const void *word); /* the number of the word's history, -1: none yet */
void race_atomic(const void *word, bool writes);
void race_reset(void);

/* trace */
enum step_kind { STEP_OP, STEP_FAILED_CAS, STEP_SLEEP, STEP_NO_SLEEP, STEP_WAKE, STEP_WOKEN, STEP_NOTE };
void step_add(enum step_kind kind, const struct thread *t, const struct model_site *site,
	      const struct loc *loc, uint64_t value, uint64_t before, const struct store *read);
void step_note(const struct thread *t, const char *note);
void trace_print(const struct model *m);
void trace_where(char *ret, size_t size, const void *pc); /* file:line of an address */
const char *loc_name(const struct loc *loc, char ret[64]);
const char *failure_name(enum model_failure failure);

/* sites */
void sites_weaken(const char *key); /* exits if there is no such site */
void sites_print(void);
const char *order_name(enum model_order order);
const char *op_name(enum model_op op);

#endif
