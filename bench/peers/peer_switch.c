/* SPDX-License-Identifier: MIT
 *
 * peer_switch.c -- how flows of control change without weft: ucontext, which makes a system call each time, and
 * on x86-64 the fewest instructions there can be, which leave by a return as a function does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "measure_io.h"

enum { STACK = 64 * 1024 };

static char *stack;

static void open_stack(void)
{
	stack = measure_memory(1, STACK);
}

/* ---- ucontext --------------------------------------------------------------------------------------- */

static ucontext_t here, there;

static void bounce_context(void)
{
	for (;;)
		swapcontext(&there, &here);
}

static void make_context(ucontext_t *c, char *low, void (*fn)(void), ucontext_t *next)
{
	getcontext(c);
	c->uc_stack.ss_sp = low;
	c->uc_stack.ss_size = STACK;
	c->uc_link = next;
	makecontext(c, fn, 0);
}

static void switch_contexts(size_t n)
{
	make_context(&there, stack, bounce_context, NULL);
	for (size_t i = 0; i < n / 2; i++)
		swapcontext(&here, &there);
}

static size_t n_run;

static void run_context(void)
{
	n_run++;
}

static void context_fibers(size_t n)
{
	n_run = 0;
	for (size_t i = 0; i < n; i++) {
		make_context(&there, stack, run_context, &here);
		swapcontext(&here, &there);
	}
	measure_must(n_run == n ? 0 : -1, "fibers are wrong");
}

static ucontext_t *sleeper;
static size_t n_asleep;

static void prepare_context_crowd(size_t n)
{
	sleeper = measure_memory(n, sizeof *sleeper);
}

static void sleep_context(void)
{
	ucontext_t *self = sleeper;

	n_asleep++;
	swapcontext(self, &here);
}

/* The guard is a mapping of its own, of which the kernel allows 65,530 unless told otherwise. */
static size_t context_crowd(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (; n_asleep < n; sleeper++) {
		char *low = mmap(NULL, page + STACK, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (low == MAP_FAILED || mprotect(low, page, PROT_NONE))
			break;
		make_context(sleeper, low + page, sleep_context, NULL);
		swapcontext(&here, sleeper);
	}
	return n_asleep;
}

static const struct io_peer context = {.open = open_stack,
				       .switches = switch_contexts,
				       .fibers = context_fibers,
				       .prepare_crowd = prepare_context_crowd,
				       .crowd = context_crowd};

/* ---- assembly --------------------------------------------------------------------------------------- */

#ifdef __x86_64__

void switch_bare(void **from, void *to);

__asm__(".text\n"
	".p2align 6\n"
	".type switch_bare, @function\n"
	"switch_bare:\n"
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
	"	ret\n"
	".size switch_bare, . - switch_bare\n");

static void *here_bare, *there_bare;

static void bounce_bare(void)
{
	for (;;)
		switch_bare(&there_bare, here_bare);
}

static void run_bare(void)
{
	n_run++;
	switch_bare(&there_bare, here_bare);
	abort();
}

/* Six registers, where to go, and a place that keeps the alignment. */
static void make_bare(void (*fn)(void))
{
	void **top = (void **)(void *)(stack + STACK) - 8;

	memcpy(&top[6], &fn, sizeof fn);
	there_bare = top;
}

static void switch_bares(size_t n)
{
	make_bare(bounce_bare);
	for (size_t i = 0; i < n / 2; i++)
		switch_bare(&here_bare, there_bare);
}

static void bare_fibers(size_t n)
{
	n_run = 0;
	for (size_t i = 0; i < n; i++) {
		make_bare(run_bare);
		switch_bare(&here_bare, there_bare);
	}
	measure_must(n_run == n ? 0 : -1, "fibers are wrong");
}

static const struct io_peer bare = {.open = open_stack, .switches = switch_bares, .fibers = bare_fibers};
static const struct peer assembly_peer = {.name = "assembly", .io = &bare};

#endif

static const struct peer context_peer = {.name = "ucontext", .io = &context};
const struct peer *const measure_peers[] = {
	&context_peer,
#ifdef __x86_64__
	&assembly_peer,
#endif
	NULL,
};
