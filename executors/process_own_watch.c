/* SPDX-License-Identifier: MIT
 *
 * process_own_watch.c -- the thread that hears how each weft_process ended, and finishes its future. It is started
 * with the first nursery and leaves with the last, which it sends away when that has had no process for a moment.
 */
#include "exit_hold.h"
#include "own_thread.h"
#include "process_own.h"
#include "stats.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- What nurseries say, under the lock ---- */

static void answer(weft_process *p, uint32_t started, int error)
{
	p->error = error;
	/* P1 release: pairs with the load in own_start. */
	atom_store(&p->started, started, release);
	weft__wake(&p->started, 1, WEFT__PRIVATE);
}

static void take_out(struct own_home *h, weft_process *p)
{
	list_remove(&h->processes, &p->node);
	h->idle_since = weft_now();
}

static void hear_died(struct own_home *h, weft_process *p, const struct weft__death *death,
		      struct list_node **ended)
{
	take_out(h, p);
	if (atom_load(&p->started, relaxed) == NOT_STARTED) { /* nobody else writes it */
		answer(p, NOT_TO_START, -EIO);
		return;
	}
	weft__probe_death(death->pid, death->signal, death->code);
	weft__stats_alone_end(p->row, death->signal ? -death->signal : death->code);
	p->death = *death;
	list_append(ended, &p->node);
}

static void hear_one(struct own_home *h, weft_process *p, const struct nursery_msg *m, int fds[NURSERY_FDS],
		     struct list_node **ended)
{
	struct weft__death death = {.pid = m->pid,
				    .signal = m->signal,
				    .code = m->code,
				    .core = (int16_t)m->core,
				    .oom = m->oom && !p->killed,
				    .utime_us = m->utime_us,
				    .stime_us = m->stime_us,
				    .maxrss_kib = m->maxrss_kib};

	if (m->kind == NURSERY_SPAWNED) {
		p->pid = m->pid;
		p->row = weft__stats_alone_open(STATS_PROCESS, m->pid, (uintptr_t)weft__task(p->future)->fn,
						p->name);
		process_file_set(&p->pidfd, fds[0]);
		fds[0] = -1;
		answer(p, STARTED, 0);
	} else if (m->kind == NURSERY_FAILED) {
		take_out(h, p);
		answer(p, NOT_TO_START, m->error < 0 ? m->error : -EIO);
	} else if (m->kind == NURSERY_DIED) {
		hear_died(h, p, &death, ended);
	}
}

static weft_process *find(const struct own_home *h, uint64_t epoch)
{
	for (struct list_node *n = h->processes; n; n = list_after(h->processes, n))
		if (list_entry(n, weft_process, node)->epoch == epoch)
			return list_entry(n, weft_process, node);
	return NULL;
}

