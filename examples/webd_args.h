/* SPDX-License-Identifier: MIT
 *
 * webd_args.h -- the command line of webd.c, apart from it because it has nothing to do with weft.
 */
#ifndef EXAMPLES_WEBD_ARGS_H
#define EXAMPLES_WEBD_ARGS_H

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
	"Usage: webd [OPTION]... [DIRECTORY]\n"
	"Serves the files below DIRECTORY, or the current one, by HTTP/1.1, until SIGINT or SIGTERM. Names "
	"that\n"
	"begin with a dot are not served, and symbolic links are not followed. For a directory it serves "
	"its\n"
	"index.html.\n"
	"\n"
	"  --executor SPEC   where the connections are handled: threads[:N] or inline (one at a time), and\n"
	"                    uring[:N] where the library has it; default $WEFT_EXECUTOR, else threads\n"
	"  --address A       numeric; default 127.0.0.1, this machine only; all: 0.0.0.0 or ::\n"
	"  --port N          0: any that is free, see the first line of output; default 8080\n"
	"  --connections N   at once; further ones wait; 1 to 100000, default 1000. A pool of threads "
	"handles\n"
	"                    some 250 at once, the others wait\n"
	"  --head N          bytes of a request, 256 to 65536; default 8192\n"
	"  --timeout N       seconds for a request to come, or for the client to take more of an answer;\n"
	"                    1 to 3600, default 10\n"
	"  --grace N         seconds for answers under way when the server is stopped; 0 to 3600, default "
	"10.\n"
	"                    A second SIGINT or SIGTERM ends it at once\n"
	"  --log             a line for each answer: client, request, status, bytes\n"
	"  --help            this text\n"
	"\n"
	"Exit status: 0 stopped, 1 failed, 2 wrong usage.\n";

static struct {
	const char *executor, *address, *directory;
	uint64_t port, connections, head_size, timeout_s, grace_s;
	bool log, help;
} option = {
	.address = "127.0.0.1",
	.directory = ".",
	.port = 8080,
	.connections = 1000,
	.head_size = 8192,
	.timeout_s = 10,
	.grace_s = 10,
};

/* One line on stderr. Returns status, so that a caller can return it. */
__attribute__((format(printf, 2, 3))) static int fail(int status, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	fprintf(stderr, "webd: %s\n", text);
	return status;
}

static int parse_number(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *ret)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n < least || n > most)
		return fail(2, "--%s '%.40s': must be %" PRIu64 " to %" PRIu64, name, text, least, most);
	*ret = n;
	return 0;
}

static int parse_option(int c, const char *word)
{
	switch (c) {
	case 'e':
		option.executor = optarg;
		return 0;
	case 'a':
		option.address = optarg;
		return 0;
	case 'p':
		return parse_number("port", optarg, 0, 65535, &option.port);
	case 'c':
		return parse_number("connections", optarg, 1, 100000, &option.connections);
	case 's':
		return parse_number("head", optarg, 256, 65536, &option.head_size);
	case 't':
		return parse_number("timeout", optarg, 1, 3600, &option.timeout_s);
	case 'g':
		return parse_number("grace", optarg, 0, 3600, &option.grace_s);
	case 'l':
		option.log = true;
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
		{"executor", required_argument, NULL, 'e'},
		{"address", required_argument, NULL, 'a'},
		{"port", required_argument, NULL, 'p'},
		{"head", required_argument, NULL, 's'},
		{"connections", required_argument, NULL, 'c'},
		{"timeout", required_argument, NULL, 't'},
		{"grace", required_argument, NULL, 'g'},
		{"log", no_argument, NULL, 'l'},
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
