/* SPDX-License-Identifier: MIT
 *
 * sim_core.c -- simulated cores. Each has a clock, and one thread, which is a fiber of this one: the one that runs
 * is always the one whose clock is least, or behind it by less than it takes to matter. So all happens in the order
 * of time, the same at each run but for where malloc puts things.
 *
 * A thread that sleeps leaves its core idle. There is no kernel but for that: no time slices, no queues of its own.
 */
#include "sim.h"

#include "checker_fiber.h"
#include "own_thread.h"
#include "wait.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/executor.h>

#define NEVER INT64_MAX
#define SLACK (10 * PS) /* how far the one that runs may be ahead */

/* docs/scaling.md says where they come from. */
struct sim_costs sim_costs = {
	.access = 400,
	.rmw = 8500,
	.near = 50 * PS,
	.far = 120 * PS,
	.group = 8,
	.stream = 10 * PS,
	.first = 10 * PS,
	.pause = 20 * PS,
	.clock = 30 * PS,
	.yield = 300 * PS,
	.wake_call = 1500 * PS,
	.wake_delay = 4000 * PS,
	.sleep_call = 700 * PS,
	.interrupt = 1000 * PS,
};

enum state { RUNS, SLEEPS, JOINS, DONE };

static struct core {
	struct fiber fiber;
	enum state state;
	int64_t now; /* of one that sleeps: when it has slept enough */
	void *(*fn)(void *);
	void *arg;
	atom_u32 *word; /* that it sleeps on */
	int answer;
} * cores;
static unsigned n_cores, most_cores;
static int64_t began;
static uint64_t sleeps;
unsigned sim_me;

const char *const machine_name = "sim";

atom_u32 weft__barrier_ready = 1;

void sim_fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("sim: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

int64_t sim_now(void)
{
	return cores ? cores[sim_me].now : 0;
}

static bool may_run(const struct core *c)
{
	return c->state == RUNS || (c->state == SLEEPS && c->now != NEVER);
}

static unsigned earliest(int64_t *ret_next)
{
	unsigned first = n_cores;

	*ret_next = NEVER;
	for (unsigned i = 0; i < n_cores; i++) {
		if (!may_run(&cores[i]))
			continue;
		if (first == n_cores || cores[i].now < cores[first].now) {
			*ret_next = first < n_cores ? cores[first].now : NEVER;
			first = i;
		} else if (cores[i].now < *ret_next) {
			*ret_next = cores[i].now;
		}
	}
	return first;
}

static int64_t others; /* the earliest of them, as far as we know */

/* The core whose turn it is goes on. */
static void dispatch(void)
{
	unsigned from = sim_me, to = earliest(&others);

	if (to == n_cores)
		sim_fail("all threads sleep");
	if (cores[to].state == SLEEPS) {
		cores[to].state = RUNS;
		cores[to].answer = -ETIMEDOUT;
	}
	if (to == from)
		return;
	sim_me = to;
	fiber_switch(&cores[from].fiber, &cores[to].fiber);
}

void sim_pass(int64_t ps)
{
	cores[sim_me].now += ps;
	if (cores[sim_me].now > others + SLACK)
		dispatch();
}

void sim_reach(int64_t now)
{
	if (now > sim_now())
		sim_pass(now - sim_now());
}

void sim_interrupt_others(int64_t ps)
{
	for (unsigned i = 0; i < n_cores; i++)
		if (i != sim_me && cores[i].state == RUNS)
			cores[i].now += ps;
}

static void begin_to_run(struct core *c, int64_t now)
{
	c->state = RUNS;
	c->now = now;
	others = now < others ? now : others;
}

/* ---- Threads ---- */

static void body(void)
{
	struct core *me = &cores[sim_me];

	me->fn(me->arg);
	me->state = DONE;
	for (unsigned i = 0; i < n_cores; i++)
		if (cores[i].state == JOINS)
			begin_to_run(&cores[i], cores[i].now > me->now ? cores[i].now : me->now);
	dispatch();
	abort();
}

static unsigned start(void *(*fn)(void *), void *arg)
{
	unsigned i = n_cores;

	if (i == MACHINE_CORES)
		sim_fail("more than %d threads", MACHINE_CORES);
	cores[i].fn = fn;
	cores[i].arg = arg;
	locals_fresh(&cores[i].fiber);
	fiber_make(&cores[i].fiber, body);
	n_cores++;
	begin_to_run(&cores[i], sim_now());
	return i;
}

int weft__thread_start(pthread_t *ret, void *(*fn)(void *), void *arg)
{
	*ret = start(fn, arg);
	return 0;
}

int pthread_join(pthread_t thread, void **ret)
{
	(void)ret;
	while (cores[thread].state != DONE) {
		cores[sim_me].state = JOINS;
		dispatch();
	}
	return 0;
}

struct job {
	void (*fn)(void *);
	void *arg;
	unsigned core;
};
static struct job jobs[MACHINE_CORES];
static unsigned n_jobs;

static void *run_job(void *arg)
{
	struct job *j = arg;

	j->fn(j->arg);
	return NULL;
}

static const struct {
	const char *name;
	int64_t *ps;
} options[] = {
	{"--access", &sim_costs.access}, {"--rmw", &sim_costs.rmw},         {"--near", &sim_costs.near},
	{"--far", &sim_costs.far},       {"--stream", &sim_costs.stream},   {"--first", &sim_costs.first},
	{"--clock", &sim_costs.clock},   {"--wake", &sim_costs.wake_delay},
};

bool machine_option(const char *name, double value)
{
	if (!strcmp(name, "--group") && value >= 1 && value <= MACHINE_CORES) {
		sim_costs.group = (unsigned)value;
		return true;
	}
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (!strcmp(name, options[i].name) && value >= 0 && value < 1e6) {
			*options[i].ps = (int64_t)(value * PS);
			return true;
		}
	return false;
}

void machine_open(unsigned n)
{
	if (!n || n >= MACHINE_CORES)
		sim_fail("1 to %d cores", MACHINE_CORES - 1);
	most_cores = n;
	cores = calloc(MACHINE_CORES, sizeof *cores);
	if (!cores)
		sim_fail("no memory");
	n_cores = 1;
	others = NEVER;
	locals_reset();
}

void machine_thread(void (*fn)(void *), void *arg)
{
	struct job *j = &jobs[n_jobs++];

	*j = (struct job){.fn = fn, .arg = arg};
	j->core = start(run_job, j);
}

void machine_join(void)
{
	for (unsigned i = 0; i < n_jobs; i++)
		pthread_join(jobs[i].core, NULL);
	n_jobs = 0;
}

void machine_compute(double ns)
{
	sim_pass((int64_t)(ns * PS));
}

void machine_begin(void)
{
	cache_drain();
	cache_reset_count();
	sleeps = 0;
	began = sim_now();
}

void machine_end(struct machine_count *ret)
{
	cache_count(ret);
	ret->ns = (double)(sim_now() - began) / PS;
	ret->sleeps = sleeps;
}

/* ---- What the library asks of the system ---- */

unsigned weft_cpu_count(void)
{
	return most_cores;
}

weft_time weft_now(void)
{
	if (cores)
		sim_pass(sim_costs.clock);
	return sim_now() / PS;
}

weft_time weft_after(weft_time ns)
{
	weft_time now = weft_now();

	return ns < WEFT_FOREVER - now ? now + ns : WEFT_FOREVER;
}

int sched_yield(void)
{
	sim_pass(sim_costs.yield);
	return 0;
}

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	(void)pid;
	CPU_ZERO_S(size, set);
	for (unsigned i = 0; i < most_cores; i++)
		CPU_SET_S(i, size, set);
	return 0;
}

