/* SPDX-License-Identifier: MIT
 *
 * thread.c -- weft_thread: one thread for one function.
 *
 * Its future is that of a task on the heap, whose executor is nobody's to submit to. The body has ended when the
 * future is done; continuations may run after that in the same thread, so joining waits for three things: the
 * future, the word `over`, and the thread itself, which by then has only the C library's part of its end to go.
 *
 *   tag  word    from -> to        order                    carries
 *   T1   joined  joiner -> joiner  store rel -> load acq    what the thread did, by pthread_join
 *   T2   refs    each -> the last  sub acq_rel              what either did with the record
 *
 * Death: these are words of one process.
 */
#include "exit_hold.h"
#include "forked.h"
#include "spec.h"
#include "state.h"
#include "stats.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <weft/thread.h>

enum { NOT_JOINED, JOINING, JOINED };

struct weft_thread {
	atom_u32 refs; /* the handle, and the thread until its end */
	atom_u32 over;
	atom_u32 joined; /* by the one who calls pthread_join, or pthread_detach */
	bool daemon;
	uint32_t generation;
	weft_future *future;
	weft_call call;
	pthread_t id;
	struct list_node node; /* in living.list; under its lock, as the next two */
	struct stats_row *row; /* for who looks on; NULL: not shown */
	int tid;
	char name[WEFT_NAME_MAX + 1];
};

/* Those whose bodies run. A thread by itself makes no page of figures; one that is made later shows it, too. */
static struct {
	struct weft__lock lock;
	struct list_node *list;
} living;

/* What the futures belong to. */
static weft_executor executor = {.ops = {.size = sizeof executor.ops, .caps = WEFT_CAP_LOCAL, .workers = 1},
				 .name = "thread"};
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atom_u32 numbers;

static void adopt(void)
{
	weft__executor_adopt(&executor);
}

void weft__threads_forked(void)
{
	adopt();
	living.lock = (struct weft__lock){0};
	living.list = NULL;
}

/* Under the lock. */
static void show(weft_thread *t)
{
	if (!t->row)
		t->row = weft__stats_alone_open(STATS_THREAD, t->tid, (uintptr_t)weft__task(t->future)->fn,
						t->name);
}

void weft__threads_show(void)
{
	weft__lock(&living.lock);
	for (struct list_node *n = living.list; n; n = list_after(living.list, n))
		show(list_entry(n, weft_thread, node));
	weft__unlock(&living.lock);
}

static void begin_to_live(weft_thread *t)
{
	if (!WEFT__SHOWS_ALONE)
		return;
	weft__lock(&living.lock);
	t->tid = gettid();
	list_append(&living.list, &t->node);
	show(t);
	weft__unlock(&living.lock);
}

/* Before its future is done, so that who has waited finds it gone. In a fork that it made, it is in no list. */
static void end_to_live(weft_thread *t, int status)
{
	if (!t->tid || weft__forked(t->generation))
		return;
	weft__lock(&living.lock);
	list_remove(&living.list, &t->node);
	weft__stats_alone_end(t->row, status < 0 ? 1 : 0);
	weft__stats_row_close(t->row);
	weft__unlock(&living.lock);
}

static void unref(weft_thread *t)
{
	/* T2 */
	if (atom_sub(&t->refs, 1, acq_rel) == 1)
		free(t);
}

/* The last that the thread does of its own. In a fork that it made, it is not the thread of the record. */
static void end(weft_thread *t)
{
	bool ours = !weft__forked(t->generation), daemon = t->daemon;

	/* Relaxed: who awaits it goes on to join, which orders. */
	atom_store(&t->over, 1, relaxed);
	weft__wake(&t->over, INT_MAX, WEFT__PRIVATE);
	weft__name_thread(NULL);
	unref(t);
	weft__exit_self(false);
	if (ours && !daemon)
		weft__exit_release();
}

/* The body has called pthread_exit, or was cancelled: its frames are gone. */
static void end_early(void *arg)
{
	weft_thread *t = arg;

	weft__current = &t->call; /* whatever lay on top of it */
	weft__clear_up(&t->call);
	weft__current = NULL;
	end_to_live(t, -EOWNERDEAD);
	weft__finish(t->future, -EOWNERDEAD, "the thread ended before its body did", NULL);
	end(t);
}

static void *run(void *arg)
{
	weft_thread *t = arg;
	weft_task *task = weft__task(t->future);
	int status;

	prctl(PR_SET_NAME, t->name);
	weft__name_thread(t->name);
	weft__exit_self(!t->daemon);
	t->call.remote_cancel = NULL;
	begin_to_live(t);
	pthread_cleanup_push(end_early, t);
	weft__probe_start(task, task, 0);
	status = weft__body(&t->call, task);
	weft__probe_end(task, status);
	pthread_cleanup_pop(0);
	weft__reply(t->future, t->call.reply_size);
	end_to_live(t, status);
	weft__finish(t->future, status, t->call.has_text ? t->call.text : NULL, NULL);
	end(t);
	return NULL;
}

