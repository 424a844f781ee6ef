/* SPDX-License-Identifier: MIT
 *
 * top_text.c -- see top_text.h.
 */
#include "top_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
	[TOP_IDLE] = "idle", [TOP_RUNS] = "runs", [TOP_WAITS] = "waits",
	[TOP_DOWN] = "down", [TOP_UNKNOWN] = "?",
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

/* 4 to 6 characters. */
static const char *time_text(int64_t ns, char ret[24])
{
	double s = (double)ns / 1e9;

	if (s < 1e-3)
		snprintf(ret, 24, "%.0fus", s * 1e6);
	else if (s < 1)
		snprintf(ret, 24, "%.0fms", s * 1e3);
	else if (s < 100)
		snprintf(ret, 24, "%.1fs", s);
	else if (s < 6000)
		snprintf(ret, 24, "%.0fmin", s / 60);
	else
		snprintf(ret, 24, "%.0fh", s / 3600);
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

static void put_pool(const struct out *o, const struct top_pool *p)
{
	const struct top_executor *e = p->executor;
	char in[24], done[24], turn[24];

	put(o, TOP_LINE_POOL,
	    "%s  %s  workers %u  queued %s%" PRIu64 "  running %" PRIu64 "  in %s/s  done %s/s  deaths %u",
	    e->name, how_name(e->how), p->up, p->queued_is_guess ? "<=" : "", p->queued, p->running,
	    rate_text(p->submit_rate, in), rate_text(p->rate, done), e->deaths);
	put(o, TOP_LINE_POOL,
	    "  total %" PRIu64 "  failed %" PRIu64 "  cancelled %" PRIu64 "  timed out %" PRIu64
	    "  died %" PRIu64,
	    p->counts.completed, p->counts.failed, p->counts.cancelled, p->counts.timed_out, p->counts.died);
	if (e->long_turns)
		put(o, TOP_LINE_POOL, "  long turns %" PRIu64 ", the longest %s", e->long_turns,
		    time_text((int64_t)e->longest_turn, turn));
}

static void put_worker(const struct out *o, const struct top_pool *p, const struct top_worker *w)
{
	char age[32], done[24], enters[24], answers[24], more[16] = "";

	if (w->on_top)
		snprintf(more, sizeof more, " +%u", w->on_top);
	if (p->executor->kind == TOP_KIND_URING)
		put(o, TOP_LINE_WORKER, "  %4u %8u %-6s %8s %8s %8u %8u %8s %8s  %s", w->number, w->id,
		    state_names[w->state], age_text(w, age), rate_text(w->rate, done), w->parked, w->fibers,
		    rate_text(w->enters, enters), rate_text(w->answers, answers), w->task);
	else
		put(o, TOP_LINE_WORKER, "  %4u %8u %-6s %8s %8s %12" PRIu64 "  %s%s%s", w->number, w->id,
		    state_names[w->state], age_text(w, age), rate_text(w->rate, done), w->tasks, w->task,
		    w->is_child ? " (stolen child)" : "", more);
}

static void put_workers(const struct out *o, const struct top_pool *p, const struct top_view *view)
{
	bool is_process = p->executor->kind == TOP_KIND_PROCESSES;

	if (!p->n)
		return;
	qsort(p->worker, p->n, sizeof *p->worker, orders[view->order % TOP_ORDERS]);
	if (p->executor->kind == TOP_KIND_URING)
		put(o, TOP_LINE_HEAD, "  %4s %8s %-6s %8s %8s %8s %8s %8s %8s  %s", "#", "TID", "STATE",
		    "FOR", "TASKS/S", "PARKED", "FIBERS", "ENTERS/S", "ANSW/S", "TASK");
	else
		put(o, TOP_LINE_HEAD, "  %4s %8s %-6s %8s %8s %12s  %s", "#", is_process ? "PID" : "TID",
		    "STATE", "FOR", "TASKS/S", "TASKS", "TASK");
	for (unsigned i = 0; i < p->n; i++)
		if (!view->hides_idle || p->worker[i].state != TOP_IDLE)
			put_worker(o, p, &p->worker[i]);
}

void top_text(const struct top_picture *p, const struct top_view *view,
	      void (*line)(void *ctx, enum top_line kind, const char *text), void *ctx)
{
	const struct out o = {line, ctx};
	char up[24];

	put(&o, TOP_LINE_TITLE, "weft-top: process %d, %u executor%s, the first %s ago", (int)p->pid, p->n,
	    p->n == 1 ? "" : "s", time_text(p->uptime, up));
	if (p->unseen)
		put(&o, TOP_LINE_TITLE, "%u workers have found no room in the page", p->unseen);
	for (unsigned i = 0; i < p->n; i++) {
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
	if (*w->task) {
		fprintf(to, ", \"task\": ");
		json_string(to, w->task);
		fprintf(to, ", \"child\": %s, \"on_top\": %u, \"age_ns\": %" PRId64 ", \"age_is\": \"%s\"",
			w->is_child ? "true" : "false", w->on_top, w->age, json_age(w->known));
	}
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
