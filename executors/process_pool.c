/* SPDX-License-Identifier: MIT
 *
 * process_pool.c -- the executor "processes", as the library sees it. process_parts.h says what lies in
 * which file, lane.h how pool and worker talk, nursery.h where workers come from.
 */
#include "own_thread.h"
#include "process_parts.h"
#include "spec.h"
#include "stats.h"
#include "worker_filter.h"
#include "worker_start.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define QUEUE_DEFAULT 65536
#define QUEUE_MAX     (1u << 30)
#define SLOT_DEFAULT  65536
#define SLOT_MIN      64
#define LARGE_DEFAULT ((uint64_t)1 << 30)
#define SLOT_MAX      (1u << 28)
#define MIB_MAX       (1u << 20)
#define CPU_MAX       1000000
#define FILES_MIN     8
#define FILES_MAX     (1u << 20)
#define FLAGS_KNOWN   (uint32_t)(WEFT_PROCESSES_PIN | WEFT_PROCESSES_SANDBOX)
#define NICE_MAX      19

/* Has the queue its fill? A submitter that meets the limit first empties lanes, then has the watcher told when
 * there is room. */
static bool is_full(struct process_pool *p, struct departures *gone)
{
	if (p->q.n + p->waiting < p->opts.queue)
		return false;
	lanes_harvest(p, gone);
	lanes_fill(p);
	if (p->q.n + p->waiting < p->opts.queue)
		return false;
	lanes_tell_next(p);
	return true;
}

/* A lane for t. Where all are full, and so much is done in one of them that it pays, it is emptied. */
static struct lane_end *find_lane(struct process_pool *p, const weft_task *t, uint64_t large,
				  struct departures *gone)
{
	struct lane_end *e = lanes_room_for(p, t, large);

	for (unsigned i = 0; !e && i < p->n && !gone->n; i++)
		if (lanes_have_done(&p->lane[i], DEPARTED / 2)) {
			lanes_harvest(p, gone);
			lanes_fill(p);
			e = lanes_room_for(p, t, large);
		}
	return e;
}

static int submit_one(struct process_pool *p, struct weft_offer *offer, size_t i, uint64_t large,
		      struct departures *gone)
{
	weft_task *t = &offer->tasks[i];
	struct weft__token token;
	struct lane_end *e;
	int err;

	if (p->dropping)
		return -ESHUTDOWN;
	if (p->broken)
		return -EIO;
	if (!offer->force && is_full(p, gone))
		return -EAGAIN;
	err = plan_token(p->home.plan, t->fn, &token);
	if (err)
		return err;
	e = find_lane(p, t, large, gone);
	offer->place_ = large;
	err = weft__accept(offer, i, e ? PHASE_RUNNING : PHASE_QUEUED);
	if (err)
		return err;
	weft__future(t)->live.runs = 0;
	if (e)
		lane_put(p, e, t);
	else
		weft__taskq_push(&p->q, t);
	return 0;
}

static int pool_submit(void *self, struct weft_offer *offer)
{
	struct process_pool *p = self;
	struct departures gone;
	size_t i = 0;
	uint64_t large;
	int err = process_stage(p, &offer->tasks[0], &large);

	if (err)
		return err;
	gone.n = 0;
	weft__lock(&p->lock);
	while (!err && i < offer->n && i < INT32_MAX && gone.n <= DEPARTED / 2) {
		/* A large one comes first, and is copied without the lock. */
		if (i && !process_is_small(p, &offer->tasks[i]))
			break;
		err = submit_one(p, offer, i, i ? 0 : large, &gone);
		i += !err;
	}
	if (p->q.n)
		lanes_fill(p);
	lanes_wake(p);
	lanes_arm(p);
	weft__unlock(&p->lock);
	process_finish(p, &gone);
	if (!i)
		process_unstage(p, large);
	return i ? (int)i : err;
}

static void pool_remove(void *self, weft_task *t)
{
	struct process_pool *p = self;

	weft__lock(&p->lock);
	weft__taskq_remove(&p->q, t);
	process_unstage_task(p, t);
	weft__unlock(&p->lock);
}

static enum weft_cancel pool_interrupt(void *self, weft_task *t)
{
	struct process_pool *p = self;
	weft_future *f = weft__future(t);
	enum weft_cancel answer;
	uint64_t place;

