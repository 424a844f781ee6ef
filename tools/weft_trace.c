/* SPDX-License-Identifier: MIT
 *
 * weft_trace.c -- weft-trace: what traces of weft say, for people without a browser at hand; and traces of programs that
 * were killed.
 */
#include "trace_json.h"
#include "trace_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <weft/base.h>

static const char usage[] =
	"usage: weft-trace summary FILE   a table of the tasks: how many, how long they waited and ran\n"
	"       weft-trace svg FILE       a picture of the threads, on standard output\n"
	"       weft-trace convert FILE   the trace of a raw one, which a program that was killed has left\n"
	"FILE is a trace that weft has written (WEFT_TRACE=FILE), or a raw one (FILE.raw); -: standard "
	"input.\n";

_Noreturn void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("weft-trace: ", stderr);
	vfprintf(stderr, format, args);
	putc('\n', stderr);
	va_end(args);
	exit(1);
}

static bool is_raw(FILE *in)
{
	uint64_t magic;

	return pread(fileno(in), &magic, sizeof magic, 0) == sizeof magic && magic == TRACE_MAGIC;
}

static void convert(FILE *in, const char *path, FILE *out)
{
	struct stat s;
	void *at;
	int err;

	if (fstat(fileno(in), &s))
		die("%s: %s", path, strerror(errno));
	at = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_SHARED, fileno(in), 0);
	if (at == MAP_FAILED)
		die("%s: %s", path, strerror(errno));
	err = weft__trace_json(at, (size_t)s.st_size, out);
	if (err)
		die("%s: %s", path, err == -EINVAL ? "no raw trace of this version" : weft_strerror(err));
	munmap(at, (size_t)s.st_size);
}

/* Of a raw one, what it converts to. */
static FILE *open_trace(const char *path)
{
	FILE *in = strcmp(path, "-") != 0 ? fopen(path, "re") : stdin, *converted;

	if (!in)
		die("%s: %s", path, strerror(errno));
	if (!is_raw(in))
		return in;
	converted = tmpfile();
	if (!converted)
		die("a temporary file: %s", strerror(errno));
	convert(in, path, converted);
	rewind(converted);
	return converted;
}

static void show(const char *path, void (*how)(const struct loaded *t, FILE *out))
{
	static struct loaded t;

	load(&t, open_trace(path), path);
	how(&t, stdout);
}

static void convert_file(const char *path)
{
	FILE *in = fopen(path, "re");

	if (!in)
		die("%s: %s", path, strerror(errno));
	if (!is_raw(in))
		die("%s: no raw trace", path);
	convert(in, path, stdout);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (argc == 2 && !strcmp(command, "--help"))
		fputs(usage, stdout);
	else if (argc == 3 && !strcmp(command, "summary"))
		show(argv[2], summary);
	else if (argc == 3 && !strcmp(command, "svg"))
		show(argv[2], svg);
	else if (argc == 3 && !strcmp(command, "convert"))
		convert_file(argv[2]);
	else {
		fputs(usage, stderr);
		return 2;
	}
	if (fflush(stdout) || ferror(stdout))
		die("standard output: %s", strerror(errno));
	return 0;
}
