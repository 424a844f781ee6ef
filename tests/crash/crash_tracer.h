/* SPDX-License-Identifier: MIT
 *
 * crash_tracer.h -- stops another process at each single instruction that weft executes in it, by ptrace, so
 * that it can be killed there.
 *
 * First it is stepped through what it does, once or a few times, and the instructions are noted. Then, in one
 * fresh process after the other, a breakpoint is set at one of them. Those of the C library and of the test are
 * no such points; of a loop the first two rounds are: in further ones the memory is as in the second.
 */
#ifndef TESTS_CRASH_TRACER_H
#define TESTS_CRASH_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tracer {
	pid_t pid;
	uintptr_t begin, end; /* weft's instructions in that process */
	uint8_t *visits;      /* of each of them, in this process */
	uint8_t *noted;       /* of each of them, the most in one process */
	size_t point;         /* where it is to stop: an instruction, and its which visit, from 1 */
	unsigned visit;
	bool is_set;  /* the breakpoint there */
	long saved;   /* what it has overwritten */
	bool running; /* it has been told to go on, and has not been seen to stop yet */
	int go;       /* the child of tracer_fork waits for what comes here */
};

enum traced {
	TRACED_STOPPED, /* after an instruction, or where it was to stop */
	TRACED_ASLEEP,  /* in a system call that waits; call again, as often as need be */
	TRACED_GONE     /* it has ended, and been reaped */
};

/* Forks a process off, which is to call act(arg) and then exit, and attaches to it; it waits for tracer_go. Skips the
 * test where processes cannot be traced. */
void tracer_fork(struct tracer *t, void (*act)(const void *arg), const void *arg);
void tracer_go(struct tracer *t);

/* Attaches to pid and stops it. 0, or a negative errno: here processes cannot be traced. */
int tracer_seize(struct tracer *t, pid_t pid);

/* Goes through its instructions, and notes those that are points, until it falls asleep or ends. */
enum traced tracer_note(struct tracer *t);

/* The next one of the points that have been noted; false: that was the last one. */
bool tracer_next(struct tracer *t);

/* Lets it run to that point, where it stops, unless it falls asleep or ends before. */
enum traced tracer_run(struct tracer *t);

/* Kills it, whatever it does, and reaps it. */
void tracer_kill(struct tracer *t);

/* Lets it go, as if nothing had been. */
void tracer_release(struct tracer *t);

void tracer_fini(struct tracer *t);

/* One life of a process: tracer_fork, then how until it does not say TRACED_ASLEEP, then what is to be checked. True:
 * it has been killed at the point. */
typedef bool tracer_play(struct tracer *t, const void *scene, enum traced (*how)(struct tracer *t));

/* Plays the scene once to note its points, and then for each stride-th of them: from another first one in each run, or
 * from WEFT_TRACER_FIRST. Says and returns at how many it has been killed. */
size_t tracer_play_all(tracer_play *play, const void *scene, size_t stride);

#endif
