/* SPDX-License-Identifier: MIT
 *
 * thread_parts.h -- the parts of the executor "threads".
 *
 *   thread_pool.c    the operations, options, start and end
 *   thread_queues.c  where tasks wait, and how they get there
 *   thread_remove.c  how they get out again if they are not to run, or not by a worker
 *   thread_take.c    how workers get at them
 *   thread_tokens.c  how many may wait
 *   thread_seats.c   which threads work, search, sleep, stand in for others
 *   thread_worker.c  what one thread does
 *
 * Locks, outermost first: pool.lock | a queue's | ladder.lock. None of them while a body runs.
 */
#ifndef WEFT_THREAD_PARTS_H
#define WEFT_THREAD_PARTS_H

#include "bias.h"
#include "ring.h"
#include "spin.h"
#include "steal.h"
#include "taskq.h"
#include <weft/thread_pool.h>

#include <pthread.h>
#include <sched.h>

enum {
	THREAD_SEAT_RING = 256, /* tasks in a seat's own queue */
	THREAD_BATCH = 32,      /* tasks that a worker takes over at a time */
	THREAD_TOKEN_STEP = 64, /* tokens that a queue gets or gives at a time, while there are plenty */
	THREAD_SHARDS_MAX = 16,
	THREAD_STACKS_MAX =
		64 /* threads beyond WEFT_SPARES_MAX, for those who sleep because their stack is low */
};

/* A queue of tasks of priority 0. A shard takes what comes from outside, its lock is used as an ordinary
 * one; a seat's is owned by the thread on the seat. */
struct thread_queue {
	/* What others look at all the time; the holder of the lock writes here only as he comes and goes. */
	_Alignas(128) struct weft__bias bias;
	atom_u64 seen;    /* ring.head << 32 | ring.n, for those who only look */
	uint64_t number;  /* its own; the shards come first */
	atom_u32 pushing; /* the owner has put in tasks since it last had none: see thread_seats.c */
	_Alignas(128) struct weft__ring ring;
	uint32_t tokens;          /* free places in the pool's queue that are at hand here */
	struct weft__tally tally; /* what was submitted through a shard */
};

/* What of tasks has another priority, and what found no cell. */
struct thread_ladder {
	_Alignas(128) struct weft__lock lock;
	atom_u32 n;
	atom_u32 urgent; /* of them above priority 0 */
	atom_u32 plain;  /* of them with priority 0: there was no cell for them */
	uint32_t tokens;
	struct weft__taskq q;
};

enum thread_life {
	THREAD_NONE,
	THREAD_ALIVE,
	THREAD_ENDED /* or about to; to be joined. It does not need the pool any more */
};

/* The right to work: a pool has as many seats as it is to have active threads. */
struct thread_seat {
	struct thread_queue queue;
	struct list_node node; /* in pool.free, under pool.lock */
	weft_task *cells[THREAD_SEAT_RING];
	atom_u64 started, stolen, slept; /* figures for people, written by who sits here */
};

struct thread_worker {
	_Alignas(128) struct thread_pool *pool;
	/* NULL: none. Its own to change, but under pool.lock others give it one while it sleeps. */
	struct thread_seat *seat;
	struct thread_queue *own; /* of its seat, for what its tasks submit; NULL also in a pool of one */
	struct weft__deque deque; /* children of fork-join */
	struct weft__tally tally;
	struct weft__spinner spinner;
	struct weft__parker parker;
	struct list_node node; /* in pool.sleeping or pool.reserve, under pool.lock */
	const char *stack_end; /* lowest usable address; NULL: unknown */
	bool searching;        /* it counts in pool.idlers */
	bool fresh;            /* started with the pool, and had no task yet; set under pool.lock */
	unsigned victim;       /* the seat it has its eye on, */
	uint64_t victim_seen;  /* and what it saw there: thread_take.c */
	const struct thread_seat *pinned; /* the seat whose processor it is on */
	unsigned blocked;                 /* how many times over: sections, and a wait in them */
	unsigned low;                     /* which of them was the first with little stack left; 0: none */
	bool keeps_seat;                  /* it ends tasks while it is about to take one: thread_take.c */
	unsigned turn;
	pthread_t thread;
	enum thread_life life; /* under pool.lock */
};

/* pool.idlers: how many threads look for work, and how many could be woken or seats be filled to. */
#define IDLERS_SEARCHING (1u << 16)
#define IDLERS_WAKEABLE  1u

struct thread_pool {
	weft_executor *ex;
	size_t mapped;               /* bytes */
	unsigned size, shards, room; /* seats; queues for outside; places in worker */
	uint32_t limit;
	uint32_t searchers; /* threads that may search at a time */
	struct thread_queue *shard;
	struct thread_seat *seat;
	struct thread_ladder ladder;
	_Alignas(128) atom_u64 tokens; /* places in the queue that are nowhere at hand: see thread_queues.c */
	atom_u32 debt;                 /* tasks queued without a token */
	_Alignas(128) atom_u32 idlers;
	atom_u32 dropping, ending;
	atom_u32 known;                       /* places in worker that were ever used */
	_Alignas(128) struct weft__lock lock; /* of all below, and of who sits where */
	struct list_node *sleeping;           /* workers on a seat, the last to fall asleep first */
	struct list_node *reserve;            /* workers that may come back */
	struct list_node *free;               /* seats */
	unsigned threads, blocked, low, in_reserve, free_seats, asleep; /* low: of the blocked */
	struct weft_thread_pool_opts opts;
	cpu_set_t allowed; /* processors, when the pool was made */
	cpu_set_t taken;   /* processors on which its threads got their first tasks */
	char name[12];
	struct thread_worker worker[];
};

