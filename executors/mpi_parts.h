/* SPDX-License-Identifier: MIT
 *
 * mpi_parts.h -- the executor "mpi" on the caller's rank: its private record, and what lies in which file.
 *
 *   mpi_pool.c       what the library asks; making and freeing
 *   mpi_dispatch.c   which rank gets a task, when, and when it gives it back
 *   mpi_outcome.c    what ranks answer: results, deaths; who finishes tasks
 *   mpi_progress.c   the thread that makes progress; ranks that are lost
 *   mpi_link.c       frames on their way
 *   mpi_pace.c       waiting for them
 *   mpi_frame.c      what lies in a frame
 *   mpi_gather.c     traces of ranks
 *   mpi_server.c, mpi_local.c, mpi_errand.c, mpi_part.c   the other side, which this rank has too
 *   mpi_serve.c      the loop of the other ranks
 *
 * One lock guards all of the record but what is said to be the progress thread's own. Submitters and cancellers take
 * it for a moment; frames are received, sent and waited for by the one thread alone, which is why MPI need not be
 * thread-safe.
 */
#ifndef WEFT_EXECUTORS_MPI_PARTS_H
#define WEFT_EXECUTORS_MPI_PARTS_H

#include "mpi_caller.h"
#include "mpi_pace.h"
#include "mpi_server.h"
#include "taskq.h"

#include <limits.h>
#include <pthread.h>

/* What an executor keeps of a task that it has given to a rank. */
struct mpi_slot {
	weft_task *task; /* NULL: free */
	uint32_t id;     /* its low bits are the place of this slot */
	uint32_t fn;
	size_t sent, got; /* bytes of a long argument, or of a long result */
	enum { NOT_CALLED_OFF, TO_BE_CALLED_OFF, CALLED_OFF } cancel;
	struct list_node node; /* in rank.outbox: more of the argument is to go */
};

/* What a rank traces. The progress thread's own. */
struct mpi_part {
	enum { PART_NONE, PART_WRITTEN, PART_ASKED } life;
	size_t got;                  /* bytes that have come */
	struct trace_head *head;     /* its first ones */
	struct trace_clock clock[2]; /* of that rank: at first, and by now */
	weft_time asked, window;     /* when it was asked for its time, and when the window began */
	int64_t least, most;         /* in this window: its clock is ahead by something in between ... */
	int64_t shown;               /* ... and showed that */
	unsigned answers, windows;
	bool asking;
};

enum mpi_rank_life { RANK_OPENING, RANK_UP, RANK_LOST, RANK_ENDED };

struct mpi_rank {
	struct mpi_peer peer; /* the progress thread's own */
	enum mpi_rank_life life;
	struct mpi_welcome welcome;
	uint32_t workers;
	uint32_t in_flight;
	uint32_t fns;        /* how many functions it has heard of */
	bool recalling;      /* it has been asked for tasks, and has not answered */
	weft_time recall_at; /* not before; it may have had none to give back */
	bool to_recall;
	size_t bytes; /* arguments and results of what is in flight */
	struct {
		weft_time tick;       /* when this one began, in units of it */
		uint32_t now, before; /* tasks that ended in this one, and in the one before */
	} rate;
	uint64_t done, lost; /* tasks, for people */
	struct mpi_part part;
	struct list_node *outbox;
	struct mpi_slot slot[MPI_SLOTS];
	uint16_t free_slot[MPI_SLOTS]; /* a stack */
	uint32_t free_n;
};

struct mpi_pool {
	weft_executor *ex;
	struct mpi_link *link;
	struct mpi_caller_opts opts;
	struct weft__lock lock;
	struct weft__taskq q;
	bool asleep;    /* the progress thread; who has something to do for it rings */
	bool dropping;  /* a stop: what comes is refused */
	bool ending;    /* every task is done: end the ranks, and then yourself */
	bool cancels;   /* some slot is TO_BE_CALLED_OFF */
	unsigned stop;  /* 1 + the strongest enum weft_stop so far, 0: none ... */
	unsigned told;  /* ... and what the ranks were told */
	unsigned alive; /* ranks that are UP */
	bool gather;    /* the parts of ranks are to come now */
	uint32_t deaths;
	struct weft__token *fn; /* by number */
	uint32_t fns;
	struct mpi_rank **rank; /* n of them, n as the link says; NULL: it runs nothing */
	/* The progress thread's own. */
	struct mpi_server *server; /* of this rank; NULL: it runs nothing */
	struct mpi_pace pace;
	uint32_t next_id;
	bool leaving;   /* the ranks were told to end */
	weft_time turn; /* when it came by last */
	weft_time fed;  /* when a piece of a trace came last */
	bool traced;    /* when it was made */
	char trace[PATH_MAX];
	size_t trace_size;
	atom_u32 gathered; /* who ends the trace sleeps here */
	pthread_t thread, finisher;
	/* Of the finisher: links that finished tasks left behind. */
	struct weft__link *rest;
	atom_u32 errands; /* changes with rest; it sleeps here */
	bool finisher_ends;
};

/* mpi_dispatch.c. All under the lock. */
int mpi_fn_number(struct mpi_pool *p, const struct weft__token *token, uint32_t *ret); /* 0 | -ENOMEM */
/* True: something went out, or a task has passed its deadline, and is to be finished without the lock. */
bool mpi_dispatch(struct mpi_pool *p, weft_task **overdue);
bool mpi_send_pieces(struct mpi_pool *p); /* of long arguments; true: some went out */
void mpi_tell_cancels(struct mpi_pool *p);
struct mpi_slot *mpi_slot_find(struct mpi_rank *r, uint32_t id);
void mpi_slot_free(struct mpi_rank *r, struct mpi_slot *slot); /* the task has left it */
void mpi_requeue(struct mpi_pool *p, weft_task *t);
void mpi_rate_count(struct mpi_rank *r);

/* mpi_outcome.c */
int mpi_outcome_take(struct mpi_pool *p, struct mpi_rank *r, struct mpi_reader *frame); /* 0 | -EBADMSG */
void mpi_heard(struct mpi_pool *p, struct mpi_rank *r, weft_time when); /* takes the lock itself */
/* Ends all that the rank has, by -EOWNERDEAD, or by running it again; takes the lock itself. */
void mpi_outcome_lost(struct mpi_pool *p, struct mpi_rank *r, const char *why);
void mpi_finish(struct mpi_pool *p, weft_task *t, int status, const char *text, const struct weft__death *d);
void *mpi_finisher(void *pool);
void mpi_finisher_end(struct mpi_pool *p);

/* mpi_gather.c */
void mpi_gather_init(struct mpi_pool *p);
void mpi_gather_open(struct mpi_pool *p, struct mpi_rank *r);
void mpi_gather_turn(struct mpi_pool *p, weft_time now);
int mpi_gather_take(struct mpi_pool *p, struct mpi_rank *r,
		    const struct mpi_view *v); /* 0 | -EBADMSG | -ENOMEM */
void mpi_gather_lost(struct mpi_rank *r);
void mpi_gather_heed(struct mpi_pool *p); /* the end of the trace, from here to ... */
void mpi_gather_ignore(struct mpi_pool *p);
void mpi_gather_fini(struct mpi_rank *r);

/* mpi_progress.c */
void *mpi_progress(void *pool);
int mpi_handshake(struct mpi_pool *p, weft_time deadline); /* before there is a thread */
void mpi_wake(struct mpi_pool *p);                         /* under the lock */

#endif
