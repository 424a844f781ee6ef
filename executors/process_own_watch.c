/* SPDX-License-Identifier: MIT
 *
 * process_own_watch.c -- the thread that hears how each weft_process ended, and finishes its future. It is started
 * with the first nursery and leaves with the last, which it sends away when that has had no process for a moment.
 */
#include "clock.h"
#include "exit_hold.h"
#include "own_thread.h"
#include "process_own.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a nursery is kept without a process: starting one costs as much as ten processes. */
#define LINGER WEFT_MS(50)

/* As in process_watch.c: the program may close what we sleep on. */
#define LOOK_AROUND  WEFT_SECONDS(2)
#define NOW_AND_THEN WEFT_MS(10)

void own_ring(void)
{
	uint64_t one = 1;
	int fd = process_file_get(&own.bell);
	ssize_t n = fd < 0 ? 0 : write(fd, &one, sizeof one);

	(void)n; /* full means that it is readable */
}

/* ---- What nurseries say, under the lock ---- */

static void answer(weft_process *p, uint32_t started, int error)
{
	p->error = error;
	/* P1 release: pairs with the load in own_spawn. */
	atom_store(&p->started, started, release);
	weft__wake(&p->started, 1, WEFT__PRIVATE);
}

void own_take_out(weft_process *p)
{
	struct own_home *h = p->home;

	list_remove(&h->processes, &p->node);
	h->idle_since = weft_now();
	p->home = NULL;
}

static void hear_died(weft_process *p, const struct weft__death *death)
{
	own_take_out(p);
	if (atom_load(&p->started, relaxed) == NOT_STARTED) { /* under the lock we are the only ones */
		answer(p, NOT_TO_START, -EIO);
		return;
	}
	weft__probe_death(death->pid, death->signal, death->code);
	p->death = *death;
	list_append(&own.ended, &p->node);
}

