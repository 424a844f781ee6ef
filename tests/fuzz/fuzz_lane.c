/* SPDX-License-Identifier: MIT
 *
 * fuzz_lane.c -- a pool of two lanes whose workers and whose nursery are the input: it says what they write into
 * the lanes, and what messages come, between submissions, cancellations, and all that the watcher does.
 * There are no processes. In the end the workers are dead, and each task must have been done, once.
 */
#include "fuzz.h"

/* For what is static there. */
#include "process_pool.c"  /* NOLINT(bugprone-suspicious-include) */
#include "process_watch.c" /* NOLINT(bugprone-suspicious-include) */

#include <fcntl.h>

enum { LANES = 2, TASKS = 12, STEPS_MAX = 64, ARG = 24, RESULT = 40, BIG = 600 };

struct scene {
	struct process_pool *pool;
	weft_executor *ex;
	int nursery; /* the other end of the pool's socket */
	weft_task task[TASKS];
	uint32_t submitted; /* bits */
	char arg[BIG], result[TASKS][BIG];
};

static int no_body(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

static void no_join(void *self)
{
	(void)self;
}

/* What the pool asks of its nursery is heard, and not done. */
static void drain(int sock)
{
	struct nursery_msg m;
	int fds[NURSERY_FDS];

	while (nursery_recv(sock, &m, fds, MSG_DONTWAIT) > 0)
		for (int i = 0; i < NURSERY_FDS; i++)
			if (fds[i] >= 0)
				close(fds[i]);
}

static void set_up(struct scene *s)
{
	struct weft_process_pool_opts o = {
		.size = sizeof o, .workers = LANES, .queue = 64, .slot_size = 1024};
	struct weft_executor_ops ops = pool_ops;
	int sock[2], plan;

	memset(s, 0, sizeof *s);
	fuzz_check(!check_opts(&o));
	s->pool = allocate(&o);
	fuzz_check(s->pool && !socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock));
	plan = plan_create(&s->pool->home.plan, &o);
	process_file_set(&s->pool->home.plan_fd, plan);
	fuzz_check(plan >= 0 && !process_home_furnish(&s->pool->home));
	process_file_set(&s->pool->home.sock, sock[0]);
	s->nursery = sock[1];
	ops.workers = LANES;
	ops.slot_size = o.slot_size;
	ops.join = no_join;
	fuzz_check(!weft_executor_new(&s->ex, "fuzz", &ops, s->pool));
	s->pool->ex = s->ex;
	s->ex->attend = process_attend;
	s->ex->heed = process_heed;
	s->ex->reap = process_look;
	for (unsigned i = 0; i < LANES; i++)
		lane_start(s->pool, i);
	drain(s->nursery);
}

static void submit(struct scene *s, struct fuzz_bytes *b)
{
	unsigned i = fuzz_byte(b) % TASKS, how = fuzz_byte(b);
	bool big = how & 4;

	if (s->submitted & 1u << i)
		return;
	s->task[i] = (weft_task){.fn = no_body,
				 .arg = s->arg,
				 .arg_size = how & 1 ? (big ? BIG : ARG) : 0,
				 .result = s->result[i],
				 .result_size = how & 2 ? (big ? BIG / 2 : RESULT) : 0,
				 .priority = (int32_t)(how >> 6),
				 .flags = how & 8 ? WEFT_TASK_IDEMPOTENT : 0,
				 .deadline = how & 16 ? weft_now() : WEFT_FOREVER};
	if (!weft_submit(s->ex, &s->task[i]))
		s->submitted |= 1u << i;
}

/* The worker writes: a likely number into a word of a slot, or any bytes anywhere. */
static void scribble(struct scene *s, struct fuzz_bytes *b)
{
	struct lane_end *e = &s->pool->lane[fuzz_byte(b) % LANES];
	unsigned kind = fuzz_byte(b);
	struct lane_slot *slot;
	char bytes[64];

	if (!e->shared)
		return;
	slot = &e->shared->slot[kind / 4 % TASKS];
	switch (kind % 4) {
	case 0:
		atom_store(&slot->state, fuzz_byte(b), relaxed);
		break;
	case 1:
		fuzz_read(b, &slot->reply, sizeof slot->reply);
		memset(slot->text, fuzz_byte(b), sizeof slot->text);
		break;
	case 2:
		fuzz_read(b, &slot->failed, sizeof slot->failed);
		fuzz_read(b, &slot->request, sizeof slot->request);
		break;
	default:
		fuzz_read(b, bytes, sizeof bytes);
		memcpy((char *)e->shared + fuzz_u32(b) % (e->memory->size - sizeof bytes), bytes,
		       sizeof bytes);
	}
}

