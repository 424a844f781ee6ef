/* SPDX-License-Identifier: MIT
 *
 * probe.h -- the places at which those who look on are told what happens: one small inline function for each, which
 * every executor calls. Each is a USDT probe (usdt.h), and a branch on one word, which is 0 where nobody looks on.
 *
 * A task is known by its address. It is the same from its submission to its end, and no second task has it
 * meanwhile; in a worker process it is the address that the task has in the program. So who orders all events by
 * time knows which of them belong together, and a task needs no number.
 *
 *   submit   before the task can be started      end    before it can be submitted again
 *   start    by who runs it, without any lock    done   of every end but a plain success that end has told of
 *
 * What is told under locks (submit, steal, ...) only writes. Models are compiled without all this.
 */
#ifndef WEFT_CORE_PROBE_H
#define WEFT_CORE_PROBE_H

#include "atomic.h"
#include "stats.h"
#include "tracing.h"
#include "usdt.h"

#include <stdbool.h>
#include <weft/spawn_inline.h>

/* Who looks on: bits of weft__probes. */
enum {
	WEFT__PROBE_TRACE = 1,  /* trace.c */
	WEFT__PROBE_PENDING = 2 /* WEFT_TRACE is set, and the trace has not begun */
};

#ifdef WEFT__NO_PROBES
#define weft__probed() false
#define weft__shown()  ((struct stats_work *)0)
#else
extern struct weft__probes {
	_Alignas(64) atom_u32 on; /* a line of the cache that is hardly ever written */
	char rest[60];
} weft__probes;

static inline bool weft__probed(void)
{
	/* Relaxed: who is told of too much or too little at the start and the end of a trace does no harm. */
	return __builtin_expect(atom_load(&weft__probes.on, relaxed) != 0, 0);
}

/* Where the calling thread shows what it runs (stats_page.h), or NULL. */
static inline struct stats_work *weft__shown(void)
{
	return weft__work;
}
#endif

/* A task has been accepted by an executor, which may not have it yet. May hold locks. */
static inline void weft__probe_submit(const weft_task *t, const void *ex, const char *executor)
{
	WEFT__USDT(3, task_submit, t, t->fn, executor);
	if (weft__probed())
		weft__trace_submit(t, ex, executor);
}

/* A task goes to a rank of a job. May hold locks. */
static inline void weft__probe_sent(const weft_task *t, unsigned rank)
{
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_SENT, (uintptr_t)t, t->name ? weft__trace_name(t->name) : 0,
				   rank);
}

/* On that rank, t does what rank 0 knows as id; before it is submitted there. */
static inline void weft__probe_taken(const weft_task *t, uint64_t id)
{
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_TAKEN, (uintptr_t)t, 0, id);
}

/* The calling thread, or fiber, begins the body of t, which its submitter knows as id. Name: one that was given in
 * another process, or 0. */
static inline void weft__probe_start(const void *id, const weft_task *t, uint32_t name)
{
	struct stats_work *shown = weft__shown();

	WEFT__USDT(3, task_start, id, t->fn, t->name);
	if (shown && weft_spawn_thread_1.call)
		weft__work_on_top(shown, 1);
	else if (shown)
		weft__work_begin(shown, (uintptr_t)t->fn, t->name);
	if (weft__probed())
		weft__trace_start(id, t, name);
}

static inline void weft__probe_end(const void *id, int status)
{
	struct stats_work *shown = weft__shown();

	WEFT__USDT(2, task_end, id, status);
	if (shown && weft_spawn_thread_1.call)
		weft__work_on_top(shown, -1);
	else if (shown)
		weft__work_end(shown);
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_END, (uintptr_t)id, (uint32_t)status, 0);
}

/* A task is about to be done, with this status, for whatever reason. */
static inline void weft__probe_done(const weft_task *t, int status)
{
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_DONE, (uintptr_t)t, (uint32_t)status, 0);
}

/* The calling thread waits for a task, and has waited; alike where the task was done already. */
static inline void weft__probe_wait(const weft_task *t)
{
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_WAIT, (uintptr_t)t, 0, 0);
}

static inline void weft__probe_waited(const weft_task *t, int err)
{
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_WAITED, (uintptr_t)t, (uint32_t)err, 0);
}

/* The caller takes the outcome of a task that is done. */
static inline void weft__probe_got(const weft_task *t)
{
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_GOT, (uintptr_t)t, 0, 0);
}

/* The calling thread goes to sleep: idle, or, inside of a body, for a lock, for time, for data. */
static inline void weft__probe_park(bool idle)
{
	WEFT__USDT(1, sleep, __builtin_frame_address(0));
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_PARK, 0, idle, 0);
}

static inline void weft__probe_unpark(void)
{
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_UNPARK, 0, 0, 0);
}

/* The calling thread took n tasks, or a child of fork-join, from another's queue. */
static inline void weft__probe_steal(uint32_t n)
{
	WEFT__USDT(1, steal, n);
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_STEAL, 0, n, 0);
}

/* The calling thread, which has fibers, goes on with this one; NULL: with none. */
static inline void weft__probe_switch(const void *fiber)
{
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_SWITCH, (uintptr_t)fiber, 0, 0);
}

/* The calling thread enters the kernel by its ring, with n requests. */
static inline void weft__probe_ring_enter(uint32_t n)
{
	WEFT__USDT(1, ring_enter, n);
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_RING, 0, n, 0);
}

/* A worker is sent SIGKILL; a worker has ended. */
static inline void weft__probe_kill(int32_t pid)
{
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_KILL, (uint32_t)pid, 0, 0);
}

static inline void weft__probe_death(int32_t pid, int32_t signal, int32_t code)
{
	WEFT__USDT(3, worker_death, pid, signal, code);
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_DEATH, (uint32_t)pid, (uint32_t)signal, (uint32_t)code);
}

#endif
