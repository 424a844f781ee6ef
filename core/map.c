/* SPDX-License-Identifier: MIT
 *
 * map.c -- weft_map: one function over an array, in chunks.
 *
 * A window of chunks is in flight; each that comes back by a completion queue makes room for the next. So
 * a map over any number of elements holds a bounded number of tasks, works on every executor, and goes
 * on at the pace of its fastest worker. Chunks are begun in index order, which is what makes "the first
 * failure in index order" cheap: everything before a failure has been begun already, everything behind
 * it is dropped or asked to stop.
 */
#include "cqueue.h"
#include "spec.h"

#include <errno.h>
#include <stdlib.h>

enum {
	CHUNKS_PER_WORKER = 32, /* so that the last ones to end end together */
	WINDOW_PER_WORKER = 16  /* so that no worker waits for the caller, who may wait for a processor */
};

/* Chunks that come back within this are awaited several at a time. */
#define SOON WEFT_MS(1)

struct chunk {
	weft_task task;
	struct weft__batch batch;
	struct weft__cq_item item;
	size_t begin;  /* index of its first element */
	size_t failed; /* see weft__batch */
	bool flying;
};

struct map {
	weft_executor *ex;
	weft_fn *fn;
	const char *args;
	char *results;
	size_t arg_size, result_size, n;
	struct weft_map_opts opts;
	struct weft_cq q;
	struct chunk *chunks;
	struct weft__spinner spinner;
	weft_time awaited; /* when chunks were awaited last */
	size_t window, flying;
	size_t next;   /* first element that has not been begun */
	size_t end;    /* elements from here on need not be begun: n, or the first failure */
	size_t done;   /* elements finished, for the progress */
	int error;     /* of element end; or of the map, which then ends early */
	bool stopping; /* the map itself was cancelled, timed out or refused */
};

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Elements that one slot of the executor carries. */
static size_t slot_elements(const struct map *m)
{
	size_t slot = m->ex->ops.slot_size, each = m->arg_size + m->result_size;

	if (!slot || !each)
		return SIZE_MAX;
	/* Argument and result are each rounded up to 64 bytes: at most 63 are lost for either. */
	return slot > 128 + each ? (slot - 128) / each : 1;
}

static size_t chunk_size(const struct map *m)
{
	size_t workers = m->ex->ops.workers ? m->ex->ops.workers : 1;
	size_t chunk = m->opts.chunk ? m->opts.chunk : m->n / (workers * CHUNKS_PER_WORKER);

	chunk = min_size(min_size(chunk, slot_elements(m)), m->n);
	return chunk ? chunk : 1;
}

static void fill(struct map *m, struct chunk *c)
{
	size_t n = min_size(m->opts.chunk, m->end - m->next);

	c->begin = m->next;
	c->failed = 0;
	c->batch = (struct weft__batch){n, m->arg_size, m->result_size, &c->failed};
	c->task.fn = m->fn;
	c->task.arg = m->args ? m->args + c->begin * m->arg_size : NULL;
	c->task.arg_size = n * m->arg_size;
	c->task.result = m->results ? m->results + c->begin * m->result_size : NULL;
	c->task.result_size = n * m->result_size;
	c->task.deadline = m->opts.deadline;
	c->task.flags = m->opts.flags;
}

/* Cancels the chunks that lie behind the end. */
static void cancel_rest(struct map *m)
{
	for (size_t i = 0; i < m->window; i++)
		if (m->chunks[i].flying && (m->stopping || m->chunks[i].begin > m->end))
			weft_future_cancel(weft_task_future(&m->chunks[i].task));
}

static void stop_early(struct map *m, int error)
{
	if (m->stopping)
		return;
	m->stopping = true;
	if (m->end == m->n)
		m->error = error; /* an element's failure is the better answer */
	cancel_rest(m);
}

static int launch(struct map *m, struct chunk *c)
{
	struct weft_offer as = {.opaque_ = {[OFFER_EXTRA] = &c->batch, [OFFER_HOW] = (void *)FROM_BATCH}};
	size_t accepted;
	int err;

	fill(m, c);
	if (m->flying) {
		/* Others are on their way: where the queue is full, wait for one of them instead. */
		err = weft__enter_and_submit(m->ex, &c->task, 1, &as, &accepted);
	} else {
		weft_time deadline = m->opts.deadline ? m->opts.deadline : WEFT_FOREVER;
		err = weft__submit_wait(m->ex, &c->task, &as, deadline);
	}
	if (err)
		return err;
	m->next += c->batch.n;
	c->flying = true;
	m->flying++;
	weft__cq_watch(&m->q, &c->item, weft_task_future(&c->task), c);
	return 0;
}

