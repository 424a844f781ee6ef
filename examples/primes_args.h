/* SPDX-License-Identifier: MIT
 *
 * primes_args.h -- the command line and the input files of primes.c, apart from it because they have
 * nothing to do with weft. All input is checked here, before anything runs.
 */
#ifndef PRIMES_ARGS_H
#define PRIMES_ARGS_H

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"Usage: primes [OPTION]... [NUMBER... | --file F | -]\n"
	"Says which numbers are prime, by trial division; without numbers, of a built-in list of 65.\n"
	"\n"
	"  --executor SPEC  where to run: inline, threads[:N], processes[:N], uring[:N]; default\n"
	"                   $WEFT_EXECUTOR, else threads\n"
	"  --workers N      how many workers; default: one per CPU\n"
	"  --repeat N       check the list N times over\n"
	"  --compare        check the list on every executor and print a table; with --repeat N in N\n"
	"                   rounds, of which the table has the medians\n"
	"  --file F, -      read numbers from file F, or from standard input: separated by white space,\n"
	"                   from # to the end of the line is a comment\n"
	"  --quiet          no progress bar\n"
	"  --help           this text\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 bad input, 130 and 143 stopped by SIGINT and SIGTERM.\n";

struct args {
	const char *executor, *file;
	uint64_t workers, repeat; /* workers 0: not given */
	bool compare, quiet, help;
	uint64_t *number; /* n of them, and room for more */
	size_t n, room;
};

enum { REPEAT_MAX = 10000 };

static const uint64_t classic_list[] = {
	1116281,         1297337,         104395303,        472882027,       533000389,
	817504243,       982451653,       112272535095293,  112582705942171, 112272535095293,
	115280095190773, 115797848077099, 1099726899285419,
};
enum { CLASSIC_LENGTH = sizeof classic_list / sizeof *classic_list, CLASSIC_TIMES = 5 };

/* One line on stderr. Returns status, so that a caller can return it. primes.c has it. */
__attribute__((format(printf, 2, 3))) static int fail(int status, const char *fmt, ...);

static bool parse_number(const char *text, uint64_t *ret)
{
	uint64_t n = 0;

	for (const char *c = text; *c; c++) {
		uint64_t digit = (uint64_t)(*c - '0');
		if (*c < '0' || *c > '9' || n > (UINT64_MAX - digit) / 10)
			return false;
		n = 10 * n + digit;
	}
	*ret = n;
	return *text != '\0';
}

static int parse_count(const char *name, const char *text, uint64_t most, uint64_t *ret)
{
	uint64_t n;

	if (!parse_number(text, &n) || n < 1 || n > most)
		return fail(2, "%s '%.40s': must be 1 to %" PRIu64, name, text, most);
	*ret = n;
	return 0;
}

static int add_number(struct args *a, uint64_t n)
{
	if (a->n == a->room) {
		size_t room = 2 * a->room + 64;
		uint64_t *more = realloc(a->number, room * sizeof *more);
		if (!more)
			return fail(1, "%s", strerror(ENOMEM));
		a->number = more;
		a->room = room;
	}
	a->number[a->n++] = n;
	return 0;
}

/* where: "file:line: ", or "" for the command line. */
static int add_text(struct args *a, const char *where, const char *text)
{
	uint64_t n;

	if (!parse_number(text, &n))
		return fail(2, "%s'%.40s': must be a whole number from 0 to %" PRIu64, where, text,
			    UINT64_MAX);
	return add_number(a, n);
}

static int add_line(struct args *a, const char *file, size_t line_number, char *line)
{
	static const char space[] = " \t\r\n\v\f";
	char where[300], *rest;
	int status = 0;

	snprintf(where, sizeof where, "%.255s:%zu: ", file, line_number);
	line[strcspn(line, "#")] = '\0';
	for (char *word = strtok_r(line, space, &rest); word && !status; word = strtok_r(NULL, space, &rest))
		status = add_text(a, where, word);
	return status;
}

static int read_file(struct args *a, const char *file)
{
	FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	char *line = NULL;
	size_t room = 0, line_number = 0;
	ssize_t length;
	int status = 0;

	if (!f)
		return fail(2, "--file '%s': %s", file, strerror(errno));
	while (!status && (length = getline(&line, &room, f)) >= 0) {
		for (char *nul; (nul = memchr(line, '\0', (size_t)length));)
			*nul = '?'; /* it would hide what stands behind it */
		status = add_line(a, file, ++line_number, line);
	}
	if (!status && !feof(f))
		status = fail(2, "--file '%s': %s", file, strerror(errno));
	free(line);
	if (f != stdin) /* its descriptor must not become somebody else's */
		fclose(f);
	return status;
}

/* What is no option: a number, or "-". */
static int parse_word(struct args *a, const char *word)
{
	if (strcmp(word, "-") != 0)
		return add_text(a, "", word);
	a->file = word;
	return 0;
}

static int parse_option(struct args *a, int c, const char *word)
{
	switch (c) {
	case 'e':
		a->executor = optarg;
		return 0;
	case 'f':
		a->file = optarg;
		return 0;
	case 'w':
		return parse_count("--workers", optarg, WEFT_WORKERS_MAX, &a->workers);
	case 'r':
		return parse_count("--repeat", optarg, REPEAT_MAX, &a->repeat);
	case 'c':
		a->compare = true;
		return 0;
	case 'q':
		a->quiet = true;
		return 0;
	case 'h':
		a->help = true;
		return 0;
	case 1:
		return parse_word(a, optarg);
	case ':':
		return fail(2, "%.40s: needs a value", word);
	default:
		return word[1] >= '0' && word[1] <= '9' ? add_text(a, "", word) /* "-3" */
							: fail(2, "%.40s: no such option", word);
	}
}

static int parse_words(struct args *a, int argc, char **argv)
{
	static const struct option known[] = {
		{"executor", required_argument, NULL, 'e'}, {"file", required_argument, NULL, 'f'},
		{"workers", required_argument, NULL, 'w'},  {"repeat", required_argument, NULL, 'r'},
		{"compare", no_argument, NULL, 'c'},        {"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
	};
	int status = 0;

	while (!status && optind < argc) {
		const char *word = argv[optind];
		/* "-": what is no option comes in its place, as 1. ":": the messages are ours. */
		int c = getopt_long(argc, argv, "-:", known, NULL);
		status = c == -1 ? parse_word(a, argv[optind++]) : parse_option(a, c, word);
	}
	return status;
}

/* Reads the command line and the file it names. */
static int parse_args(struct args *a, int argc, char **argv)
{
	int status = parse_words(a, argc, argv);

	if (status || a->help)
		return status;
	if (a->compare && a->executor)
		return fail(2, "--executor '%.40s': not with --compare, which takes all", a->executor);
	if (a->file && a->n > 0)
		return fail(2, "--file '%s': not with numbers on the command line", a->file);
	if (a->file)
		return read_file(a, a->file);
	for (size_t i = 0, n = a->n ? 0 : CLASSIC_TIMES * CLASSIC_LENGTH; i < n && !status; i++)
		status = add_number(a, classic_list[i % CLASSIC_LENGTH]);
	return status;
}

#endif
