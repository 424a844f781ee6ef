/* SPDX-License-Identifier: MIT
 *
 * swarm.h -- random programs over the public interface, by some threads, on two executors at once:
 *
 *   swarm.c           options, threads, kills, the end
 *   swarm_tasks.c     what tasks do, and which outcomes that allows
 *   swarm_programs.c  the programs: what is done with tasks and futures
 *
 * Each test of a call knows what it does with it; here calls meet that no test has brought together.
 */
#ifndef WEFT_TESTS_SWARM_H
#define WEFT_TESTS_SWARM_H

#include <weft/weft.h>

/* In the program, not in its workers. */
struct swarm {
	struct place {
		const char *text; /* of weft_executor_open */
		weft_executor *ex;
		bool kills, local;
	} place[2];
	uint32_t seed;
	bool raging; /* workers are killed */
};
extern struct swarm swarm;

#define DEMAND(what) ((what) ? (void)0 : swarm_fail(#what, __FILE__, __LINE__))
_Noreturn void swarm_fail(const char *what, const char *file, int line);

/* ---- Chance ---- */

struct dice {
	uint64_t state;
};
uint32_t roll(struct dice *d, uint32_t n); /* 0..n - 1 */
struct place *roll_place(struct dice *d);

/* ---- Tasks ---- */

enum kind { GOOD, FAIL, TEXT, SLEEP, YIELD, SPIN, NEST, SCRATCH, CRASH, EXIT, KINDS };

struct order {
	uint32_t kind, salt;
	uint64_t x;
	int32_t depth;       /* of a nest: tasks below it */
	bool may_die;        /* where it runs nothing else dies with it */
	weft_executor *here; /* where tasks have the same pointers; else NULL */
};

struct answer {
	uint64_t y; /* of x */
	pid_t pid;
};

struct job {
	weft_task task;
	struct order order;
	struct answer answer;
};

/* A task for that place, not submitted; calm: it does not fail. */
void job_init(struct job *j, const struct place *at, struct dice *d, bool calm);
/* It is done, as f says, with such an answer: is that what may have become of it? */
void job_judge(const struct order *o, const struct answer *a, weft_future *f);
weft_fn job_fn;
weft_fn square_fn; /* uint32_t -> uint64_t */

/* Some worker that has answered lately; 0: none. */
pid_t roll_victim(struct dice *d);
extern uint64_t jobs_judged(void);

/* ---- Programs ---- */

void program_run(struct dice *d);

#endif
