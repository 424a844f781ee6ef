/* SPDX-License-Identifier: MIT
 *
 * process_watch.c -- the one thread of a pool of processes. It finishes what workers have done and nobody has
 * come for, hears from the nursery of workers that came and went, keeps deadlines, and asks for replacements.
 *
 * It sleeps in poll, on the bell (an eventfd that workers and submitters write) and on the nursery's
 * socket. Before it sleeps it asks the workers to ring, and then looks once more (lane.h, B2).
 */
#include "clock.h"
#include "process_parts.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* No sleep is longer. If the program closes our descriptors while we sleep and gives the numbers to others, we
 * are woken, but poll looks at the others, and goes on sleeping. */
#define LOOK_AROUND WEFT_SECONDS(2)

static _Thread_local const struct process_pool *watched;

bool process_is_watcher(const struct process_pool *p)
{
	return watched == p;
}

void process_wake_watcher(const struct process_pool *p)
{
	uint64_t one = 1;
	int bell = process_file_get(&p->home.bell);
	ssize_t n = bell < 0 ? 0 : write(bell, &one, sizeof one);

	(void)n; /* full means that it is readable */
}

/* What is in the queue of a pool that drops everything, or has no workers and gets none. */
static void drop_queue(struct process_pool *p, bool broken)
{
	struct list_node *dropped;
	char why[WEFT_ERROR_TEXT_MAX + 1];

	weft__lock(&p->lock);
	dropped = weft__taskq_drop(&p->q);
	process_unstage_all(p, dropped);
	memcpy(why, p->broken_text, sizeof why);
	weft__unlock(&p->lock);
	if (!broken) {
		weft__taskq_finish_dropped(dropped);
		return;
	}
	for (struct list_node *n; (n = list_pop(&dropped));)
		weft__finish(list_entry(n, weft_future, live.queue), -EIO, why, NULL);
}

static void bury(struct process_pool *p, struct lane_end *e, const struct weft__death *death)
{
	struct departures d;
	bool found;

	weft__probe_death(death->pid, death->signal, death->code);
	weft__lock(&p->lock);
	lane_close(e);
	weft__unlock(&p->lock);
	process_reap(p);
	do {
		d.n = 0;
		weft__lock(&p->lock);
		found = lane_lose(p, e, death, &d);
		weft__unlock(&p->lock);
		process_finish(p, &d);
	} while (found);
	weft__lock(&p->lock);
	lane_bury(p, e, death);
	weft__unlock(&p->lock);
}

static void hear_spawned(struct process_pool *p, struct lane_end *e, const struct nursery_msg *m, int pidfd)
{
	weft__lock(&p->lock);
	e->life = LANE_UP;
	e->pid = m->pid;
	lane_show(e, m->pid);
	process_file_set(&e->pidfd, pidfd);
	if (e->killed) /* before we knew whom to kill */
		lane_kill(e);
	weft__unlock(&p->lock);
}

