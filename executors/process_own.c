/* SPDX-License-Identifier: MIT
 *
 * process_own.c -- weft_process: what the user calls. process_own.h says what lies in which file.
 *
 *   tag  word         from -> to             order                    carries
 *   P1   p.started    hears -> who starts    store rel -> load acq    pid, pidfd, or the error
 *   P2   p.refs       each -> the last       sub acq_rel              what either did with the record
 */
#include "process_own.h"
#include "exit_hold.h"
#include "forked.h"
#include "memfd.h"
#include "offload.h"
#include "spec.h"
#include "stats.h"
#include "worker_start.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static enum weft_cancel interrupt(void *self, weft_task *t);

/* What the futures belong to. */
static weft_executor executor = {
	.ops = {.size = sizeof executor.ops, .caps = WEFT_CAP_KILL, .workers = 1, .interrupt = interrupt},
	.name = "process"};
static atom_u32 numbers;

struct own own = {.bell.fd = -1};

static void adopt(void)
{
	weft__executor_adopt(&executor);
}

static void destroy(weft_process *p)
{
	if (p->task)
		munmap(p->task, p->task_size);
	process_file_close(&p->pidfd);
	weft__stats_row_close(p->row);
	free(p);
}

void own_unref(weft_process *p)
{
	/* P2 */
	if (atom_sub(&p->refs, 1, acq_rel) == 1)
		destroy(p);
}

/* What a fork has of a process of its parent: the handle, if anything. */
static void forget(struct list_node *processes)
{
	for (struct list_node *n; (n = list_pop(&processes));) {
		weft_process *p = list_entry(n, weft_process, node);

		weft_future_unref(p->future); /* nobody finishes it here */
		own_unref(p);
	}
}

/* A fork comes when the lists are whole. */
static void before_fork(void)
{
	weft__lock(&own.lock);
}

static void in_parent(void)
{
	weft__unlock(&own.lock);
}

/* What the parent has is not ours; its nurseries know that by themselves. */
static void in_child(void)
{
	adopt();
	for (struct list_node *n; (n = list_pop(&own.homes));) {
		struct own_home *h = list_entry(n, struct own_home, node);

		forget(h->processes);
		h->base.bell.fd = -1;      /* everybody's */
		h->base.has_space = false; /* it is the space's affair that this is a fork */
		process_home_fini(&h->base);
		free(h);
	}
	/* Their makers are not here, or are about to be nurseries. */
	for (struct list_node *n; (n = list_pop(&own.makings));)
		free(list_entry(n, struct own_home, node));
	process_file_close(&own.bell);
	own = (struct own){.bell.fd = -1};
}

static void arrange(void)
{
	adopt(); /* its handler of forks comes before ours */
	pthread_atfork(before_fork, in_parent, in_child);
}

static weft_process *process_of(weft_task *t)
{
	/* Relaxed: the future was handed to whoever asks. */
	return (weft_process *)(uintptr_t)atom_load(&weft__future(t)->place, relaxed);
}

/* Under the stripe lock, before the future is finished; its task goes after that. */
static enum weft_cancel interrupt(void *self, weft_task *t)
{
	(void)self;
	atom_store(&process_of(t)->task->cancel, 1, relaxed); /* a hint, that carries nothing */
	return WEFT_CANCEL_ASKED;
}

static weft_process *allocate(const struct weft_process_opts *o)
{
	weft_process *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	atom_store(&p->refs, 2, relaxed);
	p->daemon = o->flags & WEFT_DAEMON;
	p->generation = weft__generation();
	p->pidfd.fd = -1;
	if (o->name)
		snprintf(p->name, sizeof p->name, "%s", o->name);
	else /* relaxed: any number that nobody else has */
		snprintf(p->name, sizeof p->name, "Process-%u", atom_add(&numbers, 1, relaxed) + 1);
	return p;
}

struct start {
	weft_fn *fn;
	const void *arg;
	size_t arg_size;
	struct weft_process_opts opts;
	weft_process *p;
	int err;
};

/* Its memory, with all but the function in it; returns the memfd. */
static int make_task(weft_process *p, const struct start *s)
{
	size_t size = sizeof *p->task + own_result_at(s->arg_size) + s->opts.result_size;
	int fd = weft__memfd("weft-process", size);
	struct own_task *o;

	if (fd < 0)
		return fd;
	o = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (o == MAP_FAILED) {
		close(fd);
		return -ENOMEM;
	}
	o->arg_size = s->arg_size;
	o->result_size = s->opts.result_size;
	memcpy(o->name, p->name, sizeof o->name);
	if (s->arg_size)
		memcpy(o->payload, s->arg, s->arg_size);
	p->task = o;
	p->task_size = size;
	return fd;
}