static void launch_all(struct map *m)
{
	for (size_t i = 0; i < m->window && m->next < m->end && !m->stopping; i++) {
		int err = m->chunks[i].flying ? 0 : launch(m, &m->chunks[i]);

		if (err == -EAGAIN)
			return;
		if (err)
			stop_early(m, err);
		else if (weft__phase(weft_task_future(&m->chunks[i].task)) == PHASE_DONE)
			return; /* look at its outcome before more is begun */
	}
}

static void collect(struct map *m, struct chunk *c)
{
	weft_future *f = weft_task_future(&c->task);
	int status = weft_future_status(f);
	size_t failed = c->begin + c->failed;

	c->flying = false;
	m->flying--;
	if (status >= 0) {
		m->done += c->batch.n;
		if (m->opts.progress && !m->stopping)
			m->opts.progress(m->opts.ctx, m->done, m->n);
	} else if (!m->stopping && failed < m->end) {
		m->end = failed;
		m->error = status;
		cancel_rest(m);
	}
}

/* The one in flight that has so many begun after it, or about so many: they may come back in any order. */
static struct chunk *chunk_before(struct map *m, size_t younger)
{
	struct chunk *found = NULL, *oldest = NULL;

	for (size_t i = 0; i < m->window; i++) {
		struct chunk *c = &m->chunks[i];

		if (!c->flying)
			continue;
		if (m->next - c->begin > younger * m->opts.chunk && (!found || c->begin > found->begin))
			found = c;
		if (!oldest || c->begin < oldest->begin)
			oldest = c;
	}
	return found ? found : oldest;
}

/* Waits where chunks come back so fast that a wake-up costs more than a chunk: until half of those in flight are
 * back, or all where no more are to come. False: they do not. */
static bool await_some(struct map *m)
{
	weft_time now = weft_now();
	bool fast = now - m->awaited < SOON;
	struct chunk *c;

	m->awaited = now;
	if (!fast)
		return false;
	c = chunk_before(m, m->next < m->end ? m->flying / 2 : 0);
	/* A task has to hear of its cancellation, so there it only looks. */
	return !weft__attend(weft_task_future(&c->task), &m->spinner, now + SOON, !weft__current);
}

/* Where the executor leaves it to who waits to finish tasks: finishes some, or has the executor do it. */
static void attend(struct map *m)
{
	if (!m->ex->reap)
		return;
	m->ex->reap(m->ex->self);
	if (weft__cq_is_ready(&m->q) || await_some(m))
		return;
	for (size_t i = 0; i < m->window; i++)
		if (m->chunks[i].flying)
			weft__heed(weft_task_future(&m->chunks[i].task));
}

static void drive(struct map *m)
{
	struct weft__cq_item *item;

	for (launch_all(m); m->flying; launch_all(m)) {
		weft_time deadline = m->stopping || !m->opts.deadline ? WEFT_FOREVER : m->opts.deadline;
		int err;

		attend(m);
		err = weft__cq_next(&m->q, deadline, !m->stopping, &item);

		if (err)
			stop_early(m, err);
		else
			collect(m, item->tag);
	}
}

static int check(struct map *m)
{
	weft_task one = {.fn = m->fn,
			 .arg = m->args,
			 .arg_size = m->arg_size,
			 .result = m->results,
			 .result_size = m->result_size,
			 .flags = m->opts.flags};
	size_t bytes;

	if (!m->n) { /* then the arrays may be NULL */
		one.arg_size = one.result_size = 0;
		return weft__check(m->ex, &one);
	}
	if (__builtin_mul_overflow(m->n, m->arg_size, &bytes) || bytes > PTRDIFF_MAX ||
	    __builtin_mul_overflow(m->n, m->result_size, &bytes) || bytes > PTRDIFF_MAX)
		return -EOVERFLOW;
	return weft__check(m->ex, &one);
}

static int run(struct map *m)
{
	size_t workers = m->ex->ops.workers ? m->ex->ops.workers : 1;

	m->opts.chunk = chunk_size(m);
	m->end = m->n;
	m->window = 1 + min_size(workers * WINDOW_PER_WORKER - 1, (m->n - 1) / m->opts.chunk);
	m->q.fd = -1;
	m->chunks = calloc(m->window, sizeof *m->chunks); /* NOLINT: window is 1 or more */
	if (!m->chunks)
		return -ENOMEM;
	drive(m);
	free(m->chunks);
	if (m->end < m->n && m->opts.ret_failed)
		*m->opts.ret_failed = m->end;
	return m->error;
}

int weft_map(weft_executor *ex, weft_fn *fn, const void *args, size_t arg_size, void *results,
	     size_t result_size, size_t n, const struct weft_map_opts *opts)
{
	struct map m = {.ex = ex,
			.fn = fn,
			.args = args,
			.results = results,
			.arg_size = arg_size,
			.result_size = result_size,
			.n = n};
	int err = weft__opts_copy(&m.opts, sizeof m.opts, opts);

	if (!err)
		err = check(&m);
	if (!err && weft_call_cancelled(weft__current))
		err = -ECANCELED;
	return err || !n ? err : run(&m);
}