static void tell(struct scene *s, struct fuzz_bytes *b)
{
	struct nursery_msg m = {.kind = fuzz_byte(b) % 9, .lane = fuzz_byte(b) % (LANES + 1)};
	int fds[NURSERY_FDS] = {-1, -1};
	unsigned how = fuzz_byte(b);

	m.epoch = m.lane < LANES && how & 1 ? s->pool->lane[m.lane].epoch : how / 16;
	m.signal = fuzz_byte(b);
	m.code = m.signal ? 0 : (int32_t)how;
	m.error = -EAGAIN;
	if (how & 2)
		fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	/* A nursery says of each worker once that it is there. */
	if (m.kind == NURSERY_SPAWNED && m.lane < LANES && s->pool->lane[m.lane].pidfd.fd >= 0)
		m.kind = NURSERY_DIED;
	hear(s->pool, &m, fds);
}

/* A wait ends at its deadline, whatever the slot says. */
static void fuzz_wait(weft_future *f)
{
	weft_time deadline = weft_after(WEFT_MS(1));

	weft_future_wait(f, deadline);
	fuzz_check(weft_now() - deadline < WEFT_SECONDS(10));
}

/* Done, and what it says of itself fits. */
static void check_outcome(weft_task *t)
{
	weft_future *f = weft_task_future(t);
	int status = weft_future_status(f);
	size_t size = 0;

	fuzz_check(status != -EINPROGRESS);
	fuzz_check(strlen(weft_future_error(f)) <= WEFT_ERROR_TEXT_MAX);
	if (weft_future_result(f, &size))
		fuzz_check(status >= 0 && size <= t->result_size);
}

/* What the watcher, and who comes by, does. */
static void work(struct scene *s, struct fuzz_bytes *b)
{
	struct process_pool *p = s->pool;
	weft_future *f = weft_task_future(&s->task[fuzz_byte(b) % TASKS]);
	bool known = s->submitted & 1u << (unsigned)(weft__task(f) - s->task);
	struct weft_stats stats;

	switch (fuzz_byte(b) % 7) {
	case 0:
		process_reap(p);
		break;
	case 1:
		keep_deadlines(p);
		break;
	case 2:
		weft__lock(&p->lock);
		lanes_fill(p);
		lanes_rebalance(p);
		lanes_arm(p);
		lanes_listen(p);
		lanes_next_deadline(p);
		weft__unlock(&p->lock);
		break;
	case 3:
		if (known)
			weft_future_cancel(f);
		break;
	case 4:
		if (known)
			fuzz_wait(f);
		break;
	case 5:
		release_rest(p);
		break;
	default:
		weft_executor_stats(s->ex, &stats);
	}
}

/* All workers are dead; what has not begun is dropped. */
static void finish_all(struct scene *s)
{
	struct process_pool *p = s->pool;
	struct weft__death death = {.pid = 1, .signal = SIGKILL};

	p->dropping = true;
	for (unsigned i = 0; i < LANES; i++)
		if (p->lane[i].shared)
			bury(p, &p->lane[i], &death);
	drop_queue(p, false);
	release_rest(p);
	for (unsigned i = 0; i < TASKS; i++)
		if (s->submitted & 1u << i)
			check_outcome(&s->task[i]);
	fuzz_check(!p->waiting && !p->q.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct scene s;
	struct fuzz_bytes b = {data, size};

	set_up(&s);
	for (int i = 0; i < STEPS_MAX && b.left; i++) {
		switch (fuzz_byte(&b) % 4) {
		case 0:
			submit(&s, &b);
			break;
		case 1:
			scribble(&s, &b);
			break;
		case 2:
			work(&s, &b);
			break;
		default:
			tell(&s, &b);
		}
		drain(s.nursery);
	}
	finish_all(&s);
	weft_executor_free(s.ex); /* which waits for as many ends as there were tasks */
	close(s.nursery);
	return 0;
}