/* False: that was the end of it. */
static bool hear(struct own_home *h, struct list_node **ended)
{
	struct nursery_msg m;
	int fds[NURSERY_FDS], r = 0, sock = process_file_get(&h->base.sock);
	weft_process *p;

	while (sock >= 0 && (r = nursery_recv(sock, &m, fds, MSG_DONTWAIT)) > 0) {
		p = find(h, m.epoch);
		if (p)
			hear_one(h, p, &m, fds, ended);
		for (int i = 0; i < NURSERY_FDS; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	return sock >= 0 && r == -EAGAIN;
}

/* ---- Those that have ended: without the lock, from here on ---- */

/* What the process has left in its memory is copied, then used. True: its body had ended. */
static bool take_outcome(weft_process *p, int *ret_status, char text[WEFT_ERROR_TEXT_MAX + 1])
{
	const struct own_task *o = p->task;
	weft_task *t = weft__task(p->future);
	uint64_t reply;

	/* W1 acquire: pairs with the store in worker_own.c. */
	if (atom_load(&p->task->state, acquire) != OWN_DONE)
		return false;
	*ret_status = o->status;
	reply = o->reply_size;
	text[0] = '\0';
	if (o->has_text)
		memcpy(text, o->text, WEFT_ERROR_TEXT_MAX);
	text[WEFT_ERROR_TEXT_MAX] = '\0';
	/* The sizes are ours: what it wrote over them does not count. */
	if (*ret_status >= 0 && t->result_size)
		memcpy(t->result, (const char *)o + p->task_size - t->result_size, t->result_size);
	if (reply < t->result_size)
		weft__reply(p->future, reply);
	return true;
}

static void *release(void *rest)
{
	weft__release(rest);
	return NULL;
}

/* Continuations may run bodies, which may start processes and wait for them; so not in this thread, without which
 * neither gets on. */
static void release_elsewhere(struct weft__link *rest)
{
	pthread_t thread;

	if (weft__thread_start(&thread, release, rest))
		weft__release(rest); /* at least those that do not */
	else
		pthread_detach(thread);
}

static void finish(weft_process *p)
{
	char text[WEFT_ERROR_TEXT_MAX + 1];
	int status;
	bool daemon = p->daemon, whole = take_outcome(p, &status, text);
	weft_executor *ex = p->future->ex;
	struct weft__link *rest = whole ? weft__finish_quietly(p->future, status, text, NULL)
					: weft__finish_quietly(p->future, -EOWNERDEAD, NULL, &p->death);

	weft__load_leave(ex, 1);
	if (rest)
		release_elsewhere(rest);
	own_unref(p);
	if (!daemon)
		weft__exit_release();
}

static void finish_all(struct list_node **ended)
{
	for (struct list_node *n; (n = list_pop(ended));)
		finish(list_entry(n, weft_process, node));
}

/* ---- Homes ---- */

/* Its nursery has died, and by their parent-death signal its processes; or the program has closed what leads to
 * it, and it is about to. */
static void lose(struct own_home *h, struct list_node **ended)
{
	process_home_lose(&h->base);
	for (struct list_node *n; (n = h->processes);) {
		weft_process *p = list_entry(n, weft_process, node);
		struct weft__death death = {.pid = p->pid, .signal = SIGKILL};

		if (p->pid)
			own_await_end(p);
		hear_died(h, p, &death, ended);
	}
}

static bool is_idle(const struct own_home *h)
{
	return !h->processes &&
	       (h->base.start == WEFT_START_FORK || weft_now() >= h->idle_since + OWN_LINGER);
}

/* Hears everybody; takes out those that have gone, or are to go: they are ours, and nobody enters them any more. */
static struct list_node *look(struct list_node **ended)
{
	struct list_node *leaving = NULL, *next;

	weft__lock(&own.lock);
	for (struct list_node *n = own.homes; n; n = next) {
		struct own_home *h = list_entry(n, struct own_home, node);
		bool lost = process_files_lost(&h->base) || !hear(h, ended);

		next = list_after(own.homes, n);
		if (!lost && !is_idle(h))
			continue;
		list_remove(&own.homes, n);
		list_append(&leaving, n);
	}
	weft__unlock(&own.lock);
	return leaving;
}

static void send_away(struct list_node *leaving)
{
	struct list_node *ended = NULL;

	for (struct list_node *n; (n = list_pop(&leaving));) {
		struct own_home *h = list_entry(n, struct own_home, node);

		if (h->processes)
			lose(h, &ended);
		own_close(h);
		finish_all(&ended);
	}
}

/* ---- The thread ---- */

/* True: there is nothing left to watch, and nobody counts on us. The lock is held. */
static bool resign(void)
{
	if (own.homes || own.makings)
		return false;
	own.watched = false;
	process_file_close(&own.bell);
	return true;
}

static void *watch(void *arg)
{
	struct list_node *leaving, *ended = NULL;
	bool over;

	(void)arg;
	prctl(PR_SET_NAME, "weft-watch");
	do {
		leaving = look(&ended);
		finish_all(&ended); /* before we wait for a nursery's end */
		send_away(leaving);
		weft__lock(&own.lock);
		over = resign();
		weft__unlock(&own.lock);
		if (!over)
			own_sleep();
	} while (!over);
	return NULL;
}

int own_watch(void)
{
	pthread_t thread;
	int err = 0;

	if (process_file_get(&own.bell) < 0) /* there is no watcher, or the program has closed it */
		err = own_bell_open();
	if (err || own.watched)
		return err;
	err = weft__thread_start(&thread, watch, NULL);
	if (err) {
		process_file_close(&own.bell);
		return err;
	}
	pthread_detach(thread);
	own.watched = true;
	return 0;
}
