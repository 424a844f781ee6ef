/* SPDX-License-Identifier: MIT
 *
 * process_parts.h -- the pool's side of the executor "processes", in ten files:
 *
 *   process_pool.c   what the library asks: submit, cancel, stop, statistics; making and freeing
 *   process_lanes.c  which task is in which slot of which lane: filling, taking back, moving
 *   process_reap.c   how tasks leave their lanes: done, overdue, lost with their worker
 *   process_large.c  arguments and results in regions: by reference, or too large for a slot
 *   process_wait.c   threads that wait for a task where it runs
 *   process_start.c  workers that do not start: when to try again, when to give up
 *   process_home.c   the nursery that its workers come from
 *   process_files.c  descriptors that the program might close
 *   process_plan.c   what workers are made with (worker_plan.h)
 *   process_watch.c  the one thread of a pool: hears of dead workers, keeps deadlines, and finishes what
 *                    nobody else comes to finish
 *
 * A task accepted by the pool waits in the queue until a lane has a free slot; from then on it counts as
 * RUNNING for the library, though it may not have begun: until it has, it can be taken back, to be
 * dropped, or to be given to a worker that has nothing to do.
 *
 * Whoever comes by empties lanes: a submitter that finds no room, a thread that waits, the watcher. He
 * takes tasks out under the lock, many at a time, and finishes them without it. Continuations are released
 * by the watcher alone: they may run bodies, and a submitter may hold locks of its own.
 */
#ifndef WEFT_EXECUTORS_PROCESS_PARTS_H
#define WEFT_EXECUTORS_PROCESS_PARTS_H

#include "lane.h"
#include "process_home.h"
#include "taskq.h"

#include <pthread.h>
#include <weft/region.h>

/* How long who was told to leave may take before it is killed. */
#define LEAVE_PATIENCE WEFT_SECONDS(1)

enum lane_life {
	LANE_DOWN,     /* no worker: one is to be asked for at retry_at */
	LANE_STARTING, /* asked for; the lane takes tasks already */
	LANE_UP
};

/* The mapping of a lane. It stays as long as somebody looks at it, be the worker long gone. */
struct lane_memory {
	struct lane *lane;
	size_t size;
	unsigned users; /* the pool is one */
	uint16_t sleepers[LANE_SLOTS];
};

/* The pool's private record of a lane. Slots tail..head are in use; task[] is NULL where it was taken back.
 */
struct lane_end {
	struct lane *shared; /* of memory */
	struct lane_memory *memory;
	enum lane_life life;
	uint64_t epoch; /* one more for each worker: messages about an earlier one are void */
	pid_t pid;
	struct process_file pidfd;
	struct stats_row *row; /* the pid, for who looks on; NULL: not shown */
	struct stats_work
		*known;    /* of row: what we know of its work, where nobody may look into it; else NULL */
	weft_task *oldest; /* in it, as known says, and in which slot */
	uint32_t oldest_at;
	uint32_t head, tail;
	uint32_t told;  /* behind the last slot of which the watcher is told because more tasks wait */
	unsigned tasks; /* in it */
	uint32_t given; /* since the worker started, for max_tasks */
	unsigned timed; /* of its tasks: that have a deadline */
	weft_task *task[LANE_SLOTS];
	uint64_t block[LANE_SLOTS]; /* where the payload is, as in the request */
	size_t block_end[LANE_SLOTS];
	uint64_t large[LANE_SLOTS]; /* the block of the pool's region that its payload is in; 0: none */
	struct lane_store store;
	struct lane_end *next_fresh; /* in the pool's list of fresh ones; itself: the last */
	weft_time born, retry_at;
	unsigned failures; /* in a row, of workers that did nothing */
	bool leaving;      /* told to leave */
	bool killed;       /* by us */
	bool overdue;      /* killed for the deadline of what it ran */
	bool garbage;      /* killed for what it wrote */
	bool useful;       /* has done a task */
	bool interrupted;  /* died with a task begun */
	bool counted;      /* among the pool's deaths, if it is one */
};

