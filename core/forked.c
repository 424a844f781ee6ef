/* SPDX-License-Identifier: MIT
 *
 * forked.c -- counts forks, and frees the library's global locks in the child: whoever held them in the
 * parent does not exist here. pthread_atfork sees fork(), and that is enough: a process made by a bare
 * clone() without exec may not use the library, as it may not use much of the C library either.
 */
#include "forked.h"
#include "atomic.h"
#include "exit_hold.h"
#include "graph.h"
#include "io_wait.h"
#include "offload.h"
#include "ready.h"
#include "state.h"
#include "stats.h"

#include <pthread.h>

atom_u32 weft__forks = 1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void in_child(void)
{
	/* Relaxed: the child has one thread. */
	atom_add(&weft__forks, 1, relaxed);
	weft__stripes_reset();
	weft__graph_reset();
	weft__barrier_forked();
	weft__fiber = NULL; /* its engine's threads and ring are the parent's */
	weft__bells_forked();
	weft__io_waits_reset();
	weft__offload_reset();
	weft__exit_reset();
	weft__threads_forked();
	weft__stats_forked();
	weft__trace_forked();
}

static void arrange(void)
{
	pthread_atfork(NULL, NULL, in_child);
	weft__barrier_init();
}

uint32_t weft__generation(void)
{
	pthread_once(&once, arrange);
	/* Relaxed: it changes only in fork(), which orders everything. */
	return atom_load(&weft__forks, relaxed);
}
