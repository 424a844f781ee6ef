/* SPDX-License-Identifier: MIT
 *
 * trace_words.h -- single events of a trace in the format of Chrome's trace viewer: trace_json.c says which.
 */
#ifndef WEFT_CORE_TRACE_WORDS_H
#define WEFT_CORE_TRACE_WORDS_H

#include "trace_link.h"

#include <stdio.h>

/* What a thread is in. */
struct trace_slice {
	uint32_t kind; /* WEFT__TRACE_START, _WAIT, _PARK */
	uint32_t life; /* or TRACE_NONE */
	bool idle;
};

/* Where the words go. Nothing here fails: who has written all asks the stream. */
struct trace_words {
	const struct trace *t;
	FILE *out;
	bool begun;
};

void trace_text(struct trace_words *w, const char *s); /* in quotes */
void trace_microseconds(struct trace_words *w, int64_t ns);

/* The beginning of an event; the caller goes on with its fields, and closes it. */
void trace_open(struct trace_words *w, const char *phase, const struct trace_lane *lane, int64_t time);
void trace_name(struct trace_words *w, const char *category, const char *first, const char *second);
void trace_instant(struct trace_words *w, const struct trace_lane *lane, int64_t time, const char *what);

/* Whole ones. */
void trace_metadata(struct trace_words *w, const char *what, const struct trace_lane *lane,
		    const char *value);
void trace_open_slice(struct trace_words *w, const struct trace_lane *lane, const struct trace_slice *s,
		      int64_t time);
void trace_close_slice(struct trace_words *w, const struct trace_lane *lane, int64_t time,
		       const char *args); /* or NULL */
/* A slice of hardly any width, for the event at that place, which ends before the next one of its lane. */
void trace_tick(struct trace_words *w, size_t at, const char *what);

/* One end of an arrow: phase "s", "t" or "f". */
enum { TRACE_TO_START, TRACE_TO_TAKER };
void trace_arrow(struct trace_words *w, const char *phase, const struct trace_item *item, int which);
/* One end of the life of a fiber's task: "b" or "e". */
void trace_span(struct trace_words *w, const char *phase, const struct trace_item *item);

#endif