int sched_getcpu(void)
{
	return (int)sim_me;
}

int weft__wait(atom_u32 *word, uint32_t expected, weft_time deadline, enum weft__scope scope)
{
	struct core *me = &cores[sim_me];

	(void)scope;
	cache_drain();
	sim_pass(sim_costs.sleep_call);
	cache_access(word, sizeof *word, READ, (const void *)(uintptr_t)weft__wait, true);
	if (*word != expected)
		return 0;
	sleeps++;
	me->state = SLEEPS;
	me->word = word;
	me->answer = 0;
	if (deadline == WEFT_FOREVER)
		me->now = NEVER;
	else if (deadline * PS > me->now)
		me->now = deadline * PS;
	dispatch();
	return me->answer;
}

int weft__wait_thread(atom_u32 *word, uint32_t expected, weft_time deadline, enum weft__scope scope)
{
	return weft__wait(word, expected, deadline, scope);
}

int weft__wake(atom_u32 *word, int n, enum weft__scope scope)
{
	int woken = 0;

	(void)scope;
	cache_drain();
	for (unsigned i = 0; i < n_cores && woken < n; i++) {
		if (cores[i].state != SLEEPS || cores[i].word != word)
			continue;
		woken++;
		begin_to_run(&cores[i], sim_now() + sim_costs.wake_call + sim_costs.wake_delay);
	}
	sim_pass(woken ? sim_costs.wake_call : sim_costs.yield);
	return woken;
}

void weft__barrier_init(void)
{
}

void weft__barrier_forked(void)
{
}

/* Threads of this kind have no name, no processor of their choice, and a stack of which nothing is known. */
int pthread_setname_np(pthread_t thread, const char *name)
{
	(void)thread, (void)name;
	return 0;
}

int pthread_getattr_np(pthread_t thread, pthread_attr_t *attr)
{
	(void)thread, (void)attr;
	return ENOTSUP;
}

int pthread_getaffinity_np(pthread_t thread, size_t size, cpu_set_t *set)
{
	(void)thread, (void)size, (void)set;
	return ENOTSUP;
}
