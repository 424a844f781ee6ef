/* SPDX-License-Identifier: MIT
 *
 * state.h -- what a future, a running call and an executor are inside, and who owns what when.
 *
 * A future lies in the opaque words of its task, so task and future are one piece of storage. Its state
 * word holds a phase and three flags:
 *
 *   IDLE      never submitted                               all is the caller's
 *   ENTERING  a submitter fills it in; meanwhile nobody     the submitter's
 *             raises a flag, so that it ends by a plain store
 *   CLAIMED   somebody is moving it from one phase to the   the mover's: a submitter, a canceller, or the
 *             next; nobody else may                         one that releases a continuation
 *   PROMISED  a continuation whose cause is not done        the cause's list and the executor's list
 *   QUEUED    in its executor's queue                       the executor's; a canceller may claim it
 *   RUNNING   a worker has it                               the worker's; others may only raise ASKED
 *   DONE      status, result and text are there             the caller's
 *
 *   IDLE|DONE --accept--> ENTERING --> QUEUED --start--> RUNNING --finish--> DONE
 *                            |            +--cancel, deadline--> CLAIMED --finish--> DONE
 *                            +--> CLAIMED (of a group) --> QUEUED
 *                            +--> CLAIMED --> PROMISED --the cause is done--> CLAIMED --> QUEUED
 *
 *   WAITERS   a thread sleeps on the state word: whoever finishes wakes it
 *   LINKS     the list f->links is, or was, not empty: whoever finishes takes the stripe lock
 *   ASKED     the task was asked to stop: likewise, which keeps the executor alive while the canceller
 *             talks to it
 *
 * Locks, in the order in which they may nest: group, stripe, completion queue, the executor's own, waitq.
 * The lock of weft_executor and that of the graph of waits are leaves: nothing is taken under them.
 * No lock is held while a body or a continuation runs.
 */
#ifndef WEFT_CORE_STATE_H
#define WEFT_CORE_STATE_H

#include "probe.h"
#include "spin.h"
#include "stats_page.h"
#include "wait.h"
#include <weft/executor_impl.h>
#include <weft/group.h>
#include <weft/spawn_inline.h>

enum {
	PHASE_IDLE,
	PHASE_CLAIMED,
	PHASE_PROMISED,
	PHASE_QUEUED,
	PHASE_RUNNING,
	PHASE_DONE,
	PHASE_ENTERING,
	PHASE_MASK = 7,
	FLAG_WAITERS = 8,
	FLAG_LINKS = 16,
	FLAG_ASKED = 32
};

/* What weft_future.outcome holds. */
enum {
	KIND_PLAIN,
	KIND_SHORT, /* a result of reply_size bytes, not all that there is room for */
	KIND_TEXT,  /* an error text */
	KIND_DEATH  /* the death of a worker, and its text */
};

/* Something that is to happen when a future is done: a waiter to wake, a queue to put it into, a
 * continuation to submit. Guarded by the future's stripe lock. */
struct weft__link {
	struct list_node node;
	/* Called under the stripe lock, once the future is done and the link out of its list. The future
	 * may be gone. False: it has to go on without the lock, and is handed to weft__release. */
	bool (*fire)(struct weft__link *link);
};

/* Several calls of one function as one task: the chunks of weft_map. */
struct weft__batch {
	size_t n, arg_stride, result_stride; /* bytes */
	size_t *failed;                      /* out: which call runs, or has failed */
};

/* What is needed until the task is done ... */
struct weft__live {
	struct list_node queue;           /* executor's queue, under its lock */
	weft_task *level_up, *level_down; /* taskq.c */
	uint32_t runs;                    /* the executor's own */
	/* Up to here a future of weft_async has it too; the rest is for tasks of the caller only. */
	struct weft__link on_cause; /* PROMISED: in the cause's list */
	struct list_node promise;   /* PROMISED: in the executor's list */
	struct list_node member;    /* in the group's list, under its lock */
};

/* ... and what is there afterwards. */
struct weft__death {
	int32_t pid, signal, code;
	int16_t core, oom;
	int64_t utime_us, stime_us, maxrss_kib;
};

struct weft__outcome {
	union {
		char text[WEFT_ERROR_TEXT_MAX + 1];
		struct {
			struct weft__death death;
			char death_text[WEFT_ERROR_TEXT_MAX + 1 - sizeof(struct weft__death)];
		};
	};
};

