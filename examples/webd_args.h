/* SPDX-License-Identifier: MIT
 *
 * webd_args.h -- the command line of webd.c, apart from it because it has nothing to do with weft.
 */
#ifndef EXAMPLES_WEBD_ARGS_H
#define EXAMPLES_WEBD_ARGS_H

#include <stdarg.h>
#include <stdio.h>

#include "args.h"

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

static const struct arg command_line[] = {
	{"executor", .text = &option.executor},
	{"address", .text = &option.address},
	{"port", .number = &option.port, .least = 0, .most = 65535},
	{"connections", .number = &option.connections, .least = 1, .most = 100000},
	{"head", .number = &option.head_size, .least = 256, .most = 65536},
	{"timeout", .number = &option.timeout_s, .least = 1, .most = 3600},
	{"grace", .number = &option.grace_s, .least = 0, .most = 3600},
	{"log", .flag = &option.log},
	{"help", .flag = &option.help},
	{.name = NULL},
};

static int fail(int status, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	fprintf(stderr, "webd: %s\n", text);
	return status;
}

#endif
