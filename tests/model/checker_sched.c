/* SPDX-License-Identifier: MIT
 *
 * checker_sched.c -- the threads of a model, of which one runs at a time, and who runs next.
 *
 * Before each atomic operation the scheduler chooses: the thread goes on, or another one does. To leave a
 * thread that could go on is a preemption, of which an execution has a bounded number: most bugs need two.
 */
#include "checker.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BY_CHANCE = 16 }; /* times as many old reads, where they are not tried one by one */

struct run run;

static jmp_buf body_end;

/* The options of one scheduling decision. */
enum action { RUN, TIME_OUT, WAKE_UP, DIE };
struct option {
	unsigned thread;
	enum action action;
};
enum { OPTIONS = 4 * MODEL_THREADS };

void run_begin(const struct model *m)
{
	run.n_threads = 1;
	run.current = run.preemptions = run.steps = run.sleeps = 0;
	run.timeouts = run.spurious = 0;
	run.running = run.may_spin_out = false;
	run.on_death = NULL;
	run.bound = options.mode == MODE_DFS ? options.preemptions : UINT_MAX;
	run.old_reads = options.old_reads * (options.mode == MODE_DFS ? 1 : BY_CHANCE);
	run.now = 0;
	run.outcome[0] = 0;
	run.failure = MODEL_PASSES;
	run.thread[0].name = "body";
	run.thread[0].state = RUNNABLE;
	run.thread[0].n_seen = 0;
	run.thread[0].impatient = false;
	views_clear(&run.thread[0]);
	run.thread[0].cur.clock[0] = 1;
	locals_reset();
	memory_reset();
	race_reset();
	if (setjmp(body_end) == 0)
		m->body();
}

void fail(enum model_failure failure, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(run.text, sizeof run.text, fmt, args);
	va_end(args);
	run.failure = failure;
	if (!run.running)
		longjmp(body_end, 1);
	fiber_switch(&run.thread[run.current].fiber, &run.thread[0].fiber);
	abort();
}

void model_check(bool ok, const char *text, const char *file, int line)
{
	if (!ok)
		fail(MODEL_ASSERTION, "%s:%d: not so: %s", file, line, text);
}

/* ---- What a model says before it runs. ---- */

int model_thread(const char *name, void (*fn)(void *arg), void *arg)
{
	struct thread *t = &run.thread[run.n_threads];

	if (run.n_threads == MODEL_THREADS)
		too_large("threads");
	t->name = name;
	t->fn = fn;
	t->arg = arg;
	t->state = RUNNABLE;
	t->mortal = t->impatient = t->stuck = t->reading = false;
	t->fresh = true;
	t->n_seen = t->pauses = 0;
	t->last = NULL;
	views_clear(t);
	return (int)run.n_threads++;
}

void model_mortal(int thread)
{
	run.thread[thread].mortal = true;
}

void model_on_death(void (*fn)(int thread))
{
	run.on_death = fn;
}

void model_timeouts(unsigned n)
{
	run.timeouts = n;
}

void model_spurious(unsigned n)
{
	run.spurious = n;
}

void model_impatient(void)
{
	run.may_spin_out = true;
}

void model_preemptions(int more)
{
	int n = (int)options.preemptions + more;

	if (options.mode == MODE_DFS)
		run.bound = n > 0 ? (unsigned)n : 0;
}

bool model_died(int thread)
{
	const struct thread *t = &run.thread[thread];

	if (t->state == DEAD && run.running)
		view_join(&run.thread[run.current].cur, &t->cur);
	return t->state == DEAD;
}

void model_outcome(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(run.outcome, sizeof run.outcome, fmt, args);
	va_end(args);
}

/* ---- Who runs next. ---- */

/* 0: the body, which is where it called model_run. */
static void switch_to(unsigned thread)
{
	struct thread *from = &run.thread[run.current], *to = &run.thread[thread];

	if (from == to)
		return;
	run.current = thread;
	fiber_switch(&from->fiber, &to->fiber);
}

static unsigned add(struct option *o, unsigned n, unsigned thread, enum action action)
{
	o[n] = (struct option){thread, action};
	return n + 1;
}

/* What may happen next. */
static unsigned list_options(struct option *o)
{
	const struct thread *t = &run.thread[run.current];
	bool can_go_on = t->state == RUNNABLE, bound = can_go_on && run.preemptions >= run.bound;
	unsigned n = 0;

	if (can_go_on)
		n = add(o, n, run.current, RUN);
	for (unsigned i = 1; i < run.n_threads && !bound; i++) {
		t = &run.thread[i];
		if (t->state == RUNNABLE && i != run.current)
			n = add(o, n, i, RUN);
		if (t->state == SLEEPING && t->deadline != INT64_MAX && run.timeouts)
			n = add(o, n, i, TIME_OUT);
		if (t->state == SLEEPING && run.spurious)
			n = add(o, n, i, WAKE_UP);
	}
	if (can_go_on && run.thread[run.current].mortal)
		n = add(o, n, run.current, DIE);
	return n;
}