/* How a task came to its executor: bits of weft_future.origin. */
enum {
	FROM_HEAP = 1,  /* weft_async: reference counted; outcome far away */
	FROM_BATCH = 2, /* weft_map: batch counts */
	FROM_CAUSE = 4, /* weft_future_then: cause counts, until done */
	ATTENDED = 8    /* its executor has the operations of weft__attend */
};

/* The first 64 bytes, and the 64 of the task before them, are all that a task touches which is merely
 * submitted, run and waited for. may_alias: it lies in what the caller sees as an array of uint64_t. */
struct __attribute__((may_alias)) weft_future {
	atom_u32 state;
	int32_t status;
	uint32_t generation; /* of the process that submitted it: forked.h */
	uint8_t origin;      /* FROM_*; set once, before anybody knows it */
	uint8_t kind;        /* KIND_*, once done */
	weft_executor *ex;
	atom_u64 place;          /* where it is queued: the executor's own */
	struct list_node *links; /* of struct weft__link, under the stripe lock */
	union {
		weft_group *group; /* weft__group() */
		atom_u32 refs;     /* FROM_HEAP: the caller's, and one until it is done */
	};
	weft_time deadline; /* its own or its group's; WEFT_FOREVER: none */
	union {
		struct weft__batch *batch; /* weft__batch() */
		weft_future *cause;        /* weft__cause() */
	};
	/* NULL but while its body waits, also from one life of the task to the next. */
	weft_future *awaits;          /* what its body waits for, under the graph lock */
	struct weft__parker *sleeper; /* where its body sleeps, under the stripe lock */
	union {
		struct weft__live live;
		struct weft__outcome outcome;
		struct weft__outcome *far_outcome; /* FROM_HEAP: weft__outcome() */
		size_t reply_size;                 /* KIND_SHORT; no outcome goes with success */
	};
};

_Static_assert(offsetof(weft_future, awaits) == 64, "what every task needs fits a cache line");
_Static_assert(sizeof(weft_future) <= sizeof((weft_task *)0)->opaque_, "a future has outgrown its words");
_Static_assert(sizeof(weft_task) == 256, "the size of a task is part of the ABI");

/* A future of weft_async is the front part of a task, without what it never needs. */
#define WEFT__HEAP_TASK_SIZE (offsetof(weft_task, opaque_) + offsetof(weft_future, live.on_cause))

/* A variable of the thread without a call to find it. The library is not loaded late, as a rule; if it is,
 * the loader keeps some room for such. */
#define WEFT__TLS __attribute__((tls_model("initial-exec")))

struct weft__scratch {
	struct weft__scratch *next;
	max_align_t data[];
};

struct weft_call {
	weft_task *task;
	weft_call *outer; /* that waits further down on this thread's stack, or NULL */
	weft_call *base;  /* the outermost: its executor owns the thread, if it is not inline */
	size_t reply_size;
	struct weft__scratch *scratch;
	const atom_u32 *remote_cancel; /* in a worker process: the word its parent raises */
	unsigned blocking;             /* sections that weft_blocking_begin has opened */
	bool has_text;
	bool guest;   /* a stolen child runs under it: spawn.c */
	bool covered; /* its wait for the one on top of it is in the graph: graph.c */
	char text[WEFT_ERROR_TEXT_MAX + 1];
};

/* Counts that one thread keeps, or whoever holds one lock; the executor adds them up: tally.c. */
struct weft__tally {
	struct list_node node; /* in ex->tallies, under ex->lock */
	weft_executor *ex;
	uint32_t credit;        /* tasks that ex->load counts, but that are not there: the owner's */
	struct stats_counts *n; /* where others may look at them, in row; or own */
	struct stats_row *row;  /* its opener's; or NULL */
	struct stats_counts own;
};

