/* SPDX-License-Identifier: MIT
 *
 * finish.c -- how a future gets done, exactly once, and who is told.
 *
 * Only the owner of a task in phase CLAIMED or RUNNING finishes it, and each such ownership was won by
 * one compare-and-swap: so there is one finisher by construction. It writes the outcome, publishes DONE,
 * and after that does not touch the task again: its storage is the submitter's, who may be gone with it.
 *
 *   tag  word      from -> to                    order                      carries
 *   F1   f.state   finish -> wait, status        CAS acq_rel -> load acq    status, result, the storage
 *   F2   f.state   wait (WAITERS) -> finish      CAS -> the CAS of F1       nothing: one word, so the
 *                                                                           finisher sees the flag or the
 *                                                                           waiter sees DONE
 *   F3   f.state   link_add (LINKS) -> finish    under the stripe lock      a finisher that sees the flag
 *                                                                           takes the lock before it publishes
 *
 * Links hang on f, so they are taken off before f is published, and fired after, when who is told finds it
 * done; all under one hold of the stripe lock, so that who removes his link knows whether it has fired.
 * Progress: without links, lock-free. ABA: none, the state word only moves forward until the next accept,
 * which needs DONE. Death of a process: state words are private to it.
 */
#include "state.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STRIPES = 64 };

static struct {
	_Alignas(64) struct weft__lock lock;
} stripes[STRIPES];

struct weft__lock *weft__stripe(const weft_future *f)
{
	uintptr_t key = (uintptr_t)f >> 6;

	return &stripes[(key ^ key >> 6) % STRIPES].lock;
}

void weft__stripes_reset(void)
{
	for (size_t i = 0; i < STRIPES; i++)
		atom_store(&stripes[i].lock.word, 0, relaxed);
}

int weft__link_add(weft_future *f, struct weft__link *link, weft_future *promised)
{
	struct weft__lock *stripe = weft__stripe(f);
	int err = 0;

	weft__lock(stripe);
	/* F1 acquire: if f is done, its outcome comes with it. */
	for (uint32_t s = atom_load(&f->state, acquire);;) {
		if ((s & PHASE_MASK) == PHASE_DONE) {
			err = -EALREADY;
			break;
		}
		/* F3: the lock orders. F1 acquire: on failure, to see an outcome. */
		if (atom_cas(&f->state, &s, s | FLAG_LINKS, acquire, acquire)) {
			list_append(&f->links, &link->node);
			if (promised)
				weft__claim(promised, PHASE_CLAIMED, PHASE_PROMISED);
			break;
		}
	}
	weft__unlock(stripe);
	return err;
}

bool weft__link_remove(weft_future *f, struct weft__link *link)
{
	bool linked;

	weft__lock(weft__stripe(f));
	linked = list_linked(&link->node);
	if (linked)
		list_remove(&f->links, &link->node);
	weft__unlock(weft__stripe(f));
	return linked;
}

/* Fires every link; returns those that go on without the lock, first added first. */
static struct weft__link *fire_links(struct list_node *links)
{
	struct list_node *first = NULL, **last = &first;

	for (struct list_node *n; (n = list_pop(&links));) {
		if (list_entry(n, struct weft__link, node)->fire(list_entry(n, struct weft__link, node)))
			continue;
		*last = n;
		last = &n->next;
	}
	*last = NULL;
	return first ? list_entry(first, struct weft__link, node) : NULL;
}

/* Makes the outcome visible. After this *f is not ours. */
static struct weft__link *publish(weft_future *f)
{
	uint32_t s = atom_load(&f->state, relaxed);
	struct weft__lock *stripe;
	struct list_node *links;
	struct weft__link *rest = NULL;

	/* F1 release: the outcome; acquire: LINKS and ASKED were set under the lock we take next. */
	while (!(s & (FLAG_LINKS | FLAG_ASKED)))
		if (atom_cas(&f->state, &s, PHASE_DONE, acq_rel, relaxed))
			goto wake;
	stripe = weft__stripe(f);
	weft__lock(stripe);
	links = f->links;
	f->links = NULL;
	/* F1 release, as above. */
	s = atom_swap(&f->state, PHASE_DONE, acq_rel);
	rest = fire_links(links);
	weft__unlock(stripe);
wake:
	if (s & FLAG_WAITERS)
		weft__wake(&f->state, INT_MAX, WEFT__PRIVATE);
	return rest;
}

static void count(weft_executor *ex, int status)
{
	atom_u64 *kind = status == -ECANCELED    ? &ex->cancelled
			 : status == -ETIMEDOUT  ? &ex->timed_out
			 : status == -EOWNERDEAD ? &ex->died
						 : &ex->failed;
	/* Relaxed: figures for people. */
	if (status < 0)
		atom_add(kind, 1, relaxed);
	atom_add(&ex->completed, 1, relaxed);
}

static const char *signal_text(int signal)
{
#ifdef __GLIBC__
	const char *text = sigdescr_np(signal);

	return text ? text : "unknown";
#else
	return strsignal(signal);
#endif
}

static void describe_death(struct weft__outcome *o, const struct weft__death *d)
{
	o->death = *d;
	if (!d->signal)
		snprintf(o->death_text, sizeof o->death_text, "worker %d exited with status %d", d->pid,
			 d->code);
	else
		snprintf(o->death_text, sizeof o->death_text, "worker %d killed by signal %d (%s)%s", d->pid,
			 d->signal, signal_text(d->signal), d->core ? ", core dumped" : "");
}

static void write_outcome(weft_future *f, int status, const char *text, const struct weft__death *death)
{
	f->status = status;
	f->kind = KIND_PLAIN;
	if (death) {
		f->kind = KIND_DEATH;
		describe_death(&f->outcome, death);
	} else if (status < 0 && text && *text) {
		f->kind = KIND_TEXT;
		snprintf(f->outcome.text, sizeof f->outcome.text, "%s", text);
	}
}

void weft__finish(weft_future *f, int status, const char *text, const struct weft__death *death)
{
	weft_executor *ex = f->ex;
	weft_group *group = f->group;
	/* Read now: once f is done its submitter may do away with the cause, unless we hold a reference. */
	weft_future *cause = f->live.cause && f->live.cause->heap ? f->live.cause : NULL;
	bool heap = f->heap;
	struct weft__link *rest;

	if (group)
		weft__group_leave(f);
	write_outcome(f, status, text, death);
	count(ex, status);
	rest = publish(f);
	if (group)
		weft__group_done(group, status);
	if (cause)
		weft_future_unref(cause);
	if (heap)
		weft_future_unref(f);
	weft__load_leave(ex, 1);
	/* Last, since it may run bodies, which may wait for any of the above. */
	weft__release(rest);
}