	weft__lock(&p->lock);
	place = atom_load(&f->place, relaxed); /* as the pool's lock orders */
	answer = lane_interrupt(p, process_lane_at(p, place), (uint32_t)place, t);
	weft__unlock(&p->lock);
	return answer;
}

static bool pool_take_back(void *self, weft_task *t)
{
	struct process_pool *p = self;
	uint64_t place;
	bool taken;

	weft__lock(&p->lock);
	place = atom_load(&weft__future(t)->place, relaxed); /* as the pool's lock orders */
	taken = lane_withdraw(p, process_lane_at(p, place), (uint32_t)place, t);
	weft__unlock(&p->lock);
	return taken;
}

static bool pool_inside(void *self)
{
	return process_is_watcher(self);
}

static void pool_stop(void *self, enum weft_stop how)
{
	struct process_pool *p = self;
	struct list_node *queued, *withdrawn;

	weft__lock(&p->lock);
	lanes_tell_all(p);
	if (how == WEFT_STOP_DRAIN) {
		weft__unlock(&p->lock);
		return;
	}
	p->dropping = true;
	queued = weft__taskq_drop(&p->q);
	withdrawn = lanes_withdraw(p);
	process_unstage_all(p, queued);
	process_unstage_all(p, withdrawn);
	p->killing |= how == WEFT_STOP_KILL;
	if (p->killing)
		lanes_kill_all(p);
	else
		lanes_ask_all(p);
	weft__unlock(&p->lock);
	weft__taskq_finish_dropped(queued);
	weft__taskq_finish_dropped(withdrawn);
}

static void tell_to_leave(struct process_pool *p)
{
	weft__lock(&p->lock);
	p->ending = true;
	for (unsigned i = 0; i < p->n; i++) {
		struct lane_end *e = &p->lane[i];

		e->leaving = true;
		if (e->shared)
			lane_end(e->shared);
	}
	p->leave_by = weft_after(LEAVE_PATIENCE);
	process_wake_watcher(p);
	weft__unlock(&p->lock);
}

static void pool_join(void *self)
{
	struct process_pool *p = self;

	tell_to_leave(p);
	pthread_join(p->watcher, NULL);
	process_home_quit(&p->home);
}

static void pool_free(void *self, bool forked)
{
	struct process_pool *p = self;

	(void)forked; /* a fork has copies of the same descriptors and mappings */
	for (unsigned i = 0; i < p->n; i++) {
		if (p->lane[i].memory)
			lane_memory_leave(p->lane[i].memory);
		process_file_close(&p->lane[i].pidfd);
	}
	for (unsigned i = 0; i < p->n; i++)
		weft__stats_row_close(p->lane[i].row);
	weft_region_free(p->large);
	process_home_fini(&p->home);
	free(p->lane);
	free(p);
}

static void pool_stats(void *self, struct weft_stats *ret)
{
	struct process_pool *p = self;

	process_reap(p); /* what nobody has asked for */
	weft__lock(&p->lock);
	for (unsigned i = 0; i < p->n; i++)
		ret->workers += p->lane[i].life != LANE_DOWN;
	ret->queued = p->q.n + lanes_queued(p);
	ret->deaths = p->deaths;
	weft__unlock(&p->lock);
}

static const struct weft_executor_ops pool_ops = {
	.size = sizeof pool_ops,
	.caps = WEFT_CAP_KILL,
	.submit = pool_submit,
	.remove = pool_remove,
	.interrupt = pool_interrupt,
	.carries = process_carries,
	.inside = pool_inside,
	.stop = pool_stop,
	.join = pool_join,
	.free = pool_free,
	.stats = pool_stats,
};

static bool limits_in_range(const struct weft_process_pool_opts *o)
{
	return o->max_rss <= MIB_MAX && o->max_memory <= MIB_MAX && o->max_cpu <= CPU_MAX &&
	       (!o->max_files || (o->max_files >= FILES_MIN && o->max_files <= FILES_MAX)) &&
	       o->nice <= NICE_MAX && o->init_arg_size <= WEFT_INIT_ARG_MAX;
}

