/* SPDX-License-Identifier: MIT
 *
 * trace_svg.c -- a trace as a picture: a row for each thread, time from left to right. What a name is too narrow for is
 * said when the pointer rests there.
 */
#include "trace_load.h"

#include <stdlib.h>
#include <string.h>

/* No enum: they are multiplied with floating-point numbers, which clang 19 warns of for an enum. */
static const int LEFT = 180;   /* pixels: names of threads */
static const int WIDTH = 1200; /* of the time */
static const int RIGHT = 60;
static const int TOP = 40;
static const int ROW = 18; /* of one depth */
static const int GAP = 8;
static const int LETTER = 7; /* about the width of one */
static const int STEPS = 10; /* marks of time */

static void text(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '<')
			fputs("&lt;", out);
		else if (*s == '>')
			fputs("&gt;", out);
		else if (*s == '&')
			fputs("&amp;", out);
		else if (*s == '"')
			fputs("&quot;", out);
		else if ((unsigned char)*s >= 32)
			putc(*s, out);
	}
}

static double x_of(const struct loaded *t, double at)
{
	return LEFT + (t->end > 0 ? at / t->end * WIDTH : 0);
}

/* The same name has the same colour in every picture. */
static unsigned hue(const char *name)
{
	unsigned h = 5381;

	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h % 360;
}

static void draw_slice(FILE *out, const struct loaded *t, const struct slice *s, double y)
{
	const char *name = t->names[s->name];
	double x = x_of(t, s->from), width = x_of(t, s->to) - x;

	y += (double)s->depth * ROW;
	width = width < 0.5 ? 0.5 : width;
	fprintf(out, "<g><title>");
	text(out, name);
	fprintf(out,
		"\n%.3f ms, at %.3f ms%s</title><rect x=\"%.2f\" y=\"%.0f\" width=\"%.2f\" height=\"%d\" ",
		(s->to - s->from) / 1000, s->from / 1000, s->died ? ", its worker died" : "", x, y, width,
		ROW - 2);
	if (s->kind == SLICE_WAIT)
		fprintf(out, "fill=\"#e4e4e4\"/>");
	else
		fprintf(out, "fill=\"hsl(%u,60%%,%d%%)\"%s/>", hue(name), s->kind == SLICE_TICK ? 40 : 70,
			s->died ? " stroke=\"#c00\" stroke-width=\"2\""
				: " stroke=\"white\" stroke-width=\"0.4\"");
	if (width > LETTER * (double)strlen(name)) {
		fprintf(out, "<text x=\"%.2f\" y=\"%.0f\">", x + 3, y + ROW - 6);
		text(out, name);
		fputs("</text>", out);
	}
	fputs("</g>\n", out);
}

/* Of many that share a pixel only the first is drawn, else the file would be as large as the trace. */
static void draw_slices(FILE *out, const struct loaded *t, const double y[])
{
	double(*drawn)[2] =
		calloc(t->n_lanes + 1, sizeof *drawn); /* pixel and depth, of the last of each lane */

	if (!drawn)
		die("out of memory");
	for (size_t i = 0; i < t->n_slices; i++) {
		const struct slice *s = &t->slices[i];
		bool narrow = x_of(t, s->to) - x_of(t, s->from) < 0.5;

		if (narrow && x_of(t, s->from) < drawn[s->lane][0] + 0.5 &&
		    drawn[s->lane][1] >= (double)s->depth && !s->died)
			continue;
		drawn[s->lane][0] = x_of(t, s->from);
		drawn[s->lane][1] = (double)s->depth;
		draw_slice(out, t, s, y[s->lane]);
	}
	free(drawn);
}

static void draw_instant(FILE *out, const struct loaded *t, const struct instant *i, double y, double height)
{
	const char *colour = i->is_death ? "#c00" : "#06c";

	fprintf(out, "<g fill=\"%s\"><rect x=\"%.2f\" y=\"%.0f\" width=\"2\" height=\"%.0f\"/>", colour,
		x_of(t, i->at) - 1, y, height);
	fprintf(out, "<text text-anchor=\"end\" x=\"%.2f\" y=\"%.0f\">", x_of(t, i->at) - 4, y + ROW - 6);
	text(out, t->names[i->name]);
	fputs("</text></g>\n", out);
}

static void draw_times(FILE *out, const struct loaded *t, double bottom)
{
	for (int i = 0; i <= STEPS; i++) {
		double at = t->end * i / STEPS;

		fprintf(out,
			"<line x1=\"%.2f\" x2=\"%.2f\" y1=\"%d\" y2=\"%.0f\" stroke=\"#ccc\"/>"
			"<text text-anchor=\"middle\" x=\"%.2f\" y=\"%d\">%.4g ms</text>\n",
			x_of(t, at), x_of(t, at), TOP - 8, bottom, x_of(t, at), TOP - 14, at / 1000);
	}
}

static double height_of(const struct lane *l)
{
	return (double)(l->depth ? l->depth : 1) * ROW;
}

void svg(const struct loaded *t, FILE *out)
{
	double *y = calloc(t->n_lanes + 1, sizeof *y);

	if (!y)
		die("out of memory");
	y[0] = TOP;
	for (size_t i = 0; i < t->n_lanes; i++)
		y[i + 1] = y[i] + height_of(&t->lanes[i]) + GAP;
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" "
		"font-family=\"sans-serif\" "
		"font-size=\"11\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
		LEFT + WIDTH + RIGHT, y[t->n_lanes] + GAP);
	draw_times(out, t, y[t->n_lanes]);
	for (size_t i = 0; i < t->n_lanes; i++) {
		fprintf(out, "<text x=\"6\" y=\"%.0f\">", y[i] + ROW - 6);
		text(out, t->lanes[i].name ? t->lanes[i].name : "?");
		fputs("</text>\n", out);
	}
	draw_slices(out, t, y);
	for (size_t i = 0; i < t->n_instants; i++) {
		size_t lane = t->instants[i].lane;

		draw_instant(out, t, &t->instants[i], y[lane], height_of(&t->lanes[lane]));
	}
	fputs("</svg>\n", out);
	free(y);
}