/* Of one that has its memory. What else it takes the watcher gives back when it has ended. */
static int furnish(weft_process *p, const struct start *s, int memfd)
{
	struct own_start o = {.p = p, .fn = s->fn, .start = s->opts.start, .memfd = memfd};
	int err = weft__launch(&executor, s->fn, NULL, 0, s->opts.result_size, &p->future);

	if (err)
		return err;
	/* Relaxed: see process_of. */
	atom_store(&p->future->place, (uintptr_t)p, relaxed);
	p->task->traced = (uintptr_t)weft__task(p->future);
	err = p->daemon ? 0 : weft__exit_hold();
	if (!err) {
		err = own_start(&o);
		if (err && !p->daemon)
			weft__exit_release();
	}
	if (err)
		weft__launch_failed(p->future);
	return err;
}

static void start(void *ctx)
{
	struct start *s = ctx;
	weft_process *p = allocate(&s->opts);
	int memfd;

	s->err = memfd = p ? make_task(p, s) : -ENOMEM;
	if (memfd >= 0) {
		s->err = furnish(p, s, memfd);
		close(memfd);
	}
	if (s->err && p)
		destroy(p);
	s->p = p;
}

static int check(const struct start *s)
{
	if (!s->fn || (!s->arg && s->arg_size) || s->opts.flags & ~(uint32_t)WEFT_DAEMON ||
	    s->opts.start > WEFT_START_SPAWN)
		return -EINVAL;
	if (s->arg_size > PTRDIFF_MAX / 4 || s->opts.result_size > PTRDIFF_MAX / 4)
		return -E2BIG;
	return worker_is_in_sandbox() ? -ENOTSUP : 0;
}

int weft_process_start(weft_process **ret, weft_fn *fn, const void *arg, size_t arg_size,
		       const struct weft_process_opts *opts)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct start s = {.fn = fn, .arg = arg, .arg_size = arg_size};
	int err = ret ? weft__opts_copy(&s.opts, sizeof s.opts, opts) : -EINVAL;

	if (!err)
		err = check(&s);
	if (err)
		return err;
	pthread_once(&once, arrange);
	weft__offload(start, &s);
	if (!s.err)
		*ret = s.p;
	return s.err;
}

int weft_process_join(weft_process *p, weft_time deadline)
{
	if (!p)
		return -EINVAL;
	return weft__forked(p->generation) ? -ECHILD : weft_future_wait(p->future, deadline);
}

weft_future *weft_process_future(weft_process *p)
{
	return p ? p->future : NULL;
}

const char *weft_process_name(const weft_process *p)
{
	return p ? p->name : "";
}

int weft_process_is_alive(const weft_process *p)
{
	if (!p)
		return -EINVAL;
	return weft__forked(p->generation) ? -ECHILD : weft_future_status(p->future) == -EINPROGRESS;
}

pid_t weft_process_pid(const weft_process *p)
{
	return p ? p->pid : -EINVAL;
}

int weft_process_fd(const weft_process *p)
{
	weft_process *own_p = (weft_process *)(uintptr_t)p;
	int fd;

	if (!p)
		return -EINVAL;
	weft__lock(&own.lock);
	fd = process_pidfd_get(&own_p->pidfd, p->pid);
	weft__unlock(&own.lock);
	return fd < 0 ? -EBADF : fd;
}

int weft_process_exit(const weft_process *p, int *ret_code)
{
	if (!p || !ret_code)
		return -EINVAL;
	if (weft__forked(p->generation))
		return -ECHILD;
	if (weft_future_status(p->future) == -EINPROGRESS)
		return -EINPROGRESS;
	*ret_code = p->death.signal ? -p->death.signal : p->death.code;
	return 0;
}

static int send_signal(weft_process *p, int sig)
{
	int alive = weft_process_is_alive(p), fd, err = 0;

	if (alive <= 0)
		return alive;
	fd = weft_process_fd(p);
	if (fd < 0)
		return fd;
	weft__lock(&own.lock);
	p->killed |= sig == SIGKILL;
	weft__unlock(&own.lock);
	if (syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) && errno != ESRCH)
		err = -errno;
	return err;
}

int weft_process_terminate(weft_process *p)
{
	return send_signal(p, SIGTERM);
}

int weft_process_kill(weft_process *p)
{
	return send_signal(p, SIGKILL);
}

int weft_process_free(weft_process *p)
{
	if (!p)
		return 0;
	weft_future_unref(p->future);
	own_unref(p);
	return 0;
}