static void report_sleepers(char *ret, size_t size)
{
	char name[64];
	size_t used = 0;

	*ret = 0;
	for (unsigned i = 1; i < run.n_threads && used < size; i++) {
		const struct thread *t = &run.thread[i];
		const struct loc *loc = &run.loc[t->sleeps_on];

		if (t->state == SLEEPING)
			used += (size_t)snprintf(ret + used, size - used,
						 "; %s sleeps on %s, which was %ju and is %ju", t->name,
						 loc_name(loc, name), (uintmax_t)t->expects,
						 (uintmax_t)loc->latest->value);
		else if (t->state == SPINNING)
			used += (size_t)snprintf(ret + used, size - used, "; %s spins in %s", t->name,
						 t->last ? t->last->func : "?");
	}
}

/* Nobody can run. The spinners may leave their loops; if they have tried, this is the end. */
static unsigned list_spinners(struct option *o)
{
	unsigned n = 0;
	bool spinning = false, sleeping = false;
	char text[200];

	for (unsigned i = 1; i < run.n_threads; i++) {
		spinning |= run.thread[i].state == SPINNING;
		sleeping |= run.thread[i].state == SLEEPING;
		if (run.thread[i].state == SPINNING && !run.thread[i].stuck)
			n = add(o, n, i, RUN);
	}
	if (n || (!spinning && !sleeping))
		return n;
	report_sleepers(text, sizeof text);
	fail(spinning ? MODEL_LIVELOCK : MODEL_DEADLOCK, "nobody can run%s", text);
}

static void wake_sleeper(struct thread *t, int answer)
{
	t->state = RUNNABLE;
	t->answer = answer;
	if (answer)
		run.now = run.now > t->deadline ? run.now : t->deadline;
}

/* A death is something to see, for one that spins for it: model_died. */
static void look_again(void)
{
	for (unsigned i = 1; i < run.n_threads; i++)
		if (run.thread[i].state == SPINNING) {
			run.thread[i].state = RUNNABLE;
			run.thread[i].stuck = false;
		}
}

/* Chooses, and comes back when the calling thread is chosen again: never, if it is done or dead. */
void reschedule(void)
{
	for (;;) {
		struct option o[OPTIONS];
		unsigned threads[OPTIONS], n = list_options(o), c;
		bool plain[OPTIONS];
		struct thread *me = &run.thread[run.current], *t;

		if (!n)
			n = list_spinners(o);
		if (!n)
			switch_to(0);
		for (unsigned i = 0; i < n; i++) {
			threads[i] = o[i].thread;
			plain[i] = o[i].action == RUN;
		}
		c = choose_thread(n, threads, plain);
		t = &run.thread[o[c].thread];
		if (o[c].action == DIE) {
			step_note(t, "dies here");
			t->mortal = false; /* what follows is the kernel's */
			if (run.on_death)
				run.on_death((int)run.current);
			t->state = DEAD;
			look_again();
			continue;
		}
		if (me->state == RUNNABLE && t != me)
			run.preemptions++;
		if (o[c].action == TIME_OUT) {
			run.timeouts--;
			wake_sleeper(t, -1);
		} else if (o[c].action == WAKE_UP) {
			run.spurious--;
			step_note(t, "wakes up for no reason");
			wake_sleeper(t, 0);
		} else if (t->state == SPINNING) {
			t->state = RUNNABLE;
			t->impatient = true;
		}
		switch_to(o[c].thread);
		return;
	}
}

/* Not where a choice would lead to nothing new. A thread that was chosen just now could have been passed over
 * then. And of two loads in a row the first can read what was latest long before, so nothing needs to happen
 * between them that could not happen before both; seq_cst loads cannot. */
static bool needs_choice(struct thread *t, const struct model_site *site)
{
	bool reads = site->op == MODEL_LOAD && site->order != MODEL_seq_cst && run.old_reads;
	bool again = reads && t->reading;

	t->reading = reads;
	return t->mortal || !(t->fresh || again);
}

struct thread *before_op(struct model_site *site)
{
	struct thread *t = &run.thread[run.current];

	site->touched++;
	t->last = site;
	t->impatient = false;
	if (!run.running)
		return t;
	if (run.steps >= STEPS - 8)
		fail(MODEL_ENDLESS, "more than %d steps: does a loop lack its pause?", STEPS - 8);
	if (needs_choice(t, site))
		reschedule();
	t->fresh = false;
	return t;
}

static void fiber_body(void)
{
	struct thread *t = &run.thread[run.current];

	t->fn(t->arg);
	t->state = DONE;
	reschedule();
	abort();
}

static void make_ready(struct thread *t, unsigned number)
{
	const struct thread *body = &run.thread[0];

	view_join(&t->cur, &body->cur);
	t->cur.clock[number] = 1;
	locals_copy(&t->fiber);
	fiber_make(&t->fiber, fiber_body);
}

static unsigned choose_first(void)
{
	unsigned threads[MODEL_THREADS], n = run.n_threads - 1;
	bool plain[MODEL_THREADS];

	for (unsigned i = 0; i < n; i++) {
		threads[i] = i + 1;
		plain[i] = true;
	}
	return 1 + choose_thread(n, threads, plain);
}

void model_run(void)
{
	struct thread *body = &run.thread[0];

	for (unsigned i = 1; i < run.n_threads; i++)
		make_ready(&run.thread[i], i);
	body->cur.clock[0]++;
	run.running = true;
	run.current = choose_first();
	fiber_switch(&body->fiber, &run.thread[run.current].fiber);
	run.running = false;
	run.current = 0;
	if (run.failure)
		longjmp(body_end, 1);
	for (unsigned i = 1; i < run.n_threads; i++)
		view_join(&body->cur, &run.thread[i].cur);
}
