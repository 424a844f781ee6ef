/* SPDX-License-Identifier: MIT
 *
 * model.h -- what a model is written with. A model is a small program of two or three threads over the real
 * sources of a primitive; the checker runs it again and again, once for each way in which its threads may
 * interleave and its loads may read, and stops at the first that goes wrong.
 *
 *   static struct weft__lock lock;
 *   static int sum;
 *
 *   static void add(void *arg)
 *   {
 *           weft__lock(&lock);
 *           sum += *(int *)arg;
 *           weft__unlock(&lock);
 *   }
 *
 *   MODEL(lock_excludes)
 *   {
 *           static int one = 1, two = 2;
 *
 *           lock = (struct weft__lock){0};
 *           sum = 0;
 *           model_thread("A", add, &one);
 *           model_thread("B", add, &two);
 *           model_run();
 *           model_assert(sum == 3);
 *   }
 *
 * The body runs anew for each execution, so it sets up everything that its threads change: static variables
 * keep what the last execution left in them. Variables of a thread (_Thread_local) are as in a fresh thread.
 * What a thread does between two atomic operations is one step. docs/model-checking.md tells the rest.
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_THREADS = 6 }; /* the body's own included */

/* What an execution can go wrong by. */
enum model_failure {
	MODEL_PASSES,
	MODEL_ASSERTION, /* model_assert */
	MODEL_RACE,      /* two threads, plain data, nothing that orders them */
	MODEL_DEADLOCK,  /* somebody sleeps and nobody is left to wake him: a lost wake-up */
	MODEL_LIVELOCK,  /* all spin, on words that nobody changes */
	MODEL_GONE,      /* a touch of memory that is gone */
	MODEL_ENDLESS,   /* an execution of too many steps */
	MODEL_OUTCOME    /* not the outcomes that a litmus test lists */
};

struct model {
	const char *name, *file;
	void (*body)(void);
	enum model_failure fails; /* how it has to fail */
	const char *outcomes;     /* of a litmus test, else NULL */
	struct model *next;
};

void model_register(struct model *m);

#define MODEL_DEFINE_(id, fails_, outcomes_)                                                                 \
	static void model_body_##id(void);                                                                   \
	__attribute__((constructor)) static void model_register_##id(void)                                   \
	{                                                                                                    \
		static struct model m = {#id, __FILE__, model_body_##id, fails_, outcomes_, NULL};           \
		model_register(&m);                                                                          \
	}                                                                                                    \
	static void model_body_##id(void)

/* Each begins a line: CMake looks for them.
 *
 * MODEL(name): must hold in every execution. MODEL_FAILS(name, failure): the checker must find it to fail
 * so. LITMUS(name, "a|b|c"): the executions must give these outcomes, all of them, and no other. */
#define MODEL(id)            MODEL_DEFINE_(id, MODEL_PASSES, NULL)
#define MODEL_FAILS(id, how) MODEL_DEFINE_(id, how, NULL)
#define LITMUS(id, outcomes) MODEL_DEFINE_(id, MODEL_PASSES, outcomes)

/* ---- In the body ---- */

/* Announces a thread. name and arg live as long as the execution. Returns its number, from 1. */
int model_thread(const char *name, void (*fn)(void *arg), void *arg);

/* Runs them until each has returned, or has died. */
void model_run(void);

/* What may happen besides, none of it unless asked for; call these before model_run. */
void model_mortal(int thread); /* it may stop for ever, before any of its operations */
void model_on_death(
	void (*fn)(int thread));  /* what the kernel does then, as operations of the one that has died */
void model_timeouts(unsigned n);  /* sleeps with a deadline may time out, n of them in an execution */
void model_spurious(unsigned n);  /* sleeps may end for no reason */
void model_impatient(void);       /* a spinner may give up, not only see what it spins for */
void model_preemptions(int more); /* than WEFT_MODEL_PREEMPTIONS; or fewer, if it takes too long */

/* How the outcome of this execution of a LITMUS is called. */
void model_outcome(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- Anywhere ---- */

#define model_assert(cond) model_check((cond), #cond, __FILE__, __LINE__)
void model_check(bool ok, const char *text, const char *file, int line);

/* How the trace calls a word. */
void model_name(const void *word, const char *name);

/* From now on nobody may touch these bytes, though somebody may still wake by their address. */
void model_gone(const void *p, size_t size);

/* Is thread dead? For the body, after model_run, and for a thread that spins until it is: as who waits for a
 * thread to end, it then knows all that the dead one did. */
bool model_died(int thread);

#endif