static void hear(struct process_pool *p, const struct nursery_msg *m, int fds[NURSERY_FDS])
{
	struct lane_end *e = m->lane < p->n ? &p->lane[m->lane] : NULL;
	bool current = e && e->shared && e->epoch == m->epoch;
	struct weft__death death = {.pid = m->pid,
				    .signal = m->signal,
				    .code = m->kind == NURSERY_FAILED ? m->error : m->code,
				    .core = (int16_t)m->core,
				    .oom = m->oom && !(e && e->killed),
				    .utime_us = m->utime_us,
				    .stime_us = m->stime_us,
				    .maxrss_kib = m->maxrss_kib};

	if (current && m->kind == NURSERY_SPAWNED) {
		hear_spawned(p, e, m, fds[0]);
		fds[0] = -1;
	} else if (current && (m->kind == NURSERY_DIED || m->kind == NURSERY_FAILED)) {
		bury(p, e, &death);
	}
	for (int i = 0; i < NURSERY_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Waits for the end of a worker whose nursery has gone. */
static void await_death(struct lane_end *e)
{
	struct pollfd end = {.fd = process_pidfd_get(&e->pidfd, e->pid), .events = POLLIN};

	if (end.fd >= 0)
		while (poll(&end, 1, -1) < 0 && errno == EINTR) {}
}

/* The nursery has died, and by their parent-death signal its workers; or the program has closed what leads to
 * it, and it is about to. Waits for each worker, then starts anew. */
static void lose_nursery(struct process_pool *p)
{
	weft__lock(&p->lock);
	if (process_file_get(&p->home.bell) < 0)
		p->home.bell.fd = -1; /* none, rather than somebody else's */
	process_home_lose(&p->home);
	weft__unlock(&p->lock);
	for (unsigned i = 0; i < p->n; i++) {
		struct lane_end *e = &p->lane[i];
		struct weft__death death = {.pid = e->pid, .signal = SIGKILL};

		if (!e->shared)
			continue;
		await_death(e);
		bury(p, e, &death);
	}
}

static void hear_all(struct process_pool *p)
{
	struct nursery_msg m;
	int fds[NURSERY_FDS], r;

	if (p->home.sock.fd < 0)
		return;
	while ((r = nursery_recv(p->home.sock.fd, &m, fds, MSG_DONTWAIT)) > 0)
		hear(p, &m, fds);
	if (r != -EAGAIN)
		lose_nursery(p);
}

static void keep_deadlines(struct process_pool *p)
{
	struct departures d;
	bool found;

	do {
		d.n = 0;
		weft__lock(&p->lock);
		found = lanes_overdue(p, &d);
		weft__unlock(&p->lock);
		process_finish(p, &d);
	} while (found);
}

/* Continuations of what others have finished. False: there were none. */
static bool release_rest(struct process_pool *p)
{
	struct weft__link *rest;

	weft__lock(&p->lock);
	rest = p->rest;
	p->rest = NULL;
	weft__unlock(&p->lock);
	if (rest)
		weft__release(rest);
	return rest;
}

int process_nursery_open(struct process_pool *p)
{
	int err;

	weft__lock(&p->lock);
	err = process_home_furnish(&p->home);
	weft__unlock(&p->lock);
	return err ? err : process_home_open(&p->home);
}

static void replace_worker(struct process_pool *p, unsigned i)
{
	int err = p->home.sock.fd < 0 ? process_nursery_open(p) : 0; /* where the last one has died */

	weft__lock(&p->lock);
	if (err)
		lane_failed(p, &p->lane[i], err, NULL);
	else
		lane_start(p, i);
	lanes_fill(p);
	weft__unlock(&p->lock);
}

static void replace_workers(struct process_pool *p)
{
	weft_time now = weft_now();
	bool closing, dropping;
	int broken;

	weft__lock(&p->lock);
	process_look_for_started(p);
	closing = p->killing || p->ending;
	weft__unlock(&p->lock);
	for (unsigned i = 0; i < p->n && !closing; i++) {
		bool retry;

		weft__lock(&p->lock);
		retry = lane_may_retry(p, &p->lane[i], now);
		weft__unlock(&p->lock);
		if (retry)
			replace_worker(p, i);
	}
	weft__lock(&p->lock);
	broken = p->broken;
	dropping = p->dropping;
	weft__unlock(&p->lock);
	if (broken || dropping)
		drop_queue(p, !dropping);
}

/* Workers that were told to leave, and stay, are killed; if even then nothing is heard of them, the nursery
 * that should tell us is at fault, and is killed too. */
static void enforce_leaving(struct process_pool *p)
{
	weft__lock(&p->lock);
	if (p->ending && weft_now() >= p->leave_by) {
		if (p->leave_late)
			process_home_kill(&p->home);
		lanes_kill_all(p);
		p->leave_late = true;
		p->leave_by = weft_after(LEAVE_PATIENCE);
	}
	weft__unlock(&p->lock);
}

static void sleep_until_rung(struct process_pool *p, weft_time deadline)
{
	struct pollfd fds[2] = {{.fd = p->home.bell.fd, .events = POLLIN},
				{.fd = p->home.sock.fd, .events = POLLIN}};
	weft_time longest = weft_after(LOOK_AROUND), end = weft__earlier(deadline, longest);
	weft_time left = end - weft_now();
	struct timespec limit = {.tv_sec = left > 0 ? left / WEFT_SECONDS(1) : 0,
				 .tv_nsec = left > 0 ? left % WEFT_SECONDS(1) : 0};
	uint64_t count;
	ssize_t n = 0;

	if (ppoll(fds, 2, &limit, NULL) > 0 && fds[0].revents && process_file_get(&p->home.bell) >= 0)
		n = read(p->home.bell.fd, &count, sizeof count);
	(void)n;
}

/* Everybody has left who was told to. */
static bool all_gone(struct process_pool *p)
{
	bool gone;

	weft__lock(&p->lock);
	gone = p->ending;
	for (unsigned i = 0; i < p->n; i++)
		gone &= p->lane[i].life == LANE_DOWN;
	weft__unlock(&p->lock);
	return gone;
}

void *process_watch(void *arg)
{
	struct process_pool *p = arg;
	weft_time wake_at;
	bool again;

	watched = p;
	prctl(PR_SET_NAME, "weft-watch");
	for (;;) {
		if (process_files_lost(&p->home))
			lose_nursery(p);
		hear_all(p);
		process_reap(p);
		keep_deadlines(p);
		replace_workers(p);
		enforce_leaving(p);
		if (release_rest(p))
			continue;
		if (all_gone(p))
			return NULL;
		weft__lock(&p->lock);
		lanes_fill(p);
		lanes_rebalance(p);
		p->armed = false;
		lanes_arm(p);
		p->wake_at = wake_at = lanes_next_deadline(p);
		again = lanes_listen(p);
		weft__unlock(&p->lock);
		if (!again)
			sleep_until_rung(p, wake_at);
	}
}