struct weft_executor {
	struct weft_executor_ops ops;
	void *self;
	/* Accepts a task that has been checked, and counts it, where nothing is in the way; false: the long
	 * way will say why not. May be NULL. */
	bool (*submit_quickly)(void *self, weft_task *t);
	/* Of an executor whose tasks end elsewhere, where somebody here has to look; all or none. They
	 * may finish any task of it, but run no continuation. The caller sees to it that it lives.
	 *   attend  waits for t, which is RUNNING: looks for a while, then, if asked to, sleeps. 0: it may have
	 *           ended; -ETIMEDOUT; -EAGAIN: there is no more to be done here, sleep on the future
	 *   heed    somebody hangs on t from now on, and will not come and look. May be called under a stripe
	 *           lock: finishes nothing itself
	 *   reap    finishes what has ended; true: there was some
	 *   take_back  t, which is RUNNING, turns out not to have begun, and never will: true; it is the caller's to
	 *           finish. Under a stripe lock, as heed */
	int (*attend)(void *self, weft_task *t, struct weft__spinner *spinner, weft_time deadline,
		      bool sleep);
	void (*heed)(void *self, weft_task *t);
	bool (*reap)(void *self);
	bool (*take_back)(void *self, weft_task *t);
	uint32_t generation;
	atom_u32 how; /* 0 runs, else 1 + enum weft_stop */
	char name[64];
	struct weft__waitq room;    /* submitters that wait for room; each start of a task looks at it */
	_Alignas(64) atom_u32 load; /* 2 * accepted tasks that are not done, + 1 once it stops: tally.c */
	_Alignas(64) struct weft__lock lock;
	struct list_node *promised;    /* continuations that wait for their cause, under lock */
	bool joining, joined;          /* under lock */
	struct weft__eventcount ended; /* joined has changed */
	struct weft__waitq sleepers;   /* bodies that sleep, for a stop to wake */
	struct list_node *tallies;     /* of those who keep their own, under lock */
	struct weft__tally shared;     /* of everybody else */
	struct stats_executor *shown;  /* what others may see of it: stats.h; NULL: nothing */
};

/* Has it been told to cancel what it has? */
static inline bool weft__dropping(const weft_executor *ex)
{
	/* X2 relaxed: see executor.c. */
	return atom_load((atom_u32 *)(uintptr_t)&ex->how, relaxed) > 1 + WEFT_STOP_DRAIN;
}

static inline weft_future *weft__future(weft_task *t)
{
	return (weft_future *)(void *)t->opaque_;
}

static inline weft_task *weft__task(const weft_future *f)
{
	return list_entry((weft_future *)(uintptr_t)f, weft_task, opaque_);
}

static inline weft_group *weft__group(const weft_future *f)
{
	return f->origin & FROM_HEAP ? NULL : f->group;
}

static inline struct weft__batch *weft__batch(const weft_future *f)
{
	return f->origin & FROM_BATCH ? f->batch : NULL;
}

static inline weft_future *weft__cause(const weft_future *f)
{
	return f->origin & FROM_CAUSE ? f->cause : NULL;
}

static inline uint32_t weft__phase(const weft_future *f)
{
	/* F1 acquire: pairs with the publication in finish.c. */
	return atom_load(&((weft_future *)(uintptr_t)f)->state, acquire) & PHASE_MASK;
}

/* The tag is that of cancel.c. */
static inline bool weft__claim(weft_future *f, uint32_t from, uint32_t to)
{
	uint32_t s = atom_load(&f->state, relaxed);

	while ((s & PHASE_MASK) == from)
		/* C1 acq_rel: takes over what the last mover wrote, hands on what we wrote. */
		if (atom_cas(&f->state, &s, (s & ~(uint32_t)PHASE_MASK) | to, acq_rel, relaxed))
			return true;
	return false;
}

/* What a submitter, who has made f ENTERING, writes into it. */
static inline void weft__fill(weft_future *f, const weft_task *t, weft_executor *ex, weft_group *group,
			      uintptr_t origin)
{
	weft__probe_submit(t, ex, ex->name);
	f->generation = ex->generation;
	f->origin = (uint8_t)(origin | (ex->attend ? ATTENDED : 0));
	f->kind = KIND_PLAIN;
	f->ex = ex;
	f->links = NULL;
	if (!(origin & FROM_HEAP))
		f->group = group;
	f->deadline = t->deadline ? t->deadline : group && group->deadline ? group->deadline : WEFT_FOREVER;
}

/* Before it is finished: the result has n bytes. */
static inline void weft__reply(weft_future *f, size_t n)
{
	if (n == weft__task(f)->result_size)
		return;
	f->kind = KIND_SHORT;
	f->reply_size = n;
}

/* executor.c */
/* Makes a static executor, of which nobody else has heard, one of this process: at first, and in a fork. */
void weft__executor_adopt(weft_executor *ex);
void weft__executor_discard(weft_executor *ex); /* one that nobody has seen yet; NULL is fine */

