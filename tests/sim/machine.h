/* SPDX-License-Identifier: MIT
 *
 * machine.h -- a machine to run the scheduler on, of which there are two: one that is simulated, with as many
 * cores as one likes, and this one, with its threads. On both the sources of the library are the same, compiled
 * as for the model checker: each atomic operation, and by the hooks of the thread sanitizer each plain access, is
 * a call that knows the address. On both it is counted how often a cache line goes from core to core.
 *
 *   sim_core.c    the simulated cores: threads, time, who runs next, sleeping and waking
 *   sim_cache.c   what an access costs there: a directory of cache lines
 *   sim_hooks.c   atomic operations and plain accesses, for the simulation
 *   real_hooks.c  the same on this machine: they are done, and the lines are counted
 *   real_core.c   its threads
 *   sites.c       which places in the sources make lines move
 *   work.c        the workloads, and the command line
 */
#ifndef TESTS_SIM_MACHINE_H
#define TESTS_SIM_MACHINE_H

#include "model_atomic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MACHINE_CORES = 320, LINE = 64 };

/* What was counted from begin to end. */
struct machine_count {
	double ns;         /* from the first to the last */
	uint64_t accesses; /* of memory */
	uint64_t
		transfers; /* lines that came from another core, or had to be taken from it to be written to */
	uint64_t contended; /* of them, those that had to wait for an earlier transfer of the same line */
	double waited;      /* ns that they did, all together */
	uint64_t sleeps;
};

extern const char *const machine_name;
bool machine_option(const char *name, double value); /* false: there is none of that name */

/* The calling thread is the first. cores: how many threads will run at a time; 0 or more than there can be: exits. */
void machine_open(unsigned cores);
void machine_thread(void (*fn)(void *), void *arg); /* it ends before the program does */
void machine_join(void);                            /* all of those */
void machine_compute(double ns);
void machine_begin(void);
void machine_end(struct machine_count *ret);
struct sites *machine_sites(void); /* of all since it was opened */

/* sites.c: which places move lines. key is a struct model_site, or, plain, an address in the code. */
enum { SITES = 4096 };
struct sites {
	struct site {
		const void *key;
		bool plain;
		uint64_t moved;
		double waited; /* ns */
	} site[SITES];
};
void site_moved(struct sites *s, const void *key, bool plain, double waited);
void sites_print(struct sites *s, double tasks, unsigned most);

#endif
