/* SPDX-License-Identifier: MIT
 *
 * top_screen.h -- the view on a terminal.
 */
#ifndef TOOLS_TOP_SCREEN_H
#define TOOLS_TOP_SCREEN_H

#include "top_figures.h"

#include <stdbool.h>

/* Draws p anew every delay seconds until the user quits (true), or the program or its page has gone (false). */
bool top_screen_run(struct top_watch *w, struct top_page *p, double delay);

#endif