extern _Thread_local struct thread_worker *thread_self WEFT__TLS;

static inline struct thread_worker *thread_self_of(const struct thread_pool *p)
{
	return thread_self && thread_self->pool == p ? thread_self : NULL;
}

/* Where a task is queued: the word place. */
#define THREAD_PLACE_LADDER  UINT64_C(0xfffffffe00000000)
#define THREAD_PLACE_NOWHERE UINT64_MAX

static inline bool thread_queue_is_shard(const struct thread_pool *p, const struct thread_queue *q)
{
	return q->number < p->shards;
}

static inline uint64_t thread_place(const struct thread_queue *q, uint32_t at)
{
	return q->number << 32 | at;
}

/* Under q's lock, after each change of its ring. */
static inline void thread_queue_count(struct thread_queue *q)
{
	/* T2, T3 relaxed: ordered by what follows. */
	atom_store(&q->seen, (uint64_t)q->ring.head << 32 | q->ring.n, relaxed);
}

/* The number of tasks, in what was loaded from seen. */
static inline uint32_t thread_seen(uint64_t seen)
{
	return (uint32_t)seen;
}

/* thread_pool.c */
extern const struct weft_executor_ops thread_pool_ops;

/* thread_tokens.c; at_hand is a queue's, under its lock */
bool thread_token_get(struct thread_pool *p, uint32_t *at_hand);
void thread_token_put_slowly(struct thread_pool *p, uint32_t *at_hand);

static inline void thread_token_put(struct thread_pool *p, uint32_t *at_hand)
{
	/* T4 relaxed: a debt that is not seen is paid by the next. */
	if (*at_hand < 2 * THREAD_TOKEN_STEP - 1 && !atom_load(&p->debt, relaxed))
		++*at_hand;
	else
		thread_token_put_slowly(p, at_hand);
}

void thread_tokens_gather(struct thread_pool *p); /* what all have at hand becomes everybody's */

/* thread_queues.c */
int thread_queues_open(struct thread_pool *p); /* 0 or -ENOMEM */
void thread_queues_close(struct thread_pool *p);
void thread_queues_settle(struct thread_pool *p); /* at a stop */
int thread_queues_submit(struct thread_pool *p, struct weft_offer *offer);
bool thread_queues_quickly(struct thread_pool *p, weft_task *t); /* weft_executor.submit_quickly */
void thread_queues_remove(struct thread_pool *p, weft_task *t);  /* one that the caller has claimed */
/* Claims t, which may be anywhere, for the calling worker to run, and takes it out; false: it is another\'s. */
bool thread_queues_claim(struct thread_worker *w, weft_task *t);
void thread_queues_drop(struct thread_pool *p); /* finishes what nobody has claimed */
void thread_ladder_count(struct thread_pool *p, const weft_task *t,
			 int n); /* under its lock: n more like t */

/* thread_take.c */
weft_task *thread_take(struct thread_worker *w);  /* started; or NULL: nothing in the own queue, or outside */
weft_task *thread_steal(struct thread_worker *w); /* likewise, from other seats */
struct weft_child *thread_steal_child(struct thread_worker *w); /* of a task of another thread */
bool thread_look(struct thread_pool *p);                        /* is there anything outside? A hint */
bool thread_look_hard(struct thread_pool *p);  /* anywhere? By one who has announced that he sleeps */
bool thread_is_pushing(struct thread_pool *p); /* does any owner of a seat put in tasks of its own? */
uint64_t thread_queued(struct thread_pool *p);

/* thread_seats.c */
int thread_seats_start(struct thread_pool *p, unsigned n);
void thread_seats_end(struct thread_pool *p);
void thread_seats_notify(struct thread_pool *p); /* there may be work for one more */
bool thread_seats_take(struct thread_worker *w); /* for one that has none; false: it may end */
void thread_seats_sleep(struct thread_worker *w);
void thread_seats_search(struct thread_worker *w);
void thread_seats_found(struct thread_worker *w);
bool thread_seats_others_active(const struct thread_worker *w); /* on seats, at work. w searches */
void thread_seats_block(struct thread_pool *p, bool blocked);
void thread_seats_leave(struct thread_worker *w); /* the thread is about to end */
unsigned thread_seats_active(struct thread_pool *p);

/* thread_settle.c */
void thread_settle(struct thread_worker *w); /* w, which is fresh, has got a task */

/* thread_worker.c */
void *thread_worker_main(void *worker);
bool thread_worker_turn(struct thread_worker *w); /* on a seat: runs something, or sleeps; false: the end */
void thread_worker_own_deque(struct thread_worker *w); /* by the thread w, once its deque is open */
bool thread_worker_stack_is_low(const struct thread_worker *w);

#endif
