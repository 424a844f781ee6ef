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
 * With QUEUED and RUNNING go flags in the same word, by which the pool says whom the worker is to tell
 * when it is DONE. Without one it tells nobody: somebody will come and look. So a task whose submitter
 * comes back before it is done costs neither side a system call.
 *
 *   TELL_SLEEPER   a thread sleeps on this word: wake it
 *   TELL_BELL      the pool's watcher is to finish it: ring, if the watcher listens
 *
 * The worker goes round the ring in order; the pool fills it in order. What the pool knows -- which task
 * is in which slot, how far it has filled and emptied, who sleeps where -- it keeps in private memory;
 * bytes of the lane are copied once, then checked, and never index anything.
 *
 *   tag  word             from -> to           order                       carries
 *   S1   slot.state       publish -> worker    store rel -> CAS acq        the request
 *   S2   slot.state       worker -> harvest    swap rel -> load acq        the reply
 *   S3   slot.state       pool <-> worker      CAS relaxed on one word     nothing: who gets the task
 *   S4   slot.state       tell -> worker       CAS relaxed -> swap         nothing: one word, so the worker
 *                                                                          sees the flag or the pool DONE
 *   B1   lane.asleep      worker <-> wake      store, fence seq_cst <->    nothing: either the worker sees
 *                                              fence seq_cst, load         QUEUED or the pool sees asleep
 *   B2   lane.listening   pool <-> worker      the same the other way round, for DONE with TELL_BELL
 *   B3   lane.hungry      pool <-> worker      as B2: either the worker, when it has nothing left to do,
 *                                              sees hungry, or the pool sees its last slot DONE
 *
 * Progress: no step waits for the other side. Wrap: indices are counted in 32 bits, modulo a ring of a
 * power of two. Death: wherever the worker dies, the state word says whose the task is: QUEUED and SKIP
 * the pool's, RUNNING lost with the worker, DONE complete. A worker that dies between DONE and the waking,
 * or has scribbled over the flags, leaves sleepers behind: the pool knows of them, and wakes them when it
 * hears of the death; a worker that finds its own slot scribbled over tells everybody.
 *
 * Where the payload lies: a small one inside of its slot; a larger one in a block of the same memory behind
 * the slots, which the request names by its offset. Blocks are given out by the pool alone, by a book that
 * it keeps to itself (lane_store.c); the worker checks that the block lies inside. What lies in a region, by the
 * user's will or because it is larger than a slot may carry, is named by its address (process_large.c).
 */
#ifndef WEFT_EXECUTORS_LANE_H
#define WEFT_EXECUTORS_LANE_H

#include "state.h"
#include "token.h"
#include "worker_plan.h"

enum {
	LANE_SLOTS = 128, /* a power of two */
	LANE_ALIGN = 64,
	LANE_DATA_ALIGN = 16, /* of arguments and results: weft/call.h */
	LANE_INLINE = 160,    /* bytes of payload inside of a slot */
	LANE_FAR = 1,         /* no offset that a block can have */
	LANE_BLOCKS = 8       /* largest payloads that there is room for besides */
};

enum {
	SLOT_FREE,
	SLOT_QUEUED,
	SLOT_SKIP,
	SLOT_RUNNING,
	SLOT_DONE,
	SLOT_MASK = 7,
	TELL_SLEEPER = 8,
	TELL_BELL = 16
};

struct lane_request {
	uint64_t arg_size, result_size; /* bytes */
	weft_time deadline;
	uint64_t batch; /* calls in it, all of one size; 0: an ordinary task */
	uint64_t
		block; /* offset of the payload from the start of the lane; 0: it lies in the slot; or LANE_FAR */
};

/* In place of the payload: where argument and result are, behind this in the slot, or in a region. */
struct lane_far {
	_Alignas(LANE_DATA_ALIGN) uint64_t arg; /* offset in the lane, or address in the space of regions */
	uint64_t result;                        /* likewise */
	uint64_t keep;                          /* the result is the user's own memory: not to be zeroed */
};

struct lane_reply {
	int32_t status;
	uint32_t has_text;
	uint64_t reply_size;
};

