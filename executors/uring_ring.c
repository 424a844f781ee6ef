/* SPDX-License-Identifier: MIT
 *
 * uring_ring.c -- a lane's engine over io_uring. Its ring is made and used by the lane's thread alone, which the
 * kernel is told (SINGLE_ISSUER, DEFER_TASKRUN), where it knows these: then it works for us only when we enter it,
 * and says by a flag whether it would have something to do. A fiber prepares its request; the lane hands over all
 * there are by one call a turn, which also waits, with the next deadline as its limit.
 *
 * A request has the fiber's address and its generation as its name. The address stays valid for as long as the
 * lane; the generation tells an answer that is not to the request of today. There is none, since a fiber does not
 * return before it has its answer, also where it has cancelled; so what its request leads to may lie on its stack.
 *
 * Nothing is lost: where the submission queue is full it is handed over at once; where the completion queue
 * overflows the kernel keeps the answers, and hands them out when we have taken what is there.
 */
#include "uring_parts.h"

#ifdef WEFT_HAVE_URING
#include "io_request.h"
#include "uring_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef WEFT__TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* A request that is on its way from one part of the kernel to another is found by no cancel. */
#define CANCEL_AGAIN WEFT_MS(5)

enum { OP_FUTEX_WAIT = 51, FUTEX_U32 = 2, FUTEX_PRIVATE = 128 }; /* newer than the headers of Linux 6.1 */

static struct uring_ring *ring_of(struct uring_lane *l)
{
	return l->io;
}

static struct uring_fiber *inside(struct weft__fiber *f)
{
	return list_entry(f, struct uring_fiber, base);
}

/* ---- Answers ---- */

struct uring_fiber *uring_ring_answer(struct uring_lane *l, uint64_t name, int32_t result)
{
	struct uring_fiber *f = uring_ring_fiber(name);

	if (name == URING_NAME_BELL)
		ring_of(l)->bell_set = false;
	if (name <= URING_NAME_CANCEL || f->request != name)
		return NULL;
	f->request = 0;
	f->done = result;
	if (f->has_parker)
		weft__unpark(f->parker);
	else if (f->phase != URING_RUNNING) /* else it looks for itself */
		uring_lane_ready(f, 0);
	return NULL;
}

static void add(atom_u64 *figure, uint32_t n)
{
	/* Relaxed: for people. */
	atom_store(figure, atom_load(figure, relaxed) + n, relaxed);
}

/* The lane is about to call the kernel. */
static void tell_enter(struct uring_lane *l)
{
	weft__probe_ring_enter(io_uring_sq_ready(&ring_of(l)->ring));
	if (l->row)
		add(&l->row->ring.enters, 1);
}

/* Those that were given out have room again; and what is there now? */
static void count(struct uring_lane *l)
{
	struct uring_ring *r = ring_of(l);

	io_uring_smp_store_release(r->ring.cq.khead, r->next);
	l->answers = io_uring_smp_load_acquire(r->ring.cq.ktail) - r->next;
	if (l->row && r->shown != r->next + l->answers)
		add(&l->row->ring.answers, r->next + l->answers - r->shown);
	r->shown = r->next + l->answers;
}

/* Takes all that there are, because room is wanted. */
static void reap(struct uring_lane *l)
{
	struct uring_ring *r = ring_of(l);

	for (count(l); l->answers; l->answers--) {
		const struct io_uring_cqe *cqe = &r->ring.cq.cqes[r->next++ & r->ring.cq.ring_mask];

		uring_ring_answer(l, cqe->user_data, cqe->res);
	}
	count(l);
}

/* ---- Handing over ---- */

/* Does the kernel have something for us that it has not said yet? */
static bool has_more(const struct uring_ring *r)
{
	return IO_URING_READ_ONCE(*r->ring.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

struct io_uring_sqe *uring_ring_make_room(struct uring_lane *l)
{
	struct uring_ring *r = ring_of(l);
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(&r->ring))) {
		tell_enter(l);
		if (io_uring_submit(&r->ring) > 0)
			continue;
		io_uring_submit_and_get_events(&r->ring);
		reap(l);
	}
	return sqe;
}

static void set_bell(struct uring_lane *l)
{
	struct uring_ring *r = ring_of(l);
	struct io_uring_sqe *sqe;

	if (r->bell_set)
		return;
	sqe = uring_ring_sqe(l);
	io_uring_prep_read(sqe, l->bell, &l->bell_count, sizeof l->bell_count, 0);
	io_uring_sqe_set_data64(sqe, URING_NAME_BELL);
	r->bell_set = true;
}

static void sleep_until(struct uring_ring *r, weft_time until)
{
	struct io_uring_cqe *cqe;
	struct __kernel_timespec ts;
	weft_time rest = until == WEFT_FOREVER ? 0 : until - weft_now();

	if (until == WEFT_FOREVER) {
		io_uring_submit_and_wait(&r->ring, 1);
		return;
	}
	if (rest < 0)
		rest = 0;
	ts.tv_sec = rest / WEFT_SECONDS(1);
	ts.tv_nsec = rest % WEFT_SECONDS(1);
	io_uring_submit_and_wait_timeout(&r->ring, &cqe, 1, &ts, NULL);
}

/* Errors of these calls say that the kernel has answers to be taken first, or no memory now. What was not handed
 * over stays prepared, and the next turn tries again. */
static void ring_poll(struct uring_lane *l, weft_time until)
{
	struct uring_ring *r = ring_of(l);

	set_bell(l);
	if (l->ready.first != l->ready.end) /* room for it was made by taking answers */
		until = 0;
	if (until && !io_uring_cq_ready(&r->ring)) {
		tell_enter(l);
		sleep_until(r, until);
	} else if (io_uring_sq_ready(&r->ring) || has_more(r)) {
		tell_enter(l);
		io_uring_submit_and_get_events(&r->ring);
	}
	count(l);
}

