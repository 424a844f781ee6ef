/* SPDX-License-Identifier: MIT
 *
 * args.h -- the options of a command line, by a table, and a directory behind them. It has nothing to do with weft.
 */
#ifndef EXAMPLES_ARGS_H
#define EXAMPLES_ARGS_H

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

/* --name, or --name VALUE. One of the three says where it goes. */
struct arg {
	const char *name;
	bool *flag;
	const char **text;
	uint64_t *number, least, most;
};

enum { ARGS_MAX = 16 };

/* One line on stderr. Returns status, so that a caller can return it. The program has it. */
__attribute__((format(printf, 2, 3))) static int fail(int status, const char *fmt, ...);

static int parse_number(const struct arg *a, const char *text)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n < a->least || n > a->most)
		return fail(2, "--%s '%.40s': must be %" PRIu64 " to %" PRIu64, a->name, text, a->least,
			    a->most);
	*a->number = n;
	return 0;
}

static int parse_arg(const struct arg *a)
{
	if (a->flag)
		*a->flag = true;
	else if (a->text)
		*a->text = optarg;
	else
		return parse_number(a, optarg);
	return 0;
}

/* known ends with a name that is NULL. 0, or the exit status. */
static int parse_args(const struct arg *known, int argc, char **argv, const bool *help,
		      const char **directory)
{
	struct option option[ARGS_MAX + 1] = {{0}};
	int status = 0, c;

	for (int i = 0; known[i].name; i++)
		option[i] = (struct option){known[i].name, known[i].flag ? no_argument : required_argument,
					    NULL, 256 + i};
	/* ":": the messages are ours. */
	while (!status && (c = getopt_long(argc, argv, ":", option, NULL)) != -1)
		status = c >= 256   ? parse_arg(&known[c - 256])
			 : c == ':' ? fail(2, "%.40s: needs a value", argv[optind - 1])
				    : fail(2, "%.40s: no such option", argv[optind - 1]);
	if (status || *help)
		return status;
	if (optind + 1 < argc)
		return fail(2, "'%.40s': one directory only", argv[optind + 1]);
	if (optind < argc)
		*directory = argv[optind];
	return 0;
}

#endif