struct process_pool {
	weft_executor *ex;
	struct weft_process_pool_opts opts;
	struct weft__lock lock; /* of all below that changes */
	struct weft__taskq q;
	struct lane_end *lane;
	unsigned n;              /* lanes */
	size_t waiting;          /* tasks in lanes behind another one: they count against the queue's limit */
	int32_t low;             /* no task in a lane has a lower priority */
	unsigned shallow;        /* so many more tasks are put into lanes that are kept short */
	struct lane_end *fresh;  /* lanes whose workers have not been woken for what was put there */
	bool armed;              /* workers ring when they have nothing left to do */
	bool telling;            /* somebody waits for the end of all: the watcher is told of each */
	struct weft__link *rest; /* continuations, for the watcher to release */
	unsigned deaths;
	bool dropping, killing, ending;
	int broken;                                /* negative errno: no worker can be started */
	char broken_text[WEFT_ERROR_TEXT_MAX + 1]; /* why */
	struct process_home home;
	weft_time leave_by;           /* when ending: who is still there then is killed */
	bool leave_late;              /* they have been killed, and are still there */
	weft_time probe_at;           /* when broken: the next try */
	weft_time wake_at;            /* when the watcher will look at deadlines next */
	struct weft__lock large_lock; /* of large, until it is there */
	weft_region *large;           /* where payloads are that no slot carries; NULL: not needed yet */
	atom_u32 n_large;             /* its blocks */
	pthread_t watcher;
};

/* A task that has left its lane, to be finished without the lock. */
struct departed {
	weft_task *task;
	int status;
	bool died;
	bool copy;      /* the result out of large */
	uint64_t large; /* its block, 0: none */
	char text[WEFT_ERROR_TEXT_MAX + 1];
	struct weft__death death; /* if died */
};

/* So many at a time. */
enum { DEPARTED = 32 };

struct departures {
	unsigned n;
	struct departed d[DEPARTED];
};

/* process_lanes.c; all under the lock. */
void lanes_fill(struct process_pool *p);
/* For a task to be put into without having queued; NULL: there is no room, or others come first. */
struct lane_end *lanes_room_for(struct process_pool *p, const weft_task *t, uint64_t large);
bool lanes_have_done(const struct lane_end *e, unsigned n); /* more than so many tasks? */
void lane_put(struct process_pool *p, struct lane_end *e, weft_task *t);
void lanes_wake(struct process_pool *p); /* after lane_put, before the lock is let go */
void lanes_rebalance(struct process_pool *p);
void lanes_arm(struct process_pool *p); /* workers with nothing to do are to ring, if others have too much */
bool lanes_listen(struct process_pool *p);                /* true: something has happened meanwhile */
struct list_node *lanes_withdraw(struct process_pool *p); /* all that has not begun, claimed */
void lanes_ask_all(struct process_pool *p);               /* the tasks that run, to give up */
void lanes_tell_all(struct process_pool *p);              /* the watcher, of all that ends */
void lanes_tell_next(struct process_pool *p);             /* the watcher, of the next to end in each */
void lanes_kill_all(struct process_pool *p);
void lane_kill(struct lane_end *e);
/* Out of its lane, if it is there and has not begun. */
bool lane_withdraw(struct process_pool *p, struct lane_end *e, uint32_t at, weft_task *t);
enum weft_cancel lane_interrupt(struct process_pool *p, struct lane_end *e, uint32_t at, weft_task *t);
unsigned lanes_queued(const struct process_pool *p); /* tasks in them that have not begun */
void lane_forget(struct process_pool *p, struct lane_end *e, uint32_t at);
void lane_show_work(struct lane_end *e); /* of one that has known, when its tasks have changed */
void lane_take_large(struct lane_end *e, uint32_t at, weft_task *t); /* its block is its place again */
bool lane_take_back_at(struct process_pool *p, struct lane_end *e, uint32_t at); /* false: it has begun */
void lane_requeue(struct process_pool *p, weft_task *t);                         /* where it was first */
void lane_memory_leave(struct lane_memory *m);

static inline struct lane_slot *lane_slot_of(const struct lane_end *e, uint32_t at)
{
	return &e->shared->slot[at % LANE_SLOTS];
}

/* NULL: it is no place in a lane, but that of a block. */
static inline struct lane_end *process_lane_at(const struct process_pool *p, uint64_t place)
{
	return place >> 32 < p->n ? &p->lane[place >> 32] : NULL;
}

