/* SPDX-License-Identifier: MIT
 *
 * stats.h -- the library's side of the page that others may look at: who has which part of it, and the few words that
 * change with each task.
 */
#ifndef WEFT_CORE_STATS_H
#define WEFT_CORE_STATS_H

#include "stats_page.h"
#include <weft/executor.h>

#include <stdbool.h>

/* Where the calling thread shows what it runs; NULL: nowhere. */
extern _Thread_local struct stats_work *weft__work __attribute__((tls_model("initial-exec")));

/* A part for ex; the first makes the page. NULL, here and below: there is no page (WEFT_STATS=off, or no memory or
 * descriptor for it), or no part left. Nothing but what is seen depends on it. */
struct stats_executor *weft__stats_open(const char *name);
void weft__stats_close(struct stats_executor *e); /* the last gives the page back; NULL is fine */
bool weft__stats_wanted(void);                    /* by the environment */

/* What it has turned out to be: its name, its workers. */
void weft__stats_describe(const weft_executor *ex, enum stats_kind kind);

struct stats_row *weft__stats_row_open(const weft_executor *ex, enum stats_kind kind, unsigned number,
				       int id);
void weft__stats_row_close(struct stats_row *row); /* NULL is fine */

/* Models are compiled without those who run by themselves, as without probe.h. */
#ifdef WEFT__NO_PROBES
#define WEFT__SHOWS_ALONE false
#else
#define WEFT__SHOWS_ALONE true
#endif

/* A row for who runs by himself, as a thread, process or program: id of it, the function if there is one, what it is
 * called. A thread gets one only where there is a page; when one is made weft__threads_show is called. */
struct stats_row *weft__stats_alone_open(enum stats_kind kind, int id, uintptr_t fn, const char *label);
/* It has ended, with this status: of an exit, or minus a signal, or STATS_UNKNOWN. The row is still to be closed. NULL is fine. */
void weft__stats_alone_end(struct stats_row *row, int code);

/* In the child of a fork, where the page must not be written any more. */
void weft__stats_forked(void);

enum { WEFT__STAMP_MOST = 64 }; /* a power of two */

void weft__stats_stamp(struct stats_work *w, uint64_t n);

#define WEFT__STATS_TAG (((uint64_t)1 << STATS_TAG_BITS) - 1)

static inline uint64_t weft__stats_tagged(uint64_t address, uint64_t n)
{
	return address << STATS_TAG_BITS | (n & WEFT__STATS_TAG);
}

/* What every task passes through: two stores. Relaxed, here and below: see stats_page.h. */
static inline void weft__work_begin(struct stats_work *w, uintptr_t fn, const char *name)
{
	uint64_t n = atom_load(&w->fn, relaxed) + 1, called = name ? (uintptr_t)name : w->far_name;

	atom_store(&w->fn, weft__stats_tagged(fn, n), relaxed);
	if (called)
		atom_store(&w->name, weft__stats_tagged(called, n), relaxed);
	if (!(n & w->stamp_mask))
		weft__stats_stamp(w, n);
}

/* It is over. */
static inline void weft__work_end(struct stats_work *w)
{
	atom_store(&w->fn, atom_load(&w->fn, relaxed) & WEFT__STATS_TAG, relaxed);
}

/* Another begins on top of it (1), or ends (-1). */
static inline void weft__work_on_top(struct stats_work *w, int n)
{
	atom_store(&w->depth, atom_load(&w->depth, relaxed) + (uint32_t)n, relaxed);
}

/* What the thread is about from now on, or no longer. */
static inline void weft__work_mark(enum stats_doing what, bool yes)
{
	struct stats_work *w = weft__work;

	if (w)
		atom_store(&w->doing, (atom_load(&w->doing, relaxed) & ~(uint32_t)what) | (yes ? what : 0U),
			   relaxed);
}

#endif
