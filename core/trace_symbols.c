/* SPDX-License-Identifier: MIT
 *
 * trace_symbols.c -- names of functions that the loader does not know, which in C is most of them: static ones, and
 * those of a program that exports nothing. Where they start they are called by file and offset; here, when the trace
 * is made, those of the program itself are looked up in the table of symbols of its file, unless that was stripped,
 * or is another build by now.
 */
#include "elf_symbols.h"
#include "module.h"
#include "trace_link.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where name says "FILE+0xOFFSET" of this file: the number; NULL: it does not. */
static const char *find_offset(const char *name, const char *file)
{
	size_t n = strlen(file);

	n = n < TRACE_FILE_MAX ? n : TRACE_FILE_MAX;
	return n && !strncmp(name, file, n) && !strncmp(name + n, "+0x", 3) ? name + n + 3 : NULL;
}

/* The symbols of the program, if it is the one that was traced. */
static struct weft__elf *read_program(const struct trace *t)
{
	struct weft__token now;
	struct weft__elf *elf = NULL;
	int fd;

	if (weft__module_id(t->program, &now) || !weft__token_same_file(&now, &t->id))
		return NULL;
	fd = open(t->program, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0) {
		elf = weft__elf_read(fd);
		close(fd);
	}
	return elf;
}

void trace_symbols_find(struct trace *t)
{
	const char *slash = strrchr(t->program, '/'), *file = slash ? slash + 1 : t->program;
	struct weft__elf *elf = NULL;
	bool tried = false;

	for (int i = 1; i <= TRACE_NAMES; i++) {
		const char *offset = find_offset(t->name[i], file), *found;

		if (!offset)
			continue;
		if (!tried)
			elf = read_program(t);
		tried = true;
		found = elf ? weft__elf_at_loaded(elf, strtoull(offset, NULL, 16)) : NULL;
		if (found && *found)
			snprintf(t->name[i], TRACE_NAME_ROOM, "%s", found);
	}
	weft__elf_free(elf);
}
