/* SPDX-License-Identifier: MIT
 *
 * uring_parts.h -- the private record of the executor "uring", and what lies in which file.
 *
 *   uring.c        what the library asks of it; options; making and freeing
 *   uring_queue.c  where tasks wait to start, and which lane gets one
 *   uring_lane.c   what the thread of a lane does: which fiber runs next, and when to look outside
 *   uring_wait.c   how fibers wait and are woken, from everywhere
 *   uring_heap.c   deadlines of a lane
 *   uring_files.c  which of its fibers wait for which descriptor
 *   uring_ring.c   a lane's engine over io_uring: submitting, reaping
 *   uring_ops.c    one call of core/io.h as a request of the ring
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

int uring_heap_grow(struct uring_heap *h, size_t n); /* room for n; 0 or -ENOMEM */
void uring_heap_add(struct uring_heap *h, weft_time at, struct uring_fiber *f);
void uring_heap_remove(struct uring_heap *h, struct uring_fiber *f); /* if it is there */
void uring_heap_free(struct uring_heap *h);

/* ---- Fibers ---- */

/* What one thread tells the lane of another about a fiber. */
struct uring_note {
	struct uring_note *next;
	struct uring_fiber *fiber;
};

enum uring_phase {
	URING_RUNNING,
	URING_WAITING, /* for a wake, its deadline, perhaps for being told to give up */
	URING_READY    /* in the lane's list of those */
};

/* It lies on top of its own stack, and runs one task after the other. */
struct uring_fiber {
	struct weft__fiber base;
	struct uring_lane *lane;
	struct weft__context context;
	struct uring_fiber *next; /* in ready, or in free */
	struct uring_fiber *all;  /* the lane's next */
	weft_task *task;          /* NULL: it is to end */
	/* Waiting. */
	enum uring_phase phase;
	int result;            /* of the wait */
	uint32_t alarm;        /* its place in the heap, from 1 on; 0: none */
	bool interruptible;    /* wakes when the task is told to give up */
	const weft_call *call; /* of what it does then */
	/* Its request to the kernel: one at a time. */
	bool pending;
	uint16_t generation;         /* of the request */
	int32_t done;                /* what came of it */
	struct weft__parker *parker; /* to be told; NULL: the fiber itself waits for it */
	/* Its descriptor. */
	struct list_node on_fd; /* in the row of it */
	int fd;
	short events; /* uring_poll.c: that it waits for */
	bool closed;  /* by weft_close, while it waited */
	/* Any thread's. */
	struct uring_note woken, told;
	atom_u32 asked; /* told is on its way */
};

/* ---- Descriptors ---- */

enum { URING_CHUNKS = 1024, URING_ROWS = 1024 };

struct uring_row {
	struct list_node *fibers;
	bool has_offsets; /* its file, when that was last asked */
	atom_u32 waiting; /* somebody does */
	atom_u32 closing; /* those there are have to be told */
};

/* ---- Lanes ---- */

struct uring_ready {
	struct uring_fiber *first, *last;
	uint32_t n;
};

/* What a lane waits for the kernel with. Called by its thread. */
struct uring_driver {
	const char *name;
	int (*open)(struct uring_lane *l); /* 0 or a negative errno */
	void (*close)(struct uring_lane *l);
	/* Hands the kernel what there is, and makes ready whoever has got his answer. Sleeps until there is one, or the
	 * bell is rung, or until; 0: it does not sleep. */
	void (*poll)(struct uring_lane *l, weft_time until);
	struct weft__engine engine;
};

struct uring_lane {
	struct uring_pool *pool;
	const struct uring_driver *driver;
	void *io;                /* the driver's */
	struct uring_fiber self; /* the thread's own flow */
	struct uring_fiber *running;
	struct uring_ready ready;
	uint32_t turn; /* so many may run before it looks outside */
	struct uring_fiber *free, *all;
	uint32_t fibers;
	struct uring_heap heap;
	struct weft__stacks stacks;
	weft_task *refused; /* there was no fiber for it */
	struct weft__tally tally;
	pthread_t thread;
	int error;           /* of its start */
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
};

struct uring_pool {
	weft_executor *ex;
	struct weft_uring_opts opts;
	const struct uring_driver *driver;
	int64_t slack; /* ns */
	char name[16];
	uint32_t n;
	_Alignas(64) struct weft__lock lock;
	struct weft__taskq queue; /* under lock */
	bool dropping;            /* under lock */
	atom_u32 queued;          /* as queue.n; written under lock */
	atom_u32 ending;          /* no task is left, and none comes */
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

/* ---- uring_files.c ---- */
void uring_files_open(struct uring_lane *l);
void uring_files_close(struct uring_lane *l, bool forked);
struct uring_row *uring_files_row(struct uring_lane *l, int fd); /* NULL: nobody has waited there yet */
int uring_files_enter(struct uring_fiber *f, int fd);            /* 0 or -ENOMEM */
bool uring_files_leave(struct uring_fiber *f);                   /* true: it was closed meanwhile */
bool uring_files_has_offsets(struct uring_lane *l, int fd);
void uring_files_hear(struct uring_lane *l);

/* ---- uring_ring.c, uring_ops.c, uring_poll.c ---- */
extern const struct uring_driver uring_ring_driver, uring_poll_driver;

#endif
