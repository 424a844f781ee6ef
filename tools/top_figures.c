/* SPDX-License-Identifier: MIT
 *
 * top_figures.c -- see top_figures.h.
 *
 * The page has no depth of a queue and no number of running tasks, since nobody needs these while the program runs.
 * They follow: what was accepted and is not completed either runs or is queued, and who runs something says so.
 */
#include "top_figures.h"
#include "stats_page.h"
#include "top_proc.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const top_kind_names[TOP_KINDS] = {
	[TOP_KIND_NONE] = "none",           [TOP_KIND_OTHER] = "other",     [TOP_KIND_THREADS] = "threads",
	[TOP_KIND_PROCESSES] = "processes", [TOP_KIND_URING] = "uring",     [TOP_KIND_THREAD] = "thread",
	[TOP_KIND_PROCESS] = "process",     [TOP_KIND_PROGRAM] = "program",
};

/* What was seen of a row: the same task since when? */
struct seen {
	uint64_t fn, since;
	uint32_t id;
	int64_t first; /* ns; 0: nothing */
};

/* Processor time of who had that id, at the last look. */
struct spent {
	uint32_t id;
	uint64_t cpu; /* ns */
};

struct top_watch {
	pid_t pid;
	struct top_names *names;
	struct top_look now, before; /* before.now 0: there was none */
	struct seen seen[STATS_ROWS];
	struct spent spent[STATS_ROWS + 1]; /* by place in the page; the last is of the program */
	struct top_picture picture;
	struct top_pool pool[STATS_EXECUTORS];
	struct top_worker worker[STATS_ROWS];
};

struct top_watch *top_watch_new(pid_t pid)
{
	struct top_watch *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->pid = pid;
	w->names = top_names_new();
	if (w->names)
		return w;
	free(w);
	return NULL;
}

void top_watch_free(struct top_watch *w)
{
	if (!w)
		return;
	top_names_free(w->names);
	top_look_free(&w->now);
	top_look_free(&w->before);
	free(w);
}

/* ---- One worker ---- */

static uint64_t tag(uint64_t word)
{
	return word & ((1 << STATS_TAG_BITS) - 1);
}

static uint64_t address(uint64_t word)
{
	return word >> STATS_TAG_BITS;
}

