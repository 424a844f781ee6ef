/* SPDX-License-Identifier: MIT
 *
 * checker_fiber.c -- a stack for each thread of a model, and the switch between them. On x86-64 the switch
 * is written out: it saves what a function must preserve, and costs some nanoseconds. Elsewhere ucontext
 * does it, with two system calls each time.
 *
 * To the system all this is one thread, with one copy of each _Thread_local variable of the program. So they
 * are exchanged at each switch.
 */
#include "checker_fiber.h"

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { STACK = 1024 * 1024, GUARD = 4096 }; /* what is not touched costs nothing */

static void locals_swap(struct fiber *from, const struct fiber *to);

static void *new_stack(void)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED || mprotect(stack, GUARD, PROT_NONE)) {
		perror("model: a stack");
		exit(2);
	}
	return stack;
}

#ifdef __x86_64__

void checker_switch(void **save, void *to);
__asm__(".text\n"
	".type checker_switch, @function\n"
	"checker_switch:\n"
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
	".size checker_switch, .-checker_switch\n");

void fiber_make(struct fiber *f, void (*entry)(void))
{
	void **sp;

	if (!f->stack)
		f->stack = new_stack();
	sp = (void **)(void *)((char *)f->stack + STACK);
	*--sp = NULL; /* where entry would return to: it does not */
	*--sp = (void *)(uintptr_t)entry;
	for (int i = 0; i < 6; i++)
		*--sp = NULL;
	f->sp = sp;
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
	locals_swap(from, to);
	checker_switch(&from->sp, to->sp);
}

#else

void fiber_make(struct fiber *f, void (*entry)(void))
{
	if (!f->stack)
		f->stack = new_stack();
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = (char *)f->stack + GUARD;
	f->context.uc_stack.ss_size = STACK - GUARD;
	f->context.uc_link = NULL;
	makecontext(&f->context, entry, 0);
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
	locals_swap(from, to);
	swapcontext(&from->context, &to->context);
}

#endif

/* ---- Variables of a thread. ---- */

static unsigned char *locals;
static size_t locals_size;
static unsigned char fresh[LOCALS];

/* The program itself is the first one asked for; libraries keep theirs. */
static int find_locals(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_TLS && info->dlpi_tls_data) {
			locals = info->dlpi_tls_data;
			locals_size = info->dlpi_phdr[i].p_memsz;
		}
	return 1;
}

void locals_reset(void)
{
	static bool found;

	if (found) {
		memcpy(locals, fresh, locals_size);
		return;
	}
	found = true;
	locals = fresh;
	dl_iterate_phdr(find_locals, NULL);
	if (locals_size > sizeof fresh) {
		fprintf(stderr, "model: more than %d bytes of variables of a thread\n", LOCALS);
		exit(2);
	}
	memcpy(fresh, locals, locals_size);
}

void locals_copy(struct fiber *to)
{
	memcpy(to->locals, locals, locals_size);
}

void locals_fresh(struct fiber *to)
{
	memcpy(to->locals, fresh, locals_size);
}

static void locals_swap(struct fiber *from, const struct fiber *to)
{
	memcpy(from->locals, locals, locals_size);
	memcpy(locals, to->locals, locals_size);
}

bool is_local(uintptr_t address)
{
	return address - (uintptr_t)locals < locals_size;
}
