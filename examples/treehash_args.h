/* SPDX-License-Identifier: MIT
 *
 * treehash_args.h -- the command line of treehash.c, apart from it because it has nothing to do with weft.
 */
#ifndef EXAMPLES_TREEHASH_ARGS_H
#define EXAMPLES_TREEHASH_ARGS_H

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
	"Usage: treehash [OPTION]... [DIRECTORY]\n"
	"Prints the SHA-256 of each file below DIRECTORY, or the current one, sorted by name, in the form "
	"of\n"
	"sha256sum: 'sha256sum -c' checks it. Links (not followed), empty directories and what is no file "
	"are\n"
	"in lines that begin with '#'. The last of these has the hash of all lines above it, and so of the "
	"tree.\n"
	"\n"
	"  --io SPEC    where files are read: threads[:N], inline, and uring[:N] where the library has it;\n"
	"               default $WEFT_EXECUTOR, else threads\n"
	"  --hash SPEC  where they are hashed: threads[:N] or inline; default threads\n"
	"  --jobs N     files that are read at a time, 1 to 1024; each takes 256 KiB; default 32\n"
	"  --total      only the hash of the tree\n"
	"  --quiet      no progress bar\n"
	"  --help       this text\n"
	"\n"
	"Exit status: 0 done, 1 something could not be read, or failed, 2 wrong usage.\n";

static struct {
	const char *io, *hash, *directory;
	size_t jobs;
	bool total, quiet, help;
} option = {.hash = "threads", .directory = ".", .jobs = 32};

/* One line on stderr. Returns status, so that a caller can return it. treehash.c has it. */
__attribute__((format(printf, 2, 3))) static int fail(int status, const char *fmt, ...);

static int parse_jobs(const char *text)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n < 1 || n > 1024)
		return fail(2, "--jobs '%.40s': must be 1 to 1024", text);
	option.jobs = n;
	return 0;
}

static int parse_option(int c, const char *word)
{
	switch (c) {
	case 'i':
		option.io = optarg;
		return 0;
	case 's':
		option.hash = optarg;
		return 0;
	case 'j':
		return parse_jobs(optarg);
	case 't':
		option.total = true;
		return 0;
	case 'q':
		option.quiet = true;
		return 0;
	case 'h':
		option.help = true;
		return 0;
	case ':':
		return fail(2, "%.40s: needs a value", word);
	default:
		return fail(2, "%.40s: no such option", word);
	}
}

/* 0, or the exit status. */
static int parse_args(int argc, char **argv)
{
	static const struct option known[] = {
		{"io", required_argument, NULL, 'i'},
		{"hash", required_argument, NULL, 's'},
		{"jobs", required_argument, NULL, 'j'},
		{"total", no_argument, NULL, 't'},
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int status = 0, c;

	/* ":": the messages are ours. */
	while (!status && (c = getopt_long(argc, argv, ":", known, NULL)) != -1)
		status = parse_option(c, argv[optind - 1]);
	if (status || option.help)
		return status;
	if (optind + 1 < argc)
		return fail(2, "'%.40s': one directory only", argv[optind + 1]);
	if (optind < argc)
		option.directory = argv[optind];
	return 0;
}

#endif