/* finish.c */
struct weft__lock *weft__stripe(const weft_future *f);
void weft__finish(weft_future *f, int status, const char *text, const struct weft__death *death);
void weft__death_text(const struct weft__death *d, char *ret, size_t size);
/* The same, but for the count in ex->load, which is the caller's to leave, and for what it returns: that goes
 * to weft__release after it. */
struct weft__link *weft__finish_quietly(weft_future *f, int status, const char *text,
					const struct weft__death *death);
struct weft__link *weft__publish(
	weft_future *f); /* DONE, and all that hangs on it fired, but what it returns */
const struct weft__outcome *weft__outcome(const weft_future *f);
/* 0, or -EALREADY: f is done. promised: the CLAIMED continuation that link belongs to, or NULL; it
 * becomes PROMISED in the same step. */
int weft__link_add(weft_future *f, struct weft__link *link, weft_future *promised);
/* The same by one who attends to f, or calls weft__heed later. */
int weft__link_add_lazily(weft_future *f, struct weft__link *link);
bool weft__link_remove(weft_future *f, struct weft__link *link); /* false: it has fired */
void weft__stripes_reset(void);

/* then.c */
void weft__release(struct weft__link *links); /* chained by node.next */
void weft__release_all_pending(void);
/* What the thread, or its fiber, is to release. */
struct weft__releases {
	bool busy; /* it is about it; else there is nothing */
	struct weft__link *first, *last;
};
extern _Thread_local struct weft__releases weft__releases WEFT__TLS;
#define weft__pending (weft__releases.first)

static inline void weft__release_pending(void)
{
	if (weft__pending)
		weft__release_all_pending();
}

void weft__promised_drop(weft_executor *ex);
void weft__promise_unlink(weft_future *f);

/* async.c */
/* A task on the heap that its caller starts by other means than an executor: RUNNING, with two references, one of
 * which goes when it is finished. ex is not asked. 0 | -ENOMEM */
int weft__launch(weft_executor *ex, weft_fn *fn, const void *arg, size_t arg_size, size_t result_size,
		 weft_future **ret);
void weft__launch_failed(weft_future *f); /* it was not started, and nobody knows it */

/* thread.c */
void weft__threads_forked(void);
void weft__threads_show(void); /* those that run, on the page of stats.h, which is new */

/* run.c */
/* Of call, remote_cancel is set. */
int weft__body(weft_call *call, weft_task *t);
void weft__clear_up(weft_call *call); /* after a body that did not return */

/* call.c */
/* The innermost call of this thread. Where the inline functions of fork-join find it too: spawn.c. */
#define weft__current (weft_spawn_thread_1.call)
/* Tells the owner of the thread, whatever lies on its stack, that it blocks, or no longer. */
void weft__tell_blocking(const weft_call *call, bool blocked);
/* 0, -ETIMEDOUT; where interruptible, -ECANCELED as soon as the calling task is cancelled. */
int weft__sleep(struct weft__parker *p, weft_time deadline, bool interruptible);
/* weft__wait, for what may last: a task gives up its place in the pool meanwhile, and is told, some milliseconds late,
 * that it was cancelled. 0, -ETIMEDOUT, -ECANCELED. */
int weft__sleep_word(atom_u32 *word, uint32_t expected, weft_time deadline, enum weft__scope scope);

/* Told to give up, or its executor was. */
static inline bool weft__asked(const weft_call *call)
{
	weft_future *f = weft__future(call->task);

	/* Relaxed, all three: hints that carry no data, and being late does no harm. */
	if (atom_load(&f->state, relaxed) & FLAG_ASKED)
		return true;
	if (f->ex && weft__dropping(f->ex))
		return true;
	return call->remote_cancel && atom_load((atom_u32 *)(uintptr_t)call->remote_cancel, relaxed);
}

static inline bool weft__cancelled(const weft_call *call)
{
	weft_time deadline;

	if (!call)
		return false;
	deadline = weft__future(call->task)->deadline;
	return weft__asked(call) || (deadline != WEFT_FOREVER && weft_now() >= deadline);
}

bool weft__inside(weft_executor *ex); /* is this thread one of ex, running a task of it? */
bool weft__take(weft_future *f);      /* may this thread run it here and now? If so, it has been started */

/* The same, where f was QUEUED and the thread is in a task. */
static inline bool weft__take_queued(weft_future *f)
{
	weft_executor *ex = f->ex;

	return ex->ops.take && ex->ops.take(ex->self, weft__task(f));
}

