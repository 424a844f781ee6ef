/* SPDX-License-Identifier: MIT
 *
 * test_executor_impl.c -- a whole executor against weft/executor_impl.h, to be copied and changed; and the
 * proof that with it everything works that the library promises of executors.
 *
 * It has one thread and one lock. The lock makes accept + queue, dequeue + start, and remove exclude each
 * other, which is all that the library asks for. The queue is a chain through the tasks' own memory: the
 * first of the two pointers of weft_impl_link() is "next".
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include <weft/executor_impl.h>

struct solo {
	weft_executor *ex;
	pthread_t thread;
	pthread_mutex_t lock;   /* of all below */
	pthread_cond_t changed; /* the queue, or ending */
	void *first;            /* the chain of tasks that wait to start */
	size_t n, room;         /* tasks in it; how many it may hold */
	bool dropping, ending;
};

/* Where in the chain t is pointed to; or where it ends, if t is NULL or not there. */
static void **find(struct solo *s, const weft_task *t)
{
	void **p = &s->first;
	while (*p && *p != t)
		p = weft_impl_link(*p);
	return p;
}

static bool unlink_task(struct solo *s, weft_task *t)
{
	void **p = find(s, t);
	if (!*p)
		return false;
	*p = *weft_impl_link(t);
	s->n--;
	return true;
}

/* Takes tasks from the offer as long as there is room. Accept comes first: it makes the link ours. */
static int solo_submit(void *self, struct weft_offer *offer)
{
	struct solo *s = self;
	int n = 0, err = 0;
	pthread_mutex_lock(&s->lock);
	while ((size_t)n < offer->n && n < INT_MAX && !err) {
		weft_task *t = &offer->tasks[n];
		if (s->dropping)
			err = -ESHUTDOWN;
		else if (s->n >= s->room && !offer->force)
			err = -EAGAIN;
		else
			err = weft_impl_accept(offer, (size_t)n);
		if (err)
			break;
		void **p = &s->first; /* behind all that are not less urgent */
		while (*p && ((weft_task *)*p)->priority >= t->priority)
			p = weft_impl_link(*p);
		*weft_impl_link(t) = *p;
		*p = t;
		s->n++, n++;
	}
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return n ? n : err;
}

/* The worker. A task that will not start has been cancelled: remove() will not find it, which is fine. */
static void *solo_work(void *self)
{
	struct solo *s = self;
	pthread_mutex_lock(&s->lock);
	while (s->first || !s->ending) {
		weft_task *t = s->first;
		if (!t) {
			pthread_cond_wait(&s->changed, &s->lock);
		} else if (unlink_task(s, t) && weft_impl_start(t)) {
			pthread_mutex_unlock(&s->lock); /* the body may call back */
			weft_impl_run(t);
			pthread_mutex_lock(&s->lock);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void solo_remove(void *self, weft_task *t)
{
	struct solo *s = self;
	pthread_mutex_lock(&s->lock);
	unlink_task(s, t);
	pthread_mutex_unlock(&s->lock);
}

static bool solo_inside(void *self)
{
	return pthread_equal(pthread_self(), ((struct solo *)self)->thread);
}

/* One of our bodies waits for t, on our only thread: unless it runs t itself, it waits for ever. */
static bool solo_take(void *self, weft_task *t)
{
	struct solo *s = self;
	bool mine = false;
	if (solo_inside(s)) {
		pthread_mutex_lock(&s->lock);
		mine = unlink_task(s, t) && weft_impl_start(t);
		pthread_mutex_unlock(&s->lock);
	}
	return mine;
}

/* Drops what has not started, if it is to be dropped; finishes it when the lock is no longer held. */
static void solo_stop(void *self, enum weft_stop how)
{
	struct solo *s = self;
	void *dropped = NULL;
	if (how == WEFT_STOP_DRAIN)
		return;
	pthread_mutex_lock(&s->lock);
	s->dropping = true;
	for (weft_task *t = s->first, *next; t; t = next) {
		next = *weft_impl_link(t);
		if (!weft_impl_drop(t))
			continue; /* a canceller has it, and calls remove() */
		unlink_task(s, t);
		*weft_impl_link(t) = dropped;
		dropped = t;
	}
	pthread_mutex_unlock(&s->lock);
	for (weft_task *t; (t = dropped);) {
		dropped = *weft_impl_link(t);
		weft_impl_finish(t, -ECANCELED, NULL);
	}
}

static void solo_join(void *self)
{
	struct solo *s = self;
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
}

static void solo_free(void *self, bool forked)
{
	struct solo *s = self;
	if (!forked) {
		pthread_cond_destroy(&s->changed);
		pthread_mutex_destroy(&s->lock);
	}
	free(s);
}

static void solo_stats(void *self, struct weft_stats *ret)
{
	struct solo *s = self;
	pthread_mutex_lock(&s->lock);
	ret->queued = s->n;
	ret->workers = 1;
	pthread_mutex_unlock(&s->lock);
}

static const struct weft_executor_ops solo_ops = {
	.size = sizeof solo_ops,
	.caps = WEFT_CAP_LOCAL,
	.workers = 1,
	.submit = solo_submit,
	.remove = solo_remove,
	.take = solo_take,
	.inside = solo_inside,
	.stop = solo_stop,
	.join = solo_join,
	.free = solo_free,
	.stats = solo_stats,
};

/* An executor with one thread, where room tasks may wait to start. Free it by weft_executor_free. */
static int solo_new(weft_executor **ret, size_t room)
{
	struct solo *s = calloc(1, sizeof *s);
	int err = s ? weft_executor_new(&s->ex, "solo", &solo_ops, s) : -ENOMEM;
	if (err) {
		free(s);
		return err;
	}
	s->room = room;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	err = -pthread_create(&s->thread, NULL, solo_work, s);
	if (!err)
		*ret = s->ex;
	return err;
}
