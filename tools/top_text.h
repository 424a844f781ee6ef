/* SPDX-License-Identifier: MIT
 *
 * top_text.h -- a picture as lines of text, or as JSON.
 */
#ifndef TOOLS_TOP_TEXT_H
#define TOOLS_TOP_TEXT_H

#include "top_figures.h"

#include <stdio.h>

enum top_line {
	TOP_LINE_TITLE,
	TOP_LINE_POOL,
	TOP_LINE_COUNTS,
	TOP_LINE_HEAD,
	TOP_LINE_WORKER,
	TOP_LINE_IDLE
};

enum top_order { TOP_BY_NUMBER, TOP_BY_AGE, TOP_BY_RATE, TOP_ORDERS };

struct top_view {
	enum top_order order;
	bool hides_idle;
};

/* Calls line for each line, without its end. Sorts the workers of each pool as view says. */
void top_text(const struct top_picture *p, const struct top_view *view,
	      void (*line)(void *ctx, enum top_line kind, const char *text), void *ctx);

void top_json(const struct top_picture *p, FILE *to);

#endif
