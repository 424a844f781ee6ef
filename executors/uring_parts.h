/* SPDX-License-Identifier: MIT
 *
 * uring_parts.h -- the private record of the executor "uring", and what lies in which file.
 *
 *   uring.c        what the library asks of it; options; making and freeing
 *   uring_queue.c  where tasks wait to start, and which lane gets one
 *   uring_lane.c   what the thread of a lane does: which fiber runs next, and when to look outside
 *   uring_wait.c   how fibers wait and are woken, from everywhere
 *   uring_watch.c  who notices a fiber that keeps its lane to itself
 *   uring_heap.c   deadlines of a lane
 *   uring_files.c  which of its fibers wait for which descriptor
 *   uring_ring.c   a lane's engine over io_uring: submitting, reaping
 *   uring_ops.c    one call of core/io.h as a request of the ring
 *   uring_quick.c  the same by a shorter way, for those that are made most
 *   uring_switch.h from one fiber to the next
 *   uring_poll.c   a lane's engine over epoll, where io_uring is not to be had
 *
 * A lane is a thread with a ring. All in it is its thread's alone, but for the words that say otherwise. Whichever
 * fiber has nothing to do any more looks for the next one on its own stack, and goes to the kernel from there: there
 * is no stack of a scheduler's.
 */
#ifndef WEFT_EXECUTORS_URING_PARTS_H
#define WEFT_EXECUTORS_URING_PARTS_H

#include "context.h"
#include "fiber.h"
#include "stack.h"
#include "taskq.h"
#include <weft/uring.h>

#include <pthread.h>

struct uring_fiber;
struct uring_lane;
struct uring_pool;
struct weft__io;

/* ---- Deadlines: a heap of four children a node. ---- */

struct uring_alarm {
	weft_time at;
	struct uring_fiber *fiber;
};

struct uring_heap {
	struct uring_alarm *alarm;
	uint32_t n, room;
};

int uring_heap_grow(struct uring_heap *h,
		    size_t fibers); /* room for the deadlines of so many; 0 or -ENOMEM */
/* f has none. It takes it back by f->alarm = 0. */
void uring_heap_add(struct uring_heap *h, weft_time at, struct uring_fiber *f);
weft_time uring_heap_next(struct uring_heap *h); /* the earliest; WEFT_FOREVER: there is none */
/* Takes out what is over at now, the forgotten too: how many, n at most. */
uint32_t uring_heap_take(struct uring_heap *h, weft_time now, struct uring_alarm ret[], uint32_t n);
void uring_heap_free(struct uring_heap *h);

/* ---- Fibers ---- */

/* What one thread tells the lane of another about a fiber. */
struct uring_note {
	struct uring_note *next;
	struct uring_fiber *fiber;
};

enum { URING_NAME = 3 }; /* words of a task's name that are kept */

enum uring_phase {
	URING_RUNNING,
	URING_WAITING, /* for a wake, its deadline, perhaps for being told to give up */
	URING_READY    /* in the lane's list of those */
};

/* It lies on top of its own stack, and runs one task after the other. */
struct uring_fiber {
	/* What an answer to it touches: a line of the cache. */
	_Alignas(64) struct weft__context context;
	struct uring_lane *lane;
	uint64_t request; /* the name of what it has asked the kernel for, one at a time; 0: nothing */
	weft_time alarm;  /* when it is to be woken; 0: not by the clock */
	int32_t done;     /* what came of the request */
	int16_t result;   /* of the wait */
	uint8_t phase;    /* enum uring_phase */
	bool has_parker;
	/* What a switch and a request touch besides. */
	bool interruptible;     /* wakes when the task is told to give up */
	bool closed;            /* its descriptor, by weft_close, while it waited; else false */
	uint16_t generation;    /* of the request */
	int fd;                 /* that it waits for */
	struct list_node on_fd; /* in the row of it */
	struct weft__fiber
		base; /* up to releases.busy; call: what it does when its task is told to give up */
	/* The rest. */
	short events; /* uring_poll.c: that it waits for there */
	struct weft__parker
		*parker; /* to be told of the answer, where it has one; else the fiber itself waits for it */
	bool is_kept;    /* uring_heap.c */
	struct uring_fiber *next; /* in free */
	struct uring_fiber *all;  /* the lane's next */
	weft_task *task;          /* NULL: it is to end */
	/* Any thread's. */
	struct uring_note woken, told;
	atom_u32 asked; /* told is on its way */
	/* What it runs, for the watcher (uring_watch.c). */
	atom_ptr body;
	atom_ptr text;             /* of the caller's: its address only */
	atom_u64 name[URING_NAME]; /* a copy; 0 where the text ends */
};

