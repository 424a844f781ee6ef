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
#include <sched.h>
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

static int link_add(weft_future *f, struct weft__link *link, weft_future *promised, bool heeded)
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
		if (s == PHASE_ENTERING) {
			sched_yield();
			s = atom_load(&f->state, acquire);
			continue;
		}
		/* F3: the lock orders. F1 acquire: on failure, to see an outcome. */
		if (atom_cas(&f->state, &s, s | FLAG_LINKS, acquire, acquire)) {
			list_append(&f->links, &link->node);
			if (promised)
				weft__claim(promised, PHASE_CLAIMED, PHASE_PROMISED);
			/* Under the lock: without it f may be done, and its executor gone. One that starts
			 * it later sees the flag. */
			if (heeded && f->origin & ATTENDED && (s & PHASE_MASK) == PHASE_RUNNING)
				f->ex->heed(f->ex->self, weft__task(f));
			break;
		}
	}
	weft__unlock(stripe);
	return err;
}

int weft__link_add(weft_future *f, struct weft__link *link, weft_future *promised)
{
	return link_add(f, link, promised, true);
}

int weft__link_add_lazily(weft_future *f, struct weft__link *link)
{
	return link_add(f, link, NULL, false);
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
struct weft__link *weft__publish(weft_future *f)
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

static const char *signal_text(int signal)
{
#ifdef __GLIBC__
	const char *text = sigdescr_np(signal);

	return text ? text : "unknown";
#else
	return strsignal(signal);
#endif
}

void weft__death_text(const struct weft__death *d, char *ret, size_t size)
{
	const char *more = d->core ? ", core dumped" : d->oom ? ", probably out of memory" : "";

	if (!d->signal)
		snprintf(ret, size, "worker %d exited with status %d", d->pid, d->code);
	else
		snprintf(ret, size, "worker %d killed by signal %d (%s)%s", d->pid, d->signal,
			 signal_text(d->signal), more);
}

static void describe_death(struct weft__outcome *o, const struct weft__death *d)
{
	o->death = *d;
	weft__death_text(d, o->death_text, sizeof o->death_text);
}

const struct weft__outcome *weft__outcome(const weft_future *f)
{
	return f->origin & FROM_HEAP ? f->far_outcome : &f->outcome;
}

/* Where a text goes. A future of weft_async has no room for one and gets some; if there is none left, it
 * has to do without the text. */
static struct weft__outcome *outcome_room(weft_future *f)
{
	if (!(f->origin & FROM_HEAP))
		return &f->outcome;
	return f->far_outcome = malloc(sizeof *f->far_outcome);
}

static void write_failure(weft_future *f, const char *text, const struct weft__death *death)
{
	struct weft__outcome *o;

	f->kind = KIND_PLAIN;
	if (!death && !(text && *text))
		return;
	o = outcome_room(f);
	if (!o)
		return;
	f->kind = death ? KIND_DEATH : KIND_TEXT;
	if (death)
		describe_death(o, death);
	else
		snprintf(o->text, sizeof o->text, "%s", text);
}

struct weft__link *weft__finish_quietly(weft_future *f, int status, const char *text,
					const struct weft__death *death)
{
	weft_group *group = weft__group(f);
	/* Read now: once f is done its submitter may do away with the cause, unless we hold a reference. */
	weft_future *cause = weft__cause(f);
	uint8_t origin = f->origin;
	struct weft__link *rest;

	weft__probe_done(weft__task(f), status);
	if (cause && !(cause->origin & FROM_HEAP))
		cause = NULL;
	if (group)
		weft__group_leave(f);
	f->status = status;
	if (status < 0)
		write_failure(f, text, death);
	weft__count_done(f->ex, status);
	rest = weft__publish(f);
	if (group)
		weft__group_done(group, status);
	if (cause)
		weft_future_unref(cause);
	if (origin & FROM_HEAP)
		weft_future_unref(f);
	return rest;
}

void weft__finish(weft_future *f, int status, const char *text, const struct weft__death *death)
{
	weft_executor *ex = f->ex;
	struct weft__link *rest = weft__finish_quietly(f, status, text, death);

	weft__load_leave(ex, 1);
	/* Last, since it may run bodies, which may wait for any of the above. */
	if (rest)
		weft__release(rest);
}