static void hear_one(weft_process *p, const struct nursery_msg *m, int fds[NURSERY_FDS])
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
		process_file_set(&p->pidfd, fds[0]);
		fds[0] = -1;
		answer(p, STARTED, 0);
	} else if (m->kind == NURSERY_FAILED) {
		own_take_out(p);
		answer(p, NOT_TO_START, m->error < 0 ? m->error : -EIO);
	} else if (m->kind == NURSERY_DIED) {
		hear_died(p, &death);
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
static bool hear(struct own_home *h)
{
	struct nursery_msg m;
	int fds[NURSERY_FDS], r = 0, sock = process_file_get(&h->base.sock);
	weft_process *p;

	while (sock >= 0 && (r = nursery_recv(sock, &m, fds, MSG_DONTWAIT)) > 0) {
		p = find(h, m.epoch);
		if (p)
			hear_one(p, &m, fds);
		for (int i = 0; i < NURSERY_FDS; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	return sock >= 0 && r == -EAGAIN;
}

/* ---- Those that have ended, without the lock ---- */

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

static void finish_all(void)
{
	struct list_node *ended;

	weft__lock(&own.lock);
	ended = own.ended;
	own.ended = NULL;
	weft__unlock(&own.lock);
	for (struct list_node *n; (n = list_pop(&ended));)
		finish(list_entry(n, weft_process, node));
}

/* ---- Homes ---- */

static void await_end(weft_process *p)
{
	struct pollfd end = {.fd = weft_process_fd(p), .events = POLLIN};

	if (end.fd >= 0)
		while (poll(&end, 1, -1) < 0 && errno == EINTR) {}
}

/* Its nursery has died, and by their parent-death signal its processes; or the program has closed what leads to
 * it, and it is about to. Out of own.homes already. */
static void lose(struct own_home *h)
{
	weft__lock(&own.lock); /* or own_spawn might write to whatever gets the socket's number next */
	process_home_lose(&h->base);
	weft__unlock(&own.lock);
	for (struct list_node *n = h->processes; n; n = h->processes) {
		weft_process *p = list_entry(n, weft_process, node);
		struct weft__death death = {.pid = p->pid, .signal = SIGKILL};

		if (p->pid)
			await_end(p);
		weft__lock(&own.lock);
		hear_died(p, &death);
		weft__unlock(&own.lock);
	}
}

static bool is_idle(const struct own_home *h)
{
	return !h->processes && (h->base.start == WEFT_START_FORK || weft_now() >= h->idle_since + LINGER);
}

/* Hears everybody; takes out those that have gone, or are to go. */
static struct list_node *look(void)
{
	struct list_node *leaving = NULL, *next;

	weft__lock(&own.lock);
	for (struct list_node *n = own.homes; n; n = next) {
		struct own_home *h = list_entry(n, struct own_home, node);
		bool lost = process_files_lost(&h->base) || !hear(h);

		next = list_after(own.homes, n);
		if (!lost && !is_idle(h))
			continue;
		list_remove(&own.homes, n);
		list_append(&leaving, n);
	}
	weft__unlock(&own.lock);
	return leaving;
}

/* Of homes that have been taken out. */
static void send_away(struct list_node *leaving)
{
	for (struct list_node *n; (n = list_pop(&leaving));) {
		struct own_home *h = list_entry(n, struct own_home, node);

		if (h->processes)
			lose(h);
		own_close(h);
	}
}

/* ---- The thread ---- */

enum { FDS = 256 }; /* nurseries beyond that are looked at now and then */

struct sleep {
	struct pollfd fds[FDS];
	size_t n;
	weft_time until;
};

/* What to sleep on, under the lock. */
static void prepare(struct sleep *s)
{
	s->until = weft_after(LOOK_AROUND);
	s->fds[0] = (struct pollfd){.fd = own.bell.fd, .events = POLLIN};
	s->n = 1;
	for (struct list_node *i = own.homes; i; i = list_after(own.homes, i)) {
		struct own_home *h = list_entry(i, struct own_home, node);

		if (s->n < FDS)
			s->fds[s->n++] = (struct pollfd){.fd = h->base.sock.fd, .events = POLLIN};
		else
			s->until = weft__earlier(s->until, weft_after(NOW_AND_THEN));
		if (!h->processes)
			s->until = weft__earlier(s->until, h->idle_since + LINGER);
	}
}

static void sleep_until_rung(struct sleep *s)
{
	weft_time left = s->until - weft_now();
	struct timespec limit = {.tv_sec = left > 0 ? left / WEFT_SECONDS(1) : 0,
				 .tv_nsec = left > 0 ? left % WEFT_SECONDS(1) : 0};
	uint64_t count;
	ssize_t n = 0;

	if (ppoll(s->fds, s->n, &limit, NULL) <= 0 || !s->fds[0].revents)
		return;
	weft__lock(&own.lock);
	if (process_file_get(&own.bell) >= 0)
		n = read(own.bell.fd, &count, sizeof count);
	weft__unlock(&own.lock);
	(void)n;
}

/* True: there is nothing left to watch, and nobody counts on us. The lock is held. */
static bool resign(void)
{
	if (own.homes || own.ended || own.makers)
		return false;
	own.watched = false;
	process_file_close(&own.bell);
	return true;
}

static void *watch(void *arg)
{
	struct sleep s;
	struct list_node *leaving;
	bool over;

	(void)arg;
	prctl(PR_SET_NAME, "weft-watch");
	do {
		leaving = look();
		finish_all(); /* before we wait for a nursery's end */
		send_away(leaving);
		finish_all();
		weft__lock(&own.lock);
		over = resign();
		if (!over)
			prepare(&s);
		weft__unlock(&own.lock);
		if (!over)
			sleep_until_rung(&s);
	} while (!over);
	return NULL;
}

static int open_bell(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	process_file_set(&own.bell, fd);
	return fd < 0 ? -errno : 0;
}

int own_watch(void)
{
	pthread_t thread;
	int err = 0;

	if (process_file_get(&own.bell) < 0) /* there is no watcher, or the program has closed it */
		err = open_bell();
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
