/* SPDX-License-Identifier: MIT
 *
 * sim.h -- what the parts of the simulated machine know of each other. Times are picoseconds.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "machine.h"

enum { PS = 1000 };

/* What things cost, ps: measured on the machine at hand, or chosen: docs/scaling.md. */
struct sim_costs {
	int64_t access;     /* a memory access that hits, with the instructions around it */
	int64_t rmw;        /* what an atomic read-modify-write that hits takes besides, and a fence */
	int64_t near;       /* a line from a core of the same group */
	int64_t far;        /* ... of another group */
	unsigned group;     /* cores in a group */
	int64_t stream;     /* a line next to one that just came: it was fetched ahead */
	int64_t first;      /* a line that nobody had before */
	int64_t pause;      /* one turn of a loop that spins */
	int64_t clock;      /* reading it */
	int64_t yield;      /* a system call that does nothing */
	int64_t wake_call;  /* waking somebody */
	int64_t wake_delay; /* until he runs */
	int64_t sleep_call;
	int64_t interrupt; /* what a heavy fence costs every other core; who asks waits for as much and a call */
};
extern struct sim_costs sim_costs;

/* sim_core.c */
extern unsigned sim_me; /* the core that runs */
int64_t sim_now(void);
void sim_pass(int64_t ps);   /* time passes for it; others may run before this returns */
void sim_reach(int64_t now); /* ... until then */
void sim_interrupt_others(int64_t ps);
void sim_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* sim_cache.c */
enum access {
	READ,
	WRITE,
	UPDATE
}; /* UPDATE: who reads and writes in one step waits for his earlier writes */
void cache_access(const void *p, size_t size, enum access access, const void *site, bool plain);
void cache_drain(void); /* until all that the core has written is where all can see it */
void cache_count(struct machine_count *ret);
void cache_reset_count(void);

#endif
