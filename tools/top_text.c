/* SPDX-License-Identifier: MIT
 *
 * top_text.c -- see top_text.h.
 */
#include "top_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[TOP_STATES] = {
	[TOP_IDLE] = "idle", [TOP_RUNS] = "runs",   [TOP_WAITS] = "waits",     [TOP_DOWN] = "down",
	[TOP_UNKNOWN] = "?", [TOP_GIVEN] = "given", [TOP_STOPPED] = "stopped", [TOP_ENDED] = "ended",
};

static const char *const how_names[] = {"runs", "drains", "cancels", "kills"};

static const char *how_name(uint32_t how)
{
	return how < sizeof how_names / sizeof *how_names ? how_names[how] : "?";
}

/* ---- Lines ---- */

struct out {
	void (*line)(void *ctx, enum top_line kind, const char *text);
	void *ctx;
};

static void put(const struct out *o, enum top_line kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void put(const struct out *o, enum top_line kind, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	o->line(o->ctx, kind, text);
}

/* Up to 6 characters. */
static const char *time_text(int64_t ns, char ret[24])
{
	double s = (double)ns / 1e9;
	int64_t minutes = ns / 60000000000;

	if (s < 1e-3)
		snprintf(ret, 24, "%.0fus", s * 1e6);
	else if (s < 1)
		snprintf(ret, 24, "%.0fms", s * 1e3);
	else if (s < 99.9)
		snprintf(ret, 24, "%.1fs", s);
	else if (minutes < 100)
		snprintf(ret, 24, "%dm%02ds", (int)minutes, (int)((int64_t)s % 60));
	else if (minutes < 6000)
		snprintf(ret, 24, "%dh%02dm", (int)(minutes / 60), (int)(minutes % 60));
	else
		snprintf(ret, 24, "%dd", (int)(minutes / 1440));
	return ret;
}

/* Of processors, in percent of one. */
static const char *cpu_text(double cpu, char ret[24])
{
	snprintf(ret, 24, cpu < 0 ? "-" : "%.0f%%", cpu * 100);
	return ret;
}

static const char *age_text(const struct top_worker *w, char ret[32])
{
	char time[24];

	snprintf(ret, 32, "%s%s",
		 w->known == TOP_AGE_AT_MOST    ? "<"
		 : w->known == TOP_AGE_AT_LEAST ? ">"
						: "",
		 w->known == TOP_AGE_NONE ? "-" : time_text(w->age, time));
	return ret;
}

static const char *rate_text(double rate, char ret[24])
{
	if (rate >= 1e6)
		snprintf(ret, 24, "%.2fM", rate / 1e6);
	else if (rate >= 1e4)
		snprintf(ret, 24, "%.1fk", rate / 1e3);
	else
		snprintf(ret, 24, "%.0f", rate);
	return ret;
}

static int by_number(const void *a, const void *b)
{
	const struct top_worker *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int by_age(const void *a, const void *b)
{
	const struct top_worker *x = a, *y = b;

	return x->age > y->age ? -1 : x->age < y->age ? 1 : by_number(a, b);
}

static int by_rate(const void *a, const void *b)
{
	const struct top_worker *x = a, *y = b;

	return x->rate > y->rate ? -1 : x->rate < y->rate ? 1 : by_number(a, b);
}

static int (*const orders[TOP_ORDERS])(const void *, const void *) = {by_number, by_age, by_rate};

/* What is 0 as a rule is said only where it is not. */
static void add(char *text, size_t size, const char *what, uint64_t n)
{
	size_t used = strlen(text);

	if (n)
		snprintf(text + used, size - used, "  %s %" PRIu64, what, n);
}

static void put_counts(const struct out *o, const struct top_pool *p)
{
	char in[24], done[24], more[160] = "";

	add(more, sizeof more, "failed", p->counts.failed);
	add(more, sizeof more, "cancelled", p->counts.cancelled);
	add(more, sizeof more, "timed out", p->counts.timed_out);
	add(more, sizeof more, "died", p->counts.died);
	add(more, sizeof more, "deaths", p->executor->deaths);
	put(o, TOP_LINE_COUNTS, "  in %s/s  done %s/s  total %" PRIu64 "%s", rate_text(p->submit_rate, in),
	    rate_text(p->rate, done), p->counts.completed, more);
}

/* Of those who run by themselves. */
static void put_alone(const struct out *o, const struct top_pool *p)
{
	char more[160] = "";

	add(more, sizeof more, "failed", p->counts.failed);
	add(more, sizeof more, "killed", p->counts.died);
	put(o, TOP_LINE_POOL, "%s  running %" PRIu64 "  started %" PRIu64 "  ended %" PRIu64 "%s",
	    p->executor->name, p->running, p->counts.submitted, p->counts.completed, more);
}

static void put_ring(const struct out *o, const struct top_pool *p)
{
	char enters[24], answers[24], turn[24], more[80] = "";
	double n_enters = 0, n_answers = 0;
	uint64_t fibers = 0;

	for (unsigned i = 0; i < p->n; i++) {
		n_enters += p->worker[i].enters;
		n_answers += p->worker[i].answers;
		fibers += p->worker[i].fibers;
	}
	if (p->executor->long_turns)
		snprintf(more, sizeof more, "  long turns %" PRIu64 ", the longest %s",
			 p->executor->long_turns, time_text((int64_t)p->executor->longest_turn, turn));
	put(o, TOP_LINE_COUNTS, "  fibers %" PRIu64 "  enters %s/s  answers %s/s%s", fibers,
	    rate_text(n_enters, enters), rate_text(n_answers, answers), more);
}

static bool is_busy(const struct top_worker *w)
{
	return w->state == TOP_RUNS || w->state == TOP_WAITS || w->state == TOP_GIVEN || w->parked;
}

static void put_pool(const struct out *o, const struct top_pool *p)
{
	const struct top_executor *e = p->executor;
	unsigned busy = 0;

	for (unsigned i = 0; i < p->n; i++)
		busy += is_busy(&p->worker[i]);
	put(o, TOP_LINE_POOL, "%s%s%s  workers %u  busy %u  running %" PRIu64 "  queued %s%" PRIu64, e->name,
	    e->how ? "  " : "", e->how ? how_name(e->how) : "", p->up, busy, p->running,
	    p->queued_is_guess ? "<=" : "", p->queued);
	put_counts(o, p);
	if (e->kind == TOP_KIND_URING)
		put_ring(o, p);
}

/* Of who runs by himself it says how that ended, too. */
static const char *state_text(const struct top_worker *w, char ret[24])
{
	if (w->state != TOP_ENDED || w->code == INT32_MIN)
		return state_names[w->state];
	snprintf(ret, 24, w->code < 0 ? "sig %d" : "exit %d", w->code < 0 ? -w->code : w->code);
	return ret;
}

static void put_worker(const struct out *o, const struct top_pool *p, const struct top_worker *w)
{
	enum top_line kind = w->state == TOP_IDLE || w->state == TOP_ENDED ? TOP_LINE_IDLE : TOP_LINE_WORKER;
	char state[24], age[32], cpu[24], done[24], rest[224], more[32] = "";

	if (w->on_top)
		snprintf(more, sizeof more, w->state == TOP_GIVEN ? " (+%u behind)" : " +%u", w->on_top);
	if (p->executor->kind >= TOP_KIND_ALONE)
		snprintf(rest, sizeof rest, " %-*s  %s", *w->task ? 17 : 0, w->label, w->task);
	else
		snprintf(rest, sizeof rest, "%8s %9" PRIu64 "  %s%s%s", rate_text(w->rate, done),
			 p->executor->kind == TOP_KIND_URING ? w->parked : w->tasks, w->task,
			 w->is_child ? " (stolen child)" : "", more);
	put(o, kind, "%5u %7u %-8s %6s %5s %s", w->number, w->id, state_text(w, state), age_text(w, age),
	    cpu_text(w->cpu, cpu), rest);
}

static void put_head(const struct out *o, uint32_t kind)
{
	const char *id =
		kind == TOP_KIND_THREADS || kind == TOP_KIND_URING || kind == TOP_KIND_THREAD ? "TID" : "PID";

	put(o, TOP_LINE_HEAD, "%5s %7s %-8s %6s %5s %s", "#", id, "STATE", "FOR", "CPU",
	    kind == TOP_KIND_PROGRAM ? " COMMAND"
	    : kind >= TOP_KIND_ALONE ? " NAME               FUNCTION"
	    : kind == TOP_KIND_URING ? " TASKS/S    PARKED  TASK"
				     : " TASKS/S     TASKS  TASK");
}

static void put_workers(const struct out *o, const struct top_pool *p, const struct top_view *view)
{
	if (!p->n)
		return;
	qsort(p->worker, p->n, sizeof *p->worker, orders[view->order % TOP_ORDERS]);
	put_head(o, p->executor->kind);
	for (unsigned i = 0; i < p->n; i++)
		if (!view->hides_idle || (p->worker[i].state != TOP_IDLE && p->worker[i].state != TOP_ENDED))
			put_worker(o, p, &p->worker[i]);
}

/* A command line without the folder of its program. */
static const char *without_folder(const char *command)
{
	const char *base = command;

	for (const char *c = command; *c && *c != ' '; c++)
		base = *c == '/' ? c + 1 : base;
	return base;
}

void top_text(const struct top_picture *p, const struct top_view *view,
	      void (*line)(void *ctx, enum top_line kind, const char *text), void *ctx)
{
	const struct out o = {line, ctx};
	char up[24], cpu[24];

	put(&o, TOP_LINE_TITLE, "weft-top: process %d  up %s  cpu %s  %s", (int)p->pid, time_text(p->age, up),
	    cpu_text(p->cpu, cpu), without_folder(p->command));
	if (p->unseen)
		put(&o, TOP_LINE_TITLE, "%u workers have found no room in the page", p->unseen);
	for (unsigned i = 0; i < p->n; i++) {
		put(&o, TOP_LINE_TITLE, "%s", "");
		if (p->pool[i].executor->kind >= TOP_KIND_ALONE)
			put_alone(&o, &p->pool[i]);
		else
			put_pool(&o, &p->pool[i]);
		put_workers(&o, &p->pool[i], view);
	}
}

/* ---- JSON ---- */

static void json_string(FILE *to, const char *text)
{
	putc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', to);
		putc(*text, to);
	}
	putc('"', to);
}

static const char *json_age(enum top_age known)
{
	return known == TOP_AGE_EXACT ? "exact" : known == TOP_AGE_AT_MOST ? "at most" : "at least";
}

static void json_worker(const struct top_worker *w, bool is_ring, FILE *to)
{
	fprintf(to,
		"{\"number\": %u, \"id\": %u, \"state\": \"%s\", \"tasks\": %" PRIu64
		", \"tasks_per_s\": %.3f",
		w->number, w->id, w->state == TOP_UNKNOWN ? "unknown" : state_names[w->state], w->tasks,
		w->rate);
	if (w->cpu >= 0)
		fprintf(to, ", \"cpu\": %.3f", w->cpu);
	if (*w->task) {
		fprintf(to, ", \"task\": ");
		json_string(to, w->task);
		fprintf(to, ", \"child\": %s, \"on_top\": %u", w->is_child ? "true" : "false", w->on_top);
	}
	if (w->known != TOP_AGE_NONE)
		fprintf(to, ", \"age_ns\": %" PRId64 ", \"age_is\": \"%s\"", w->age, json_age(w->known));
	if (*w->label) {
		fprintf(to, ", \"label\": ");
		json_string(to, w->label);
	}
	if (w->state == TOP_ENDED && w->code != INT32_MIN)
		fprintf(to, ", \"code\": %d", w->code);
	if (is_ring)
		fprintf(to,
			", \"parked\": %u, \"fibers\": %u, \"enters\": %" PRIu64 ", \"answers\": %" PRIu64
			", \"enters_per_s\": %.3f, \"answers_per_s\": %.3f",
			w->parked, w->fibers, w->n_enters, w->n_answers, w->enters, w->answers);
	putc('}', to);
}

static void json_pool(const struct top_pool *p, FILE *to)
{
	const struct top_executor *e = p->executor;
	const struct top_counts *c = &p->counts;

	fprintf(to, "    {\"name\": ");
	json_string(to, e->name);
	fprintf(to, ", \"serial\": %u, \"kind\": \"%s\", \"state\": \"%s\",\n", e->serial,
		top_kind_names[e->kind], how_name(e->how));
	fprintf(to,
		"     \"submitted\": %" PRIu64 ", \"completed\": %" PRIu64 ", \"failed\": %" PRIu64
		", \"cancelled\": %" PRIu64 ", \"timed_out\": %" PRIu64 ", \"died\": %" PRIu64 ",\n",
		c->submitted, c->completed, c->failed, c->cancelled, c->timed_out, c->died);
	fprintf(to,
		"     \"queued\": %" PRIu64 ", \"queued_is_bound\": %s, \"running\": %" PRIu64
		", \"submitted_per_s\": %.3f, \"completed_per_s\": %.3f,\n",
		p->queued, p->queued_is_guess ? "true" : "false", p->running, p->submit_rate, p->rate);
	fprintf(to,
		"     \"workers_wanted\": %u, \"workers_up\": %u, \"deaths\": %u, \"long_turns\": %" PRIu64
		", \"longest_turn_ns\": %" PRIu64 ",\n     \"workers\": [",
		e->workers, p->up, e->deaths, e->long_turns, e->longest_turn);
	for (unsigned i = 0; i < p->n; i++) {
		fprintf(to, "%s\n      ", i ? "," : "");
		json_worker(&p->worker[i], e->kind == TOP_KIND_URING, to);
	}
	fprintf(to, "%s]}", p->n ? "\n     " : "");
}

void top_json(const struct top_picture *p, FILE *to)
{
	fprintf(to,
		"{\"pid\": %d, \"uptime_ns\": %" PRId64
		", \"seconds\": %.3f, \"unseen\": %u,\n  \"executors\": [",
		(int)p->pid, p->uptime, p->seconds, p->unseen);
	for (unsigned i = 0; i < p->n; i++) {
		fprintf(to, "%s\n", i ? "," : "");
		json_pool(&p->pool[i], to);
	}
	fprintf(to, "%s]}\n", p->n ? "\n  " : "");
}
