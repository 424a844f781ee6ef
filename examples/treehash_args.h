/* SPDX-License-Identifier: MIT
 *
 * treehash_args.h -- the command line of treehash.c, apart from it because it has nothing to do with weft.
 */
#ifndef EXAMPLES_TREEHASH_ARGS_H
#define EXAMPLES_TREEHASH_ARGS_H

#include "args.h"

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
	uint64_t jobs;
	bool total, quiet, help;
} option = {.hash = "threads", .directory = ".", .jobs = 32};

static const struct arg command_line[] = {
	{"io", .text = &option.io},
	{"hash", .text = &option.hash},
	{"jobs", .number = &option.jobs, .least = 1, .most = 1024},
	{"total", .flag = &option.total},
	{"quiet", .flag = &option.quiet},
	{"help", .flag = &option.help},
	{.name = NULL},
};

#endif
