/* SPDX-License-Identifier: MIT
 *
 * treehash_screen.h -- what treehash.c shows: lines, messages, a progress bar. All but bar_add is for the main thread.
 */
#ifndef EXAMPLES_TREEHASH_SCREEN_H
#define EXAMPLES_TREEHASH_SCREEN_H

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <weft/weft.h>

#include "sha256.h"
#include "treehash_args.h"

enum kind { FILE_ENTRY, LINK_ENTRY, EMPTY_ENTRY, SPECIAL_ENTRY };

struct entry {
	char *path; /* from the directory on */
	enum kind kind;
	uint64_t size; /* of a file, when it was listed */
	char *link;    /* what a link says */
	char hash[65];
	int error; /* it could not be read: a negative errno */
	bool done;
};

/* ---- The progress bar ---------------------------------------------------------------------------- */

enum { BAR_WIDTH = 40 };

static struct {
	bool bar, shown; /* is there to be a progress bar? is one on the screen? */
	weft_time tick;  /* when to draw the next */
	pthread_mutex_t lock;
	uint64_t done, total; /* bytes */
} screen = {.tick = WEFT_FOREVER, .lock = PTHREAD_MUTEX_INITIALIZER};

/* A bar is for somebody who waits at a terminal, and only after half a second. */
static void bar_start(uint64_t total)
{
	screen.total = total;
	screen.bar = !option.quiet && screen.total > 0 && isatty(STDERR_FILENO);
	screen.tick = screen.bar ? weft_after(WEFT_MS(500)) : WEFT_FOREVER;
}

static void bar_add(uint64_t size)
{
	pthread_mutex_lock(&screen.lock);
	screen.done += size;
	pthread_mutex_unlock(&screen.lock);
}

static void bar_erase(void)
{
	if (screen.shown)
		fprintf(stderr, "\r%*s\r", BAR_WIDTH + 10, "");
	screen.shown = false;
}

/* Draws the bar if it is time to; returns when it is again. */
static weft_time bar_update(void)
{
	static const char full[] = "########################################";
	double part;

	if (!screen.bar || weft_now() < screen.tick)
		return screen.tick;
	pthread_mutex_lock(&screen.lock);
	part = (double)screen.done / (double)screen.total;
	pthread_mutex_unlock(&screen.lock);
	part = part < 1 ? part : 1; /* a file may grow */
	fprintf(stderr, "\r[%-*.*s] %3d%%", BAR_WIDTH, (int)(part * (int)BAR_WIDTH), full, (int)(part * 100));
	screen.shown = true;
	screen.tick = weft_after(WEFT_MS(100));
	return screen.tick;
}

static int fail(int status, const char *fmt, ...)
{
	va_list args;

	bar_erase();
	fputs("treehash: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

/* ---- Lines --------------------------------------------------------------------------------------- */

static struct sha256 listing; /* of all that was put out */
static size_t unreadable;

static void put(const char *text, size_t size)
{
	sha256_add(&listing, text, size);
	if (!option.total)
		fwrite(text, 1, size, stdout);
}

static void put_text(const char *text)
{
	put(text, strlen(text));
}

/* A name in one line, as sha256sum has it; it says so by a '\' in front of the line. */
static void put_name(const char *name)
{
	static const char special[] = "\\\n\r";

	for (size_t n; *name; name += n) {
		n = strcspn(name, special);
		put(name, n);
		if (!name[n])
			return;
		put_text(name[n] == '\\' ? "\\\\" : name[n] == '\n' ? "\\n" : "\\r");
		n++;
	}
}

static void print_entry(const struct entry *e)
{
	static const char *const label[] = {"", "# link  ", "# empty  ", "# special  "};

	if (e->error) {
		fail(0, "%s: %s", *e->path ? e->path : option.directory, strerror(-e->error));
		unreadable++;
		return;
	}
	if (e->kind == FILE_ENTRY)
		put_text(strpbrk(e->path, "\\\n\r") ? "\\" : "");
	put_text(e->kind == FILE_ENTRY ? e->hash : label[e->kind]);
	put_text(e->kind == FILE_ENTRY ? "  " : "");
	put_name(e->path);
	put_text(e->kind == EMPTY_ENTRY ? "/\n" : "\n");
	if (e->kind == LINK_ENTRY) { /* in a line of its own, since any name may hold an arrow */
		put_text("#   ->  ");
		put_name(e->link ? e->link : "");
		put_text("\n");
	}
}

#endif
