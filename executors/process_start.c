/* SPDX-License-Identifier: MIT
 *
 * process_start.c -- workers that do not start: when to try again, and when to give up. All of it runs under
 * the pool's lock.
 *
 *   tag  word           from -> to         order                   carries
 *   R1   report.state   worker -> pool     store rel -> load acq   why it could not start
 *
 * A worker counts as started once its report says UP, after its limits, init and sandbox. One that ends before
 * is tried again, each time later. When every lane has failed so many times in a row the pool is broken: it
 * tells its callers why, and goes on trying, with one worker, once a second.
 */
#include "process_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RETRY_FIRST WEFT_MS(10)
#define RETRY_LAST  WEFT_SECONDS(1)
#define RETRY_MOST  8

/* A worker that did nothing and ended sooner counts as one that could not start. */
#define EARLY_DEATH WEFT_MS(100)

static uint32_t report_state(const struct lane_end *e)
{
	/* R1 acquire: the error and the text come with it. */
	return e->shared ? atom_load(&e->shared->report.state, acquire) : WORKER_STARTING;
}

static bool is_up(const struct lane_end *e)
{
	return e->life == LANE_UP && report_state(e) == WORKER_UP;
}

/* Failure after failure: at once, then after 10 ms, then twice that ... */
static void postpone(struct lane_end *e)
{
	weft_time delay = 0;

	for (unsigned i = 1; i < e->failures && delay < RETRY_LAST; i++)
		delay = delay ? 2 * delay : RETRY_FIRST;
	e->retry_at = weft_after(delay < RETRY_LAST ? delay : RETRY_LAST);
}

void lane_failed(struct process_pool *p, struct lane_end *e, int err, const char *why)
{
	bool hopeless = true;

	e->failures++;
	postpone(e);
	for (unsigned i = 0; i < p->n; i++)
		hopeless &= p->lane[i].failures >= RETRY_MOST && !is_up(&p->lane[i]);
	if (!hopeless)
		return;
	p->broken = err;
	snprintf(p->broken_text, sizeof p->broken_text, "no worker could be started: %s",
		 why && *why ? why : weft_strerror(err));
}

/* What the worker has written about itself is copied, then used. */
static void hear_report(struct process_pool *p, struct lane_end *e)
{
	char why[sizeof e->shared->report.text];
	int err = e->shared->report.error;

	memcpy(why, e->shared->report.text, sizeof why);
	why[sizeof why - 1] = '\0';
	lane_failed(p, e, err < 0 ? err : -EIO, why);
}

void lane_ended(struct process_pool *p, struct lane_end *e, const struct weft__death *d)
{
	uint32_t state = report_state(e);
	char why[WEFT_ERROR_TEXT_MAX + 1];

	e->retry_at = weft_now();
	if (e->useful || e->interrupted || e->killed || e->leaving ||
	    (state == WORKER_UP && weft_now() - e->born > EARLY_DEATH)) {
		e->failures = 0;
		return;
	}
	if (!d->pid && d->code < 0) { /* there was none: the nursery's error */
		lane_failed(p, e, d->code, NULL);
	} else if (state == WORKER_FAILED) {
		hear_report(p, e);
	} else {
		weft__death_text(d, why, sizeof why);
		lane_failed(p, e, -EIO, why);
	}
}

void process_look_for_started(struct process_pool *p)
{
	for (unsigned i = 0; i < p->n && p->broken; i++)
		if (is_up(&p->lane[i]))
			p->broken = 0;
}

bool lane_may_retry(struct process_pool *p, struct lane_end *e, weft_time now)
{
	if (e->life != LANE_DOWN || e->retry_at > now)
		return false;
	if (!p->broken)
		return true;
	if (now >= p->probe_at) {
		p->probe_at = now + RETRY_LAST;
		return true;
	}
	e->retry_at = p->probe_at;
	return false;
}