/* Of the same worker, in the look before; NULL: it was not there. Both are in the order of the page. */
static const struct top_row *row_before(const struct top_watch *w, const struct top_row *row)
{
	size_t low = 0, high = w->before.now ? w->before.n_rows : 0;
	const struct top_row *r;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		r = &w->before.row[middle];
		if (r->at == row->at)
			return r->id == row->id && r->kind == row->kind && r->executor == row->executor
				       ? r
				       : NULL;
		if (r->at < row->at)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* What was counted since, in a second. Nothing that has become less. */
static double rate(const struct top_watch *w, uint64_t now, uint64_t before)
{
	return w->picture.seconds > 0 && now > before ? (double)(now - before) / w->picture.seconds : 0;
}

/* How long it runs what it runs. Since when is known where that word is of the same task; else it is of an earlier one,
 * and we have seen for ourselves that it is the same for a while. */
static void find_age(struct top_watch *w, const struct top_row *row, uint64_t fn, uint64_t since,
		     struct top_worker *ret)
{
	struct seen *s = &w->seen[row->at];
	int64_t began = (int64_t)address(since) * 1000, age;

	if (!s->first || s->fn != fn || s->since != since || s->id != row->id)
		*s = (struct seen){.fn = fn, .since = since, .id = row->id, .first = w->now.now};
	age = w->now.now - (began ? began : s->first);
	ret->age = age > 0 ? age : 0;
	ret->known = !began ? TOP_AGE_AT_LEAST : tag(since) == tag(fn) ? TOP_AGE_EXACT : TOP_AGE_AT_MOST;
}

/* pid: the process that runs it. Its name lies in the one that gave it. */
static void name_task(struct top_watch *w, pid_t pid, uint64_t fn, uint64_t name, struct top_worker *ret)
{
	struct top_place code = {.pid = pid, .address = address(fn)};
	struct top_place text = {.pid = w->pid, .address = tag(name) == tag(fn) ? address(name) : 0};

	top_names_task(w->names, code, text, ret->task, sizeof ret->task);
}

static uint64_t tasks_of(const struct top_row *row)
{
	return row->kind == TOP_KIND_PROCESSES ? row->work.tasks : row->counts.completed;
}

/* Processors that a process or thread keeps busy. */
static double find_cpu(struct top_watch *w, unsigned at, pid_t tid, pid_t pid, struct top_proc *ret)
{
	struct spent *s = &w->spent[at];
	uint32_t id = (uint32_t)(tid ? tid : pid);
	double cpu = -1;

	if (!top_proc_read(pid, tid, ret)) {
		s->id = 0;
		return -1;
	}
	if (s->id == id && ret->cpu >= s->cpu && w->picture.seconds > 0)
		cpu = (double)(ret->cpu - s->cpu) / 1e9 / w->picture.seconds;
	*s = (struct spent){.id = id, .cpu = ret->cpu};
	return cpu;
}

static bool is_of_process(uint32_t kind)
{
	return kind == TOP_KIND_PROCESSES || kind == TOP_KIND_PROCESS || kind == TOP_KIND_PROGRAM;
}

/* What the kernel says of a row. False: nothing, or its number is that of nobody. */
static bool ask_kernel(struct top_watch *w, const struct top_row *row, struct top_worker *ret,
		       struct top_proc *proc)
{
	pid_t id = row->id <= INT32_MAX ? (pid_t)row->id : 0;

	ret->cpu = -1;
	if (!id)
		return false;
	ret->cpu = is_of_process(row->kind) ? find_cpu(w, row->at, 0, id, proc)
					    : find_cpu(w, row->at, id, w->pid, proc);
	return w->spent[row->at].id == row->id;
}

static void describe_work(struct top_watch *w, const struct top_row *row, struct top_worker *ret)
{
	const struct top_work *work = &row->work;
	const struct top_row *before = row_before(w, row);
	bool is_process = row->kind == TOP_KIND_PROCESSES;

	ret->tasks = tasks_of(row);
	ret->rate = before && before->has_work ? rate(w, ret->tasks, tasks_of(before)) : 0;
	if (!address(work->fn)) {
		w->seen[row->at].first = 0;
		return;
	}
	ret->state = work->doing & STATS_WAITS ? TOP_WAITS : work->doing & STATS_GIVEN ? TOP_GIVEN : TOP_RUNS;
	ret->is_child = work->doing & STATS_CHILD;
	ret->on_top = work->depth;
	/* What it was given its program knows, by its own addresses. */
	name_task(w, is_process && ret->state != TOP_GIVEN ? (pid_t)row->id : w->pid, work->fn, work->name,
		  ret);
	find_age(w, row, work->fn, work->since, ret);
}

/* The fiber that the pool's watcher saw last: it looks every few milliseconds, while anybody is at work. */
static void describe_ring(struct top_watch *w, const struct top_row *row, struct top_worker *ret)
{
	const struct top_ring *r = &row->ring;
	const struct top_row *before = row_before(w, row);
	bool runs = r->live && address(r->since) && tag(r->since) == tag(r->fn);

	ret->tasks = row->counts.completed;
	ret->fibers = r->fibers;
	ret->parked = r->live - (runs ? 1 : 0);
	ret->n_enters = r->enters;
	ret->n_answers = r->answers;
	if (before) {
		ret->rate = rate(w, row->counts.completed, before->counts.completed);
		ret->enters = rate(w, r->enters, before->ring.enters);
		ret->answers = rate(w, r->answers, before->ring.answers);
	}
	if (!runs)
		return;
	ret->state = TOP_RUNS;
	name_task(w, w->pid, r->fn, r->name, ret);
	find_age(w, row, r->fn, r->since, ret);
}

/* Is it over? As far as the program knows, or at least the kernel: an end that nobody has asked for yet. */
static bool has_ended(const struct top_row *row, bool known, char state, struct top_worker *ret)
{
	ret->code = row->alone.ended ? row->alone.code : INT32_MIN;
	return row->alone.ended || !known || state == 'Z' || state == 'X';
}

static void describe_alone(struct top_watch *w, const struct top_row *row, bool known, char state,
			   struct top_worker *ret)
{
	int64_t began = (int64_t)address(row->work.since) * 1000;
	int64_t until = w->now.now;

	memcpy(ret->label, row->alone.label, sizeof ret->label);
	if (has_ended(row, known, state, ret))
		ret->state = TOP_ENDED;
	else
		ret->state = state == 'R' ? TOP_RUNS : state == 'T' || state == 't' ? TOP_STOPPED : TOP_WAITS;
	ret->known = TOP_AGE_EXACT;
	if (row->alone.ended && row->alone.ended < (uint64_t)until / 1000)
		until = (int64_t)row->alone.ended * 1000;
	ret->age = until > began ? until - began : 0;
	if (address(row->work.fn))
		name_task(w, w->pid, row->work.fn, 0, ret);
}

static void describe(struct top_watch *w, const struct top_row *row, struct top_worker *ret)
{
	struct top_proc proc = {.state = '?'};
	bool known;

	*ret = (struct top_worker){.number = row->number, .id = row->id};
	known = ask_kernel(w, row, ret, &proc);
	if (row->kind >= TOP_KIND_ALONE)
		describe_alone(w, row, known, proc.state, ret);
	else if (row->kind == TOP_KIND_URING)
		describe_ring(w, row, ret);
	else if (row->kind == TOP_KIND_PROCESSES && !row->id)
		ret->state = TOP_DOWN;
	else if (row->has_work)
		describe_work(w, row, ret);
	else
		ret->state = TOP_UNKNOWN;
}

/* ---- One executor ---- */

static void add_counts(struct top_counts *to, const struct top_counts *from)
{
	to->submitted += from->submitted;
	to->completed += from->completed;
	to->failed += from->failed;
	to->cancelled += from->cancelled;
	to->timed_out += from->timed_out;
	to->died += from->died;
}

static struct top_counts sum(const struct top_look *l, const struct top_executor *e)
{
	struct top_counts all = e->counts;

	for (unsigned i = 0; i < l->n_rows; i++)
		if (l->row[i].executor == e->at)
			add_counts(&all, &l->row[i].counts);
	return all;
}

static void find_rates(const struct top_watch *w, struct top_pool *p)
{
	for (unsigned i = 0; w->before.now && i < w->before.n_executors; i++) {
		const struct top_executor *e = &w->before.executor[i];
		struct top_counts before;

		if (e->at != p->executor->at || e->serial != p->executor->serial)
			continue;
		before = sum(&w->before, e);
		p->submit_rate = rate(w, p->counts.submitted, before.submitted);
		p->rate = rate(w, p->counts.completed, before.completed);
	}
}

/* Tasks that a worker has begun. */
static uint64_t has_begun(const struct top_row *row, const struct top_worker *worker)
{
	if (row->kind == TOP_KIND_URING)
		return row->ring.live;
	if (worker->state == TOP_GIVEN)
		return 1;
	return worker->state == TOP_RUNS || worker->state == TOP_WAITS ? worker->on_top + !worker->is_child
								       : 0;
}

static bool is_up(const struct top_worker *worker)
{
	return worker->state != TOP_DOWN && worker->state != TOP_ENDED;
}

static struct top_worker *describe_pool(struct top_watch *w, const struct top_executor *e, struct top_pool *p,
					struct top_worker *next)
{
	uint64_t open;

	*p = (struct top_pool){.executor = e, .counts = sum(&w->now, e), .worker = next};
	p->queued_is_guess = e->kind == TOP_KIND_OTHER || w->now.unseen;
	for (unsigned i = 0; i < w->now.n_rows; i++) {
		const struct top_row *row = &w->now.row[i];

		if (row->executor != e->at || row->kind == TOP_KIND_OTHER)
			continue;
		describe(w, row, next);
		p->up += is_up(next);
		p->running += has_begun(row, next);
		p->queued_is_guess |= next->state == TOP_UNKNOWN || next->state == TOP_GIVEN;
		next++;
	}
	p->n = (unsigned)(next - p->worker);
	open = p->counts.submitted > p->counts.completed ? p->counts.submitted - p->counts.completed : 0;
	p->running = p->running < open ? p->running : open;
	p->queued = open - p->running;
	if (e->kind >= TOP_KIND_ALONE) {
		p->running = p->up;
		p->queued = 0;
	}
	find_rates(w, p);
	return next;
}

/* Of a time that a page has named. */
static int64_t since(int64_t then, int64_t now)
{
	return then > 0 && then < now ? now - then : 0;
}

static void describe_program(struct top_watch *w)
{
	struct top_proc proc;
	struct timespec boot;

	top_proc_command(w->pid, w->picture.command, sizeof w->picture.command);
	w->picture.cpu = find_cpu(w, STATS_ROWS, 0, w->pid, &proc);
	if (w->spent[STATS_ROWS].id && !clock_gettime(CLOCK_BOOTTIME, &boot))
		w->picture.age = since((int64_t)proc.began, (int64_t)boot.tv_sec * 1000000000 + boot.tv_nsec);
}

const struct top_picture *top_watch_look(struct top_watch *w, struct top_page *page)
{
	struct top_look kept = w->before;
	struct top_worker *next = w->worker;
	struct top_pool *pool = w->pool;

	w->before = w->now;
	w->now = kept;
	if (top_page_look(page, &w->now))
		return NULL;
	w->picture = (struct top_picture){.pid = w->pid,
					  .uptime = since(w->now.made, w->now.now),
					  .unseen = w->now.unseen,
					  .pool = w->pool,
					  .worker = w->worker,
					  .n = w->now.n_executors};
	if (w->before.now)
		w->picture.seconds = (double)(w->now.now - w->before.now) / 1e9;
	describe_program(w);
	for (int alone = 0; alone < 2; alone++) /* those who run by themselves come last */
		for (unsigned i = 0; i < w->now.n_executors; i++)
			if ((w->now.executor[i].kind >= TOP_KIND_ALONE) == alone)
				next = describe_pool(w, &w->now.executor[i], pool++, next);
	return &w->picture;
}