static int check_opts(struct weft_process_pool_opts *o)
{
	if (!o->workers)
		o->workers = weft_cpu_count();
	if (!o->queue)
		o->queue = QUEUE_DEFAULT;
	if (!o->slot_size)
		o->slot_size = SLOT_DEFAULT;
	if (!o->large_limit)
		o->large_limit = LARGE_DEFAULT;
	if (o->start > WEFT_START_SPAWN || o->flags & ~FLAGS_KNOWN || (o->init_arg_size && !o->init_arg))
		return -EINVAL;
	if (o->flags & WEFT_PROCESSES_SANDBOX && o->start == WEFT_START_FORK)
		return -EINVAL;
	if (o->workers > WEFT_WORKERS_MAX || o->queue > QUEUE_MAX || o->slot_size < SLOT_MIN ||
	    o->slot_size > SLOT_MAX)
		return -ERANGE;
	if (o->large_limit < WEFT_REGION_LIMIT_MIN || o->large_limit > WEFT_REGION_LIMIT_MAX ||
	    !limits_in_range(o))
		return -ERANGE;
	if (worker_is_in_sandbox() || (o->flags & WEFT_PROCESSES_SANDBOX && !worker_filter_possible()))
		return -ENOTSUP;
	o->slot_size = (uint32_t)lane_rounded(o->slot_size);
	return 0;
}

static struct process_pool *allocate(const struct weft_process_pool_opts *o)
{
	struct process_pool *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->opts = *o;
	p->n = o->workers;
	process_home_init(&p->home, o->start);
	p->wake_at = WEFT_FOREVER;
	p->low = INT32_MAX;
	p->lane = calloc(p->n, sizeof *p->lane);
	if (!p->lane) {
		free(p);
		return NULL;
	}
	for (unsigned i = 0; i < p->n; i++)
		p->lane[i].pidfd.fd = -1;
	return p;
}

/* Plan, bell, nursery, workers. */
static int furnish(struct process_pool *p)
{
	int err, fd;

	/* Where they cannot be had, the pool does without, and it is weft_region_new that says so. Whoever may
	 * be hostile must not have them: all regions of the program are in reach. */
	p->home.has_space = !(p->opts.flags & WEFT_PROCESSES_SANDBOX) && !weft__space_ref();
	if (p->home.has_space && p->opts.large_limit > weft__space_size / 4)
		p->opts.large_limit = weft__space_size / 4; /* others want regions, too */
	err = fd = plan_create(&p->home.plan, &p->opts);
	if (fd < 0)
		return err;
	process_file_set(&p->home.plan_fd, fd);
	err = process_nursery_open(p);
	for (unsigned i = 0; i < p->n && !err; i++)
		lane_start(p, i);
	return err;
}

static void show(struct process_pool *p)
{
	weft__stats_describe(p->ex, STATS_PROCESSES);
	for (unsigned i = 0; i < p->n; i++) {
		struct stats_row *row = weft__stats_row_open(p->ex, STATS_PROCESSES, i, 0);

		p->lane[i].row = row;
		if (!row || !(p->opts.flags & WEFT_PROCESSES_SANDBOX))
			continue;
		p->lane[i].known = &row->work;
		atom_store(&row->work.doing, STATS_GIVEN, relaxed); /* as all of it: stats_page.h */
	}
}

int weft_process_pool_new(weft_executor **ret, const struct weft_process_pool_opts *opts)
{
	struct weft_process_pool_opts o;
	struct weft_executor_ops ops = pool_ops;
	struct process_pool *p;
	char name[64];
	int err = ret ? weft__opts_copy(&o, sizeof o, opts) : -EINVAL;

	if (!err)
		err = check_opts(&o);
	if (err)
		return err;
	p = allocate(&o);
	if (!p)
		return -ENOMEM;
	ops.workers = p->n;
	ops.slot_size = o.slot_size;
	snprintf(name, sizeof name, "processes:%u", p->n);
	err = furnish(p);
	if (!err)
		err = weft_executor_new(&p->ex, o.name ? o.name : name, &ops, p);
	if (!err) {
		show(p);
		p->ex->attend = process_attend;
		p->ex->heed = process_heed;
		p->ex->reap = process_look;
		p->ex->take_back = pool_take_back;
	}
	if (!err)
		err = weft__thread_start(&p->watcher, process_watch, p);
	if (err) {
		weft__executor_discard(p->ex);
		pool_free(p, false);
		return err;
	}
	*ret = p->ex;
	return 0;
}
