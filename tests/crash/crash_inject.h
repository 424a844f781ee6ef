/* SPDX-License-Identifier: MIT
 *
 * crash_inject.h -- runs a program in which one system call fails, by ptrace: the n-th of its kind, with a
 * chosen error, without being carried out. Threads and processes that it starts are followed.
 */
#ifndef TESTS_CRASH_INJECT_H
#define TESTS_CRASH_INJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { INJECT_NUMBERS = 512 }; /* system calls have lower numbers */

/* In which processes. */
enum {
	INJECT_PROGRAM = 1, /* all its threads, and what shares its memory */
	INJECT_NURSERY = 2, /* what it forks or executes */
	INJECT_WORKER = 4   /* what that forks */
};

struct inject {
	unsigned where;
	long number; /* of the system call; -1: none, only count */
	unsigned nth;
	int error;             /* a positive errno */
	bool on;               /* from the nth on, all of them */
	const uint32_t *armed; /* shared with the program: while it is 0 nothing counts */

	unsigned count[INJECT_NUMBERS]; /* result: how many of each there were */
	unsigned happened;              /* result */
};

/* Runs program(ctx) in a fork until it and all that it has started have ended. Returns the program's exit
 * status; -ETIME: 30 s were not enough, and everything has been killed; -ENOSYS: not possible here. */
int inject_run(struct inject *in, void (*program)(void *ctx), void *ctx);

#endif