/* Its fiber has been woken before. */
static inline bool uring_alarm_is_forgotten(const struct uring_alarm *a)
{
	return a->fiber->alarm != a->at;
}

/* ---- Descriptors ---- */

enum { URING_CHUNKS = 1024, URING_ROWS = 1024 };

struct uring_row {
	struct list_node *fibers;
	bool has_offsets; /* its file, when that was last asked */
	bool is_drained;  /* uring_poll.c: the last receipt took all that was there */
	atom_u32 waiting; /* somebody does */
	atom_u32 closing; /* those there are have to be told */
};

/* ---- Lanes ---- */

/* What the watcher has seen of a lane. */
struct uring_watched {
	uint64_t turn;
	uint32_t batch;
	bool told;       /* that this turn is long */
	weft_time since; /* it was there at that time */
};

/* Those that are ready: a ring, so that the ones after the next are known, and can be fetched into the cache. */
struct uring_ready {
	struct uring_fiber **at;
	uint32_t first, end, mask; /* first and end wrap around */
};

/* What a lane waits for the kernel with. Called by its thread. */
struct uring_driver {
	const char *name;
	int (*open)(struct uring_lane *l); /* 0 or a negative errno */
	void (*close)(struct uring_lane *l);
	/* Hands the kernel what there is, and makes ready whoever has got his answer, or counts the answers. Sleeps until there is one, or the
	 * bell is rung, or until; 0: it does not sleep. */
	void (*poll)(struct uring_lane *l, weft_time until);
	struct weft__engine engine;
};

struct uring_lane {
	struct uring_pool *pool;
	const struct uring_driver *driver;
	void *io;                /* the driver's */
	struct uring_fiber self; /* the thread's own flow */
	struct uring_ready ready;
	int *err;         /* the thread's errno */
	uint32_t answers; /* of the kernel's, not given out yet: uring_ring.h */
	uint32_t budget;  /* so many may run before it looks outside */
	struct uring_fiber *free, *all;
	uint32_t fibers;
	struct uring_heap heap;
	struct weft__stacks stacks;
	weft_task *refused; /* there was no fiber for it */
	struct weft__tally tally;
	pthread_t thread;
	int error;           /* of its start */
	pid_t id;            /* of the thread */
	atom_u32 started;    /* it has tried to */
	int bell;            /* an eventfd */
	uint64_t bell_count; /* where it is read to */
	struct weft__closer closer;
	atom_ptr chunk[URING_CHUNKS]; /* of rows */
	/* Other threads' too: the tags are those of uring_wait.c and uring_files.c. */
	_Alignas(64) atom_ptr notes; /* the newest first */
	atom_u32 asleep;             /* in the kernel, or about to; who takes it to 0 rings */
	atom_u32 posting;            /* so many are about it */
	atom_u32 sweep;              /* the executor stops: tell all */
	atom_u32 closing;            /* rows have been marked */
	atom_u32 live;               /* tasks begun and not ended */
	/* For the watcher. */
	atom_u64 turn;  /* who runs, << 16, or 0: nobody; and a count */
	atom_u32 batch; /* how often it has looked outside */
	struct uring_watched seen;
	struct stats_row *row; /* what others may see of it; NULL: nothing */
};