/* An empty task changes the first 64 bytes; a small one needs the next 64 too, to read. */
struct lane_slot {
	_Alignas(LANE_ALIGN) atom_u32 state;
	atom_u32 cancel; /* the pool raises it */
	struct lane_reply reply;
	struct lane_request request;
	struct weft__token fn;
	uint64_t name; /* its address in the program, for who looks on */
	_Alignas(LANE_DATA_ALIGN) char payload[LANE_INLINE];
	size_t failed; /* which call of a batch the worker is at */
	/* For traces, where there is one: the task's address in the program, and the name that it was given. */
	uint64_t traced;
	uint32_t traced_name;
	char text[WEFT_ERROR_TEXT_MAX + 1];
};

_Static_assert(offsetof(struct lane_slot, fn) == LANE_ALIGN, "request and reply fit a cache line");

struct lane {
	struct stats_lane shown; /* what the worker runs, for who looks on; the pool does not read it */
	_Alignas(LANE_ALIGN) atom_u32 asleep;    /* 1: the worker sleeps, on this word */
	atom_u32 ending;                         /* the worker is to leave */
	_Alignas(LANE_ALIGN) atom_u32 listening; /* the pool wants its descriptor written */
	atom_u32 hungry;                         /* the pool has work for who has nothing to do */
	uint32_t slot_size;                      /* bytes of payload of one task */
	uint32_t max_tasks;                      /* 0: no limit */
	struct worker_report report;
	struct lane_slot slot[LANE_SLOTS];
};

static inline size_t lane_rounded(size_t x)
{
	return (x + LANE_ALIGN - 1) & ~(size_t)(LANE_ALIGN - 1);
}

static inline size_t lane_store_size(size_t slot_size)
{
	return LANE_BLOCKS * lane_rounded(slot_size);
}

static inline size_t lane_size(size_t slot_size)
{
	return sizeof(struct lane) + lane_store_size(slot_size);
}

/* Where the result lies behind an argument of so many bytes. */
static inline size_t lane_result_at(size_t arg_size)
{
	return (arg_size + LANE_DATA_ALIGN - 1) & ~(size_t)(LANE_DATA_ALIGN - 1);
}

/* Of an argument and a result that weft__check has passed. */
static inline size_t lane_payload_size(size_t arg_size, size_t result_size)
{
	return lane_result_at(arg_size) + result_size;
}

/* The payload of a task: its argument, behind that its result. */
static inline char *lane_payload(struct lane *lane, unsigned i, uint64_t block)
{
	return block ? (char *)lane + block : lane->slot[i].payload;
}

/* Blocks for payloads in a lane, given out and given back in the order of the slots, as a ring. The book is
 * the pool's; it begins zeroed, but for size. */
struct lane_store {
	size_t size;        /* bytes that there are */
	size_t first, next; /* the oldest block begins at first; the next one at next, or at 0 */
	unsigned n;         /* blocks given out */
};

/* lane_store.c; offsets are from the beginning of the store. */
bool lane_store_find(const struct lane_store *s, size_t size, size_t *ret); /* false: no room */
void lane_store_take(struct lane_store *s, size_t at, size_t size);         /* what find has found */
void lane_store_give(struct lane_store *s, size_t end);                     /* the oldest, which ends there */

/* The pool's side: lane.c */
int lane_create(struct lane **ret, size_t slot_size, uint32_t max_tasks); /* returns its memfd */
void lane_publish(struct lane *lane, unsigned i, uint32_t tell);          /* the request is written */
void lane_wake(struct lane *lane);                                        /* something is published */
void lane_end(struct lane *lane);                                         /* the worker leaves */
bool lane_take_back(struct lane_slot *slot);                              /* it had not begun */
uint32_t lane_tell(struct lane_slot *slot, uint32_t how); /* the word then; 0: it is not on its way */
bool lane_listen(struct lane *lane);                      /* true: look again first */
void lane_hunger(struct lane *lane);                      /* then look whether it is idle */

/* The worker's side: worker.c */
void worker_main(struct lane *lane, size_t slot_size, int bell);

#endif
