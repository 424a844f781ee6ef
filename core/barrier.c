/* SPDX-License-Identifier: MIT
 *
 * barrier.c -- the asymmetric fence: who comes by often passes for nothing, who comes seldom pays for both.
 *
 * Light: the compiler keeps the order of the code, the processor may still let a load overtake a store.
 * Heavy: membarrier(2) runs a full fence on every processor where a thread of this process runs. So of a
 * thread that writes A, passes light, reads B, and one that writes B, passes heavy, reads A, at least one
 * sees the other's write. Costs 0.4 us while the others sleep, some 10 us where one runs.
 *
 * Source: Dice, Huang, Yang, "Asymmetric Dekker Synchronization", 2001; membarrier(2).
 *
 * A kernel without it, or a filter that forbids it, is noticed at the start: then both sides are plain
 * fences. A filter that is put on later takes it away from under light fences already passed; the fallback
 * is to take a right from a page, for which the kernel has to interrupt the same processors.
 *
 *   tag  word    from -> to       order      carries
 *   B1   ready   init -> light    relaxed    nothing. Who does not see it yet passes a plain fence, which is
 *                                            as good; a heavy one comes after init by pthread_once
 */
#include "atomic.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

atom_u32 weft__barrier_ready;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t page_lock = PTHREAD_MUTEX_INITIALIZER;
static atom_u32 *page = MAP_FAILED;

static int membarrier(int command)
{
	return (int)syscall(SYS_membarrier, command, 0, 0);
}

static void init(void)
{
	page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page != MAP_FAILED && membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0)
		/* B1 relaxed: see the table. */
		atom_store(&weft__barrier_ready, 1, relaxed);
}

void weft__barrier_init(void)
{
	pthread_once(&once, init);
}

void weft__barrier_forked(void)
{
	pthread_mutex_init(&page_lock, NULL);
	membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

/* The page must be there, and writable, for its loss of that right to matter to other processors. */
static void interrupt_all(void)
{
	pthread_mutex_lock(&page_lock);
	if (mprotect(page, 1, PROT_READ | PROT_WRITE) == 0) {
		atom_store(page, 1, relaxed);
		if (mprotect(page, 1, PROT_READ) == 0) {
			pthread_mutex_unlock(&page_lock);
			return;
		}
	}
	fprintf(stderr, "weft: neither membarrier nor mprotect is left to order memory with\n");
	abort();
}

void weft__barrier_heavy(void)
{
	weft__barrier_init();
	atom_fence(seq_cst);
	/* B1 relaxed: see the table. */
	if (atom_load(&weft__barrier_ready, relaxed) && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0)
		interrupt_all();
}