struct uring_pool {
	weft_executor *ex;
	struct weft_uring_opts opts;
	const struct uring_driver *driver;
	int64_t slack; /* ns */
	char name[16];
	uint32_t n;
	_Alignas(64) struct weft__lock lock;
	struct weft__taskq queue;    /* under lock */
	bool dropping;               /* under lock */
	atom_u32 queued;             /* as queue.n; written under lock */
	atom_u32 ending;             /* no task is left, and none comes */
	_Alignas(64) atom_u32 watch; /* what the watcher is about: uring_watch.c */
	pthread_t watcher;
	atom_u64 long_turns, longest_turn; /* longest: ns */
	struct uring_lane lane[];
};

extern _Thread_local struct uring_lane *uring_self WEFT__TLS; /* the calling thread's, or NULL */

/* ---- uring_queue.c ---- */
int uring_queue_submit(struct uring_pool *p, struct weft_offer *offer);
void uring_queue_remove(struct uring_pool *p, weft_task *t);
void uring_queue_drop(struct uring_pool *p);
weft_task *uring_queue_take(struct uring_lane *l); /* started; or NULL */
bool uring_queue_waits(struct uring_pool *p);      /* is there one, after uring_lane_announce? */

/* ---- uring_lane.c ---- */
void *uring_lane_main(void *lane);
void uring_lane_ready(struct uring_fiber *f, int result); /* it was waiting */
void uring_lane_strike(struct uring_lane *l);             /* its bell: it wakes, if it sleeps */
void uring_lane_suspend(struct uring_fiber *f);           /* the running one; phase says what it waits for */

/* ---- uring_wait.c ---- */
int uring_wait(struct weft__fiber *f, weft_time deadline, bool interruptible);
void uring_wake(struct weft__fiber *f);
void uring_yield(struct weft__fiber *f);
int uring_look_again(struct weft__fiber *f, atom_u32 *word, uint32_t expected, weft_time deadline,
		     enum weft__scope scope);
void uring_begin(struct uring_fiber *f); /* its task is about to run */
void uring_interrupt(weft_task *t);
void uring_sweep(struct uring_lane *l);
void uring_ring_bell(struct uring_lane *l);
/* Of the lane's thread. */
void uring_hear(struct uring_lane *l);     /* what others have told it */
bool uring_announce(struct uring_lane *l); /* it goes to sleep; false: there is something to hear after all */
void uring_awake(struct uring_lane *l);

/* ---- uring_watch.c ---- */
int uring_watch_start(struct uring_pool *p); /* 0 or a negative errno */
void uring_watch_end(struct uring_pool *p);
void uring_watch_sleep(struct uring_pool *p); /* the watcher, until a lane wakes, or the end */
void uring_watch_call(struct uring_pool *p);  /* a lane is awake: it sleeps no more */
void uring_watch_name(struct uring_fiber *f, const weft_task *t);

/* From here on f runs; NULL: the lane itself does. The tag is that of uring_watch.c. */
static inline void uring_watch_turn(struct uring_lane *l, const struct uring_fiber *f)
{
	uint64_t count = (atom_load(&l->turn, relaxed) + 1) & UINT16_MAX;

	/* W1 release: what the fiber is called; pairs with notice. */
	atom_store(&l->turn, (uint64_t)(uintptr_t)f << 16 | count, release);
}

/* ---- uring_files.c ---- */
/* NULL: nobody has waited there yet. The tag is that of uring_files.c. */
static inline struct uring_row *uring_files_row(struct uring_lane *l, int fd)
{
	struct uring_row *chunk;

	if (fd < 0 || fd >= URING_CHUNKS * URING_ROWS)
		return NULL;
	/* C1 acquire: pairs with make. */
	chunk = atom_load(&l->chunk[fd / URING_ROWS], acquire);
	return chunk ? &chunk[fd % URING_ROWS] : NULL;
}
void uring_files_open(struct uring_lane *l);
void uring_files_close(struct uring_lane *l, bool forked);
int uring_files_enter(struct uring_fiber *f, int fd); /* 0 or -ENOMEM */
bool uring_files_leave(struct uring_fiber *f);        /* true: it was closed meanwhile */
bool uring_files_has_offsets(struct uring_lane *l, int fd);
void uring_files_hear(struct uring_lane *l);

/* ---- uring_ring.c, uring_ops.c, uring_poll.c ---- */
extern const struct uring_driver uring_ring_driver, uring_poll_driver;

#endif