/* attend.c; nothing happens where f's executor has no such operations, or f does not run. */
int weft__attend(weft_future *f, struct weft__spinner *spinner, weft_time deadline, bool sleep);
void weft__heed(weft_future *f);
void weft__reap(weft_future *f);

/* cancel.c */
bool weft__drop(weft_future *f, int status); /* ends it if it is PROMISED or QUEUED */
void weft__unqueue(weft_future *f);          /* tells the executor of one that was claimed from QUEUED */
bool weft__ask(weft_future *f, enum weft_cancel *ret); /* DROPPED: the caller finishes it */
/* Ends f by -ECANCELED if it has not begun, wherever it waits; if it has, it does not hear of it. The caller sees to it
 * that f and its executor live. */
bool weft__take_back(weft_future *f);

/* submit.c */
/* What lies in weft_offer.opaque_, and the bits of OFFER_HOW. */
enum {
	OFFER_EX,
	OFFER_GROUP,
	OFFER_EXTRA, /* batch or cause, as HOW says */
	OFFER_HOW,
	OFFER_TALLY /* the executor's: who counts them; NULL: the shared one */
};
enum {
	HOW_ORIGIN = 7, /* FROM_* */
	HOW_CLAIMED = 8 /* accepted before: a continuation, or a member of a group */
};
int weft__check(weft_executor *ex, const weft_task *t);
/* Offers tasks that have been checked, and counted by weft__load_enter; the second counts them itself. */
int weft__submit(weft_executor *ex, weft_task t[], size_t n, struct weft_offer *as, size_t *ret_accepted);
int weft__enter_and_submit(weft_executor *ex, weft_task t[], size_t n, struct weft_offer *as,
			   size_t *ret_accepted);
int weft__submit_wait(weft_executor *ex, weft_task *t, struct weft_offer *as, weft_time deadline);
int weft__accept(const struct weft_offer *offer, size_t i, uint32_t phase); /* 0 or -EBUSY */

/* group.c */
void weft__group_leave(weft_future *f);
void weft__group_done(weft_group *g, int status);

/* tally.c */
extern _Thread_local struct weft__tally *weft__tally WEFT__TLS;  /* the thread's own, or NULL */
int weft__load_enter(weft_executor *ex, size_t n);               /* 0 or -ESHUTDOWN */
int weft__load_enter_on_credit(struct weft__tally *y, size_t n); /* the same for the owner of y */
/* One, if y has credit and nothing stops; false: ask the one above. */
static inline bool weft__load_enter_quickly(struct weft__tally *y)
{
	/* Relaxed: as in weft__load_enter_on_credit. */
	if (!y->credit || atom_load(&y->ex->load, relaxed) & 1)
		return false;
	y->credit--;
	return true;
}
void weft__load_hold(weft_executor *ex); /* one more, whether it stops or not */
void weft__load_leave_slowly(weft_executor *ex, size_t n);
/* row: where it counts; NULL: in itself. The caller gives it back, some time after the tally is closed. */
void weft__tally_open(struct weft__tally *y, weft_executor *ex, struct stats_row *row);
void weft__tally_settle(struct weft__tally *y); /* gives back its credit; before its owner sleeps */
void weft__tally_close(struct weft__tally *y);  /* into the shared one */
void weft__tally_sum(weft_executor *ex, struct weft_stats *ret);
void weft__count_done_shared(weft_executor *ex, int status);
void weft__count_failure(struct weft__tally *y, int status);

/* One more, where only the caller writes. Relaxed: a figure for people. */
static inline void weft__count(atom_u64 *n)
{
	atom_store(n, atom_load(n, relaxed) + 1, relaxed);
}

enum { WEFT__CREDIT = 64 }; /* tasks taken or given back at a time */

static inline bool weft__tally_is_of(const weft_executor *ex)
{
	return weft__tally && weft__tally->ex == ex;
}

static inline void weft__load_leave(weft_executor *ex, size_t n)
{
	if (!weft__tally_is_of(ex) || (weft__tally->credit += (uint32_t)n) > 2 * WEFT__CREDIT)
		weft__load_leave_slowly(ex, n);
}

static inline void weft__count_done(weft_executor *ex, int status)
{
	if (!weft__tally_is_of(ex)) {
		weft__count_done_shared(ex, status);
		return;
	}
	if (status < 0)
		weft__count_failure(weft__tally, status);
	weft__count(&weft__tally->n->completed);
}

#endif
