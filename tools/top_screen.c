/* SPDX-License-Identifier: MIT
 *
 * top_screen.c -- see top_screen.h. The lines are those of top_text.c, with attributes, from where the user has
 * scrolled to.
 */
#include "top_screen.h"
#include "top_text.h"

#include <curses.h>
#include <locale.h>

static const char *const order_names[TOP_ORDERS] = {"number", "age", "rate"};

struct screen {
	struct top_view view;
	int first, at; /* the line on top; the one that comes next */
};

static void draw_line(void *ctx, enum top_line kind, const char *text)
{
	struct screen *s = ctx;
	static const attr_t attribute[] = {
		[TOP_LINE_TITLE] = A_NORMAL,   [TOP_LINE_POOL] = A_BOLD,     [TOP_LINE_COUNTS] = A_NORMAL,
		[TOP_LINE_HEAD] = A_UNDERLINE, [TOP_LINE_WORKER] = A_NORMAL, [TOP_LINE_IDLE] = A_DIM};
	int row = s->at++ - s->first;

	if (row < 0 || row >= LINES - 1)
		return;
	attrset((int)attribute[kind]);
	mvaddnstr(row, 0, text, COLS);
}

static void draw(struct screen *s, const struct top_picture *p)
{
	int below;

	erase();
	s->at = 0;
	top_text(p, &s->view, draw_line, s);
	below = s->at - s->first - (LINES - 1);
	attrset(A_REVERSE);
	mvprintw(LINES - 1, 0, " q quit  s sort (%s)  i %s idle  up, down scroll ",
		 order_names[s->view.order], s->view.hides_idle ? "show" : "hide");
	if (below > 0)
		printw(" %d more lines ", below);
	attrset(A_NORMAL);
	refresh();
}

static void scroll_by(struct screen *s, int n)
{
	s->first += n;
	if (s->first > s->at - 1)
		s->first = s->at - 1;
	if (s->first < 0)
		s->first = 0;
}

/* False: quit. */
static bool obey(struct screen *s, int key)
{
	if (key == 's')
		s->view.order = (s->view.order + 1) % TOP_ORDERS;
	else if (key == 'i')
		s->view.hides_idle = !s->view.hides_idle;
	else if (key == KEY_UP || key == KEY_DOWN)
		scroll_by(s, key == KEY_UP ? -1 : 1);
	else if (key == KEY_PPAGE || key == KEY_NPAGE)
		scroll_by(s, key == KEY_PPAGE ? 1 - LINES : LINES - 1);
	return key != 'q';
}

/* Until it is time to look again. False: quit. */
static bool attend(struct screen *s, const struct top_picture *p, int64_t until)
{
	int key;

	do {
		int64_t left = (until - top_now()) / 1000000;

		timeout(left > 0 ? (int)left : 0);
		key = getch();
		if (!obey(s, key))
			return false;
		if (key != ERR) /* the new size of the terminal is a key, too */
			draw(s, p);
	} while (top_now() < until);
	return true;
}

static bool watch(struct top_watch *w, struct top_page *page, double delay)
{
	struct screen s = {.first = 0};
	const struct top_picture *p = top_watch_look(w, page);
	int64_t until = top_now() + 100000000; /* the first rates are not long in coming */

	while (p && !top_page_has_ended(page) && !top_page_is_gone(page)) {
		draw(&s, p);
		if (!attend(&s, p, until))
			return true;
		p = top_watch_look(w, page);
		until = top_now() + (int64_t)(delay * 1e9);
	}
	return false;
}

bool top_screen_run(struct top_watch *w, struct top_page *page, double delay)
{
	bool quit;

	setlocale(LC_ALL, "");
	if (!initscr())
		return false;
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	quit = watch(w, page, delay);
	endwin();
	return quit;
}
