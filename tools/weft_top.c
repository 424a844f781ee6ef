/* SPDX-License-Identifier: MIT
 *
 * weft_top.c -- weft-top: what the executors of a running program do. Which program, how often, in which form; the
 * rest is in top_*.c.
 *
 * Exit status: 0; 1: there is nothing to be seen; 2: wrong usage; 3: the program has ended while it was watched.
 */
#include "top_figures.h"
#include "top_screen.h"
#include "top_text.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_NOTHING = 1, EXIT_USAGE = 2, EXIT_ENDED = 3 };

struct options {
	bool once, json;
	double delay; /* seconds */
	pid_t pid;    /* 0: none given */
	struct top_view view;
};

static void print_usage(FILE *to)
{
	fputs("usage: weft-top [OPTION...] [PID]\n"
	      "Shows what the executors of a running program do: its workers, what each runs and for how "
	      "long,\n"
	      "queues, rates, deaths. Without a PID it lists the programs that can be shown.\n"
	      "  --once         print once, with rates over --delay seconds, and exit\n"
	      "  --json         as --once, as JSON\n"
	      "  --delay SECS   between two looks: 1, or 0.2 with --once\n"
	      "  --sort KEY     workers by number, age or rate\n"
	      "  --help\n"
	      "Keys: q quit, s sort, i hide idle workers, arrows scroll.\n",
	      to);
}

static bool parse_number(const char *text, double least, double most, double *ret)
{
	char *end;

	errno = 0;
	*ret = strtod(text, &end);
	return !errno && end != text && !*end && *ret >= least && *ret <= most;
}

static bool parse_order(const char *text, enum top_order *ret)
{
	static const char *const names[TOP_ORDERS] = {"number", "age", "rate"};

	for (int i = 0; i < TOP_ORDERS; i++) {
		if (!strcmp(text, names[i])) {
			*ret = (enum top_order)i;
			return true;
		}
	}
	return false;
}

static bool parse_pid(const char *text, pid_t *ret)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(text, &end, 10);
	*ret = (pid_t)pid;
	return !errno && end != text && !*end && pid > 0 && pid <= INT32_MAX;
}

/* -1, or the status to exit with. */
static int parse(int argc, char **argv, struct options *ret)
{
	static const struct option known[] = {
		{"once", no_argument, NULL, '1'},        {"json", no_argument, NULL, 'j'},
		{"delay", required_argument, NULL, 'd'}, {"sort", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "d:s:h", known, NULL)) != -1) {
		if (option == 'h') {
			print_usage(stdout);
			return EXIT_SUCCESS;
		}
		ret->once |= option == '1' || option == 'j';
		ret->json |= option == 'j';
		if (option == '?' || (option == 'd' && !parse_number(optarg, 0.01, 3600, &ret->delay)) ||
		    (option == 's' && !parse_order(optarg, &ret->view.order))) {
			print_usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (argc - optind > 1 || (optind < argc && !parse_pid(argv[optind], &ret->pid))) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (ret->delay <= 0)
		ret->delay = ret->once ? 0.2 : 1;
	return -1;
}

static void pause_for(double seconds)
{
	struct timespec t = {.tv_sec = (time_t)seconds,
			     .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

	while (nanosleep(&t, &t) && errno == EINTR) {}
}

/* ---- Which programs there are ---- */

static void read_command(pid_t pid, char ret[64])
{
	char path[32];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (!f || !fgets(ret, 64, f))
		strcpy(ret, "?");
	ret[strcspn(ret, "\n")] = '\0';
	if (f)
		fclose(f);
}

/* A line for one program that can be shown. */
static bool list_one(pid_t pid)
{
	struct top_page *page;
	struct top_look look = {.now = 0};
	char why[256], command[64];

	if (top_page_open(&page, pid, why, sizeof why))
		return false;
	read_command(pid, command);
	printf("%8d  %-16s", (int)pid, command);
	if (!top_page_look(page, &look))
		for (unsigned i = 0; i < look.n_executors; i++)
			printf("  %s", look.executor[i].name);
	putchar('\n');
	top_look_free(&look);
	top_page_close(page);
	return true;
}

static int list(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	unsigned n = 0;
	pid_t pid;

	while (dir && (e = readdir(dir)))
		if (parse_pid(e->d_name, &pid))
			n += list_one(pid);
	if (dir)
		closedir(dir);
	if (!n)
		fputs("weft-top: no program of yours has an executor of weft now\n", stderr);
	return n ? EXIT_SUCCESS : EXIT_NOTHING;
}

/* ---- One program ---- */

static void print_line(void *ctx, enum top_line kind, const char *text)
{
	(void)kind;
	fprintf(ctx, "%s\n", text);
}

static int print_once(struct top_watch *w, struct top_page *page, const struct options *o)
{
	const struct top_picture *p = top_watch_look(w, page);

	if (p) {
		pause_for(o->delay);
		p = top_watch_look(w, page);
	}
	if (!p) {
		fputs("weft-top: no memory\n", stderr);
		return EXIT_NOTHING;
	}
	if (o->json)
		top_json(p, stdout);
	else
		top_text(p, &o->view, print_line, stdout);
	return top_page_has_ended(page) ? EXIT_ENDED : EXIT_SUCCESS;
}

static int watch(struct top_watch *w, struct top_page *page, const struct options *o)
{
#ifdef WEFT_HAVE_CURSES
	if (!isatty(STDOUT_FILENO))
		return print_once(w, page, o);
	if (top_screen_run(w, page, o->delay))
		return EXIT_SUCCESS;
	fprintf(stderr, "weft-top: process %d %s\n", (int)o->pid,
		top_page_has_ended(page) ? "has ended" : "has no executor any more");
	return EXIT_ENDED;
#else
	return print_once(w, page, o);
#endif
}

int main(int argc, char **argv)
{
	struct options o = {.pid = 0};
	struct top_page *page = NULL;
	struct top_watch *w;
	char why[256];
	int status = parse(argc, argv, &o);

	if (status >= 0)
		return status;
	if (!o.pid)
		return list();
	if (top_page_open(&page, o.pid, why, sizeof why)) {
		fprintf(stderr, "weft-top: %s\n", why);
		return EXIT_NOTHING;
	}
	w = top_watch_new(o.pid);
	if (w)
		status = o.once ? print_once(w, page, &o) : watch(w, page, &o);
	else
		fputs("weft-top: no memory\n", stderr);
	top_watch_free(w);
	top_page_close(page);
	return w ? status : EXIT_NOTHING;
}