static int start(weft_thread *t, size_t stack_size)
{
	pthread_attr_t attr;
	int err = pthread_attr_init(&attr);

	if (err)
		return -err;
	if (stack_size && pthread_attr_setstacksize(&attr, stack_size))
		err = ERANGE;
	if (!err)
		err = pthread_create(&t->id, &attr, run, t);
	pthread_attr_destroy(&attr);
	return -err;
}

static weft_thread *allocate(const struct weft_thread_opts *o)
{
	weft_thread *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	atom_store(&t->refs, 2, relaxed);
	t->daemon = o->flags & WEFT_DAEMON;
	t->generation = weft__generation();
	if (o->name)
		snprintf(t->name, sizeof t->name, "%s", o->name);
	else /* relaxed: any number that nobody else has */
		snprintf(t->name, sizeof t->name, "Thread-%u", atom_add(&numbers, 1, relaxed) + 1);
	return t;
}

static int check(weft_fn *fn, const void *arg, size_t arg_size, const struct weft_thread_opts *o)
{
	return fn && (arg || !arg_size) && !(o->flags & ~(uint32_t)WEFT_DAEMON) ? 0 : -EINVAL;
}

int weft_thread_start(weft_thread **ret, weft_fn *fn, const void *arg, size_t arg_size,
		      const struct weft_thread_opts *opts)
{
	struct weft_thread_opts o;
	weft_thread *t;
	int err = ret ? weft__opts_copy(&o, sizeof o, opts) : -EINVAL;

	if (!err)
		err = check(fn, arg, arg_size, &o);
	if (err)
		return err;
	t = allocate(&o);
	if (!t)
		return -ENOMEM;
	pthread_once(&once, adopt);
	err = weft__launch(&executor, fn, arg, arg_size, o.result_size, &t->future);
	if (err) {
		free(t);
		return err;
	}
	err = t->daemon ? 0 : weft__exit_hold();
	if (!err) {
		err = start(t, o.stack_size);
		if (err && !t->daemon)
			weft__exit_release();
	}
	if (err) {
		weft__launch_failed(t->future);
		free(t);
		return err;
	}
	*ret = t;
	return 0;
}

static int await_over(weft_thread *t, weft_time deadline)
{
	/* Relaxed, both: see end. */
	while (!atom_load(&t->over, relaxed))
		if (weft__wait(&t->over, 0, deadline, WEFT__PRIVATE) == -ETIMEDOUT &&
		    !atom_load(&t->over, relaxed))
			return -ETIMEDOUT;
	return 0;
}

/* True: this one is joined, and by us. */
static bool try_join(weft_thread *t)
{
	uint32_t was = NOT_JOINED;

	/* Relaxed: what the thread did comes by pthread_join. */
	if (!atom_cas(&t->joined, &was, JOINING, relaxed, relaxed))
		return false;
	pthread_join(t->id, NULL);
	/* T1 release: pairs with the loads of the others. */
	atom_store(&t->joined, JOINED, release);
	weft__wake(&t->joined, INT_MAX, WEFT__PRIVATE);
	return true;
}

/* One of all joiners has it joined, the others wait for that one. */
static void join(weft_thread *t)
{
	if (try_join(t))
		return;
	/* T1 acquire: pairs with try_join. */
	while (atom_load(&t->joined, acquire) != JOINED)
		weft__wait(&t->joined, JOINING, WEFT_FOREVER, WEFT__PRIVATE);
}

/* Who has all the time, and no task that might be cancelled, sleeps once instead of three times. True: he has
 * joined it. */
static bool join_at_once(weft_thread *t, weft_time deadline)
{
	if (deadline != WEFT_FOREVER || weft__current)
		return false;
	weft__release_pending();
	return try_join(t);
}

int weft_thread_join(weft_thread *t, weft_time deadline)
{
	int err = t ? 0 : -EINVAL;

	if (!err && weft__forked(t->generation))
		err = -ECHILD;
	if (!err && pthread_equal(t->id, pthread_self()))
		err = -EDEADLK;
	if (!err && join_at_once(t, deadline))
		return 0;
	if (!err)
		err = weft_future_wait(t->future, deadline);
	if (!err)
		err = await_over(t, deadline);
	if (!err)
		join(t);
	return err;
}

weft_future *weft_thread_future(weft_thread *t)
{
	return t ? t->future : NULL;
}

const char *weft_thread_name(const weft_thread *t)
{
	return t ? t->name : "";
}

int weft_thread_is_alive(const weft_thread *t)
{
	if (!t)
		return -EINVAL;
	if (weft__forked(t->generation))
		return -ECHILD;
	return weft_future_status(t->future) == -EINPROGRESS;
}

/* The thread is not here, and gives up no reference. */
static void free_in_fork(weft_thread *t)
{
	if (weft_future_status(t->future) == -EINPROGRESS)
		weft_future_unref(t->future);
	weft_future_unref(t->future);
	free(t);
}

int weft_thread_free(weft_thread *t)
{
	uint32_t was = NOT_JOINED;

	if (!t)
		return 0;
	if (weft__forked(t->generation)) {
		free_in_fork(t);
		return 0;
	}
	/* Relaxed: whoever joined it has come back. */
	if (atom_cas(&t->joined, &was, JOINING, relaxed, relaxed))
		pthread_detach(t->id);
	weft_future_unref(t->future);
	unref(t);
	return 0;
}