/* process_reap.c; all under the lock, but for the first two. */
void process_finish(struct process_pool *p, const struct departures *d);
bool process_reap(struct process_pool *p); /* all that has ended; true: there was some */
void lanes_harvest(struct process_pool *p, struct departures *ret); /* until ret is full */
bool lane_is_due(struct lane_end *e);                               /* the next one has ended */
/* A worker goes round in order. One that has ended what lies at at, and not the next one, is not honest. */
bool lane_is_out_of_turn(struct lane_end *e, uint32_t at);
/* The worker has written what no honest one does: it is not trusted with the rest either, and killed. */
void lane_distrust(struct lane_end *e);
bool lanes_overdue(struct process_pool *p,
		   struct departures *ret); /* one that need not begin; kills others */
weft_time lanes_next_deadline(const struct process_pool *p);

/* The worker of e is dead: lane_close; lanes_harvest until it finds none; then lane_lose, which puts back
 * into the queue what had not begun, as long as it returns a task that had; then lane_bury. */
void lane_close(struct lane_end *e);
bool lane_lose(struct process_pool *p, struct lane_end *e, const struct weft__death *d,
	       struct departures *ret);
void lane_bury(struct process_pool *p, struct lane_end *e, const struct weft__death *d);
void lane_show(struct lane_end *e, pid_t pid); /* to who looks on: its worker; 0: there is none now */

/* Gives lane i a fresh memory and asks the nursery for a worker. */
void lane_start(struct process_pool *p, unsigned i);

/* process_start.c; all under the lock. */
void lane_failed(struct process_pool *p, struct lane_end *e, int err, const char *why); /* no worker for it */
void lane_ended(struct process_pool *p, struct lane_end *e,
		const struct weft__death *d); /* when to replace */
bool lane_may_retry(struct process_pool *p, struct lane_end *e, weft_time now);
void process_look_for_started(struct process_pool *p); /* a broken pool may be whole again */

/* process_large.c. A block is given back by whoever takes its task out of the pool. */
bool process_carries(void *pool, const weft_task *t); /* is it more than a slot, but not too much? */
/* Takes a block if t needs one, and copies the argument. Without the lock. 0 | -EAGAIN | -ENOMEM */
int process_stage(struct process_pool *p, const weft_task *t, uint64_t *ret_block);
bool process_is_small(const struct process_pool *p, const weft_task *t); /* it needs none */
void process_unstage(struct process_pool *p, uint64_t block);
void process_unstage_task(struct process_pool *p, weft_task *t); /* which is in no lane */
void process_unstage_all(struct process_pool *p, struct list_node *dropped);
static inline bool process_by_reference(const struct process_pool *p, const void *at, size_t size)
{
	return size && p->home.has_space && weft__space_has(at, size);
}

static inline bool process_is_far(const struct process_pool *p, const weft_task *t, uint64_t block)
{
	return block || process_by_reference(p, t->arg, t->arg_size) ||
	       process_by_reference(p, t->result, t->result_size);
}

/* Bytes that it needs in a lane. */
static inline size_t process_lane_size(const struct process_pool *p, const weft_task *t, uint64_t block)
{
	return process_is_far(p, t, block) ? 0 : lane_payload_size(t->arg_size, t->result_size);
}

void process_write_far(const struct process_pool *p, struct lane_end *e, unsigned i, const weft_task *t);
/* Where the worker has left a result that is to be copied; NULL: nowhere. */
const char *process_far_result(const struct process_pool *p, const struct lane_end *e, unsigned i,
			       const weft_task *t);
void process_copy_large(const struct process_pool *p, uint64_t block, weft_task *t);

/* process_wait.c: the operations of weft__attend. */
int process_attend(void *pool, weft_task *t, struct weft__spinner *spinner, weft_time deadline, bool sleep);
void process_heed(void *pool, weft_task *t);
bool process_look(void *pool);

/* process_watch.c */
void *process_watch(void *pool);
bool process_is_watcher(const struct process_pool *p);   /* the calling thread */
void process_wake_watcher(const struct process_pool *p); /* under the lock */
int process_nursery_open(struct process_pool *p);        /* a bell, if there is none, and a nursery */

#endif
