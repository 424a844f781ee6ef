/* SPDX-License-Identifier: MIT
 *
 * lane.h -- the memory that one worker process shares with its pool: a ring of slots, each carrying one
 * task there and its outcome back.
 *
 * A lane belongs to one worker for its whole life; a replacement gets a fresh one. So whatever a worker
 * does to its lane, dying in the middle of it included, harms only the tasks in that lane.
 *
 *   FREE --publish--> QUEUED --worker--> RUNNING --worker--> DONE --pool--> FREE
 *                        +----pool-----> SKIP ----worker---> FREE
 *
 *   state     written by     may be left by                      the slot's other bytes belong to
 *   FREE      either         the pool                            the pool
 *   QUEUED    the pool       both: one compare-and-swap decides  nobody
 *   RUNNING   the worker     the worker                          the worker, but for cancel
 *   DONE      the worker     the pool                            the pool
 *   SKIP      the pool       the worker                          nobody: the task has been taken back
 *
 * The worker goes round the ring in order; the pool fills it in order. What the pool knows -- which task
 * is in which slot, how far it has filled and emptied -- it keeps in private memory; bytes of the lane
 * are copied once, then checked, and never index anything.
 *
 *   tag  word             from -> to           order                       carries
 *   S1   slot.state       publish -> worker    store rel -> CAS acq        the request
 *   S2   slot.state       worker -> harvest    store rel -> load acq       the reply
 *   S3   slot.state       pool <-> worker      CAS relaxed on one word     nothing: who gets the task
 *   B1   lane.asleep      worker <-> publish   store, fence seq_cst <->    nothing: either the worker sees
 *                                              fence seq_cst, load         QUEUED or the pool sees asleep
 *   B2   lane.listening   pool <-> worker      the same the other way round, for DONE
 *
 * Progress: no step waits for the other side. Wrap: indices are counted in 32 bits, modulo a ring of a
 * power of two. Death: wherever the worker dies, the state word says whose the task is: QUEUED and SKIP
 * the pool's, RUNNING lost with the worker, DONE complete.
 */
#ifndef WEFT_EXECUTORS_LANE_H
#define WEFT_EXECUTORS_LANE_H

#include "state.h"
#include "token.h"
#include "worker_plan.h"

enum {
	LANE_SLOTS = 8, /* a power of two */
	LANE_ALIGN = 64
};

enum { SLOT_FREE, SLOT_QUEUED, SLOT_SKIP, SLOT_RUNNING, SLOT_DONE };

struct lane_request {
	struct weft__token fn;
	uint64_t arg_size, result_size; /* bytes */
	weft_time deadline;
	uint64_t batch, arg_stride, result_stride; /* calls in it, 0: an ordinary task; bytes */
};

struct lane_reply {
	int32_t status;
	uint32_t has_text;
	uint64_t reply_size;
	char text[WEFT_ERROR_TEXT_MAX + 1];
};

struct lane_slot {
	_Alignas(LANE_ALIGN) atom_u32 state;
	atom_u32 cancel; /* the pool raises it */
	struct lane_request request;
	size_t failed; /* which call of a batch the worker is at */
	struct lane_reply reply;
};

struct lane {
	_Alignas(LANE_ALIGN) atom_u32 asleep;    /* 1: the worker sleeps, on this word */
	atom_u32 ending;                         /* the worker is to leave */
	_Alignas(LANE_ALIGN) atom_u32 listening; /* the pool wants its descriptor written */
	uint32_t slot_size;                      /* bytes of payload per slot */
	uint32_t max_tasks;                      /* 0: no limit */
	struct worker_report report;
	_Alignas(LANE_ALIGN) struct lane_slot slot[LANE_SLOTS];
};

static inline size_t lane_rounded(size_t x)
{
	return (x + LANE_ALIGN - 1) & ~(size_t)(LANE_ALIGN - 1);
}

static inline size_t lane_size(size_t slot_size)
{
	return lane_rounded(sizeof(struct lane)) + LANE_SLOTS * lane_rounded(slot_size);
}

/* Where slot i's argument lies; its result follows, at the next multiple of LANE_ALIGN. */
static inline char *lane_payload(struct lane *lane, unsigned i, size_t slot_size)
{
	return (char *)lane + lane_rounded(sizeof *lane) + i * lane_rounded(slot_size);
}

/* The pool's side: lane.c */
int lane_create(struct lane **ret, size_t slot_size, uint32_t max_tasks); /* returns its memfd */
void lane_publish(struct lane *lane, unsigned i);                         /* the request is written */
void lane_end(struct lane *lane);                                         /* the worker leaves */
bool lane_take_back(struct lane_slot *slot);                              /* it had not begun */
bool lane_listen(struct lane *lane);                                      /* true: look again first */

/* The worker's side: worker.c */
void worker_main(struct lane *lane, size_t slot_size, int bell);

#endif
