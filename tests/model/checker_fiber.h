/* SPDX-License-Identifier: MIT
 *
 * checker_fiber.h -- threads that are none to the system: a stack each, and a copy of the program's _Thread_local
 * variables.
 */
#ifndef TESTS_MODEL_CHECKER_FIBER_H
#define TESTS_MODEL_CHECKER_FIBER_H

#include <stdbool.h>
#include <stdint.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif

enum { LOCALS = 4096 };

struct fiber {
	void *stack;
#ifdef __x86_64__
	void *sp;
#else
	ucontext_t context;
#endif
	unsigned char locals[LOCALS]; /* its _Thread_local variables while another one runs */
};

void fiber_make(struct fiber *f, void (*entry)(void)); /* entry does not return */
void fiber_switch(struct fiber *from, struct fiber *to);

/* The first call remembers them as they are; others make them so again. */
void locals_reset(void);
void locals_copy(struct fiber *to);  /* those of the one that runs */
void locals_fresh(struct fiber *to); /* as they were at first */
bool is_local(uintptr_t address);

#endif
