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
	"       weft-trace convert FILE [PART]...\n"
	"                                 the trace of a raw one, which a program that was killed has left, "
	"and of\n"
	"                                 the raw parts of other ranks of its job (FILE.rankN.raw)\n"
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

struct raw {
	struct trace_head *head;
	size_t size;
};

/* Ours to write to, which does not change the file. */
static struct raw map(FILE *in, const char *path)
{
	struct stat s;
	void *at;

	if (fstat(fileno(in), &s))
		die("%s: %s", path, strerror(errno));
	at = mmap(NULL, (size_t)s.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(in), 0);
	if (at == MAP_FAILED)
		die("%s: %s", path, strerror(errno));
	return (struct raw){at, (size_t)s.st_size};
}

static void write_json(const struct raw *r, const char *path, FILE *out)
{
	int err = weft__trace_json(r->head, r->size, out);

	if (err)
		die("%s: %s", path, err == -EINVAL ? "no raw trace of this version" : weft_strerror(err));
}

static void convert(FILE *in, const char *path, FILE *out)
{
	struct raw r = map(in, path);

	write_json(&r, path, out);
	munmap(r.head, r.size);
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

static struct raw map_raw(const char *path)
{
	FILE *in = fopen(path, "re");
	struct raw r;

	if (!in)
		die("%s: %s", path, strerror(errno));
	if (!is_raw(in))
		die("%s: no raw trace", path);
	r = map(in, path);
	fclose(in);
	if (r.size < sizeof *r.head)
		die("%s: no raw trace of this version", path);
	return r;
}

static uint32_t chunks_of(const struct raw *r)
{
	uint64_t room = (r->size - sizeof *r->head) / sizeof(struct trace_chunk);
	uint32_t next = atom_load(&r->head->next, relaxed); /* relaxed: what comes too late is not read */

	return (uint32_t)(next < room ? next : room);
}

/* Makes room behind a trace, and puts the part of a rank there. */
static void append(struct raw *all, const char *path)
{
	struct raw part = map_raw(path), wider;
	uint32_t n = chunks_of(all), more = chunks_of(&part);

	if (!part.head->rank || all->head->rank)
		die("%s: not a part of that trace", path);
	wider.size = sizeof *all->head + ((size_t)n + more) * sizeof(struct trace_chunk);
	wider.head = aligned_alloc(4096, wider.size);
	if (!wider.head)
		die("out of memory");
	memcpy(wider.head, all->head, sizeof *all->head + n * sizeof(struct trace_chunk));
	memset(&wider.head->chunk[n], 0, more * sizeof(struct trace_chunk));
	wider.head->n_chunks = n + more;
	atom_store(&wider.head->next, n, relaxed); /* relaxed: there is one thread */
	weft__trace_adopt(wider.head, n + more, part.head, part.head->chunk, more);
	munmap(part.head, part.size);
	*all = wider;
}

static void convert_files(char **path)
{
	struct raw all = map_raw(*path);

	for (char **part = path + 1; *part; part++)
		append(&all, *part);
	write_json(&all, *path, stdout);
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
	else if (argc >= 3 && !strcmp(command, "convert"))
		convert_files(argv + 2);
	else {
		fputs(usage, stderr);
		return 2;
	}
	if (fflush(stdout) || ferror(stdout))
		die("standard output: %s", strerror(errno));
	return 0;
}
