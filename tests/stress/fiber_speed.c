/* SPDX-License-Identifier: MIT
 *
 * fiber_speed.c [ROUNDS] -- what fibers cost: nanoseconds, the least and the median of 11 runs.
 *
 *   floor         a switch that keeps the registers and nothing else
 *   switch        weft__context_switch
 *   run           a function on a pooled context: to it and back
 *   yield         weft_yield among 2, and among 1,000 tasks of one lane
 *   wake          two fibers of one lane that wake each other, each time
 *   task          submitted by a task of the lane, which then waits for it
 */
#include "context.h"
#include "fiber.h"
#include "stack.h"
#include <weft/weft.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 11 };

static unsigned long rounds = 1000000;

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const char *what, void (*run)(void), double steps)
{
	double ns[RUNS];

	for (int i = 0; i < RUNS; i++) {
		weft_time took = -weft_now();

		run();
		ns[i] = (double)(took + weft_now()) / (double)rounds / steps;
	}
	qsort(ns, RUNS, sizeof *ns, compare);
	printf("%-16s %8.2f %8.2f\n", what, ns[0], ns[RUNS / 2]);
	fflush(stdout);
}

static struct weft__context outside, inside;
static struct weft__stacks stacks;

static void open_inside(void (*entry)(void *arg))
{
	struct weft__stack stack;

	if (weft__stack_new(&stacks, &stack))
		abort();
	weft__context_adopt(&outside);
	weft__context_init(&inside, stack.low, stack.size, entry, NULL);
}

/* ---- The floor ---- */

#ifdef __x86_64__
void floor_swap(void **from, void *to);
__asm__(".text\n"
	".p2align 6\n"
	"floor_swap:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	popq %rcx\n"
	"	jmp *%rcx\n");

static void *floor_outside, *floor_inside;

static void floor_main(void)
{
	for (;;)
		floor_swap(&floor_inside, floor_outside);
}

static void floor_run(void)
{
	for (unsigned long i = 0; i < rounds; i++)
		floor_swap(&floor_outside, floor_inside);
}

static void measure_floor(void)
{
	struct weft__stack stack;
	void **top;

	if (weft__stack_new(&stacks, &stack))
		abort();
	top = (void **)(void *)(stack.low + stack.size);
	top[-2] = (void *)(uintptr_t)floor_main;
	floor_inside = top - 8;
	measure("floor", floor_run, 2);
}
#else
static void measure_floor(void)
{
}
#endif

/* ---- Contexts ---- */

static void echo(void *arg)
{
	(void)arg;
	for (;;)
		weft__context_switch(&inside, &outside);
}

static void switch_run(void)
{
	for (unsigned long i = 0; i < rounds; i++)
		weft__context_switch(&outside, &inside);
}

static void (*next_fn)(void);
static unsigned long called;

static void count(void)
{
	called++;
}

static void serve(void *arg)
{
	(void)arg;
	for (;;) {
		next_fn();
		weft__context_switch(&inside, &outside);
	}
}

static void pooled_run(void)
{
	for (unsigned long i = 0; i < rounds; i++) {
		next_fn = count;
		weft__context_switch(&outside, &inside);
	}
}

/* ---- Lanes ---- */

static weft_executor *ex;
static unsigned yielders;

static int yield_fn(weft_call *call, const void *arg, void *result)
{
	unsigned long n = rounds / yielders;

	(void)call, (void)arg, (void)result;
	for (unsigned long i = 0; i < n; i++)
		weft_yield();
	return 0;
}

static void run_tasks(weft_fn *fn, unsigned n)
{
	static weft_task t[1000];

	for (unsigned i = 0; i < n; i++) {
		t[i] = (weft_task){.fn = fn};
		if (weft_submit(ex, &t[i]))
			abort();
	}
	for (unsigned i = 0; i < n; i++)
		if (weft_future_wait(weft_task_future(&t[i]), WEFT_FOREVER) ||
		    weft_future_status(weft_task_future(&t[i])))
			abort();
}

static void yield_run(void)
{
	run_tasks(yield_fn, yielders);
}

static struct weft__parker ball[2];
static unsigned player;

static int play_fn(weft_call *call, const void *arg, void *result)
{
	unsigned me = player++ % 2;

	(void)call, (void)arg, (void)result;
	for (unsigned long i = 0; i < rounds; i++) {
		weft__unpark(&ball[!me]);
		weft__sleep(&ball[me], WEFT_FOREVER, true);
	}
	weft__unpark(&ball[!me]);
	return 0;
}

static void play_run(void)
{
	ball[0] = ball[1] = (struct weft__parker){0};
	run_tasks(play_fn, 2);
}

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

static int parent_fn(weft_call *call, const void *arg, void *result)
{
	weft_task t = {.fn = nothing_fn};

	(void)call, (void)arg, (void)result;
	for (unsigned long i = 0; i < rounds; i++)
		if (weft_submit(ex, &t) || weft_future_wait(weft_task_future(&t), WEFT_FOREVER))
			return -EXIT_FAILURE;
	return 0;
}

static void task_run(void)
{
	run_tasks(parent_fn, 1);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 10);
	weft__stacks_init(&stacks, WEFT__STACK_SIZE_DEFAULT);
	printf("%-16s %8s %8s\n", "ns each", "least", "median");
	measure_floor();
	open_inside(echo);
	measure("switch", switch_run, 2);
	open_inside(serve);
	measure("run", pooled_run, 1);
	if (weft_executor_open(&ex, "uring:1"))
		return 77;
	yielders = 2;
	measure("yield, 2", yield_run, 1);
	yielders = 1000;
	measure("yield, 1000", yield_run, 1);
	measure("wake", play_run, 2);
	measure("task", task_run, 1);
	weft_executor_free(ex);
	return 0;
}
