/* SPDX-License-Identifier: MIT
 *
 * trace_words.c -- see trace_words.h.
 */
#include "trace_words.h"

#include <inttypes.h>
#include <string.h>

enum { TICK = 1000 }; /* nanoseconds: the width of what has none, if there is room */

/* ---- Words ---- */

void trace_text(struct trace_words *w, const char *s)
{
	putc('"', w->out);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(w->out, "\\%c", c);
		else if (c < 32 || c > 126) /* it need not be UTF-8 */
			fprintf(w->out, "\\u%04x", c);
		else
			putc(c, w->out);
	}
	putc('"', w->out);
}

void trace_microseconds(struct trace_words *w, int64_t ns)
{
	ns = ns < 0 ? 0 : ns;
	fprintf(w->out, "%" PRId64 ".%03d", ns / 1000, (int)(ns % 1000));
}

void trace_open(struct trace_words *w, const char *phase, const struct trace_lane *lane, int64_t time)
{
	fputs(w->begun ? ",\n" : "\n", w->out);
	w->begun = true;
	fprintf(w->out, "{\"ph\":\"%s\",\"pid\":%d,\"tid\":%d,\"ts\":", phase, lane->pid, lane->tid);
	trace_microseconds(w, time - w->t->began);
}

void trace_name(struct trace_words *w, const char *category, const char *first, const char *second)
{
	char both[2 * TRACE_NAME_ROOM];

	snprintf(both, sizeof both, "%s%s", first, second);
	fprintf(w->out, ",\"cat\":\"%s\",\"name\":", category);
	trace_text(w, both);
}

static const char *name_of(const struct trace_words *w, uint32_t life)
{
	return life == TRACE_NONE ? "?" : w->t->name[w->t->life[life].name];
}

void trace_metadata(struct trace_words *w, const char *what, const struct trace_lane *lane, const char *value)
{
	trace_open(w, "M", lane, w->t->began);
	fprintf(w->out, ",\"name\":\"%s\",\"args\":{\"name\":", what);
	trace_text(w, value);
	fputs("}}", w->out);
}

void trace_instant(struct trace_words *w, const struct trace_lane *lane, int64_t time, const char *what)
{
	trace_open(w, "i", lane, time);
	trace_name(w, "weft", what, "");
	fputs(",\"s\":\"t\"", w->out);
}

/* ---- Slices ---- */

void trace_open_slice(struct trace_words *w, const struct trace_lane *lane, const struct trace_slice *s,
		      int64_t time)
{
	const struct trace_life *life = s->life == TRACE_NONE ? NULL : &w->t->life[s->life];

	trace_open(w, "B", lane, time);
	if (s->kind == WEFT__TRACE_START) {
		trace_name(w, "task", name_of(w, s->life), "");
		fprintf(w->out, ",\"args\":{\"task\":%u", s->life);
		if (life && life->submitted && life->started >= life->submitted) {
			fputs(",\"queued_us\":", w->out);
			trace_microseconds(w, life->started - life->submitted);
		}
		fputs("}}", w->out);
		return;
	}
	if (s->kind == WEFT__TRACE_WAIT)
		trace_name(w, "wait", "wait for ", name_of(w, s->life));
	else
		trace_name(w, "wait", s->idle ? "idle" : "sleep", "");
	putc('}', w->out);
}

void trace_close_slice(struct trace_words *w, const struct trace_lane *lane, int64_t time, const char *args)
{
	trace_open(w, "E", lane, time);
	if (args)
		fprintf(w->out, ",\"args\":{%s}", args);
	putc('}', w->out);
}

void trace_tick(struct trace_words *w, size_t at, const char *what)
{
	const struct trace_item *item = &w->t->item[at];
	int64_t end = item->e.time + TICK;

	for (size_t i = at + 1; i < w->t->n && w->t->item[i].e.time < end; i++)
		if (w->t->item[i].lane == item->lane)
			end = w->t->item[i].e.time;
	trace_open(w, "X", &w->t->lane[item->lane], item->e.time);
	fputs(",\"dur\":", w->out);
	trace_microseconds(w, end - item->e.time);
	trace_name(w, "task", what, name_of(w, item->life));
	fprintf(w->out, ",\"args\":{\"task\":%u}}", item->life);
}

/* ---- Arrows and spans ---- */

void trace_arrow(struct trace_words *w, const char *phase, const struct trace_item *item, int which)
{
	trace_open(w, phase, &w->t->lane[item->lane], item->e.time);
	fprintf(w->out, ",\"cat\":\"flow\",\"name\":\"%s\",\"id\":%" PRIu64 "%s}",
		which == TRACE_TO_START ? "run" : "result", 2 * (uint64_t)item->life + (uint64_t)which,
		*phase == 's' ? "" : ",\"bp\":\"e\"");
}

void trace_span(struct trace_words *w, const char *phase, const struct trace_item *item)
{
	const struct trace_lane *lane = &w->t->lane[item->lane];

	if (!lane->fibers)
		return;
	trace_open(w, phase, lane, item->e.time);
	trace_name(w, "fiber", name_of(w, item->life), "");
	fprintf(w->out, ",\"id\":%u}", item->life);
}