/* ---- A fiber's request ---- */

static void cancel_request(struct uring_fiber *f)
{
	struct io_uring_sqe *sqe = uring_ring_sqe(f->lane);

	if (!f->request) /* answered while there was no room */
		io_uring_prep_nop(sqe);
	else
		io_uring_prep_cancel64(sqe, f->request, 0);
	io_uring_sqe_set_data64(sqe, URING_NAME_CANCEL);
}

/* For the answer, or until there is a reason to want none. */
static int wait_once(struct uring_fiber *f, weft_time deadline, bool interruptible)
{
	struct weft__parker parker = {0};
	int err;

	if (!interruptible || !weft__current || weft__fiber_owns(&f->base, weft__current))
		return uring_wait(&f->base, deadline, interruptible && weft__current);
	/* A task on top of ours, whose canceller looks for a parker. */
	f->parker = &parker;
	f->has_parker = true;
	err = weft__sleep(&parker, deadline, true);
	f->has_parker = false;
	return err == -ECANCELED && !weft__asked(weft__current) ? -ETIMEDOUT : err;
}

/* Some calls let it be seen that they were interrupted inside the kernel. */
static bool is_interruption(int result)
{
	return result == -EINTR || (result <= -512 && result >= -516);
}

int uring_ring_wait(struct uring_fiber *f, weft_time deadline, bool interruptible)
{
	return uring_ring_result(f, wait_once(f, deadline, interruptible));
}

int uring_ring_result(struct uring_fiber *f, int err)
{
	if (f->closed)
		err = -EBADF;
	while (f->request) {
		cancel_request(f);
		uring_wait(&f->base, weft_after(CANCEL_AGAIN), false);
	}
	if (is_interruption(f->done))
		return err ? err : -EINTR;
	return f->done == -ECANCELED && err ? err : f->done;
}

static int ring_wait_word(struct weft__fiber *base, atom_u32 *word, uint32_t expected, weft_time deadline,
			  enum weft__scope scope)
{
	struct uring_fiber *f = inside(base);
	struct io_uring_sqe *sqe;
	int result;

	if (!ring_of(f->lane)->has_futex)
		return uring_look_again(base, word, expected, deadline, scope);
	sqe = uring_ring_sqe(f->lane);
	memset(sqe, 0, sizeof *sqe);
	sqe->opcode = OP_FUTEX_WAIT;
	sqe->fd = FUTEX_U32 | (scope == WEFT__PRIVATE ? FUTEX_PRIVATE : 0);
	sqe->addr = (uintptr_t)word;
	sqe->off = expected;
	sqe->addr3 = UINT32_MAX; /* any waker */
	uring_ring_request(f, sqe);
	result = uring_ring_wait(f, deadline, false);
	return result == -ETIMEDOUT ? -ETIMEDOUT : 0;
}

/* ---- Opening ---- */

static bool knows(struct io_uring *ring, int op)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool yes = probe && op <= probe->last_op && probe->ops[op].flags & IO_URING_OP_SUPPORTED;

	io_uring_free_probe(probe);
	return yes;
}

/* With what the newest kernels have, then with less. */
static int make_ring(struct io_uring *ring, unsigned entries)
{
	static const unsigned flags[] = {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
						 IORING_SETUP_TASKRUN_FLAG,                     /* 6.1 */
					 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, /* 5.19 */
					 0};
	int err = -EINVAL;

	for (size_t i = 0; i < sizeof flags / sizeof flags[0] && err == -EINVAL; i++) {
		struct io_uring_params p = {.flags = flags[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
					    .cq_entries = 8 * entries};

		err = io_uring_queue_init_params(entries, ring, &p);
	}
	if (err)
		return err;
	/* Older ones lose answers, or need a second call to wait with a limit. */
	if (ring->features & IORING_FEAT_NODROP && ring->features & IORING_FEAT_EXT_ARG)
		return 0;
	io_uring_queue_exit(ring);
	return -ENOSYS;
}

#ifdef WEFT__TSAN
/* The memory of a ring may have been that of another lane's before. TSan does not see it come and go, since
 * liburing has it mapped by system calls of its own. */
static char same_memory;
#endif

static int ring_open(struct uring_lane *l)
{
	struct uring_ring *r = calloc(1, sizeof *r);
	int err = r ? make_ring(&r->ring, l->pool->opts.entries) : -ENOMEM;

	if (err) {
		free(r);
		return err;
	}
#ifdef WEFT__TSAN
	__tsan_acquire(&same_memory);
#endif
	io_uring_register_ring_fd(&r->ring); /* saves a look-up each time; else it goes without */
	r->has_futex = knows(&r->ring, OP_FUTEX_WAIT);
	l->io = r;
	return 0;
}

static void ring_close(struct uring_lane *l)
{
#ifdef WEFT__TSAN
	__tsan_release(&same_memory);
#endif
	io_uring_queue_exit(&ring_of(l)->ring);
	free(l->io);
	l->io = NULL;
}

const struct uring_driver uring_ring_driver = {
	.name = "io_uring",
	.open = ring_open,
	.close = ring_close,
	.poll = ring_poll,
	.engine = {.wait = uring_wait,
		   .wake = uring_wake,
		   .yield = uring_yield,
		   .wait_word = ring_wait_word,
		   .io = uring_ring_io,
		   .transfer = uring_ring_transfer},
};

#endif
